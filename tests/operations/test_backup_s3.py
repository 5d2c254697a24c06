"""Copies of backups in S3-compatible storage, by the real binary: what is copied comes back, and nothing else does."""

import datetime
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading

import pytest
from running_platform import BINARY, environment
from storage import Line, Storage
from test_backup import Home

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def storage():
    with Storage() as running:
        yield running


@pytest.fixture
def line(storage):
    with Line(storage.port) as line:
        yield line


class Copied(Home):
    """A database that nothing runs on, whose backups are copied."""

    def __init__(self, folder, storage, bucket, url):
        super().__init__(folder)
        self.storage, self.bucket = storage, bucket
        self.settings |= {
            "BACKUP_S3_BUCKET": bucket,
            "BACKUP_S3_PREFIX": "/of/this-one/",
            "BACKUP_S3_ENDPOINT": url,
            "BACKUP_S3_ACCESS_KEY_ID": storage.backup[0],
            "BACKUP_S3_SECRET_ACCESS_KEY": storage.backup[1],
            "BACKUP_S3_PART_SIZE_MIB": "5",
        }
        self.done("migrate", "up")

    def saas(self, *words, **settings):
        done = super().saas(*words, **settings)
        for secret in self.storage.backup:
            assert secret not in done.stdout + done.stderr
        return done

    def database(self):
        return sqlite3.connect(self.data / "saas.db")

    def enlarge(self, mebibytes):
        """By what cannot be compressed."""
        with self.database() as database:
            database.execute("CREATE TABLE IF NOT EXISTS ballast (bytes BLOB)")
            for _ in range(mebibytes):
                database.execute("INSERT INTO ballast VALUES (randomblob(?))", [MEBIBYTE])

    def keys(self):
        return self.storage.keys(self.bucket)

    def key(self, created):
        return f"of/this-one/{os.path.basename(created['file'])}"

    def url(self, created):
        return f"s3://{self.bucket}/{self.key(created)}"

    def listed(self):
        return json.loads(self.done("backup", "list", "--json"))["items"]

    def begin(self, *words):
        known = environment(self.data, **self.settings)
        return subprocess.Popen([BINARY, *words], env=known, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def home(request, tmp_path, storage, line):
    bucket = storage.bucket(re.sub(r"[^a-z0-9]+", "-", request.node.name)[:63].strip("-"))
    return Copied(tmp_path, storage, bucket, line.url)


def moved(home, created, moment):
    """The same backup, of another time."""
    name = re.sub(r"\d{8}_\d{6}", moment, os.path.basename(created["file"]))
    (home.backups / name).write_bytes(open(created["file"], "rb").read())
    return name


def test_what_was_copied_comes_back(home):
    created = home.create()
    url = home.url(created)
    assert created["copy"] == url and home.keys() == [home.key(created)]
    assert home.storage.content(home.bucket, home.key(created)) == open(created["file"], "rb").read()
    [listed] = home.listed()
    assert (listed["where"], listed["copy"], listed["bytes"]) == ("both", url, created["bytes"])
    with home.database() as database:
        database.execute("CREATE TABLE later (id)")
    # Of the bucket's own, which leaves nothing behind.
    os.remove(created["file"])
    assert [item["where"] for item in home.listed()] == ["bucket"]
    assert url in home.done("backup", "list")
    assert f"ok      {url}" in home.done("backup", "verify")
    assert f"ok      {url}" in home.done("backup", "verify", url)
    assert "nothing was changed" in home.done("backup", "restore", url, "--replace", "--dry-run")
    assert home.files() == []
    assert "restored in" in home.done("backup", "restore", url, "--replace")
    with home.database() as database:
        assert database.execute("SELECT name FROM sqlite_schema WHERE name = 'later'").fetchall() == []
    assert home.files() == [os.path.basename(created["file"])]
    assert os.stat(created["file"]).st_mode & 0o777 == 0o600
    # It is here by now, and is known to be the same.
    assert "restored in" in home.done("backup", "restore", url, "--replace")
    with open(created["file"], "ab") as file:
        file.write(b"more")
    assert "another one" in home.done("backup", "list")
    assert "move it away" in home.refused("backup", "restore", url, "--replace")
    assert home.files() == [os.path.basename(created["file"])]


def test_one_that_was_altered_in_the_bucket_is_found_out(home):
    good, bad = home.create(), home.create()
    content = bytearray(home.storage.content(home.bucket, home.key(bad)))
    content[len(content) // 3] ^= 1
    home.storage.s3.put_object(Bucket=home.bucket, Key=home.key(bad), Body=bytes(content))
    done = home.saas("backup", "verify", "--all")
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and len(lines) == 4, done
    assert [line for line in lines if line.startswith("failed")] == [line for line in lines if home.url(bad) in line]
    assert any(line.startswith("ok") and home.url(good) in line for line in lines)
    before = home.files()
    assert home.url(bad) in home.refused("backup", "restore", home.url(bad), "--replace")
    cut = home.storage.content(home.bucket, home.key(good))[:-10]
    home.storage.s3.put_object(Bucket=home.bucket, Key=home.key(good), Body=cut)
    assert "cut short" in home.refused("backup", "restore", home.url(good), "--replace")
    assert home.files() == before


def test_both_sides_are_pruned_by_the_same_rules_and_say_why(home):
    created = home.create()
    now = datetime.datetime.now(datetime.UTC)
    old = [moved(home, created, f"{now.year - back}0101_0{hour}0000") for back in (2, 3) for hour in (1, 2)]
    home.done("backup", "upload")
    home.storage.s3.put_object(Bucket=home.bucket, Key="of/this-one/notes.txt", Body=b"mine")
    home.storage.s3.put_object(Bucket=home.bucket, Key=f"of/{old[0]}", Body=b"another's")
    before, there = home.files(), home.keys()
    told = home.done("backup", "prune", "--dry-run", BACKUP_KEEP_MONTHLY="2")
    assert home.files() == before and home.keys() == there
    assert len(told.splitlines()) == 10 and told.count("would be removed") == 6, told
    assert told.count("the newest, of the last 7 days, the newest of its month") == 2
    for name in (old[1], f"s3://{home.bucket}/of/this-one/{old[1]}"):
        assert re.search(rf"^kept  {name}, .*: the newest of its month$", told, re.MULTILINE), told
    assert home.done("backup", "prune", BACKUP_KEEP_MONTHLY="2").count("removed") == 6
    left = sorted([old[1], os.path.basename(created["file"])])
    assert home.files() == left
    assert home.keys() == sorted([f"of/{old[0]}", "of/this-one/notes.txt", *(f"of/this-one/{name}" for name in left)])
    # Each side keeps its own newest, though the other has a newer one.
    home.storage.s3.delete_object(Bucket=home.bucket, Key=home.key(created))
    assert home.done("backup", "prune").count("removed") == 1
    assert home.files() == [os.path.basename(created["file"])]
    assert f"of/this-one/{old[1]}" in home.keys()
    assert "no backup that may go" in home.done("backup", "prune")


def test_without_its_bucket_a_backup_is_made_all_the_same(home, storage, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"http://127.0.0.1:{server.getsockname()[1]}"
    for word, wrong in (
        ("BACKUP_S3_SECRET_ACCESS_KEY", {"BACKUP_S3_SECRET_ACCESS_KEY": "a-secret-that-belongs-to-nobody"}),
        ("BACKUP_S3_ACCESS_KEY_ID", {"BACKUP_S3_ACCESS_KEY_ID": "AKIANOBODYATALL00000"}),
        ("make the bucket", {"BACKUP_S3_BUCKET": "no-such-bucket"}),
        ("cannot be reached", {"BACKUP_S3_ENDPOINT": nobody}),
    ):
        before = set(home.files()) if home.backups.exists() else set()
        told = home.refused("backup", "create", **wrong)
        [made] = set(home.files()) - before
        assert word in told and str(home.backups / made) in told and "saas backup upload" in told, told
        assert home.keys() == [] and "belongs-to-nobody" not in told
        # What is here is told, and that the rest is not known.
        listed = home.saas("backup", "list", "--json", **wrong)
        assert listed.returncode == 2 and word in listed.stderr, listed
        assert made in [item["name"] for item in json.loads(listed.stdout)["items"]]
    made = home.files()
    assert len(home.done("backup", "upload").splitlines()) == 4
    assert home.keys() == [f"of/this-one/{name}" for name in made]
    assert "every backup is in the bucket" in home.done("backup", "upload")
    file = tmp_path / "secret"
    file.write_text(storage.backup[1] + "\n")
    assert home.create(BACKUP_S3_SECRET_ACCESS_KEY="", BACKUP_S3_SECRET_ACCESS_KEY_FILE=str(file))["copy"]


def test_half_of_the_settings_and_addresses_elsewhere_are_refused(home):
    for name in ("BACKUP_S3_ACCESS_KEY_ID", "BACKUP_S3_SECRET_ACCESS_KEY", "BACKUP_S3_BUCKET"):
        assert name in home.refused("backup", "create", **{name: ""})
    assert not home.backups.exists()
    wrong = "s3://elsewhere/of/this-one/saas_backup_20260102_030405.db.zst"
    assert f"s3://{home.bucket}/of/this-one/saas_backup_" in home.refused("backup", "restore", wrong)
    missing = f"s3://{home.bucket}/of/this-one/saas_backup_20260102_030405.db.zst"
    assert "backup list" in home.refused("backup", "restore", missing)
    unset = {name: "" for name in home.settings if name.startswith("BACKUP_S3_") and "PART" not in name}
    assert "BACKUP_S3_BUCKET" in home.refused("backup", "restore", missing, **unset)
    assert home.files() == []


def test_a_large_one_goes_and_comes_in_parts(home, line):
    home.enlarge(12)
    heads = set()

    def seen(carried):
        heads.update(re.findall(rb"(?:GET|PUT|POST|HEAD|DELETE) /\S+", carried))
        return True

    line.on_request = seen
    created = home.create()
    assert {number for head in heads for number in re.findall(rb"partNumber=(\d+)", head)} == {b"1", b"2", b"3"}
    stored = home.storage.s3.head_object(Bucket=home.bucket, Key=home.key(created), ChecksumMode="ENABLED")
    assert stored["ContentLength"] == created["bytes"] > 12 * MEBIBYTE and stored["ChecksumSHA256"]
    assert home.storage.unfinished(home.bucket) == []
    os.remove(created["file"])
    # The line breaks once on the way back; it goes on from there.
    broken = []

    def once(carried):
        if carried > 3 * MEBIBYTE and not broken:
            broken.append(True)
            return False
        return True

    line.on_answer = once
    assert "ok" in home.done("backup", "verify", home.url(created)) and broken
    assert "restored in" in home.done("backup", "restore", home.url(created), "--replace")


def test_a_line_that_breaks_is_tried_again_and_what_fails_leaves_nothing(home, line):
    home.enlarge(12)
    broken = []

    def once(carried):
        if b"partNumber=2" in carried and len(carried) > 3 * MEBIBYTE and not broken:
            broken.append(True)
            return False
        return True

    line.on_request = once
    created = home.create()
    assert broken and created["copy"] and home.storage.unfinished(home.bucket) == []
    assert "ok" in home.done("backup", "verify", home.url(created))
    # Now nothing large passes any more.
    line.on_request = lambda carried: b"partNumber=2" not in carried
    told = home.refused("backup", "create")
    assert "cannot be reached" in told and "saas backup upload" in told
    assert home.keys() == [home.key(created)] and home.storage.unfinished(home.bucket) == []
    assert len(home.files()) == 2


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_one_that_ends_in_the_middle_is_tidied_up(home, line, ending):
    home.enlarge(12)
    is_there, may_go = threading.Event(), threading.Event()

    def held(carried):
        if b"partNumber=2" in carried and not may_go.is_set():
            is_there.set()
            may_go.wait(60)
        return True

    line.on_request = held
    process = home.begin("backup", "create")
    assert is_there.wait(60)
    assert len(home.storage.unfinished(home.bucket)) == 1 and home.keys() == []
    [made] = home.files()
    # Whoever copies the same meanwhile leaves it alone.
    assert "another process copies" in home.refused("backup", "upload")
    other = home.create(BACKUP_S3_ENDPOINT=home.storage.url)
    assert len(home.storage.unfinished(home.bucket)) == 1
    process.send_signal(ending)
    if ending == signal.SIGKILL:
        process.wait(20)
        may_go.set()
        assert len(home.storage.unfinished(home.bucket)) == 1
    else:
        told = process.communicate(timeout=60)[1]
        may_go.set()
        assert process.returncode == 2 and "stopped" in told and made in told, told
        assert home.storage.unfinished(home.bucket) == []
    assert home.keys() == [home.key(other)]
    home.create()
    assert home.storage.unfinished(home.bucket) == []
    home.done("backup", "upload")
    assert len(home.keys()) == 3 and f"of/this-one/{made}" in home.keys()
    assert home.done("backup", "verify", "--all").count("ok") == 6


@pytest.mark.parametrize("mebibytes", [0, 6])
def test_what_is_there_is_never_written_over(home, line, mebibytes):
    """Another puts an object there after it was looked that there is none."""
    home.enlarge(mebibytes)
    put = []

    def first(carried):
        key = re.search(rb"(?:PUT|POST) /[^/]+/(of/this-one/saas_backup_\S+?)[? ]", carried)
        if key and not put:
            put.append(key[1].decode())
            home.storage.s3.put_object(Bucket=home.bucket, Key=put[0], Body=b"another's")
        return True

    line.on_request = first
    told = home.refused("backup", "create")
    assert "left alone" in told and "saas backup upload" in told, told
    assert home.storage.content(home.bucket, put[0]) == b"another's"
    assert home.storage.unfinished(home.bucket) == []
    assert len(home.files()) == 1
