#!/usr/bin/env python3
"""Writes the alerts of monitoring/rules to where Kubernetes reads them.

    scripts/kubernetes-rules.py           writes
    scripts/kubernetes-rules.py --check   says whether what is there is what it would write

A PrometheusRule cannot name files, so Kustomize and the Helm chart each need the rules' text.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAYS = "# Made from monitoring/rules by scripts/kubernetes-rules.py.\n"
RESOURCE = """apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: saas-platform
  labels:
    app: saas-platform
spec:
"""


def groups():
    """The groups of all files under one `groups:`, their text as it is."""
    text = "groups:\n"
    for file in sorted((ROOT / "monitoring/rules").glob("*.yml")):
        text += file.read_text(encoding="utf-8").split("\ngroups:\n", 1)[1].rstrip("\n") + "\n"
    return text


def indented(text):
    return "".join(f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True))


def main():
    text = groups()
    made = {
        ROOT / "k8s/components/prometheus-rule/prometheus-rule.yaml": SAYS + RESOURCE + indented(text),
        ROOT / "helm/saas-platform/files/prometheus-rules.yaml": SAYS + text,
    }
    stale = [path for path, wanted in made.items() if not path.exists() or path.read_text(encoding="utf-8") != wanted]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run scripts/kubernetes-rules.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[path], encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
