#!/usr/bin/env bash
# Measures the release build; see bench/README.md.
. "$(dirname "$0")/speak.sh"

need_rust
need_packages nginx-light wrk python3 openssl
case " $* " in
*" --without-build "*) scripts/build.sh ;;
# The binary is built from nothing there; the console is not what is measured.
*) scripts/console.sh ;;
esac
exec python3 bench/run.py "$@"
