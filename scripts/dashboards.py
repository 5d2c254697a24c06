#!/usr/bin/env python3
"""Writes Grafana's dashboards into monitoring/grafana/dashboards.

    scripts/dashboards.py           writes them
    scripts/dashboards.py --check   says whether they are what this file makes of them

A dashboard is a list of rows, a row a title and its panels. A panel has a title, what to do about
it, a unit and its queries; the rest of Grafana's JSON is the same for all and made here.
"""

import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "monitoring/grafana/dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
GREEN, AMBER, RED = "green", "orange", "red"
PROBES = 'endpoint!~"/health.*|/metrics"'
PLATFORM = 'job=~"registry|gateway|core"'


def panel(kind, title, advice, unit, *queries, width=8, height=7, steps=None, options=None, **custom):
    """`queries` are pairs of PromQL and a legend."""
    defaults = {
        "unit": unit,
        "color": {"mode": "thresholds" if kind in ("stat", "gauge", "bargauge") else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": thresholds(steps)},
    }
    defaults |= {name: value for name, value in custom.items() if value is not None}
    if kind == "timeseries":
        defaults["custom"] = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": False}
        defaults.setdefault("min", 0)
        if steps:
            defaults["custom"]["thresholdsStyle"] = {"mode": "dashed"}
    return {
        "type": kind,
        "title": title,
        "description": advice,
        "datasource": SOURCE,
        "gridPos": {"w": width, "h": height},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {**OPTIONS[kind], **(options or {})},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "editorMode": "code",
                "expr": expression,
                "legendFormat": legend,
                "instant": kind in ("stat", "table", "bargauge"),
                "range": kind not in ("stat", "table", "bargauge"),
                **({"format": "table"} if kind == "table" else {}),
            }
            for number, (expression, legend) in enumerate(queries)
        ],
    }


OPTIONS = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
        "justifyMode": "auto",
        "orientation": "auto",
    },
    "bargauge": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "displayMode": "basic",
        "orientation": "horizontal",
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
}


def thresholds(steps):
    """`[(None, GREEN), (0.05, RED)]`: from this value on, this colour."""
    return [{"value": value, "color": color} for value, color in steps or [(None, GREEN)]]


def stat(title, advice, unit, expression, *, width=4, legend="", steps=None, **more):
    return panel("stat", title, advice, unit, (expression, legend), width=width, height=4, steps=steps, **more)


def graph(title, advice, unit, *queries, **more):
    return panel("timeseries", title, advice, unit, *queries, **more)


def bars(title, advice, unit, *queries, **more):
    return panel("bargauge", title, advice, unit, *queries, **more)


def table(title, advice, unit, *queries, hide=(), **more):
    made = panel("table", title, advice, unit, *queries, **more)
    hidden = {name: True for name in ("Time", "__name__", *hide)}
    made["transformations"] = [{"id": "organize", "options": {"excludeByName": hidden}}]
    return made


def row(title, *panels):
    return title, panels


def variable(name, label, metric, of):
    query = f"label_values({metric}, {of})"
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "variable", "qryType": 1},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def dashboard(uid, title, description, variables, *rows):
    panels, number, y = [], 0, 0
    for name, inside in rows:
        number += 1
        place = {"x": 0, "y": y, "w": 24, "h": 1}
        panels.append({"type": "row", "id": number, "title": name, "collapsed": False, "gridPos": place, "panels": []})
        y, x, tallest = y + 1, 0, 0
        for made in inside:
            number += 1
            width, height = made["gridPos"]["w"], made["gridPos"]["h"]
            if x + width > 24:
                x, y, tallest = 0, y + tallest, 0
            place = {"x": x, "y": y, "w": width, "h": height}
            panels.append({"id": number, **made, "gridPos": place})
            x, tallest = x + width, max(tallest, height)
        y += tallest
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["saas"],
        # No style: each reader sees it light or dark, as their own setting says.
        "timezone": "browser",
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "schemaVersion": 39,
        "version": 1,
        "fiscalYearStartMonth": 0,
        "links": [
            {
                "type": "dashboards",
                "title": "saas",
                "tags": ["saas"],
                "asDropdown": True,
                "includeVars": False,
                "keepTime": True,
            }
        ],
        "annotations": {
            "list": [
                {
                    "name": "Alerts",
                    "datasource": SOURCE,
                    "enable": True,
                    "iconColor": RED,
                    "expr": 'ALERTS{alertstate="firing",severity=~"critical|warning"}',
                    "titleFormat": "{{alertname}}",
                    "textFormat": "{{job}} {{instance}} {{service}}",
                }
            ]
        },
        "templating": {"list": variables},
        "panels": panels,
    }


SHARE = [(None, GREEN), (0.01, AMBER), (0.05, RED)]
SECONDS = [(None, GREEN), (0.5, AMBER), (1, RED)]
NONE_IS_GOOD = [(None, GREEN), (1, RED)]
ALL_UP = [(None, RED), (1, GREEN)]
FREE = [(None, RED), (0.05, AMBER), (0.15, GREEN)]
INSTANCE = variable("instance", "Instance", f"up{{{PLATFORM}}}", "instance")
GATEWAY = variable("instance", "Gateway", 'up{job="gateway"}', "instance")
SERVICE = variable("service", "Service", "registry_service_instances", "service")
TENANT = variable("tenant", "Tenant", "gateway_tenant_requests_per_second", "tenant")
ON = 'instance=~"$instance"'


def overview():
    return dashboard(
        "saas-overview",
        "saas / Overview",
        "Is the platform well? Everything on one page; the other dashboards tell more.",
        [INSTANCE],
        row(
            "Now",
            stat(
                "Alerts",
                "Critical alerts and warnings that fire. Prometheus lists them under Alerts; each names its section in the troubleshooting guide.",
                "short",
                'count(ALERTS{alertstate="firing",severity=~"critical|warning"}) or vector(0)',
                steps=NONE_IS_GOOD,
            ),
            stat(
                "Processes that answer",
                "The share of registry, gateway and core processes whose metrics can be read. Below 100 %: see Processes below.",
                "percentunit",
                f"avg(up{{{PLATFORM}}})",
                steps=ALL_UP,
            ),
            stat(
                "Requests",
                "What the gateways answer, probes left out.",
                "reqps",
                f'sum(rate(http_requests_total{{job="gateway",{PROBES}}}[$__rate_interval]))',
            ),
            stat(
                "Errors",
                "The share of answers with a status of 500 or more. Above 5 %: the gateway dashboard shows which service.",
                "percentunit",
                f'(sum(rate(http_requests_total{{job="gateway",{PROBES},status=~"5.."}}[$__rate_interval])) or vector(0))'
                f' / sum(rate(http_requests_total{{job="gateway",{PROBES}}}[$__rate_interval]))',
                steps=SHARE,
            ),
            stat(
                "Latency, 95 %",
                "Nineteen of twenty requests are answered within this time.",
                "s",
                "histogram_quantile(0.95, sum by (le) (rate("
                f'http_request_duration_seconds_bucket{{job="gateway",{PROBES}}}[$__rate_interval])))',
                steps=SECONDS,
            ),
            stat(
                "Services without an instance",
                "Active services of which no instance is up: requests to them are answered 503. The registry dashboard names them.",
                "short",
                'sum((max by (service) (registry_service_instances{kind="up"})) == bool 0)',
                steps=NONE_IS_GOOD,
            ),
        ),
        row(
            "Requests",
            graph(
                "Requests by process",
                "A gateway that gets much less than its neighbours is not asked by the load balancer: see its readiness.",
                "reqps",
                (
                    f"sum by (job, instance) (rate(http_requests_total{{{PLATFORM},{ON},{PROBES}}}[$__rate_interval]))",
                    "{{job}} {{instance}}",
                ),
            ),
            graph(
                "Errors by process",
                "The share of answers with a status of 500 or more. The log line of a failed request has its cause.",
                "percentunit",
                (
                    f'(sum by (job) (rate(http_requests_total{{{PLATFORM},{ON},{PROBES},status=~"5.."}}[$__rate_interval]))'
                    f" or sum by (job) (rate(http_requests_total{{{PLATFORM},{ON},{PROBES}}}[$__rate_interval])) * 0)"
                    f" / (sum by (job) (rate(http_requests_total{{{PLATFORM},{ON},{PROBES}}}[$__rate_interval])) > 0)",
                    "{{job}}",
                ),
                steps=SHARE,
            ),
            graph(
                "Latency, 95 %",
                "If core or the registry are slow as well, look at the database; if only the gateway is, at the services.",
                "s",
                (
                    "histogram_quantile(0.95, sum by (job, le) (rate("
                    f"http_request_duration_seconds_bucket{{{PLATFORM},{ON},{PROBES}}}[$__rate_interval])))",
                    "{{job}}",
                ),
                steps=SECONDS,
            ),
        ),
        row(
            "Stores",
            stat(
                "Database",
                "1 where every process reaches it. 0: look at the database's process, disk and log.",
                "short",
                "min(database_up)",
                steps=ALL_UP,
                mappings=[{"type": "value", "options": {"0": {"text": "away"}, "1": {"text": "reached"}}}],
            ),
            stat(
                "Cache",
                "Redis, or the cache in the process. Without it reads are slower, not wrong.",
                "short",
                "min(cache_up)",
                steps=ALL_UP,
                mappings=[{"type": "value", "options": {"0": {"text": "away"}, "1": {"text": "reached"}}}],
            ),
            stat(
                "Database size",
                "Without the write-ahead log. Growth without more tenants: see what the audit log keeps.",
                "bytes",
                "max(database_size_bytes)",
            ),
            stat(
                "Replica lag",
                "How far the slowest standby server is behind. `none`: there is no standby.",
                "s",
                "max(database_replica_lag_seconds)",
                steps=[(None, GREEN), (5, AMBER), (30, RED)],
                noValue="none",
            ),
            stat(
                "Connections in use",
                "The fullest pool. Above 90 % requests wait for each other: look for slow statements and locks.",
                "percentunit",
                "max(instance:database_pool:use_ratio)",
                steps=[(None, GREEN), (0.7, AMBER), (0.9, RED)],
            ),
            stat(
                "Disk left",
                "Of the file system that holds the data directories. Below 15 %: old backups, logs, images.",
                "percentunit",
                "min(instance:data_dir:free_ratio)",
                steps=FREE,
            ),
            graph(
                "Wait for the database, 95 %",
                "Until a transaction had its connection and had begun. Above half a second the pool or the database cannot keep up.",
                "s",
                (
                    "histogram_quantile(0.95, sum by (job, le) "
                    f"(rate(database_pool_wait_seconds_bucket{{{ON}}}[$__rate_interval])))",
                    "{{job}}",
                ),
                steps=SECONDS,
            ),
            graph(
                "Database connections",
                "In use and unused. The limit is DATABASE_MAX_CONNECTIONS for each process.",
                "short",
                (f"database_pool_connections{{{ON}}} - database_pool_idle_connections{{{ON}}}", "{{job}} in use"),
                (f"database_pool_idle_connections{{{ON}}}", "{{job}} unused"),
                (f"database_pool_limit_connections{{{ON}}}", "{{job}} limit"),
            ),
            graph(
                "Reads answered by the cache",
                "A share that falls after a change of data is normal. At 0 for long, Redis is away.",
                "percentunit",
                (
                    "sum by (job) (rate(cache_hits_total[$__rate_interval])) / (sum by (job) "
                    "(rate(cache_hits_total[$__rate_interval]) + rate(cache_misses_total[$__rate_interval])) > 0)",
                    "{{job}}",
                ),
                max=1,
            ),
        ),
        row(
            "Processes",
            graph(
                "Answers",
                "0: its metrics cannot be read. See whether it runs, and what it said last.",
                "short",
                (f"up{{{PLATFORM},{ON}}}", "{{job}} {{instance}}"),
                max=1,
            ),
            graph(
                "Processor",
                "Processors kept busy. A gateway at its limit needs a second one beside it.",
                "short",
                (f"rate(process_cpu_seconds_total{{{PLATFORM},{ON}}}[$__rate_interval])", "{{job}} {{instance}}"),
            ),
            graph(
                "Memory",
                "Resident. Growth without end is a defect: please report it with this picture.",
                "bytes",
                (f"process_resident_memory_bytes{{{PLATFORM},{ON}}}", "{{job}} {{instance}}"),
            ),
            graph(
                "Open files",
                "Sockets count. Near the limit nothing can be accepted: raise LimitNOFILE or ulimits.",
                "percentunit",
                (
                    f"process_open_fds{{{PLATFORM},{ON}}} / process_max_fds{{{PLATFORM},{ON}}}",
                    "{{job}} {{instance}}",
                ),
                max=1,
            ),
            graph(
                "Running for",
                "A line that keeps falling to zero is a process that keeps starting again: its log says why.",
                "s",
                (f"time() - process_start_time_seconds{{{PLATFORM},{ON}}}", "{{job}} {{instance}}"),
            ),
            table(
                "Versions",
                "More than one version for longer than a roll-out takes: finish it, or take it back.",
                "short",
                ("count by (job, version) (saas_build_info)", ""),
            ),
        ),
        row(
            "Certificates",
            bars(
                "Certificates run out in",
                "Below a fortnight the renewal has failed: port 80 must be reachable for the challenge.",
                "s",
                ("min by (domain) (saas_tls_certificate_not_after_timestamp_seconds) - time()", "{{domain}}"),
                width=24,
                height=5,
                steps=[(None, RED), (3 * 86400, AMBER), (14 * 86400, GREEN)],
            ),
        ),
    )


def gateway():
    mine = f'job="gateway",{ON}'
    return dashboard(
        "saas-gateway",
        "saas / Gateway",
        "What people experience: requests, errors, latency, refusals, and the gateways' view of the instances.",
        [GATEWAY, SERVICE],
        row(
            "Requests",
            graph(
                "Requests by service",
                "Counted by the gateways, ten seconds late at most.",
                "reqps",
                (
                    f'sum by (service) (rate(gateway_service_requests_total{{{ON},service=~"$service"}}[$__rate_interval]))',
                    "{{service}}",
                ),
            ),
            graph(
                "Errors by service",
                "Answers of 500 or more, those of the gateway on the service's behalf included. Look at that service's log.",
                "reqps",
                (
                    f'sum by (service) (rate(gateway_service_errors_total{{{ON},service=~"$service"}}[$__rate_interval]))'
                    f' or sum by (service) (rate(gateway_service_requests_total{{{ON},service=~"$service"}}[$__rate_interval])) * 0',
                    "{{service}}",
                ),
            ),
            graph(
                "Answers by status",
                "Many 401 or 403: clients with old tokens. 429: the limits below. 503: no instance, or stale trust. 504: a slow service.",
                "reqps",
                (f"sum by (status) (rate(http_requests_total{{{mine},{PROBES}}}[$__rate_interval]))", "{{status}}"),
            ),
            graph(
                "Latency",
                "Until the head of the answer, services included.",
                "s",
                *(
                    (
                        f"histogram_quantile({share}, sum by (le) (rate("
                        f"http_request_duration_seconds_bucket{{{mine},{PROBES}}}[$__rate_interval])))",
                        f"{name} %",
                    )
                    for share, name in ((0.5, "50"), (0.95, "95"), (0.99, "99"))
                ),
                steps=SECONDS,
            ),
            graph(
                "Latency by route, 95 %",
                "The slowest ten. A route is its template, never a path.",
                "s",
                (
                    "topk(10, histogram_quantile(0.95, sum by (endpoint, le) (rate("
                    f"http_request_duration_seconds_bucket{{{mine},{PROBES}}}[$__rate_interval]))))",
                    "{{endpoint}}",
                ),
            ),
            graph(
                "Requests by route",
                "`unmatched` led nowhere: a wrong address, or somebody who probes.",
                "reqps",
                (
                    f"sum by (method, endpoint) (rate(http_requests_total{{{mine},{PROBES}}}[$__rate_interval]))",
                    "{{method}} {{endpoint}}",
                ),
            ),
        ),
        row(
            "Refusals",
            graph(
                "Refused for want of a right",
                "By reason. A sudden rise of invalid tokens is an attack, or a client that does not refresh.",
                "reqps",
                (f"sum by (kind) (rate(gateway_refused_total{{{ON}}}[$__rate_interval]))", "{{kind}}"),
            ),
            graph(
                "Refused by a limit",
                "By whose limit. The tenants dashboard shows which tenants.",
                "reqps",
                (f"sum by (kind) (rate(gateway_rate_limited_total{{{ON}}}[$__rate_interval]))", "{{kind}}"),
            ),
            graph(
                "Tokens found verified",
                "The share that needed no signature check. Low: tokens live too short, or each request brings a new one.",
                "percentunit",
                (
                    f"sum by (instance) (rate(gateway_token_cache_hits_total{{{ON}}}[$__rate_interval]))"
                    f" / (sum by (instance) (rate(gateway_token_cache_hits_total{{{ON}}}[$__rate_interval])"
                    f" + rate(gateway_token_cache_misses_total{{{ON}}}[$__rate_interval])) > 0)",
                    "{{instance}}",
                ),
                max=1,
            ),
        ),
        row(
            "Instances",
            graph(
                "Failed attempts",
                "By reason: `connect` is an instance that is gone, `timeout` one that is too slow, `no_instance` a service without any.",
                "ops",
                (f"sum by (kind) (rate(gateway_upstream_errors_total{{{ON}}}[$__rate_interval]))", "{{kind}}"),
            ),
            graph(
                "Repeated and waiting",
                "Attempts repeated with another instance, and requests that waited for one to come back. Both hide trouble from people; look for it in Failed attempts.",
                "ops",
                (f"sum(rate(gateway_retries_total{{{ON}}}[$__rate_interval]))", "repeated"),
                (f"sum(rate(gateway_waited_for_instance_total{{{ON}}}[$__rate_interval]))", "waited"),
            ),
            graph(
                "Instances in the table",
                "All gateways should show the same.",
                "short",
                (f"gateway_instances{{{ON}}}", "{{instance}}"),
            ),
        ),
        row(
            "Connections",
            graph(
                "Connections of clients",
                "One that only rises: clients, or the proxy in front, that do not close.",
                "short",
                (f"gateway_connections{{{ON}}}", "{{instance}}"),
            ),
            graph(
                "Requests under way",
                "Rises when services get slow: a queue that nobody sees otherwise.",
                "short",
                (f"gateway_requests_in_flight{{{ON}}}", "{{instance}}"),
            ),
            graph(
                "Connections to instances",
                "Kept open for reuse.",
                "short",
                (f"gateway_upstream_connections{{{ON}}}", "{{instance}}"),
            ),
        ),
        row(
            "Up to date",
            graph(
                "Since core was heard",
                "Above a second, strict routes wait and then answer 503. See whether core runs and is registered.",
                "s",
                (f"gateway_trust_age_seconds{{{ON}}}", "{{instance}}"),
                steps=[(None, GREEN), (1, AMBER), (5, RED)],
            ),
            graph(
                "Since the registry was heard",
                "The gateway goes on with the routes it has. See whether a registry runs.",
                "s",
                (f"gateway_routing_age_seconds{{{ON}}}", "{{instance}}"),
                steps=[(None, GREEN), (2, AMBER), (10, RED)],
            ),
            graph(
                "Changes behind",
                "Changes of the registry that the gateway has not taken in. Above zero for more than moments: see its log.",
                "short",
                (f"clamp_min(scalar(max(registry_change_number)) - gateway_table_version{{{ON}}}, 0)", "routes {{instance}}"),
                (f"clamp_min(scalar(max(core_trust_change_number)) - gateway_trust_version{{{ON}}}, 0)", "trust {{instance}}"),
            ),
        ),
    )


def registry():
    on = f'job="registry",{ON}'
    return dashboard(
        "saas-registry",
        "saas / Registry",
        "Which services there are, whether their instances live, and whether the registry's replicas agree.",
        [variable("instance", "Registry", 'up{job="registry"}', "instance"), SERVICE],
        row(
            "Now",
            stat("Services", "Known to the registry, core and the registry themselves included.", "short", "max(registry_services)"),
            stat(
                "Instances up",
                "Those that get requests.",
                "short",
                'max(registry_instances{kind="up"})',
                steps=ALL_UP,
            ),
            stat(
                "Instances down",
                "They fail their health check and get no requests. The console shows what the check saw.",
                "short",
                'max(registry_instances{kind="down"})',
                steps=NONE_IS_GOOD,
            ),
            stat("Draining", "About to leave; for longer than a minute: somebody holds a request open.", "short", 'max(registry_instances{kind="draining"})'),
            stat("Routes", "Defined by operators and switched on.", "short", "max(registry_routes)"),
            stat(
                "Leaders",
                "Exactly one replica ends leases and checks health. 0: the database is away or slow. More: the replicas do not share a database.",
                "short",
                "sum(registry_leader)",
                steps=[(None, RED), (1, GREEN), (2, RED)],
            ),
        ),
        row(
            "Services",
            graph(
                "Instances up",
                "A service at 0 answers 503. Start an instance, or switch the service off in the console.",
                "short",
                ('max by (service) (registry_service_instances{kind="up",service=~"$service"})', "{{service}}"),
                width=12,
            ),
            table(
                "Instances by status",
                "One line for each active service and status.",
                "short",
                ('max by (service, kind) (registry_service_instances{service=~"$service"})', ""),
                width=12,
            ),
        ),
        row(
            "Leases and checks",
            graph("Heartbeats", "Falls when instances leave, or cannot reach the registry.", "ops", (f"rate(registry_heartbeats_total{{{on}}}[$__rate_interval])", "{{instance}}")),
            graph(
                "Leases that ran out",
                "Instances that vanished without leaving: crashes, kills, or a broken network.",
                "ops",
                (f"rate(registry_leases_expired_total{{{on}}}[$__rate_interval])", "{{instance}}"),
            ),
            graph(
                "Health checks",
                "By outcome. `failing`: the console shows which instance and why.",
                "ops",
                (f"sum by (kind) (rate(registry_health_checks_total{{{on}}}[$__rate_interval]))", "{{kind}}"),
            ),
            graph(
                "Eviction guard",
                "1 while no lease ends, for the length of one after the database or the registry was away. At 1 for long: the database keeps failing.",
                "short",
                (f"registry_eviction_guard{{{on}}}", "{{instance}}"),
                max=1,
            ),
        ),
        row(
            "Replicas",
            graph(
                "Changes behind",
                "Changes that this replica has not read from the log and another has. Above zero for more than moments: see its log.",
                "short",
                (f"clamp_min(scalar(max(registry_change_number)) - registry_change_number{{{on}}}, 0)", "{{instance}}"),
            ),
            graph(
                "Changes",
                "Registrations, drains, routes and the like. A steady stream without reason: an instance that registers again and again.",
                "ops",
                (f"rate(registry_change_number{{{on}}}[$__rate_interval])", "{{instance}}"),
            ),
            graph("Readers", "Open change streams: gateways, and whoever else follows.", "short", (f"registry_streams{{{on}}}", "{{instance}}")),
            graph(
                "Latency by route, 95 %",
                "Slow writes: the database.",
                "s",
                (
                    "topk(10, histogram_quantile(0.95, sum by (endpoint, le) (rate("
                    f"http_request_duration_seconds_bucket{{{on},{PROBES}}}[$__rate_interval]))))",
                    "{{endpoint}}",
                ),
                width=16,
            ),
        ),
    )


def core():
    on = f'job="core",{ON}'
    return dashboard(
        "saas-core",
        "saas / Core",
        "Signing in, tokens, and the requests to core.",
        [variable("instance", "Core", 'up{job="core"}', "instance")],
        row(
            "Signing in",
            graph(
                "Sign-ins",
                "By outcome. Many `wrong_password` or `limited`: somebody is guessing; the gateways' access logs name the addresses (client.ip).",
                "ops",
                (f"sum by (kind) (rate(core_sign_ins_total{{{on}}}[$__rate_interval]))", "{{kind}}"),
            ),
            graph("Tokens issued", "By occasion.", "ops", (f"sum by (kind) (rate(core_tokens_issued_total{{{on}}}[$__rate_interval]))", "{{kind}}")),
            graph(
                "Refresh tokens used twice",
                "Each ended its session: stolen, or a client that does not keep the new one. The audit log names the person.",
                "ops",
                (f"sum(rate(core_refresh_reuse_total{{{on}}}[$__rate_interval]))", "used twice"),
            ),
            graph(
                "Password hashing",
                "Waiting for a turn included. It is meant to be slow; above a second, too many sign in at once.",
                "s",
                (
                    "histogram_quantile(0.95, sum by (instance, le) "
                    f"(rate(core_password_hash_seconds_bucket{{{on}}}[$__rate_interval])))",
                    "95 % {{instance}}",
                ),
                steps=SECONDS,
            ),
            graph("Hashes waiting", "Under way or waiting. Above twenty for long: a flood of sign-ins.", "short", (f"core_password_hashes_pending{{{on}}}", "{{instance}}")),
            graph("Readers of trust", "Open trust streams: one for each gateway and registry.", "short", (f"core_trust_streams{{{on}}}", "{{instance}}")),
        ),
        row(
            "Requests",
            graph(
                "Requests by route",
                "Those within the platform included.",
                "reqps",
                (f"sum by (endpoint) (rate(http_requests_total{{{on},{PROBES}}}[$__rate_interval]))", "{{endpoint}}"),
            ),
            graph(
                "Answers by status",
                "503: the database. 500: a defect; the log line has its cause.",
                "reqps",
                (f"sum by (status) (rate(http_requests_total{{{on},{PROBES}}}[$__rate_interval]))", "{{status}}"),
            ),
            graph(
                "Latency by route, 95 %",
                "The slowest ten. Signing in is slow on purpose.",
                "s",
                (
                    "topk(10, histogram_quantile(0.95, sum by (endpoint, le) (rate("
                    f"http_request_duration_seconds_bucket{{{on},{PROBES}}}[$__rate_interval]))))",
                    "{{endpoint}}",
                ),
            ),
        ),
        row(
            "Stores",
            graph(
                "Cache",
                "Errors: Redis is away or too slow; reads go to the database.",
                "ops",
                (f"sum(rate(cache_hits_total{{{on}}}[$__rate_interval]))", "answered"),
                (f"sum(rate(cache_misses_total{{{on}}}[$__rate_interval]))", "not found"),
                (f"sum(rate(cache_errors_total{{{on}}}[$__rate_interval]))", "failed"),
            ),
            graph(
                "Transactions refused",
                "No connection in time, or no database. People see 503.",
                "ops",
                (f"sum by (instance) (rate(database_unavailable_total{{{on}}}[$__rate_interval]))", "{{instance}}"),
            ),
            graph(
                "Connections in use",
                "Of those allowed. Above 90 %: look for slow statements and locks.",
                "percentunit",
                (f"instance:database_pool:use_ratio{{{on}}}", "{{instance}}"),
                max=1,
            ),
        ),
    )


def tenants():
    return dashboard(
        "saas-tenants",
        "saas / Tenants",
        "How many there are, who asks most, and whom the limits refuse. Only the busiest twenty tenants of each gateway are shown at a time, and those without a limit are not counted.",
        [TENANT],
        row(
            "Now",
            stat("Tenants", "That exist, suspended ones included.", "short", "max(core_tenants)", width=6),
            stat("People", "Who can sign in, operators included.", "short", "max(core_users)", width=6),
            stat(
                "Signed up in a day",
                "A sudden rise without a campaign: somebody makes accounts by machine. SIGNUP closes the door.",
                "short",
                "sum(clamp_min(delta(core_tenants[1d]), 0))",
                width=6,
            ),
            stat(
                "Refused by tenants' limits",
                "By which tenants: below. The limit is RATE_LIMIT_PER_TENANT.",
                "reqps",
                'sum(rate(gateway_rate_limited_total{kind="tenant"}[$__rate_interval]))',
                width=6,
                steps=[(None, GREEN), (1, AMBER), (10, RED)],
            ),
        ),
        row(
            "Who asks",
            graph(
                "Requests of the busiest",
                "Over ten seconds, all gateways together. The console finds a tenant by its identifier.",
                "reqps",
                ('sum by (tenant) (gateway_tenant_requests_per_second{tenant=~"$tenant"})', "{{tenant}}"),
                width=12,
            ),
            graph(
                "Refusals of those refused most",
                "Their own limit refused these. A tenant that is refused all the time has a client in a loop, or needs more.",
                "reqps",
                ('sum by (tenant) (gateway_tenant_refusals_per_second{tenant=~"$tenant"})', "{{tenant}}"),
                width=12,
            ),
            bars(
                "Requests now",
                "The ten busiest at this moment.",
                "reqps",
                ('topk(10, sum by (tenant) (gateway_tenant_requests_per_second{tenant=~"$tenant"}))', "{{tenant}}"),
                width=12,
            ),
            graph("Growth", "Tenants and people.", "short", ("max(core_tenants)", "tenants"), ("max(core_users)", "people"), width=12),
        ),
    )


def backups():
    return dashboard(
        "saas-backups",
        "saas / Backups",
        "When the last backup was made, whether it can be restored, and how long that takes.",
        [],
        row(
            "Now",
            stat(
                "Age of the newest backup",
                "This much work would be lost now. Above 24 hours: see why the last one failed, and make one.",
                "s",
                "time() - max(saas_backup_last_success_timestamp_seconds)",
                width=6,
                steps=[(None, GREEN), (24 * 3600, AMBER), (26 * 3600, RED)],
                noValue="no backup",
            ),
            stat(
                "Age of the last good drill",
                "Since then nobody has shown that a backup can be restored. Above a quarter: run one.",
                "s",
                "time() - max(saas_backup_drill_last_success_timestamp_seconds)",
                width=6,
                steps=[(None, GREEN), (92 * 86400, AMBER), (100 * 86400, RED)],
                noValue="no drill",
            ),
            stat(
                "Restoring takes",
                "As the last drill measured. An hour at most is promised.",
                "s",
                "max(saas_backup_drill_recovery_time_seconds)",
                width=6,
                steps=[(None, GREEN), (1800, AMBER), (3600, RED)],
                noValue="no drill",
            ),
            stat(
                "Failed in a day",
                "The log of the backup says why: mostly the disk, the password, or the storage it is copied to.",
                "short",
                "sum(increase(saas_backup_failures_total[1d]))",
                width=6,
                steps=NONE_IS_GOOD,
            ),
        ),
        row(
            "Over time",
            graph(
                "Size",
                "A backup that is suddenly small is not whole, or very much was deleted: run a drill.",
                "bytes",
                ("max(saas_backup_last_size_bytes)", "newest backup"),
                ("max(database_size_bytes)", "database"),
            ),
            graph("How long it takes", "Grows with the database. It should end long before people come.", "s", ("max(saas_backup_last_duration_seconds)", "backup")),
            graph("Kept", "As many as days are kept, by default seven. More: old ones are not removed.", "short", ("max(saas_backup_kept)", "backups")),
            graph(
                "What would be lost",
                "As the last drill measured: the age of the newest change in the backup it restored.",
                "s",
                ("max(saas_backup_drill_recovery_point_seconds)", "recovery point"),
                steps=[(None, GREEN), (24 * 3600, RED)],
            ),
            graph(
                "Disk left",
                "Of the file system that holds the data directories; backups beside them fill it first.",
                "percentunit",
                ("min by (job) (instance:data_dir:free_ratio)", "{{job}}"),
                max=1,
            ),
            graph(
                "Replica lag",
                "A standby server is no backup: it deletes what the primary deletes. Nothing is shown where there is none.",
                "s",
                ("max by (replica) (database_replica_lag_seconds)", "{{replica}}"),
            ),
        ),
    )


def main(check):
    stale = []
    for made in (overview(), gateway(), registry(), core(), tenants(), backups()):
        path = FOLDER / f"{made['uid'].removeprefix('saas-')}.json"
        text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(path.name)
            continue
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(FOLDER.parents[2]))
    if stale:
        sys.exit(f"stale: {' '.join(stale)}; run scripts/dashboards.py")


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
