"""Who may call what: found out by asking, so that a new operation needs no entry here."""

import subprocess

from described import JSON, encoded, example
from running_platform import BINARY, call, environment
from wire import send

PASSWORD = "three green teapots"


def operator(platform):
    """The administrator's access token, after the one-time password was changed."""
    login = f"{platform.api}/core/v1/auth/login"
    first = {"email": "admin@localhost", "password": platform.one_time_password()}
    token = call("POST", login, first).json()["access_token"]
    change = {"current_password": first["password"], "new_password": PASSWORD}
    answer = call("POST", f"{platform.api}/core/v1/me/password", change, token=token)
    assert answer.status == 200, answer.body
    return answer.json()["access_token"]


def service_token(platform, name="orders"):
    known = environment(platform.data, **platform.settings)
    made = subprocess.run(
        [BINARY, "token", "create", "--service", name, "--public"],
        env=known, cwd=platform.folder.name, capture_output=True, text=True, timeout=60,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def fitting(base, operation, tokens):
    """The first of the tokens that the operation is open to; None if it is to none."""
    body = encoded(example(operation, operation.body)) if operation.body else None
    for token in tokens:
        answer = send(base, operation.method, operation.target(), [JSON] if body else [], body, token)
        if answer.status not in (401, 403):
            return token
    return None
