"""The Kubernetes manifests, really run: two registries, three gateways, two cores and the console, the
migration, PostgreSQL and Redis; and every pod replaced while people work. tests/deploy/cluster.py says
what stands in for a cluster."""

import json
import re

import pytest
import reader
from client import ADMIN, API
from cluster import NETWORK, NODE, PREFIX, Cluster
from conftest import NEXT, VERSION
from engine import wait
from load import Load

PLATFORM = ["registry", "core", "gateway", "frontend"]
FAILED = re.compile(r"panicked at|status_code\W+500")


@pytest.fixture(scope="module")
def cluster(engine, images, figures, tmp_path_factory):
    running = Cluster(engine, tmp_path_factory.mktemp("cluster"), VERSION)
    try:
        running.open_services()
        running.up("postgres", "redis")
        yield running
    except BaseException:
        for pods in running.pods.values():
            for each in pods:
                print(f"--- {each.name}\n{each.log()[-3000:]}")
        raise
    finally:
        running.close()


@pytest.fixture(scope="module")
def platform(cluster, figures):
    """The Job first, then everything else, as `kubectl apply -k` brings it."""
    code, log = cluster.migrate()
    assert code == 0 and "applied" in log, log
    cluster.up("registry", "core")
    cluster.up("gateway", "frontend")
    cluster.open_ingress()
    return cluster


@pytest.fixture(scope="module")
def owner(platform, engine):
    """The access token of a tenant's owner, with the orders service beside the platform."""
    token = platform.saas("core", "token", "create", "--service", "orders").split()[-1]
    address = f"{PREFIX}.230"
    engine.podman(
        "run", "--detach", "--name", "kubernetes_orders", "--network", NETWORK, "--ip", address,
        "--add-host", f"registry-service:{NODE}", "--env", f"ADVERTISE_ADDRESS={address}",
        "--env", "REGISTRY_URL=http://registry-service:8001", "--env", f"REGISTRATION_TOKEN={token}",
        "docker.io/library/saas-orders:latest", "python3", "-u", "/srv/orders.py", "--data", "/tmp/orders.db", "--host", "0.0.0.0",
    )
    token = platform.sign_up("leaves")
    wait("orders", lambda: platform.call("GET", API, "/api/orders/whoami", token=token).status == 200, 30)
    yield token
    engine.run("podman", "rm", "--force", "--time", "40", "kubernetes_orders", check=False)


def test_a_second_migration_has_nothing_to_do(platform):
    code, log = platform.migrate()
    assert code == 0 and "nothing to do" in log, log


def test_every_replica_is_there_and_registered_by_its_own_address(platform):
    assert {app: len(platform.pods[app]) for app in PLATFORM} == {"registry": 2, "core": 2, "gateway": 3, "frontend": 2}
    for app in ("registry", "core"):
        found = {each["address"] for each in platform.instances(app)}
        assert found == {each.address for each in platform.pods[app]}, app


def test_the_doctor_finds_all_well(platform):
    """As docs/KUBERNETES.md has it asked; what is wrong is in the failure's text."""
    report = json.loads(platform.saas("core", "doctor", "--json", "--skip", "public"))
    ready = [check["subject"].split()[0] for check in report["checks"] if check["group"] == "services" and check["status"] == "ok"]
    assert {service: ready.count(service) for service in ready} == {"registry": 2, "core": 2, "gateway": 3}, report
    assert not report["summary"]["warning"], report


def test_pods_run_without_rights(platform, engine):
    for app in PLATFORM:
        for each in platform.pods[app]:
            found = engine.inspect(each.inner)
            assert found["HostConfig"]["ReadonlyRootfs"] and not found["EffectiveCaps"], each.name
            status = open(f"/proc/{found['State']['Pid']}/status").read()
            assert re.search(r"Uid:\s+10001\b", status) and re.search(r"NoNewPrivs:\s+1", status), each.name
            limits = each.box["resources"]["limits"]
            assert found["HostConfig"]["Memory"] == {"Mi": 2**20, "Gi": 2**30}[limits["memory"][-2:]] * int(limits["memory"][:-2])


def test_what_is_internal_stays_inside(platform):
    for host in (API, ADMIN):
        for path in ("/metrics", "/internal/v1/gateways"):
            assert platform.call("GET", host, path).status == 403, (host, path)
    assert platform.call("GET", ADMIN, "/config.js").body.decode().count(f"https://{API}") == 1


def test_the_quick_start_word_for_word(platform, tmp_path, monkeypatch):
    """With the example's service outside of the cluster's pods."""
    token = platform.saas("core", "token", "create", "--service", "orders").split()[-1]
    reader.go_through(platform, NODE, token, tmp_path, monkeypatch)


def test_every_pod_is_replaced_under_load_and_no_request_fails(platform, owner, figures):
    before = {app: {each.name for each in platform.pods[app]} for app in PLATFORM}
    with Load(platform, owner) as load:
        platform.apply(NEXT, PLATFORM)
        # The last ones are in their Services now, and have to answer too.
        load.wait_for_more(500)
    load.expect_none_failed()
    figures["kubernetes: requests while every pod was replaced"] = load.total
    figures["kubernetes: slowest of them, s"] = round(max(load.slowest.values()), 2)
    for app in PLATFORM:
        assert len(platform.pods[app]) == len(before[app]) and not before[app] & {each.name for each in platform.pods[app]}
        assert all(each.ready for each in platform.pods[app])
    figures["kubernetes: longest end of a pod, s"] = round(max(each.took for each in platform.gone), 1)


def test_every_pod_ended_by_itself_and_in_time(platform):
    """After the test above: what left did so on SIGTERM, before it would have been killed."""
    assert len(platform.gone) == 9
    for each in platform.gone:
        assert each.code == 0, (each.name, each.code, each.last_words[-2000:])
        # Five seconds to spare, on a machine that is busy with everything at once.
        assert each.took < each.spec["terminationGracePeriodSeconds"] - 5, (each.name, each.took)


def test_no_pod_had_to_be_restarted_and_nothing_panicked(platform):
    for each in [*platform.gone, *(p for app in PLATFORM for p in platform.pods[app])]:
        assert each.restarts == 0, each.name
        log = each.last_words if each in platform.gone else each.log()
        assert not FAILED.search(log), (each.name, FAILED.search(log))
