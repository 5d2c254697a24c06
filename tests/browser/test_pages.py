"""Every page, in both languages, on a desk and on a phone, loaded by its address."""

import pytest
from console import DESK, PHONE
from playwright.sync_api import expect

SIZES = {"desk": DESK, "phone": PHONE}

# Address, heading in English and in Chinese.
ENTRANCE = [("/sign-in", "Sign in", "登录"), ("/sign-up", "Create an account", "注册账号")]
PLATFORM = [
    ("/", "Overview", "概览"),
    ("/services", "Services", "服务"),
    ("/services/registry/instances", "registry", "registry"),
    ("/routes", "Routes", "路由"),
    ("/tenants", "Tenants", "租户"),
    ("/backups", "Backups", "备份"),
    ("/audit", "Audit log", "审计日志"),
    ("/sessions", "My sessions", "我的会话"),
    ("/password", "Choose your password", "设置您的密码"),
]
TENANT = [
    ("/", "Overview", "概览"),
    ("/members", "Members", "成员"),
    ("/audit", "Audit log", "审计日志"),
    ("/sessions", "My sessions", "我的会话"),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("locale", "language"), [("en-GB", "en"), ("zh-CN", "zh-CN")])
@pytest.mark.parametrize("whose", ["stranger", "administrator", "owner"])
def test_every_page_is_itself(request, open_console, whose, locale, language, size):
    person = None if whose == "stranger" else request.getfixturevalue(whose)
    pages = {"stranger": ENTRANCE, "administrator": PLATFORM, "owner": TENANT}[whose]
    console = open_console(person, locale=locale, size=SIZES[size])
    for path, english, chinese in pages:
        heading = english if language == "en" else chinese
        console.goto(path, heading)
        console.page.wait_for_load_state("networkidle") if path in ("/sign-in", "/sign-up") else None
        assert console.page.title().startswith(f"{heading} · ")
        assert console.page.evaluate("document.documentElement.lang") == language
        assert console.page.get_by_role("alert").count() == 0
        console.fits()
        console.is_translated()


def test_the_same_pages_in_the_dark(open_console, administrator):
    console = open_console(administrator, scheme="dark")
    for path, heading, _ in PLATFORM:
        console.goto(path, heading)
        background = console.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == "rgb(14, 18, 17)"


def test_an_address_without_a_page_says_so(open_console, owner):
    console = open_console(owner)
    console.goto("/no/such/page", "There is nothing here")
    assert console.page.title().startswith("There is nothing here · ")
    console.page.get_by_role("link", name="To the overview").click()
    console.shows("Overview")


def test_a_page_that_could_not_be_loaded_says_so_and_comes_at_the_next_visit(open_console, owner):
    console = open_console(owner)
    console.goto("/", "Overview")
    console.allow("failed")
    console.context.route("**/assets/**", lambda route: route.abort())
    console.page.get_by_role("link", name="Members", exact=True).click()
    console.shows("This page could not be loaded")
    console.context.unroute("**/assets/**")
    console.page.get_by_role("link", name="Overview", exact=True).click()
    console.shows("Overview")
    console.page.get_by_role("link", name="Members", exact=True).click()
    console.shows("Members")


def test_a_member_sees_nothing_of_the_platform(open_console, member):
    console = open_console(member)
    console.shows("Overview")
    links = console.page.get_by_role("navigation", name="Main navigation").get_by_role("link")
    assert links.all_inner_texts() == ["Overview", "Members", "My sessions"]
    for path in ("/services", "/services/core/instances", "/routes", "/tenants", "/backups", "/audit"):
        console.goto(path, "Not for your role")
        assert console.page.title().startswith("Not for your role · ")
    asked = {request.url.split("/api/")[1] for request in console.requests if "/api/" in request.url}
    assert not any("registry/" in path or "v1/tenants" in path or "v1/recovery" in path or "audit" in path for path in asked)


@pytest.mark.parametrize("size", SIZES)
def test_the_keyboard_alone_leads_to_a_page(open_console, owner, size):
    console = open_console(owner, size=SIZES[size])
    console.goto("/", "Overview")
    page = console.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    if size == "phone":
        page.get_by_role("button", name="Open navigation").focus()
        page.keyboard.press("Enter")
    page.get_by_role("link", name="Members", exact=True).last.focus()
    page.keyboard.press("Enter")
    console.shows("Members")
    # The next thing read or reached by Tab is on the new page.
    expect(page.locator("#content")).to_be_focused()


def test_what_is_wrong_with_a_field_keeps_away_from_the_next(open_console):
    console = open_console()
    page = console.page
    console.goto("/sign-up", "Create an account")
    page.locator("button[type=submit]").click()
    messages = page.locator(".ant-form-item-explain-error")
    expect(messages).to_have_count(4)
    page.evaluate("Promise.allSettled(document.getAnimations().map(animation => animation.finished))")
    # What is written below a field, and then the next field's label.
    ends = page.locator(".ant-form-item-additional > :last-child").evaluate_all(
        "parts => parts.map(part => part.getBoundingClientRect().bottom)"
    )
    labels = page.locator(".ant-form-item label").evaluate_all(
        "labels => labels.map(label => label.getBoundingClientRect().top)"
    )
    gaps = [top - bottom for bottom, top in zip(ends, labels[1:])]
    assert len(gaps) == 3 and all(10 <= gap <= 24 for gap in gaps), gaps
