"""Figures to words: the section of docs/BENCHMARKS.md that `make bench` rewrites."""

import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess

from load import CONNECTIONS, ratio

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
MEGABYTE = 1024 * 1024


def section(facts, command):
    start, runs = facts["start"], facts["runs"]
    lines = [
        f"Measured on {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d} at {revision()} by `{command}`.",
        "",
        machine(),
        "",
        "| | measured | aim |",
        "|---|---|---|",
        f"| start to ready, first run | {seconds(start['first'])} | under 1.5 s |",
        f"| start to ready, existing data directory | {seconds(start['again'])} | under 0.3 s |",
        f"| resident memory, idle | {megabytes(facts['idle_bytes'])} | under 50 MB |",
        f"| resident memory after {facts['loaded_requests']:,} requests | {megabytes(facts['loaded_bytes'])} | |",
        f"| size of the binary, console included | {megabytes(facts['binary_bytes'])} | |",
    ]
    if facts["build_seconds"]:
        lines.append(f"| cold release build of the binary | {minutes(facts['build_seconds'])} | |")
    rounds = len(next(iter(runs.values())))
    lines += table(
        runs,
        f"Processor time per request, {CONNECTIONS} connections kept alive, {facts['threads']} workers each,"
        f" {facts['body_bytes']} bytes of body, medians of {rounds} interleaved rounds:",
    )
    lines += table(facts["tls_runs"], "The same by TLS 1.3 (ECDSA on P-256 in the certificate):")
    lines += table(
        facts["handshake_runs"],
        "The same with a connection and a full handshake for each request, so that a request per second is a"
        " handshake per second:",
    )
    return "\n".join(lines)


def table(runs, title):
    (base_name, base), *others = runs.items()
    return [
        "",
        title,
        "",
        "| | µs per request | of it in the kernel | beside nginx | requests per second | median | 99th percentile |",
        "|---|---|---|---|---|---|---|",
        row(base_name, base, base),
        *(row(name, each, base) for name, each in others),
    ]


def row(name, runs, base):
    middle, least, most = ratio(runs, base)
    beside = "1" if runs is base else f"**{middle:.2f}** ({least:.2f} to {most:.2f})"
    return (
        f"| {name} | {median(runs, lambda run: run.cost) * 1e6:.1f}"
        f" | {median(runs, lambda run: run.system / run.requests) * 1e6:.1f}"
        f" | {beside}"
        f" | {median(runs, lambda run: run.requests / run.seconds):,.0f}"
        f" | {median(runs, lambda run: run.median) * 1e3:.2f} ms"
        f" | {median(runs, lambda run: run.p99) * 1e3:.2f} ms |"
    )


def median(runs, figure):
    return statistics.median(figure(run) for run in runs)


def seconds(times):
    return f"{statistics.median(times):.3f} s (median of {len(times)}; {min(times):.3f} to {max(times):.3f})"


def megabytes(count):
    return f"{count / MEGABYTE:.1f} MB"


def minutes(count):
    return f"{int(count // 60)} min {count % 60:.0f} s"


def machine():
    processor = "an unnamed processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
            break
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    system = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())[1]
    return (
        f"Machine: {processor}, {os.cpu_count()} cores, {memory / MEGABYTE:.0f} GB;"
        f" {system}, Linux {platform.release()}; {said('rustc', '--version', words=2)},"
        f" {said('/usr/sbin/nginx', '-v').rsplit(' ', 1)[-1]}."
        " Load generator, proxies and upstreams share its cores."
    )


def said(*command, words=None):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return f"{command[0]} of an unknown version"
    if done.returncode != 0:
        return f"{command[0]} of an unknown version"
    # nginx tells its version on standard error.
    return " ".join((done.stdout or done.stderr).split()[:words])


def revision():
    git = ["git", "-C", str(pathlib.Path(__file__).parent)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    if commit.returncode != 0:
        return "no known revision"
    # This run's own page and pictures do not make another program.
    code = [*git, "status", "--porcelain", "--", ":/backend", ":/frontend", ":/bench", ":/Cargo.lock"]
    changed = subprocess.run(code, capture_output=True, text=True).stdout.strip()
    return f"revision {commit.stdout.strip()}{' with changes' if changed else ''}"


def arguments(given):
    """As `make bench` takes them."""
    return [f'args="{" ".join(given)}"'] if given else []


def write(path, text):
    """Replaces what lies between the marks; everything else is people's."""
    page = path.read_text()
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise SystemExit(f"{path} must hold {BEGIN} and {END} once each; nothing was written")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
