import pytest
from playwright.sync_api import expect, sync_playwright

from stage import ADMIN, CHROMIUM, CHROMIUM_ARGUMENTS, PASSWORD, Platform

WAIT_MS = 20_000
OWNER = "owner@teahouse.example"
WIDTHS = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 375, "height": 812}}

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    platform = Platform(tmp_path_factory.mktemp("platform"))
    try:
        platform.start_orders()
        token = platform.sign_up(OWNER, "Teahouse")
        platform.wait_until_orders_answer(token)
        for _ in range(20):
            assert platform.call("GET", "/api/orders/v1/orders", token).status_code == 200
        yield platform
    finally:
        status = platform.stop()
    assert status == 0, platform.process.text()[-4000:]
    assert "panicked at" not in platform.process.text()


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(platform, chromium):
    """Opens pages in browsers of their own. What they complain of fails the test at its end."""
    contexts, complaints = [], []

    def is_complaint(message):
        # A browser without a session asks for one once, and is told 401: that is no defect.
        refused_session = "401" in message.text and "/api/core/v1/auth/refresh" in message.location.get("url", "")
        return message.type in ("error", "warning") and not refused_session

    def watch(message):
        if is_complaint(message):
            complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def open_one(width="desktop"):
        context = chromium.new_context(base_url=platform.url, viewport=WIDTHS[width], locale="en-US")
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", watch)
        page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def administrator(platform):
    """The administrator's password is chosen, here over the API unless the first test has done it."""
    login = {"email": ADMIN, "password": platform.one_time_password}
    answer = platform.call("POST", "/api/core/v1/auth/login", json=login)
    if answer.status_code == 200:
        change = {"current_password": platform.one_time_password, "new_password": PASSWORD}
        token = answer.json()["access_token"]
        platform.call("POST", "/api/core/v1/me/password", token, json=change).raise_for_status()
    return ADMIN
