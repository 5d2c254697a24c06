"""Secrets from Vault, against a stand-in that speaks its wire format: see vault_stand_in.py."""

import concurrent.futures
import json
import secrets
import signal
import socket
import subprocess
import threading
import time

import pytest

import kept_secret
from running_platform import BINARY, Platform, call, environment
from test_tls import openssl
from vault_stand_in import Vault

STRONG = "wQ8s1Zt5Kc0Vb7Xn3Lm9Pd2Rf6Hj4Gy-vault"
READ = ("GET", "secret/data/saas/production")
LOGIN = ("POST", "auth/approle/login")
RENEW = ("POST", "auth/token/renew-self")
REVOKE = ("POST", "auth/token/revoke-self")


@pytest.fixture
def vault():
    with Vault() as started:
        started.put(SECRET_KEY=STRONG)
        yield started


def by_token(vault, **more):
    return {"VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.token()} | more


def by_role(vault, mount="approle", **lease):
    role_id, secret_id = vault.approle(mount, **lease)
    return {"VAULT_ADDR": vault.address, "VAULT_ROLE_ID": role_id, "VAULT_SECRET_ID": secret_id}


def saas(folder, *words, **settings):
    """Runs a command; whatever it says, it tells no secret."""
    done = subprocess.run(
        [BINARY, *words],
        cwd=folder,
        env=environment(folder / "data", **settings),
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert "panicked" not in said
    kept_secret.remember(*(settings.get(name) for name in ("VAULT_TOKEN", "VAULT_SECRET_ID")))
    assert not kept_secret.found_in(said), said
    return done


def shown(folder, **settings):
    done = saas(folder, "config", "show", "--json", **settings)
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)["items"]}, done.stderr


def refused(folder, *words, **settings):
    """What the program says before it ends with status 2: one sentence."""
    done = saas(folder, *(words or ("up",)), **settings)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("saas: ") and not done.stdout, done.stderr + done.stdout
    return lines[0]


def certified(folder):
    """The files of an authority's certificate, and of one that it gave out with its key."""
    authority, certificate, key = (folder / name for name in ("authority.pem", "vault.pem", "vault.key"))
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90"]
    openssl("req", "-x509", *kind, "-subj", "/CN=Authority", "-keyout", folder / "authority.key", "-out", authority)
    issuer = ["-CA", authority, "-CAkey", folder / "authority.key"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    openssl("req", "-x509", *kind, *issuer, "-subj", "/CN=vault", *names, "-keyout", key, "-out", certificate)
    return authority, certificate, key


# What comes from there.


def test_it_wins_over_files_and_environment_and_is_never_shown(vault, tmp_path):
    vault.put(
        SECRET_KEY=STRONG,
        DATABASE_URL="postgresql://saas:of-the-vault-alone@db:5432/saas",
        METRICS_TOKEN="",
        LOG_LEVEL="debug",
        SECRET_KEI="of-somebody-else",
        VAULT_TOKEN="no-way-in-from-there",
    )
    (tmp_path / "redis").write_text("redis://:of-a-file-alone@redis:6379/0\n")
    (tmp_path / "saas.toml").write_text('metrics_token = "of-the-settings-file"\n')
    names, said = shown(
        tmp_path,
        SECRET_KEY="of-the-environment-alone-1234567890",
        REDIS_URL_FILE="redis",
        **by_token(vault),
    )
    found = {name: (names[name]["value"], names[name]["origin"]) for name in names}
    place = "Vault secret/data/saas/production"
    assert found["SECRET_KEY"] == ("[secret]", place)
    assert found["DATABASE_URL"] == ("postgresql://saas:[secret]@db:5432/saas", place)
    # What is empty there is not set there, as everywhere.
    assert found["METRICS_TOKEN"][1].startswith("file ")
    assert found["REDIS_URL"][1].startswith("secret file ")
    assert found["LOG_LEVEL"] == ("info", "default")
    assert found["VAULT_TOKEN"] == ("[secret]", "environment")
    assert said.count("\n") == 1 and "LOG_LEVEL, SECRET_KEI, VAULT_TOKEN" in said, said
    assert "no secret setting" in said and "secret/data/saas/production" in said


def test_one_place_may_be_another(vault, tmp_path):
    vault.mounts["kv"] = vault.mounts["secret"]
    vault.namespace = "team/a"
    vault.put("kv", "apps/saas/eu", SECRET_KEY=STRONG)
    names, said = shown(
        tmp_path, **by_token(vault, VAULT_MOUNT="kv/", VAULT_PATH="/apps/saas/eu", VAULT_NAMESPACE="team/a/")
    )
    assert names["SECRET_KEY"]["origin"] == "Vault kv/data/apps/saas/eu" and not said
    wrong = refused(tmp_path, **by_token(vault, VAULT_NAMESPACE="team/b"))
    assert "VAULT_MOUNT is `secret`, where Vault has no secrets engine" in wrong


@pytest.mark.parametrize("way", ["token", "token file", "approle", "secret file", "kubernetes"])
def test_each_login(vault, tmp_path, way):
    settings = {"VAULT_ADDR": f"{vault.address}/"}
    if way.startswith("token"):
        token = vault.token()
        (tmp_path / "token").write_text(f"{token}\n")
        settings |= {"VAULT_TOKEN": token} if way == "token" else {"VAULT_TOKEN_FILE": "token"}
    elif way == "kubernetes":
        (tmp_path / "jwt").write_text(vault.service_account("saas", "k8s/eu"))
        file = str(tmp_path / "jwt")
        settings |= {"VAULT_KUBERNETES_ROLE": "saas", "VAULT_KUBERNETES_MOUNT": "k8s/eu"}
        settings |= {"VAULT_KUBERNETES_TOKEN_FILE": file}
    else:
        mount = "approle" if way == "approle" else "machines"
        role_id, secret_id = vault.approle(mount)
        (tmp_path / "secret").write_text(f"{secret_id}\n")
        settings |= {"VAULT_ROLE_ID": role_id, "VAULT_APPROLE_MOUNT": mount}
        settings |= {"VAULT_SECRET_ID": secret_id} if way == "approle" else {"VAULT_SECRET_ID_FILE": "secret"}
    done = saas(tmp_path, "config", "check", "--role", "gateway", **settings)
    assert done.returncode == 0 and not done.stderr, done.stderr
    made = saas(tmp_path, "token", "create", "--service", "orders", **settings)
    assert made.returncode == 0 and made.stdout.startswith("ey"), made.stderr
    logins = sum(count for (method, path), count in vault.calls.items() if path.endswith("/login"))
    ours = not way.startswith("token")
    assert logins == (2 if ours else 0)
    # A token that was got by a login is given back, and one that was given is left alone.
    assert vault.calls[REVOKE] == logins
    assert len(vault.valid()) == (0 if ours else 1)


def test_everything_in_production_comes_from_there(vault, tmp_path):
    token = secrets.token_hex(16)
    vault.put(SECRET_KEY=STRONG, METRICS_TOKEN=token, ADMIN_PASSWORD="three green teapots of the vault")
    settings = {"ENVIRONMENT": "production", "HOST": "127.0.0.1", "PUBLIC_URL": "https://api.test"}
    with Platform(**settings, **by_role(vault)) as platform:
        assert call("GET", f"{platform.gateway}/metrics").status == 401
        answer = call("GET", f"{platform.gateway}/metrics", token=token)
        assert answer.status == 200
        expiry = [line for line in answer.body.decode().splitlines() if line.startswith("saas_vault_token_expiry")]
        assert 3000 < float(expiry[0].split()[1]) - time.time() < 3700, expiry
        person = {"email": "admin@localhost", "password": "three green teapots of the vault"}
        assert call("POST", f"{platform.api}/core/v1/auth/login", person).status == 200
        # What asks whether a service is well needs no secret, and no Vault.
        vault.stop()
        done = saas(tmp_path, "healthcheck", **settings, **by_role(vault), **{"DATA_DIR": str(platform.data)})
        assert done.returncode == 0, done.stderr
        vault.start()
    assert vault.calls[REVOKE] == 1 and vault.valid() == []


# What is wrong, in a sentence.


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["VAULT_ADDR is set without a login", "VAULT_TOKEN", "VAULT_ROLE_ID", "VAULT_KUBERNETES_ROLE"]),
        ({"VAULT_TOKEN": "a", "VAULT_ROLE_ID": "b"}, ["both VAULT_TOKEN and VAULT_ROLE_ID are set"]),
        (
            {"VAULT_ROLE_ID": "a", "VAULT_SECRET_ID": "s", "VAULT_KUBERNETES_ROLE": "b"},
            ["both VAULT_ROLE_ID and VAULT_KUBERNETES_ROLE are set"],
        ),
        ({"VAULT_ROLE_ID": "a"}, ["VAULT_SECRET_ID is not set", "secret-id"]),
        ({"VAULT_SECRET_ID": "a"}, ["VAULT_ROLE_ID is not set", "role-id"]),
        ({"VAULT_TOKEN": "two words-are-no-token"}, ["VAULT_TOKEN is not valid (environment)"]),
        ({"VAULT_TOKEN": "t", "VAULT_TOKEN_FILE": "f"}, ["both VAULT_TOKEN and VAULT_TOKEN_FILE"]),
        ({"VAULT_TOKEN_FILE": "/nonexistent"}, ["VAULT_TOKEN_FILE names /nonexistent"]),
        ({"VAULT_TOKEN": "t", "VAULT_ADDR": "vault:8200"}, ["VAULT_ADDR = `vault:8200` is not valid", "https://"]),
        ({"VAULT_TOKEN": "t", "VAULT_ADDR": "https://vault/v1/secret"}, ["VAULT_ADDR", "without a path"]),
        ({"VAULT_TOKEN": "t", "VAULT_PATH": "saas//x"}, ["VAULT_PATH = `saas//x` is not valid"]),
        ({"VAULT_TOKEN": "t", "VAULT_MOUNT": "../sys"}, ["VAULT_MOUNT = `../sys` is not valid"]),
        (
            {"VAULT_TOKEN": "t", "ENVIRONMENT": "production", "VAULT_ADDR": "http://vault.example.com:8200"},
            ["VAULT_ADDR is plain http to another machine", "https://"],
        ),
        (
            {"VAULT_KUBERNETES_ROLE": "saas"},
            ["/var/run/secrets/kubernetes.io/serviceaccount/token cannot be read", "VAULT_KUBERNETES_TOKEN_FILE"],
        ),
        (
            {"VAULT_TOKEN": "t", "VAULT_ADDR": "https://127.0.0.1:1", "VAULT_CACERT": "/nonexistent.pem"},
            ["VAULT_CACERT names /nonexistent.pem, which does not exist"],
        ),
    ],
)
def test_settings_that_cannot_be_used(vault, tmp_path, settings, words):
    said = refused(tmp_path, **{"VAULT_ADDR": vault.address} | settings)
    for word in words:
        assert word in said, said
    assert vault.calls.total() == 0


def nothing_there(vault):
    vault.kept.clear()


def of_version_1(vault):
    nothing_there(vault)
    vault.mounts["secret"] = {"type": "kv", "options": None}


def of_version_1_with_something(vault):
    vault.mounts["secret"] = {"type": "kv", "options": {"version": "1"}}


def of_another_kind(vault):
    nothing_there(vault)
    vault.mounts["secret"] = {"type": "transit", "options": None}


def no_engine(vault):
    vault.mounts.clear()


def deleted(vault):
    vault.deleted.add(READ[1])


def a_number(vault):
    vault.kept[READ[1]] = {"SECRET_KEY": 12345678901234567890}


def a_list(vault):
    vault.kept[READ[1]] = {"REDIS_URL": ["redis://:hunter2@r"]}


def no_json(vault):
    vault.answers[READ[1]] = 200, b"<html>Welcome to nginx!</html>"


def too_long(vault):
    vault.answers[READ[1]] = 200, b'{"data": "' + b"x" * (3 << 20) + b'"}'


def no_data(vault):
    vault.answers[READ[1]] = 200, {"data": None}


def not_found_page(vault):
    vault.answers[READ[1]] = 404, b"<html>404 page not found</html>"


def not_found_elsewhere(vault):
    vault.answers[READ[1]] = 404, {"detail": "Not Found"}


def strange_status(vault):
    vault.answers[READ[1]] = 400, lambda _, headers: {"errors": [f"what is {headers['X-Vault-Token']}?"]}


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (nothing_there, ["nothing at secret/data/saas/production", "vault kv put -mount=secret saas/production"]),
        (of_version_1, ["VAULT_MOUNT is `secret`", "has a KV secrets engine of version 1", "vault kv enable-versioning secret/"]),
        (of_version_1_with_something, ["VAULT_MOUNT is `secret`", "a KV secrets engine of version 1", "enable-versioning"]),
        (of_another_kind, ["VAULT_MOUNT is `secret`", "type `transit`"]),
        (no_engine, ["VAULT_MOUNT is `secret`", "no secrets engine"]),
        (deleted, ["secret/data/saas/production in Vault has been deleted", "vault kv undelete"]),
        (a_number, ["the value of SECRET_KEY at secret/data/saas/production in Vault is a number", "as text"]),
        (a_list, ["the value of REDIS_URL", "is a list"]),
        (no_json, ["VAULT_ADDR", "does not speak as Vault does", "is not JSON"]),
        (too_long, ["VAULT_ADDR", "is too long"]),
        (no_data, ["VAULT_ADDR", "holds no data"]),
        (not_found_page, ["VAULT_ADDR", "is not JSON"]),
        (not_found_elsewhere, ["VAULT_ADDR", "does not speak as Vault does", "status 404"]),
        (strange_status, ["VAULT_ADDR", "has status 400 (what is [secret]?)"]),
    ],
)
def test_what_is_wrong_there_is_said_in_a_sentence(vault, tmp_path, happens, words):
    happens(vault)
    said = refused(tmp_path, **by_role(vault))
    for word in words:
        assert word in said, said
    # The token of this login is given back all the same.
    assert vault.valid() == []


def test_a_path_with_the_mount_in_it_is_told_of(vault, tmp_path):
    for path in ("secret/saas/production", "data/saas/production"):
        said = refused(tmp_path, **by_token(vault, VAULT_PATH=path))
        assert "VAULT_PATH begins after the mount, and without `data/`" in said, said


def test_a_token_that_is_not_valid_and_one_that_may_not(vault, tmp_path):
    settings = by_token(vault)
    wrong = refused(tmp_path, **settings | {"VAULT_TOKEN": f"hvs.{secrets.token_hex(16)}"})
    assert "refuses VAULT_TOKEN, which is wrong, revoked or has expired" in wrong
    for narrow in (settings | {"VAULT_TOKEN": vault.token(policies=[])}, by_role(vault, policies=[])):
        said = refused(tmp_path, **narrow)
        assert "read secret/data/saas/production" in said and "capability `read`" in said


def test_a_login_that_is_refused(vault, tmp_path):
    role = by_role(vault)
    said = refused(tmp_path, **role | {"VAULT_SECRET_ID": secrets.token_hex(16)})
    assert "login at auth/approle with status 400 (invalid role or secret ID)" in said
    assert "VAULT_ROLE_ID, VAULT_SECRET_ID and VAULT_APPROLE_MOUNT" in said
    # Whoever answers: what it was told is not repeated.
    vault.answers["auth/approle/login"] = 400, lambda body, _: {"errors": [f"no {body['secret_id']}"]}
    assert "(no [secret])" in refused(tmp_path, **role)
    vault.answers["auth/approle/login"] = 200, {"auth": {"client_token": None}}
    assert "holds no token" in refused(tmp_path, **role)
    (tmp_path / "jwt").write_text("ey.of.somebody-else-here")
    pod = {"VAULT_KUBERNETES_ROLE": "saas", "VAULT_KUBERNETES_TOKEN_FILE": str(tmp_path / "jwt")}
    said = refused(tmp_path, VAULT_ADDR=vault.address, **pod)
    assert "login at auth/kubernetes with status 403 (permission denied)" in said
    assert "VAULT_KUBERNETES_ROLE" in said


def test_no_certificate_is_believed_unseen(tmp_path):
    (tmp_path / "other").mkdir()
    authority, certificate, key = certified(tmp_path)
    other, _, _ = certified(tmp_path / "other")
    with Vault(certificate, key) as vault:
        vault.put(SECRET_KEY=STRONG)
        settings = by_token(vault)
        for believed in ({}, {"VAULT_CACERT": str(other)}, {"VAULT_CACERT": str(other), "TLS_CA_FILE": str(authority)}):
            said = refused(tmp_path, **settings, **believed)
            assert "the certificate of Vault at https://127.0.0.1" in said and "not trusted" in said, said
            assert "VAULT_CACERT" in said
        assert vault.calls.total() == 0
        for name in ("VAULT_CACERT", "TLS_CA_FILE"):
            names, _ = shown(tmp_path, **settings, **{name: str(authority)})
            assert names["SECRET_KEY"]["origin"].startswith("Vault ")
        # Of another host.
        named = vault.address.replace("127.0.0.1", "localhost")
        said = refused(tmp_path, **settings | {"VAULT_ADDR": named, "VAULT_CACERT": str(authority)})
        assert "not trusted" in said and "localhost" in said, said


def test_the_other_scheme(vault, tmp_path):
    settings = by_token(vault)
    said = refused(tmp_path, **settings | {"VAULT_ADDR": vault.address.replace("http:", "https:")})
    assert "VAULT_ADDR is https://" in said and "TLS is not spoken" in said
    vault.answers[READ[1]] = 400, b"Client sent an HTTP request to an HTTPS server.\n"
    said = refused(tmp_path, **settings)
    assert "VAULT_ADDR is http://" in said and "https is spoken" in said


# One that is away for a while.


def silent_port():
    """Takes connections and never says a word."""
    listening = socket.create_server(("127.0.0.1", 0))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_whoever_repeats_what_it_was_sent_is_not_quoted_with_it(vault, tmp_path):
    """`refused` looks for every secret in what is said."""
    echo = lambda body, headers: {"errors": [f"\x1b[2Junavailable: {json.dumps(body)} {headers.get('X-Vault-Token')}"]}
    for path, settings in (("auth/approle/login", by_role(vault)), ("secret/data/saas/production", by_token(vault))):
        vault.answers = {path: (503, echo)}
        said = refused(tmp_path, **settings)
        assert "answers with status 503" in said and "[secret]" in said and "\x1b" not in said, said


def test_a_start_waits_ten_seconds_and_no_longer(tmp_path):
    with Vault() as sealed, Vault() as new, Vault() as standby:
        sealed.sealed, new.initialized, standby.standby = True, False, True
        gone = Vault()
        gone.start()
        gone.stop()
        listening, silent = silent_port()
        cases = {
            gone.address: ["cannot be reached", "(VAULT_ADDR)", "Connection refused", "start it"],
            silent: ["cannot be reached", "no answer within 5 s"],
            "http://there-is-no-such-host.invalid:8200": ["cannot be reached", "correct the address"],
            sealed.address: ["is sealed", "vault operator unseal"],
            new.address: ["is not initialised", "vault operator init"],
            standby.address: ["answers with status 503", "active cluster node not found"],
        }

        def one(number, address):
            folder = tmp_path / str(number)
            folder.mkdir()
            began = time.monotonic()
            said = refused(folder, VAULT_ADDR=address, VAULT_TOKEN=f"hvs.{secrets.token_hex(16)}")
            return said, time.monotonic() - began

        with concurrent.futures.ThreadPoolExecutor(len(cases)) as all_at_once:
            found = list(all_at_once.map(one, range(len(cases)), cases))
        listening.close()
        for (address, words), (said, took) in zip(cases.items(), found, strict=True):
            for word in words:
                assert word in said, said
            # It was tried again, and not for ever.
            assert 6 < took < 30, (address, took)
        assert 4 <= sealed.calls[READ] <= 20, sealed.calls


def test_it_may_start_after_the_platform(tmp_path):
    with Vault() as vault:
        vault.put(SECRET_KEY=STRONG)
        settings = by_role(vault)
        vault.sealed = True

        def unseal():
            while vault.calls[LOGIN] < 3:
                time.sleep(0.01)
            vault.sealed = False

        threading.Thread(target=unseal, daemon=True).start()
        assert saas(tmp_path, "config", "check", **settings).returncode == 0
        assert vault.calls[LOGIN] >= 4


def ready(platform):
    return call("GET", f"{platform.gateway}/health/ready").status == 200


def warnings(platform, words):
    return sum(words in line for line in platform.text().splitlines())


def test_a_token_is_renewed_and_the_login_repeated_at_its_maximum(vault):
    with Platform(**by_role(vault, ttl=3, max_ttl=7)) as platform:
        platform.wait_for("two renewals", lambda: vault.calls[RENEW] >= 2)
        platform.wait_for("another login", lambda: vault.calls[LOGIN] >= 2)
        platform.wait_for("a renewal of that", lambda: vault.calls[RENEW] >= 5)
        assert vault.calls[READ] == 1
        # About two a lease, and no storm.
        assert vault.calls[RENEW] < 12 and vault.calls[LOGIN] < 4, vault.calls
        assert warnings(platform, "could not be kept alive") == 0
    assert vault.calls[REVOKE] == 1
    assert len(vault.valid()) <= 1  # The one before runs out by itself.


def test_one_that_cannot_be_renewed_is_replaced(vault, tmp_path):
    jwt = vault.service_account("saas", ttl=2, renewable=False)
    (tmp_path / "jwt").write_text(jwt)
    pod = {"VAULT_KUBERNETES_ROLE": "saas", "VAULT_KUBERNETES_TOKEN_FILE": str(tmp_path / "jwt")}
    with Platform(VAULT_ADDR=vault.address, **pod) as platform:
        login = ("POST", "auth/kubernetes/login")
        platform.wait_for("another login", lambda: vault.calls[login] >= 2)
        # Kubernetes writes the pod's token afresh; the one before is worth nothing any more.
        vault.pods.clear()
        (tmp_path / "jwt").write_text(vault.service_account("saas"))
        before = len(vault.tokens)
        platform.wait_for("one with the new token", lambda: len(vault.tokens) > before)
        assert vault.calls[RENEW] == 0


def test_what_runs_needs_no_vault(vault):
    with Platform(**by_role(vault, ttl=2)) as platform:
        vault.stop()
        lost = "could not be kept alive"
        platform.wait_for("a warning", lambda: warnings(platform, lost))
        (owner,) = [platform.sign_up("outage")]
        assert owner["access_token"] and ready(platform)
        platform.process.send_signal(signal.SIGHUP)
        platform.wait_for("a refusal", lambda: warnings(platform, "so that nothing changes"))
        platform.wait_for("the token's end", lambda: vault.valid() == [])
        # It comes back sealed: still of no use, and asked again and again, with growing pauses.
        vault.sealed = True
        vault.start()
        platform.wait_for("three tries", lambda: vault.calls[RENEW] >= 3)
        assert ready(platform) and warnings(platform, lost) == 1, platform.text()
        vault.sealed = False
        platform.wait_for("another login", lambda: vault.calls[LOGIN] >= 2)
        platform.wait_for("a word about it", lambda: warnings(platform, "token for Vault was replaced"))
        assert warnings(platform, lost) == 1
        vault.stop()  # A stop does not wait for it for long.
        began = time.monotonic()
        platform.process.send_signal(signal.SIGTERM)
        assert platform.process.wait(40) == 0
        assert time.monotonic() - began < 10


def test_a_reload_reads_again(vault):
    token = secrets.token_hex(16)
    vault.put(SECRET_KEY=STRONG, METRICS_TOKEN=token)
    with Platform(**by_role(vault)) as platform:
        reload = lambda: platform.process.send_signal(signal.SIGHUP)
        reload()
        platform.wait_for("a word about it", lambda: "none has changed" in platform.text())
        vault.put(SECRET_KEY=STRONG, METRICS_TOKEN=secrets.token_hex(16), METRIC_TOKEN="misspelt")
        reload()
        platform.wait_for("what changed", lambda: "METRICS_TOKEN has changed, which takes effect" in platform.text())
        assert warnings(platform, "left alone: METRIC_TOKEN") == 1
        # Its token was revoked in the meantime: it logs in again.
        assert vault.calls[LOGIN] == 1
        vault.tokens.clear()
        vault.put(SECRET_KEY=STRONG, METRICS_TOKEN=token)
        reload()
        platform.wait_for("another login", lambda: platform.text().count("METRICS_TOKEN has changed") == 2)
        assert vault.calls[LOGIN] == 2
        vault.kept.clear()
        reload()
        platform.wait_for("a refusal", lambda: "Vault has nothing at" in platform.text())
        assert ready(platform)
    assert vault.valid() == []


def test_a_given_token_is_renewed_and_its_end_told_of(vault, tmp_path):
    file = tmp_path / "token"
    file.write_text(vault.token(ttl=3, max_ttl=6))
    with Platform(VAULT_ADDR=vault.address, VAULT_TOKEN_FILE=str(file)) as platform:
        platform.wait_for("a renewal", lambda: vault.calls[RENEW] >= 1)
        platform.wait_for("what is left", lambda: warnings(platform, "VAULT_TOKEN cannot be renewed and expires in"))
        platform.wait_for("the end", lambda: warnings(platform, "VAULT_TOKEN has expired"))
        assert ready(platform)
        # Somebody, such as Vault's agent, wrote another one; a reload takes it.
        file.write_text(vault.token(ttl=3600))
        platform.process.send_signal(signal.SIGHUP)
        platform.wait_for("a word about it", lambda: warnings(platform, '"VAULT_TOKEN has changed"'))
        assert warnings(platform, "VAULT_TOKEN has expired") == 1
        assert warnings(platform, "VAULT_TOKEN cannot be renewed") == 1
    # It is not ours to revoke.
    assert vault.calls[REVOKE] == 0 and len(vault.valid()) == 1


def test_a_token_for_ever_is_left_alone(vault):
    with Platform(**by_token(vault)) as platform:
        platform.wait_for("the question", lambda: vault.calls["GET", "auth/token/lookup-self"] == 1)
        metrics = call("GET", f"{platform.gateway}/metrics").body.decode()
        assert "saas_vault_token_expiry_timestamp_seconds 0" in metrics
    assert vault.calls[RENEW] == 0
