#!/usr/bin/env bash
# Prints the section of CHANGELOG.md about a version: release-notes.sh 1.2.3. Fails if there is
# none, if it is empty, or if the binary would say another version.
. "$(dirname "$0")/speak.sh"

[ $# = 1 ] || fail "usage: scripts/release-notes.sh VERSION"
binary=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
[ "$1" = "$binary" ] || fail "Cargo.toml says version $binary, and the release is $1: raise one of them."
notes=$(awk -v head="## [$1]" '
    index($0, "## ") == 1 { wanted = index($0, head) == 1; next }
    wanted { print }
' CHANGELOG.md)
[[ $notes =~ [^[:space:]] ]] || fail "CHANGELOG.md has no section '## [$1]' with words in it."
printf '%s\n' "$notes" | sed -e '/./,$!d'
