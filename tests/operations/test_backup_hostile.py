"""Backups, directories and moments that somebody chose to do harm: nothing happens that a backup has no right to."""

import ctypes
import fcntl
import gzip
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest
from running_platform import BINARY, environment
from test_backup import SECRET, Home, new_database, tenants

MEMBER = bytes([0x1F, 0x8B, 8, 0x10, 0, 0, 0, 0, 0, 255])
EMPTY = bytes([0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0])


@pytest.fixture(params=["sqlite", "postgres"])
def home(request, tmp_path):
    return Home(tmp_path, new_database() if request.param == "postgres" else None)


@pytest.fixture
def on_postgres(tmp_path):
    return Home(tmp_path, new_database())


@pytest.fixture
def on_sqlite(tmp_path):
    return Home(tmp_path)


def taken_apart(file):
    """The content and the manifest of a backup that gzip compressed."""
    raw = open(file, "rb").read().removesuffix(EMPTY)
    length = int(raw[-8:], 16)
    return gzip.decompress(raw[: -8 - length - len(MEMBER)]), json.loads(raw[-8 - length : -8])


def put_together(file, content, manifest, seal=True):
    """A backup of this content, whose manifest says so; its seal does not hold."""
    if seal:
        manifest = manifest | {"content": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    text = json.dumps(manifest).encode()
    open(file, "wb").write(gzip.compress(content) + MEMBER + text + b"%08x" % len(text) + EMPTY)


def saved(home, *names):
    """A backup with a tenant of each name, and the platform stopped."""
    with home.runs() as running:
        for name in names:
            running.sign_up(name)
        return home.create(BACKUP_COMPRESSION="gzip")["file"]


def slugs(home):
    """The tenants, read past the platform."""
    if url := home.settings.get("DATABASE_URL"):
        return set(sql(url, "SELECT slug FROM tenants"))
    return {slug for (slug,) in sqlite3.connect(home.data / "saas.db").execute("SELECT slug FROM tenants")}


def sql(url, statement):
    done = subprocess.run(["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", url, "-c", statement], capture_output=True, text=True)
    assert done.returncode == 0, done
    return done.stdout.splitlines()


def named(url):
    return url.rsplit("/", 1)[1]


def databases(home):
    name = named(home.settings["DATABASE_URL"])
    return sql(os.environ["SAAS_TEST_POSTGRES_URL"], f"SELECT datname FROM pg_database WHERE datname LIKE '{name}%' ORDER BY 1")


def until(what, seconds=60):
    """Waits for what tells of itself in no other way than by being looked at."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, what
        time.sleep(0.01)
    return found


class Closed:
    """Tells when somebody who read the file closed it, so many times."""

    def __init__(self, file):
        self.system = ctypes.CDLL(None, use_errno=True)
        self.fd = self.system.inotify_init()
        assert self.system.inotify_add_watch(self.fd, os.fsencode(file), 0x10) >= 0  # IN_CLOSE_NOWRITE

    def wait(self, times):
        event = 16  # Bytes; the file itself is watched, so that no name follows.
        while times > 0:
            times -= len(os.read(self.fd, event * times)) // event


def swapped(home, good, evil):
    """A restore of `good`, which becomes `evil` once it was found sound. It waits in between, since nobody reads what it says."""
    reading, writing = os.pipe()
    room = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b" " * room)
    closed = Closed(good)
    known = environment(home.data, **home.settings)
    process = subprocess.Popen([BINARY, "backup", "restore", good, "--replace"], env=known, cwd=home.folder, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    # Its end was looked at, and then all of it.
    closed.wait(2)
    os.rename(evil, good)
    with os.fdopen(reading) as told:
        told.read()
    return process.wait(60), process.stderr.read()


def test_a_backup_that_becomes_another_one_is_not_restored(home):
    good = saved(home, "first")
    content, manifest = taken_apart(good)
    mark = home.folder / "mark"
    if home.settings.get("DATABASE_URL"):
        content += b"\\! touch %s\nCREATE TABLE public.evil ();\n" % os.fsencode(mark)
    else:
        copy = home.folder / "copy.db"
        copy.write_bytes(content)
        with sqlite3.connect(copy) as database:
            database.execute("CREATE TRIGGER evil AFTER INSERT ON tenants BEGIN DELETE FROM users; END")
        database.close()
        content = copy.read_bytes()
    evil = home.folder / "evil"
    put_together(evil, content, manifest)
    status, told = swapped(home, good, str(evil))
    assert status == 2 and "somebody changed the file" in told, (status, told)
    assert not mark.exists()
    assert slugs(home) >= {"first"}
    beside = databases(home)[1:] if home.settings.get("DATABASE_URL") else [path.name for path in home.data.glob("saas.db.*")]
    assert beside == []


def test_a_dump_commands_nobody_but_the_server(on_postgres):
    home = on_postgres
    good = saved(home, "first")
    content, manifest = taken_apart(good)
    mark = home.folder / "mark"
    touch = b"\\! touch %s\n" % os.fsencode(mark)
    name = os.path.basename(good)
    (home.folder / "evil").mkdir()
    evil = str(home.folder / "evil" / name)
    hidden = b"/*\nCOPY public.tenants (id) FROM stdin;\n*/ %s\\.\n" % touch
    for more in (b"\n" + touch, b"SELECT 1 " + touch + b";\n", b"SELECT 1 \\g |touch %s\n" % os.fsencode(mark), hidden):
        put_together(evil, content + more, manifest)
        assert home.saas("backup", "restore", evil, "--replace", "--any-seal").returncode == 2
        assert not mark.exists(), more
        assert databases(home) == [named(home.settings["DATABASE_URL"])]
    # What newer versions of pg_dump write for psql is no part of the content.
    put_together(evil, b"\\restrict x1\n" + content + b"\\unrestrict x1\n", manifest)
    assert "restored in" in home.done("backup", "restore", evil, "--replace", "--any-seal")
    assert "first" in slugs(home)


@pytest.mark.parametrize("path", ["", "nothing_of_that_name", "postgres"])
def test_the_database_is_the_one_that_the_platform_means(on_postgres, path):
    """By the last word of the address, which may stand behind the question mark."""
    home = on_postgres
    url = home.settings["DATABASE_URL"]
    asked = re.sub(r"/[^/]*$", f"/{path}?dbname={named(url)}", url)
    with home.runs() as running:
        running.sign_up("first")
        file = home.create(DATABASE_URL=asked)["file"]
        running.sign_up("second")
    assert "--replace" in home.refused("backup", "restore", file, DATABASE_URL=asked)
    assert {"first", "second"} <= slugs(home)
    told = home.done("backup", "restore", file, "--replace", DATABASE_URL=asked)
    assert f"kept as {named(url)}_before_" in told
    assert "first" in slugs(home) and "second" not in slugs(home)


def test_the_programs_of_postgresql_are_told_what_the_address_says_and_nothing_else(on_postgres):
    home = on_postgres
    saved(home, "first")
    programs = home.folder / "bin"
    programs.mkdir()
    (programs / "pg_dump").write_text(f'#!/bin/sh\nenv >"{home.folder}/told"\nexec {shutil.which("pg_dump")} "$@"\n')
    (programs / "pg_dump").chmod(0o755)
    url = home.settings["DATABASE_URL"]
    strange = {"PGSERVICEFILE": "/nowhere", "PGHOSTADDR": "192.0.2.1", "PGREQUIREAUTH": "scram-sha-256", "PGSSLCRL": "/nowhere", "PGSSLMODE": "verify-full"}
    query = "ssl-mode=Prefer&ssl-root-cert=/one/ca.pem&ssl-cert=/one/cert.pem&ssl-key=/one/key.pem"
    home.create(DATABASE_URL=f"{url}?{query}", PATH=f"{programs}:{os.environ['PATH']}", **strange)
    told = dict(line.split("=", 1) for line in (home.folder / "told").read_text().splitlines() if line.startswith("PG"))
    expected = {"PGSSLMODE": "prefer", "PGSSLROOTCERT": "/one/ca.pem", "PGSSLCERT": "/one/cert.pem", "PGSSLKEY": "/one/key.pem", "PGDATABASE": named(url)}
    assert expected.items() <= told.items()
    assert not (strange.keys() - {"PGSSLMODE"}) & told.keys(), told


HOOK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int count;
static void at(void) {
  const char *kill_at = getenv("TEST_KILL_AT");
  if (kill_at && ++count == atoi(kill_at)) { kill(getpid(), SIGKILL); pause(); }
}
int rename(const char *from, const char *to) {
  at();
  return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
  at();
  return ((int (*)(int, const char *, int, const char *, int))dlsym(RTLD_NEXT, "linkat"))(a, from, b, to, flags);
}
int unlink(const char *path) {
  const char *kept = getenv("TEST_KEEP");
  if (kept && strstr(path, kept)) { errno = EACCES; return -1; }
  return ((int (*)(const char *))dlsym(RTLD_NEXT, "unlink"))(path);
}
"""


@pytest.fixture(scope="module")
def hook(tmp_path_factory):
    """Ends a process at one of its steps, or lets a file not be removed."""
    folder = tmp_path_factory.mktemp("hook")
    (folder / "hook.c").write_text(HOOK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "hook.so", folder / "hook.c", "-ldl"], check=True)
    return str(folder / "hook.so")


def test_killed_at_any_step_sqlite_has_the_one_or_the_other(on_sqlite, hook, tmp_path):
    home = on_sqlite
    with home.runs() as running:
        running.sign_up("first")
        file = home.create()["file"]
        running.sign_up("second")
        # Killed, so that its last changes are in the log beside the file alone.
        running.process.kill()
        running.process.wait(30)
        shutil.copytree(home.data, tmp_path / "before")
    assert (tmp_path / "before/saas.db-wal").stat().st_size > 0
    ends = []
    for step in range(1, 20):
        shutil.rmtree(home.data)
        shutil.copytree(tmp_path / "before", home.data)
        done = home.saas("backup", "restore", file, "--replace", LD_PRELOAD=hook, TEST_KILL_AT=str(step))
        found = slugs(home)
        assert "first" in found
        ends.append(done.returncode)
        if done.returncode != -signal.SIGKILL:
            break
        if "second" not in found:
            continue
        # And the next one finds nothing in its way, and tidies up.
        assert "restored in" in home.done("backup", "restore", file, "--replace")
        assert list(home.data.glob("saas.db.restore_*")) == [] and len(list(home.data.glob("saas.db.before_*"))) == 1
    assert ends[-1] == 0 and len(ends) >= 3, ends
    assert "second" not in slugs(home)
    # What is kept is one file, with everything in it.
    (kept,) = home.data.glob("saas.db.before_*")
    kept.rename(home.folder / "kept.db")
    assert {"first", "second"} <= {slug for (slug,) in sqlite3.connect(home.folder / "kept.db").execute("SELECT slug FROM tenants")}


def test_a_database_that_somebody_uses_is_not_moved_away(on_sqlite):
    home = on_sqlite
    file = saved(home, "first")
    before = os.stat(home.data / "saas.db").st_ino
    reader = sqlite3.connect(home.data / "saas.db", isolation_level=None)
    reader.execute("BEGIN"), reader.execute("SELECT count(*) FROM tenants").fetchall()
    with sqlite3.connect(home.data / "saas.db") as writer:
        writer.execute("UPDATE tenants SET name = 'Another'")
    told = home.refused("backup", "restore", file, "--replace")
    assert "stop whoever uses it" in told
    reader.close(), writer.close()
    assert os.stat(home.data / "saas.db").st_ino == before
    assert list(home.data.glob("saas.db.*_2*")) == []


def test_killed_while_it_switches_postgresql_lets_everybody_in_and_the_next_one_tidies_up(on_postgres):
    home = on_postgres
    url, server = home.settings["DATABASE_URL"], os.environ["SAAS_TEST_POSTGRES_URL"]
    file = saved(home, "first")
    asking = ["psql", "-X", "-At", "-q", server]
    other = subprocess.Popen(asking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    restoring = subprocess.Popen([BINARY, "backup", "restore", file, "--replace"], env=environment(home.data, **home.settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        (beside,) = until(lambda: [name for name in databases(home) if "_restore_" in name])
        # Somebody changes the new one, which is waited for in the middle of the switch.
        other.stdin.write(f'BEGIN; ALTER DATABASE "{beside}" CONNECTION LIMIT 50;\n\\echo held\n'), other.stdin.flush()
        assert other.stdout.readline() == "held\n"
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%RENAME%'"
        until(lambda: restoring.poll() is not None or sql(server, waiting))
        assert restoring.poll() is None
        # Meanwhile nobody else restores into it.
        assert "under way" in home.refused("backup", "restore", file, "--replace")
        restoring.kill()
        restoring.wait(30)
        sql(server, waiting.replace("pid FROM", "pg_terminate_backend(pid) FROM"))
        until(lambda: not sql(server, waiting))
    finally:
        restoring.kill()
        other.kill()
        other.wait(30)
    assert sql(server, f"SELECT datallowconn FROM pg_database WHERE datname = '{named(url)}'") == ["t"]
    assert "first" in slugs(home)
    until(lambda: not sql(server, "SELECT FROM pg_locks WHERE locktype = 'advisory'"))
    assert beside in databases(home)
    assert "restored in" in home.done("backup", "restore", file, "--replace")
    assert [name for name in databases(home) if "_restore_" in name] == []
    with home.runs() as running:
        assert "first" in tenants(running)


def test_ctrl_c_is_heard_while_a_backup_is_verified(on_sqlite):
    home = on_sqlite
    file = saved(home, "first")
    _, manifest = taken_apart(file)
    # Small, and long to read.
    text = json.dumps(manifest).encode()
    zeros = gzip.compress(bytes(1 << 24))
    with open(file, "wb") as large:
        for _ in range(4000):
            large.write(zeros)
        large.write(MEMBER + text + b"%08x" % len(text) + EMPTY)
    process = subprocess.Popen([BINARY, "backup", "verify", file], env=environment(home.data, **home.settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    reads = lambda: any(os.path.realpath(f"/proc/{process.pid}/fd/{fd}") == os.path.realpath(file) for fd in os.listdir(f"/proc/{process.pid}/fd"))
    until(reads)
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=60)
    assert process.returncode == 1 and told[0] == "" and "stopped" in told[1], told


def test_what_is_no_file_is_passed_over(home):
    good = saved(home, "first")
    ending = os.path.basename(good).split(".", 1)[1]
    os.mkfifo(home.backups / f"saas_backup_20200101_000000.{ending}")
    (home.backups / f"saas_backup_20200102_000000.{ending}").mkdir()
    os.mkfifo(home.backups / ".saas_x.partial")
    (home.backups / ".saas_y.partial").mkdir()
    (home.backups / f"saas_backup_20200103_000000.{ending}").symlink_to("nowhere")
    shutil.copy(good, home.backups / f"saas_backup_20200104_000000.{ending}")
    with home.runs():
        home.create()
    assert len(home.done("backup", "list").splitlines()) == 3
    assert home.done("backup", "verify", "--all").count("ok ") == 3
    assert home.done("backup", "prune").count("removed") == 1
    for name in ("20200101_000000", "20200102_000000"):
        file = str(home.backups / f"saas_backup_{name}.{ending}")
        assert "not a regular file" in home.refused("backup", "restore", file, "--replace")
        assert "not a regular file" in home.saas("backup", "verify", file).stdout


def test_what_cannot_be_removed_does_not_keep_the_others(on_sqlite, hook):
    home = on_sqlite
    good = saved(home, "first")
    ending = os.path.basename(good).split(".", 1)[1]
    for day in ("01", "02", "03"):
        shutil.copy(good, home.backups / f"saas_backup_202001{day}_000000.{ending}")
    done = home.saas("backup", "prune", LD_PRELOAD=hook, TEST_KEEP="20200102")
    assert done.returncode != 0 and "20200102" in done.stderr and len(done.stderr.splitlines()) == 1, done
    assert home.files() == [f"saas_backup_20200102_000000.{ending}", os.path.basename(good)]


def test_of_a_time_to_come_is_none_the_newest(on_sqlite):
    home = on_sqlite
    good = saved(home, "first")
    ending = os.path.basename(good).split(".", 1)[1]
    old = home.backups / f"saas_backup_20200101_000000.{ending}"
    os.rename(good, old)
    ahead = home.backups / f"saas_backup_29990101_000000.{ending}"
    ahead.write_text("nonsense")
    assert "a time to come" in home.done("backup", "prune", "--dry-run")
    home.done("backup", "prune", BACKUP_RETENTION_DAYS="1")
    assert home.files() == [old.name, ahead.name]
    assert home.done("backup", "verify").startswith("ok ")


def test_what_nobody_compared_says_nothing_to_the_terminal(on_sqlite):
    home = on_sqlite
    good = saved(home, "first")
    content, manifest = taken_apart(good)
    tables = {name: table | {"rows": 2**64 - 1} for name, table in manifest["tables"].items()}
    told = {"platform": "\x1b[2Jall is well", "migrations": [*manifest["migrations"], "\x1b[31m"], "tables": tables}
    put_together(good, content, manifest | told)
    listed = home.done("backup", "list")
    assert "\x1b" not in listed and "[31m" in listed
    put_together(good, content, manifest | told | {"migrations": manifest["migrations"]})
    shown = home.done("backup", "restore", good, "--replace", "--any-seal", "--dry-run")
    assert "\x1b" not in shown and "all is well" in shown


def test_a_directory_that_everybody_may_write_to_is_spoken_of(on_sqlite):
    home = on_sqlite
    saved(home, "first")
    assert home.saas("backup", "list").stderr == ""
    home.backups.chmod(0o1777)
    told = home.saas("backup", "list")
    assert told.returncode == 0 and "chmod o-w" in told.stderr


def test_what_the_server_knows_of_the_database_stays(on_postgres):
    home = on_postgres
    url, server = home.settings["DATABASE_URL"], os.environ["SAAS_TEST_POSTGRES_URL"]
    file = saved(home, "first")
    name, role = named(url), f"reader_{secrets.token_hex(4)}"
    known = f"""SELECT datconnlimit, datacl, (SELECT array_agg(setrole::regrole || ' ' || setconfig::text ORDER BY setrole) FROM pg_db_role_setting
        WHERE setdatabase = pg_database.oid) FROM pg_database WHERE datname = '{name}'"""
    try:
        for statement in (
            f"CREATE ROLE {role}",
            f"ALTER DATABASE {name} CONNECTION LIMIT 77",
            f"ALTER DATABASE {name} SET statement_timeout = '77s'",
            f"""ALTER DATABASE {name} SET search_path = "$user", public""",
            f"ALTER ROLE {role} IN DATABASE {name} SET application_name = 'it''s me'",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {name} TO {role} WITH GRANT OPTION",
        ):
            sql(server, statement)
        before = sql(server, known)
        assert "77" in before[0] and role in before[0]
        assert "run as one who may" not in home.done("backup", "restore", file, "--replace")
        assert sql(server, known) == before
    finally:
        for database in databases(home):
            sql(server, f"DROP DATABASE {database}")
        sql(server, f"DROP ROLE {role}")
