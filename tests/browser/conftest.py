"""What the console's tests share: the browser, the administrator, a service with customers."""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import types

import pytest
from playwright.sync_api import sync_playwright
from running_platform import ROOT

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from console import Console, accepted  # noqa: E402

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


@dataclasses.dataclass
class Person:
    email: str
    password: str
    token: str = ""


@pytest.fixture(scope="session")
def playwright():
    """There may be one at a time only."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright):
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture
def open_console(browser, platform):
    """Opens windows at the console; in the end, nothing may have gone wrong in any of them."""
    opened = []

    def open_console(person=None, **options):
        console = Console(browser, platform.gateway, **options)
        opened.append(console)
        if person:
            console.sign_in(person.email, person.password)
            console.page.wait_for_url(lambda url: "/sign-in" not in url)
        return console

    yield open_console
    for console in opened:
        console.context.close()
    assert [complaint for console in opened for complaint in console.complaints] == []


@pytest.fixture(scope="session")
def first_sign_in(browser, platform):
    """The administrator's first sign-in, in the browser; what was seen on the way."""
    console = Console(browser, platform.gateway)
    given, own = platform.one_time_password(), "three green teapots"
    console.sign_in("admin@localhost", given)
    console.page.wait_for_url("**/password")
    console.page.goto("/services")
    console.page.wait_for_url("**/password")
    console.page.locator("#current_password").fill(given)
    console.page.locator("#new_password").fill(own)
    console.page.locator("#repeat").fill(own)
    console.page.locator("button[type=submit]").click()
    console.shows("Overview")
    console.context.close()
    return types.SimpleNamespace(complaints=console.complaints, person=Person("admin@localhost", own))


@pytest.fixture(scope="session")
def administrator(first_sign_in, platform):
    person = first_sign_in.person
    person.token = token_of(platform, person)
    return person


def token_of(platform, person):
    login = {"email": person.email, "password": person.password}
    return accepted(200, "POST", f"{platform.api}/core/v1/auth/login", login)["access_token"]


@pytest.fixture(scope="session")
def owner(platform):
    """The owner of a tenant."""
    token = platform.sign_up("teahouse")["access_token"]
    return Person("owner@teahouse.example", "a kettle and teahouse leaves", token)


@pytest.fixture(scope="session")
def member(platform, owner):
    """Somebody in that tenant who may do nothing but use it."""
    person = Person("guest@teahouse.example", "a cup and its saucer")
    added = accepted(201, "POST", f"{platform.api}/core/v1/members", {"email": person.email, "role": "member"}, owner.token)
    once = Person(person.email, added["one_time_password"])
    passwords = {"current_password": once.password, "new_password": person.password}
    accepted(200, "POST", f"{platform.api}/core/v1/me/password", passwords, token_of(platform, once))
    return person


@pytest.fixture
def start_instance(platform, tmp_path):
    """Starts instances of the example service; those still there in the end are asked to leave."""
    started = []

    def start_instance(name):
        command = [sys.executable, "-u", str(ROOT / "examples/python/orders.py"), "--name", name]
        command += ["--registry", platform.registry, "--data", str(tmp_path / "orders.db"), "--drain", "1"]
        log = open(tmp_path / "orders.log", "ab")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        started.append(process)
        # "orders-… listens on http://…"
        process.instance = process.stdout.readline().split()[0]
        return process

    yield start_instance
    for process in started:
        process.terminate()
    for process in started:
        process.wait(30)
        process.stdout.close()
