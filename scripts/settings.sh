#!/usr/bin/env bash
# Writes the documents of all settings from the table in the code.
. "$(dirname "$0")/speak.sh"

need_rust
for language in en zh-CN; do
    document=docs/SETTINGS.md
    [ "$language" = en ] || document=docs/$language/SETTINGS.md
    mkdir -p "$(dirname "$document")"
    cargo run --quiet --package saas-platform --bin saas -- config document --language "$language" >"$document.new"
    mv "$document.new" "$document"
    echo "$document"
done
