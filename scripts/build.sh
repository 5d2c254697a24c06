#!/usr/bin/env bash
# Builds the console and the release binary. $1: how many steps the caller has in all.
. "$(dirname "$0")/speak.sh"
steps=${1:-2}
binary=${CARGO_TARGET_DIR:-target}/release/saas

need_rust
need_node
need_c_compiler

step 1 "$steps" "The console (frontend/admin)"
scripts/console.sh

again="(the first time takes a few minutes)"
[ ! -e "$binary" ] || again="(what has changed)"
step 2 "$steps" "The binary $again"
# An empty RUSTFLAGS keeps test settings out (.cargo/config.toml, made by `make setup`), so that a
# release is the same with and without them and is not built twice.
RUSTFLAGS=${RUSTFLAGS-} cargo build --release --locked --package saas-platform --bin saas
echo "$binary is ready"
