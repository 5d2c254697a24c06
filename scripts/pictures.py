#!/usr/bin/env python3
"""Makes the pictures in docs/images afresh: the console's overview, with real traffic.

    cargo build -p saas-platform && .venv/bin/python scripts/pictures.py

It starts a platform of its own, two example services and some customers, lets them work for a quarter of
an hour (or PICTURES_MINUTES), and photographs what the console shows, once in each language.
"""

import math
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/browser")]
from console import Console, accepted  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from running_platform import Platform, call  # noqa: E402

SECONDS = 60 * float(os.environ.get("PICTURES_MINUTES", "16"))
PICTURES = {"en-GB": ("console.png", "Overview"), "zh-CN": ("console.zh-CN.png", "概览")}
SERVICES = {"orders": 2, "catalogue": 1}
PASSWORD = "three green teapots"


def main():
    with Platform() as platform:
        begin(platform)
        instances = [start(platform, name) for name, count in SERVICES.items() for _ in range(count)]
        try:
            work(platform)
            photograph(platform)
        finally:
            for instance in instances:
                instance.terminate()
            for instance in instances:
                instance.wait(40)


def begin(platform):
    login = {"email": "admin@localhost", "password": platform.one_time_password()}
    token = accepted(200, "POST", f"{platform.api}/core/v1/auth/login", login)["access_token"]
    change = {"current_password": login["password"], "new_password": PASSWORD}
    accepted(200, "POST", f"{platform.api}/core/v1/me/password", change, token)


def start(platform, name):
    command = [sys.executable, str(ROOT / "examples/python/orders.py"), "--registry", platform.registry]
    command += ["--name", name, "--data", f"{platform.folder.name}/{name}.db"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def work(platform):
    """Customers come and go in waves; now and then one asks for what is not there."""
    customers = [platform.sign_up(name)["access_token"] for name in ("teahouse", "bookshop", "florist")]
    end = time.monotonic() + SECONDS

    def customer(token, number):
        chance = random.Random(number)
        while (now := time.monotonic()) < end:
            name = "orders" if chance.random() < 0.7 else "catalogue"
            if chance.random() < 0.1:
                order = {"item": "tea", "quantity": chance.randint(1, 9)}
                call("POST", f"{platform.api}/{name}/v1/orders", order, token)
            else:
                call("GET", f"{platform.api}/{name}/v1/orders?limit=5", token=token)
            time.sleep((1.3 + math.sin(now / 50 + number)) * chance.uniform(0.02, 0.1))

    threads = [threading.Thread(target=customer, args=[token, number]) for number, token in enumerate(customers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def photograph(platform):
    images = ROOT / "docs/images"
    images.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for locale, (name, heading) in PICTURES.items():
            console = Console(browser, platform.gateway, locale=locale)
            console.sign_in("admin@localhost", PASSWORD)
            console.shows(heading)
            console.page.locator("figure svg").nth(2).wait_for()
            console.page.screenshot(path=images / name)
            print(f"docs/images/{name}: {(images / name).stat().st_size // 1000} kB")
        browser.close()


if __name__ == "__main__":
    main()
