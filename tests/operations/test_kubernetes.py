"""The Kubernetes manifests and the Helm chart: valid, safe, and saying what the platform does."""

import json
import os
import pathlib
import re
import subprocess
import sys

import helm_python
import kubernetes_validate
import pytest
import yaml
from kubernetes_manifests import (
    CHART,
    KUBECTL,
    ROOT,
    container,
    data,
    environment,
    find,
    fresh_secrets,
    helm,
    kustomize,
    of_kind,
    pod,
    template,
)
from running_platform import BINARY

SERVICES = ["registry", "gateway", "core"]
WORKLOADS = [*SERVICES, "frontend"]
PORTS = {"registry": 8001, "gateway": 8000, "core": 8002, "frontend": 80}
# The three newest the validator knows.
VERSIONS = ["1.35.0", "1.36.0", "1.37.0"]
# Described by the Prometheus Operator, not by Kubernetes.
OPERATORS = {"ServiceMonitor", "PrometheusRule"}
# Read by Kubernetes itself or by the console's container, not by `saas`.
NOT_SETTINGS = {"REDIS_HOST", "REDIS_PASSWORD", "VITE_API_URL"}
# What the collector of traces asks for.
TRACES = "OTEL_EXPORTER_OTLP_HEADERS"
NEEDS = {
    "registry": {"SECRET_KEY", "SECRET_KEY_PREVIOUS", "METRICS_TOKEN", "DATABASE_URL", "REDIS_PASSWORD", TRACES},
    "gateway": {"SECRET_KEY", "SECRET_KEY_PREVIOUS", "METRICS_TOKEN", "REDIS_PASSWORD", TRACES},
    "core": {
        "SECRET_KEY",
        "SECRET_KEY_PREVIOUS",
        "METRICS_TOKEN",
        "DATABASE_URL",
        "REDIS_PASSWORD",
        "ADMIN_PASSWORD",
        TRACES,
    },
    "frontend": set(),
    "migrate": {"DATABASE_URL"},
    "backup": {"SECRET_KEY", "SECRET_KEY_PREVIOUS", "METRICS_TOKEN", "DATABASE_URL"},
}
JOBS = {"migrate": "Job", "backup": "CronJob"}


@pytest.fixture(scope="module")
def base():
    """The base by itself: what every overlay begins with."""
    done = subprocess.run([KUBECTL, "kustomize", ROOT / "k8s/base"], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    return kustomize(tmp_path_factory.mktemp("production"), "production", fresh_secrets())


@pytest.fixture(scope="module")
def development(tmp_path_factory):
    return kustomize(tmp_path_factory.mktemp("development"), "development", fresh_secrets())


@pytest.fixture(scope="module")
def monitored(tmp_path_factory):
    components = ["service-monitor", "prometheus-rule"]
    return kustomize(tmp_path_factory.mktemp("monitored"), "production", fresh_secrets(), components=components)


@pytest.fixture(scope="module")
def chart():
    return helm()


@pytest.fixture(params=["production", "development", "chart"])
def manifests(request):
    return request.getfixturevalue(request.param)


# --- valid and safe


def test_strangers_do_not_decide_what_is_recorded_of_their_requests(manifests):
    [config] = [each["data"] for each in manifests if each["kind"] == "ConfigMap" and "OTEL_TRACES_SAMPLER_ARG" in each["data"]]
    assert config["OTEL_TRACES_SAMPLER"] == "traceidratio"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_server_would_take_every_object(manifests, version):
    for each in manifests:
        try:
            kubernetes_validate.validate(each, version, strict=True)
        except kubernetes_validate.ValidationError as wrong:
            pytest.fail(f"{key(each)} at {'.'.join(map(str, wrong.path))}: {wrong.message}", pytrace=False)


def test_the_three_versions_are_the_newest():
    newest = kubernetes_validate.latest_version()
    minor = int(newest.split(".")[1])
    assert VERSIONS == [f"1.{each}.0" for each in (minor - 2, minor - 1, minor)]


# On one's own machine images are those just built, and the databases' images have users of their own.
FINE_IN_DEVELOPMENT = {"CKV_K8S_14", "CKV_K8S_40"}


@pytest.fixture(scope="module")
def report(production, development, chart, tmp_path_factory):
    """What checkov says about all three; it takes its time to start, so it is asked once."""
    folder = tmp_path_factory.mktemp("policies")
    for name, objects in (("production", production), ("development", development), ("chart", chart)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(objects))
    checkov = pathlib.Path(sys.executable).parent.parent / "policy/bin/checkov"
    command = [checkov, "--config-file", ROOT / "k8s/.checkov.yaml", "--directory", folder, "--output", "json"]
    # It would ask its maker for descriptions of the policies; they are not needed.
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder), "BC_SKIP_MAPPING": "TRUE"}
    done = subprocess.run(command, capture_output=True, text=True, env=clean, timeout=120)
    return json.loads(done.stdout)


@pytest.mark.parametrize("source", ["production", "development", "chart"])
def test_the_policies_hold(report, source):
    wrong = {
        f"{each['check_id']} {each['check_name']}: {each['resource']}"
        for each in report["results"]["failed_checks"]
        if source in each["file_path"] and not (source == "development" and each["check_id"] in FINE_IN_DEVELOPMENT)
    }
    assert not wrong, "\n".join(sorted(wrong))
    assert report["summary"]["passed"] > 1200 and not report["summary"]["parsing_errors"], report["summary"]


def test_helm_finds_nothing_to_complain_about():
    found = helm_python.lint(str(CHART), strict=True)
    worse_than_advice = [each for each in found["messages"] if each["severity"] > 1]
    assert not worse_than_advice and not found["errors"], found


# --- what the operations documents promise


def test_names_replicas_and_resources(base, chart):
    for objects in (base, chart):
        find(objects, "ConfigMap", "saas-config")
        find(objects, "Job", "migrate")
        assert find(objects, "Ingress", "saas-ingress")["spec"]["ingressClassName"] == "nginx"
    find(base, "Namespace", "saas-platform")
    replicas = {name: find(base, "Deployment", name)["spec"]["replicas"] for name in WORKLOADS}
    assert replicas == {"registry": 2, "gateway": 3, "core": 2, "frontend": 2}
    asked = {name: container(find(base, "Deployment", name))["resources"] for name in ("registry", "gateway")}
    assert asked == {
        "registry": {"requests": {"memory": "256Mi", "cpu": "250m"}, "limits": {"memory": "512Mi", "cpu": "500m"}},
        "gateway": {"requests": {"memory": "512Mi", "cpu": "500m"}, "limits": {"memory": "1Gi", "cpu": "1000m"}},
    }


def test_where_an_autoscaler_decides_no_number_stands_against_it(production, chart):
    for objects in (production, chart):
        scaled = {each["metadata"]["name"]: each["spec"] for each in of_kind(objects, "HorizontalPodAutoscaler")}
        assert scaled["gateway"]["minReplicas"] == 3 and scaled["core"]["minReplicas"] == 2
        for name in WORKLOADS:
            assert ("replicas" in find(objects, "Deployment", name)["spec"]) == (name not in scaled), name


def test_services_lead_to_their_pods(manifests):
    types = {}
    for name, port in PORTS.items():
        service = find(manifests, "Service", f"{name}-service")["spec"]
        [leads] = service["ports"]
        deployment = find(manifests, "Deployment", name)["spec"]
        [listens] = container({"spec": deployment})["ports"]
        assert leads["port"] == port and leads["targetPort"] == listens["name"]
        assert listens["containerPort"] == {"frontend": 8080}.get(name, port)
        labels = deployment["template"]["metadata"]["labels"]
        assert service["selector"].items() <= labels.items() and deployment["selector"]["matchLabels"] == {"app": name}
        types[name] = service["type"]
    assert types["registry"] == types["core"] == "ClusterIP"


def test_the_gateway_is_behind_a_load_balancer_that_keeps_addresses(production, chart):
    for objects in (production, chart):
        service = find(objects, "Service", "gateway-service")["spec"]
        assert (service["type"], service["externalTrafficPolicy"]) == ("LoadBalancer", "Local")


def test_the_ports_are_those_the_services_listen_on(settings):
    assert {name: settings[f"{name.upper()}_PORT"] for name in SERVICES} == {
        name: str(PORTS[name]) for name in SERVICES
    }


def test_probes(manifests):
    for name in WORKLOADS:
        box = container(find(manifests, "Deployment", name))
        live, ready = box["livenessProbe"], box["readinessProbe"]
        assert (live["initialDelaySeconds"], live["periodSeconds"]) == (30, 10)
        assert (ready["initialDelaySeconds"], ready["periodSeconds"]) == (5, 5)
        # Liveness must not depend on the database: a restart would mend nothing.
        assert live["httpGet"]["path"] == "/health/live" and ready["httpGet"]["path"] == "/health/ready"
        # The services' own checks take up to 2 s.
        assert ready["timeoutSeconds"] > 2


def test_a_pod_has_time_to_end(manifests):
    grace = int(data(manifests, "ConfigMap", "saas-config")["SHUTDOWN_GRACE_SECONDS"])
    for name in SERVICES:
        spec = pod(find(manifests, "Deployment", name))
        wait = container(find(manifests, "Deployment", name))["lifecycle"]["preStop"]["sleep"]["seconds"]
        # Core waits for the gateways for up to half the grace time, and calls the registry twice.
        leaving = grace / 2 + 6 if name == "core" else 6
        assert spec["terminationGracePeriodSeconds"] >= wait + leaving + grace, name
        assert wait >= 5, name


def test_a_replacement_is_there_before_anything_is_taken_away(manifests):
    for name in WORKLOADS:
        strategy = find(manifests, "Deployment", name)["spec"]["strategy"]
        assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_pods_are_restricted_and_spread(manifests):
    for workload in of_kind(manifests, "Deployment", "StatefulSet", "Job", "CronJob"):
        spec, box = pod(workload), container(workload)
        assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert box["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        if workload["kind"] == "Deployment":
            keys = [each["topologyKey"] for each in spec["topologySpreadConstraints"]]
            assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
            assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == 10001


def test_everything_is_labelled(manifests):
    for each in manifests:
        assert each["metadata"]["labels"]["app"], each["metadata"]
    for workload in of_kind(manifests, "Deployment", "StatefulSet", "Job", "CronJob"):
        assert template(workload)["metadata"]["labels"]["app"] == workload["metadata"]["name"]


def test_the_entrance(production, chart):
    for objects in (production, chart):
        ingress = find(objects, "Ingress", "saas-ingress")
        assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "letsencrypt-prod"
        [tls] = ingress["spec"]["tls"]
        assert tls == {"hosts": ["api.example.com", "admin.example.com"], "secretName": "saas-tls"}
        leads = {rule["host"]: paths(rule) for rule in ingress["spec"]["rules"]}
        assert leads == {
            "api.example.com": {"/": ("gateway-service", "http")},
            "admin.example.com": {"/": ("frontend-service", "http")},
        }
        denied = find(objects, "Ingress", "saas-ingress-denied")
        assert denied["metadata"]["annotations"]["nginx.ingress.kubernetes.io/denylist-source-range"] == "0.0.0.0/0,::/0"
        for rule in denied["spec"]["rules"]:
            assert paths(rule) == {"/metrics": ("denied-service", "http"), "/internal": ("denied-service", "http")}
        assert {rule["host"] for rule in denied["spec"]["rules"]} == set(leads)
        assert "selector" not in find(objects, "Service", "denied-service")["spec"]


def paths(rule):
    services = ((each["path"], each["backend"]["service"]) for each in rule["http"]["paths"])
    return {path: (service["name"], service["port"]["name"]) for path, service in services}


def test_the_ingress_lets_a_whole_upload_through(production, settings):
    annotations = find(production, "Ingress", "saas-ingress")["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == f"{settings['MAX_UPLOAD_MIB']}m"


def test_a_domain_is_said_once(tmp_path):
    made = {"PUBLIC_URL": "https://api.tea.example", "CONSOLE_URL": "https://admin.tea.example"}
    objects = kustomize(tmp_path, "production", fresh_secrets(), settings=made)
    for each in of_kind(objects, "Ingress"):
        assert [rule["host"] for rule in each["spec"]["rules"]] == ["api.tea.example", "admin.tea.example"]
        assert each["spec"]["tls"][0]["hosts"] == ["api.tea.example", "admin.tea.example"]


def test_nothing_of_the_development_overlay_waits_for_a_cloud(development):
    assert not of_kind(development, "Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget")
    assert {each["spec"]["type"] for each in of_kind(development, "Service")} == {"ClusterIP"}
    assert {each["metadata"]["name"] for each in of_kind(development, "StatefulSet")} == {"postgres", "redis"}
    replicas = {each["spec"]["replicas"] for each in of_kind(development, "Deployment", "StatefulSet")}
    assert replicas == {1}
    for each in of_kind(development, "StatefulSet"):
        assert each["spec"]["volumeClaimTemplates"], "what it keeps has to outlive the pod"


# --- secrets and settings


@pytest.fixture(scope="module")
def settings():
    clean = {"PATH": os.environ["PATH"]}
    done = subprocess.run([BINARY, "config", "show", "--json"], capture_output=True, text=True, env=clean, check=True)
    return {each["name"]: each["value"] for each in json.loads(done.stdout)["items"]}


def workloads(objects):
    return [*WORKLOADS, *JOBS], lambda name: find(objects, JOBS.get(name, "Deployment"), name)


def test_each_container_gets_the_secrets_it_needs(manifests):
    names, named = workloads(manifests)
    for name in names:
        box = container(named(name))
        given = {
            each["valueFrom"]["secretKeyRef"]["key"]
            for each in box.get("env", [])
            if "secretKeyRef" in each.get("valueFrom", {})
        }
        assert given == NEEDS[name], name
        assert all("secretRef" not in each for each in box.get("envFrom", [])), "the whole Secret would be given away"
        assert "saas-secrets" not in json.dumps(pod(named(name)).get("volumes")), name


def test_every_variable_is_a_setting(manifests, settings):
    names, named = workloads(manifests)
    for name in names:
        made = environment(with_secret(manifests), container(named(name)), "10.244.1.7")
        assert set(made) - NOT_SETTINGS <= set(settings), set(made) - set(settings)


def with_secret(objects):
    """The chart leaves the Secret to its user."""
    if any(each["kind"] == "Secret" for each in objects):
        return objects
    return [*objects, {"kind": "Secret", "metadata": {"name": "saas-secrets"}, "stringData": fresh_secrets()}]


@pytest.mark.parametrize("role", SERVICES)
def test_the_services_accept_their_settings(manifests, role):
    given = environment(with_secret(manifests), container(find(manifests, "Deployment", role)), "10.244.1.7")
    done = check(role, given)
    assert done.returncode == 0, done.stderr
    # And that this says something: without its secret it would refuse, in production at least.
    if given["ENVIRONMENT"] == "production":
        refused = check(role, given | {"SECRET_KEY": "changeme"})
        assert refused.returncode == 2 and "SECRET_KEY" in refused.stderr


def test_the_job_of_backups_accepts_its_settings_and_runs_when_they_are_due(manifests):
    job = find(manifests, "CronJob", "backup")
    given = environment(with_secret(manifests), container(job), "10.244.1.7")
    done = check("backup", given)
    assert done.returncode == 0, done.stderr
    assert job["spec"]["schedule"] == given["BACKUP_SCHEDULE"] == "0 2 * * *" and job["spec"]["timeZone"] == "Etc/UTC"
    assert container(job)["args"] == ["backup", "schedule", "--once"]
    mounted = {each["mountPath"]: each["name"] for each in container(job)["volumeMounts"]}
    claims = {each["name"]: each.get("persistentVolumeClaim", {}).get("claimName") for each in pod(job)["volumes"]}
    assert find(manifests, "PersistentVolumeClaim", claims[mounted[given["BACKUP_DIR"]]])


def check(role, given):
    command = [BINARY, "config", "check", "--role", role]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]} | given)


def test_what_is_put_together_is_put_together(production):
    made = environment(production, container(find(production, "Deployment", "registry")), "10.244.1.7")
    password = data(production, "Secret", "saas-secrets")["REDIS_PASSWORD"]
    assert made["REDIS_URL"] == f"redis://:{password}@redis.databases.svc.cluster.local:6379/0"
    assert made["ADVERTISE_ADDRESS"] == "10.244.1.7"
    assert made["REGISTRY_URL"] == "http://registry-service:8001"


@pytest.mark.parametrize("overlay", ["production", "development"])
def test_the_example_names_every_secret_and_gives_none_away(request, overlay):
    text = (ROOT / f"k8s/overlays/{overlay}/secrets.env.example").read_text()
    named = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.M))
    assert not any(named.values()), "an example with a value is used as it stands"
    needed = set(re.findall(r"'key': '([A-Z_]+)'", str(of_kind(request.getfixturevalue(overlay), "Deployment", "StatefulSet"))))
    needed &= {*NEEDS["core"], "POSTGRES_PASSWORD"}
    assert needed - {"SECRET_KEY_PREVIOUS"} <= set(named)
    assert not (ROOT / f"k8s/overlays/{overlay}/secrets.env").exists() or "secrets.env" in (ROOT / "k8s/.gitignore").read_text()


# --- who may talk to whom


class Network:
    """Decides as a network plugin does: a pod that a policy selects may only do what some policy allows."""

    def __init__(self, objects):
        self.policies = [each["spec"] for each in of_kind(objects, "NetworkPolicy")]

    def allows(self, source, target, port, protocol="TCP"):
        return self._one_side(source, target, port, protocol, "Egress", "egress", "to") and self._one_side(
            target, source, port, protocol, "Ingress", "ingress", "from"
        )

    def _one_side(self, subject, peer, port, protocol, kind, rules, whom):
        if subject.get("namespace") != "saas-platform":
            return True
        applying = [p for p in self.policies if kind in p["policyTypes"] and selects(p["podSelector"], subject["labels"])]
        if not applying:
            return True
        return any(
            self._ports(rule, port, protocol) and (whom not in rule or any(self._is(each, peer) for each in rule[whom]))
            for policy in applying
            for rule in policy.get(rules, [])
        )

    @staticmethod
    def _ports(rule, port, protocol):
        return "ports" not in rule or any((p["protocol"], p["port"]) == (protocol, port) for p in rule["ports"])

    @staticmethod
    def _is(peer, who):
        if "ipBlock" in peer:
            return who.get("address") == peer["ipBlock"]["cidr"].split("/")[0]
        if "namespace" not in who:
            return False
        labels = {"kubernetes.io/metadata.name": who["namespace"]} | who.get("namespace_labels", {})
        inside = who["namespace"] == "saas-platform"
        if "namespaceSelector" in peer:
            inside = selects(peer["namespaceSelector"], labels)
        return inside and selects(peer.get("podSelector", {}), who["labels"])


def selects(selector, labels):
    for each in selector.get("matchExpressions", []):
        assert each["operator"] == "In"
        if labels.get(each["key"]) not in each["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def inside(app):
    return {"namespace": "saas-platform", "labels": {"app": app}}


BUSINESS = {"namespace": "orders", "labels": {}, "namespace_labels": {"saas-platform/business-services": "true"}}
STRANGER = {"namespace": "default", "labels": {}}
PROMETHEUS = {"namespace": "monitoring", "labels": {}}
DNS = {"namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}}
OUTSIDE = {"address": "203.0.113.9"}


def test_what_is_needed_is_allowed(production, chart):
    for objects in (production, chart):
        network = Network(objects)
        for source, target, port in [
            (OUTSIDE, inside("gateway"), 8000),
            (OUTSIDE, inside("frontend"), 8080),
            (inside("gateway"), inside("registry"), 8001),
            (inside("gateway"), inside("core"), 8002),
            (inside("gateway"), BUSINESS, 5000),
            (inside("core"), inside("registry"), 8001),
            (inside("registry"), inside("core"), 8002),
            (inside("registry"), inside("registry"), 8001),
            (inside("registry"), BUSINESS, 5000),
            (BUSINESS, inside("registry"), 8001),
            (PROMETHEUS, inside("registry"), 8001),
            (PROMETHEUS, inside("gateway"), 8000),
            (PROMETHEUS, inside("core"), 8002),
            (inside("registry"), OUTSIDE, 5432),
            (inside("core"), OUTSIDE, 5432),
            (inside("migrate"), OUTSIDE, 5432),
            (inside("backup"), OUTSIDE, 5432),
            (inside("backup"), OUTSIDE, 443),
            (inside("gateway"), OUTSIDE, 6379),
            *((inside(app), PROMETHEUS, 4318) for app in SERVICES),
        ]:
            assert network.allows(source, target, port), (source, target, port)
        for app in [*WORKLOADS, *JOBS]:
            assert network.allows(inside(app), DNS, 53, "UDP"), app


def test_all_else_is_denied(production, development, chart):
    for objects in (production, development, chart):
        network = Network(objects)
        for source, target, port in [
            (OUTSIDE, inside("registry"), 8001),
            (OUTSIDE, inside("core"), 8002),
            (STRANGER, inside("registry"), 8001),
            (BUSINESS, inside("core"), 8002),
            (PROMETHEUS, inside("registry"), 22),
            (inside("frontend"), inside("core"), 8002),
            (inside("frontend"), OUTSIDE, 443),
            (inside("frontend"), PROMETHEUS, 4318),
            (inside("core"), OUTSIDE, 4318),
            (inside("core"), PROMETHEUS, 9090),
            (inside("gateway"), OUTSIDE, 5432),
            (inside("gateway"), STRANGER, 5000),
            (inside("core"), OUTSIDE, 443),
            (inside("migrate"), inside("core"), 8002),
            (inside("backup"), inside("core"), 8002),
            (OUTSIDE, inside("backup"), 8003),
            (inside("anything"), OUTSIDE, 443),
            (OUTSIDE, inside("anything"), 80),
        ]:
            assert not network.allows(source, target, port), (source, target, port)


def test_the_databases_of_development_are_for_those_who_need_them(development):
    network = Network(development)
    for app in ("registry", "core", *JOBS):
        assert network.allows(inside(app), inside("postgres"), 5432), app
    for app in SERVICES:
        assert network.allows(inside(app), inside("redis"), 6379), app
    assert not network.allows(inside("gateway"), inside("postgres"), 5432)
    assert not network.allows(BUSINESS, inside("postgres"), 5432)


# --- the chart


def test_the_chart_makes_what_the_production_overlay_makes(production, chart):
    theirs = {key(each): essence(each) for each in production if each["kind"] not in {"Namespace", "Secret"}}
    ours = {key(each): essence(each) for each in chart}
    assert set(ours) == set(theirs)
    for name, wanted in theirs.items():
        assert ours[name] == wanted, name


def key(each):
    return each["kind"], each["metadata"]["name"]


def essence(each):
    """Without what only Helm adds: its labels, its hooks, the sum of the settings."""
    each = json.loads(json.dumps(each))
    each["metadata"].pop("namespace", None)
    spec = each.get("spec", {})
    made = template(each)["metadata"] if "jobTemplate" in spec else spec.get("template", {}).get("metadata", {})
    metadata = [each["metadata"], made]
    for part in metadata:
        part["labels"] = {"app": part["labels"]["app"]} if part.get("labels") else {}
        kept = part.pop("annotations", None) or {}
        kept = {name: value for name, value in kept.items() if "helm.sh/" not in name and name != "checksum/config"}
        if kept:
            part["annotations"] = kept
    if each["kind"] == "Ingress":
        each["spec"]["rules"].sort(key=lambda rule: rule["host"])
    return each


def test_the_chart_makes_a_secret_of_values(chart):
    assert not of_kind(chart, "Secret")
    values = {name: value for name, value in fresh_secrets().items() if name != "POSTGRES_PASSWORD"}
    made = find(helm({"secret": {"existing": "", "values": values}}), "Secret", "saas-secrets")
    assert made["stringData"] == values
    for missing in ("SECRET_KEY", "METRICS_TOKEN", "DATABASE_URL", "REDIS_PASSWORD"):
        some = {name: value for name, value in values.items() if name != missing}
        with pytest.raises(helm_python.HelmRenderError, match=f"{missing} is missing"):
            helm({"secret": {"existing": "", "values": some}})


def test_the_chart_uses_an_existing_secret_by_its_name():
    text = json.dumps(helm({"secret": {"existing": "mine"}}))
    assert '"mine"' in text and "saas-secrets" not in text


def test_the_chart_without_redis():
    objects = helm({"redis": {"enabled": False}})
    assert "REDIS" not in json.dumps(objects)


def test_with_vault_nobody_needs_the_secret(tmp_path):
    vault = {"enabled": True, "address": "https://vault.example.com:8443", "namespace": "team", "caConfigMap": "authorities"}
    objects = helm({"vault": vault, "secret": {"existing": "", "values": {}}})
    assert not of_kind(objects, "Secret")
    for each in objects:
        kubernetes_validate.validate(each, VERSIONS[-1], strict=True)
    for name in [*SERVICES, *JOBS]:
        workload = find(objects, JOBS.get(name, "Deployment"), name)
        box = container(workload)
        # What is not in Vault may still be in a Secret; nothing has to be.
        keys = [each["valueFrom"]["secretKeyRef"] for each in box["env"] if "secretKeyRef" in each.get("valueFrom", {})]
        assert keys and all(key["optional"] for key in keys)
        given = environment(objects, box, "10.244.0.7")
        assert "REDIS_URL" not in given and "SECRET_KEY" not in given
        mounted = next(each for each in box["volumeMounts"] if each["name"] == "vault")
        token, authorities = (given[name] for name in ("VAULT_KUBERNETES_TOKEN_FILE", "VAULT_CACERT"))
        volume = next(each for each in pod(workload)["volumes"] if each["name"] == "vault")["projected"]
        account, config = volume["sources"]
        assert token == f"{mounted['mountPath']}/{account['serviceAccountToken']['path']}"
        assert authorities == f"{mounted['mountPath']}/{config['configMap']['items'][0]['path']}"
        assert account["serviceAccountToken"]["audience"] == "vault" and config["configMap"]["name"] == "authorities"
        # The program takes it as it is, but for the token, which only a pod has.
        command = [BINARY, "config", "check", "--role", "core"]
        lost = given | {"VAULT_CACERT": "", "DATA_DIR": str(tmp_path)}
        said = subprocess.run(command, env=lost, capture_output=True, text=True, timeout=30, cwd=tmp_path).stderr
        assert "/var/run/secrets/vault/token cannot be read" in said, said
    opened = find(objects, "NetworkPolicy", "vault")["spec"]
    assert opened["egress"] == [{"ports": [{"protocol": "TCP", "port": 8443}]}]
    assert set(opened["podSelector"]["matchExpressions"][0]["values"]) == {*SERVICES, *JOBS}


def test_without_vault_there_is_no_trace_of_it(chart):
    assert "vault" not in json.dumps(chart).lower()


def test_the_chart_without_what_can_be_left_out():
    off = {"enabled": False}
    objects = helm(
        {
            "ingress": off,
            "networkPolicy": off,
            "podDisruptionBudget": off,
            "migrate": off,
            "backup": off,
            "gateway": {"autoscaling": off, "replicas": 5},
            "core": {"autoscaling": off},
        }
    )
    assert {each["kind"] for each in objects} == {"ConfigMap", "Deployment", "Service", "ServiceAccount"}
    assert find(objects, "Deployment", "gateway")["spec"]["replicas"] == 5
    for each in objects:
        kubernetes_validate.validate(each, VERSIONS[-1], strict=True)


def test_the_chart_takes_every_kind_of_value():
    values = {
        "image": {"tag": "0.2.0", "pullSecrets": [{"name": "login"}]},
        "settings": {"SIGNUP": "open", "LOG_LEVEL": "debug"},
        "gateway": {
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "edge", "operator": "Exists"}],
            "podAnnotations": {"note": "x"},
            "service": {"annotations": {"cloud": "y"}},
        },
        "frontend": {"service": {"type": "NodePort"}},
        "monitoring": {"serviceMonitor": True, "prometheusRule": True, "labels": {"release": "prometheus"}},
    }
    objects = helm(values)
    for each in objects:
        if each["kind"] not in OPERATORS:
            kubernetes_validate.validate(each, VERSIONS[-1], strict=True)
    gateway = find(objects, "Deployment", "gateway")
    assert pod(gateway)["nodeSelector"] == {"disk": "fast"} and pod(gateway)["imagePullSecrets"] == [{"name": "login"}]
    assert container(gateway)["image"] == "ghcr.io/your-organisation/saas-gateway:0.2.0"
    given = data(objects, "ConfigMap", "saas-config")
    assert (given["SIGNUP"], given["LOG_LEVEL"]) == ("open", "debug")
    assert find(objects, "ServiceMonitor", "saas-platform")["metadata"]["labels"]["release"] == "prometheus"


def test_other_settings_make_other_pods(chart):
    annotation = lambda objects: find(objects, "Deployment", "core")["spec"]["template"]["metadata"]["annotations"]
    assert annotation(chart) != annotation(helm({"settings": {"SIGNUP": "open"}}))


@pytest.mark.parametrize(
    "values",
    [
        {"gateway": {"replicas": 0}},
        {"gateway": {"replica": 3}},
        {"image": {"tag": "latest"}},
        {"settings": {"SIGNUP": True}},
        {"settings": {"signup": "open"}},
        {"traces": {"ratio": 2}},
        {"traces": {"sampler": "sometimes"}},
        {"traces": {"endpoint": "collector:4318"}},
        {"domains": {"api": "https://api.example.com"}},
        {"network": {"pods": "10.244.0.0"}},
        {"secret": {"values": {"SECRET": "x"}}},
        {"backup": {"schedule": "nightly"}},
        {"colour": "blue"},
    ],
    ids=str,
)
def test_the_schema_refuses(values):
    with pytest.raises(helm_python.HelmError):
        helm(values)


def test_the_migration_comes_before_an_upgrade(chart):
    hooks = find(chart, "Job", "migrate")["metadata"]["annotations"]["helm.sh/hook"].split(",")
    assert set(hooks) == {"pre-upgrade", "post-install"}


@pytest.mark.parametrize("script", ["chart-values.py", "kubernetes-rules.py"])
def test_what_is_generated_is_fresh(script):
    done = subprocess.run([sys.executable, ROOT / "scripts" / script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- monitoring


def test_the_monitor_finds_every_service(monitored):
    [endpoint] = find(monitored, "ServiceMonitor", "saas-platform")["spec"]["endpoints"]
    selector = find(monitored, "ServiceMonitor", "saas-platform")["spec"]["selector"]
    found = [each for each in of_kind(monitored, "Service") if selects(selector, each["metadata"]["labels"])]
    assert {each["metadata"]["name"] for each in found} == {f"{name}-service" for name in SERVICES}
    assert all(each["spec"]["ports"][0]["name"] == endpoint["port"] for each in found)
    assert endpoint["authorization"]["credentials"] == {"name": "saas-secrets", "key": "METRICS_TOKEN"}
    assert endpoint["interval"] == "15s"


def test_the_alerts_are_the_same_everywhere(monitored):
    from_kustomize = find(monitored, "PrometheusRule", "saas-platform")["spec"]
    from_helm = find(helm({"monitoring": {"prometheusRule": True}}), "PrometheusRule", "saas-platform")["spec"]
    assert from_kustomize == from_helm and len(from_helm["groups"]) > 5


# --- the document


def test_both_languages_have_the_same_commands():
    blocks = [
        re.findall(r"```(?:sh|yaml)\n.*?```", (ROOT / file).read_text(encoding="utf-8"), re.S)
        for file in ("docs/KUBERNETES.md", "docs/zh-CN/KUBERNETES.md")
    ]
    assert blocks[0] and blocks[0] == blocks[1]


def test_the_example_of_a_business_service_is_one(production):
    text = (ROOT / "docs/KUBERNETES.md").read_text(encoding="utf-8")
    [example] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.S)]
    for version in VERSIONS:
        kubernetes_validate.validate(example, version, strict=True)
    registry = next(each["value"] for each in container(example)["env"] if each["name"] == "REGISTRY_URL")
    service = find(production, "Service", "registry-service")
    assert registry == f"http://registry-service.{service['metadata']['namespace']}:{service['spec']['ports'][0]['port']}"
