"""Starting, stopping and being killed, as an operator meets it."""

import pathlib
import socket
import subprocess

import pytest
from running_platform import BINARY, Platform, call, environment

STRONG = "mV9x2Qk7sT4wZ8bN1cR6yH3uJ5pL0dFgA"


def start(folder, **settings):
    return subprocess.run(
        [BINARY, "up"],
        cwd=folder,
        env=environment(folder / "data", **settings),
        capture_output=True,
        text=True,
        timeout=60,
    )


def said(run):
    """The sentence for people; nothing may have panicked."""
    assert run.returncode == 2, (run.returncode, run.stdout, run.stderr)
    assert "panicked" not in run.stdout + run.stderr
    lines = [line for line in run.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, run.stderr
    return lines[0]


def test_a_taken_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert port in said(start(tmp_path, GATEWAY_PORT=port))


def test_a_data_directory_that_is_a_file_is_named(tmp_path):
    (tmp_path / "data").write_text("")
    assert "DATA_DIR" in said(start(tmp_path))


@pytest.mark.parametrize("text", ["log_level = ", "no_such_setting = 1\n", "[gateway\n"])
def test_a_wrong_settings_file_is_named(tmp_path, text):
    (tmp_path / "saas.toml").write_text(text)
    assert "saas.toml" in said(start(tmp_path))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "change-me-change-me-change-me-change-me"}, "SECRET_KEY"),
        ({"SECRET_KEY": STRONG, "METRICS_TOKEN": STRONG[::-1], "CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
    ],
)
def test_production_refuses_what_is_unsafe(tmp_path, settings, named):
    run = start(tmp_path, ENVIRONMENT="production", PUBLIC_URL="https://api.example.com", **settings)
    assert named in said(run)
    assert STRONG not in run.stdout + run.stderr


def test_a_second_process_on_the_same_data_is_refused(platform):
    folder = pathlib.Path(platform.data).parent
    assert "in use" in said(start(folder))


def test_what_was_acknowledged_survives_a_kill():
    with Platform(SECRET_KEY=STRONG, PUBLIC_URL="http://127.0.0.1:8000") as platform:
        before = platform.sign_up("survivor")
        platform.kill()
        platform.start()
        person = {"email": "owner@survivor.example", "password": "a kettle and survivor leaves"}
        after = call("POST", f"{platform.api}/core/v1/auth/login", person)
        assert after.status == 200, after.body
        assert after.json()["tenant"]["id"] == before["tenant"]["id"]


def test_commands_tell_without_secrets(platform):
    def run(*arguments, **settings):
        known = environment(platform.data, SECRET_KEY=STRONG, **settings)
        return subprocess.run([BINARY, *arguments], env=known, capture_output=True, text=True, timeout=60)

    assert "Usage" in run("--help").stdout
    shown = run("config", "show")
    assert shown.returncode == 0 and "GATEWAY_PORT" in shown.stdout and STRONG not in shown.stdout
    status = run("migrate", "status")
    assert status.returncode == 0 and "applied" in status.stdout
    assert run("healthcheck").returncode == 0
    assert run("token", "create", "--service", "core").returncode == 2
    assert run("token", "create", "--service", "orders").stdout.count(".") == 2
