#!/usr/bin/env bash
# Breaks the platform under load, ten minutes unless told otherwise; see docs/FAILURES.md.
#   scripts/chaos.sh --minutes 60 --seed 7     `tests/chaos --help` lists the rest
#   SAAS_BINARY=PROGRAM  tests this `saas` instead of target/debug/saas
. "$(dirname "$0")/speak.sh"

need_packages python3 python3-venv postgresql redis-server util-linux faketime
if [ ! -x .venv/bin/python ]; then
    python3 -m venv .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
if [ -z "${SAAS_BINARY-}" ]; then
    need_rust
    need_c_compiler
    cargo build --locked --package saas-platform --bin saas
fi
exec .venv/bin/python -B tests/chaos "$@"
