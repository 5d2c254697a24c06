"""`saas backup restore --tenant`: one tenant is as it was, and nobody else notices."""

import json
import re
import signal
import subprocess
import time

import pytest
from running_platform import BINARY, call, environment
from table_rows import change, psql, rows_of
from test_backup import PASSWORD, new_database
from test_migrate_copy import done, home_on

ENOUGH = 60


@pytest.fixture(params=["sqlite", "postgres"])
def home(request, tmp_path):
    return home_on(tmp_path, new_database() if request.param == "postgres" else None)


@pytest.fixture
def on_postgres(tmp_path):
    return home_on(tmp_path, new_database())


class People:
    """Of the tenants `teahouse` and `bookshop`; `both` belongs to the two."""

    def __init__(self, running):
        self.core = f"{running.api}/core/v1"
        self.tea, self.books = running.sign_up("teahouse"), running.sign_up("bookshop")
        self.operator = done("POST", f"{self.core}/auth/login", {"email": "admin@localhost", "password": PASSWORD})["access_token"]
        self.guest = self.add("guest", "member")
        self.both = self.add("both", "admin")
        invited = done("POST", f"{self.core}/members", {"email": "both@other.example", "role": "member"}, self.books["access_token"], 201)
        token = self.sign_in("both")["access_token"]
        done("POST", f"{self.core}/me/invitations/accept", {"code": invited["invitation"]["code"]}, token)

    def add(self, name, role):
        """A new person in the teahouse; they have a password of their own then."""
        body = {"email": f"{name}@other.example", "role": role}
        added = done("POST", f"{self.core}/members", body, self.tea["access_token"], 201)
        once = done("POST", f"{self.core}/auth/login", {"email": body["email"], "password": added["one_time_password"]})
        changed = {"current_password": added["one_time_password"], "new_password": f"a kettle for {name} alone"}
        done("POST", f"{self.core}/me/password", changed, once["access_token"])
        return added["member"]

    def sign_in(self, name):
        return done("POST", f"{self.core}/auth/login", {"email": f"{name}@other.example", "password": f"a kettle for {name} alone"})

    def remove(self, member):
        done("DELETE", f"{self.core}/members/{member['id']}", token=self.tea["access_token"], status=204)

    def standing(self, token):
        return call("GET", f"{self.core}/me", token=token).status


def of_tenant(rows, tenant):
    """A tenant's rows, and all others."""
    own, others = {}, {}
    for table, texts in rows.items():
        for text in texts:
            row = json.loads(text)
            is_own = row.get("tenant_id") == tenant or (table == "tenants" and row["id"] == tenant)
            # Whose tokens are refused is said anew; sessions remember a tenant and are the person's.
            kind = own if is_own and table not in ("sessions", "invitations") else others
            kind.setdefault(table, []).append(text)
    return own, others


def actions(own):
    return [json.loads(text)["action"] for text in own.get("audit_events", [])]


def until(condition):
    deadline = time.monotonic() + ENOUGH
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_tenant_is_as_it_was_and_everybody_elses_rows_are_untouched(home):
    with home.runs() as running:
        people = People(running)
        tenant = people.tea["tenant"]["id"]
        file = home.create()["file"]
        then, _ = of_tenant(rows_of(home), tenant)
        people.remove(people.guest)
        people.add("late", "owner")
        done("PATCH", f"{people.core}/members/{people.both['id']}", {"role": "member"}, people.tea["access_token"])
        done("PATCH", f"{people.core}/tenants/{tenant}", {"name": "Coffee house"}, people.tea["access_token"])
        invited = done("POST", f"{people.core}/members", {"email": "owner@bookshop.example", "role": "member"}, people.tea["access_token"], 201)
        running.sign_up("later")
    before = rows_of(home)
    own_before, others_before = of_tenant(before, tenant)
    assert then["memberships"] != own_before["memberships"] and invited["invitation"]
    # What would be done, and nothing more.
    told = home.done("backup", "restore", file, "--tenant", "teahouse", "--dry-run")
    assert "memberships: 1 rows come, 1 change, 1 go" in told and "tenants: 0 rows come, 1 change, 0 go" in told and "nothing was changed" in told
    told = home.refused("backup", "restore", file, "--tenant", "teahouse")
    assert "--replace" in told and rows_of(home) == before
    told = home.done("backup", "restore", file, "--tenant", tenant, "--replace")
    saved = re.search(r"saved in (\S+)", told)[1]
    assert home.saas("backup", "verify", saved).returncode == 0
    own, others = of_tenant(rows_of(home), tenant)
    others_before.pop("recovery_runs", None), others.pop("recovery_runs", None)
    assert others == others_before
    assert (own["tenants"], own["memberships"]) == (then["tenants"], then["memberships"])
    # What happened since is still known, and that it was restored, once.
    assert set(own_before["audit_events"]) < set(own["audit_events"])
    (new,) = set(own["audit_events"]) - set(own_before["audit_events"])
    event = json.loads(new)
    assert event["action"] == "tenant.restored" and event["object_id"] == tenant
    assert event["detail"]["backup_of"] and event["detail"]["by"] == "saas backup restore"
    # Nothing is left beside.
    left = [path for path in home.data.iterdir() if "restore" in path.name]
    assert left == []
    # Nothing is different now.
    assert "come" not in home.done("backup", "restore", file, "--tenant", "teahouse", "--dry-run")
    with home.runs() as running:
        people.core = f"{running.api}/core/v1"
        assert people.sign_in("guest")["tenant"]["id"] == tenant
        assert people.sign_in("late")["tenant"] is None
        # Whose place is what it was goes on.
        assert people.standing(people.tea["access_token"]) == 200


def test_people_stay_as_they_are_and_those_who_are_gone_come_back_disabled(home):
    with home.runs() as running:
        people = People(running)
    change(home, "UPDATE users SET is_operator = true WHERE email = 'guest@other.example'")
    file = home.create()["file"]
    was = {json.loads(text)["email"]: json.loads(text) for text in rows_of(home)["users"]}
    change(home, "UPDATE users SET is_operator = true, status = 'pending' WHERE email = 'both@other.example'")
    change(home, "DELETE FROM users WHERE email = 'guest@other.example'")
    change(home, "UPDATE users SET email = 'moved@other.example', password_hash = 'x' WHERE email = 'owner@teahouse.example'")
    change(home, "DELETE FROM tenants WHERE slug = 'teahouse'")
    _, before = of_tenant(rows_of(home), people.tea["tenant"]["id"])
    # It is not there, so nothing is replaced.
    told = home.done("backup", "restore", file, "--tenant", "teahouse")
    assert "guest@other.example is not there any more" in told
    own, others = of_tenant(rows_of(home), people.tea["tenant"]["id"])
    added = set(others["users"]) - set(before["users"])
    (guest,) = [json.loads(text) for text in added]
    expected = was["guest@other.example"] | {"status": "disabled", "is_operator": False}
    assert guest == expected
    assert set(before["users"]) < set(others["users"]), "somebody was changed"
    assert len(own["memberships"]) == 3
    assert others["sessions"] == before["sessions"]
    with home.runs() as running:
        people.core = f"{running.api}/core/v1"
        answer = call("POST", f"{people.core}/auth/login", {"email": "guest@other.example", "password": "a kettle for guest alone"})
        assert answer.status in (401, 403), answer


def test_conflicts_are_refused_before_anything_is_touched_and_have_a_way_out(home):
    with home.runs() as running:
        People(running)
        file = home.create()["file"]
    change(home, "DELETE FROM tenants WHERE slug = 'teahouse'")
    change(home, "UPDATE tenants SET slug = 'teahouse' WHERE slug = 'bookshop'")
    change(home, "DELETE FROM users WHERE email = 'guest@other.example'")
    change(home, "UPDATE users SET email = 'guest@other.example' WHERE email = 'owner@bookshop.example'")
    before = rows_of(home)
    told = home.refused("backup", "restore", file, "--tenant", "teahouse")
    assert "--slug" in told and rows_of(home) == before
    told = home.refused("backup", "restore", file, "--tenant", "teahouse", "--slug", "teahouse-again")
    assert "--leave-out guest@other.example" in told and rows_of(home) == before
    ways = ["--slug", "teahouse-again", "--leave-out"]
    told = home.refused("backup", "restore", file, "--tenant", "teahouse", *ways, "nobody@other.example")
    assert "nobody@other.example" in told and rows_of(home) == before
    home.done("backup", "restore", file, "--tenant", "teahouse", *ways, "guest@other.example")
    after = rows_of(home)
    assert after["users"] == before["users"]
    slugs = [json.loads(text)["slug"] for text in after["tenants"]]
    assert sorted(set(slugs) & {"teahouse", "teahouse-again"}) == ["teahouse", "teahouse-again"]


def test_what_is_no_tenant_of_this_platform_is_refused(home, tmp_path):
    with home.runs() as running:
        running.sign_up("teahouse")
        file = home.create()["file"]
        running.sign_up("later")
        if "DATABASE_URL" not in home.settings:
            assert "in use" in home.refused("backup", "restore", file, "--tenant", "teahouse", "--replace")
    before = rows_of(home)
    for wanted in ("nobody", "0190a000-0000-7000-8000-000000000000", "later"):
        told = home.refused("backup", "restore", file, "--tenant", wanted, "--replace")
        assert wanted in told and "teahouse" not in told
    # Sealed under the same secret, and of another platform all the same.
    other = home_on(tmp_path / "other", new_database() if "DATABASE_URL" in home.settings else None)
    with other.runs() as running:
        running.sign_up("teahouse")
        strange = other.create()["file"]
    assert "another platform" in home.refused("backup", "restore", strange, "--tenant", "teahouse", "--replace")
    told = home.refused("backup", "restore", file, "--tenant", "teahouse", SECRET_KEY="another-secret-of-more-than-32-bytes!")
    assert "SECRET_KEY_PREVIOUS" in told
    assert rows_of(home) == before
    assert home.saas("backup", "restore", file, "--slug", "x").returncode == 2


def test_who_was_suspended_since_stays_so(home):
    with home.runs() as running:
        people = People(running)
        file = home.create()["file"]
        done("POST", f"{people.core}/tenants/{people.tea['tenant']['id']}/suspend", {}, people.operator)
    told = home.done("backup", "restore", file, "--tenant", "teahouse", "--replace", "--without-backup")
    assert "stays so" in told and "saved in" not in told
    (row,) = [json.loads(text) for text in rows_of(home)["tenants"] if '"teahouse"' in text]
    assert row["status"] == "suspended"


def test_a_running_platform_hears_of_it_at_once(on_postgres):
    """On PostgreSQL nobody has to stop: memberships, rights and suspension hold without a restart."""
    home = on_postgres
    with home.runs() as running:
        people = People(running)
        tenant = people.tea["tenant"]["id"]
        done("POST", f"{people.core}/tenants/{tenant}/suspend", {}, people.operator)
        suspended = home.create()["file"]
        done("POST", f"{people.core}/tenants/{tenant}/activate", {}, people.operator)
        active = home.create()["file"]
        people.remove(people.guest)
        people.add("late", "owner")
        late, guest, both = people.sign_in("late"), people.sign_in("guest"), people.sign_in("both")
        assert late["tenant"]["id"] == tenant and guest["tenant"] is None
        epoch = rows_of(home)["installation"]
        home.done("backup", "restore", active, "--tenant", "teahouse", "--replace", "--without-backup")
        # Through the gateway.
        until(lambda: people.standing(late["access_token"]) == 401)
        assert people.sign_in("late")["tenant"] is None
        until(lambda: people.sign_in("guest")["tenant"] is not None)
        # Whose place is what it was goes on without a break, here and elsewhere.
        assert people.standing(people.tea["access_token"]) == 200
        assert people.standing(people.books["access_token"]) == 200
        assert people.standing(both["access_token"]) == 200
        home.done("backup", "restore", suspended, "--tenant", "teahouse", "--replace", "--without-backup")
        until(lambda: call("GET", f"{people.core}/members", token=people.tea["access_token"]).status == 403)
        assert rows_of(home)["installation"] == epoch
        assert people.standing(people.books["access_token"]) == 200


def at_work(home):
    """Whether rows are on their way in."""
    name = home.settings["DATABASE_URL"].rsplit("/", 1)[1]
    writes = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{name}' AND query LIKE 'INSERT INTO \"audit_events\"%'"
    return psql(home.settings["DATABASE_URL"], writes) != []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_what_was_stopped_in_the_middle_changed_nothing(on_postgres, how):
    home = on_postgres
    with home.runs() as running:
        people = People(running)
    tenant = people.tea["tenant"]["id"]
    columns = "id, tenant_id, at, action, object_type, detail"
    change(home, f"INSERT INTO audit_events ({columns}) SELECT gen_random_uuid(), '{tenant}', now(), 'a.b', 'c', '{{}}' FROM generate_series(1, 60000)")
    file = home.create()["file"]
    change(home, "DELETE FROM audit_events WHERE action = 'a.b'")
    change(home, "DELETE FROM memberships WHERE role = 'admin'")
    before = rows_of(home)
    words = ["backup", "restore", file, "--tenant", "teahouse", "--replace", "--without-backup"]
    process = subprocess.Popen([BINARY, *words], env=environment(home.data, **home.settings), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not at_work(home):
        assert process.poll() is None, process.stderr.read()
    process.send_signal(how)
    assert process.wait(ENOUGH) != 0
    assert rows_of(home) == before
    server = re.sub(r"/[^/]*$", "/postgres", home.settings["DATABASE_URL"])
    beside = f"SELECT datname FROM pg_database WHERE datname LIKE '{home.settings['DATABASE_URL'].rsplit('/', 1)[1]}_restore_%'"
    if how == signal.SIGINT:
        assert psql(server, beside) == []
    home.done(*words)
    own, _ = of_tenant(rows_of(home), tenant)
    assert actions(own).count("a.b") == 60000 and len(own["memberships"]) == 3
