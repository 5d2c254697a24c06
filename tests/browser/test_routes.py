"""Routes: created, followed by a request, switched off and on, changed, deleted."""

from console import PATIENCE_MS
from playwright.sync_api import expect
from running_platform import call


def leads(platform, path, token=None):
    """Whether the service answers there, and not the console, whose page is at every other address."""
    answer = call("GET", f"{platform.gateway}{path}", token=token)
    return answer.status if "json" in answer.headers["Content-Type"] else "the console"


def test_a_request_follows_a_route(open_console, platform, administrator, owner, start_instance):
    start_instance("routed")
    console = open_console(administrator)
    page = console.page
    console.goto("/routes", "Routes")
    page.get_by_role("button", name="New route").click()
    dialog = page.get_by_role("dialog", name="New route")
    dialog.get_by_label("Path begins with").fill("shop")
    dialog.get_by_label("Service").fill("routed")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.get_by_text("A path begins with a slash.")).to_be_visible()
    dialog.get_by_label("Path begins with").fill("/shop")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog).to_be_hidden()
    expect(console.row("/shop")).to_contain_text("routed")
    comes_to = lambda status: platform.wait_for(
        f"{status} of the route", lambda: leads(platform, "/shop/v1/orders", owner.token) == status
    )
    comes_to(200)
    assert leads(platform, "/shop/v1/orders") == 401

    switch = page.get_by_role("switch", name="Enable route /shop")
    switch.click()
    expect(switch).not_to_be_checked()
    comes_to("the console")
    switch.click()
    expect(switch).to_be_checked()
    comes_to(200)

    console.choose("/shop", "Edit")
    dialog = page.get_by_role("dialog", name="Edit route")
    dialog.get_by_label("Path begins with").fill("/market")
    dialog.get_by_role("button", name="Save").click()
    expect(console.row("/market")).to_be_visible()
    platform.wait_for("the new path", lambda: leads(platform, "/market/v1/orders", owner.token) == 200)

    console.choose("/market", "Delete")
    console.confirm("Delete")
    expect(page.get_by_text("No routes yet")).to_be_visible(timeout=PATIENCE_MS)


def test_two_routes_for_the_same_requests_contradict_each_other(open_console, platform, administrator):
    route = {"path": "/twice", "service": "core"}
    made = call("POST", f"{platform.api}/registry/v1/routes", route, administrator.token)
    assert made.status == 201, made.body
    console = open_console(administrator)
    console.goto("/routes", "Routes")
    console.allow(409)
    console.page.get_by_role("button", name="New route").click()
    dialog = console.page.get_by_role("dialog", name="New route")
    dialog.get_by_label("Path begins with").fill("/twice")
    dialog.get_by_label("Service").fill("core")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog).to_contain_text("Another enabled route answers to the same requests.")
    address = f"{platform.api}/registry/v1/routes/{made.json()['id']}"
    assert call("DELETE", address, token=administrator.token).status == 204
