"""TLS as an operator meets it: files made with openssl, the program's words, openssl as a client."""

import os
import pathlib
import re
import socket
import ssl
import subprocess

import pytest

from running_platform import BINARY, Platform, call, environment

NAMES = ["-subj", "/CN=api.test", "-addext", "subjectAltName=DNS:api.test,IP:127.0.0.1"]
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "wQ8s1Zt5Kc0Vb7Xn3Lm9Pd2Rf6Hj4Gy-test",
    "METRICS_TOKEN": "0123456789abcdef01234567",
    "PUBLIC_URL": "https://api.test",
    "HOST": "127.0.0.1",
}


def openssl(*words, **more):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def certify(folder, name, kind=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"), days=90):
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    openssl("req", "-x509", *kind, "-nodes", *NAMES, "-days", days, "-keyout", key, "-out", certificate)
    key.chmod(0o600)
    return certificate, key


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = certify(folder, "good")
    certify(folder, "other")
    (folder / "empty.pem").write_text("")
    openssl("x509", "-in", certificate, "-outform", "der", "-out", folder / "der.pem")
    openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", folder / "locked.key")
    damaged = certificate.read_text().replace("-----END", "-----EDN")
    (folder / "damaged.pem").write_text(damaged)
    (folder / "exposed.key").write_text(key.read_text())
    (folder / "exposed.key").chmod(0o644)
    return folder


def refused(tmp_path, **settings):
    """What the program says before it ends with status 2: one sentence."""
    done = subprocess.run(
        [BINARY, "up"],
        cwd=tmp_path,
        env=environment(tmp_path / "data", HTTPS_PORT="0", **settings),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("saas: ")]
    assert len(lines) == 1, done.stderr
    assert "panicked" not in done.stderr + done.stdout
    return lines[0]


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        ("missing.pem", "good.key", ["TLS_CERT_FILE names", "missing.pem, which does not exist"]),
        ("good.pem", "missing.key", ["TLS_KEY_FILE names", "missing.key, which does not exist"]),
        (".", "good.key", ["TLS_CERT_FILE names", "cannot be read"]),
        ("empty.pem", "good.key", ["TLS_CERT_FILE", "not in PEM form"]),
        ("der.pem", "good.key", ["TLS_CERT_FILE", "not in PEM form", "openssl x509 -inform der"]),
        ("damaged.pem", "good.key", ["TLS_CERT_FILE", "damaged"]),
        ("good.key", "good.pem", ["holds a private key and no certificate", "swapped"]),
        ("good.pem", "other.pem", ["holds a certificate and no private key", "swapped"]),
        ("good.pem", "locked.key", ["a passphrase", "openssl pkey"]),
        ("good.pem", "other.key", ["does not belong to the first certificate", "good.pem", "other.key"]),
        ("good.pem", None, ["TLS_KEY_FILE is not set"]),
        (None, "good.key", ["TLS_CERT_FILE is not set"]),
    ],
)
def test_what_is_wrong_with_the_files_is_said_in_a_sentence(files, tmp_path, certificate, key, words):
    settings = {}
    if certificate:
        settings["TLS_CERT_FILE"] = str(files / certificate)
    if key:
        settings["TLS_KEY_FILE"] = str(files / key)
    said = refused(tmp_path, **settings)
    for word in words:
        assert word in said


def test_production_refuses_a_key_that_everybody_may_read(files, tmp_path):
    pair = {"TLS_CERT_FILE": str(files / "good.pem"), "TLS_KEY_FILE": str(files / "exposed.key")}
    said = refused(tmp_path, **PRODUCTION, **pair)
    assert "exposed.key" in said and "chmod 640" in said and "defaultMode" in said
    with Platform(HTTPS_PORT="0", **pair) as platform:
        assert "every user of this machine may read" in platform.text()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"TLS_MIN_VERSION": "1.1"}, ["TLS_MIN_VERSION", "expected 1.2 or 1.3"]),
        ({"HTTP_REDIRECT_PORT": "0"}, ["HTTP_REDIRECT_PORT", "no https to lead to"]),
        ({"ACME_DOMAINS": "api.test"}, ["ACME_AGREE_TERMS is not set", "letsencrypt.org"]),
        ({"ACME_DOMAINS": "*.api.test", "ACME_AGREE_TERMS": "yes"}, ["ACME_DOMAINS", "by DNS"]),
        ({"ACME_DOMAINS": "127.0.0.1", "ACME_AGREE_TERMS": "yes"}, ["ACME_DOMAINS", "name the host"]),
        (
            {"ACME_DOMAINS": "a.test", "ACME_AGREE_TERMS": "yes", "ACME_DIRECTORY_URL": "http://a.test/"},
            ["ACME_DIRECTORY_URL", "https://"],
        ),
        (
            {"ACME_DOMAINS": "a.test", "ACME_AGREE_TERMS": "yes", "TLS_CA_FILE": "/nonexistent.pem"},
            ["TLS_CA_FILE names /nonexistent.pem, which does not exist"],
        ),
        ({"REDIS_URL": "rediss://127.0.0.1:1/0#insecure"}, ["REDIS_URL", "#insecure", "TLS_CA_FILE"]),
    ],
)
def test_settings_that_cannot_be_are_refused_in_a_sentence(tmp_path, settings, words):
    said = refused(tmp_path, **settings)
    for word in words:
        assert word in said


def https_port(platform):
    found = platform.wait_for("the https address", lambda: re.search(r"HTTPS\s+https://127.0.0.1:(\d+)", platform.text()))
    return int(found[1])


def shown(port, *words):
    client = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "api.test", *words]
    done = subprocess.run(client, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "kind",
    [
        ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        ("-newkey", "rsa:2048"),
        ("-newkey", "ed25519"),
    ],
    ids=["ecdsa", "rsa", "ed25519"],
)
def test_openssl_and_python_come_by_https(tmp_path, kind):
    certificate, key = certify(tmp_path, "api", kind)
    with Platform(TLS_CERT_FILE=str(certificate), TLS_KEY_FILE=str(key), HTTPS_PORT="0") as platform:
        port = https_port(platform)
        for version, name in (("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")):
            # By OpenSSL's default Ed25519 is not for TLS 1.2 servers of every build; 1.3 always has it.
            said = shown(port, version, "-verify_return_error", "-CAfile", certificate)
            assert name in said and "Verify return code: 0 (ok)" in said, said
        old = shown(port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        assert "Cipher is (NONE)" in old or "no protocols available" in old, old
        context = ssl.create_default_context(cafile=str(certificate))
        with socket.create_connection(("127.0.0.1", port), timeout=15) as plain:
            with context.wrap_socket(plain, server_hostname="api.test") as secure:
                secure.sendall(b"GET /health HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n")
                # An end without a goodbye would be an error here.
                answer = b"".join(iter(lambda: secure.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert call("GET", f"{platform.gateway}/health").status == 200


def test_an_expired_certificate_is_served_and_told_of(tmp_path):
    certificate, key = certify(tmp_path, "api", days=90)
    request = tmp_path / "api.csr"
    openssl("req", "-new", "-key", key, *NAMES, "-out", request)
    dates = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]
    (tmp_path / "index.txt").write_text("")
    (tmp_path / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=x\n[x]\ndatabase={tmp_path}/index.txt\nnew_certs_dir={tmp_path}\nserial={tmp_path}/serial\n"
        "default_md=sha256\npolicy=p\ncopy_extensions=copy\nrand_serial=yes\n[p]\ncommonName=supplied\n"
    )
    openssl("ca", "-batch", "-selfsign", "-config", tmp_path / "ca.cnf", "-in", request, "-keyfile", key, "-out", certificate, "-notext", *dates)
    with Platform(TLS_CERT_FILE=str(certificate), TLS_KEY_FILE=str(key), HTTPS_PORT="0") as platform:
        said = shown(https_port(platform), "-CAfile", certificate)
        assert "certificate has expired" in said, said
        ready = call("GET", f"{platform.gateway}/health/ready")
        assert ready.status == 200
        note = next(check for check in ready.json()["checks"] if check["name"] == "certificates")
        assert note["status"] == "warning" and "expired on 2021-01-01" in note["detail"]
        platform.wait_for("the log", lambda: "expired on 2021-01-01" in platform.text())
        metrics = call("GET", f"{platform.gateway}/metrics").body.decode()
        assert 'saas_tls_certificate_not_after_timestamp_seconds{domain="api.test"} 1609459200' in metrics
