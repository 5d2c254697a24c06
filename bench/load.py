"""Load by wrk, and what a proxy spent on it."""

import dataclasses
import re
import statistics
import subprocess

from processes import Broken, Process, program

CONNECTIONS = 64
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclasses.dataclass
class Target:
    name: str
    process: Process
    url: str
    headers: dict


@dataclasses.dataclass
class Run:
    """One load on one target. Times in seconds."""

    requests: int
    seconds: float
    user: float
    system: float
    median: float
    p99: float

    @property
    def cost(self):
        """Processor seconds per request."""
        return (self.user + self.system) / self.requests


def wrk(target, seconds):
    command = [program("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    for name, value in target.headers.items():
        command += ["-H", f"{name}: {value}"]
    said = subprocess.run([*command, target.url], capture_output=True, text=True)
    if said.returncode != 0:
        raise Broken(f"wrk on {target.url} failed: {said.stderr.strip()}")
    return said.stdout


def load(target, seconds):
    """Puts load on a target; every answer must be a 2xx."""
    before = target.process.cpu()
    said = wrk(target, seconds)
    after = target.process.cpu()
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.+)", said)
    if wrong:
        raise Broken(f"{target.name} did not answer everything with success:\n{said}")
    count, took = re.search(r"(\d+) requests in ([\d.]+\w+)", said).groups()
    return Run(
        requests=int(count),
        seconds=duration(took),
        user=after[0] - before[0],
        system=after[1] - before[1],
        median=duration(re.search(r"^ +50%\s+(\S+)", said, re.M)[1]),
        p99=duration(re.search(r"^ +99%\s+(\S+)", said, re.M)[1]),
    )


def duration(text):
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()
    return float(number) * UNITS[unit]


def interleaved(targets, rounds, seconds, say):
    """Loads the targets in turn, in alternating order, so that what else happens on the machine
    meets all of them: a list of runs for each."""
    runs = {target.name: [] for target in targets}
    for number in range(rounds):
        for target in targets if number % 2 == 0 else reversed(targets):
            wrk(target, 1)
            run = load(target, seconds)
            runs[target.name].append(run)
            say(f"  round {number + 1}: {target.name:32} {run.cost * 1e6:7.2f} µs, {run.requests / run.seconds:8.0f}/s")
    return runs


def ratio(runs, base):
    """The median over the pairs, and the range."""
    each = [run.cost / against.cost for run, against in zip(runs, base)]
    return statistics.median(each), min(each), max(each)
