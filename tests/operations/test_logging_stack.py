"""docker-compose.logging.yml and what it mounts, as far as that can be told without Elastic's programs.

Elasticsearch, Logstash, Kibana and Filebeat are not run here. What is checked: that each file is well
formed and agrees with the others; that the index template has a fitting type for every field that a line
may have (log-line.schema.json, which every real line is held against in test_logs.py); and the setup
script, which is really run, against a server that notes what it is asked.
"""

import base64
import http.server
import json
import re
import subprocess
import threading

import pytest
import yaml
from log_lines import SCHEMA
from running_platform import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.logging.yml").read_text())
FILEBEAT = yaml.safe_load((ROOT / "logging/filebeat.yml").read_text())
LOGSTASH = (ROOT / "logging/logstash/pipeline/saas.conf").read_text()
TEMPLATE = json.loads((ROOT / "logging/elasticsearch/template.json").read_text())
POLICY = json.loads((ROOT / "logging/elasticsearch/ilm.json").read_text())
SERVICES = COMPOSE["services"]

# What Elasticsearch may store a value of the schema's type as.
FITTING = {"string": {"keyword", "wildcard", "match_only_text", "date", "ip", "constant_keyword"}, "integer": {"long"}}


def mapping(name):
    at = TEMPLATE["template"]["mappings"]
    for part in name.split("."):
        at = at.get("properties", {}).get(part)
        if at is None:
            return None
    return at


@pytest.mark.parametrize("name", sorted(SCHEMA["properties"]))
def test_every_field_has_a_mapping_that_fits(name):
    mapped = mapping(name)
    assert mapped, f"{name} would not be searchable: it is not in template.json"
    wanted = SCHEMA["properties"][name].get("type", "string")
    assert mapped["type"] in FITTING[wanted], f"{name} is a {wanted} and mapped as {mapped['type']}"
    for special, kind in (("@timestamp", "date"), ("client.ip", "ip"), ("message", "match_only_text")):
        assert name != special or mapped["type"] == kind


def test_labels_are_words_and_cannot_flood_the_mapping():
    mappings, settings = TEMPLATE["template"]["mappings"], TEMPLATE["template"]["settings"]
    [labels] = [rule["labels"] for rule in mappings["dynamic_templates"] if "labels" in rule]
    assert labels["path_match"] == "labels.*" and labels["mapping"]["type"] == "keyword"
    assert mappings["dynamic"] is False and mappings["properties"]["labels"]["dynamic"] is True
    assert settings["index.mapping.total_fields.ignore_dynamic_beyond_limit"] is True


def test_lines_end_where_the_template_and_the_retention_apply():
    [pattern] = TEMPLATE["index_patterns"]
    stream = "-".join(logstash_option(f"data_stream_{part}") for part in ("type", "dataset", "namespace"))
    assert re.fullmatch(pattern.replace("*", ".*"), stream) and "data_stream" in TEMPLATE
    # Above the template that Elasticsearch brings for logs-*-*.
    assert TEMPLATE["priority"] > 100
    setup = (ROOT / "logging/elasticsearch/setup.sh").read_text()
    assert f"/_ilm/policy/{TEMPLATE['template']['settings']['index.lifecycle.name']} " in setup
    phases = POLICY["policy"]["phases"]
    assert "delete" in phases["delete"]["actions"] and phases["hot"]["actions"]["rollover"]["max_age"]
    assert f'"names": ["{pattern}"]' in setup


def logstash_option(name):
    return re.search(rf'(?m)^\s*{name} => "?([^"\n]+)"?$', LOGSTASH)[1]


def test_logstash_is_well_formed_and_does_nothing_to_a_line():
    code = re.sub(r"(?m)#.*$", "", LOGSTASH)
    depth = 0
    for sign in re.sub(r'"[^"]*"', '""', code):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    assert re.findall(r"(?m)^(\w+) \{", code) == ["input", "filter", "output"]
    assert re.findall(r"(?m)^  (\w+) \{", code) == ["beats", "mutate", "elasticsearch"]
    assert "grok" not in code and "dissect" not in code
    assert FILEBEAT["output.logstash"]["hosts"] == [f"logstash:{logstash_option('port')}"]
    given = set(re.findall(r"\$\{(\w+)\}", code))
    assert given <= set(SERVICES["logstash"]["environment"]), given


def test_filebeat_reads_containers_and_lines_of_json():
    [source] = FILEBEAT["filebeat.inputs"]
    assert source["type"] == "filestream" and source["id"]
    container, ndjson = (next(iter(parser.items())) for parser in source["parsers"])
    assert container[0] == "container" and container[1]["stream"] == "all"
    assert ndjson[0] == "ndjson" and ndjson[1]["target"] == ""
    assert ndjson[1]["expand_keys"] and ndjson[1]["overwrite_keys"]
    # The folder of the path in which the container's identifier stands.
    metadata = FILEBEAT["processors"][0]["add_docker_metadata"]
    [path] = source["paths"]
    assert path.split("/")[1:][metadata["match_source_index"]] == "*"
    mounts = [volume.split(":")[0] for volume in SERVICES["filebeat"]["volumes"]]
    assert path.split("/*")[0] in mounts and metadata["host"].removeprefix("unix://") in mounts
    used = set(re.findall(r"\$\{(\w+)\}", (ROOT / "logging/filebeat.yml").read_text()))
    assert used <= set(SERVICES["filebeat"]["environment"])


def test_what_stores_logs_is_not_collected():
    drop = next(step["drop_event"] for step in FILEBEAT["processors"] if "drop_event" in step)
    assert {"equals": {"container.labels.saas_logs": "off"}} in drop["when"]["or"]
    for name, service in SERVICES.items():
        assert service["labels"] == {"saas.logs": "off"}, name


def test_nothing_is_open_and_nothing_has_a_default_password():
    ports = {port for service in SERVICES.values() for port in service.get("ports", [])}
    assert ports == {"127.0.0.1:9200:9200", "127.0.0.1:5601:5601"}
    assert SERVICES["elasticsearch"]["environment"]["xpack.security.enabled"] == "true"
    for name, service in SERVICES.items():
        for variable, value in service["environment"].items():
            if re.search(r"PASSWORD|ENCRYPTIONKEY", variable):
                # `:?` makes Compose refuse to start without it.
                assert re.fullmatch(r"\$\{(\w+):\?set \1 in \.env\}", value), f"{name}: {variable}={value}"


def test_a_single_node_of_one_release_with_a_small_heap():
    assert SERVICES["elasticsearch"]["environment"]["discovery.type"] == "single-node"
    assert SERVICES["elasticsearch"]["environment"]["ES_JAVA_OPTS"] == "-Xms512m -Xmx512m"
    versions = {re.search(r":(\$\{ELASTIC_VERSION:-8\.[\d.]+\})$", service["image"])[1] for service in SERVICES.values()}
    assert len(versions) == 1
    for name, service in SERVICES.items():
        assert service["networks"] == ["saas_network"], name
        for source in [volume.split(":")[0] for volume in service.get("volumes", [])]:
            assert not source.startswith("./") or (ROOT / source).exists(), source
    waits = {name: set(service.get("depends_on", ())) for name, service in SERVICES.items()}
    assert waits == {"elasticsearch": set(), "logging-setup": {"elasticsearch"}, "logstash": {"logging-setup"},
                     "kibana": {"logging-setup"}, "filebeat": {"logstash"}}


class Elasticsearch(http.server.BaseHTTPRequestHandler):
    """Notes what it is asked, and grants it."""

    def answer(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.command, self.path, self.headers["Authorization"], json.loads(body)))
        status = self.server.statuses.get(self.path, 200)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"{}")

    do_PUT = do_POST = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def elasticsearch():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elasticsearch) as server:
        server.asked, server.statuses = [], {}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


PASSWORDS = {"ELASTIC_PASSWORD": "e" * 24, "KIBANA_PASSWORD": "k" * 24, "LOGSTASH_PASSWORD": "l" * 24}


def set_up(server, trace=False):
    environment = PASSWORDS | {"ELASTICSEARCH_URL": f"http://127.0.0.1:{server.server_port}", "PATH": "/usr/bin:/bin"}
    command = ["bash", *(["-x"] if trace else []), str(ROOT / "logging/elasticsearch/setup.sh")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_setup_says_what_elasticsearch_has_to_know(elasticsearch):
    done = set_up(elasticsearch)
    assert done.returncode == 0, done.stderr
    asked = {path: (method, body) for method, path, _, body in elasticsearch.asked}
    assert asked["/_security/user/kibana_system/_password"] == ("POST", {"password": "k" * 24})
    method, user = asked["/_security/user/logstash_saas"]
    assert method == "PUT" and user["password"] == "l" * 24 and f'user => "logstash_saas"' in LOGSTASH
    [role] = user["roles"]
    privileges = asked[f"/_security/role/{role}"][1]
    assert "all" not in json.dumps(privileges) and "read" not in privileges["indices"][0]["privileges"]
    assert asked["/_ilm/policy/saas-logs"] == ("PUT", POLICY)
    assert asked["/_index_template/saas-logs"] == ("PUT", TEMPLATE)
    # The policy has to be there before the template that names it.
    paths = [path for _, path, _, _ in elasticsearch.asked]
    assert paths.index("/_ilm/policy/saas-logs") < paths.index("/_index_template/saas-logs")
    user = base64.b64encode(f"elastic:{'e' * 24}".encode()).decode()
    assert {authorization for _, _, authorization, _ in elasticsearch.asked} == {f"Basic {user}"}
    for password in PASSWORDS.values():
        assert password not in done.stdout + done.stderr


def test_setup_hands_no_password_to_another_program(elasticsearch):
    """What a command line holds, everybody on the machine can read; the shell's own words stay with it."""
    traced = set_up(elasticsearch, trace=True)
    commands = [line for line in traced.stderr.splitlines() if re.match(r"\++ curl ", line)]
    assert len(commands) == 5
    assert not any(password in line for line in commands for password in PASSWORDS.values())


def test_setup_stops_at_the_first_refusal(elasticsearch):
    elasticsearch.statuses["/_security/user/logstash_saas"] = 400
    done = set_up(elasticsearch)
    assert done.returncode != 0
    assert "/_index_template/saas-logs" not in [path for _, path, _, _ in elasticsearch.asked]
