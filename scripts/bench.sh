#!/usr/bin/env bash
# Measures the release build; see bench/README.md.
. "$(dirname "$0")/speak.sh"

need_packages nginx-light wrk python3 openssl
scripts/build.sh
exec python3 bench/run.py "$@"
