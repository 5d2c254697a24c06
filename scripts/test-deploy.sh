#!/usr/bin/env bash
# Builds the images and runs the production stack by Compose in an engine of its own. Long: half an
# hour or more where nothing was built before. What is measured lies in test-results/deploy.json.
#   SAAS_DEPLOY_ROOT=FOLDER  keeps images and layers there for the next run
#   SAAS_PREBUILT=BINARY     takes this binary instead of compiling one in the image
. "$(dirname "$0")/speak.sh"

[ "$(id -u)" = 0 ] || fail "Containers need root here: run this as root."
need_rust
need_node
need_packages podman runc catatonit containernetworking-plugins golang-github-containernetworking-plugin-dnsname \
    iptables docker-compose debootstrap curl python3 python3-venv nginx-light openssl
if [ ! -x .venv/bin/python ]; then
    python3 -m venv .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
exec .venv/bin/python -m pytest tests/deploy -v -s -p no:cacheprovider "$@"
