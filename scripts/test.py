#!/usr/bin/env python3
"""Runs every part of the tests and says what ran.

    scripts/test.py             everything
    scripts/test.py lint        what needs no running platform and no long build
    scripts/test.py rust docs   only these parts

A part that could not run has failed, and so has a test that was skipped: a green
result means that everything was really run. The last line is the sum,
`N passed, N failed`; each part's output lies in test-results/.
"""

import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "test-results"
CONSOLE = ["npm", "--prefix", "frontend/admin", "--silent", "run"]
SERVERS = ["target/debug/with-servers", "--"]
PYTEST = [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider"]
LONGEST = 25 * 60  # seconds of one part


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped


def one_check(_):
    """A part that is one check: its exit status tells all."""
    return None


def junit(path):
    def read(_):
        counts = Counts()
        for case in xml.etree.ElementTree.parse(ROOT / path).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                counts.failed += 1
            elif case.find("skipped") is not None:
                counts.skipped += 1
            else:
                counts.passed += 1
        return counts

    return read


def nextest(log):
    counts = junit("target/nextest/all/junit.xml")(log)
    # Tests marked as ignored are in the summary only.
    found = re.findall(r"Summary .*?(\d+) skipped", log)
    counts.skipped += int(found[-1]) if found else 0
    return counts


def vitest(_):
    report = json.loads((RESULTS / "vitest.json").read_text())
    return Counts(
        report["numPassedTests"],
        report["numFailedTests"],
        report["numPendingTests"] + report["numTodoTests"],
    )


def doctests(log):
    found = re.findall(r"(\d+) passed; (\d+) failed; (\d+) ignored", log)
    # Ignored examples are left out: they are compiled by nobody and say so in the text.
    return Counts(*(sum(int(each[column]) for each in found) for column in (0, 1)))


def unittests(log):
    ran = sum(int(each) for each in re.findall(r"^Ran (\d+) tests?", log, re.MULTILINE))
    wrong = {
        name: sum(int(each) for each in re.findall(rf"\b{name}=(\d+)", log))
        for name in ("failures", "errors", "skipped")
    }
    failed = wrong["failures"] + wrong["errors"]
    return Counts(max(0, ran - failed - wrong["skipped"]), failed, wrong["skipped"])


def steps(log):
    """A line for each step that held; the first that does not ends the run."""
    return Counts(*(len(re.findall(rf"^{word}\b", log, re.MULTILINE)) for word in ("ok", "FAIL")))


class Part:
    def __init__(self, name, title, command, counts=one_check, *, lint=False, needs=None, report=None):
        self.name, self.title, self.command, self.count = name, title, command, counts
        self.lint, self.needs, self.report = lint, needs, report


def pytest_part(name, title, folder, *options):
    report = f"test-results/{name}.xml"
    command = [*SERVERS, *PYTEST, folder, *options, f"--junit-xml={report}"]
    return Part(name, title, command, junit(report), needs=folder, report=report)


def quickstart(name, title, form):
    command = [*SERVERS, sys.executable, "-u", "scripts/quickstart.py", "--binary", "target/debug/saas", "--form", form]
    return Part(name, title, command, steps)


PARTS = [
    Part("fmt", "Rust is formatted (rustfmt)", ["cargo", "fmt", "--all", "--check"], lint=True),
    Part("biome", "TypeScript is formatted and clean (Biome)", [*CONSOLE, "lint"], lint=True),
    Part("types", "TypeScript's types (tsc)", [*CONSOLE, "typecheck"], lint=True),
    Part("generated", "API client and reference are what the description says", ["scripts/openapi.sh", "check"], lint=True),
    Part(
        "vitest",
        "The console's own tests (Vitest)",
        [*CONSOLE, "test", "--", "--reporter=default", "--reporter=json", f"--outputFile.json={RESULTS}/vitest.json"],
        vitest,
        report="test-results/vitest.json",
    ),
    Part("console", "The console builds (Vite)", ["scripts/console.sh"]),
    Part("deny", "Licences, banned crates, sources (cargo deny)", None, lint=True),
    Part(
        "clippy",
        "Rust is clean (clippy)",
        ["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"],
        lint=True,
    ),
    Part(
        "build",
        "Programs and test programs build",
        ["cargo", "build", "--workspace", "--bins", "--tests", "--locked"],
    ),
    Part(
        "rust",
        "Rust, with PostgreSQL and Redis; who may know whom (nextest)",
        [*SERVERS, "cargo", "nextest", "run", "--workspace", "--locked", "--profile", "all"],
        nextest,
        report="target/nextest/all/junit.xml",
    ),
    Part(
        "docs",
        "Examples in Rust's documentation",
        ["cargo", "test", "--doc", "--workspace", "--locked"],
        doctests,
    ),
    Part(
        "example",
        "The Python example's own tests",
        [sys.executable, "-W", "error", "-m", "unittest", "discover", "-s", "examples/python"],
        unittests,
    ),
    pytest_part("clients", "Real clients against the real platform", "tests/clients"),
    # Mostly they wait for processes to start and end: two files at a time take less than half as long.
    pytest_part("operations", "Files and configuration operators use", "tests/operations", "-n", "2", "--dist", "loadfile"),
    quickstart("quickstart", "The README's quick start, word for word: one process", "one"),
    quickstart("distributed", "The same on two registries, cores and gateways", "distributed"),
    Part("chaos", "Broken under load, it keeps its promises: the short form", [sys.executable, "tests/chaos", "--short"], steps, needs="tests/chaos"),
    pytest_part("browser", "The console in a real browser", "tests/browser"),
]


class Result:
    def __init__(self, part, counts, seconds, note=""):
        self.part, self.counts, self.seconds, self.note = part, counts, seconds, note

    @property
    def failed(self):
        return self.counts.failed + self.counts.skipped


def main(chosen):
    parts = selected(chosen)
    RESULTS.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        # Kept logs are read without a terminal.
        **({} if sys.stdout.isatty() else {"NO_COLOR": "1"}),
        "SAAS_BINARY": str(ROOT / "target/debug/saas"),
        "CARGO_TERM_PROGRESS_WHEN": "never",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
    }
    results = []
    for number, part in enumerate(parts, 1):
        print(f"\n[{number}/{len(parts)}] {part.title}", flush=True)
        results.append(run(part, environment))
    return summary(results)


def selected(chosen):
    if not chosen:
        return PARTS
    known = {part.name for part in PARTS}
    unknown = [name for name in chosen if name not in known | {"lint"}]
    if unknown:
        sys.exit(f"there is no part {unknown[0]}; there are: lint {' '.join(part.name for part in PARTS)}")
    return [part for part in PARTS if part.name in chosen or ("lint" in chosen and part.lint)]


def run(part, environment):
    if part.needs and not (ROOT / part.needs).is_dir():
        return Result(part, Counts(failed=1), 0, f"{part.needs} is not there")
    if part.report:
        (ROOT / part.report).unlink(missing_ok=True)
    command, note = (part.command, "") if part.command else deny()
    begun = time.monotonic()
    status, log = follow(command, environment, RESULTS / f"{part.name}.log")
    seconds = time.monotonic() - begun
    try:
        counts = part.count(log) or Counts(passed=int(status == 0))
    except (OSError, ValueError, KeyError, xml.etree.ElementTree.ParseError) as problem:
        counts, note = Counts(), f"no report: {problem}"
    if status != 0 and not counts.failed:
        counts.failed, note = 1, note or f"ended with status {status}"
    if not counts.passed and not counts.failed:
        counts.failed, note = 1, note or "nothing ran"
    if counts.skipped:
        note = f"{counts.skipped} skipped, which counts as failed"
    return Result(part, counts, seconds, note)


def deny():
    """The advisories are a download of their own: checked where that can be reached."""
    command = ["cargo", "deny", "--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]
    try:
        reachable = subprocess.run(
            ["git", "ls-remote", "--exit-code", "https://github.com/RustSec/advisory-db", "HEAD"],
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            capture_output=True,
            timeout=20,
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        reachable = 1
    if reachable == 0:
        return [*command, "advisories"], "advisories too"
    return command, "without advisories: their database cannot be reached from here"


def follow(command, environment, log):
    """Runs a command, shows its output as it comes and keeps it."""
    try:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as problem:
        print(f"could not run {command[0]}: {problem}", flush=True)
        return 127, ""
    # Sessions of their own, so that a part's children end with it.
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(process.pid, signal.SIGTERM))
    signal.alarm(LONGEST)
    lines = []
    try:
        with open(log, "wb") as kept:
            for line in process.stdout:
                sys.stdout.buffer.write(line)
                sys.stdout.flush()
                kept.write(line)
                kept.flush()
                lines.append(line)
        return process.wait(), b"".join(lines).decode("utf-8", "replace")
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        print("\ninterrupted")
        sys.exit(130)
    finally:
        signal.alarm(0)


def summary(results):
    wide = max(len(result.part.title) for result in results)
    lines = [f"{'what ran':{wide}}  passed  failed    time"]
    for result in results:
        minutes, seconds = divmod(round(result.seconds), 60)
        line = f"{result.part.title:{wide}}  {result.counts.passed:6}  {result.failed:6}  {minutes:3}:{seconds:02}"
        lines.append(f"{line}   {result.note}".rstrip())
    lines += ["", f"on {machine()}"]
    passed = sum(result.counts.passed for result in results)
    failed = sum(result.failed for result in results)
    total = f"{passed} passed, {failed} failed"
    (RESULTS / "summary").write_text("\n".join([*lines, total]) + "\n")
    (RESULTS / "total").write_text(total + "\n")
    print("\n" + "\n".join(lines))
    print(total, flush=True)
    return 1 if failed else 0


def machine():
    def said(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
        except (OSError, subprocess.TimeoutExpired):
            return "?"

    # Debian keeps the servers of several versions; the tests take the newest.
    postgres = max(
        pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"),
        key=lambda path: int(path.parent.parent.name),
        default=shutil.which("postgres") or "postgres",
    )
    facts = [
        platform.platform(),
        f"{os.cpu_count()} cores",
        said("rustc", "--version"),
        f"node {said('node', '--version')}",
        said(postgres, "--version"),
        said("redis-server", "--version").split(" sha")[0],
        said("chromium", "--version").split(" built")[0],
    ]
    return ", ".join(fact for fact in facts if fact)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
