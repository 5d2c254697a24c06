"""Services and instances, live: what changes shows without a reload."""

import re

from console import PATIENCE_MS, accepted
from playwright.sync_api import expect
from running_platform import call


def no_reload(page):
    """A mark that a reload would take away."""
    page.evaluate("window.unmoved = true")


def test_an_instance_appears_is_drained_and_leaves(open_console, administrator, start_instance):
    console = open_console(administrator)
    page = console.page
    console.goto("/services?q=lively", "Services")
    expect(page.get_by_text("Nothing matches these filters.")).to_be_visible()
    no_reload(page)

    first = start_instance("lively")
    expect(console.row("lively")).to_contain_text("1 of 1 up", timeout=PATIENCE_MS)
    second = start_instance("lively")
    expect(console.row("lively")).to_contain_text("2 of 2 up", timeout=PATIENCE_MS)

    page.get_by_role("link", name="lively").click()
    console.shows("lively")
    page.get_by_role("button", name=f"Drain: {first.instance}").click()
    console.confirm("Drain")
    expect(console.row(first.instance)).to_contain_text("Draining", timeout=PATIENCE_MS)
    expect(page.get_by_text(f"{first.instance} is drained")).to_be_visible(timeout=PATIENCE_MS)
    expect(console.row(second.instance)).to_contain_text("Up")
    page.get_by_role("button", name=f"Put back: {first.instance}").click()
    expect(page.get_by_text(f"{first.instance} is back in service")).to_be_visible(timeout=PATIENCE_MS)
    expect(console.row(first.instance)).to_contain_text("Up", timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name=f"Drain: {first.instance}")).to_be_visible()

    second.terminate()
    expect(console.row(second.instance)).to_have_count(0, timeout=PATIENCE_MS)
    first.terminate()
    expect(page.get_by_text("No instance is registered")).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("window.unmoved")


def test_a_killed_instance_is_down_and_then_gone(open_console, administrator, start_instance):
    console = open_console(administrator)
    killed, kept = start_instance("mortal"), start_instance("mortal")
    console.goto("/services/mortal/instances", "mortal")
    expect(console.row(killed.instance)).to_contain_text("Up", timeout=PATIENCE_MS)
    expect(console.row(kept.instance)).to_contain_text("Up", timeout=PATIENCE_MS)
    no_reload(console.page)
    killed.kill()
    expect(console.row(killed.instance)).to_have_count(0, timeout=PATIENCE_MS)
    expect(console.row(kept.instance)).to_contain_text("Up")
    assert console.page.evaluate("window.unmoved")


def test_a_service_is_taken_out_and_put_back(open_console, platform, administrator, owner, start_instance):
    start_instance("tidal")
    console = open_console(administrator)
    page = console.page
    console.goto("/services/tidal/instances", "tidal")
    expect(page.get_by_role("row").filter(has_text="Up")).to_have_count(1, timeout=PATIENCE_MS)
    page.get_by_role("button", name="Take out of service").click()
    console.confirm("Take out of service")
    expect(page.get_by_role("alert").filter(has_text="This service is taken out")).to_be_visible()
    answers = lambda status: platform.wait_for(
        f"{status} of the service",
        lambda: call("GET", f"{platform.api}/tidal/v1/orders", token=owner.token).status == status,
    )
    answers(503)
    page.get_by_role("button", name="Put back into service").click()
    expect(page.get_by_text("This service is taken out")).to_be_hidden()
    answers(200)


def test_a_platform_that_is_away_is_said_and_noticed_when_it_is_back(open_console, administrator):
    console = open_console(administrator)
    console.goto("/services", "Services")
    expect(console.page.get_by_text("Live", exact=True)).to_be_visible()
    console.allow("failed")
    console.context.set_offline(True)
    expect(console.page.get_by_text(re.compile("Connection lost, figures from"))).to_be_visible()
    # What was known is still there.
    expect(console.row("registry")).to_contain_text("1 of 1 up")
    console.context.set_offline(False)
    expect(console.page.get_by_text("Live", exact=True)).to_be_visible()


def test_the_overview_tells_the_traffic(open_console, platform, administrator, owner, start_instance):
    console = open_console(administrator)
    console.shows("Overview")
    before = accepted(200, "GET", f"{platform.api}/core/v1/traffic?minutes=2", token=administrator.token)
    assert "busy" not in {point["service"] for point in before["points"]}
    start_instance("busy")
    expect(console.page.get_by_text("Needs attention")).to_be_visible()
    orders = f"{platform.api}/busy/v1/orders"
    platform.wait_for("the service", lambda: call("GET", orders, token=owner.token).status == 200)
    for _ in range(20):
        accepted(200, "GET", orders, token=owner.token)
    # The charts are drawn from the gateway's own figures, with a line and a name for the service.
    chart = console.page.locator("section").filter(has=console.page.get_by_role("heading", name="Requests per second"))
    expect(chart).to_contain_text("busy", timeout=PATIENCE_MS)
    expect(chart.locator("svg")).to_be_visible()
    expect(chart.get_by_role("figure")).to_contain_text(re.compile(r"Requests per second: highest \d"))
