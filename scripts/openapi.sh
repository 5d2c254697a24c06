#!/usr/bin/env bash
# Writes the OpenAPI descriptions and what is generated from them. `check`: whether the latter is
# what the descriptions say. (That they are what the code says, a Rust test checks.)
. "$(dirname "$0")/speak.sh"

if [ "${1-}" = check ]; then
    scripts/api-reference.py --check
    exec npm --prefix frontend/admin --silent run generate:check
fi

need_rust
need_node
scripts/console.sh packages
mkdir -p docs/openapi
for service in core registry; do
    # By way of a second file: a failed run leaves the description as it was.
    cargo run --quiet --package saas-platform --bin saas -- openapi "$service" >"docs/openapi/$service.json.new"
    mv "docs/openapi/$service.json.new" "docs/openapi/$service.json"
    echo "docs/openapi/$service.json"
done
npm --prefix frontend/admin run generate
scripts/api-reference.py
