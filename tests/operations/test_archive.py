"""PostgreSQL's continuous archive, with the settings of docker-compose.archive.yml and the script beside it, on real
clusters: the database of a moment comes back, and what the platform acknowledged before it is there."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

import pytest
import yaml
from monitored import free_port, wait_for
from running_platform import ROOT, call
from test_backup import Home, tenants

SETTINGS = yaml.safe_load((ROOT / "docker-compose.archive.yml").read_text())["services"]["postgres"]["command"][1:]
SCRIPT = ROOT / "docker/postgres/archive.sh"
# A disk on which no file may have more than four KiB, for as long as there is a file `full`.
ON_A_DISK = """#!/bin/sh
if [ -e "$ARCHIVE/../full" ]; then
    trap '' XFSZ
    ulimit -f 8
fi
exec "$(dirname "$0")/archive.sh" "$@"
"""


class Machine:
    """Where PostgreSQL's servers run, one after the other, with one archive."""

    def __init__(self, stack):
        self.stack = stack
        self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="saas-archive-")))
        # PostgreSQL refuses to run as root.
        self.account = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        self.programs = found[-1].parent if found else pathlib.Path("/usr/bin")
        self.archive, scripts = self.folder / "archive", self.folder / "bin"
        self.wal, self.bases = self.archive / "wal", self.archive / "base"
        scripts.mkdir()
        self.archive.mkdir()
        shutil.copy(SCRIPT, scripts / "archive.sh")
        (scripts / "archive").write_text(ON_A_DISK)
        (scripts / "archive").chmod(0o755)
        if self.account:
            subprocess.run(["chown", "-R", "postgres:", self.folder], check=True)
        self.port = free_port()
        self.environment = {
            "PATH": f"{scripts}:{self.programs}:{os.environ['PATH']}",
            "ARCHIVE": str(self.archive),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "LC_ALL": "C.UTF-8",
        }

    def run(self, *command, **environment):
        """As the account of the server, which the container's commands have, too."""
        return subprocess.run(
            [*self.account, *map(str, command)], env=self.environment | environment, cwd=self.folder, capture_output=True, text=True, timeout=120
        )

    def done(self, *command, **environment):
        done = self.run(*command, **environment)
        assert done.returncode == 0, done
        return done.stdout.strip()

    def refused(self, *command, **environment):
        done = self.run(*command, **environment)
        assert done.returncode == 1, done
        return done.stderr

    def server(self, data, *further):
        return self.stack.enter_context(Server(self, data, further))

    def new_server(self, *further):
        data = self.folder / "first"
        self.done("initdb", "-D", data, "-A", "trust", "--no-sync")
        return self.server(data, *further)

    def restored(self, name, moment, *further):
        data = self.folder / name
        told = self.done("archive", "restore", moment, PGDATA=str(data))
        assert "will recover to" in told
        server = self.server(data, *further)
        wait_for("the end of recovery", lambda: server.sql("SELECT pg_is_in_recovery()") == "f")
        return server

    def segments(self):
        return sorted(path.name for path in self.wal.glob("*.gz"))


class Server:
    """A server on a data directory; on the way out, gone as after a crash."""

    def __init__(self, machine, data, further):
        self.machine, self.data = machine, data
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", f"port={machine.port}", "-c", "shared_buffers=32MB"]
        self.command = [*machine.account, machine.programs / "postgres", "-D", data, *SETTINGS, *settings, *further]
        self.url = f"postgresql://postgres@127.0.0.1:{machine.port}/saas"

    def __enter__(self):
        self.log = open(self.machine.folder / f"{self.data.name}.log", "a+")
        self.process = subprocess.Popen(self.command, env=self.machine.environment, stdout=self.log, stderr=self.log, cwd=self.machine.folder)
        wait_for("PostgreSQL", lambda: self.runs() and self.machine.run("pg_isready", "-q").returncode == 0)
        return self

    def __exit__(self, *_):
        self.end()
        self.log.close()

    def end(self):
        if self.process.poll() is None:
            self.machine.run("pg_ctl", "stop", "-D", self.data, "-m", "immediate")
            self.process.wait(30)

    def runs(self):
        assert self.process.poll() is None, self.text()
        return True

    def text(self):
        return pathlib.Path(self.log.name).read_text()[-4000:]

    def sql(self, statement, database="saas"):
        done = self.machine.run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def make_database(self):
        self.sql("CREATE DATABASE saas", "postgres")
        return self

    def archived(self, segment=None):
        """Waits until what was written so far is in the archive; returns how long that took."""
        segment = segment or self.mark()
        began = time.monotonic()
        def is_there():
            there = self.machine.segments()
            assert f"{segment}.gz" in there, (there, self.text())
            return True

        wait_for(f"{segment} in the archive", is_there)
        return time.monotonic() - began

    def switch(self):
        """The same, without waiting for the minute to be over."""
        segment = self.mark()
        self.sql("SELECT pg_switch_wal()")
        return self.archived(segment)

    def mark(self):
        """Writes something; the segment with it, and with all that was written before it."""
        return self.sql("SELECT pg_walfile_name(pg_create_restore_point('mark'))")


@pytest.fixture
def machine():
    with contextlib.ExitStack() as stack:
        yield Machine(stack)


class Customers:
    """Sign up one after the other; when the platform said yes to each is known by the server's clock."""

    def __init__(self, running, server):
        self.running, self.server = running, server
        self.began, self.acknowledged, self.ended = {}, {}, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join(60)

    def run(self):
        number = 0
        while not self.ended.is_set():
            number += 1
            name = f"customer{number}"
            self.began[name] = self.moment()
            self.running.sign_up(name)
            self.acknowledged[name] = self.moment()

    def moment(self):
        return self.server.sql("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")

    def wait_for_more(self, number):
        before = len(self.acknowledged)
        wait_for("more customers", lambda: self.thread.is_alive() and len(self.acknowledged) >= before + number)


def test_the_database_of_a_moment_comes_back(machine, tmp_path, record_property):
    # Instead of a minute, so that the test need not wait for one.
    often = ("-c", "archive_timeout=2")
    server = machine.new_server(*often).make_database()
    home = Home(tmp_path, server.url)
    with home.runs() as running:
        early = running.sign_up("early")
        base = pathlib.Path(machine.done("archive", "base"))
        assert base.parent == machine.bases
        # The second in which it was made is over: from now on every moment can be had.
        wait_for("the next second", lambda: time.strftime("%Y%m%d_%H%M%S", time.gmtime()) > base.name)
        with Customers(running, server) as customers:
            customers.wait_for_more(3)
            moment = customers.moment()
            customers.wait_for_more(2)
        # The mistake, and life after it.
        server.sql("DELETE FROM tenants WHERE slug = 'early'")
        running.sign_up("late")
        took = server.archived()
        record_property("seconds_from_acknowledged_to_archived", f"{took:.1f} with archive_timeout=2")
        assert "early" not in tenants(running) and "late" in tenants(running)
    server.end()

    second = machine.restored("second", moment, *often)
    with subprocess.Popen(["psql", "-X", second.url], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as somebody:
        wait_for("somebody", lambda: second.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'saas' AND state = 'idle'") != "0")
        assert "stop core and registry" in home.refused("backup", "restored")
        somebody.stdin.close()
    wait_for("nobody", lambda: second.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'saas' AND state = 'idle'") == "0")
    epoch = second.sql("SELECT epoch FROM installation")
    assert "a new history begins" in home.done("backup", "restored")
    assert int(second.sql("SELECT epoch FROM installation")) > int(epoch)
    with home.runs() as running:
        there = set(tenants(running))
        before = {name for name, when in customers.acknowledged.items() if when <= moment}
        after = {name for name, when in customers.began.items() if when > moment}
        assert len(before) >= 3 and len(after) >= 2
        assert before | {"early"} <= there and not after & there and "late" not in there
        assert call("GET", f"{running.api}/core/v1/me", token=early["access_token"]).status == 401
        login = {"email": "owner@early.example", "password": "a kettle and early leaves"}
        assert call("POST", f"{running.api}/core/v1/auth/login", login).status == 200
        # Life goes on, and so does the archive, on a line of its own.
        running.sign_up("later")
        second.switch()
    assert any(name.startswith("00000002") for name in machine.segments())
    second.end()

    third = machine.restored("third", "latest")
    assert {"early", "later"} <= set(third.sql("SELECT slug FROM tenants").split())


def test_an_archive_that_is_full_loses_nothing_and_is_seen(machine):
    server = machine.new_server().make_database()
    server.sql("CREATE TABLE acknowledged (number int)")
    machine.done("archive", "base")
    server.switch()
    before = machine.segments()
    (machine.folder / "full").touch()
    for number in range(3):
        # More than compresses to what there is room for.
        server.sql(f"INSERT INTO acknowledged VALUES ({number})")
        server.sql("CREATE TABLE IF NOT EXISTS ballast AS SELECT gen_random_uuid() FROM generate_series(1, 10000)")
        server.sql("SELECT pg_switch_wal()")
    failed = "SELECT failed_count > 0 AND last_failed_time > coalesce(last_archived_time, '-infinity') FROM pg_stat_archiver"
    wait_for("the failure to be counted", lambda: server.sql(failed) == "t")
    assert machine.segments() == before
    assert "the server keeps" in server.text()
    # Nothing that looks like a segment, and the server still has them all.
    assert len(list((server.data / "pg_wal/archive_status").glob("*.ready"))) >= 3
    (machine.folder / "full").unlink()
    server.sql("INSERT INTO acknowledged VALUES (3)")
    server.switch()
    assert server.sql(failed) == "f"
    server.end()
    restored = machine.restored("second", "latest")
    assert restored.sql("SELECT number FROM acknowledged ORDER BY 1").split() == ["0", "1", "2", "3"]


def test_what_no_base_backup_needs_is_pruned(machine):
    server = machine.new_server().make_database()
    assert "take one with 'archive base'" in machine.refused("archive", "prune")
    names = []
    for _ in range(3):
        names.append(pathlib.Path(machine.done("archive", "base")).name)
        server.switch()
        wait_for("the next second", lambda: time.strftime("%Y%m%d_%H%M%S", time.gmtime()) > names[-1])
    full = lambda: [name for name in machine.segments() if len(name) == 27]
    before = full()
    assert "not a number" in machine.refused("archive", "prune", "0")
    assert "not a number" in machine.refused("archive", "prune", "all")
    told = machine.done("archive", "prune")
    assert f"base/{names[0]}" in told and f"moments from {names[1]} UTC" in told
    assert sorted(path.name for path in machine.bases.glob("2*")) == names[1:]
    assert set(full()) < set(before)
    server.sql("CREATE TABLE last AS SELECT 1")
    server.switch()
    server.end()
    # What was kept is enough, from the oldest base backup, too.
    restored = machine.folder / "second"
    machine.done("archive", "restore", "latest", names[1], PGDATA=str(restored))
    second = machine.server(restored)
    wait_for("the end of recovery", lambda: second.sql("SELECT pg_is_in_recovery()") == "f")
    assert second.sql("SELECT * FROM last") == "1"


def test_what_cannot_be_done_is_refused_and_nothing_is_touched(machine):
    for words in ((), ("base", "x"), ("restore",), ("push", "x"), ("nonsense",)):
        assert "base, prune [COUNT], or restore MOMENT [BASE]" in machine.refused("archive", *words)
    data = machine.folder / "second"
    restore = lambda *words: machine.refused("archive", "restore", *words, PGDATA=str(data))
    assert "no base backup" in restore("latest")
    # No server, no base backup, and no half of one.
    machine.refused("archive", "base")
    assert [path.name for path in machine.bases.iterdir()] == [".lock"]
    server = machine.new_server()
    base = pathlib.Path(machine.done("archive", "base"))
    assert "not a moment" in restore("yesterday or so")
    assert "older than 2001" in restore("2001-01-01")
    assert "there is no" in restore("latest", "20010101_000000")
    assert "PGDATA" in machine.refused("archive", "restore", "latest")
    assert "not empty" in machine.refused("archive", "restore", "latest", PGDATA=str(server.data))
    # Damaged on the archive's disk.
    control = base / "global/pg_control"
    content = bytearray(control.read_bytes())
    content[100] ^= 1
    control.write_bytes(content)
    assert "damaged" in restore("latest")
    assert not data.exists() or list(data.iterdir()) == []


def test_a_segment_is_never_overwritten(machine):
    segment, other = machine.folder / "segment", machine.folder / "other"
    segment.write_bytes(b"one" * 1000)
    other.write_bytes(b"two" * 1000)
    name, target = "000000010000000000000001", machine.folder / "back"
    machine.done("archive", "push", segment, name)
    # Once more, by a server that was killed before it noted that.
    machine.done("archive", "push", segment, name)
    assert "does another server use this archive" in machine.refused("archive", "push", other, name)
    machine.done("archive", "pull", name, target)
    assert target.read_bytes() == segment.read_bytes()
    assert machine.run("archive", "pull", "000000010000000000000002", target).returncode == 1
    assert [path.name for path in machine.wal.iterdir()] == [f"{name}.gz"]
    assert (machine.wal / f"{name}.gz").stat().st_mode & 0o777 == 0o600
