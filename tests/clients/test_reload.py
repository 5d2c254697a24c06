"""SIGHUP: settings that change while the platform runs, and those that do not."""

import os
import signal

import pytest
from running_platform import Platform, call


class Operator:
    """Writes saas.toml and has the platform read it again."""

    def __init__(self, folder):
        self.file = folder / "saas.toml"
        self.file.write_text("")
        # From the environment it could not change.
        self.platform = Platform(SAAS_CONFIG=str(self.file), RATE_LIMIT_PER_ADDRESS="", LOG_FORMAT="json")

    def says(self, text):
        before = len(self.platform.lines)
        self.file.write_text(text)
        self.platform.process.send_signal(signal.SIGHUP)
        done = ("has changed", "were read again", "cannot be used")
        told = lambda: [line for line in self.platform.lines[before:] if any(word in line for word in done)]
        return self.platform.wait_for("a word about the settings", told)


@pytest.fixture
def operator(tmp_path):
    operator = Operator(tmp_path)
    with operator.platform:
        yield operator


def policy(platform):
    return call("POST", f"{platform.api}/core/v1/auth/login", {}).headers.get("RateLimit-Policy")


def test_limits_origins_and_the_log_change_without_a_restart(operator):
    platform = operator.platform
    origin = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    preflight = lambda: call("OPTIONS", f"{platform.api}/core/v1/me", headers=origin)
    assert preflight().headers.get("Access-Control-Allow-Origin") is None
    pid = platform.process.pid
    operator.says(
        'rate_limit_per_address = 77\ncors_origins = ["https://shop.example"]\nlog_level = "debug"\nmax_upload_mib = 1\n'
    )
    platform.wait_for("the limit", lambda: "q=154" in (policy(platform) or ""))
    assert preflight().headers["Access-Control-Allow-Origin"] == "https://shop.example"
    body = b"x" * (2 << 20)
    assert call("POST", f"{platform.api}/core/v1/auth/login", body).status == 413
    platform.wait_for("a line of debugging", lambda: any('"debug"' in line.lower() for line in platform.lines))
    operator.says("rate_limit_per_address = 50")
    platform.wait_for("another limit", lambda: "q=100" in (policy(platform) or ""))
    assert preflight().headers.get("Access-Control-Allow-Origin") is None
    assert platform.process.pid == pid and platform.process.poll() is None


def test_a_file_that_never_ends_holds_nothing_up(operator):
    """A pipe that nobody writes to, in place of the settings."""
    operator.file.unlink()
    os.mkfifo(operator.file)
    before = len(operator.platform.lines)
    operator.platform.process.send_signal(signal.SIGHUP)
    told = lambda: [line for line in operator.platform.lines[before:] if "was not read within" in line]
    operator.platform.wait_for("a word about the file", told)
    assert policy(operator.platform)
    operator.platform.process.send_signal(signal.SIGHUP)
    operator.platform.process.send_signal(signal.SIGTERM)
    assert operator.platform.process.wait(30) == 0


def test_what_cannot_change_is_said_and_what_is_wrong_changes_nothing(operator):
    platform = operator.platform
    assert any("none has changed" in line for line in operator.says(""))
    told = operator.says("access_token_expire_minutes = 5\n")
    assert any("ACCESS_TOKEN_EXPIRE_MINUTES" in line and "next start" in line for line in told)
    for wrong in ("rate_limit_per_address = -1", "no_such_setting = 1", "rate_limit_per_address = ", 'cors_origins = "x"'):
        told = operator.says(f"rate_limit_per_address = 33\n{wrong}\n" if "rate" not in wrong else wrong)
        assert any("cannot be used" in line for line in told), (wrong, told)
        assert "q=400" in policy(platform), wrong
    assert call("GET", f"{platform.gateway}/health/ready").status == 200
