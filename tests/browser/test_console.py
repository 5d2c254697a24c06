"""The console in a real browser: first sign-in, both languages, on a desk and on a phone."""

import os
import shutil

from playwright.sync_api import sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
PASSWORD = "three green teapots"


def sign_in(page, url, password):
    page.goto(f"{url}/sign-in")
    page.locator("#email").fill("admin@localhost")
    page.locator("#password").fill(password)
    page.locator("button[type=submit]").click()


def test_first_sign_in_and_the_overview_in_both_languages_and_sizes(platform):
    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(locale="en-GB").new_page()
        sign_in(page, platform.gateway, platform.one_time_password())
        page.wait_for_url("**/password")
        page.locator("#current_password").fill(platform.one_time_password())
        page.locator("#new_password").fill(PASSWORD)
        page.locator("#repeat").fill(PASSWORD)
        page.locator("button[type=submit]").click()
        page.get_by_role("heading", name="Overview").wait_for()
        for locale, overview in [("en-GB", "Overview"), ("zh-CN", "概览")]:
            for width, height in [(1440, 900), (375, 812)]:
                size = {"width": width, "height": height}
                page = browser.new_context(viewport=size, locale=locale).new_page()
                page.on("pageerror", lambda error: complaints.append(str(error)))
                sign_in(page, platform.gateway, PASSWORD)
                page.get_by_role("heading", name=overview).wait_for()
                root = "document.scrollingElement"
                assert not page.evaluate(f"{root}.scrollWidth > {root}.clientWidth")
        browser.close()
    assert complaints == []
