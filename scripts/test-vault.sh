#!/usr/bin/env bash
# Secrets from a real server that speaks as Vault does, RustyVault, which cargo builds the first time:
# a quarter of an hour on two cores. `make test` has the same against a stand-in.
#   RUSTY_VAULT=PROGRAM  takes this `rvault` instead of building one
#   SAAS_BINARY=PROGRAM  tests this `saas` instead of target/debug/saas
. "$(dirname "$0")/speak.sh"

version=0.2.1
need_rust
need_packages pkg-config libssl-dev openssl python3 python3-venv
if [ ! -x .venv/bin/python ]; then
    python3 -m venv .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
if [ -z "${RUSTY_VAULT-}" ] && ! target/tools/bin/rvault --version 2>/dev/null | grep -q "$version"; then
    # In a folder of its own, which is taken away: three quarters of a gigabyte.
    cargo install rusty_vault --version "$version" --locked --bin rvault --root target/tools --target-dir target/tools/build
    rm -rf target/tools/build
fi
if [ -z "${SAAS_BINARY-}" ]; then
    cargo build --locked --package saas-platform --bin saas
fi
exec .venv/bin/python -m pytest tests/vault -v -p no:cacheprovider "$@"
