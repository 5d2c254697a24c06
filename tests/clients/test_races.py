"""Many at once want the same: no 500, and what has to hold goes on to hold, on both databases."""

import concurrent.futures
import contextlib
import itertools
import sqlite3
import threading

import pytest
from callers import operator
from postgres import new_database, sql
from running_platform import Platform, call
from wire import problem

AT_ONCE = 20
ROUNDS = itertools.count()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def busy(request):
    settings = {} if request.param == "sqlite" else {"DATABASE_URL": new_database(), "DATABASE_MIN_CONNECTIONS": "2"}
    with Platform(**settings) as running:
        yield running


def at_once(calls):
    """The answers, in the order of the calls; all are sent when all are ready."""
    calls = list(calls)
    start = threading.Barrier(len(calls))

    def one(each):
        start.wait()
        return each()

    with concurrent.futures.ThreadPoolExecutor(len(calls)) as side_by_side:
        answers = list(side_by_side.map(one, calls))
    for answer in answers:
        if answer.status >= 400:
            problem(answer, "one of many at once", *((503,) if answer.status == 503 else ()))
    return answers


def statuses(answers):
    return sorted(answer.status for answer in answers)


def fresh(word):
    return f"{word}-{next(ROUNDS)}"


def core(platform, method, path, body=None, token=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: call(method, f"{platform.core}/v1/{path}", body, token=token, headers=headers)


def test_one_refresh_token_gives_one_successor(busy):
    signed_in = busy.sign_up(fresh("refresh"))
    body = {"refresh_token": signed_in["refresh_token"]}
    answers = at_once([core(busy, "POST", "auth/refresh", body)] * AT_ONCE)
    assert statuses(answers).count(200) == 1, statuses(answers)
    # Two had the token: whoever it was, the session is over, for the successor too.
    [good] = [answer.json() for answer in answers if answer.status == 200]
    again = core(busy, "POST", "auth/refresh", {"refresh_token": good["refresh_token"]})()
    assert again.status == 401, again.body


def test_one_refresh_token_with_one_key_gives_one_session(busy):
    signed_in = busy.sign_up(fresh("repeat"))
    body = {"refresh_token": signed_in["refresh_token"]}
    answers = at_once([core(busy, "POST", "auth/refresh", body, Idempotency_Key="again")] * AT_ONCE)
    assert set(statuses(answers)) == {200}, statuses(answers)
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    successor = {"refresh_token": answers[0].json()["refresh_token"]}
    assert core(busy, "POST", "auth/refresh", successor)().status == 200


def test_one_address_signs_up_once(busy):
    name = fresh("signup")
    person = {"email": f"owner@{name}.example", "password": f"a kettle and {name} leaves", "name": "Owner"}
    answers = at_once(core(busy, "POST", "auth/signup", person | {"tenant_name": f"{name} {number}"}) for number in range(8))
    assert statuses(answers) == [201] + [409] * 7, statuses(answers)
    signed_in = core(busy, "POST", "auth/login", {key: person[key] for key in ("email", "password")})()
    assert signed_in.status == 200 and signed_in.json()["tenant"], signed_in.body


def test_one_name_makes_many_tenants(busy):
    name = fresh("namesake")
    make = lambda number: {"email": f"owner{number}@{name}.example", "password": f"a kettle and {name} leaves",
                           "name": "Owner", "tenant_name": name}
    answers = at_once(core(busy, "POST", "auth/signup", make(number)) for number in range(8))
    made = [answer.json()["tenant"] for answer in answers if answer.status == 201]
    assert len(made) == 8, statuses(answers)
    assert len({tenant["slug"] for tenant in made}) == 8


def team(platform, word, size):
    """An owner's token, and the memberships of that many owners, the first one's included."""
    name = fresh(word)
    owner = platform.sign_up(name)
    for number in range(size - 1):
        body = {"email": f"{number}@{name}.example", "role": "owner"}
        made = core(platform, "POST", "members", body, owner["access_token"])()
        assert made.status == 201, made.body
    return name, owner["access_token"], members(platform, owner["access_token"])


def members(platform, token):
    listed = core(platform, "GET", "members", None, token)()
    assert listed.status == 200, listed.body
    return listed.json()["items"]


@pytest.mark.parametrize("how", ["removed", "demoted", "either"])
def test_the_last_owner_stays(busy, how):
    name, token, all_members = team(busy, "owners", 4)
    method = {"removed": ["DELETE"], "demoted": ["PATCH"], "either": ["DELETE", "PATCH"]}[how]
    calls = [
        core(busy, each, f"members/{member['id']}", {"role": "member"} if each == "PATCH" else None, token)
        for member in all_members
        for each in method
    ]
    answers = at_once(calls)
    assert any(answer.status < 300 for answer in answers), statuses(answers)
    assert count_owners(busy, name) >= 1, statuses(answers)


def count_owners(platform, name):
    """Straight from the database: nobody of the tenant may be left who could be asked."""
    question = ("SELECT COUNT(*) FROM memberships m JOIN tenants t ON t.id = m.tenant_id "
                f"WHERE t.name = '{name}' AND m.role = 'owner'")
    if url := platform.settings.get("DATABASE_URL"):
        return int(sql(url, question))
    with contextlib.closing(sqlite3.connect(f"file:{platform.data}/saas.db?mode=ro", uri=True)) as database:
        return database.execute(question).fetchone()[0]


@pytest.fixture(scope="module")
def operator_of(busy):
    return operator(busy)


def test_roles_changed_at_once_end_in_one_of_them(busy):
    _, token, all_members = team(busy, "roles", 2)
    other = next(member for member in all_members if not member["email"].startswith("owner@"))
    calls = [core(busy, "PATCH", f"members/{other['id']}", {"role": role}, token) for role in ("admin", "member") * 6]
    answers = at_once(calls)
    assert 200 in statuses(answers) and set(statuses(answers)) <= {200, 409, 412}, statuses(answers)
    [after] = [member for member in members(busy, token) if member["id"] == other["id"]]
    assert after["role"] in ("admin", "member")


def test_one_key_makes_one_thing(busy, operator_of):
    name = fresh("once")
    answers = at_once([core(busy, "POST", "tenants", {"name": name}, operator_of, Idempotency_Key=name)] * 10)
    assert set(statuses(answers)) == {201}, statuses(answers)
    assert len({answer.json()["id"] for answer in answers}) == 1
    found = core(busy, "GET", f"tenants?q={name}", None, operator_of)().json()["items"]
    assert len(found) == 1
    other = core(busy, "POST", "tenants", {"name": f"{name} two"}, operator_of, Idempotency_Key=name)()
    assert problem(other, "a key with another body", 422)["code"] == "idempotency_key_reused"
    # A route, likewise; and without a key one definition makes one route.
    route = {"path": f"/{name}", "service": "orders"}
    make = lambda **headers: lambda: call("POST", f"{busy.registry}/v1/routes", route, token=operator_of, headers=headers)
    answers = at_once([make(**{"Idempotency-Key": name})] * 10)
    assert set(statuses(answers)) == {201}, statuses(answers)
    assert len({answer.json()["id"] for answer in answers}) == 1
    answers = at_once([make()] * 10)
    assert set(statuses(answers)) == {409}, statuses(answers)
    route["path"] = f"/{name}-without-a-key"
    answers = at_once([make()] * 10)
    assert statuses(answers) == [201] + [409] * 9, statuses(answers)


def test_one_instance_registered_and_dropped_at_once(busy):
    url = f"{busy.registry}/v1/services/{fresh('racing')}/instances"
    body = {"id": "one", "address": "127.0.0.1", "port": 9}
    steps = [
        lambda: call("POST", url, body),
        lambda: call("PUT", f"{url}/one/heartbeat"),
        lambda: call("DELETE", f"{url}/one"),
        lambda: call("POST", f"{url}/one/drain"),
        lambda: call("DELETE", f"{url}/one/drain"),
    ]
    answers = at_once(steps * 6)
    assert set(statuses(answers)) <= {200, 201, 204, 404, 409}, statuses(answers)
    assert call("POST", url, body).status == 201


def test_tenants_suspended_and_activated_at_once(busy, operator_of):
    made = core(busy, "POST", "tenants", {"name": fresh("flicker")}, operator_of)().json()
    calls = [core(busy, "POST", f"tenants/{made['id']}/{what}", None, operator_of) for what in ("suspend", "activate") * 8]
    answers = at_once(calls)
    assert 200 in statuses(answers) and set(statuses(answers)) <= {200, 409, 412}, statuses(answers)


def test_one_password_changed_at_once(busy):
    name = fresh("password")
    signed_in = busy.sign_up(name)
    change = lambda number: {"current_password": f"a kettle and {name} leaves", "new_password": f"another kettle, number {number}"}
    answers = at_once(core(busy, "POST", "me/password", change(number), signed_in["access_token"]) for number in range(6))
    assert 200 in statuses(answers), statuses(answers)
    works = [
        number
        for number in range(6)
        if core(busy, "POST", "auth/login", {"email": f"owner@{name}.example", "password": change(number)["new_password"]})().status == 200
    ]
    assert len(works) == 1, works
