"""A reader who types the README's quick start, over HTTPS, on the machine beside the platform."""

import types

import quickstart
from client import API
from engine import Failure

COMMANDS = """
cd {root}
ask() {{ command curl --cacert {platform.authority} --resolve {api}:{platform.https}:127.0.0.1 "$@"; }}
let_in() {{
    ask -s $API/core/v1/users -H "Authorization: Bearer $ADMIN" | grep -o '"id":"[^"]*"' | cut -d '"' -f 4 |
        while read -r person; do
            ask -s -X POST $API/core/v1/users/$person/enable -H "Authorization: Bearer $ADMIN"
        done
}}
curl() {{ ask "$@"; case "$*" in */auth/signup*) let_in ;; esac; }}
python3() {{
    if [ "$1" = examples/python/orders.py ]; then exec env python3 "$@" --host {machine} --data {folder}/orders.db
    else env python3 "$@"; fi; }}
"""


def go_through(platform, machine, token, folder, monkeypatch):
    """Every command, with the example's service at the machine's address in the platform's network,
    registered by a token. After each sign-up an operator lets the person in, which production demands."""
    registry = f"http://{platform.registry}:8001"
    found = types.SimpleNamespace(
        gateways=[f"https://{API}:{platform.https}"], registry=registry, password=platform.one_time_password(), processes=[]
    )
    monkeypatch.setattr(quickstart, "service_answers", lambda _: len(platform.instances("orders")))
    environment = quickstart.clean_environment(
        folder, REGISTRY_URL=registry, REGISTRATION_TOKEN=token, ADVERTISE_ADDRESS=machine
    )
    shell = quickstart.Shell(folder, environment)
    shell.run(COMMANDS.format(root=quickstart.ROOT, platform=platform, api=API, machine=machine, folder=folder))
    try:
        quickstart.run_blocks(found, shell)
        shell.close()
    except quickstart.Failure as failure:
        raise Failure(f"{failure}\n{(folder / 'stderr.log').read_text()[-3000:]}") from failure
    finally:
        if shell.bash.poll() is None:
            shell.bash.kill()
