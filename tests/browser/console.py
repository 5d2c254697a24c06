"""A window of a real browser at the console, and everything that goes wrong in it."""

import re

from playwright.sync_api import expect
from running_platform import call

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 375, "height": 812}
# Longer than a lease: what is waited for comes at once or, on a busy machine, somewhat later.
PATIENCE_MS = 45_000
# A query that is given up because its page was left is no failure.
GIVEN_UP = "net::ERR_ABORTED"


class Console:
    """One person's browser: its own cookies, one page at first, more by `another_tab`."""

    def __init__(self, browser, url, *, locale="en-GB", size=DESK, scheme="light"):
        self.url = url
        self.complaints, self.requests, self.allowed = [], [], set()
        self.context = browser.new_context(locale=locale, viewport=size, color_scheme=scheme, base_url=url)
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("request", lambda request: self.requests.append(request))
        self.context.on("response", self._answered)
        self.context.on("requestfailed", self._failed)
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.complaints.append(f"error: {error.error}"))
        self.page = self.another_tab()

    def another_tab(self):
        return self.context.new_page()

    def allow(self, *statuses):
        """These answers are what the test is about."""
        self.allowed.update(statuses)

    def _answered(self, response):
        if response.status >= 400 and response.status not in self.allowed:
            self.complaints.append(f"{response.status} {response.request.method} {response.url}")

    def _failed(self, request):
        if request.failure != GIVEN_UP and "failed" not in self.allowed:
            self.complaints.append(f"{request.failure} {request.url}")

    def _said(self, message):
        # Of failed requests the browser writes lines too, and React of pages that did not come: judged above.
        of_requests = ("Failed to load resource", "dynamically imported module")
        if message.type == "error" and not any(words in message.text for words in of_requests):
            self.complaints.append(f"console: {message.text}")

    def sign_in(self, email, password):
        self.page.goto("/sign-in")
        self.page.locator("#email").fill(email)
        self.page.locator("#password").fill(password)
        self.page.locator("button[type=submit]").click()
        return self

    def goto(self, path, heading):
        """Loads the page at its address, as a reload or a link from elsewhere does."""
        self.page.goto(path)
        self.shows(heading)

    def shows(self, heading):
        expect(self.page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible(
            timeout=PATIENCE_MS
        )

    def choose(self, of, action):
        """Opens the menu of a record and chooses an action."""
        self.page.get_by_role("button", name=f"More actions: {of}", exact=True).click()
        self.page.get_by_role("menuitem", name=action, exact=True).click()

    def confirm(self, action):
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("button", name=action, exact=True).click()
        expect(dialog).to_be_hidden(timeout=PATIENCE_MS)

    def row(self, name):
        return self.page.get_by_role("row").filter(has_text=name)

    def stored(self):
        """All that scripts of the console's origin could read from the browser's stores."""
        return self.page.evaluate(
            "async () => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, "
            "await indexedDB.databases(), await caches.keys(), window.name])"
        )

    def fits(self):
        """Nothing sticks out sideways."""
        root = "document.scrollingElement"
        assert self.page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), self.page.url

    def is_translated(self):
        """A text that is missing shows as its key, such as `nav.overview`."""
        keys = re.findall(r"\b(?:nav|action|list|overview|services|routes|tenants|members|backups)\.[a-z]\w+", self.text())
        assert keys == []

    def text(self):
        return self.page.locator("body").inner_text()


def accepted(status, method, url, body=None, token=None):
    """A call that prepares something: what it answers, if that is `status`."""
    answer = call(method, url, body, token)
    assert answer.status == status, (method, url, answer.status, answer.body)
    return answer.json() if answer.body else None
