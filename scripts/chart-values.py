#!/usr/bin/env python3
"""Writes the table of values in the chart's README from the comments in its values.yaml.

    scripts/chart-values.py           writes
    scripts/chart-values.py --check   says whether the README is up to date

Every value has a comment of one line above it; a value without one is an error.
"""

import json
import pathlib
import re
import sys

import yaml

CHART = pathlib.Path(__file__).resolve().parent.parent / "helm/saas-platform"
TABLE = re.compile(r"(?<=<!-- values -->\n).*?(?=<!-- end of values -->)", re.S)


def comments(text):
    """The comment directly above each key, by the key's path."""
    found, path, comment = {}, [], None
    for line in text.splitlines():
        if match := re.match(r"( *)([\w./-]+):", line):
            depth = len(match[1]) // 2
            path[depth:] = [match[2]]
            if comment:
                found[tuple(path)] = comment
        comment = line.strip()[2:] if line.strip().startswith("# ") else None
    return found


def rows(values, said, path=()):
    for key, value in values.items():
        here = (*path, key)
        if here in said:
            # A list or map is one value where the comment stands above the whole of it.
            yield ".".join(here), json.dumps(value), said[here]
        elif isinstance(value, dict) and value:
            yield from rows(value, said, here)
        else:
            raise SystemExit(f"values.yaml does not say what {'.'.join(here)} means")


def main():
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    lines = ["| value | default | meaning |", "|---|---|---|"]
    lines += [
        f"| `{name}` | `{default}` | {meaning} |" for name, default, meaning in rows(yaml.safe_load(text), comments(text))
    ]
    readme = CHART / "README.md"
    before = readme.read_text(encoding="utf-8")
    after = TABLE.sub(lambda _: "\n".join(lines) + "\n", before)
    if "--check" in sys.argv[1:]:
        if before != after:
            print("the chart's README is stale: run scripts/chart-values.py", file=sys.stderr)
        return int(before != after)
    readme.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
