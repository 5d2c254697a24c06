"""The console as people use it: embedded in the binary, served by the gateway, in Chromium."""

import re

import pytest
from playwright.sync_api import expect

from conftest import OWNER
from stage import ADMIN, PASSWORD

PLATFORM_PAGES = ["/", "/services", "/services/orders/instances", "/routes", "/tenants", "/audit", "/sessions"]
WORDS = {
    "en": {"html": "en", "overview": "Overview", "navigation": "Main navigation"},
    "zh-CN": {"html": "zh-CN", "overview": "概览", "navigation": "主导航"},
}


def sign_in(page, email, password=PASSWORD):
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def signed_in(page, email):
    sign_in(page, email)
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    return page


def choose_password(page, given, chosen=PASSWORD):
    expect(page.get_by_role("heading", name="Choose your password")).to_be_visible()
    page.get_by_label("Current password").fill(given)
    page.get_by_label("New password", exact=True).fill(chosen)
    page.get_by_label("New password again").fill(chosen)
    page.get_by_role("button", name="Save and go on").click()


def speak(page, language):
    page.get_by_role("button", name=re.compile("^(Language|语言):")).locator("visible=true").click()
    page.get_by_role("menuitem", name=language).click()


def row(page, list_name, text):
    return page.get_by_role("table", name=list_name).get_by_role("row").filter(has_text=text)


def choose_action(page, of, action):
    page.get_by_role("button", name=f"More actions: {of}").click()
    page.get_by_role("menuitem", name=action).click()


def sign_out(page):
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def fits(page):
    """Nothing sticks out sideways."""
    page.wait_for_function(
        "() => document.scrollingElement.scrollWidth <= document.scrollingElement.clientWidth", timeout=3_000
    )


def settled(page):
    """The page's data is there: its heading is, and nothing is being loaded."""
    expect(page.locator("main h1")).to_be_visible()
    expect(page.locator(".ant-skeleton")).to_have_count(0)


def test_first_sign_in_and_forced_password_change(platform, open_page):
    page = open_page()
    sign_in(page, ADMIN, platform.one_time_password)
    expect(page.get_by_role("heading", name="Choose your password")).to_be_visible()
    page.goto("/services")
    choose_password(page, platform.one_time_password)
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    sign_out(page)
    page.goto("/services")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_dashboard_shows_services_and_traffic(administrator, open_page):
    page = signed_in(open_page(), administrator)
    tiles = page.locator(".tile")
    expect(tiles.filter(has_text="Services").locator(".tile-figure")).to_have_text("3")
    expect(tiles.filter(has_text="Instances up").locator(".tile-figure")).to_have_text("3")
    expect(page.get_by_text("Every service has at least one instance up.")).to_be_visible()
    charts = page.locator("figure")
    expect(charts).to_have_count(3)
    expect(charts.first.locator("svg path").first).to_be_attached()
    expect(page.locator(".legend").first).to_contain_text("orders")


def test_services_page_lists_services(administrator, open_page):
    page = signed_in(open_page(), administrator)
    page.get_by_role("link", name="Services").click()
    for name in ("core", "orders", "registry"):
        expect(row(page, "Services", name)).to_contain_text("1 of 1 up")


def test_instances_are_followed_live(platform, administrator, open_page):
    page = signed_in(open_page(), administrator)
    page.goto("/services/orders/instances")
    rows = page.get_by_role("table", name="Instances").get_by_role("row").filter(has_text="127.0.0.1")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Up")

    doomed, doomed_name = platform.start_orders()
    expect(rows).to_have_count(2)
    appeared = row(page, "Instances", doomed_name)
    expect(appeared.get_by_text("Up", exact=True)).to_be_visible()
    doomed.kill()
    # Its lease runs out, or its check fails: it is not shown as up for long.
    expect(appeared.get_by_text("Up", exact=True)).to_have_count(0, timeout=45_000)

    leaving, leaving_name = platform.start_orders()
    drained = row(page, "Instances", leaving_name)
    expect(drained.get_by_text("Up", exact=True)).to_be_visible()
    page.get_by_role("button", name=f"Drain: {leaving_name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Drain").click()
    expect(drained.get_by_text("Draining")).to_be_visible()
    expect(page.get_by_text(f"{leaving_name} is drained")).to_be_visible(timeout=40_000)
    assert leaving.stop() == 0
    expect(drained).to_have_count(0)


def test_operator_creates_suspends_and_activates_a_tenant(administrator, open_page):
    page = signed_in(open_page(), administrator)
    page.get_by_role("link", name="Tenants").click()
    page.get_by_role("button", name="New tenant").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Bookshop 书店")
    dialog.get_by_label("Short name").fill("bookshop")
    dialog.get_by_label("Owner’s e-mail address").fill("owner@bookshop.example")
    dialog.get_by_role("button", name="Create").click()
    handed_over = page.get_by_role("dialog", name="One-time password for owner@bookshop.example")
    expect(handed_over.locator("code")).to_have_text(re.compile("^[0-9a-z-]{20,}$"))
    handed_over.get_by_role("button", name="Done").click()
    tenant = row(page, "Tenants", "Bookshop 书店")
    expect(tenant).to_contain_text("Active")

    choose_action(page, "Bookshop 书店", "Suspend")
    page.get_by_role("dialog").get_by_role("button", name="Suspend").click()
    expect(tenant).to_contain_text("Suspended")
    choose_action(page, "Bookshop 书店", "Activate")
    expect(tenant).to_contain_text("Active")


def test_owner_adds_a_member_who_then_signs_in(platform, open_page):
    page = signed_in(open_page(), OWNER)
    expect(page.get_by_role("link", name="Tenants")).to_have_count(0)
    page.get_by_role("link", name="Members", exact=True).click()
    page.get_by_role("button", name="Add member").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("E-mail address").fill("mei@teahouse.example")
    dialog.get_by_label("Name", exact=True).fill("Mei 梅")
    dialog.get_by_role("button", name="Add").click()
    handed_over = page.get_by_role("dialog", name="One-time password for Mei 梅")
    one_time = handed_over.locator("code").inner_text()
    handed_over.get_by_role("button", name="Done").click()
    expect(row(page, "Members", "mei@teahouse.example")).to_contain_text("Member")
    sign_out(page)

    member = open_page()
    sign_in(member, "mei@teahouse.example", one_time)
    choose_password(member, one_time, "a pot of jasmine")
    expect(member.get_by_text("Welcome, Mei 梅")).to_be_visible()
    expect(member.get_by_role("main").get_by_text("Teahouse")).to_be_visible()
    expect(member.get_by_role("button", name="Add member")).to_have_count(0)


def test_language_is_switched_and_kept(administrator, open_page):
    page = signed_in(open_page(), administrator)
    speak(page, "简体中文")
    expect(page.get_by_role("heading", level=1, name="概览")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.reload()
    expect(page.get_by_role("heading", level=1, name="概览")).to_be_visible()
    speak(page, "English")
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()


@pytest.mark.parametrize("width", ["desktop", "phone"])
@pytest.mark.parametrize("language", WORDS)
def test_every_page_fits(administrator, open_page, language, width):
    page = open_page(width)
    page.goto("/sign-in")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    fits(page)
    signed_in(page, administrator)
    if language != "en":
        speak(page, "简体中文")
    expect(page.get_by_role("heading", level=1, name=WORDS[language]["overview"])).to_be_visible()
    for address in PLATFORM_PAGES:
        page.goto(address)
        settled(page)
        expect(page.locator("html")).to_have_attribute("lang", WORDS[language]["html"])
        fits(page)


@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_members_page_fits(platform, open_page, width):
    page = signed_in(open_page(width), OWNER)
    page.goto("/members")
    settled(page)
    fits(page)


def test_phone_navigates_by_its_drawer(administrator, open_page):
    page = signed_in(open_page("phone"), administrator)
    page.get_by_role("button", name="Open navigation").click()
    page.get_by_role("dialog").get_by_role("link", name="Services").click()
    expect(page.get_by_role("heading", level=1, name="Services")).to_be_visible()
    expect(page.get_by_role("list", name="Services").get_by_text("orders")).to_be_visible()
    fits(page)


@pytest.mark.parametrize("service", ["core", "registry"])
def test_api_documentation_renders(platform, open_page, service):
    page = open_page()
    page.goto(f"/api/{service}/docs")
    expect(page.locator("#reference").get_by_role("heading").first).to_be_visible()
    expect(page.get_by_text("/v1/", exact=False).locator("visible=true").first).to_be_visible()
    fits(page)
