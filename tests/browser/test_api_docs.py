"""The pages that describe the API: whole, without errors, without a word to anybody else."""

import urllib.parse

import pytest


@pytest.mark.parametrize(("service", "operation"), [("core", "/v1/auth/login"), ("registry", "/v1/services")])
def test_the_description_loads_from_here_alone(open_console, platform, service, operation):
    console = open_console()
    page = console.page
    page.goto(f"/api/{service}/docs")
    # Drawn by the viewer, which hides the plain list that is there without it.
    page.locator("#reference").get_by_text(operation).first.wait_for()
    assert page.locator("#plain").is_hidden()
    page.wait_for_load_state("networkidle")
    ours = urllib.parse.urlsplit(platform.gateway).netloc
    asked = {urllib.parse.urlsplit(request.url) for request in console.requests}
    foreign = {address.netloc for address in asked if address.scheme.startswith(("http", "ws"))} - {ours}
    assert foreign == set()
    # Which a browser without a window does not ask for.
    icon = page.locator("link[rel=icon]").evaluate("link => link.href")
    assert console.context.request.get(icon).headers["content-type"] == "image/svg+xml"
    console.fits()
