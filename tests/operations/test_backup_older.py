"""A backup of an older version is brought to this one's schema on the way, and one of a newer is not touched."""

import json
import shutil

import pytest
from table_rows import change, rows_of
from test_backup import Home, new_database


@pytest.fixture(params=["sqlite", "postgres"])
def home(request, tmp_path):
    return Home(tmp_path, new_database() if request.param == "postgres" else None)


def migrations(home):
    return [item["name"] for item in json.loads(home.done("migrate", "status", "--json"))["items"] if item["is_applied"]]


@pytest.fixture
def older(home):
    """A backup made while the database had but the schema of the first version with people."""
    with home.runs() as running:
        running.sign_up("teahouse")
        tokens = running.sign_up("bookshop")
    known = migrations(home)
    assert home.done("migrate", "down", "--steps", str(len(known) - 2)).count("taken back") == len(known) - 2
    created = home.create()
    assert created["manifest"]["migrations"] == known[:2]
    home.done("migrate", "up")
    return created["file"], known, tokens


def test_it_is_migrated_on_the_way(home, older):
    file, known, _ = older
    before = rows_of(home)
    change(home, "DELETE FROM tenants WHERE slug = 'bookshop'")
    looked = home.done("backup", "restore", file, "--replace", "--dry-run")
    told = home.done("backup", "restore", file, "--replace")
    for name in known[2:]:
        assert f"to be migrated: {name}" in looked and f"migrated {name}" in told
    assert migrations(home) == known
    after = rows_of(home)
    assert all(after[table] == before[table] for table in ("users", "tenants", "memberships", "audit_events", "signing_keys"))
    with home.runs() as running:
        running.sign_up("later")


def test_one_tenant_of_it_too(home, older):
    file, _, tokens = older
    change(home, "DELETE FROM tenants WHERE slug = 'bookshop'")
    home.done("backup", "restore", file, "--tenant", "bookshop")
    slugs = {json.loads(text)["slug"]: json.loads(text)["id"] for text in rows_of(home)["tenants"]}
    assert slugs["bookshop"] == tokens["tenant"]["id"]
    # A database that is not of this version yet is not put into.
    home.done("migrate", "down")
    assert "migrate up" in home.refused("backup", "restore", file, "--tenant", "bookshop")


def test_one_of_a_newer_version_is_refused(home):
    with home.runs() as running:
        running.sign_up("teahouse")
    change(home, "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)")
    file = home.create()["file"]
    kept = shutil.copy(file, home.folder)
    change(home, "DELETE FROM seaql_migrations WHERE version = 'm9999_future'")
    before = rows_of(home)
    for words in (["--replace"], ["--tenant", "teahouse", "--replace"]):
        told = home.refused("backup", "restore", kept, *words)
        assert "m9999_future" in told and "newer" in told
    assert rows_of(home) == before
