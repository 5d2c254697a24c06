"""Tenants: created, renamed, suspended, activated; and the list's state in the address."""

from console import accepted
from playwright.sync_api import expect
from running_platform import call


def test_a_tenant_is_created_and_its_owner_gets_a_password(open_console, platform, administrator):
    console = open_console(administrator)
    page = console.page
    console.goto("/tenants", "Tenants")
    page.get_by_role("button", name="New tenant").click()
    dialog = page.get_by_role("dialog", name="New tenant")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.get_by_text("Please fill this in.")).to_be_visible()
    dialog.get_by_label("Name", exact=True).fill("Bakery")
    dialog.get_by_label("Short name").fill("bakery")
    dialog.get_by_label("Owner’s e-mail address").fill("owner@bakery.example")
    dialog.get_by_role("button", name="Create").click()
    told = page.get_by_role("dialog").filter(has_text="One-time password")
    password = told.locator("code").inner_text()
    told.get_by_role("button", name="Done").click()
    expect(page.get_by_role("cell", name="Bakery", exact=True)).to_be_visible()
    expect(console.row("Bakery")).to_contain_text("Active")
    login = {"email": "owner@bakery.example", "password": password}
    answer = accepted(200, "POST", f"{platform.api}/core/v1/auth/login", login)
    assert answer["user"]["must_change_password"]

    # The same short name again is refused where it was typed.
    console.allow(409)
    page.get_by_role("button", name="New tenant").click()
    dialog.get_by_label("Name", exact=True).fill("Bakery too")
    dialog.get_by_label("Short name").fill("bakery")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.get_by_text("This short name is already used by another tenant.")).to_be_visible()
    assert dialog.get_by_label("Name", exact=True).input_value() == "Bakery too"


def test_a_tenant_is_renamed_suspended_and_activated(open_console, platform, administrator):
    inside = platform.sign_up("florist")["access_token"]
    console = open_console(administrator)
    page = console.page
    console.goto("/tenants?q=florist", "Tenants")
    console.choose("florist", "Rename tenant")
    dialog = page.get_by_role("dialog", name="Rename tenant")
    expect(dialog.get_by_label("Name")).to_have_value("florist")
    dialog.get_by_label("Name").fill("Florist & Daughters")
    dialog.get_by_role("button", name="Save").click()
    expect(console.row("Florist & Daughters")).to_be_visible()

    console.choose("Florist & Daughters", "Suspend")
    console.confirm("Suspend")
    expect(console.row("Florist & Daughters")).to_contain_text("Suspended")
    platform.wait_for(
        "the suspension",
        lambda: call("GET", f"{platform.api}/core/v1/members", token=inside).status in (401, 403),
    )
    console.choose("Florist & Daughters", "Activate")
    expect(console.row("Florist & Daughters")).to_contain_text("Active")
    login = {"email": "owner@florist.example", "password": "a kettle and florist leaves"}
    accepted(200, "POST", f"{platform.api}/core/v1/auth/login", login)


def test_somebody_elses_change_in_between_is_not_overwritten(open_console, platform, administrator):
    tenant = platform.sign_up("quarry")["tenant"]
    console = open_console(administrator)
    console.goto("/tenants?q=quarry", "Tenants")
    console.choose("quarry", "Rename tenant")
    dialog = console.page.get_by_role("dialog", name="Rename tenant")
    dialog.get_by_label("Name").fill("Mine")
    accepted(200, "PATCH", f"{platform.api}/core/v1/tenants/{tenant['id']}", {"name": "quarry two"}, administrator.token)
    console.allow(412)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Somebody else has changed this meanwhile.")


def test_filters_and_order_are_in_the_address(open_console, platform, administrator):
    for name in ("lamp-one", "lamp-two"):
        platform.sign_up(name)
    console = open_console(administrator)
    page = console.page
    names = page.locator("tbody .records-title")
    console.goto("/tenants", "Tenants")
    page.get_by_role("searchbox").fill("lamp-")
    page.wait_for_url("**/tenants?q=lamp-")
    expect(names).to_have_text(["lamp-two", "lamp-one"])
    page.get_by_role("button", name="Created").click()
    page.wait_for_url("**/tenants?q=lamp-&sort=created_at")
    expect(names).to_have_text(["lamp-one", "lamp-two"])
    page.get_by_text("Suspended", exact=True).click()
    page.wait_for_url("**status=suspended")
    expect(page.get_by_text("Nothing matches these filters.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("lamp-")
    page.get_by_role("button", name="Clear filters").click()
    page.wait_for_url("**/tenants")
    expect(page.get_by_role("searchbox")).to_have_value("")


def test_the_page_of_a_list_is_in_the_address(open_console, platform, administrator):
    tenant = platform.sign_up("archive")["tenant"]["id"]
    for number in range(30):
        change = {"name": f"archive {number}"}
        accepted(200, "PATCH", f"{platform.api}/core/v1/tenants/{tenant}", change, administrator.token)
    console = open_console(administrator)
    page = console.page
    console.goto("/audit?action=tenant.renamed", "Audit log")
    expect(page.locator("tbody tr")).to_have_count(25)
    page.get_by_role("button", name="Next page").click()
    page.wait_for_url("**cursor=*")
    expect(page.locator("tbody tr").nth(24)).to_be_hidden()
    rows = page.locator("tbody tr").count()
    assert 5 <= rows < 25
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(rows)
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(25)
