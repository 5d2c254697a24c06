"""The page of backups and drills: what is there, how old it is, and whether it was proven."""

import json
import subprocess

import pytest
from console import DESK, PHONE
from playwright.sync_api import expect
from running_platform import BINARY, environment

SIZES = {"desk": DESK, "phone": PHONE}
STEPS = {
    "en": ["Find the backup", "Read it to its end", "Restore it beside the platform", "Compare every table", "Sign in"],
    "zh-CN": ["找到备份", "完整读取", "恢复到平台旁边", "逐表比对", "登录"],
}


def saas(platform, *words, status=0, **settings):
    known = environment(platform.data, **settings)
    done = subprocess.run([BINARY, *words], env=known, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done
    return done.stdout


@pytest.fixture(scope="module")
def drilled(platform):
    """A backup, a drill that passed, and one that failed before it."""
    saas(platform, "backup", "drill", "/nowhere/saas_backup_20260102_030405.db.zst", status=1)
    created = json.loads(saas(platform, "backup", "create", "--json"))
    saas(platform, "backup", "drill", created["file"])
    return created["file"].rsplit("/", 1)[1]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("locale", "language"), [("en-GB", "en"), ("zh-CN", "zh-CN")])
def test_what_a_drill_found_is_seen(open_console, administrator, drilled, locale, language, size):
    console = open_console(administrator, locale=locale, size=SIZES[size])
    console.goto("/backups", "Backups" if language == "en" else "备份")
    page = console.page
    steps = page.get_by_role("region", name="What the drill went through" if language == "en" else "演练经过")
    expect(steps).to_contain_text(drilled)
    for step in STEPS[language]:
        expect(steps.get_by_text(step, exact=True)).to_be_visible()
    expect(page.get_by_text("Objective: 1 hr at most" if language == "en" else "目标：不超过 1小时")).to_be_visible()
    expect(page.get_by_text("Signed" if language == "en" else "签名有效").first).to_be_visible()
    console.fits()
    console.is_translated()


def test_a_drill_that_failed_says_where(open_console, administrator, drilled):
    console = open_console(administrator)
    console.goto("/backups", "Backups")
    failed = console.page.get_by_role("table", name="Drills").get_by_role("row").filter(has_text="Failed").first
    failed.get_by_role("button").click()
    steps = console.page.get_by_role("region", name="What the drill went through")
    expect(steps).to_contain_text("Find the backup · Failed")
    expect(steps).to_contain_text("/nowhere/saas_backup_20260102_030405.db.zst cannot be read")
    # The choice is in the address.
    console.page.reload()
    expect(steps).to_contain_text("Find the backup · Failed")
