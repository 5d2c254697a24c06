"""A database that is away, hangs, is locked or full: 503 with `Retry-After`, and nothing that was
acknowledged is lost."""

import concurrent.futures
import contextlib
import os
import pathlib
import resource
import sqlite3
import subprocess

import pytest
from callers import operator
from described import JSON, encoded
from postgres import Cable, new_database, sql
from running_platform import Platform, call
from wire import problem, send


class Customer:
    """Makes tenants and remembers which of them it was told are there."""

    def __init__(self, platform):
        self.platform, self.token, self.told, self.number = platform, operator(platform), set(), 0

    def make(self, text=""):
        self.number += 1
        body = encoded({"name": f"Tenant {self.number} {text}"})
        answer = send(self.platform.gateway, "POST", "/api/core/v1/tenants", [JSON], body, self.token)
        if answer.status == 201:
            self.told.add(answer.json()["id"])
        return answer

    def sign_in_again(self):
        person = {"email": "admin@localhost", "password": "three green teapots"}
        answer = call("POST", f"{self.platform.core}/v1/auth/login", person)
        assert answer.status == 200, answer.body
        self.token = answer.json()["access_token"]

    def check_that_nothing_is_lost(self):
        listed, cursor = set(), ""
        while cursor is not None:
            url = f"{self.platform.core}/v1/tenants?limit=200" + (f"&cursor={cursor}" if cursor else "")
            page = call("GET", url, token=self.token)
            assert page.status == 200, page.body
            listed |= {tenant["id"] for tenant in page.json()["items"]}
            cursor = page.json()["next_cursor"]
        assert self.told and self.told <= listed


def writes(platform, token):
    """Something that writes at each door, none of which may pretend that it was done."""
    person = encoded({"email": "admin@localhost", "password": "three green teapots"})
    instance = encoded({"address": "127.0.0.1", "port": 9})
    route = encoded({"path": "/away", "service": "away"})
    yield platform.gateway, "POST", "/api/core/v1/auth/login", person, None
    yield platform.gateway, "POST", "/api/registry/v1/routes", route, token
    yield platform.core, "POST", "/v1/tenants", encoded({"name": "Away"}), token
    yield platform.core, "POST", "/v1/auth/login", person, None
    yield platform.registry, "POST", "/v1/services/away/instances", instance, None
    yield platform.registry, "POST", "/v1/routes", route, token


def all_say_503(platform, token, codes):
    with concurrent.futures.ThreadPoolExecutor(8) as side_by_side:
        calls = list(writes(platform, token))
        answers = side_by_side.map(lambda each: send(each[0], each[1], each[2], [JSON], each[3], each[4]), calls)
        for (_, method, path, _, _), answer in zip(calls, answers):
            said = problem(answer, f"{method} {path}", 503)
            assert said["code"] in codes, said


def health(platform, kind):
    return {name: send(base, "GET", f"/health/{kind}").status
            for name, base in (("core", platform.core), ("registry", platform.registry), ("gateway", platform.gateway))}


def comes_back(platform, customer):
    platform.wait_for("a tenant made", lambda: customer.make().status == 201)
    platform.wait_for("readiness", lambda: set(health(platform, "ready").values()) == {200})
    customer.check_that_nothing_is_lost()


def test_sqlite_locked_by_somebody_else():
    with Platform() as platform:
        customer = Customer(platform)
        assert customer.make().status == 201
        with contextlib.closing(sqlite3.connect(platform.data / "saas.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            all_say_503(platform, customer.token, {"database_unavailable"})
            # Readers go on, and so does what needs no database.
            answer = send(platform.core, "GET", "/v1/tenants", token=customer.token)
            assert answer.status == 200, answer
            assert set(health(platform, "live").values()) == {200}
            other.execute("ROLLBACK")
        comes_back(platform, customer)
        no_half_done_work(platform, customer)


def no_half_done_work(platform, customer):
    """What was answered with 503 was not done all the same."""
    routes = call("GET", f"{platform.registry}/v1/routes", token=customer.token).json()["items"]
    assert not [route for route in routes if route["path"] == "/away"]
    tenants = call("GET", f"{platform.core}/v1/tenants?q=Away", token=customer.token).json()["items"]
    assert tenants == []


def fill_and_make_room(platform, customer, make_room):
    refused = 0
    # After a refusal there may be room for something smaller; whatever is acknowledged has to last.
    for _ in range(5000):
        answer = customer.make("x" * 180)
        if answer.status != 201:
            assert problem(answer, "a full disk", 503)["code"] == "database_unavailable"
            refused += 1
        if refused == 5:
            break
    assert refused == 5 and len(customer.told) > 3, (refused, len(customer.told))
    assert send(platform.core, "GET", "/v1/tenants", token=customer.token).status == 200
    assert set(health(platform, "live").values()) == {200}
    make_room()
    comes_back(platform, customer)
    platform.kill()
    platform.start()
    customer.sign_in_again()
    customer.check_that_nothing_is_lost()


def test_a_limit_on_the_size_of_files():
    """What an unprivileged test can do: the write fails as on a full disk."""
    with Platform(SECRET_KEY="mV9x2Qk7sT4wZ8bN1cR6yH3uJ5pL0dFgA") as platform:
        customer = Customer(platform)
        largest = max(file.stat().st_size for file in platform.data.iterdir() if file.is_file())
        limit = lambda size: resource.prlimit(platform.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        limit(largest + 400_000)
        fill_and_make_room(platform, customer, lambda: limit(resource.RLIM_INFINITY))


@pytest.fixture
def small_disk(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "saas-test", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def may_mount():
    if os.geteuid() != 0:
        return False
    # In a mount namespace of its own, which leaves nothing behind.
    return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True).returncode == 0


if may_mount():

    def test_a_full_disk(small_disk):
        with Platform(SECRET_KEY="mV9x2Qk7sT4wZ8bN1cR6yH3uJ5pL0dFgA", DATA_DIR=str(small_disk / "data")) as platform:
            customer = Customer(platform)
            ballast = pathlib.Path(small_disk / "ballast")
            room = os.statvfs(small_disk)
            ballast.write_bytes(b"x" * (room.f_bavail * room.f_bsize - 300_000))
            fill_and_make_room(platform, customer, ballast.unlink)


def test_postgres_away_hanging_and_back():
    database = new_database()
    cable = Cable(database)
    with Platform(DATABASE_URL=cable.url, DATABASE_MIN_CONNECTIONS="2", DATABASE_MAX_CONNECTIONS="20") as platform:
        customer = Customer(platform)
        assert customer.make().status == 201
        assert set(health(platform, "ready").values()) == {200}

        cable.pull()
        all_say_503(platform, customer.token, {"database_unavailable", "trust_stale"})
        away(platform)
        cable.put_back()
        comes_back(platform, customer)

        cable.freeze()
        all_say_503(platform, customer.token, {"database_unavailable", "trust_stale", "time_limit"})
        away(platform)
        cable.thaw()
        comes_back(platform, customer)

        # An administrator's `pg_terminate_backend`: each connection ends with a message.
        with concurrent.futures.ThreadPoolExecutor(4) as side_by_side:
            made = [side_by_side.submit(customer.make) for _ in range(20)]
            name = database.rpartition("/")[2]
            sql(database, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()")
            for each in made:
                answer = each.result()
                assert answer.status == 201 or problem(answer, "terminated", 503)
        comes_back(platform, customer)


def away(platform):
    assert set(health(platform, "live").values()) == {200}
    ready = health(platform, "ready")
    assert (ready["core"], ready["registry"]) == (503, 503), ready
