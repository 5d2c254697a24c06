"""`saas backup` beside the real platform, on both databases: what is saved comes back, and nothing else does."""

import gzip
import json
import os
import re
import resource
import secrets
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from running_platform import BINARY, Platform, call, environment, operator_of

PASSWORD = "three green kettles and a backup"
SECRET = "wQ8s1Zt5Kc0Vb7Xn3Lm9Pd2Rf6Hj4Gy-test"


class Home:
    """A data directory and a database, with or without a platform that runs on them."""

    def __init__(self, folder, database=None):
        self.folder, self.data, self.backups = folder, folder / "data", folder / "backups"
        self.settings = {"SECRET_KEY": SECRET, "ADMIN_PASSWORD": PASSWORD, "BACKUP_DIR": str(self.backups), "DATA_DIR": str(self.data)}
        self.settings |= {"DATABASE_URL": database} if database else {}

    def runs(self):
        return Platform(**self.settings)

    def saas(self, *words, **settings):
        known = environment(self.data, **(self.settings | settings))
        return subprocess.run([BINARY, *words], env=known, cwd=self.folder, capture_output=True, text=True, timeout=120)

    def done(self, *words, **settings):
        done = self.saas(*words, **settings)
        assert done.returncode == 0, done
        assert SECRET not in done.stdout + done.stderr
        return done.stdout

    def refused(self, *words, **settings):
        """One sentence."""
        done = self.saas(*words, **settings)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
        assert SECRET not in done.stdout + done.stderr
        return done.stderr

    def create(self, **settings):
        return json.loads(self.done("backup", "create", "--json", **settings))

    def files(self):
        return sorted(path.name for path in self.backups.iterdir())


def new_database():
    name = f"backup_{secrets.token_hex(6)}"
    url = os.environ["SAAS_TEST_POSTGRES_URL"]
    subprocess.run(["psql", "-X", "-q", url, "-c", f"CREATE DATABASE {name}"], check=True)
    return re.sub(r"/[^/]*$", f"/{name}", url)


@pytest.fixture(params=["sqlite", "postgres"])
def home(request, tmp_path):
    return Home(tmp_path, new_database() if request.param == "postgres" else None)


def tenants(running):
    listed = call("GET", f"{running.api}/core/v1/tenants", token=operator_of(running, PASSWORD))
    assert listed.status == 200, listed
    return sorted(item["slug"] for item in listed.json()["items"])


def test_what_was_saved_comes_back(home):
    with home.runs() as running:
        first = running.sign_up("first")
        created = home.create()
        running.sign_up("second")
        assert {"first", "second"} <= set(tenants(running))
        # A live database is not overwritten by mistake, and looked at beside the platform that runs on it.
        assert "--replace" in home.refused("backup", "restore", created["file"]) or home.settings.get("DATABASE_URL") is None
        told = home.done("backup", "restore", created["file"], "--dry-run")
        connections = r", with \d+ connections?" if "DATABASE_URL" in home.settings else ""
        assert re.search(f"the database that is there{connections} would be replaced", told) and "nothing was changed" in told, told
        assert "second" in tenants(running)
    manifest = created["manifest"]
    assert manifest["tables"]["tenants"]["rows"] >= 1 and manifest["migrations"]
    assert home.files() == [os.path.basename(created["file"])]
    assert os.stat(created["file"]).st_mode & 0o777 == 0o600
    assert "ok" in home.done("backup", "verify")
    # By the name that `list` prints, from whatever folder.
    name = home.done("backup", "list").split()[0]
    assert "ok" in home.done("backup", "verify", name)
    assert "nothing was changed" in home.done("backup", "restore", name, "--dry-run")
    assert "No such file" in home.refused("backup", "restore", name.replace("_2", "_3", 1), "--dry-run")
    assert "--replace" in home.refused("backup", "restore", created["file"])
    assert "nothing was changed" in home.done("backup", "restore", created["file"], "--replace", "--dry-run")
    told = home.done("backup", "restore", created["file"], "--replace")
    assert "is kept as" in told and "restored in" in told
    with home.runs() as running:
        assert "first" in tenants(running) and "second" not in tenants(running)
        # Whose session was in the backup signs in again: who had signed out since must stay out.
        assert call("GET", f"{running.api}/core/v1/me", token=first["access_token"]).status == 401
        refreshed = call("POST", f"{running.api}/core/v1/auth/refresh", {"refresh_token": first["refresh_token"]})
        assert refreshed.status == 401, refreshed
        login = call("POST", f"{running.api}/core/v1/auth/login", {"email": "owner@first.example", "password": "a kettle and first leaves"})
        assert login.status == 200
        # Instances of that time are not there any more, and nobody is sent to them.
        cores = call("GET", f"{running.registry}/v1/services/core/instances").json()["items"]
        assert [f"http://{one['address']}:{one['port']}" for one in cores] == [running.core]
        # Life goes on.
        running.sign_up("third")
        assert "third" in tenants(running)


def test_a_running_platform_hears_that_its_database_was_replaced(tmp_path):
    """It ends, so that it starts anew on what is there now; whoever asks meanwhile is told to come again."""
    home = Home(tmp_path, new_database())
    running = home.runs()
    with running:
        running.sign_up("before")
        file = home.create()["file"]
        running.sign_up("after")
        answers, ended = [], threading.Event()

        def ask():
            while not ended.is_set():
                try:
                    answers.append(call("POST", f"{running.core}/v1/auth/login", {"email": "nobody@x.example", "password": "no such kettle"}).status)
                    answers.append(call("GET", f"{running.registry}/v1/services").status)
                except OSError:
                    return  # It has ended.

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            assert "restored in" in home.done("backup", "restore", file, "--replace")
            assert running.process.wait(60) == 1, running.text()
        finally:
            ended.set()
            asking.join(60)
        assert any("was it restored" in line for line in running.lines), running.text()
        # 429: so many wrong passwords.
        assert set(answers) <= {200, 401, 429, 503}, sorted(set(answers))
    with home.runs() as again:
        assert "before" in tenants(again) and "after" not in tenants(again)


def test_the_usual_tools_read_it(tmp_path):
    """`gunzip` and `psql`, or `gunzip` alone, and nothing of ours."""
    postgres, sqlite = Home(tmp_path / "p", new_database()), Home(tmp_path / "s")
    for home in (postgres, sqlite):
        home.folder.mkdir()
        with home.runs() as running:
            running.sign_up("plain")
            file = home.create(BACKUP_COMPRESSION="gzip")["file"]
        content = gzip.open(file).read()
        if home is sqlite:
            assert file.endswith(".db.gz")
            (tmp_path / "plain.db").write_bytes(content)
            rows = sqlite3.connect(tmp_path / "plain.db").execute("SELECT slug FROM tenants").fetchall()
            assert ("plain",) in rows
        else:
            assert file.endswith(".sql.gz")
            url = new_database()
            subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url], input=content, check=True, stdout=subprocess.DEVNULL)
            rows = subprocess.run(["psql", "-X", "-A", "-t", url, "-c", "SELECT slug FROM tenants"], capture_output=True, text=True).stdout
            assert "plain" in rows.split()


def test_files_that_are_no_backup_are_refused_before_anything_is_touched(home):
    with home.runs():
        good = home.create()["file"]
    whole = open(good, "rb").read()
    name = os.path.basename(good)
    other = home.folder / "other"
    other.mkdir()
    for content, word in ((whole[: len(whole) // 2], "cut short"), (whole[:-3], "cut short"), (b"", "cut short"), (b"hello" * 100, "")):
        (other / name).write_bytes(content)
        told = home.refused("backup", "restore", str(other / name), "--replace")
        assert name in told and word in told, told
        assert home.saas("backup", "verify", str(other / name)).returncode == 1
    changed = bytearray(whole)
    changed[len(whole) // 3] ^= 1
    (other / name).write_bytes(changed)
    assert home.refused("backup", "restore", str(other / name), "--replace")
    assert "saas_backup_" in home.refused("backup", "restore", str(home.folder / "notes.txt"))
    assert "No such file" in home.refused("backup", "restore", str(other / name.replace("2", "3", 1)), "--replace")
    # Sealed by another platform, or by this one under another key.
    told = home.refused("backup", "restore", good, "--replace", SECRET_KEY="another-secret-of-more-than-32-bytes!")
    assert "SECRET_KEY_PREVIOUS" in told
    verified = home.saas("backup", "verify", good, SECRET_KEY="another-secret-of-more-than-32-bytes!")
    assert verified.returncode == 1 and "SECRET_KEY_PREVIOUS" in verified.stdout, verified
    assert "restored in" in home.done("backup", "restore", good, "--replace", SECRET_KEY="another-secret-of-more-than-32-bytes!", SECRET_KEY_PREVIOUS=SECRET)
    with home.runs() as running:
        assert tenants(running) is not None


def test_without_the_secret_key_of_that_time_people_and_tenants_come_back(home):
    """Signing keys that nobody opens any more would keep core from starting."""
    with home.runs() as running:
        running.sign_up("kept")
        file = home.create()["file"]
    home.settings["SECRET_KEY"] = "another-secret-of-more-than-32-bytes!"
    told = home.done("backup", "restore", file, "--replace", "--any-seal")
    assert "its seal is not of this SECRET_KEY" in told and "is sound" not in told, told
    assert "removed signing keys that this SECRET_KEY does not open: 1" in told, told
    with home.runs() as running:
        assert "kept" in tenants(running)
        file = home.create()["file"]
    told = home.done("backup", "restore", file, "--replace")
    assert "is sound" in told and "signing keys" not in told, told


def test_a_backup_of_the_other_database_says_where_it_belongs(tmp_path):
    (tmp_path / "s").mkdir(), (tmp_path / "p").mkdir()
    sqlite, postgres = Home(tmp_path / "s"), Home(tmp_path / "p", new_database())
    with sqlite.runs(), postgres.runs():
        of_sqlite, of_postgres = sqlite.create()["file"], postgres.create()["file"]
    assert "migrate copy" in postgres.refused("backup", "restore", of_sqlite, "--replace")
    assert "DATABASE_URL" in sqlite.refused("backup", "restore", of_postgres, "--replace")


def test_a_user_who_may_not_make_databases_is_told_who_can(tmp_path):
    home = Home(tmp_path, new_database())
    with home.runs():
        file = home.create()["file"]
    login, url = f"Plain_{secrets.token_hex(6)}", os.environ["SAAS_TEST_POSTGRES_URL"]
    psql = lambda *statements: subprocess.run(["psql", "-X", "-q", url, *(word for one in statements for word in ("-c", one))], check=True)
    psql(f"CREATE ROLE \"{login}\" LOGIN PASSWORD 'secret'")
    place = re.sub(r"//([^@/]*@)?([^/?]*)/[^?]*", rf"//{login}:secret@\2/{login}_new", url)
    try:
        told = home.refused("backup", "restore", file, DATABASE_URL=place)
        remedy = f'ALTER ROLE "{login}" CREATEDB'
        assert f"{remedy};" in told and "at line" not in told, told
        # What it asks for is enough to make one.
        psql(remedy, f'GRANT saas_tenant, saas_system TO "{login}"')
        assert "restored in" in home.done("backup", "restore", file, DATABASE_URL=place)
    finally:
        psql(f'DROP DATABASE IF EXISTS "{login}_new"', f'DROP ROLE "{login}"')


def test_what_was_killed_leaves_no_backup_and_is_tidied_up(home):
    with home.runs():
        home.create()
        before = home.files()
        known = environment(home.data, **home.settings)
        for at in (0.01, 0.05, 0.1, 0.2):
            process = subprocess.Popen([BINARY, "backup", "create"], env=known, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(at)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        whole = [name for name in home.files() if not name.startswith(".")]
        for name in whole:
            assert home.saas("backup", "verify", str(home.backups / name)).returncode == 0
        home.create()
        assert [name for name in home.files() if name.startswith(".")] == []
        assert set(before) <= set(home.files())


def test_old_backups_are_pruned_and_the_newest_never(home):
    with home.runs():
        created = home.create()
    for old in ("20200101_020000", "20210101_020000"):
        shutil.copy(created["file"], home.backups / re.sub(r"\d{8}_\d{6}", old, os.path.basename(created["file"])))
    (home.backups / "notes.txt").write_text("mine")
    assert home.done("backup", "prune", "--dry-run").count("would be removed") == 2
    assert len(home.files()) == 4
    assert home.done("backup", "prune").count("removed") == 2
    assert home.files() == sorted(["notes.txt", os.path.basename(created["file"])])
    os.rename(created["file"], home.backups / re.sub(r"\d{8}_\d{6}", "20200101_020000", os.path.basename(created["file"])))
    assert "removed" not in home.done("backup", "prune")


def test_ctrl_c_leaves_nothing(home):
    with home.runs():
        process = subprocess.Popen([BINARY, "backup", "create"], env=environment(home.data, **home.settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(0)
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert not home.backups.exists() or [name for name in home.files() if name.startswith(".")] == []


@pytest.fixture
def keys(tmp_path):
    """A key pair of `age-keygen`."""
    file = tmp_path / "identity"
    subprocess.run(["age-keygen", "-o", str(file)], check=True, capture_output=True)
    recipient = subprocess.run(["age-keygen", "-y", str(file)], check=True, capture_output=True, text=True).stdout.strip()
    return recipient, file


def test_an_encrypted_backup_is_read_by_its_key_alone(home, keys):
    recipient, identity = keys
    with home.runs() as running:
        running.sign_up("locked")
        # Who makes backups has the public key alone.
        file = home.create(BACKUP_RECIPIENTS=recipient)["file"]
        assert file.endswith(".age") and b"locked" not in open(file, "rb").read()
        running.sign_up("later")
    assert "BACKUP_IDENTITY" in home.saas("backup", "verify", file).stdout
    assert "encrypted" in home.done("backup", "list")
    assert "BACKUP_IDENTITY" in home.refused("backup", "restore", file, "--replace")
    other = home.folder / "other"
    subprocess.run(["age-keygen", "-o", str(other)], check=True, capture_output=True)
    assert "another key" in home.refused("backup", "restore", file, "--replace", BACKUP_IDENTITY_FILE=str(other))
    assert "AGE-SECRET-KEY-1" in home.refused("backup", "verify", file, BACKUP_IDENTITY="nonsense")
    assert "age1" in home.refused("backup", "create", BACKUP_RECIPIENTS="nonsense")
    assert home.saas("backup", "verify", file, BACKUP_IDENTITY_FILE=str(identity)).returncode == 0
    home.done("backup", "restore", file, "--replace", BACKUP_IDENTITY_FILE=str(identity))
    with home.runs() as running:
        assert "locked" in tenants(running) and "later" not in tenants(running)
    # And by age itself.
    plain = subprocess.run(["age", "-d", "-i", str(identity), file], check=True, capture_output=True).stdout
    assert subprocess.run(["zstd", "-t"], input=plain, capture_output=True).returncode == 0


def test_without_room_there_is_no_file(home):
    """A limit on the size of files, in place of a full disk."""
    with home.runs() as running:
        running.sign_up("large")
        home.create()
        before = home.files()
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        known = environment(home.data, **home.settings)
        done = subprocess.run([BINARY, "backup", "create"], env=known, capture_output=True, text=True, restore_signals=False, preexec_fn=limit)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
        assert home.files() == before
