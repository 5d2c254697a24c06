"""Starting, stopping and being killed, as an operator meets it."""

import pathlib
import socket
import subprocess

import pytest
from running_platform import BINARY, Platform, call, environment

STRONG = "mV9x2Qk7sT4wZ8bN1cR6yH3uJ5pL0dFgA"


def start(folder, form="up", **settings):
    return subprocess.run(
        [BINARY, form],
        cwd=folder,
        env=environment(folder / "data", **settings),
        capture_output=True,
        text=True,
        timeout=30,
    )


def said(run):
    """The sentence for people; nothing may have panicked."""
    assert run.returncode == 2, (run.returncode, run.stdout, run.stderr)
    assert "panicked" not in run.stdout + run.stderr
    lines = [line for line in run.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, run.stderr
    return lines[0]


@pytest.mark.parametrize("name", ["GATEWAY_PORT", "REGISTRY_PORT", "CORE_PORT"])
def test_a_taken_port_is_named(tmp_path, name):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        sentence = said(start(tmp_path, **{name: port}))
        assert port in sentence and name in sentence
    # Nothing was begun: the same directory serves a start with free ports.
    assert not (tmp_path / "data" / "run.json").exists()


@pytest.mark.parametrize("form", ["registry", "core", "gateway"])
def test_a_port_taken_from_a_separate_service_is_named(tmp_path, form):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        settings = {f"{form.upper()}_PORT": port, "SECRET_KEY": STRONG, "REGISTRY_URL": "http://127.0.0.1:9"}
        assert port in said(start(tmp_path, form, **settings))


def test_a_data_directory_that_is_a_file_is_named(tmp_path):
    (tmp_path / "data").write_text("")
    assert "DATA_DIR" in said(start(tmp_path))


@pytest.mark.parametrize("place", ["/proc/saas", "/sys/saas", "{folder}/file/below", "{folder}/dangling/x", "/dev/null", "{folder}/" + "x" * 300])
def test_a_data_directory_that_cannot_be_written_to_is_named(tmp_path, place):
    """Places that not even the superuser can write to."""
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "deep")
    assert "DATA_DIR" in said(start(tmp_path, DATA_DIR=place.format(folder=tmp_path)))


@pytest.mark.parametrize("name", ["lock", "saas.db", "run.json.tmp"])
def test_a_directory_in_the_place_of_a_file_is_named(tmp_path, name):
    (tmp_path / "data" / name).mkdir(parents=True)
    assert str(tmp_path / "data") in said(start(tmp_path))


@pytest.mark.parametrize("content", [b"this is no database " * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_database_file_that_is_none_is_named(tmp_path, content):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "saas.db").write_bytes(content)
    told = said(start(tmp_path))
    assert "database" in told, told
    assert (tmp_path / "data" / "saas.db").read_bytes() == content


HALF_WRITTEN = [b"log_level = ", b"no_such_setting = 1\n", b"[gateway\n", b'log_level = "INFO\n', b"\xff\xfe", b"\x00" * 64, b'log_level = "loud"\n',
                b"database_max_connections = -1\n", b'database_max_connections = "x"\n', b"host = 70000\n", b"log_level = 1\nlog_level = 2\n", b"= 1\n", b"log_level = [1]\n",
                b"[" * 10_000]


@pytest.mark.parametrize("text", HALF_WRITTEN, ids=range(len(HALF_WRITTEN)))
def test_a_wrong_settings_file_is_named(tmp_path, text):
    (tmp_path / "saas.toml").write_bytes(text)
    assert "saas.toml" in said(start(tmp_path))


def test_a_settings_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "saas.toml").mkdir()
    assert "saas.toml" in said(start(tmp_path))
    assert "nowhere.toml" in said(start(tmp_path, SAAS_CONFIG="nowhere.toml"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_PORT", "x"), ("GATEWAY_PORT", "70000"), ("CORE_PORT", "-1"), ("HOST", "nowhere"), ("HOST", "192.0.2.1"),
        ("LOG_LEVEL", "loud"), ("ENVIRONMENT", "prod"), ("DATABASE_URL", "mysql://x"), ("DATABASE_URL", "postgresql://"), ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "sqlite:///nowhere/at/all.db"), ("DATABASE_MAX_CONNECTIONS", "0"),
        ("REDIS_URL", "nonsense"), ("PUBLIC_URL", "nonsense"), ("PUBLIC_URL", "ftp://x"), ("CONSOLE_URL", "http://"), ("CORS_ORIGINS", "x"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"), ("UPSTREAM_NETWORKS", "x"), ("RATE_LIMIT_PER_TENANT", "-1"), ("MAX_UPLOAD_MIB", "1e3"), ("GATEWAY_THREADS", "0"), ("GATEWAY_THREADS", "100000"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"), ("REFRESH_TOKEN_EXPIRE_DAYS", "-7"), ("SIGNUP", "maybe"), ("ADMIN_EMAIL", "nobody"), ("SECRET_KEY_FILE", "/nowhere/at/all"),
        ("SHUTDOWN_GRACE_SECONDS", "soon"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, name, value):
    told = said(start(tmp_path, **{name: value}))
    assert name.removesuffix("_FILE") in told, told


PRODUCTION = {"SECRET_KEY": STRONG, "METRICS_TOKEN": STRONG[::-1], "PUBLIC_URL": "https://api.example.com", "CONSOLE_URL": "https://admin.example.com"}


@pytest.mark.parametrize("form", ["registry", "core"])
def test_separate_services_do_not_share_a_file_in_production(tmp_path, form):
    told = said(start(tmp_path, form, ENVIRONMENT="production", REGISTRY_URL="http://127.0.0.1:9", **PRODUCTION))
    assert "DATABASE_URL" in told and "postgresql://" in told


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "change-me-change-me-change-me-change-me"}, "SECRET_KEY"),
        ({"SECRET_KEY": "a" * 64}, "SECRET_KEY"),
        ({"SECRET_KEY": "0123456789abcdef0123456789abcdef"}, "SECRET_KEY"),
        ({"SECRET_KEY": STRONG, "SECRET_KEY_PREVIOUS": "short", "METRICS_TOKEN": STRONG[::-1]}, "SECRET_KEY_PREVIOUS"),
        ({"SECRET_KEY": STRONG}, "METRICS_TOKEN"),
        ({"SECRET_KEY": STRONG, "METRICS_TOKEN": "short"}, "METRICS_TOKEN"),
        ({"SECRET_KEY": STRONG, "METRICS_TOKEN": STRONG[::-1], "CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
        ({"SECRET_KEY": STRONG, "METRICS_TOKEN": STRONG[::-1], "PUBLIC_URL": "http://api.example.com"}, "PUBLIC_URL"),
        ({"SECRET_KEY": STRONG, "METRICS_TOKEN": STRONG[::-1], "CONSOLE_URL": "http://admin.example.com"}, "CONSOLE_URL"),
    ],
)
def test_production_refuses_what_is_unsafe(tmp_path, settings, named):
    run = start(tmp_path, **{"ENVIRONMENT": "production", "PUBLIC_URL": "https://api.example.com"} | settings)
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


def test_links_in_the_data_directory_lead_nowhere(tmp_path):
    """Planted by whoever may write there; what they lead to is somebody else's."""
    victim = tmp_path / "victim"
    victim.write_text("not yours")
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "lock").symlink_to(victim)
    assert "DATA_DIR" in said(start(tmp_path))
    (data / "lock").unlink()
    for name in ("run.json.tmp", "routing.tmp", "trust.tmp"):
        (data / name).symlink_to(victim)
    with Platform(DATA_DIR=str(data)) as running:
        # The gateway keeps both copies before it says that it is ready.
        assert call("GET", f"{running.gateway}/health/ready").status == 200
        running.wait_for("the copies", lambda: len(list(data.glob("*.last-good"))) == 2)
    assert victim.read_text() == "not yours"
