"""A page that a service answers at the console's own origin has none of the console's rights."""

from console import Console
from running_platform import Platform, call
from upstream import Upstream, reachable

PAGE = b"""<!doctype html><title>quiet</title><p id=shown>Tea</p><script>
document.title = "ran";
localStorage.setItem("of-a-service", "1");
</script>"""
HOSTILE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: script-src * 'unsafe-inline'\r\n"
    b"Set-Cookie: saas_refresh=evil; Path=/\r\nClear-Site-Data: \"*\"\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(PAGE), PAGE)
)


def test_it_runs_no_script_and_the_session_stays(browser):
    behave = lambda connection, *_: connection.sendall(HOSTILE)
    with Platform() as platform, Upstream(behave) as hostile:
        body = {"address": "127.0.0.1", "port": hostile.port, "lease_seconds": 3600}
        body["gateway"] = {"public_paths": ["/page"]}
        made = call("POST", f"{platform.registry}/v1/services/hostile/instances", body)
        assert made.status == 201, made
        reachable(platform, "/api/hostile/page", None)
        platform.sign_up("teahouse")
        console = Console(browser, platform.gateway)
        console.sign_in("owner@teahouse.example", "a kettle and teahouse leaves")
        console.shows("Overview")
        cookie = lambda: [each["value"] for each in console.context.cookies() if each["name"] == "saas_refresh"]
        before = cookie()
        assert len(before) == 1
        console.page.evaluate("localStorage.setItem('of-the-console', '1')")

        page = console.another_tab()
        page.goto("/api/hostile/page")
        page.locator("#shown").wait_for()
        assert page.title() == "quiet"
        # Not even from the browser's own tools, which run in the page.
        denied = "() => { try { localStorage.length; return null } catch (error) { return error.name } }"
        assert page.evaluate(denied) == "SecurityError"
        assert page.evaluate("() => window.origin") == "null"
        page.close()

        stored = "() => [localStorage.getItem('of-the-console'), localStorage.getItem('of-a-service')]"
        assert console.page.evaluate(stored) == ["1", None]
        assert cookie() == before
        # Asked for anew with the cookie, the session goes on.
        console.page.reload()
        console.shows("Overview")
        # What the browser tells of the script that it did not run.
        assert [said for said in console.complaints if "sandboxed" not in said] == []
        console.context.close()
