"""`saas backup drill`: a backup that can be used is proven to be, and one that cannot fails loudly."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import urllib.parse

import pytest
from monitored import wait_for
from running_platform import BINARY, call, environment, operator_of
from test_backup import PASSWORD, SECRET, home, keys  # noqa: F401

STEPS = ["find", "verify", "restore", "compare", "migrate", "core", "sign_in", "read", "count", "objectives"]
OTHER_SECRET = "another-secret-of-more-than-32-bytes!"


def sql(home, statement):
    """Rows of the live database, each a list of texts."""
    if url := home.settings.get("DATABASE_URL"):
        command = ["psql", "-X", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", url, "-c", statement]
    else:
        command = ["sqlite3", "-cmd", ".timeout 10000", "-separator", "\t", str(home.data / "saas.db"), statement]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def left(home):
    """What drills made and did not remove."""
    url = home.settings.get("DATABASE_URL")
    if url is None:
        return sorted(path.name for path in home.data.glob("saas.db.drill_*"))
    name = urllib.parse.urlsplit(url).path.strip("/")
    return [name for (name,) in sql(home, f"SELECT datname FROM pg_database WHERE datname LIKE '{name}_drill_%'")]


def drill(home, *words, **settings):
    done = home.saas("backup", "drill", "--json", *words, **settings)
    assert SECRET not in done.stdout + done.stderr
    return done, json.loads(done.stdout)


def fails(home, word, *words, **settings):
    """With exit status 1 and one sentence; what it is about is in the report, too."""
    done, report = drill(home, *words, **settings)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
    assert word in done.stderr and word in report["fault"], done.stderr
    assert not report["passed"] and report["steps"][-1]["outcome"] == "failed"
    assert left(home) == []
    status, detail = sql(home, "SELECT status, detail FROM recovery_runs WHERE kind = 'drill' ORDER BY started_at DESC LIMIT 1")[0]
    assert status == "failed" and json.loads(detail) == {"report": report, "fault": report["fault"]}
    return report


def shown(running, token):
    answer = call("GET", f"{running.api}/core/v1/recovery", token=token)
    assert answer.status == 200, answer
    return answer.json()["drills"]


def test_a_backup_that_can_be_used_is_proven_to_be(home, tmp_path):  # noqa: F811
    file = tmp_path / "report.json"
    with home.runs() as running:
        token = running.sign_up("proven")["access_token"]
        created = home.create()
        # What came after is not in it, and is not looked for.
        running.sign_up("later")
        done, report = drill(home, "--report", str(file))
        assert done.returncode == 0 and not done.stderr, done
        assert [step["name"] for step in report["steps"]] == STEPS
        assert {step["outcome"] for step in report["steps"]} == {"ok"} and report["passed"]
        manifest, backup = created["manifest"], report["backup"]
        assert backup["file"] == os.path.basename(created["file"]) and backup["bytes"] == created["bytes"]
        assert backup["rows"] == {name: table["rows"] for name, table in manifest["tables"].items()}
        assert backup["schema"] == manifest["migrations"][-1] and backup["installation"] == manifest["installation"]
        assert 0 < report["recovery_time_ms"] < 3_600_000 and 0 <= report["recovery_point_seconds"] < 86_400
        assert json.loads(file.read_text()) == report
        # The platform heard nothing of it: nobody was signed out, no second core is known, nobody was added.
        assert call("GET", f"{running.api}/core/v1/me", token=token).status == 200
        cores = call("GET", f"{running.registry}/v1/services/core/instances").json()["items"]
        assert [f"http://{one['address']}:{one['port']}" for one in cores] == [running.core]
        assert sql(home, "SELECT count(*) FROM users WHERE email LIKE '%drill%'") == [["0"]]
        assert left(home) == []
        # Operators of the platform see it, and nobody else.
        (told,) = shown(running, operator_of(running, PASSWORD))
        assert told["status"] == "succeeded" and told["is_signed"] and told["scheduled_for"] is None
        assert [step["name"] for step in told["report"]["steps"]] == STEPS
        assert call("GET", f"{running.api}/core/v1/recovery", token=token).status == 403
        rewrite = lambda before, after: sql(home, f"UPDATE recovery_runs SET detail = replace(detail, '{before}', '{after}') WHERE kind = 'drill'")
        rewrite('"passed":true', '"passed": true ')
        assert shown(running, operator_of(running, PASSWORD))[0]["is_signed"]
        rewrite('"recovery_point_seconds":86400', '"recovery_point_seconds":86401')
        assert not shown(running, operator_of(running, PASSWORD))[0]["is_signed"]
    # Whoever runs the platform checks the file, whenever.
    assert "passed" in home.done("backup", "drill", "--check", str(file))
    rotated = {"SECRET_KEY": OTHER_SECRET, "SECRET_KEY_PREVIOUS": SECRET}
    assert "passed" in home.done("backup", "drill", "--check", str(file), **rotated)
    refused = lambda text, **settings: (file.write_text(text), home.saas("backup", "drill", "--check", str(file), **settings))[1]
    stranger = home.saas("backup", "drill", "--check", str(file), SECRET_KEY=OTHER_SECRET)
    assert stranger.returncode == 1 and "SECRET_KEY_PREVIOUS" in stranger.stderr, stranger
    altered = refused(file.read_text().replace('"recovery_time_ms": ', '"recovery_time_ms": 1'))
    assert altered.returncode == 1 and "altered" in altered.stderr, altered
    assert refused("no report").returncode == 2


def test_people_read_what_it_went_through(home):  # noqa: F811
    with home.runs():
        home.create()
        told = home.done("backup", "drill").splitlines()
    assert [line.split()[:2] for line in told[: len(STEPS)]] == [["ok", step] for step in STEPS]
    assert told[-2].startswith("recovery time ") and told[-1].startswith("recovery point ")


def test_a_bad_backup_fails_loudly(home, tmp_path, keys):  # noqa: F811
    with home.runs() as running:
        assert fails(home, "there is no backup")["steps"][0]["name"] == "find"
        running.sign_up("bad")
        good = pathlib.Path(home.create()["file"])
        whole = good.read_bytes()
        bad = tmp_path / good.name
        bad.write_bytes(whole[: len(whole) * 2 // 3])
        fails(home, "cut short", str(bad))
        changed = bytearray(whole)
        changed[len(whole) // 3] ^= 1
        bad.write_bytes(changed)
        fails(home, good.name, str(bad))
        assert fails(home, "No such file", str(tmp_path / good.name.replace("2", "3", 1)))["backup"]["bytes"] is None
        # Of another platform: its seal says so, and none of its signing keys would open.
        fails(home, "SECRET_KEY_PREVIOUS", str(good), SECRET_KEY=OTHER_SECRET)
        done, report = drill(home, str(good), SECRET_KEY=OTHER_SECRET, SECRET_KEY_PREVIOUS=SECRET)
        assert done.returncode == 0 and report["passed"], done
        # Encrypted, and the key is lost, or another one.
        recipient, identity = keys
        locked = home.create(BACKUP_RECIPIENTS=recipient)["file"]
        fails(home, "BACKUP_IDENTITY", locked)
        other = tmp_path / "other"
        subprocess.run(["age-keygen", "-o", str(other)], check=True, capture_output=True)
        fails(home, "another key", locked, BACKUP_IDENTITY_FILE=str(other))
        done, report = drill(home, locked, BACKUP_IDENTITY_FILE=str(identity))
        assert done.returncode == 0 and report["passed"], done
        # Too old for what is aimed at.
        wait_for("a second", lambda: drill(home, str(good))[1]["recovery_point_seconds"] > 1)
        report = fails(home, "RECOVERY_POINT_OBJECTIVE_SECONDS", str(good), RECOVERY_POINT_OBJECTIVE_SECONDS="1")
        assert [step["name"] for step in report["steps"]] == STEPS
        failed = [one["fault"] for one in shown(running, operator_of(running, PASSWORD)) if one["status"] == "failed"]
        assert any("RECOVERY_POINT" in fault for fault in failed) and len(failed) == 8


def begun(home):
    """A drill that has begun to restore."""
    known = environment(home.data, **home.settings)
    process = subprocess.Popen([BINARY, "backup", "drill"], env=known, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for("something beside the live database", lambda: left(home) or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def test_whoever_stops_it_finds_nothing_left(home):  # noqa: F811
    with home.runs():
        home.create()
        process = begun(home)
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=60)
        assert process.returncode == 1 and "stopped" in told, (out, told)
        assert left(home) == []


def test_what_a_killed_drill_left_is_removed_by_the_next(home):  # noqa: F811
    with home.runs():
        home.create()
        process = begun(home)
        process.kill()
        process.communicate()
        assert left(home)
        # What is another drill's, and still in use, is left to it.
        other = begun(home)
        done, report = drill(home)
        assert report["passed"], done
        assert other.wait(60) == 0, other.communicate()
        assert left(home) == []


def test_a_database_of_people_is_not_taken_for_what_a_drill_left(home):  # noqa: F811
    """Whatever a name begins with."""
    with home.runs():
        home.create()
        if url := home.settings.get("DATABASE_URL"):
            name = urllib.parse.urlsplit(url).path.strip("/") + "_drill_hall"
            subprocess.run(["psql", "-X", "-q", url, "-c", f"CREATE DATABASE {name}"], check=True)
        else:
            name = "saas.db.drill_hall"
            shutil.copy(home.data / "saas.db", home.data / name)
        home.done("backup", "drill")
        assert left(home) == [name]


def test_the_schedule_makes_one_that_is_due(home):  # noqa: F811
    """And makes up for the one of a quarter in which nothing ran."""
    drills = lambda status: sql(home, f"SELECT detail FROM recovery_runs WHERE kind = 'drill' AND scheduled_for IS NOT NULL AND status = '{status}'")
    # One address at each start, by which tokens are issued.
    home.settings |= {"BACKUP_SCHEDULE": "off", "PUBLIC_URL": "http://127.0.0.1:9"}
    with home.runs():
        file = pathlib.Path(home.create()["file"])
    sql(home, "UPDATE installation SET created_at = '2026-01-01 00:00:00+00:00'")
    with home.runs() as running:
        ((detail,),) = wait_for("a drill by the schedule", lambda: drills("succeeded"))
        assert json.loads(detail)["report"]["backup"]["file"] == file.name
        (told,) = shown(running, operator_of(running, PASSWORD))
        assert told["scheduled_for"] and told["is_signed"] and told["report"]["passed"]
        assert left(home) == []
    sql(home, "DELETE FROM recovery_runs")
    file.write_bytes(file.read_bytes()[:-10])
    with home.runs() as running:
        ((detail,),) = wait_for("a drill that fails", lambda: drills("failed"))
        detail = json.loads(detail)
        assert "cut short" in detail["fault"] and detail["report"]["fault"] == detail["fault"]
        assert shown(running, operator_of(running, PASSWORD))[0]["is_signed"]
    sql(home, "DELETE FROM recovery_runs")
    home.settings["BACKUP_DRILL_SCHEDULE"] = "off"
    with home.runs() as running:
        assert shown(running, operator_of(running, PASSWORD)) == []
