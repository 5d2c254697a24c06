"""The console at a name of its own, behind nginx/saas.conf, calling gateways in production at theirs.

Two origins: what the content security policy, CORS and the session's cookie allow has to fit together.
"""

import shutil
import sys

import pytest
from conftest import CHROMIUM
from console import Console
from running_platform import ROOT

sys.path.insert(0, str(ROOT / "tests/operations"))
from edge import API, CONSOLE, Edge, free_ports  # noqa: E402
from production import Production  # noqa: E402


@pytest.fixture
def edge(tmp_path):
    served = tmp_path / "console"
    shutil.copytree(ROOT / "frontend/admin/dist", served)
    (served / "config.js").write_text(f'window.__SAAS_CONFIG__ = {{ apiUrl: "https://{API}", signup: "closed" }};')
    (tmp_path / "nginx").mkdir()
    ports = free_ports(2)
    urls = {"PUBLIC_URL": f"https://{API}", "CONSOLE_URL": f"https://{CONSOLE}"}
    with Production(ports, TRUSTED_PROXIES="127.0.0.1", **urls) as platform:
        with Edge(tmp_path / "nginx", [f"127.0.0.1:{port}" for port in ports], console_folder=served) as running:
            running.platform = platform
            yield running


def test_the_console_and_the_api_at_two_names(edge, playwright):
    # The browser finds both names at this nginx, which its certificates were made for.
    rules = ",".join(f"MAP {host}:443 127.0.0.1:{edge.https}" for host in (API, CONSOLE))
    options = ["--no-sandbox", f"--host-resolver-rules={rules}", "--ignore-certificate-errors"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
    console = Console(browser, f"https://{CONSOLE}")
    # Without a session yet, the console asks whether there is one.
    console.allow(401)
    console.sign_in("admin@example.com", edge.platform.admin_password)
    console.shows("Overview")
    console.goto("/services", "Services")
    [cookie] = console.context.cookies()
    assert cookie["name"].startswith("__Host-") and cookie["secure"] and cookie["httpOnly"], cookie
    assert cookie["domain"] == API and cookie["sameSite"] == "Strict"
    # A reload finds the session by its cookie alone.
    console.page.reload()
    console.shows("Services")
    assert {API, CONSOLE} == {request.url.split("/")[2] for request in console.requests}
    browser.close()
    assert console.complaints == []
