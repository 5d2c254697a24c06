"""`saas migrate` by the real program, on both databases: killed half way, and rehearsed."""

import contextlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
import time

import pytest
import test_backup
from monitored import wait_for
from running_platform import BINARY, environment
from test_backup import new_database, tenants


class Home(test_backup.Home):
    def __init__(self, folder, database=None):
        super().__init__(folder, database)
        # The same from start to start: a gateway that has kept what it knew takes no token of another issuer.
        self.settings["PUBLIC_URL"] = "http://127.0.0.1:8000"


@pytest.fixture(params=["sqlite", "postgres"])
def home(request, tmp_path):
    return Home(tmp_path, new_database() if request.param == "postgres" else None)


@pytest.fixture
def on_sqlite(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def on_postgres(tmp_path):
    return Home(tmp_path, new_database())


def history(home):
    """Which migrations are applied, oldest first."""
    return {item["name"]: item["is_applied"] for item in json.loads(home.done("migrate", "status", "--json"))["items"]}


def take_back(home, to="m0003_demand"):
    """That migration and all after it; their names."""
    names = list(history(home))
    later = names[names.index(to) :]
    home.done("migrate", "down", "--steps", str(len(later)))
    return later


def pending(home):
    return [name for name, is_applied in history(home).items() if not is_applied]


def start(home, *words, **options):
    known = environment(home.data, **home.settings)
    return subprocess.Popen([BINARY, *words], env=known, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def sql(home, statement):
    done = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", home.settings["DATABASE_URL"], "-c", statement],
        capture_output=True, text=True, timeout=60, check=True,
    )
    return done.stdout.strip()


@contextlib.contextmanager
def holding(home, lock):
    """Somebody who has a table locked for as long as this lasts."""
    with subprocess.Popen(
        ["psql", "-X", "-q", "-A", "-t", home.settings["DATABASE_URL"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as session:
        session.stdin.write(f"BEGIN; LOCK TABLE {lock}; SELECT 'held';\n")
        session.stdin.flush()
        assert session.stdout.readline().strip() == "held"
        yield
        session.stdin.close()
        session.wait(10)


def has_lived(home):
    with home.runs() as running:
        running.sign_up("early")


def goes_on(home):
    """The platform starts on it, with what was there."""
    assert pending(home) == []
    with home.runs() as running:
        assert "early" in tenants(running)


def test_one_that_is_killed_between_two_migrations_leaves_what_was_there_and_goes_on(on_postgres):
    home = on_postgres
    has_lived(home)
    later = take_back(home)
    waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    # The fifth, whose table refers to tenants, has to wait; the third and fourth are done by then.
    with holding(home, "tenants IN ROW EXCLUSIVE MODE"):
        process = start(home, "migrate", "up")
        pid = wait_for("the migration to wait", lambda: sql(home, waiting))
        done = f"SELECT count(*) FROM pg_locks WHERE pid = {pid} AND relation = 'gateways'::regclass AND mode = 'AccessExclusiveLock' AND granted"
        assert sql(home, done) == "1"
        process.kill()
        process.wait(10)
    wait_for("its session to end", lambda: sql(home, f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}") == "0")
    assert pending(home) == later
    columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'gateways' AND column_name = 'demand'"
    assert sql(home, columns) == "0"
    told = home.done("migrate", "up")
    assert [line.split()[-1] for line in told.splitlines()] == later
    goes_on(home)


@pytest.mark.parametrize("from_the_beginning", [True, False], ids=["new", "older"])
def test_one_that_is_killed_while_it_writes_leaves_what_was_there_and_goes_on(on_sqlite, from_the_beginning):
    """The system kills who writes beyond a limit: at the first byte too many of a file, and each time later."""
    home, killed = on_sqlite, 0
    if from_the_beginning:
        home.data.mkdir()
        later = None
    else:
        has_lived(home)
        later = take_back(home)
    for limit in range(512, 4 << 20, 24 << 10):
        process = start(home, "migrate", "up", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGXFSZ, process
        killed += 1
        if later is None and not (home.data / "saas.db").exists():
            continue
        still = pending(home)
        assert still in ([], later or list(history(home))), "half of it"
        # All of it was done, and what came after that was too much.
        if not still:
            break
    assert killed > 2 and pending(home) == []
    with contextlib.closing(sqlite3.connect(home.data / "saas.db")) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    if from_the_beginning:
        has_lived(home)
    goes_on(home)


def test_killed_at_any_moment_it_has_done_all_or_nothing(home):
    has_lived(home)
    later = take_back(home)
    began = time.monotonic()
    home.done("migrate", "up")
    lasts = time.monotonic() - began
    for part in range(12):
        take_back(home)
        process = start(home, "migrate", "up")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(lasts * part / 12)
        process.kill()
        process.communicate(timeout=10)
        assert pending(home) in ([], later)
        home.done("migrate", "up")
        assert pending(home) == []
    goes_on(home)


def copies(home):
    """What a rehearsal left behind."""
    if "DATABASE_URL" in home.settings:
        return sql(home, "SELECT datname FROM pg_database WHERE datname LIKE current_database() || '\\_rehearse\\_%'").split()
    return [path.name for path in home.backups.iterdir()] if home.backups.exists() else []


def test_a_rehearsal_tells_what_the_migrations_will_do_and_changes_nothing(home):
    with home.runs() as running:
        running.sign_up("early")
        assert home.done("migrate", "rehearse") == "nothing to do\n"
        assert json.loads(home.done("migrate", "rehearse", "--json"))["items"] == []
    later = take_back(home)
    # Whoever reads at the moment is not disturbed, and does not disturb.
    is_postgres = "DATABASE_URL" in home.settings
    with holding(home, "gateways IN ACCESS SHARE MODE") if is_postgres else contextlib.nullcontext():
        told = home.done("migrate", "rehearse")
        rehearsed = json.loads(home.done("migrate", "rehearse", "--json"))
    lines = [line.strip() for line in told.splitlines()]
    assert lines[0].startswith("copied in ") and "the copy is gone" in lines[-1]
    assert [line.split()[-1] for line in lines if " s  m0" in line] == later
    assert [item["name"] for item in rehearsed["items"]] == later
    assert all(item["seconds"] >= 0 for item in rehearsed["items"])
    locks = {
        (item["name"], lock["table"]): (lock["mode"], lock["blocks_reads"], lock["blocks_writes"])
        for item in rehearsed["items"] for lock in item["locks"]
    }
    if is_postgres:
        assert "gateways: AccessExclusiveLock, who reads or writes waits" in lines
        assert "tenants: ShareRowExclusiveLock, who writes waits" in lines
        assert locks["m0003_demand", "gateways"] == ("AccessExclusiveLock", True, True)
        # It has the lock already.
        assert ("m0004_gateway_address", "gateways") not in locks
        assert locks["m0005_invitations", "tenants"] == ("ShareRowExclusiveLock", False, True)
        # Nobody uses yet what was made just now.
        assert "invitations" not in {table for _, table in locks}
    else:
        assert locks == {}
    assert pending(home) == later and copies(home) == []
    home.done("migrate", "up")
    goes_on(home)


def test_a_migration_that_would_fail_fails_in_the_rehearsal(home):
    has_lived(home)
    later = take_back(home)
    in_the_way = "CREATE TABLE invitations (mine text)"
    if "DATABASE_URL" in home.settings:
        sql(home, in_the_way)
    else:
        with contextlib.closing(sqlite3.connect(home.data / "saas.db")) as file:
            file.execute(in_the_way)
    assert "invitations" in home.refused("migrate", "rehearse")
    assert pending(home) == later and copies(home) == []
    assert "invitations" in home.refused("migrate", "up")
    assert pending(home) == later


def test_a_rehearsal_that_is_stopped_leaves_nothing(home):
    has_lived(home)
    later = take_back(home)
    if "DATABASE_URL" in home.settings:
        # The copy is there, and what fills it waits.
        with holding(home, "tenants IN ACCESS EXCLUSIVE MODE"):
            process = start(home, "migrate", "rehearse", start_new_session=True)
            wait_for("the copy", lambda: copies(home))
            # As a terminal does: to everybody in the foreground.
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)
            assert process.returncode != 0
    else:
        for part in range(8):
            process = start(home, "migrate", "rehearse", start_new_session=True)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(part * 0.02)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)
    assert copies(home) == []
    assert pending(home) == later
