"""The production stack as a whole, from outside over HTTPS and from inside."""

import http.client
import json
import re

import pytest
import reader
from client import ADMIN, API
from conftest import NEXT, VERSION
from engine import HUB, wait
from load import Load
from relay import relay
from stack import MACHINE, NAMES, PLATFORM, SERVICES, container


def test_containers_have_no_root_no_capabilities_and_nothing_to_write_to(stack, engine):
    for name in NAMES:
        found = engine.inspect(name)
        assert found["HostConfig"]["ReadonlyRootfs"], name
        assert not found["EffectiveCaps"], name
        assert "no-new-privileges" in str(found["HostConfig"]["SecurityOpt"]), name
        status = open(f"/proc/{found['State']['Pid']}/status").read()
        user = int(re.search(r"Uid:\s+(\d+)", status)[1])
        expected = 0 if name == "saas_traefik" else 999 if "postgres" in name or "redis" in name else 10001
        assert user == expected, name
        assert re.search(r"NoNewPrivs:\s+1", status) and re.search(r"CapEff:\s+0{16}", status), name
        assert found["HostConfig"]["Memory"] > 0 and found["HostConfig"]["NanoCpus"] > 0, name
        assert found["HostConfig"]["RestartPolicy"]["Name"] == "always", name
    tried = engine.run("podman", "exec", "saas_frontend_prod", "touch", "/usr/share/saas-console/x", check=False)
    assert "Read-only file system" in tried.stderr


def test_nothing_but_the_edge_publishes_a_port(stack, engine):
    publishing = {name for name in NAMES if any((engine.inspect(name)["NetworkSettings"]["Ports"] or {}).values())}
    assert publishing == {"saas_traefik"}


def test_no_secret_is_on_a_command_line_or_in_a_label(stack, engine):
    seen = ""
    for name in NAMES:
        found = engine.inspect(name)
        seen += json.dumps([found["Config"]["Labels"], found["Config"]["Cmd"], found["Args"]])
        seen += engine.podman("top", name, "args")
    assert not [number for number, secret in enumerate(stack.secrets) if secret in seen]


def test_the_edge_redirects_and_closes_what_is_internal(stack):
    plain = http.client.HTTPConnection("127.0.0.1", stack.http, timeout=10)
    plain.request("GET", "/some/page?x=1", headers={"Host": ADMIN})
    answer = plain.getresponse()
    assert answer.status == 301 and answer.headers["Location"] == f"https://{ADMIN}/some/page?x=1"
    for host in (API, ADMIN):
        for path in ("/metrics", "/internal/v1/gateways", "/internal"):
            assert stack.call("GET", host, path).status == 404, path
        answer = stack.call("GET", host, "/health")
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert answer.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"


def test_the_console_is_served_with_its_policy_and_knows_the_api(stack):
    page = stack.call("GET", ADMIN, "/tenants/some-page")
    assert page.status == 200 and b'<div id="root">' in page.body
    assert page.headers["Cache-Control"] == "no-cache"
    policy = page.headers["Content-Security-Policy"]
    assert f"connect-src 'self' https://{API};" in policy and "frame-ancestors 'none'" in policy
    script = re.search(rb'src="(/assets/[^"]+\.js)"', page.body)[1].decode()
    asset = stack.call("GET", ADMIN, script, Accept_Encoding="gzip")
    assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert asset.headers["Content-Encoding"] == "gzip"
    missing = stack.call("GET", ADMIN, "/assets/none.js")
    assert missing.status == 404 and missing.headers["Cache-Control"] == "no-cache"
    config = stack.call("GET", ADMIN, "/config.js")
    assert config.body.decode() == f'window.__SAAS_CONFIG__ = {{ apiUrl: "https://{API}", signup: "open" }};\n'
    assert config.headers["Cache-Control"] == "no-cache"


def test_a_page_of_the_console_may_call_the_api_and_no_other_may(stack):
    def preflight(origin):
        return stack.call("OPTIONS", API, "/api/core/v1/auth/login", Origin=origin,
                          Access_Control_Request_Method="POST", Access_Control_Request_Headers="content-type")

    assert preflight(f"https://{ADMIN}").headers["Access-Control-Allow-Origin"] == f"https://{ADMIN}"
    assert not preflight("https://elsewhere.example").headers["Access-Control-Allow-Origin"]


def test_the_quick_start_word_for_word(stack, tmp_path, monkeypatch):
    """With the example's service on the machine beside the stack."""
    token = stack.saas("core", "token", "create", "--service", "orders").split()[-1]
    reader.go_through(stack, MACHINE, token, tmp_path, monkeypatch)


def examine(engine, *command):
    """What `saas doctor` says; all of it if something is wrong."""
    done = engine.run("podman", *command, "--json", check=False)
    report = json.loads(done.stdout)
    wrong = [check for check in report["checks"] if check["status"] == "failed"]
    assert not wrong and done.returncode == 0, json.dumps(wrong, indent=2)
    return report["checks"]


def test_the_doctor_finds_all_well_from_within_and_from_outside(stack, engine, owner):
    """As docs/DEPLOYMENT.md has it asked: where core runs, its logs by a pipe, and from another machine."""
    within = examine(engine, "exec", container("core"), "/usr/local/bin/saas", "doctor", "--security", "--skip", "public,edge")
    subjects = [check["subject"].split()[0] for check in within if check["group"] == "services"]
    assert [subjects.count(service) for service in ("registry", "core", "gateway")] == [1, 1, 2], within
    assert "orders" in [check["subject"] for check in within if check["group"] == "registry"]
    logs = stack.folder / "core.log"
    logs.write_text(engine.podman("logs", container("core")))
    with logs.open() as lines:
        done = engine.run("podman", "exec", "--interactive", container("core"), "/usr/local/bin/saas", "doctor", "--only", "logs", "--logs", "-", stdin=lines)
    assert "all well formed" in done.stdout, done.stdout
    outside = "127.0.0.2"
    names = ("--add-host", f"{API}:{outside}", "--add-host", f"{ADMIN}:{outside}")
    settings = ("--env", f"PUBLIC_URL=https://{API}", "--env", f"CONSOLE_URL=https://{ADMIN}", "--env", "TLS_CA_FILE=/authority.pem")
    image = f"{HUB}saas-core:{stack.settings['IMAGE_TAG']}"
    authority = ("--volume", f"{stack.authority}:/authority.pem:ro")
    with relay(outside, {443: stack.https, 80: stack.http}):
        seen = examine(engine, "run", "--rm", "--network", "host", *names, *settings, *authority, image, "doctor", "--only", "public,edge")
    assert len(seen) > 10 and all(check["status"] == "ok" for check in seen), seen


def test_clients_addresses_come_through_and_cannot_be_made_up(stack, owner):
    """What the edge says is believed, what a client says is not."""
    seen = stack.call("GET", API, "/api/orders/whoami", token=owner, X_Forwarded_For="203.0.113.7").json()
    forwarded = seen["passage"]["X-Forwarded-For"]
    assert "203.0.113.7" not in forwarded and forwarded.split(",")[0].strip() == MACHINE
    assert seen["passage"]["X-Forwarded-Proto"] == "https"


def test_services_are_restarted_in_turn_without_a_failed_request(stack, engine, owner, figures):
    for service in ("redis", "registry", "core", "gateway", "gateway-b", "frontend", "orders"):
        with Load(stack, owner) as load:
            stack.restart(service)
            load.wait_for_more(100)
        print(f"{service}: {load.total} requests, slowest {max(load.slowest.values()):.2f} s, {load.repeated} repeated")
        load.expect_none_failed()
        assert service == "frontend" or not load.repeated, load.repeated
        figures[f"restart of {service}, slowest request, s"] = round(max(load.slowest.values()), 2)


def test_without_its_database_core_says_so_and_recovers_and_business_goes_on(stack, engine, owner, figures):
    def refused_politely(failed):
        return failed.kind == "core" and failed.wrong.startswith("503") and "without Retry-After" not in failed.wrong

    def asked():
        return stack.call("GET", API, "/api/core/v1/sessions", token=owner).status

    with Load(stack, owner) as load:
        stack.compose("stop", "postgres")
        wait("core to say so", lambda: asked() == 503)
        load.wait_for_more(1000)
        stack.compose("start", "postgres")
        engine.wait_healthy("saas_postgres_prod")
        wait("core to answer again", lambda: asked() == 200, 20)
    load.expect_none_failed(refused_politely)
    figures["without postgres: core refused for, s"] = round(load.away("core"), 1)
    with Load(stack, owner) as load:
        stack.restart("postgres")
        wait("core to answer again", lambda: asked() == 200, 20)
    load.expect_none_failed(refused_politely)
    figures["restart of postgres: core refused for, s"] = round(load.away("core"), 1)
    with Load(stack, owner) as load:
        load.wait_for_more(100)
    load.expect_none_failed()


def test_a_backup_is_made_beside_the_load_and_a_drill_proves_it(stack, engine, owner, figures):
    def saas(*command):
        return engine.podman("exec", "saas_backup_prod", "saas", "backup", *command)

    with Load(stack, owner) as load:
        made = json.loads(saas("create", "--json"))
        assert saas("verify").startswith("ok ")
        drilled = json.loads(saas("drill", "--json"))
    load.expect_none_failed()
    figures["backup, s"] = round(made["seconds"], 1)
    figures["backup and drill, slowest request, s"] = round(max(load.slowest.values()), 2)
    assert made["manifest"]["tables"]["users"]["rows"] > 1
    # The copy is gone, and what was there goes on.
    databases = engine.podman("exec", "saas_postgres_prod", "psql", "-U", stack.settings["POSTGRES_USER"], "-Atc", "SELECT datname FROM pg_database", stack.settings["POSTGRES_DB"])
    assert "drill" not in databases
    assert drilled, "a report"
    assert stack.call("GET", API, "/api/core/v1/me", token=owner).status == 200


def test_memory_idle_and_under_load(stack, engine, owner, figures):
    def measure(when):
        found = {name: size for name, size in engine.memory().items() if name in NAMES}
        figures[f"memory {when}, all, MiB"] = round(sum(found.values()))
        for name, size in found.items():
            figures[f"memory {when}, {name}, MiB"] = round(size)

    measure("idle")
    with Load(stack, owner) as load:
        load.wait_for_more(1000)
        measure("under load")
    load.expect_none_failed()


@pytest.mark.parametrize("version", [NEXT, VERSION])
def test_an_update_and_the_way_back_are_one_variable(stack, engine, owner, figures, version):
    """First to the next version, then back; each service in turn, nobody notices, nothing is lost."""
    before = stack.call("GET", API, "/api/core/v1/me", token=owner).json()
    stack.write_settings(IMAGE_TAG=version)
    with Load(stack, owner) as load:
        stack.compose("run", "--rm", "migrate")
        for service in ("registry", "core", "gateway", "gateway-b", "frontend", "backup"):
            stack.replace(service)
    load.expect_none_failed()
    figures[f"update to {version}, requests"] = load.total
    figures[f"update to {version}, pages repeated as by a browser"] = load.repeated
    figures[f"update to {version}, slowest request, s"] = round(max(load.slowest.values()), 2)
    for service in PLATFORM:
        image = engine.inspect(container(service))["ImageName"]
        assert image.endswith(f":{version}"), image
    assert stack.call("GET", API, "/api/core/v1/me", token=owner).json() == before


def test_what_is_written_survives_the_whole_stack(stack, engine, owner, figures):
    person = {"email": "owner@coffeehouse.example", "password": "a kettle and coffeehouse leaves"}
    stack.compose("stop")
    assert not engine.podman("ps", "--quiet")
    figures["start again after a stop, s"] = round(stack.up(), 1)
    assert stack.sign_in(person)
    assert len(SERVICES) + 1 == len(NAMES)
