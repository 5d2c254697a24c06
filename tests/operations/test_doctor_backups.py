"""What `saas doctor` says of backups, the archive and drills; its advice is followed until all is well."""

import contextlib
import datetime
import pathlib
import re
import tempfile

import pytest
from examined import doctor
from monitored import Cluster, wait_for
from running_platform import environment
from test_backup import SECRET, Home, keys, new_database  # noqa: F401
from test_backup_drill import OTHER_SECRET, sql

NEWEST, CONTENT, DRILL = "newest backup", "content of the newest backup", "newest drill"


@pytest.fixture(params=["sqlite", "postgres"])
def old(request, tmp_path):
    """A platform that runs, of which nobody can say that it is new."""
    home = Home(tmp_path, new_database() if request.param == "postgres" else None)
    with home.runs():
        founded(home, 200)
        yield home


def days_ago(days):
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)


def founded(home, days):
    sql(home, f"UPDATE installation SET created_at = '{days_ago(days):%Y-%m-%d %H:%M:%S.%f+00:00}'")


def look(home, *words, **settings):
    return doctor(environment(home.data, **(home.settings | settings)), "--only", "backups", *words)


def test_a_new_platform_is_not_blamed_for_what_nobody_could_have_done(tmp_path):
    home = Home(tmp_path)
    with home.runs():
        report = look(home)
        assert report.status == 0, report.text
        report.told("backups", "ok", NEWEST, "within the first 26 hours")
        report.told("backups", "ok", DRILL, "within the first 100 days", "saas backup drill")
        assert not home.backups.exists()
        founded(home, 2)
        report = look(home)
        report.told("backups", "failed", NEWEST, "saas backup create")
        report.told("backups", "ok", DRILL)


def test_a_platform_without_a_backup(old):
    report = look(old)
    report.told("backups", "failed", NEWEST, "there is none", "saas backup create")
    report.told("backups", "failed", DRILL, "there was none", "saas backup drill")
    # Its advice.
    old.done("backup", "create")
    old.done("backup", "drill")
    report = look(old)
    assert report.status == 0, report.text
    report.told("backups", "ok", NEWEST, "old")
    report.told("backups", "ok", CONTENT, "rows in", "--read-backup")
    report.told("backups", "ok", DRILL, "passed", "signed")
    look(old, "--read-backup").told("backups", "ok", CONTENT, "read to its end")


def test_a_backup_that_is_old_or_was_damaged(old):
    file = pathlib.Path(old.create()["file"])
    aged = file.with_name(re.sub(r"\d{8}_\d{6}", f"{days_ago(2):%Y%m%d_%H%M%S}", file.name))
    file.rename(aged)
    look(old).told("backups", "failed", NEWEST, "2 days old", "saas backup create")
    # Where they are made each week, that is young.
    look(old, BACKUP_SCHEDULE="0 2 * * 1").told("backups", "ok", NEWEST, "2 days old")
    file = pathlib.Path(old.create()["file"])
    look(old).told("backups", "ok", NEWEST, " old;")

    whole = file.read_bytes()
    file.write_bytes(whole[:-10])
    look(old).told("backups", "failed", CONTENT, "cut short", "saas backup create")
    changed = bytearray(whole)
    changed[len(whole) // 3] ^= 1
    file.write_bytes(changed)
    # Only who reads all of it sees that.
    look(old).told("backups", "ok", CONTENT)
    look(old, "--read-backup").told("backups", "failed", CONTENT, "saas backup create")
    file.write_bytes(whole)
    look(old, SECRET_KEY=OTHER_SECRET).told("backups", "failed", CONTENT, "SECRET_KEY")
    look(old, SECRET_KEY=OTHER_SECRET, SECRET_KEY_PREVIOUS=SECRET).told("backups", "ok", CONTENT)
    file.write_bytes(changed)
    wait_for("another second", lambda: old.create()["file"] != str(file))
    look(old, "--read-backup").told("backups", "ok", CONTENT)


def test_an_encrypted_backup(old, keys):  # noqa: F811
    recipient, identity = keys
    old.create(BACKUP_RECIPIENTS=recipient)
    look(old).told("backups", "skipped", CONTENT, "encrypted", "--read-backup")
    look(old, "--read-backup").told("backups", "failed", CONTENT, "BACKUP_IDENTITY")
    look(old, "--read-backup", BACKUP_IDENTITY_FILE=str(identity)).told("backups", "ok", CONTENT)
    old.done("backup", "drill", BACKUP_IDENTITY_FILE=str(identity))
    look(old).told("backups", "ok", CONTENT, "encrypted", "restored it")


def test_a_drill_that_failed_is_old_or_was_altered(old):
    file = pathlib.Path(old.create()["file"])
    whole = file.read_bytes()
    file.write_bytes(whole[:-10])
    assert old.saas("backup", "drill").returncode == 1
    look(old).told("backups", "failed", DRILL, "failed", "cut short", "saas backup drill")
    file.write_bytes(whole)
    old.done("backup", "drill")
    assert look(old).status == 0
    sql(old, f"UPDATE recovery_runs SET started_at = '{days_ago(101):%Y-%m-%d %H:%M:%S.%f+00:00}' WHERE status = 'succeeded'")
    sql(old, "DELETE FROM recovery_runs WHERE status = 'failed'")
    look(old).told("backups", "failed", DRILL, f"{days_ago(101):%Y-%m-%d} passed", "saas backup drill")
    old.done("backup", "drill")
    assert look(old).status == 0
    sql(old, "UPDATE recovery_runs SET detail = replace(detail, '\"recovery_time_ms\":', '\"recovery_time_ms\":1')")
    look(old).told("backups", "failed", DRILL, "not as a drill of this platform signed it", "saas backup drill")
    old.done("backup", "drill")
    assert look(old).status == 0


def test_records_that_cannot_be_asked(tmp_path):
    """Of a database that is not there, nothing is made."""
    home = Home(tmp_path)
    report = look(home)
    report.told("backups", "skipped", "records of backups and drills", "mend the database")
    report.told("backups", "failed", NEWEST, "there is none")
    assert not (home.data / "saas.db").exists()


class Archiving(Cluster):
    """Whose archive is a directory beside it, once there is one."""

    def __init__(self, stack, folder):
        self.archive = folder / "postgres" / "archive"
        self.SETTINGS += f"archive_mode = on\narchive_command = 'cp %p {self.archive}/%f'\n"
        super().__init__(stack, folder)


def test_an_archive_that_nothing_reaches():
    # Not where pytest keeps things: PostgreSQL's own user has to get there.
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="saas-test-")))
        folder.chmod(0o755)
        server = Archiving(stack, folder)
        home = Home(folder, server.url)
        with home.runs():
            home.done("backup", "create")
            server.sql("SELECT pg_switch_wal()")
            failing = lambda: look(home).of("backups", "failed")
            (told,) = wait_for("a segment that does not reach the archive", failing)
            assert told["subject"] == "archive" and "archive_command" in told["advice"], told
            # What it says of it: there is no such directory.
            server.archive.mkdir()
            server.archive.chmod(0o777)
            wait_for("the archive", lambda: server.sql("SELECT pg_switch_wal()") and not failing())
            look(home).told("backups", "ok", "archive", "the last to reach it")


def test_a_server_without_an_archive(tmp_path):
    home = Home(tmp_path, new_database())
    with home.runs():
        look(home).told("backups", "ok", "archive", "archive_mode is off")
