"""What `saas doctor` says."""

import json
import subprocess

from running_platform import BINARY


class Report:
    def __init__(self, done):
        assert done.returncode in (0, 1) and not done.stderr, done
        self.status, self.text = done.returncode, done.stdout
        self.whole = json.loads(done.stdout)
        self.checks = self.whole["checks"]
        assert self.whole["ok"] == (self.status == 0) == (self.count("failed") == 0)

    def count(self, status):
        return sum(check["status"] == status for check in self.checks)

    def of(self, group, status=None):
        return [c for c in self.checks if c["group"] == group and status in (None, c["status"])]

    def told(self, group, status, *words):
        """The one check of this group that ended so and says so; all that is not well has advice."""
        text = lambda check: f"{check['subject']}: {check['seen']}; {check['advice']}"
        found = [text(c) for c in self.of(group, status) if all(word in text(c) for word in words)]
        assert len(found) == 1, f"{words} in {len(found)} of\n" + "\n".join(map(str, self.of(group)))
        return found[0]


def doctor(known, *words, **options):
    command = [BINARY, "doctor", "--json", *words]
    return Report(subprocess.run(command, env=known, capture_output=True, text=True, timeout=120, **options))
