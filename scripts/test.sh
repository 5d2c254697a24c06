#!/usr/bin/env bash
# Everything the tests need, then the tests: see scripts/test.py.
. "$(dirname "$0")/speak.sh"

if ! scripts/setup.sh; then
    echo "setup failed, so that no test ran"
    mkdir -p test-results
    echo "0 passed, 1 failed" | tee test-results/total
    exit 1
fi
need_rust
exec .venv/bin/python scripts/test.py "$@"
