"""`saas migrate copy`: who began with the embedded database grows out of it, and nobody notices but the operator."""

import re
import signal
import subprocess
import time

import pytest
from running_platform import BINARY, call, environment
from table_rows import change, psql, rows_of
from test_backup import PASSWORD, SECRET, Home, new_database


def no_database():
    """An address under which nothing is yet."""
    url = new_database()
    name = url.rsplit("/", 1)[1]
    psql(re.sub(r"/[^/]*$", "/postgres", url), f"DROP DATABASE {name}")
    return url


def is_there(url):
    name = url.rsplit("/", 1)[1]
    return psql(re.sub(r"/[^/]*$", "/postgres", url), f"SELECT 1 FROM pg_database WHERE datname = '{name}'") != []


def home_on(folder, database=None):
    """Wherever it moves, it is reached at one address, which stands in its tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    home = Home(folder, database)
    home.settings["PUBLIC_URL"] = "http://api.teahouse.example"
    return home


def done(method, url, body=None, token=None, status=200):
    answer = call(method, url, body, token=token)
    assert answer.status == status, answer
    return answer.json() if answer.body else None


def furnished(running):
    """Two tenants, somebody who is in both, somebody who is shut out, a service and a route."""
    core = f"{running.api}/core/v1"
    operator = done("POST", f"{core}/auth/login", {"email": "admin@localhost", "password": PASSWORD})["access_token"]
    tea, books = running.sign_up("teahouse"), running.sign_up("bookshop")
    added = done("POST", f"{core}/members", {"email": "guest@other.example", "role": "member"}, tea["access_token"], 201)
    guest = added["member"]["user_id"]
    done("POST", f"{core}/tenants", {"name": "Third", "owner_email": "owner@teahouse.example"}, operator, 201)
    done("POST", f"{core}/members", {"email": "owner@bookshop.example", "role": "admin"}, tea["access_token"], 201)
    done("POST", f"{core}/users/{guest}/disable", {}, operator)
    done("POST", f"{running.api}/registry/v1/routes", {"path": "/brew", "service": "kettle", "methods": ["GET"]}, operator, 201)
    instance = {"address": "127.0.0.1", "port": 9, "tags": ["blue", "绿"], "metadata": {"b": "1", "a": "é"}}
    done("POST", f"{running.registry}/v1/services/kettle/instances", instance, status=201)
    return tea, books


def audit(running, token):
    return done("GET", f"{running.api}/core/v1/audit-events?limit=200", token=token)["items"]


def test_who_grows_out_of_the_embedded_database_takes_everybody_along(tmp_path):
    small, url = home_on(tmp_path / "small"), no_database()
    with small.runs() as running:
        tea, books = furnished(running)
        before = audit(running, tea["access_token"])
        # It would go on writing what is not copied any more.
        told = small.refused("migrate", "copy", "--to", url)
        assert "in use" in told and not is_there(url)
    assert "would be copied  users" in small.done("migrate", "copy", "--to", url, "--dry-run")
    assert not is_there(url)
    told = small.done("migrate", "copy", "--to", url)
    assert re.search(r"copied  memberships: \d+ rows", told) and "from SQLite to PostgreSQL" in told
    large = home_on(tmp_path / "large", url)
    was, now = rows_of(small), rows_of(large)
    epochs = [re.search(r'"epoch": (\d+)', rows["installation"][0])[1] for rows in (was, now)]
    assert int(epochs[1]) > int(epochs[0]), "followers of the change log would not notice"
    was["installation"] = [was["installation"][0].replace(epochs[0], epochs[1])]
    assert was == now
    assert {"users", "sessions", "refresh_tokens", "stale_tokens", "signing_keys", "routes", "audit_events"} <= {table for table, rows in now.items() if rows}
    # A second time there is something already.
    assert "not empty" in small.refused("migrate", "copy", "--to", url)
    with large.runs() as running:
        core = f"{running.api}/core/v1"
        # A token of before, an address of before, a session of before, a password of before.
        me = done("GET", f"{core}/me", token=tea["access_token"])
        assert me["user"]["id"] == tea["user"]["id"] and me["tenant"]["id"] == tea["tenant"]["id"]
        known = [event for event in audit(running, tea["access_token"]) if event["id"] in {event["id"] for event in before}]
        assert known == before
        assert done("POST", f"{core}/auth/refresh", {"refresh_token": books["refresh_token"]})["user"]["id"] == books["user"]["id"]
        done("POST", f"{core}/auth/login", {"email": "owner@bookshop.example", "password": "a kettle and bookshop leaves"})
        # A token that was used up stays so.
        assert call("POST", f"{core}/auth/refresh", {"refresh_token": books["refresh_token"]}).status == 401
        running.sign_up("later")


def test_and_back_and_beside(tmp_path):
    """The other way, and to another place of the same kind; PostgreSQL's sessions of the platform are counted."""
    url = new_database()
    first = home_on(tmp_path / "first", url)
    with first.runs() as running:
        tea, _ = furnished(running)
        assert "stop it first" in first.refused("migrate", "copy", "--to", f"sqlite://{tmp_path}/no.db")
    second = home_on(tmp_path / "second")
    second.data.mkdir()
    file = second.data / "saas.db"
    first.done("migrate", "copy", "--to", f"sqlite://{file}")
    assert file.stat().st_mode & 0o777 == 0o600
    third = home_on(tmp_path / "third", no_database())
    first.done("migrate", "copy", "--to", third.settings["DATABASE_URL"])
    fourth = home_on(tmp_path / "fourth")
    fourth.data.mkdir()
    second.done("migrate", "copy", "--from", f"sqlite://{file}", "--to", f"sqlite://{fourth.data}/saas.db")
    were = rows_of(first)
    for home in (second, third, fourth):
        are = rows_of(home)
        assert {table for table in were if were[table] != are[table]} == {"installation"}
    with second.runs() as running:
        assert done("GET", f"{running.api}/core/v1/me", token=tea["access_token"])["user"]["id"] == tea["user"]["id"]


@pytest.fixture
def small(tmp_path):
    home = home_on(tmp_path / "small")
    with home.runs() as running:
        running.sign_up("teahouse")
    return home


def test_what_speaks_against_it_is_said_before_anything_is_touched(small, tmp_path):
    url = no_database()
    assert "SECRET_KEY" in small.refused("migrate", "copy", "--to", url, SECRET_KEY="another-secret-of-more-than-32-bytes!")
    assert "no database of the platform" in small.refused("migrate", "copy", "--from", f"sqlite://{tmp_path}/none.db", "--to", url)
    assert "--to" in small.refused("migrate", "copy", "--to", "nonsense")
    assert small.saas("migrate", "copy").returncode == 2
    assert not is_there(url)
    # Somebody else's database.
    other = new_database()
    psql(other, "CREATE TABLE recipes (id int)")
    assert "recipes" in small.refused("migrate", "copy", "--to", other)
    assert psql(other, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == ["1"]
    # One that is of this version and was never used will do.
    empty = new_database()
    small.done("migrate", "up", DATABASE_URL=empty)
    small.done("migrate", "copy", "--to", empty)
    # Another version's schema.
    change(small, "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)")
    assert "m9999_future" in small.refused("migrate", "copy", "--to", url)
    change(small, "DELETE FROM seaql_migrations WHERE version = 'm9999_future'")
    small.done("migrate", "down")
    told = small.refused("migrate", "copy", "--to", url)
    assert "migrate up" in told and not is_there(url)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_what_was_stopped_in_the_middle_leaves_nothing_half(small, how):
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) "
    columns = "id, tenant_id, at, action, object_type, detail"
    change(small, f"INSERT INTO audit_events ({columns}) {rows} SELECT randomblob(16), zeroblob(16), '2026-01-01T00:00:00+00:00', 'a.b', 'c', '{{}}' FROM n")
    url = new_database() if how == signal.SIGKILL else no_database()
    known = environment(small.data, **small.settings)
    process = subprocess.Popen([BINARY, "migrate", "copy", "--to", url], env=known, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    # It is at work once rows are on their way in.
    deadline = time.monotonic() + 60
    writes = "SELECT 1 FROM pg_stat_activity WHERE datname = '{}' AND query LIKE 'INSERT INTO \"audit_events\"%'"
    server = re.sub(r"/[^/]*$", "/postgres", url)
    while not psql(server, writes.format(url.rsplit("/", 1)[1])) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
    process.send_signal(how)
    assert process.wait(60) != 0
    if how == signal.SIGINT:
        assert not is_there(url)
    else:
        assert {table: rows for table, rows in rows_of(Home(small.folder, url)).items() if rows} == {}
    # Again, and whole.
    small.done("migrate", "copy", "--to", url)
    assert len(rows_of(Home(small.folder, url))["audit_events"]) > 60000
    assert SECRET not in (process.stderr.read() or "")
