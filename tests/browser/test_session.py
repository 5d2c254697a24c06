"""Coming in, staying in, going out; where the tokens are, and where they are not."""

import re

from console import accepted
from playwright.sync_api import expect

COOKIE = re.compile(r"^(__Host-)?saas")


def test_the_first_sign_in_demands_a_password_of_ones_own(first_sign_in):
    # The fixture is the test: no page but that of the new password opened before.
    assert first_sign_in.complaints == []


def test_somebody_new_signs_up_and_is_the_owner(open_console):
    console = open_console()
    page = console.page
    page.goto("/sign-in")
    page.get_by_role("link", name="Create one").click()
    page.get_by_label("Your name").fill("Kim")
    page.get_by_label("Name of the tenant").fill("Kim's Kites")
    page.get_by_label("E-mail address").fill("kim@kites.example")
    page.get_by_label("Password").fill("wind and a long string")
    page.get_by_role("button", name="Create account").click()
    console.shows("Overview")
    expect(page.get_by_text("Kim's Kites").first).to_be_visible()
    expect(page.get_by_role("main").get_by_text("Owner")).to_be_visible()


def test_a_wrong_password_is_said_in_words(open_console, owner):
    console = open_console()
    console.allow(401)
    console.sign_in(owner.email, "not the password")
    expect(console.page.get_by_role("alert")).to_contain_text("E-mail address or password is wrong.")


def test_a_reload_keeps_the_session_and_the_page(open_console, owner):
    console = open_console(owner)
    console.goto("/members?role=owner", "Members")
    console.page.reload()
    console.shows("Members")
    assert console.page.url.endswith("/members?role=owner")


def test_no_script_can_read_a_token(open_console, owner):
    console = open_console(owner)
    console.goto("/members", "Members")
    tokens = {request.headers.get("authorization", "").removeprefix("Bearer ") for request in console.requests} - {""}
    cookies = {cookie["name"]: cookie for cookie in console.context.cookies()}
    assert tokens and len(cookies) == 1
    (cookie,) = cookies.values()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    stored = console.stored()
    for secret in {*tokens, cookie["value"]}:
        assert secret not in stored
    # Nor anything else that looks like a token of ours.
    assert "eyJ" not in stored


def test_two_tabs_take_turns_and_leave_together(open_console, owner):
    console = open_console(owner)
    first, second = console.page, console.another_tab()
    second.goto("/sessions")
    second.get_by_role("heading", name="My sessions").wait_for()
    # Both want the one refresh token, which works once, at the same time.
    for _ in range(2):
        for tab in (first, second):
            tab.evaluate("location.reload()")
        second.get_by_role("heading", name="My sessions").wait_for()
        first.get_by_role("heading", name="Overview").wait_for()
    first.get_by_role("button", name="Account of Owner").click()
    first.get_by_role("menuitem", name="Sign out").click()
    for tab in (first, second):
        tab.wait_for_url("**/sign-in")
    assert console.context.cookies() == []


def test_signing_out_ends_the_session_at_the_server(open_console, owner):
    console = open_console(owner)
    console.shows("Overview")
    (cookie,) = console.context.cookies()
    with console.page.expect_response("**/v1/auth/logout") as answer:
        console.page.get_by_role("button", name="Account of Owner").click()
        console.page.get_by_role("menuitem", name="Sign out").click()
    assert answer.value.status == 204
    console.page.wait_for_url("**/sign-in")
    # Somebody who kept the cookie gets nothing for it.
    console.context.add_cookies([cookie])
    console.page.goto("/members")
    console.page.wait_for_url("**/sign-in*")
    csrf = console.page.evaluate("localStorage.getItem('saas.csrf')")
    assert csrf is None


def test_a_session_ended_elsewhere_is_over_here(open_console, platform, owner):
    console = open_console(owner)
    console.goto("/sessions", "My sessions")
    console.allow(401)
    sessions = accepted(200, "GET", f"{platform.api}/core/v1/sessions?sort=-created_at", token=owner.token)
    accepted(204, "DELETE", f"{platform.api}/core/v1/sessions/{sessions['items'][0]['id']}", token=owner.token)
    console.page.get_by_role("link", name="Members").click()
    expect(console.page.get_by_text("Your session has ended. Please sign in again.")).to_be_visible()
    # And leads back to where it was.
    console.page.locator("#email").fill(owner.email)
    console.page.locator("#password").fill(owner.password)
    console.page.locator("button[type=submit]").click()
    console.shows("Members")
