"""`saas doctor` beside real platforms: what it says of a sound one, and of each thing that is wrong."""

import contextlib
import datetime
import ipaddress
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from edge import free_ports
from examined import doctor
from liar import Liar, page
from monitored import Program, wait_for
from production import Production
from running_platform import BINARY, Platform, call, environment, operator_of
from upstream import Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
SECRET = "wQ8s1Zt5Kc0Vb7Xn3Lm9Pd2Rf6Hj4Gy-test"
PASSWORD = "three green kettles and a doctor"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


@pytest.fixture(scope="module")
def one():
    """Everything in one process."""
    with Platform(ADMIN_PASSWORD=PASSWORD) as running:
        yield running


def test_a_sound_platform_in_one_process_is_well(one, tmp_path):
    report = doctor(environment(one.data))
    assert report.status == 0, report.text
    groups = ["database", "redis", "services", "registry", "routes", "public", "metrics", "logs", "backups"]
    assert list(dict.fromkeys(check["group"] for check in report.checks)) == groups
    # What cannot be looked at from here is not called good.
    assert {check["group"] for check in report.checks if check["status"] == "skipped"} == {"public", "metrics", "logs"}
    assert "docker" not in report.text
    for service in ("registry", "core", "gateway"):
        report.told("services", "ok", service, "ready")
    report.told("database", "ok", "SQLite", "migrations applied")
    plain = subprocess.run([BINARY, "doctor"], env=environment(one.data), capture_output=True, text=True, timeout=60)
    lines = plain.stdout.splitlines()
    assert plain.returncode == 0 and len(lines) == len(report.checks) + 2, plain
    assert all(re.match(r"(ok|warning|failed|skipped) +[a-z]+: .+: .+", line) for line in lines[:-2]), plain.stdout


def test_a_choice_of_groups(one):
    known = environment(one.data)
    groups = lambda *words: list(dict.fromkeys(check["group"] for check in doctor(known, *words).checks))
    assert groups("--only", "redis,database") == ["database", "redis"]
    assert "routes" not in groups("--skip", "routes,logs") and "metrics" in groups("--skip", "routes,logs")
    assert groups("--only", "database", "--security") == ["database", "security", "edge"]
    wrong = subprocess.run([BINARY, "doctor", "--only", "moon"], env=known, capture_output=True, text=True)
    assert wrong.returncode == 2 and "moon" in wrong.stderr
    # Nothing was looked at, and nothing is well by that.
    for words in (["--only", "redis", "--skip", "redis"], ["--only", "edge,security", "--security", "--skip", "security,edge"]):
        none = subprocess.run([BINARY, "doctor", *words], env=known, capture_output=True, text=True)
        assert none.returncode == 2 and "saas: --skip leaves nothing" in none.stderr, none


def test_a_reader_that_has_read_enough(one, tmp_path):
    """`saas migrate status | true`: nobody is left to read the first line."""
    for words in (["migrate", "status"], ["migrate", "status", "--json"], ["migrate", "up"], ["token", "create", "--service", "orders"]):
        known = environment(one.data if words[0] == "token" else tmp_path / "data")
        if words[0] == "migrate":
            subprocess.run([BINARY, "migrate", "up"], env=known, check=True, capture_output=True, timeout=60)
        reader, writer = os.pipe()
        os.close(reader)
        try:
            done = subprocess.run([BINARY, *words], env=known, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
        finally:
            os.close(writer)
        assert done.returncode == 0 and not done.stderr, done


def test_where_nothing_runs_every_failure_has_its_advice(tmp_path):
    report = doctor(environment(tmp_path / "data"), cwd=tmp_path)
    assert report.status == 1
    report.told("database", "failed", "DATA_DIR")
    report.told("services", "failed", "REGISTRY_URL")
    report.told("registry", "failed", "REGISTRY_URL")
    # Whether a gateway runs, nobody knows.
    report.told("routes", "skipped", "the registry cannot list any")
    # Where this machine's own registry would be.
    (port,) = free_ports(1)
    report = doctor(environment(tmp_path / "data", REGISTRY_PORT=str(port), SECRET_KEY=SECRET), "--only", "services", cwd=tmp_path)
    report.told("services", "failed", f"registry 127.0.0.1:{port}", "refused")


def test_a_platform_on_sqlite_that_is_stopped(tmp_path):
    known = environment(
        tmp_path / "data", ENVIRONMENT="production", PUBLIC_URL="https://api.example.com", SECRET_KEY=SECRET, METRICS_TOKEN="0123456789abcdef01234567"
    )
    subprocess.run([BINARY, "migrate", "up"], env=known, check=True, capture_output=True, timeout=60)
    report = doctor(known, "--only", "database,security", cwd=tmp_path)
    assert report.status == 0, report.text
    report.told("database", "ok", f"SQLite {tmp_path}/data/")
    report.told("security", "ok", "settings: as safe as production demands, SECRET_KEY and METRICS_TOKEN strong")
    # Whoever ends TLS in front would be taken for every client.
    report.told("security", "warning", "TRUSTED_PROXIES: is empty")
    assert "SECRET_KEY_PREVIOUS" not in report.text
    known |= {"TRUSTED_PROXIES": "127.0.0.1", "SECRET_KEY_PREVIOUS": SECRET[::-1], "REFRESH_TOKEN_EXPIRE_DAYS": "9"}
    report = doctor(known, "--only", "security", cwd=tmp_path)
    report.told("security", "warning", "SECRET_KEY_PREVIOUS: is set", "9 days", "empty it")
    report = doctor(known | {"REFRESH_TOKEN_EXPIRE_DAYS": "1"}, "--only", "security", cwd=tmp_path)
    report.told("security", "warning", "SECRET_KEY_PREVIOUS: is set", "for 1 day (REFRESH")
    assert "TRUSTED_PROXIES" not in report.text and SECRET[::-1] not in report.text


def test_migrations_that_are_missing(tmp_path):
    known = environment(tmp_path / "data")
    for command in (["migrate", "up"], ["migrate", "down"]):
        subprocess.run([BINARY, *command], env=known, check=True, capture_output=True, timeout=60)
    told = doctor(known, "--only", "database").told("database", "failed", "without m0", "saas migrate up")
    # Its advice, followed.
    command = re.search(r"`saas (migrate up)`", told)[1].split()
    subprocess.run([BINARY, *command], env=known, check=True, capture_output=True, timeout=60)
    assert doctor(known, "--only", "database").status == 0


def test_stores_that_are_away_or_do_not_know_the_password(tmp_path):
    (closed,) = free_ports(1)
    for database, redis in (
        (f"postgresql://saas:a-secret-word@127.0.0.1:{closed}/saas", f"redis://:a-secret-word@127.0.0.1:{closed}/0"),
        (
            re.sub(r"//[^@]*@", "//nobody:a-secret-word@", os.environ["SAAS_TEST_POSTGRES_URL"]),
            re.sub(r"//[^@]*@|//", "//:a-secret-word@", os.environ["SAAS_TEST_REDIS_URL"], count=1),
        ),
    ):
        known = environment(tmp_path, DATABASE_URL=database, REDIS_URL=redis)
        report = doctor(known, "--only", "database,redis")
        report.told("database", "failed", "PostgreSQL", "DATABASE_URL")
        report.told("redis", "failed", "REDIS_URL")
        assert "a-secret-word" not in report.text


def test_services_without_an_instance_and_routes_that_lead_there(one):
    known = environment(one.data)
    with Upstream(lambda connection, *_: connection.sendall(OK)) as upstream:
        instance = upstream.register(one, "doctored")
        doctor(known, "--only", "registry").told("registry", "ok", "doctored: 1 of 1 instances up")
        token = operator_of(one, PASSWORD)
        made = call("POST", f"{one.api}/registry/v1/routes", {"path": "/doctored", "service": "doctored"}, token=token)
        assert made.status == 201, made
        assert doctor(known, "--only", "routes").status == 0
        drain = [BINARY, "drain", "--service", "doctored", "--instance", instance]
        subprocess.run(drain, env=known, check=True, capture_output=True, timeout=60)
        report = doctor(known, "--only", "registry,routes")
        report.told("registry", "failed", "doctored: 0 of 1 instances up, 1 drained", "saas undrain")
        report.told("routes", "warning", "route /doctored", "of which no instance is up")


def test_a_route_that_hides_core_from_one_host(one):
    known, token = environment(one.data), operator_of(one, PASSWORD)
    with Upstream(lambda connection, *_: connection.sendall(OK)) as upstream:
        upstream.register(one, "careless")
        route = {"path": "/api", "hosts": ["127.0.0.1"], "service": "careless", "access": "public"}
        made = call("POST", f"{one.registry}/v1/routes", route, token=token)
        assert made.status == 201, made
        told = lambda: doctor(known, "--only", "routes").told("routes", "failed", "answered 200 OK instead of 401")
        wait_for("the route", told)
        doctor(known, "--only", "routes").told("routes", "failed", "passes on /api/core/metrics")
        gone = call("DELETE", f"{one.registry}/v1/routes/{made.json()['id']}", token=token)
        assert gone.status == 204, gone
        wait_for("the route's end", lambda: doctor(known, "--only", "routes").status == 0)


def test_lines_of_a_log(one, tmp_path):
    known = environment(one.data)
    good = "\n".join(line for line in one.lines if line.startswith("{")) + "\n"
    assert good.count("\n") > 5
    piped = doctor(known, "--only", "logs", "--logs", "-", input=good)
    piped.told("logs", "ok", "all well formed")
    bad = tmp_path / "log"
    bad.write_text(good + "core | a secret word\n")
    report = doctor(known, "--only", "logs", "--logs", str(bad))
    report.told("logs", "failed", "1 of ", "--no-log-prefix")
    assert "a secret word" not in report.text
    doctor(known, "--only", "logs", "--logs", str(tmp_path / "none")).told("logs", "failed", "No such file")
    # What would be read for ever.
    os.mkfifo(tmp_path / "pipe")
    for endless in (tmp_path / "pipe", "/dev/zero"):
        doctor(known, "--only", "logs", "--logs", str(endless)).told("logs", "failed", "not a regular file", "--logs -")
    # What a failed start says beside its log is documented, and no line of it.
    bad.write_text(good + "saas: the settings are not fit\n")
    doctor(known, "--only", "logs", "--logs", str(bad)).told("logs", "ok", "all well formed, beside 1 that begin with `saas: `")
    bad.write_text("")
    doctor(known, "--only", "logs", "--logs", str(bad)).told("logs", "failed", "no line")


@pytest.fixture(scope="module")
def apart():
    """Separate processes in production, two gateways."""
    with Production(free_ports(2)) as running:
        yield running


def known_to(running, **settings):
    """As where core runs."""
    return running.environment(DATA_DIR=f"{running.folder.name}/doctor", REGISTRY_URL=running.registry, **settings)


def test_separate_processes_are_found_by_the_registry(apart):
    report = doctor(known_to(apart))
    assert report.status == 0, report.text
    ports = {f"127.0.0.1:{port}" for port in apart.gateway_ports}
    subjects = {check["subject"] for check in report.of("services", "ok")}
    assert {f"gateway {port}" for port in ports} <= subjects, subjects
    assert sum(subject.startswith(("core ", "registry ")) for subject in subjects) == 2
    assert {check["subject"] for check in report.of("routes")} == {f"gateway {port}" for port in ports}
    report.told("redis", "ok", "answers")


def test_another_secret_key_or_metrics_token(apart):
    other = "wQ8s1Zt5Kc0Vb7Xn3Lm9Pd2Rf6Hj4Gy-other"
    report = doctor(known_to(apart, SECRET_KEY=other), "--only", "services,metrics")
    report.told("services", "failed", "SECRET_KEY has to be the same")
    report = doctor(known_to(apart, METRICS_TOKEN="another-token-of-24-letters"), "--only", "metrics")
    assert len(report.of("metrics", "failed")) == 4
    assert all("METRICS_TOKEN" in check["advice"] for check in report.of("metrics", "failed"))
    assert other not in report.text


def test_another_public_url(apart):
    report = doctor(known_to(apart, PUBLIC_URL="https://127.0.0.1:1"), "--only", "routes,public")
    assert len([check for check in report.of("routes", "failed") if "PUBLIC_URL here is" in check["seen"]]) == 2
    report.told("public", "failed", "Connection refused", "--only public")


def to_liar(liar, tmp_path, **settings):
    return environment(tmp_path / "data", REGISTRY_URL=liar.url, SECRET_KEY=SECRET, **settings)


def test_what_answers_200_without_being_what_it_should(tmp_path):
    says = {"/health/ready": b"ok", "/v1/services": b"<html>", "/metrics": b"saas_build_info 1"}
    with Liar(says) as liar:
        report = doctor(to_liar(liar, tmp_path), "--only", "services")
        report.told("services", "failed", "answered 200 OK, but not as registry does", "ADVERTISE_ADDRESS")
        # Another part of the platform is not this one either.
        says["/health/ready"] = {"status": "ok", "service": "core", "version": "1.0.0", "checks": []}
        doctor(to_liar(liar, tmp_path), "--only", "services").told("services", "failed", "but not as registry does")


def test_a_service_without_an_instance_matters_if_a_route_leads_there(tmp_path):
    none = {"up": 0, "down": 0, "draining": 0}
    says = {"/v1/services": page({"name": "orders", "is_active": True, "instances": none}), "/v1/gateways": page(), "/v1/routes": page()}
    with Liar(says) as liar:
        told = lambda status: doctor(to_liar(liar, tmp_path), "--only", "registry").told(
            "registry", status, "orders: no instance is registered", "out of use in the console"
        )
        told("warning")
        route = {"path": "/orders", "service": "orders", "is_enabled": False}
        says["/v1/routes"] = page(route)
        told("warning")
        route["is_enabled"] = True
        told("failed")


def test_a_registry_that_cannot_list_is_not_one_that_knows_of_none(tmp_path):
    # A registry of the version before lists no gateways (404), a sick one breaks off.
    says = {"/v1/services": page(), "/v1/routes": page(), "/v1/services/core/instances": page()}
    with Liar(says) as liar:
        report = doctor(to_liar(liar, tmp_path), "--only", "routes")
        report.told("routes", "failed", "gateway: none is known", "start one")
        says |= {"/v1/gateways": None, "/health/ready": {"status": "ok", "service": "registry", "version": "1.0.0", "checks": []}}
        report = doctor(to_liar(liar, tmp_path), "--only", "services,registry,routes")
        for group in ("services", "registry", "routes"):
            report.told(group, "skipped", "gateway: the registry cannot list any", "mend the registry first")
        report.told("services", "failed", "core: none is known to the registry")
        # What it lists while it is not well is not believed either.
        says["/health/ready"] = b"ok"
        doctor(to_liar(liar, tmp_path), "--only", "services").told("services", "skipped", "core: the registry cannot list any")


def test_a_registry_without_end_and_one_that_counts_too_far(tmp_path):
    counts = {"up": 2**32 - 1, "down": 2**32 - 1, "draining": 1}
    orders = {"name": "orders", "is_active": True, "instances": counts}
    says = {"/v1/services": page(orders), "/v1/gateways": page(), "/v1/routes": page()}
    with Liar(says) as liar:
        told = doctor(to_liar(liar, tmp_path), "--only", "registry").told("registry", "warning", "orders")
        assert f"{2**32 - 1} of {2**33 - 1} instances up" in told
        says["/v1/services"] = page(orders, after="again")
        doctor(to_liar(liar, tmp_path), "--only", "registry").told("registry", "failed", "/v1/services has no end")
        assert liar.asked.count("/v1/services") == 3


def test_a_gateway_that_nobody_can_judge(tmp_path):
    says = {
        "/v1/services": page(), "/v1/routes": page(), "/api/core/.well-known/openid-configuration": {"issuer": "https://api.example.com"},
        "/api/core/metrics": None,
    }
    with Liar(says) as liar:
        says["/v1/gateways"] = page({"id": "7", "address": liar.url, "is_live": True})
        report = doctor(to_liar(liar, tmp_path), "--only", "routes", "--timeout", "1")
        report.told("routes", "warning", "issuer https://api.example.com, which was compared with nothing", "PUBLIC_URL")
        # What gave no answer is not called closed.
        report.told("routes", "failed", "/api/core/metrics: ", "look into its log")
        report = doctor(to_liar(liar, tmp_path, PUBLIC_URL="https://api.example.com"), "--only", "routes")
        report.told("routes", "ok", "leads to core, issuer https://api.example.com")


def test_a_gateway_elsewhere_is_not_given_the_metrics_token(tmp_path):
    with Liar({}) as elsewhere, Liar({}) as liar:
        port = elsewhere.url.rpartition(":")[2]
        # By a name as well, which the registry does not look up.
        told = [elsewhere.url, f"http://localhost:{port}"]
        gateways = [{"id": str(number), "address": url, "is_live": True} for number, url in enumerate(told)]
        liar.says |= {"/v1/services": page(), "/v1/gateways": page(*gateways), "/v1/routes": page()}
        settings = to_liar(liar, tmp_path, UPSTREAM_NETWORKS="10.0.0.0/8", METRICS_TOKEN="m" * 40)
        report = doctor(settings, "--only", "services,registry,metrics,routes")
        for number in range(len(told)):
            report.told("registry", "warning", f"gateway {number}", "outside UPSTREAM_NETWORKS")
    assert elsewhere.asked == []


def test_prometheus_without_a_watchdog_that_fires(one):
    alert = {"name": "Watchdog", "type": "alerting", "health": "ok", "state": "inactive"}
    prometheus = {"/api/v1/targets": {"data": {"activeTargets": []}}, "/api/v1/rules": {"data": {"groups": [{"rules": [alert]}]}}}
    with Liar(prometheus) as liar:
        known = environment(one.data)
        report = doctor(known, "--only", "metrics", "--prometheus", liar.url)
        report.told("metrics", "failed", "Watchdog does not fire")
        report.told("metrics", "failed", "core, gateway, registry not read at all")
        alert["state"] = "firing"
        assert "Watchdog" not in doctor(known, "--only", "metrics", "--prometheus", liar.url).text


def target(pool, number, health="up", error=""):
    return {"scrapePool": pool, "scrapeUrl": f"http://127.0.0.1:{number}/metrics", "health": health, "lastError": error}


def test_what_prometheus_does_not_reach_is_named(one):
    known = environment(one.data)
    own = [target(pool, number) for number, pool in enumerate(("registry", "core", "gateway"))]
    started = [
        re.search(r"^process_start_time_seconds (.+)$", call("GET", f"{url}/metrics").body.decode(), re.M)[1] for url in (one.registry, one.core, one.gateway)
    ]
    says = {"/api/v1/query": {"data": {"result": [{"value": [0, time]} for time in started]}}}
    look = lambda: doctor(known, "--only", "metrics", "--prometheus", liar.url)
    with Liar(says) as liar:
        others = [target("services", 10, "unknown")] + [target("services", number, "down", "refused") for number in range(11, 15)]
        says["/api/v1/targets"] = {"data": {"activeTargets": own + others}}
        told = look().told("metrics", "warning", "5 of 8 not up", "http://127.0.0.1:10/metrics: not read yet", "metrics: off")
        assert "127.0.0.1:12/metrics: refused and 2 more" in told and "127.0.0.1:13" not in told
        says["/api/v1/targets"] = {"data": {"activeTargets": own + others[:1] + [target("traefik", 20, "down", "refused")]}}
        report = look()
        assert "metrics: off" not in report.told("metrics", "warning", "2 of 5 not up", "page Targets")
        report.told("metrics", "failed", "Prometheus alert rules", "2.x or 3.x")
    # Where nobody is, no version is wrong.
    for check in look().of("metrics", "failed"):
        assert "refused" in check["seen"] and check["advice"].startswith("check the address given with --prometheus"), check


def test_a_password_in_the_address_of_prometheus_is_not_repeated(one):
    for address in ("http://somebody:a-secret-word@127.0.0.1:1", "http://127.0.0.1:1/?token=a-secret-word", "a-secret-word"):
        told = subprocess.run([BINARY, "doctor", "--prometheus", address], env=environment(one.data), capture_output=True, text=True, timeout=60)
        assert told.returncode == 2 and told.stderr.startswith("saas: --prometheus is not an address"), told
        assert "a-secret-word" not in told.stdout + told.stderr


def test_weak_secrets_and_open_files(tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    (data / "trust.json").write_text("{}")
    (data / "one-time-password").write_text("x")
    settings = tmp_path / "saas.toml"
    settings.write_text('secret_key = "changeme-changeme-changeme-changeme"\nmetrics_token = "short"\n')
    settings.chmod(0o644)
    known = environment(
        data, ENVIRONMENT="production", PUBLIC_URL="https://127.0.0.1:1", DATABASE_URL="postgresql://saas:saas@127.0.0.1:1/saas", REDIS_URL="redis://127.0.0.1:1/0"
    )
    report = doctor(known, "--only", "security", cwd=tmp_path)
    report.told("security", "failed", "SECRET_KEY looks like a sample")
    report.told("security", "failed", "METRICS_TOKEN is shorter than 16 bytes")
    report.told("security", "failed", "DATABASE_URL: has a password of fewer than")
    report.told("security", "warning", "REDIS_URL: has no password")
    report.told("security", "failed", "DATA_DIR", "trust.json", "chmod 700")
    report.told("security", "failed", "saas.toml: holds secrets", "chmod 600")
    report.told("security", "warning", "saas one-time-password")
    # What tells no secret is no matter; that anybody could put a file there is.
    (data / "trust.json").chmod(0o600)
    (data / "one-time-password").chmod(0o600)
    (data / "run.json").write_text("{}")
    data.chmod(0o777)
    doctor(known, "--only", "security", cwd=tmp_path).told("security", "warning", "DATA_DIR", "may write to it")
    # Mended as it says.
    settings.chmod(0o600)
    data.chmod(0o700)
    settings.write_text('secret_key = "wQ8s1Zt5Kc0Vb7Xn3Lm9Pd2Rf6Hj4Gy-test"\nmetrics_token = "0123456789abcdef01234567"\n')
    (data / "one-time-password").unlink()
    known |= {"TRUSTED_PROXIES": "127.0.0.1", "DATABASE_URL": "postgresql://saas:0123456789abcdef@127.0.0.1:1/saas", "REDIS_URL": "redis://:0123456789abcdef@127.0.0.1:1/0"}
    report = doctor(known, "--only", "security", cwd=tmp_path)
    assert report.status == 0 and not report.of("security", "warning"), report.text


def certified(folder, begin=-1, end=90):
    """A certificate for 127.0.0.1 that holds between these days from now, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "edge")])
    day = lambda days: datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(day(begin)).not_valid_after(day(end))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("edge")])
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "edge.pem").write_bytes(made.public_bytes(pem))
    (folder / "edge.key").touch(mode=0o600)
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "edge.key").write_bytes(private)
    return folder / "edge.pem", folder / "edge.key"


def test_a_public_address_served_by_the_gateway_itself(tmp_path):
    certificate, key = certified(tmp_path)
    (port,) = free_ports(1)
    settings = {
        "PUBLIC_URL": f"https://127.0.0.1:{port}",
        "HTTPS_PORT": str(port),
        "TLS_CERT_FILE": str(certificate),
        "TLS_KEY_FILE": str(key),
        "ENVIRONMENT": "production",
        "HOST": "127.0.0.1",
        "SECRET_KEY": SECRET,
        "METRICS_TOKEN": "0123456789abcdef01234567",
    }
    with Platform(**settings) as running:
        known = environment(running.data, **settings)
        # Whom nobody vouches for is not believed.
        doctor(known, "--only", "public").told("public", "failed", "TLS_CA_FILE", "PUBLIC_URL")
        known["TLS_CA_FILE"] = str(certificate)
        report = doctor(known, "--security")
        report.told("public", "ok", "TLS 1.3", "days")
        report.told("public", "ok", "leads to core")
        report.told("public", "ok", "TLS_CERT_FILE", "valid until")
        # Nothing answers port 80 of this machine.
        report.told("public", "warning", "http://127.0.0.1")
        report.told("edge", "ok", "1.0 and 1.1 are refused")
        report.told("edge", "ok", "security headers are there")
        report.told("edge", "ok", "metrics and internal addresses are closed")
        report.told("security", "warning", "first administrator", "saas one-time-password")
        assert report.status == 0, report.text
        # The same from afar, with nothing but the addresses.
        afar = {name: known[name] for name in ("PATH", "PUBLIC_URL", "TLS_CA_FILE")}
        report = doctor(afar | {"DATA_DIR": str(tmp_path / "none")}, "--only", "public,edge", cwd=tmp_path)
        report.told("public", "ok", "leads to core")
        assert report.status == 0 and len(report.of("edge", "ok")) == 5, report.text


CARELESS = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1 TLSv1.1 TLSv1.2;
        ssl_ciphers ALL:@SECLEVEL=0;
        add_header Access-Control-Allow-Origin *;
        add_header Strict-Transport-Security "max-age=0; includeSubDomains";
        location / {{ return 200 "everything to everybody"; }}
    }}
}}
"""


def test_a_careless_edge(tmp_path):
    certificate, key = certified(tmp_path)
    (port,) = free_ports(1)
    text = CARELESS.format(folder=tmp_path, port=port, certificate=certificate, key=key)
    (tmp_path / "nginx.conf").write_text(text)
    nginx = Program("nginx", [NGINX, "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log")], tmp_path)
    try:
        wait_for("nginx", lambda: nginx.is_alive() and socket.create_connection(("127.0.0.1", port), 1))
        known = environment(
            tmp_path / "data", PUBLIC_URL=f"https://127.0.0.1:{port}", TLS_CA_FILE=str(certificate), TLS_CERT_FILE=str(certificate), TLS_KEY_FILE=str(key)
        )
        with socket.create_server(("127.0.0.1", 0)) as registry:
            own = registry.getsockname()[1]
            report = doctor(known | {"REGISTRY_PORT": str(own)}, "--only", "public,edge")
    finally:
        nginx.stop()
    report.told("public", "failed", "something that is not this platform")
    report.told("edge", "failed", "ports of 127.0.0.1", f"{own} (the registry)")
    report.told("edge", "failed", "1.0 and 1.1 is spoken", "ssl_protocols")
    report.told("edge", "failed", "without strict-transport-security, x-content-type-options")
    report.told("edge", "failed", "pages of any origin may call it")
    report.told("edge", "failed", "open to everybody: /metrics, /internal/v1/trust")


def test_ports_of_a_name_that_leads_nowhere_are_not_called_closed(tmp_path):
    known = environment(tmp_path / "data", PUBLIC_URL="https://nowhere.invalid")
    report = doctor(known, "--only", "edge")
    report.told("edge", "failed", "ports of nowhere.invalid", "were not looked at", "PUBLIC_URL in DNS")


@contextlib.contextmanager
def answering(context, first=b""):
    """Shakes hands with everybody, after `first` in answer to an SSLRequest of PostgreSQL's protocol."""

    def serve():
        while True:
            try:
                plain = server.accept()[0]
            except OSError:
                return
            with contextlib.suppress(OSError), plain:
                if first:
                    plain.recv(8)
                    plain.sendall(first)
                context.wrap_socket(plain, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_a_public_address_whose_certificate_ran_out(tmp_path):
    certificate, key = certified(tmp_path, -90, -1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    with answering(context) as port:
        known = environment(tmp_path / "data", PUBLIC_URL=f"https://127.0.0.1:{port}")
        report = doctor(known, "--only", "public,edge")
    end = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    told = report.told("public", "failed", f"the certificate expired on {end:%Y-%m-%d}", "renew it")
    report.told("edge", "failed", f"the certificate expired on {end:%Y-%m-%d}")
    assert "UNIX" not in report.text and "TLS_CA_FILE" not in told


def test_stores_whose_authority_is_not_known(tmp_path):
    certificate, key = certified(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    with answering(context, b"S") as database, answering(context) as redis:
        known = environment(
            tmp_path, DATABASE_URL=f"postgresql://saas:word@127.0.0.1:{database}/saas?sslmode=verify-full", REDIS_URL=f"rediss://127.0.0.1:{redis}/0"
        )
        report = doctor(known, "--only", "database,redis", "--timeout", "20")
    report.told("database", "failed", "TLS_CA_FILE (or as sslrootcert in DATABASE_URL)")
    report.told("redis", "failed", "TLS_CA_FILE")


def test_certificates_near_their_end_and_beyond(tmp_path):
    for begin, end, status, words in (
        (-90, -1, "failed", "expired on"),
        (-80, 3, "warning", "expires on"),
        (1, 90, "warning", "holds only from"),
    ):
        certificate, key = certified(tmp_path, begin, end)
        known = environment(tmp_path / "data", TLS_CERT_FILE=str(certificate), TLS_KEY_FILE=str(key))
        doctor(known, "--only", "public").told("public", status, "TLS_CERT_FILE", words)


def test_a_database_that_is_away_while_all_runs(tmp_path):
    with Production(free_ports(1)) as running:
        server, name = os.environ["SAAS_TEST_POSTGRES_URL"], running.database.rpartition("/")[2]
        psql = lambda statement: subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", server, "-c", statement], check=True, capture_output=True)
        psql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            report = doctor(known_to(running), "--only", "database,services,registry,routes", "--timeout", "10")
        finally:
            psql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        report.told("database", "failed", "PostgreSQL")
        assert not any("none is known" in check["seen"] for check in report.checks), report.text
        assert not any("start one" in (check["advice"] or "") for check in report.checks), report.text


def test_a_killed_gateway_and_one_that_is_cut_off(tmp_path):
    """Last: it ends a gateway of its own platform."""
    with Production(free_ports(2)) as running:
        running.kill_gateway(0)
        running.gateways[0].started.wait(10)
        first, second = running.gateway_ports
        silent = lambda: doctor(known_to(running), "--only", "registry").of("registry", "warning")

        # While its lease lasts, it is asked and does not answer. On a busy machine it may be over already, and
        # the other one's report late.
        def looked():
            report = doctor(known_to(running), "--only", "services")
            report.told("services", "ok", f"gateway 127.0.0.1:{second}")
            return report

        report = wait_for("the other gateway", looked)
        if report.of("services", "failed"):
            report.told("services", "failed", f"gateway 127.0.0.1:{first}", "refused")
        else:
            assert silent(), "its lease lasts, and it was not asked"
        (told,) = wait_for("the end of its lease", silent)
        assert told["subject"] == f"gateway http://127.0.0.1:{first}" and "ten minutes" in told["advice"]
