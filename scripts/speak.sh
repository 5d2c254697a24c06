# Read by the other scripts: how they speak, and what they all need.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# One clear sentence, and the end.
fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# step 1 3 "What happens now"
step() {
    printf '\n[%s/%s] %s\n' "$1" "$2" "$3"
}

# "1.95" is at least "1.95": at_least HAVE WANT
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

need_rust() {
    local want have
    # A shell that was open when rustup was installed does not know its directory yet.
    if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH="$HOME/.cargo/bin:$PATH"
    fi
    want=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    command -v cargo >/dev/null ||
        fail "Rust $want or newer is needed and was not found: install it from https://rustup.rs and try again."
    have=$(cargo --version | cut -d ' ' -f 2)
    at_least "$have" "$want" ||
        fail "Rust $want or newer is needed, here is $have: run 'rustup update' and try again."
}

need_node() {
    local want=20.19 have
    { command -v node && command -v npm; } >/dev/null ||
        fail "Node $want or newer with npm is needed and was not found: install it from https://nodejs.org and try again."
    have=$(node --version)
    at_least "${have#v}" "$want" ||
        fail "Node $want or newer is needed, here is ${have#v}: install a newer one from https://nodejs.org and try again."
}

# Installs those of the named Debian packages that are missing.
need_packages() {
    local missing=() package root=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        fail "These are needed and this is no Debian to install them on: ${missing[*]}."
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "Run this as root or install sudo: the packages ${missing[*]} are needed."
        root=(sudo)
    fi
    echo "installing ${missing[*]}"
    # Only programs are wanted: what is installed here shall not begin to serve.
    local policy=/usr/sbin/policy-rc.d guarded=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
        "${root[@]}" chmod 755 "$policy"
        guarded=yes
    fi
    local status=0
    { apt_get update -q && apt_get install -q -y --no-install-recommends "${missing[@]}"; } || status=$?
    [ -z "$guarded" ] || "${root[@]}" rm -f "$policy"
    [ "$status" = 0 ] || fail "apt-get could not install ${missing[*]}; its words are above."
    if command -v systemctl >/dev/null; then
        for package in "${missing[@]}"; do
            case $package in
            postgresql) "${root[@]}" systemctl disable -q postgresql 2>/dev/null || true ;;
            redis-server) "${root[@]}" systemctl disable -q redis-server 2>/dev/null || true ;;
            prometheus | prometheus-alertmanager) "${root[@]}" systemctl disable -q "$package" 2>/dev/null || true ;;
            openssh-server) "${root[@]}" systemctl disable -q ssh 2>/dev/null || true ;;
            nginx-light) "${root[@]}" systemctl disable -q nginx 2>/dev/null || true ;;
            esac
        done
    fi
}

apt_get() {
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 "$@" >>"$(apt_log)" 2>&1 ||
        { tail -n 20 "$(apt_log)" >&2; return 1; }
}

apt_log() {
    mkdir -p test-results
    echo test-results/apt.log
}

# SQLite and the cryptography are C: their compiler is the one thing Rust does not bring along.
need_c_compiler() {
    command -v cc >/dev/null || need_packages gcc libc6-dev
}

# A number that changes with any of the named files or directories.
sum_of() {
    find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}
