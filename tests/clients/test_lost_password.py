"""`saas user reset-password`: the way back for somebody whose password is lost."""

import signal
import subprocess

import pytest
from postgres import new_database
from running_platform import BINARY, Platform, call, environment

ADMIN = "admin@localhost"


def reset(platform, email=ADMIN):
    known = environment(platform.data, **platform.settings)
    return subprocess.run(
        [BINARY, "user", "reset-password", email],
        env=known, cwd=platform.folder.name, capture_output=True, text=True, timeout=60,
    )


def password(run):
    """Nothing else is on standard output."""
    assert run.returncode == 0, run
    return run.stdout.removesuffix("\n")


def login(platform, given, email=ADMIN):
    return call("POST", f"{platform.api}/core/v1/auth/login", {"email": email, "password": given})


def is_one_time(platform, given):
    answer = login(platform, given)
    assert answer.status == 200, answer.body
    assert answer.json()["user"]["must_change_password"]
    return answer.json()["access_token"]


def stop(platform):
    platform.process.send_signal(signal.SIGTERM)
    assert platform.process.wait(40) == 0


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_lost_password_while_the_platform_runs_and_while_it_does_not(kind):
    settings = {"sqlite": dict, "postgres": lambda: {"DATABASE_URL": new_database()}}[kind]()
    with Platform(**settings) as platform:
        lost = platform.one_time_password()
        owner = platform.sign_up("forgetful")
        me = lambda: call("GET", f"{platform.api}/core/v1/me", token=owner["access_token"])
        assert me().status == 200
        given = password(reset(platform, "Owner@Forgetful.example"))
        # Their session is over at the gateway, and their old password opens nothing.
        platform.wait_for("the end of the session", lambda: me().status == 401)
        assert me().json()["code"] == "session_ended"
        assert login(platform, "a kettle and forgetful leaves", "owner@forgetful.example").status == 401
        assert login(platform, given, "owner@forgetful.example").json()["user"]["must_change_password"]

        first = password(reset(platform))
        assert first != lost and login(platform, lost).status == 401
        is_one_time(platform, first)
        nobody = reset(platform, "nobody@example.com")
        words = "saas: the password was not reset: there is nobody with the address nobody@example.com\n"
        assert (nobody.returncode, nobody.stdout, nobody.stderr) == (1, "", words)

        stop(platform)
        second = password(reset(platform))
        nobody = reset(platform, "nobody@example.com")
        assert (nobody.returncode, nobody.stdout, nobody.stderr) == (1, "", words)
        platform.start()
        assert login(platform, first).status == 401
        token = is_one_time(platform, second)
        change = {"current_password": second, "new_password": "three green teapots"}
        own = call("POST", f"{platform.api}/core/v1/me/password", change, token=token).json()["access_token"]
        log = call("GET", f"{platform.api}/core/v1/audit-events?action=user.password_reset", token=own).json()["items"]
        told = [(item["actor_id"], item["detail"]) for item in log]
        assert told == [(None, {"by": "saas user reset-password"})] * 3


def test_a_platform_that_was_killed_is_not_asked():
    with Platform() as platform:
        platform.one_time_password()
        # It leaves a run.json behind that names nobody.
        platform.kill()
        given = password(reset(platform))
        platform.start()
        is_one_time(platform, given)


@pytest.mark.parametrize("email, settings, says", [
    (ADMIN, {}, "no platform has been started in DATA_DIR ({folder}/data)"),
    (ADMIN, {"SECRET_KEY": "a secret of thirty-two bytes and more"}, "data/saas.db"),
    ("no address", {}, "no address"),
])
def test_what_is_mistaken_changes_nothing(tmp_path, email, settings, says):
    known = environment(tmp_path / "data", **settings)
    command = [BINARY, "user", "reset-password", email]
    run = subprocess.run(command, env=known, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and run.stdout == "" and says.format(folder=tmp_path) in run.stderr, run
    assert not (tmp_path / "data").exists()
