"""Commands beside a running platform, and several at once."""

import json
import os
import re
import secrets
import subprocess

import pytest
from running_platform import BINARY, Platform, call, environment


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


def test_an_instance_is_drained_by_command(platform):
    url = f"{platform.registry}/v1/services/drained/instances"
    made = call("POST", url, {"id": "one", "address": "127.0.0.1", "port": 9})
    assert made.status == 201, made.body

    def drain(instance, *more):
        command = [BINARY, "drain", "--service", "drained", "--instance", instance, "--wait", "10", *more]
        return subprocess.run(command, env=environment(platform.data), capture_output=True, text=True, timeout=60)

    drained = drain("one", "--json")
    assert drained.returncode == 0, drained
    assert json.loads(drained.stdout) == {"drained": True, "waiting_for": [], "unknown": []}
    assert drain("one").stdout == "drained\n"
    missing = drain("two")
    assert missing.returncode == 1 and "two" in missing.stderr, missing


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
