#!/usr/bin/env python3
"""Measures the release build and writes docs/BENCHMARKS.md: see bench/README.md.

    make bench                        everything
    bench/run.py --without-build      not the cold build, which takes minutes
    bench/run.py --only print         changes no file
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import report
from load import Target, interleaved, load
from processes import Broken, Platform, certificate, proxy, upstreams

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples/python"))
from registration import Refused, Registration  # noqa: E402

BODY_BYTES = 1024


def say(text):
    print(text, flush=True)


def start_up(binary, folder, repeats):
    """Seconds to readiness: on nothing, and on what the last run left."""
    first, again = [], []
    for number in range(repeats):
        with Platform(binary, folder / f"first-{number}", threads()) as platform:
            first.append(platform.wait_ready())
    for _ in range(repeats):
        with Platform(binary, folder / "first-0", threads()) as platform:
            again.append(platform.wait_ready())
    return {"first": first, "again": again}


def threads():
    return os.cpu_count()


class Api:
    """The platform's public API through the gateway."""

    def __init__(self, port):
        self._base = f"http://127.0.0.1:{port}/api"
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def call(self, method, path, body=None, token=None):
        request = urllib.request.Request(self._base + path, method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with self._open(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as problem:
            said = problem.read(2000).decode("utf-8", "replace")
            raise Broken(f"{method} {path} answered {problem.code}: {said}") from problem

    def login(self, email, password):
        body = {"email": email, "password": password}
        return self.call("POST", "/core/v1/auth/login", body)["access_token"]

    def wait_for_success(self, path, token=None):
        deadline = time.monotonic() + 20
        while True:
            try:
                request = urllib.request.Request(self._base.removesuffix("/api") + path)
                if token:
                    request.add_header("Authorization", f"Bearer {token}")
                with self._open(request, timeout=5) as answer:
                    answer.read()
                return
            except (urllib.error.URLError, OSError) as problem:
                if time.monotonic() > deadline:
                    raise Broken(f"{path} does not lead to the upstreams: {problem}") from problem
                time.sleep(0.05)


def prepare(platform, ports):
    """Registers the upstreams, makes a public route to them, and signs a tenant's owner in."""
    members = []
    for port in ports:
        member = Registration(f"http://127.0.0.1:{platform.registry}", "measured", "127.0.0.1", port, say=say)
        member.start()
        if not member.wait(20):
            raise Broken("the registry did not take the upstreams")
        members.append(member)
    api = Api(platform.gateway)
    operator = api.login("admin@localhost", Platform.PASSWORD)
    route = {"path": "/measured", "service": "measured", "strip_path": True, "access": "public"}
    api.call("POST", "/registry/v1/routes", route, operator)
    person = {"email": "bench@example.com", "password": Platform.PASSWORD, "name": "Bench", "tenant_name": "Bench"}
    api.call("POST", "/core/v1/auth/signup", person)
    token = api.login(person["email"], person["password"])
    api.wait_for_success("/measured/")
    api.wait_for_success("/api/measured/", token)
    return members, token


def measure(binary, folder, chosen):
    facts = {"threads": threads(), "body_bytes": BODY_BYTES}
    say(f"\n[1/3] Start-up, {chosen.repeats} times each")
    facts["start"] = start_up(binary, folder, chosen.repeats)
    say("\n[2/3] Memory, and processor time beside nginx")
    with contextlib.ExitStack() as running:
        upstream, ports = upstreams(folder, BODY_BYTES)
        running.enter_context(upstream)
        pair = certificate(folder)
        nginx, plain_port, secure_port = proxy(folder, threads(), ports, pair)
        running.enter_context(nginx)
        platform = running.enter_context(Platform(binary, folder / "loaded", threads(), pair))
        platform.wait_ready()
        time.sleep(chosen.settle)
        facts["idle_bytes"] = platform.resident()
        members, token = prepare(platform, ports)
        for member in members:
            running.callback(member.leave, 0)
        gateway = f"http://127.0.0.1:{platform.gateway}"
        targets = [
            Target("nginx, plain proxy_pass", nginx, f"http://127.0.0.1:{plain_port}/", {}),
            Target("saas, public route", platform, f"{gateway}/measured/", {}),
            Target("saas, token, tenant, limits", platform, f"{gateway}/api/measured/", {"Authorization": f"Bearer {token}"}),
        ]
        done = 0
        while done < chosen.requests:
            done += load(targets[2], 2).requests
        time.sleep(chosen.settle)
        facts["loaded_requests"], facts["loaded_bytes"] = done, platform.resident()
        facts["runs"] = interleaved(targets, chosen.rounds, chosen.seconds, say)
        say("  by TLS")
        secure = f"https://127.0.0.1:{platform.https}"
        targets = [
            Target("nginx, TLS, proxy_pass", nginx, f"https://127.0.0.1:{secure_port}/", {}),
            Target("saas, TLS, public route", platform, f"{secure}/measured/", {}),
            Target("saas, TLS, token, tenant, limits", platform, f"{secure}/api/measured/", {"Authorization": f"Bearer {token}"}),
        ]
        facts["tls_runs"] = interleaved(targets, chosen.rounds, chosen.seconds, say)
        say("  a TLS handshake for each request")
        once = {"Connection": "close"}
        targets = [
            Target("nginx, TLS, one request", nginx, f"https://127.0.0.1:{secure_port}/", once),
            Target("saas, TLS, one request", platform, f"{secure}/measured/", once),
        ]
        facts["handshake_runs"] = interleaved(targets, chosen.rounds, chosen.seconds, say)
        facts["after_bytes"] = platform.resident()
    return facts


def cold_build():
    """Seconds for the release binary with nothing built before, downloads aside."""
    say("\n[3/3] The cold build of the binary")
    subprocess.run(["cargo", "fetch", "--locked"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory(prefix="saas-bench-build-") as target:
        environment = {**os.environ, "CARGO_TARGET_DIR": target, "RUSTFLAGS": ""}
        command = ["cargo", "build", "--release", "--locked", "--package", "saas-platform", "--bin", "saas"]
        begun = time.monotonic()
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        return time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(description="Measures the release build of the platform.")
    parser.add_argument("--binary", default=str(ROOT / "target/release/saas"))
    parser.add_argument("--repeats", type=int, default=7, help="starts of each kind")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of loads")
    parser.add_argument("--seconds", type=int, default=8, help="of one load")
    parser.add_argument("--requests", type=int, default=100_000, help="before memory is read again")
    parser.add_argument("--settle", type=float, default=5, help="seconds of rest before memory is read")
    parser.add_argument("--without-build", action="store_true", help="leave the cold build out")
    parser.add_argument("--only", choices=["print"], help="leave docs/BENCHMARKS.md as it is")
    chosen = parser.parse_args()
    if not os.access(chosen.binary, os.X_OK):
        sys.exit(f"{chosen.binary} is not there: `make build` makes it")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="saas-bench-"))
    try:
        facts = measure(chosen.binary, folder, chosen)
        facts["binary_bytes"] = os.path.getsize(chosen.binary)
        facts["build_seconds"] = None if chosen.without_build else cold_build()
    except (Broken, Refused, subprocess.CalledProcessError) as problem:
        sys.exit(f"bench: {problem}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    section = report.section(facts, " ".join(["make bench", *report.arguments(sys.argv[1:])]))
    print(f"\n{section}")
    if not chosen.only:
        report.write(ROOT / "docs/BENCHMARKS.md", section)
        say("written to docs/BENCHMARKS.md")


if __name__ == "__main__":
    main()
