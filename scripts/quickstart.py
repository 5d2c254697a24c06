#!/usr/bin/env python3
"""Runs the README's quick start, command by command, against the real platform.

    scripts/quickstart.py --binary target/debug/saas --form one
    scripts/quickstart.py --binary target/debug/saas --form distributed

Each block marked `<!-- quickstart: NAME -->` is typed into one bash, as a reader would type it.
Only what cannot be the same is replaced: the addresses, since the tests run on free ports, and the
one-time password, which a reader pastes. What each block prints is then checked.

`one` starts `saas up` on an embedded database. `distributed` starts two registries, two cores and
two gateways on the PostgreSQL and Redis named by SAAS_TEST_POSTGRES_URL and SAAS_TEST_REDIS_URL;
blocks alternate between the gateways.
"""

import argparse
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"<!-- quickstart: (\w+) -->\n```sh\n(.*?)```", re.S)
START_SECONDS = 60


class Failure(Exception):
    """A step did not do what the README says."""


class Process:
    """A started `saas`, whose output is kept for the report of a failure."""

    def __init__(self, name, command, environment, **options):
        self.name, self.lines = name, []
        self.started = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            **options,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.started.stdout:
            self.lines.append(line.rstrip("\n"))

    def text(self):
        return "\n".join(self.lines)

    def stop(self):
        """SIGTERM, and the exit status. A clean stop is 0."""
        self.started.send_signal(signal.SIGTERM)
        try:
            return self.started.wait(40)
        except subprocess.TimeoutExpired:
            self.started.kill()
            self.started.wait()
            return None


def wait_for(what, condition, process=None):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process and process.started.poll() is not None:
            raise Failure(f"{process.name} ended with {process.started.returncode}:\n{process.text()}")
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    output = f":\n{process.text()}" if process else ""
    raise Failure(f"{what} did not happen within {START_SECONDS} s{output}")


def run_file(folder):
    path = pathlib.Path(folder) / "run.json"
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def is_ready(url):
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def clean_environment(folder, **settings):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    ports = {"GATEWAY_PORT": "0", "REGISTRY_PORT": "0", "CORE_PORT": "0"}
    # The loops of a test come from one address, faster than a reader types.
    limits = {"RATE_LIMIT_PER_ADDRESS": "0"}
    return kept | ports | limits | {"DATA_DIR": str(folder)} | settings


class OneProcess:
    """`saas up`, as `make up` starts it."""

    def __init__(self, binary, folder):
        data = pathlib.Path(folder) / "data"
        self.processes = [Process("saas up", [binary, "up"], clean_environment(data))]
        run = wait_for("run.json", lambda: run_file(data), self.processes[0])
        self.gateways, self.registry = [run["gateway"]], run["registry"]
        wait_for("readiness", lambda: is_ready(run["gateway"]), self.processes[0])
        found = wait_for(
            "the one-time password",
            lambda: re.search(r"[Oo]ne-time password\W+([0-9a-z-]{20,})", self.processes[0].text()),
            self.processes[0],
        )
        self.password = found[1]


class Distributed:
    """Two of each on PostgreSQL and Redis."""

    def __init__(self, binary, folder):
        self.processes = []
        server = os.environ["SAAS_TEST_POSTGRES_URL"]
        self.database = f"quickstart_{secrets.token_hex(4)}"
        self._psql(server, f"CREATE DATABASE {self.database}")
        database = re.sub(r"/[^/]*$", f"/{self.database}", server)
        self.password = secrets.token_hex(16)
        secret = secrets.token_hex(32)

        def start(role, number, **settings):
            data = pathlib.Path(folder) / f"{role}-{number}"
            environment = clean_environment(
                data,
                DATABASE_URL=database,
                REDIS_URL=os.environ["SAAS_TEST_REDIS_URL"],
                SECRET_KEY=secret,
                ADMIN_PASSWORD=self.password,
                PUBLIC_URL="http://127.0.0.1:8000",
                LOG_LEVEL="info",
                **settings,
            )
            process = Process(f"{role} {number}", [binary, role], environment)
            self.processes.append(process)
            run = wait_for(f"{role}'s run.json", lambda: run_file(data), process)
            return run[role], process

        # Both registries start at once and migrate under one lock.
        registries = [start("registry", number) for number in (1, 2)]
        self.registries = [url for url, _ in registries]
        self.registry = self.registries[0]
        urls = ",".join(self.registries)
        cores = [start("core", number, REGISTRY_URL=urls) for number in (1, 2)]
        gateways = [start("gateway", number, REGISTRY_URL=urls) for number in (1, 2)]
        self.gateways = [url for url, _ in gateways]
        for url, process in registries + cores + gateways:
            wait_for(f"readiness of {process.name}", lambda url=url: is_ready(url), process)

    @staticmethod
    def _psql(server, statement):
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", server, "-c", statement], check=True)


class Shell:
    """One bash that runs block after block and keeps its variables between them."""

    END = "quickstart-block-ended"

    def __init__(self, folder, environment):
        self.bash = subprocess.Popen(
            ["bash"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(pathlib.Path(folder) / "stderr.log", "wb"),
            text=True,
            errors="replace",
        )

    def run(self, commands):
        self.bash.stdin.write(f"{commands}\nprintf '\\n%s\\n' {self.END}\n")
        self.bash.stdin.flush()
        lines = []
        watchdog = threading.Timer(120, self.bash.kill)
        watchdog.start()
        try:
            for line in self.bash.stdout:
                if line.strip() == self.END:
                    return "".join(lines)
                lines.append(line)
        finally:
            watchdog.cancel()
        raise Failure("the shell ended, or a block took longer than two minutes:\n" + "".join(lines))

    def close(self):
        self.run("kill $ORDERS_1 $ORDERS_2 2> /dev/null; wait")
        self.bash.stdin.close()
        self.bash.wait(10)


def expect(condition, what, output):
    if not condition:
        raise Failure(f"{what}; the block printed:\n{output}")


def documents(output):
    """The JSON documents in an output, wherever they begin."""
    found, decoder, at = [], json.JSONDecoder(), 0
    while (at := output.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(output, at)
            found.append(value)
        except ValueError:
            at += 1
    return found


def check_service(_):
    pass


def check_administrator(output):
    [services] = documents(output)
    names = {service["name"] for service in services["items"]}
    expect({"core", "registry", "orders"} <= names, "services are missing", output)


def check_tenants(_):
    pass


def check_orders(output):
    first, second, listed, whoami = documents(output)
    expect(first["item"] == "龙井茶" and second["item"] == "teapot", "orders were not created", output)
    expect(len(listed["items"]) == 2, "two orders were expected", output)
    identity = whoami["identity"]
    wanted = {"X-Tenant-Id", "X-User-Id", "X-Session-Id", "X-Roles"}
    expect(wanted <= set(identity), "identity headers are missing", output)
    expect(identity["X-Roles"] == "owner", "the role is not owner", output)
    expect(whoami["assertion_received"], "no assertion arrived", output)
    expect(not whoami["authorization_received"], "the client's token was passed on", output)


def check_isolation(output):
    theirs, refused = documents(output)
    expect(theirs["items"] == [], "the second tenant sees orders of the first", output)
    expect(refused["status"] == 401, "a request without a token was not refused", output)


def check_spread(output):
    instances = set(re.findall(r"(?i)x-instance: (\S+)", output))
    expect(len(instances) == 2, "requests were not spread over two instances", output)


def check_kill(output):
    expect(output.split() == ["40", "200"], "not every request was answered with 200", output)


def check_leave(_):
    pass


CHECKS = {
    "service": check_service,
    "administrator": check_administrator,
    "tenants": check_tenants,
    "orders": check_orders,
    "isolation": check_isolation,
    "spread": check_spread,
    "kill": check_kill,
    "leave": check_leave,
}


def service_answers(platform):
    """The reader takes a moment between starting the service and calling it; a test waits."""
    url = f"{platform.registry}/v1/services/orders/instances?status=up"
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return len(json.load(answer)["items"])
    except OSError:
        return 0


def same_in_chinese(blocks):
    chinese = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    for commands in blocks:
        if f"```sh\n{commands}```" not in chinese:
            raise Failure(f"README.zh-CN.md does not have these commands of README.md:\n{commands}")


def run_blocks(platform, shell):
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    same_in_chinese(commands for _, commands in blocks)
    names = [name for name, _ in blocks]
    if names != list(CHECKS):
        raise Failure(f"the README's blocks are {names}, and this test knows {list(CHECKS)}")
    for number, (name, commands) in enumerate(blocks):
        gateway = platform.gateways[number % len(platform.gateways)]
        commands = commands.replace("http://127.0.0.1:8000", gateway)
        commands = commands.replace("paste-it-here", platform.password)
        commands = f"API={gateway}/api\n" + commands
        output = shell.run(commands)
        CHECKS[name](output)
        if name == "service":
            wait_for("the registration of orders", lambda: service_answers(platform) == 1)
        print(f"ok   {name}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True, help="the saas binary")
    parser.add_argument("--form", choices=["one", "distributed"], default="one")
    chosen = parser.parse_args()
    binary = str(pathlib.Path(chosen.binary).resolve())
    form = OneProcess if chosen.form == "one" else Distributed
    platform = shell = None
    with tempfile.TemporaryDirectory(prefix="saas-quickstart-") as folder:
        try:
            platform = form.__new__(form)
            platform.processes = []
            platform.__init__(binary, folder)
            environment = clean_environment(folder, REGISTRY_URL=platform.registry)
            shell = Shell(folder, environment)
            # Services of the example keep their data apart from the reader's own.
            shell.run(f"cd {ROOT} && python3() {{ if [ \"$1\" = examples/python/orders.py ]; then "
                      f"exec env python3 \"$@\" --data {folder}/orders.db; else env python3 \"$@\"; fi; }}")
            run_blocks(platform, shell)
            shell.close()
            for process in reversed(platform.processes):
                status = process.stop()
                expect(status == 0, f"{process.name} stopped with {status}", process.text())
            panics = [p.name for p in platform.processes if "panicked at" in p.text()]
            expect(not panics, f"a panic in {panics}", "")
            print(f"ok   clean stop\n\n{len(CHECKS) + 1} passed, 0 failed ({chosen.form})")
            return 0
        except Failure as failure:
            print(f"FAIL {failure}", file=sys.stderr)
            log = pathlib.Path(folder) / "stderr.log"
            if log.exists():
                print(log.read_text(errors="replace")[-4000:], file=sys.stderr)
            for process in platform.processes if platform else []:
                print(f"--- {process.name}\n{process.text()[-4000:]}", file=sys.stderr)
            return 1
        finally:
            if shell and shell.bash.poll() is None:
                shell.bash.kill()
            for process in platform.processes if platform else []:
                if process.started.poll() is None:
                    process.started.kill()


if __name__ == "__main__":
    sys.exit(main())
