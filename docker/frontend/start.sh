#!/bin/sh
# Writes what depends on the environment below /tmp, the only place that can be written to, and
# becomes nginx.
#   VITE_API_URL  where the API is, such as https://api.example.com; empty: where the console is
#   SIGNUP        open or closed: whether the sign-in page offers to create an account
set -eu

refuse() {
    echo "saas-frontend: $*" >&2
    exit 2
}

api=${VITE_API_URL:-}
signup=${SIGNUP:-closed}
case $signup in
open | closed) ;;
*) refuse "SIGNUP is '$signup'; it has to be open or closed" ;;
esac

# What is allowed here goes into a header and a script as it is, so there is nothing to quote.
connect="'self'"
case $api in
'') ;;
*[!][A-Za-z0-9:/._~-]*)
    refuse "VITE_API_URL holds a character that does not belong into such an address" ;;
http://[!/]* | https://[!/]*)
    api=${api%/}
    rest=${api#*://}
    connect="'self' ${api%%://*}://${rest%%/*}"
    ;;
*) refuse "VITE_API_URL is '$api'; it has to begin with https:// or http:// and a host" ;;
esac

mkdir -p /tmp/console
printf 'window.__SAAS_CONFIG__ = { apiUrl: "%s", signup: "%s" };\n' "$api" "$signup" >/tmp/console/config.js
sed "s|@CONNECT@|$connect|" /etc/saas/nginx.conf.template >/tmp/nginx.conf
exec nginx -c /tmp/nginx.conf -e stderr
