#!/usr/bin/env bash
# Builds what has changed and becomes `saas up`.
. "$(dirname "$0")/speak.sh"

scripts/build.sh 3
step 3 3 "The platform (Ctrl-C stops it)"
exec "${CARGO_TARGET_DIR:-target}/release/saas" up
