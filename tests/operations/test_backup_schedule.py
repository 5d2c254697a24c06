"""The schedule of backups with the real program: made up for, shared, taken over, told to others and shown."""

import contextlib
import http.server
import json
import os
import pty
import re
import secrets
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from running_platform import BINARY, Platform, call, environment

SECRET = "wQ8s1Zt5Kc0Vb7Xn3Lm9Pd2Rf6Hj4Gy-test"
METRICS_TOKEN = "a-token-for-the-scraper"
PATIENCE = 60
MISSED = (
    "INSERT INTO recovery_runs (id, kind, status, scheduled_for, started_at, finished_at, holder, detail) VALUES "
    "({id}, 'backup', 'succeeded', '2026-01-01T02:00:00+00:00', '2026-01-01T02:00:00+00:00', '2026-01-01T02:00:01+00:00', 'nobody', '{{}}')"
)


def wait_for(what, condition, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.05)


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what is posted to it."""

    def __init__(self, status=204):
        self.status, self.bodies = status, []
        super().__init__(("127.0.0.1", 0), Posted)
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/hook/a-token-in-a-path"


class Posted(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append((self.headers["Content-Type"], body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    with contextlib.closing(Receiver()) as server:
        yield server
        server.shutdown()


Receiver.close = http.server.ThreadingHTTPServer.server_close


def new_database():
    url = os.environ["SAAS_TEST_POSTGRES_URL"]
    name = f"schedule_{secrets.token_hex(6)}"
    subprocess.run(["psql", "-X", "-q", url, "-c", f"CREATE DATABASE {name}"], check=True)
    return re.sub(r"/[^/]*$", f"/{name}", url)


def psql(url, statement):
    done = subprocess.run(["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", url, "-c", statement], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Schedule:
    """`saas backup schedule`, or another command, on a database."""

    def __init__(self, folder, url, name="one", command=("backup", "schedule"), **settings):
        self.data = folder / name
        self.data.mkdir(exist_ok=True)
        self.log = self.data / "log"
        known = {"DATABASE_URL": url, "SECRET_KEY": SECRET, "METRICS_TOKEN": METRICS_TOKEN, "BACKUP_PORT": "0", "BACKUP_DIR": str(folder / "backups")}
        self.environment = environment(self.data, **(known | {"LOG_FORMAT": "json"} | settings))
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen([BINARY, *command], env=self.environment, cwd=folder, stdout=output, stderr=output)

    def ready(self, part="backup"):
        def run_file():
            assert self.process.poll() is None, self.text()
            try:
                run = json.loads((self.data / "run.json").read_text())
            except (OSError, ValueError):
                return None
            return run if run["pid"] == self.process.pid else None

        self.url = wait_for("run.json", run_file)[part]
        wait_for("readiness", lambda: call("GET", f"{self.url}/health/ready").status == 200)
        return self

    def text(self):
        return self.log.read_text(errors="replace")

    def metric(self, name):
        told = call("GET", f"{self.url}/metrics", token=METRICS_TOKEN)
        assert told.status == 200, told
        found = re.search(rf"^{name} (\S+)$", told.body.decode(), re.MULTILINE)
        return float(found[1]) if found else None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(40) == 0, self.text()
        assert SECRET not in self.text() and "a-token-in-a-path" not in self.text()


@pytest.fixture
def schedules(tmp_path):
    """Starts them, and ends those that are left."""
    started = []

    def start(url, name="one", command=("backup", "schedule"), **settings):
        started.append(Schedule(tmp_path, url, name, command, **settings))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()


def saas(folder, *words, **settings):
    known = {"SECRET_KEY": SECRET, "BACKUP_DIR": str(folder / "backups"), "DATA_DIR": str(folder / "data")}
    return subprocess.run([BINARY, *words], env=environment(folder / "data", **(known | settings)), cwd=folder, capture_output=True, text=True, timeout=120)


def backups(folder):
    directory = folder / "backups"
    return sorted(path.name for path in directory.glob("saas_backup_*")) if directory.exists() else []


def migrated(folder):
    url = new_database()
    done = saas(folder, "migrate", "up", DATABASE_URL=url)
    assert done.returncode == 0, done
    return url


def runs(url):
    return [json.loads(line) for line in psql(url, "SELECT row_to_json(r) FROM recovery_runs r WHERE holder <> 'nobody'").splitlines()]


def missed(url):
    """From now on a night was missed."""
    psql(url, MISSED.format(id="gen_random_uuid()"))


def test_of_several_one_makes_up_for_what_was_missed(tmp_path, schedules, receiver):
    url = migrated(tmp_path)
    # A new installation has nothing to save at its first start.
    first = schedules(url).ready()
    assert call("GET", f"{first.url}/health/live").status == 200
    wait_for("the first look", lambda: first.metric("saas_backup_kept") == 0)
    assert first.metric("saas_backup_last_success_timestamp_seconds") is None
    assert first.metric("saas_backup_failures_total") == 0
    assert first.metric("saas_backup_expected_since_timestamp_seconds") <= time.time()
    first.stop()
    assert runs(url) == [] and backups(tmp_path) == []
    missed(url)
    both = [schedules(url, name, BACKUP_ON_SUCCESS=receiver.url) for name in ("a", "b")]
    wait_for("the backup", lambda: [run["status"] for run in runs(url)] == ["succeeded"])
    both = [one.ready() for one in both]
    wait_for("the hook", lambda: receiver.bodies)
    (made,) = backups(tmp_path)
    [(kind, told)] = receiver.bodies
    assert kind == "application/json" and told["event"] == "backup.succeeded" and told["file"] == made
    assert told["bytes"] == (tmp_path / "backups" / made).stat().st_size and told["rows"] > 0
    assert SECRET not in json.dumps(told)
    for one in both:
        newest = wait_for("the metric", lambda: one.metric("saas_backup_last_success_timestamp_seconds"))
        assert abs(newest - time.time()) < 300
        assert one.metric("saas_backup_last_size_bytes") == told["bytes"]
        assert one.metric("saas_backup_kept") == 1
        assert one.metric("saas_backup_last_duration_seconds") == pytest.approx(told["seconds"], abs=0.01)
        one.stop()
    # A restart forgets none of it, and makes no second one.
    again = schedules(url, "c").ready()
    wait_for("the metric", lambda: again.metric("saas_backup_last_size_bytes") == told["bytes"])
    assert again.metric("saas_backup_last_duration_seconds") == pytest.approx(told["seconds"], abs=0.01)
    again.stop()
    assert backups(tmp_path) == [made] and len(runs(url)) == 1 and len(receiver.bodies) == 1


def test_one_platform_in_one_process_has_the_same_schedule(tmp_path):
    settings = {"SECRET_KEY": SECRET, "BACKUP_DIR": str(tmp_path / "backups"), "DATA_DIR": str(tmp_path / "data"), "METRICS_TOKEN": METRICS_TOKEN}
    with Platform(**settings):
        pass
    assert backups(tmp_path) == []
    with sqlite3.connect(tmp_path / "data/saas.db") as database:
        database.execute(MISSED.format(id=f"x'{secrets.token_hex(16)}'"))
    database.close()
    with Platform(**settings, BACKUP_SCHEDULE="off") as running:
        shown = call("GET", f"{running.core}/metrics", token=METRICS_TOKEN).body.decode()
        assert "saas_backup_expected_since" not in shown
    assert backups(tmp_path) == []
    with Platform(**settings) as running:
        wait_for("the backup", lambda: backups(tmp_path))
        shown = lambda: call("GET", f"{running.core}/metrics", token=METRICS_TOKEN).body.decode()
        wait_for("the metric", lambda: "saas_backup_last_success_timestamp_seconds " in shown())
    assert saas(tmp_path, "backup", "verify").stdout.startswith("ok")


def slow_pg_dump(folder, then):
    """A `pg_dump` that says that it runs, waits for `go`, and then does `then`."""
    programs = folder / "programs"
    programs.mkdir()
    script = programs / "pg_dump"
    real = subprocess.run(["sh", "-c", "command -v pg_dump"], capture_output=True, text=True).stdout.strip()
    script.write_text(f'#!/bin/sh\necho $$ >>{folder}/began\nwhile [ ! -e {folder}/go ]; do sleep 0.05; done\n{then.format(real=real)}\n')
    script.chmod(0o755)
    return f"{programs}:{os.environ['PATH']}"


def test_who_is_killed_in_the_middle_is_replaced(tmp_path, schedules, receiver):
    url = migrated(tmp_path)
    missed(url)
    path = slow_pg_dump(tmp_path, 'exec {real} "$@"')
    dies = schedules(url, "dies", PATH=path)
    wait_for("pg_dump", lambda: (tmp_path / "began").exists())
    heir = schedules(url, "heir", BACKUP_ON_SUCCESS=receiver.url).ready()
    dies.kill()
    (tmp_path / "go").touch()
    wait_for("the backup", lambda: [run["status"] for run in runs(url)] == ["succeeded"])
    [run] = runs(url)
    assert json.loads(run["detail"])["attempt"] == 2
    wait_for("the hook", lambda: receiver.bodies)
    assert len(backups(tmp_path)) == 1
    assert "is gone" in heir.text()
    heir.stop()


def test_who_is_stopped_in_the_middle_leaves_it_to_the_next(tmp_path, schedules):
    url = migrated(tmp_path)
    missed(url)
    path = slow_pg_dump(tmp_path, 'exec {real} "$@"')
    stops = schedules(url, "stops", PATH=path).ready()
    wait_for("pg_dump", lambda: (tmp_path / "began").exists())
    stops.process.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()
    assert stops.process.wait(40) == 0
    assert [run["status"] for run in runs(url)] in (["failed"], ["succeeded"])
    heir = schedules(url, "heir").ready()
    wait_for("the backup", lambda: [run["status"] for run in runs(url)] == ["succeeded"])
    heir.stop()


def program(folder, text):
    path = folder / "hook"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_failure_is_logged_counted_and_told_to_a_program(tmp_path, schedules):
    url = migrated(tmp_path)
    missed(url)
    hook = program(tmp_path, f"cat >{tmp_path}/told.new; env >>{tmp_path}/told.new; mv {tmp_path}/told.new {tmp_path}/told")
    path = slow_pg_dump(tmp_path, 'echo "pg_dump: error: no luck" >&2; exit 1')
    (tmp_path / "go").touch()
    one = schedules(url, PATH=path, BACKUP_ON_FAILURE=hook).ready()
    wait_for("the hook", lambda: (tmp_path / "told").exists())
    text = (tmp_path / "told").read_text()
    told, rest = json.JSONDecoder().raw_decode(text)
    assert told["event"] == "backup.failed" and "no luck" in told["fault"] and told["attempt"] == 1
    assert told["again_after_seconds"] > 0
    known = dict(line.split("=", 1) for line in text[rest:].splitlines() if "=" in line)
    assert known["SAAS_BACKUP_EVENT"] == "backup.failed" and "no luck" in known["SAAS_BACKUP_FAULT"]
    assert SECRET not in text and "DATABASE_URL" not in known
    assert one.metric("saas_backup_failures_total") == 1
    assert "no luck" in one.text()
    [run] = runs(url)
    assert run["status"] == "failed" and "no luck" in run["detail"]
    one.stop()
    assert backups(tmp_path) == []


def test_create_tells_others_too_and_a_hook_that_fails_fails_no_backup(tmp_path, receiver):
    with Platform(SECRET_KEY=SECRET, DATA_DIR=str(tmp_path / "data")):
        pass
    done = saas(tmp_path, "backup", "create", "--json", BACKUP_ON_SUCCESS=receiver.url)
    assert done.returncode == 0 and done.stderr == "", done
    [(_, told)] = receiver.bodies
    assert told["event"] == "backup.succeeded" and told["file"] in json.loads(done.stdout)["file"]
    receiver.status = 500
    for hook, words in (
        (receiver.url, "BACKUP_ON_SUCCESS was not told: 127.0.0.1 answered 500"),
        (program(tmp_path, "exit 3"), "exit status: 3"),
        ("/there/is/nothing", "cannot be run"),
    ):
        done = saas(tmp_path, "backup", "create", BACKUP_ON_SUCCESS=hook)
        assert done.returncode == 0 and words in done.stderr, done
        assert len(done.stderr.splitlines()) == 1 and "a-token-in-a-path" not in done.stderr
    assert len(backups(tmp_path)) == 4
    # What was refused is told as a failure.
    receiver.status, before = 204, len(receiver.bodies)
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    done = saas(tmp_path, "backup", "create", BACKUP_DIR=str(nowhere / "x"), BACKUP_ON_FAILURE=receiver.url)
    assert done.returncode == 2
    _, told = receiver.bodies[before]
    assert told["event"] == "backup.failed" and "cannot be used" in told["fault"]


@pytest.mark.parametrize(
    "setting, words",
    [
        ({"BACKUP_SCHEDULE": "nightly"}, "BACKUP_SCHEDULE is `nightly`, which cannot be used: expected five fields"),
        ({"BACKUP_SCHEDULE": "0 0 2 * * *"}, "expected five fields"),
        ({"BACKUP_SCHEDULE": "0 2 30 2 *"}, "expected a time that comes"),
        ({"BACKUP_ON_FAILURE": "ftp://x"}, "BACKUP_ON_FAILURE"),
        ({"BACKUP_ON_SUCCESS": "program"}, "BACKUP_ON_SUCCESS"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(tmp_path, setting, words):
    for command in (["up"], ["config", "check"], ["config", "check", "--role", "backup"]):
        if command[-1] == "backup":
            setting = setting | {"DATABASE_URL": "postgresql://127.0.0.1:1/none"}
        done = saas(tmp_path, *command, **setting)
        assert done.returncode == 2, done
        assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_once_does_what_is_due_and_ends(tmp_path):
    url = migrated(tmp_path)
    once = lambda **settings: saas(tmp_path, "backup", "schedule", "--once", DATABASE_URL=url, LOG_FORMAT="json", **settings)
    done = once()
    assert done.returncode == 0 and "nothing is due" in done.stdout, done
    missed(url)
    assert once().returncode == 0
    assert len(backups(tmp_path)) == 1 and [run["status"] for run in runs(url)] == ["succeeded"]
    assert "nothing is due" in once().stdout
    assert len(backups(tmp_path)) == 1


def test_core_tells_of_backups_that_others_make(tmp_path, schedules):
    url = migrated(tmp_path)
    missed(url)
    assert saas(tmp_path, "backup", "schedule", "--once", DATABASE_URL=url).returncode == 0
    [run] = runs(url)
    core = schedules(url, "core", ("core",), CORE_PORT="0", REGISTRY_URL="http://127.0.0.1:1", BACKUP_DIR=str(tmp_path / "none"))
    core.ready("core")
    newest = wait_for("the metric", lambda: core.metric("saas_backup_last_success_timestamp_seconds"))
    assert newest == json.loads(run["detail"])["taken_at"]
    assert core.metric("saas_backup_kept") is None
    assert core.metric("saas_backup_expected_since_timestamp_seconds")


def test_a_process_of_its_own_on_sqlite_is_refused(tmp_path):
    for command in (["backup", "schedule"], ["config", "check", "--role", "backup"]):
        done = saas(tmp_path, *command)
        assert done.returncode == 2 and "saas up" in done.stderr, done


def test_old_backups_go_after_a_new_one(tmp_path, schedules):
    url = migrated(tmp_path)
    missed(url)
    directory = tmp_path / "backups"
    directory.mkdir()
    (directory / "saas_backup_20200101_020000.sql.zst").write_text("old")
    one = schedules(url).ready()
    wait_for("the backup", lambda: "an old backup was removed" in one.text())
    assert len(backups(tmp_path)) == 1 and not backups(tmp_path)[0].startswith("saas_backup_2020")
    one.stop()


def at_a_terminal(folder, *words):
    """What a command writes to a terminal that standard error is."""
    ours, theirs = pty.openpty()
    known = environment(folder / "data", SECRET_KEY=SECRET, BACKUP_DIR=str(folder / "backups"), DATA_DIR=str(folder / "data"))
    done = subprocess.run([BINARY, *words], env=known, cwd=folder, stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=120)
    assert done.returncode == 0, done
    os.set_blocking(ours, False)
    os.close(theirs)
    try:
        seen = os.read(ours, 100_000).decode()
    except OSError:
        seen = ""
    os.close(ours)
    return done.stdout, seen


def test_a_terminal_shows_how_far_it_is(tmp_path):
    with Platform(SECRET_KEY=SECRET, DATA_DIR=str(tmp_path / "data")):
        pass
    made, seen = at_a_terminal(tmp_path, "backup", "create")
    assert re.search(r"\r\x1b\[2K  \d\S* \w+  \d+ s", seen) and seen.endswith("\x1b[2K"), seen
    assert "\r" not in made
    assert "%" in at_a_terminal(tmp_path, "backup", "verify")[1]
    file = made.splitlines()[0]
    assert "%" in at_a_terminal(tmp_path, "backup", "restore", file, "--replace")[1]
    # Programs get no such thing.
    assert at_a_terminal(tmp_path, "backup", "create", "--json")[1] == ""
    assert saas(tmp_path, "backup", "create").stderr == ""
