"""The Compose files and what belongs to them, read; tests/deploy runs them."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRODUCTION, DEVELOPMENT, ARCHIVE = (
    yaml.safe_load((ROOT / f"docker-compose{form}.yml").read_text()) for form in (".prod", "", ".archive")
)
SHELLCHECK = pathlib.Path(sys.executable).parent / "shellcheck"
LINES = [line for line in (ROOT / ".env.prod.example").read_text().splitlines() if line and not line.startswith("#")]
# In quotes is what has spaces, so that a shell reads it too.
EXAMPLE = {name: value.strip('"') for name, value in (line.split("=", 1) for line in LINES)}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:-[^}]*|:\?[^}]*)?\}")


def variables(form="prod"):
    found = {}
    for name, otherwise in VARIABLE.findall((ROOT / f"docker-compose.{form}.yml").read_text()):
        found.setdefault(name, set()).add(otherwise)
    return found


def test_every_variable_is_in_the_example_and_has_the_same_default_there():
    found = variables()
    # Of the files beside it, the example has what they do not start without.
    demanded = {
        name
        for form in ("monitoring", "logging")
        for name, uses in variables(form).items()
        if any(use.startswith(":?") for use in uses)
    }
    assert set(found) | demanded == set(EXAMPLE)
    for name, uses in found.items():
        for default in uses:
            if default.startswith(":-"):
                assert EXAMPLE[name] == default[2:], name


def test_what_has_no_default_is_demanded_and_empty_in_the_example():
    for name, uses in variables().items():
        is_demanded = any(use.startswith(":?") for use in uses)
        assert is_demanded or any(use.startswith(":-") for use in uses), f"{name} is neither demanded nor has a default"
        assert not is_demanded or EXAMPLE[name] == "", name
    for name, value in EXAMPLE.items():
        if re.search("SECRET|TOKEN$|PASSWORD", name):
            assert value == "", name


def test_strangers_do_not_decide_what_is_recorded_of_their_requests():
    assert EXAMPLE["OTEL_TRACES_SAMPLER"] == "traceidratio"


def test_nothing_but_the_edge_publishes_ports_and_development_stays_on_loopback():
    assert [name for name, service in PRODUCTION["services"].items() if "ports" in service] == ["traefik"]
    published = [port for service in DEVELOPMENT["services"].values() for port in service.get("ports", [])]
    assert published and all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", PRODUCTION["services"])
def test_every_service_is_confined_and_limited(name):
    service = PRODUCTION["services"][name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert "privileged" not in service and "docker.sock" not in str(service)
    assert service["cpus"] and service["mem_limit"]
    assert service["networks"] == ["saas_network"] or list(service["networks"]) == ["saas_network"]
    assert service["container_name"] == ("saas_traefik" if name == "traefik" else f"saas_{name.replace('-', '_')}_prod")
    assert service["restart"] == ("on-failure" if name == "migrate" else "always")
    if name != "migrate":
        assert service["healthcheck"]["interval"] == ("10s" if name in ("postgres", "redis") else "30s")
        for dependency, condition in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if dependency == "migrate" else "service_healthy"
            assert condition == {"condition": wanted}, dependency
    grace = service["stop_grace_period"]
    assert (60 if grace == "1m" else int(grace.rstrip("s"))) > int(EXAMPLE["SHUTDOWN_GRACE_SECONDS"]) + 10


def test_the_archive_adds_to_postgresql_and_takes_nothing_away():
    [(name, added)] = ARCHIVE["services"].items()
    usual = PRODUCTION["services"][name]
    assert set(added) == {"command", "volumes"}
    # A list of words is replaced as a whole, one of volumes is added to.
    assert added["command"][: len(usual["command"])] == usual["command"]
    settings = dict(word.split("=", 1) for word in added["command"][len(usual["command"]) :] if word != "-c")
    assert settings == {"archive_mode": "on", "archive_timeout": "60", "archive_command": 'archive push "%p" "%f"'}
    script, inside = added["volumes"][1].removesuffix(":ro").split(":")
    assert inside == "/usr/local/bin/archive" and os.access(ROOT / script, os.X_OK)
    done = subprocess.run([SHELLCHECK, ROOT / script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_images_of_others_have_a_fixed_version_and_ours_follow_one_variable():
    for name, service in PRODUCTION["services"].items():
        if "/Dockerfile" in str(service.get("build")) or name == "migrate":
            assert re.fullmatch(r"\$\{IMAGE_PREFIX:-\}saas-\w+:\$\{IMAGE_TAG:-latest\}", service["image"])
        else:
            assert re.fullmatch(r"[a-z]+:v?\d[\d.]*", service["image"]), service["image"]


def test_no_secret_is_part_of_a_command_or_a_label():
    for name, service in PRODUCTION["services"].items():
        said = str([service.get(part) for part in ("command", "entrypoint", "labels", "healthcheck")])
        assert not re.search(r"(?<!\$)\$\{\w*(SECRET|PASSWORD|TOKEN)", said), name


def test_the_edge_knows_both_gateways_and_closes_what_is_internal():
    text = (ROOT / "docker/traefik/dynamic.yml").read_text()
    dynamic = yaml.safe_load(re.sub(r'{{ env "(\w+)" }}', r"\1", text))["http"]
    servers = [server["url"] for server in dynamic["services"]["gateway"]["loadBalancer"]["servers"]]
    assert servers == ["http://gateway:8000", "http://gateway-b:8000"]
    assert dynamic["services"]["gateway"]["loadBalancer"]["healthCheck"]["path"] == "/health/ready"
    closed = dynamic["routers"]["closed"]
    assert "/metrics" in closed["rule"] and "/internal" in closed["rule"] and "closed" in closed["middlewares"]
    assert all(closed["priority"] > router.get("priority", len(router["rule"]) + 100)
               for name, router in dynamic["routers"].items() if name != "closed")
    named = {name for router in dynamic["routers"].values() for name in router["middlewares"]}
    assert named == set(dynamic["middlewares"])


def test_the_console_has_the_same_headers_here_as_at_the_gateway():
    """But for where it may connect to, which depends on the installation."""
    template = (ROOT / "docker/frontend/nginx.conf.template").read_text()
    gateway = (ROOT / "backend/gateway/src/console.rs").read_text()
    policy = re.search(r'const CONTENT_SECURITY_POLICY: &str = "([^"]+)"', gateway)[1]
    ours = policy.replace("connect-src 'self'", "connect-src @CONNECT@")
    assert f'add_header Content-Security-Policy "{ours}" always;' in template
    for name, value in re.findall(r'set\(header::(X_\w+|REFERRER_POLICY), "([^"]+)"\)', gateway):
        assert f"add_header {name.replace('_', '-').title()} {value} always;" in template
    permissions = re.search(r'PERMISSIONS_POLICY,\s+"([^"]+)"', gateway)[1]
    assert f'add_header Permissions-Policy "{permissions}" always;' in template


def test_the_rust_version_of_the_image_is_the_one_that_the_manifest_demands():
    demanded = re.search(r'rust-version = "([\d.]+)"', (ROOT / "Cargo.toml").read_text())[1]
    assert f"rust:{demanded}-slim-bookworm" in (ROOT / "docker/Dockerfile.backend").read_text()
