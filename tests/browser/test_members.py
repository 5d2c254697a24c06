"""Members of a tenant: added, invited, given another role, removed."""

import re

from playwright.sync_api import expect


def test_a_member_is_added_changed_and_removed(open_console, owner):
    console = open_console(owner)
    page = console.page
    console.goto("/members", "Members")
    page.get_by_role("button", name="Add member").click()
    dialog = page.get_by_role("dialog", name="Add member")
    dialog.get_by_label("E-mail address").fill("not an address")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_text("This does not look like an e-mail address.")).to_be_visible()
    dialog.get_by_label("E-mail address").fill("noor@teahouse.example")
    dialog.get_by_label("Name").fill("Noor")
    dialog.get_by_role("button", name="Add").click()
    told = page.get_by_role("dialog").filter(has_text="One-time password for Noor")
    expect(told.locator("code")).to_have_text(re.compile(r"\S{12,}"))
    told.get_by_role("button", name="Done").click()
    expect(console.row("noor@teahouse.example")).to_contain_text("Member")

    console.choose("Noor", "Role of Noor")
    dialog = page.get_by_role("dialog", name="Role of Noor")
    dialog.get_by_role("radio", name="Admin").check()
    dialog.get_by_role("button", name="Save").click()
    expect(console.row("noor@teahouse.example")).to_contain_text("Admin")

    console.choose("Noor", "Remove from tenant")
    console.confirm("Remove")
    expect(console.row("noor@teahouse.example")).to_have_count(0)


def test_somebody_with_an_account_is_invited_and_joins(open_console, platform, owner):
    platform.sign_up("visitor")
    console = open_console(owner)
    page = console.page
    console.goto("/members", "Members")
    page.get_by_role("button", name="Add member").click()
    dialog = page.get_by_role("dialog", name="Add member")
    dialog.get_by_label("E-mail address").fill("owner@visitor.example")
    dialog.get_by_role("button", name="Add").click()
    told = page.get_by_role("dialog").filter(has_text="Invitation of owner@visitor.example")
    code = told.locator("code").inner_text()
    told.get_by_role("button", name="Done").click()
    invited = page.get_by_role("region", name="Open invitations")
    expect(invited).to_contain_text("owner@visitor.example")

    guest = open_console()
    guest.sign_in("owner@visitor.example", "a kettle and visitor leaves")
    guest.shows("Overview")
    guest.page.get_by_role("button", name="Account of Owner").click()
    guest.page.get_by_role("menuitem", name="Join a tenant").click()
    dialog = guest.page.get_by_role("dialog", name="Join a tenant")
    dialog.get_by_label("Invitation code").fill(code)
    dialog.get_by_role("button", name="Join", exact=True).click()
    expect(dialog).to_be_hidden()
    guest.page.get_by_role("button", name="Account of Owner").click()
    guest.page.get_by_role("menuitem", name="teahouse").click()
    expect(guest.page.get_by_text("You now act for teahouse.")).to_be_visible()
    page.reload()
    expect(console.row("owner@visitor.example")).to_contain_text("Member")
    expect(invited).to_have_count(0)


def test_the_last_owner_stays(open_console, platform):
    platform.sign_up("hermit")
    console = open_console()
    console.sign_in("owner@hermit.example", "a kettle and hermit leaves")
    console.shows("Overview")
    console.goto("/members", "Members")
    console.allow(409)
    console.choose("Owner", "Remove from tenant")
    console.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(console.page.get_by_text("A tenant needs at least one owner.")).to_be_visible()
    expect(console.row("owner@hermit.example")).to_be_visible()
