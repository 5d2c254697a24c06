#!/usr/bin/env bash
# The version before and this one side by side on one database, under traffic, there and back again.
#   scripts/test-upgrade.sh [REVISION] [-- pytest's options]
# The version before is the newest release; before the first one, the last commit with the schema before
# this one. It is built once, with everything it needs, which takes several minutes, and kept in
# target/upgrade.
#   SAAS_BINARY_BEFORE=PROGRAM  takes this `saas` instead of building the version before
#   SAAS_BINARY=PROGRAM         tests this `saas` instead of target/debug/saas
. "$(dirname "$0")/speak.sh"

revision=
if [ $# -gt 0 ] && [ "$1" != -- ]; then
    revision=$1
    shift
fi
if [ "${1-}" = -- ]; then shift; fi

version_before() {
    git describe --tags --match 'v*' --abbrev=0 HEAD^ 2>/dev/null && return
    local newest
    newest=$(git log --diff-filter=A --format=%H -1 -- 'backend/migration/src/m[0-9]*.rs')
    git rev-parse "$newest^"
}

need_rust
need_packages gcc libc6-dev git mold python3 python3-venv postgresql redis-server
if [ ! -x .venv/bin/python ]; then
    python3 -m venv .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
if [ -z "${SAAS_BINARY_BEFORE-}" ]; then
    revision=$(git rev-parse --verify --quiet "${revision:-$(version_before)}^{commit}") ||
        fail "there is no such revision; a shallow clone has none but its own (git fetch --unshallow --tags)"
    before=target/upgrade/$revision/saas
    if [ ! -x "$before" ]; then
        echo "building $(git log -1 --format='%h of %cs, %s' "$revision")"
        build=$(mktemp -d /var/tmp/saas-upgrade.XXXXXX)
        tidy() { git worktree remove --force "$build/source" 2>/dev/null; rm -rf "$build"; git worktree prune; }
        trap tidy EXIT
        git worktree add --quiet --detach "$build/source" "$revision"
        (cd "$build/source" && CARGO_TARGET_DIR=$build/target cargo build --locked --package saas-platform --bin saas)
        mkdir -p "${before%/*}"
        # Under its name only when it is whole.
        cp "$build/target/debug/saas" "$before.part"
        mv "$before.part" "$before"
        tidy
        trap - EXIT
    fi
    export SAAS_BINARY_BEFORE=$PWD/$before
fi
if [ -z "${SAAS_BINARY-}" ]; then
    cargo build --locked --package saas-platform --bin saas
fi
if [ ! -x target/debug/with-servers ]; then
    cargo build --locked --package saas-testkit
fi
exec target/debug/with-servers -- .venv/bin/python -m pytest tests/upgrade -v -p no:cacheprovider "$@"
