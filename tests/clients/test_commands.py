"""Commands beside a running platform, and several at once."""

import json
import os
import re
import secrets
import subprocess

import pytest
from running_platform import BINARY, Platform, call, environment
from upstream import Upstream, reachable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def databases():
    """SQLite in the data directory, and a fresh database on the session's PostgreSQL."""
    server = os.environ["SAAS_TEST_POSTGRES_URL"]
    name = f"commands_{secrets.token_hex(4)}"
    subprocess.run(["psql", "-X", "-q", server, "-c", f"CREATE DATABASE {name}"], check=True)
    return {"sqlite": {}, "postgres": {"DATABASE_URL": re.sub(r"/[^/]*$", f"/{name}", server)}}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_four_migrations_at_once_take_turns(tmp_path, kind):
    known = environment(tmp_path / "data", **databases()[kind])
    started = [
        subprocess.Popen([BINARY, "migrate", "up"], env=known, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(4)
    ]
    said = [(process.communicate(timeout=60)[0], process.returncode) for process in started]
    assert [status for _, status in said] == [0] * 4, said
    assert sum("applied" in output for output, _ in said) == 1, said
    for steps in (["down", "--steps", "1"], ["up"], ["status", "--json"]):
        last = subprocess.run([BINARY, "migrate", *steps], env=known, capture_output=True, text=True, timeout=60)
        assert last.returncode == 0, last
    assert all(item["is_applied"] for item in json.loads(last.stdout)["items"])


def test_an_instance_is_drained_and_taken_back_by_command(platform):
    owner = platform.sign_up("drained")["access_token"]

    def command(name, instance, *more):
        known = [BINARY, name, "--service", "drained", "--instance", instance, *more]
        return subprocess.run(known, env=environment(platform.data), capture_output=True, text=True, timeout=60)

    drain = lambda instance, *more: command("drain", instance, "--wait", "10", *more)
    get = lambda: call("GET", f"{platform.api}/drained/", token=owner).status
    with Upstream(lambda connection, *_: connection.sendall(OK)) as upstream:
        one = upstream.register(platform, "drained")
        assert reachable(platform, "/api/drained/", owner).status == 200
        drained = drain(one, "--json")
        assert drained.returncode == 0, drained
        assert json.loads(drained.stdout) == {"drained": True, "waiting_for": [], "unknown": []}
        assert drain(one).stdout == "drained\n"
        assert get() == 503
        for _ in range(2):
            back = command("undrain", one)
            assert (back.returncode, back.stdout) == (0, "back in service\n"), back
        # The gateway hears of it at once, and sends again.
        assert reachable(platform, "/api/drained/", owner).status == 200
    for name, begins in (("drain", "saas: the instance was not drained: "), ("undrain", "saas: the instance was not taken back: ")):
        missing = command(name, "two")
        words = "the service `drained` has no instance `two`; its lease may have ended: register again\n"
        assert (missing.returncode, missing.stdout, missing.stderr) == (1, "", begins + words), missing


def test_a_token_is_not_made_with_a_secret_that_no_platform_has(tmp_path):
    command = [BINARY, "token", "create", "--service", "orders"]
    run = subprocess.run(command, env=environment(tmp_path / "data"), capture_output=True, text=True, timeout=30)
    assert run.returncode == 2 and "SECRET_KEY" in run.stderr and run.stdout == ""
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", [["openapi", "core"], ["config", "show"]])
def test_a_reader_that_has_read_enough_is_no_failure(tmp_path, command):
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(
        [BINARY, *command], env=environment(tmp_path), stdout=writing, stderr=subprocess.PIPE, text=True, timeout=30
    )
    os.close(writing)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_first_start_warns_of_nothing():
    with Platform() as fresh:
        fresh.one_time_password()
        assert "not ready" not in fresh.text() and " 503" not in fresh.text()
        warnings = [line for line in fresh.lines if "WARN" in line or '"warn"' in line]
        assert warnings == []
