"""Secrets from a real server: see real_vault.py for what it can and cannot do."""

import secrets
import signal
import sys
import threading

import pytest

from real_vault import RealVault
from running_platform import ROOT, Platform, call

sys.path.insert(0, str(ROOT / "tests/operations"))
from test_vault import STRONG, certified, ready, refused, saas, shown, warnings  # noqa: E402

PLACE = "Vault secret/data/saas/production"


@pytest.fixture(scope="module")
def vault():
    with RealVault() as started:
        yield started


@pytest.fixture(autouse=True)
def fresh(request):
    if "vault" in request.fixturenames:
        request.getfixturevalue("vault").put(SECRET_KEY=STRONG)


def by_token(vault, token=None, **more):
    return {"VAULT_ADDR": vault.address, "VAULT_TOKEN": token or vault.root} | more


def by_role(vault, **lease):
    role_id, secret_id = vault.approle(**lease)
    return {"VAULT_ADDR": vault.address, "VAULT_ROLE_ID": role_id, "VAULT_SECRET_ID": secret_id}


@pytest.mark.parametrize("login", [by_token, by_role])
def test_secrets_come_from_there(vault, tmp_path, login):
    vault.put(SECRET_KEY=STRONG, DATABASE_URL="postgresql://saas:of-the-vault-alone@db:5432/saas", SOMETHING="else")
    names, said = shown(tmp_path, SECRET_KEY="of-the-environment-alone-1234567890", **login(vault))
    assert names["SECRET_KEY"]["origin"] == names["DATABASE_URL"]["origin"] == PLACE
    assert names["DATABASE_URL"]["value"] == "postgresql://saas:[secret]@db:5432/saas"
    assert said.count("\n") == 1 and "SOMETHING" in said


def test_production_by_approle_through_the_end_of_its_tokens(vault):
    token = secrets.token_hex(16)
    vault.put(SECRET_KEY=STRONG, METRICS_TOKEN=token, ADMIN_PASSWORD="three green teapots of the vault")
    settings = {"ENVIRONMENT": "production", "HOST": "127.0.0.1", "PUBLIC_URL": "https://api.test"}
    with Platform(**settings, **by_role(vault, token_ttl="4s", token_max_ttl="8s")) as platform:
        assert call("GET", f"{platform.gateway}/metrics", token=token).status == 200
        # This server renews no token for its holder: each time it ends, there is a new login.
        replaced = lambda: platform.text().count("token for Vault was replaced")
        platform.wait_for("new logins", lambda: replaced() >= 2)
        vault.put(SECRET_KEY=STRONG, METRICS_TOKEN=secrets.token_hex(16))
        platform.process.send_signal(signal.SIGHUP)
        platform.wait_for("the change", lambda: "METRICS_TOKEN has changed" in platform.text())
        assert ready(platform) and not warnings(platform, "could not be kept alive")


def test_a_token_that_ends(vault, tmp_path):
    with Platform(**by_token(vault, vault.token("3s"))) as platform:
        platform.wait_for("a warning", lambda: warnings(platform, "VAULT_TOKEN cannot be renewed and expires in"))
        platform.wait_for("the end", lambda: warnings(platform, "VAULT_TOKEN has expired"))
        assert ready(platform)
        ended = platform.settings["VAULT_TOKEN"]
        # The server takes it away a little later than it said.
        platform.wait_for("the server's word", lambda: not vault.is_valid(ended))
    assert "refuses VAULT_TOKEN, which is wrong, revoked or has expired" in refused(tmp_path, **by_token(vault, ended))


def test_what_is_wrong_is_said_in_a_sentence(vault, tmp_path):
    assert "refuses VAULT_TOKEN" in refused(tmp_path, **by_token(vault, f"hvs.{secrets.token_hex(16)}"))
    role = by_role(vault)
    said = refused(tmp_path, **role | {"VAULT_SECRET_ID": secrets.token_hex(16)})
    assert "login at auth/approle with status 400 (invalid secret id)" in said
    said = refused(tmp_path, **role | {"VAULT_APPROLE_MOUNT": "machines"})
    assert "login at auth/machines" in said and "VAULT_APPROLE_MOUNT" in said
    assert "nothing at secret/data/saas/staging" in refused(tmp_path, **role, VAULT_PATH="saas/staging")
    # What version 1 answers: the keys at once.
    vault.ask("POST", "secret/data/plain", {"SECRET_KEY": STRONG})
    said = refused(tmp_path, **role, VAULT_PATH="plain")
    assert "VAULT_MOUNT is `secret`" in said and "version 1" in said


def test_it_is_sealed_and_unsealed_in_time(vault, tmp_path):
    settings = by_role(vault)
    vault.seal()
    try:
        said = refused(tmp_path, **settings)
    finally:
        vault.unseal()
    assert "is sealed" in said and "vault operator unseal" in said
    vault.seal()
    later = threading.Timer(1.5, vault.unseal)
    later.start()
    try:
        done = saas(tmp_path, "config", "check", **settings)
    finally:
        later.join()
    assert done.returncode == 0, done.stderr


def test_what_runs_outlives_it(tmp_path):
    with RealVault() as vault:
        vault.put(SECRET_KEY=STRONG)
        with Platform(**by_role(vault, token_ttl="4s")) as platform:
            vault.stop()
            platform.wait_for("a warning", lambda: warnings(platform, "could not be kept alive"))
            assert platform.sign_up("outage")["access_token"] and ready(platform)
            vault.start()
            vault.unseal()
            platform.wait_for("a new login", lambda: warnings(platform, "token for Vault was replaced"))
            assert warnings(platform, "could not be kept alive") == 1


def test_https_with_an_authority_of_ones_own(tmp_path):
    authority, certificate, key = certified(tmp_path)
    with RealVault(certificate, key, authority) as vault:
        vault.put(SECRET_KEY=STRONG)
        assert "not trusted" in refused(tmp_path, **by_token(vault))
        names, _ = shown(tmp_path, **by_token(vault, VAULT_CACERT=str(authority)))
        assert names["SECRET_KEY"]["origin"] == PLACE
        plain = vault.address.replace("https:", "http:")
        assert refused(tmp_path, **by_token(vault) | {"VAULT_ADDR": plain})
