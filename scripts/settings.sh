#!/usr/bin/env bash
# Writes the documents of all settings, and the example of an .env file, from the code.
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
cargo run --quiet --package saas-platform --bin saas -- config generate --example >.env.prod.example.new
mv .env.prod.example.new .env.prod.example
echo .env.prod.example
