#!/usr/bin/env bash
# Builds the console into frontend/admin/dist, if anything it is made of has changed.
# `scripts/console.sh packages` stops after its npm packages.
. "$(dirname "$0")/speak.sh"

need_node
cd frontend/admin

locked=$(sum_of package.json package-lock.json .npmrc)
if [ "$(cat node_modules/.saas-locked 2>/dev/null)" != "$locked" ]; then
    echo "installing the console's packages"
    npm ci --no-audit --no-fund --loglevel=error
    echo "$locked" >node_modules/.saas-locked
fi
[ "${1-}" != packages ] || exit 0

sources=$(find . -mindepth 1 -maxdepth 1 ! -name node_modules ! -name dist ! -name '.*' -print0 | xargs -0 -n 1 printf '%s\n')
mapfile -t sources <<<"$sources"
[ ! -d ../../docs/openapi ] || sources+=(../../docs/openapi)
built=$(sum_of "${sources[@]}")
if [ -f dist/index.html ] && [ "$(cat node_modules/.saas-built 2>/dev/null)" = "$built" ]; then
    echo "the console is up to date"
    exit 0
fi
npm run build --loglevel=error
echo "$built" >node_modules/.saas-built
