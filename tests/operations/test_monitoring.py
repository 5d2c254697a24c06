"""Prometheus, Alertmanager and the dashboards: that their files are right, and that they work.

What is shipped is given to the real programs, which watch the real platform under a little traffic.
Grafana is not at hand here: its dashboards are held against what its JSON has to look like, and
every query in them is asked of that Prometheus.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

import monitored
from examined import doctor
from edge import free_ports
from monitored import METRICS_TOKEN, MONITORING, uncommented, wait_for
from production import Production
from running_platform import ROOT, call

RULES = sorted((MONITORING / "rules").glob("*.yml"))
RULE_TESTS = sorted((MONITORING / "rules/tests").glob("*.yml"))
DASHBOARDS = sorted((MONITORING / "grafana/dashboards").glob("*.json"))
SEVERITIES = {"critical", "warning", "info", "none"}

UNITS = {"short", "percentunit", "reqps", "ops", "s", "bytes"}


def loaded(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules(kind):
    found = [rule for path in RULES for group in loaded(path)["groups"] for rule in group["rules"]]
    return [rule for rule in found if kind in rule]


ALERTS = {rule["alert"]: rule for rule in rules("alert")}


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kebab(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


@pytest.fixture(scope="module")
def watch():
    with monitored.watched() as running:
        yield running


# The files.


def test_prometheus_takes_its_configuration(tmp_path):
    shutil.copy(MONITORING / "prometheus.yml", tmp_path)
    # promtool looks for the file of the token; a checkout has none.
    (tmp_path / "rules").symlink_to(MONITORING / "rules")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/metrics_token").write_text("token")
    said = run("promtool", "check", "config", tmp_path / "prometheus.yml")
    assert f"{len(RULES)} rule files found" in said
    configuration = loaded(tmp_path / "prometheus.yml")
    assert configuration["global"]["scrape_interval"] == "15s"
    assert "backup" in {job["job_name"] for job in configuration["scrape_configs"]}


def test_rules_are_sound():
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULES)
    names = [rule["alert"] for rule in rules("alert")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ALERTS)
def test_alert_says_what_to_do(name):
    alert = ALERTS[name]
    notes = alert["annotations"]
    assert alert["labels"]["severity"] in SEVERITIES
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == f"docs/TROUBLESHOOTING.md#{kebab(name)}"
    assert len(notes["summary"]) < 120 and len(notes["description"]) > 40
    guide = ROOT / "docs/TROUBLESHOOTING.md"
    if guide.exists():
        anchors = {re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-")
                   for head in re.findall(r"^#+ (.+)$", guide.read_text(encoding="utf-8"), re.MULTILINE)}
        anchors |= set(re.findall(r'<a id="([\w-]+)">', guide.read_text(encoding="utf-8")))
        assert kebab(name) in anchors, f"TROUBLESHOOTING.md has no section {kebab(name)}"


@pytest.mark.parametrize("document", ["docs/MONITORING.md", "docs/zh-CN/MONITORING.md"])
def test_every_alert_is_explained(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    told = re.findall(r"^\| `([A-Z][A-Za-z]+)` \| (\w+) \|", text, re.MULTILINE)
    assert sorted(told) == sorted((name, rule["labels"]["severity"]) for name, rule in ALERTS.items())


def test_every_alert_fires_in_a_test_and_is_quiet_in_another():
    # Side by side: each file is a promtool of its own.
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda path: run("promtool", "test", "rules", path), RULE_TESTS))
    fires, quiet = set(), set()
    for path in RULE_TESTS:
        for case in loaded(path)["tests"]:
            for check in case["alert_rule_test"]:
                (fires if check["exp_alerts"] else quiet).add(check["alertname"])
    assert fires == set(ALERTS)
    # That one never is.
    assert quiet == set(ALERTS) - {"Watchdog"}


@pytest.mark.parametrize(
    "receiver",
    [(), ("# --- by webhook", "# --- by e-mail"), ("# --- by e-mail", None)],
    ids=["as shipped", "webhook", "e-mail"],
)
def test_alertmanager_takes_its_configuration(receiver, tmp_path):
    text = (MONITORING / "alertmanager.yml").read_text(encoding="utf-8")
    if receiver:
        text = uncommented(text, *receiver)
    path = tmp_path / "alertmanager.yml"
    path.write_text(text)
    run("amtool", "check-config", path)
    told = [r for r in yaml.safe_load(text)["receivers"] if len(r) > 1]
    assert len(told) == len(receiver[:1]), "as shipped, nobody outside is told anything"


def test_alertmanager_leads_alerts_where_they_belong():
    def leads(*labels):
        return run("amtool", "config", "routes", "test", f"--config.file={MONITORING / 'alertmanager.yml'}", *labels)

    assert leads("alertname=Watchdog", "severity=none").strip() == "nobody"
    assert leads("alertname=ServiceDown", "severity=critical").strip() == "operators"
    assert leads("alertname=ReplicaLag", "severity=warning").strip() == "operators"


def test_inhibitions_name_alerts_that_there_are():
    for rule in loaded(MONITORING / "alertmanager.yml")["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            label, names = re.fullmatch(r'(\w+) =~? "(.+)"', matcher).groups()
            if label == "alertname":
                assert set(names.split("|")) <= set(ALERTS), matcher


# Compose.


def compose():
    return loaded(ROOT / "docker-compose.monitoring.yml")


def test_only_loopback_reaches_the_monitoring():
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert sorted(ports) == ["127.0.0.1:3000:3000", "127.0.0.1:9090:9090"]
    assert compose()["networks"]["saas_network"] == {"external": True, "name": "saas_network"}


@pytest.mark.parametrize("name", ["prometheus", "alertmanager", "grafana"])
def test_containers_are_careful(name):
    service = compose()["services"][name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["user"].split(":")[0] not in ("", "0", "root")
    assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service["image"]), "a fixed release"
    assert {"memory", "cpus"} <= set(service["deploy"]["resources"]["limits"])
    assert service["healthcheck"]["test"][0] == "CMD" and service["restart"] == "always"
    written = [v for v in service["volumes"] if not v.endswith(":ro")]
    assert len(written) == 1 and written[0].split(":")[0] in compose()["volumes"]
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        assert not source.startswith("./") or (ROOT / source).exists(), source


def test_grafana_has_no_password_of_its_own():
    environment = compose()["services"]["grafana"]["environment"]
    # Compose refuses to start without it.
    assert environment["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_ADMIN_PASSWORD:?")
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"


def test_targets_are_what_compose_calls_them():
    jobs = loaded(MONITORING / "prometheus.yml")["scrape_configs"]
    targets = {t for job in jobs for group in job.get("static_configs", []) for t in group["targets"]}
    assert {"registry:8001", "gateway:8000", "gateway-b:8000", "core:8002"} <= targets
    names = {target.split(":")[0] for target in targets} - {"localhost"}
    known = set(compose()["services"])
    production = ROOT / "docker-compose.prod.yml"
    known |= set(loaded(production)["services"]) if production.exists() else {"registry", "gateway", "gateway-b", "core", "backup", "traefik"}
    assert names <= known
    discovery = [sd["url"] for job in jobs for sd in job.get("http_sd_configs", [])]
    assert discovery == ["http://registry:8001/prometheus/targets"]


def test_business_services_are_not_told_the_token():
    jobs = {job["job_name"]: job for job in loaded(MONITORING / "prometheus.yml")["scrape_configs"]}
    assert "authorization" not in jobs["services"]
    assert jobs["core"]["authorization"] == {"type": "Bearer", "credentials_file": "secrets/metrics_token"}


# Grafana.


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def dashboard_queries():
    """(dashboard, panel, query) of everything that is asked."""
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        for note in dashboard["annotations"]["list"]:
            yield path.stem, f"annotation {note['name']}", note["expr"]
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield path.stem, panel["title"], target["expr"]


def test_there_is_a_dashboard_for_each_part():
    assert {path.stem for path in DASHBOARDS} == {"overview", "gateway", "registry", "core", "tenants", "backups"}
    run(sys.executable, ROOT / "scripts/dashboards.py", "--check")


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboard_is_whole(path):
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    sources = loaded(MONITORING / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    source = {"type": "prometheus", "uid": next(s["uid"] for s in sources if s.get("isDefault"))}
    assert dashboard["uid"] == f"saas-{path.stem}" and dashboard["title"] and dashboard["description"]
    # The reader's own setting decides between light and dark.
    assert "style" not in dashboard and "id" not in dashboard
    assert dashboard["schemaVersion"] >= 39
    everything = dashboard["panels"]
    assert [panel["id"] for panel in everything] == list(range(1, len(everything) + 1))
    variables = {v["name"] for v in dashboard["templating"]["list"]}
    used = set()
    for panel in panels(dashboard):
        where = f"{path.stem}: {panel['title']}"
        assert panel["datasource"] == source, where
        assert len(panel["description"]) > 4, where
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] in UNITS, where
        # Named colours: Grafana shows them as they can be read on light and on dark.
        colors = {step["color"] for step in defaults["thresholds"]["steps"]}
        assert colors <= {"green", "orange", "red"}, where
        assert defaults["thresholds"]["steps"][0]["value"] is None, where
        ids = [target["refId"] for target in panel["targets"]]
        assert ids and len(set(ids)) == len(ids), where
        for target in panel["targets"]:
            assert target["datasource"] == source, where
            if panel["type"] in ("timeseries", "bargauge"):
                assert target["legendFormat"], where
            used |= set(re.findall(r"\$(?!__)(\w+)", target["expr"]))
    assert used == variables, "variables that are used, and those that are offered"
    assert all(v["datasource"] == source for v in dashboard["templating"]["list"])
    taken = set()
    for panel in everything:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24 and not cells & taken, f"{panel['title']} lies on another"
        taken |= cells


# The real thing.


def test_every_target_answers(watch):
    def all_up():
        targets = watch.ask("targets", state="active")["activeTargets"]
        jobs = {target["labels"]["job"] for target in targets}
        wanted = {job["job_name"] for job in loaded(MONITORING / "prometheus.yml")["scrape_configs"]}
        assert jobs == wanted
        # Two of the traffic's services are broken on purpose.
        down = [t for t in targets if t["health"] != "up" and t["labels"].get("service") not in ("broken", "checked")]
        assert not down, [(t["labels"]["job"], t["lastError"]) for t in down]
        return targets

    targets = wait_for("all targets", all_up)
    gateways = {t["labels"]["instance"] for t in targets if t["labels"]["job"] == "gateway"}
    assert len(gateways) == 2
    orders = [t["labels"] for t in targets if t["labels"].get("service") == "orders"]
    assert [labels["job"] for labels in orders] == ["services"]
    assert orders[0]["instance_id"].startswith("orders-")
    # The token was needed.
    metrics = f"{watch.platform.url('core')}/metrics"
    assert call("GET", metrics).status == 401
    assert call("GET", metrics, token=METRICS_TOKEN).status == 200


def examined(watch, *words):
    """What `saas doctor` says of it, from where core runs."""
    core = watch.platform.services["core"].environment
    return doctor(core, "--only", "metrics", "--prometheus", *(words or [watch.url]))


def test_the_doctor_asks_prometheus(watch):
    def sound():
        report = examined(watch)
        # Those two that are broken on purpose.
        report.told("metrics", "warning", "Prometheus targets: 2 of ", "metrics: off")
        return report.told("metrics", "ok", f"Prometheus alert rules: {len(ALERTS)} loaded")

    wait_for("what Prometheus knows", sound)
    for elsewhere in ("http://127.0.0.1:1", watch.alerts_url):
        report = examined(watch, elsewhere)
        report.told("metrics", "failed", "Prometheus targets", "--prometheus")
        report.told("metrics", "failed", "Prometheus alert rules")


def test_the_doctor_sees_that_prometheus_reads_another_platform(watch):
    """Same names of jobs, none of whose targets is of this platform."""
    with Production(free_ports(1)) as other:
        known = other.environment(DATA_DIR=f"{other.folder.name}/doctor", REGISTRY_URL=other.registry)
        ask = lambda: doctor(known, "--only", "metrics", "--prometheus", watch.url)
        told = wait_for("a sound Prometheus", lambda: ask().told("metrics", "failed", "Prometheus targets", "not another's"))
        assert all(f"{part} 127.0.0.1" in told for part in ("registry", "core", "gateway")), told


def test_rules_are_evaluated(watch):
    def evaluated():
        groups = watch.ask("rules")["groups"]
        every = [rule for group in groups for rule in group["rules"]]
        assert len(every) == len(rules("alert")) + len(rules("record"))
        assert not [r["name"] for r in every if r["health"] == "unknown"]
        return every

    wrong = [(r["name"], r.get("lastError")) for r in wait_for("the rules", evaluated) if r["health"] != "ok"]
    assert not wrong


KEYWORDS = {"and", "or", "unless", "bool", "by", "without", "on", "ignoring", "group_left", "group_right", "offset"}


def selectors(expression):
    """The selectors in an expression, without range and offset."""
    labels = r"\{(?:[^{}\"]|\"[^\"]*\")*\}"
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", expression)
    found = re.finditer(rf"(?<![\w:\"\[.])([a-zA-Z_:][\w:]*)({labels})?(?!\s*\(|[\w:])", re.sub(r"\[[^]]*\]", "", bare))
    kept = ((m[1], m[2] or "") for m in found if m[1] not in KEYWORDS)
    # What stands within quotes is no selector: arguments of label_replace.
    quoted = set(re.findall(r'"(\w*)"', bare))
    return [name + braces for name, braces in kept if braces or name not in quoted]


def test_selectors_are_found():
    expression = 'sum by (a) (rate(x_total{b=~"c|d{2}"}[5m] offset 1m)) / on (e) group_left () (y:z > bool 0) and absent(w)'
    assert selectors(expression) == ['x_total{b=~"c|d{2}"}', "y:z", "w"]


def test_rules_ask_for_what_there_is(watch):
    """An alert on a metric that nobody tells would be quiet for ever."""
    missing = {}
    wanted = {s: rule for kind in ("alert", "record") for rule in rules(kind) for s in selectors(rule["expr"])}
    assert len(wanted) > 50

    def all_there():
        missing.clear()
        for selector, rule in wanted.items():
            if not watch.query(f"count({selector})"):
                missing[selector] = rule.get("alert") or rule["record"]
        return not missing

    try:
        wait_for("everything that rules ask for", all_there, 40)
    except AssertionError:
        raise AssertionError(missing) from None


def test_every_recording_rule_gives_data(watch):
    for rule in rules("record"):
        wait_for(rule["record"], lambda: watch.query(rule["record"]), 40)


def filled(expression):
    for name, value in (("$__rate_interval", "10s"), ("$instance", ".*"), ("$service", ".*"), ("$tenant", ".*")):
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def test_every_panel_shows_data(watch):
    asked = {(d, p, filled(q)) for d, p, q in dashboard_queries()}
    assert len(asked) > 80
    empty = set()

    def all_show():
        empty.clear()
        for name, panel, query in asked:
            found = watch.query(query)
            values = [sample["value"][1] for sample in found if isinstance(sample, dict)]
            if not values or all(value == "NaN" for value in values):
                empty.add((name, panel, query))
        return not empty

    try:
        wait_for("data for every panel", all_show, 60, pause=1)
    except AssertionError:
        raise AssertionError("\n".join(map(str, sorted(empty)))) from None


def test_every_variable_offers_values(watch):
    for path in DASHBOARDS:
        for variable in json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]:
            metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"]).groups()
            values = watch.ask("series", **{"match[]": metric})
            assert {series.get(label) for series in values} - {None}, variable["definition"]


def test_figures_are_true(watch):
    def value(expression):
        found = watch.query(expression)
        assert found, f"nothing for {expression}"
        return float(found[0]["value"][1])

    assert value("min(database_up)") == 1 and value('min(cache_up{kind="redis"})') == 1
    assert value("max(database_replicas)") == 1
    assert watch.query("database_replica_lag_seconds")[0]["metric"]["replica"] == "standby@127.0.0.1"
    assert value('registry_service_instances{service="orders",kind="up"}') == 1
    assert value('registry_service_instances{service="checked",kind="down"}') == 1
    assert value("max(database_size_bytes)") == pytest.approx(
        float(watch.platform.cluster.sql("SELECT pg_database_size('postgres')")), rel=0.2
    )
    assert value("min(saas_data_dir_free_bytes)") > 0
    # Three tenants ask, and two of them more than they may.
    for name, tenants in (("requests", 3), ("refusals", 2)):
        shown = watch.query(f"gateway_tenant_{name}_per_second > 0")
        assert len({sample["metric"]["tenant"] for sample in shown}) == tenants, name


def test_an_alert_arrives_and_is_taken_back(watch):
    platform, told = watch.platform, watch.receiver
    second, first = platform.services["gateway-b"], platform.services["gateway"]
    address = platform.address("gateway-b")

    def arrived(status, name, count=1, **labels):
        def found():
            alerts = told.alerts(status, name)
            return len([a for a in alerts if labels.items() <= a["labels"].items()]) >= count

        wait_for(f"{status} {name}", found)

    assert not told.alerts("firing", "Watchdog"), "it goes to nobody"
    wait_for("the watchdog", lambda: watch.firing("Watchdog"))

    second.stop()
    wait_for("the alert", lambda: watch.firing("ServiceDown"))
    arrived("firing", "ServiceDown", job="gateway", instance=address)
    told_now = told.alerts("firing", "ServiceDown")[0]
    assert told_now["annotations"]["summary"] == f"gateway at {address} does not answer"
    assert told_now["labels"]["severity"] == "critical"
    report = examined(watch)
    report.told("metrics", "failed", f"not up, http://{address}/metrics")
    report.told("metrics", "failed", "alerts: firing: ", "ServiceDown", "TROUBLESHOOTING")

    # The whole entrance is closed: one alert says so, and those of the single gateways are held back.
    first.stop()
    arrived("firing", "AllGatewaysDown")
    wait_for("the inhibition", lambda: watch.suppressed("ServiceDown"))

    for service in (first, second):
        service.start()
    for name in ("gateway", "gateway-b"):
        platform.ready(name)
    arrived("resolved", "AllGatewaysDown")
    arrived("resolved", "ServiceDown", instance=address)
    wait_for("peace", lambda: not watch.firing("ServiceDown"))


def test_a_store_that_is_away_is_an_alert(watch):
    watch.platform.redis.stop()
    wait_for("RedisDown", lambda: watch.firing("RedisDown"))
    watch.platform.redis.start()
    wait_for("Redis again", lambda: not watch.firing("RedisDown"))


def test_everything_stopped_well(watch):
    """The last one: what the programs said is read when all is over."""
    for program in watch.programs:
        assert program.is_alive()
        assert "level=error" not in program.text()
    for name, program in watch.platform.services.items():
        assert "panicked" not in program.text(), name
