#!/usr/bin/env python3
"""Breaks the platform under load, at random moments, and looks whether it keeps its promises.

    tests/chaos                       ten minutes, a seed of its own
    tests/chaos --seed 7 --minutes 60
    tests/chaos --only postgres       faults whose name has this word
    tests/chaos --short               each kind once, in a minute and a half, with a fixed seed

A line for each fault, then a table, and both in test-results/chaos.json. What is promised is told
in docs/FAILURES.md. SAAS_BINARY names the program. The exit status says whether everything held.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import sys
import time

import faults
from run import Stage

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "test-results"
# What stands for its kind in the short form, in this order.
SHORT = {
    "distributed": [
        "GatewayKilled", "RegistryKilled", "PostgresKilled", "RedisKilled", "CoreKilled", "PostgresSilent", "CoreFrozen",
        "RegistryPartitioned", "PostgresSlow", "DiskFull", "GatewayClock", "RollingRestart",
    ],
    "one process": ["UpKilled", "UpDiskFull"],
}
SHORT_SEED = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="that of an earlier run does the same in the same order")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", metavar="FAULT", help="faults whose name or class has this word")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--form", choices=["distributed", "one process"])
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else SHORT_SEED if chosen.short else random.SystemRandom().randrange(1 << 31)
    # Whoever ends the suite ends it whole.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"seed {seed}: `--seed {seed}` does the same again", flush=True)
    if not faults.FAKETIME:
        print("without libfaketime no clock is set: install `faketime`", file=sys.stderr)
        return 1
    forms = [chosen.form] if chosen.form else ["distributed", "one process"]
    # The embedded form has fewer ways to break.
    shares = {"distributed": 0.85, "one process": 0.15} if len(forms) > 1 else {forms[0]: 1}
    begun, rows, wrong = time.monotonic(), [], []
    for form in forms:
        kinds = [kind for kind in faults.FAULTS if form in kind.forms]
        if chosen.only:
            kinds = [kind for kind in kinds if chosen.only.lower() in f"{kind.__name__} {getattr(kind, 'title', '')}".lower()]
        elif chosen.short:
            kinds = [getattr(faults, name) for name in SHORT[form]]
        if not kinds:
            continue
        stage = Stage(form, random.Random(f"{seed} {form}"), is_short=chosen.short, logs=RESULTS / "chaos")
        seconds = None if chosen.short else chosen.minutes * 60 * shares[form]
        rows += stage.run(kinds, seconds)
        wrong += stage.wrong
    RESULTS.mkdir(exist_ok=True)
    report = {"seed": seed, "seconds": round(time.monotonic() - begun), "machine": machine(), "faults": rows, "wrong": wrong}
    (RESULTS / "chaos.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    table(rows)
    failed = sum(1 for row in rows if row["wrong"]) + (1 if wrong else 0)
    print(f"\n{len(rows) - sum(1 for row in rows if row['wrong'])} passed, {failed} failed in {report['seconds']} s, seed {seed}")
    return 1 if failed or not rows else 0


def machine():
    model = next((line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{os.cpu_count()} cores, {model}"


def table(rows):
    wide = max((len(row["fault"]) for row in rows), default=10)
    print(f"\n{'what was done':{wide}}  lasted  healed in  requests  failed  revoked token lived (severed)")
    for row in rows:
        healed = "never" if row["healed"] is None else f"{row['healed']:.1f} s"
        lived = f"{row['revoked']:.1f} s ({row['severed']:.1f} s)"
        print(f"{row['fault']:{wide}}  {row['lasted']:4.1f} s  {healed:>9}  {row['requests']:8}  {row['failed']:6}  {lived}")


if __name__ == "__main__":
    sys.exit(main())
