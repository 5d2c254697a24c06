"""A real server that keeps secrets as Vault does: RustyVault, started for a test, and asked by HTTP.

Its KV engine is of version 1: it keeps what it is given at any path and makes no versions. So a secret is
written at `secret/data/…` in the very form in which version 2 answers, members `data` and `metadata`, and
is read as from version 2. It has no Kubernetes login, no policies, and neither renews nor revokes a token
by its holder; those are tested against the stand-in (tests/operations/test_vault.py).
"""

import json
import os
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import kept_secret
from running_platform import ROOT

SERVER = os.environ.get("RUSTY_VAULT", str(ROOT / "target/tools/bin/rvault"))
START_SECONDS = 30


class RealVault:
    def __init__(self, certificate=None, key=None, authority=None):
        self.certificate, self.key, self.authority = certificate, key, authority
        self.root = self.unseal_key = None

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="saas-vault-")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        files = f'tls_disable = "false"\n  tls_cert_file = "{self.certificate}"\n  tls_key_file = "{self.key}"'
        tls = files if self.certificate else 'tls_disable = "true"'
        self.configuration = f"{self.folder.name}/vault.hcl"
        with open(self.configuration, "w") as file:
            file.write(
                f'storage "file" {{\n  path = "{self.folder.name}/data"\n}}\n'
                f'listener "tcp" {{\n  address = "127.0.0.1:{self.port}"\n  {tls}\n}}\n'
                f'api_addr = "{self.address}"\nlog_level = "warn"\nwork_dir = "{self.folder.name}/work"\ndaemon = false\n'
            )
        try:
            self.start()
            made = self.ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
            self.unseal_key, self.root = made["keys"][0], made["root_token"]
            kept_secret.remember(self.unseal_key, self.root)
            self.unseal()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    @property
    def address(self):
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def start(self):
        log = open(f"{self.folder.name}/log", "ab")
        self.process = subprocess.Popen([SERVER, "server", "--config", self.configuration], stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, open(f"{self.folder.name}/log").read()
            try:
                self.ask("GET", "sys/seal-status")
                return
            except urllib.error.HTTPError:
                return  # It answers; before it is initialised, with an error.
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the server does not answer")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def seal(self):
        self.ask("PUT", "sys/seal")

    def unseal(self):
        assert self.ask("PUT", "sys/unseal", {"key": self.unseal_key})["sealed"] is False

    def put(self, mount="secret", path="saas/production", **values):
        metadata = {"created_time": "2026-01-02T03:04:05Z", "deletion_time": "", "destroyed": False, "version": 1}
        self.ask("POST", f"{mount}/data/{path}", {"data": values, "metadata": metadata})
        kept_secret.remember(*values.values())

    def token(self, ttl):
        made = self.ask("POST", "auth/token/create", {"policies": ["saas"], "ttl": ttl, "renewable": True})
        kept_secret.remember(made["auth"]["client_token"])
        return made["auth"]["client_token"]

    def is_valid(self, token):
        request = urllib.request.Request(f"{self.address}/v1/auth/token/lookup-self", headers={"X-Vault-Token": token})
        try:
            return urllib.request.urlopen(request, timeout=15).status == 200
        except urllib.error.HTTPError:
            return False

    def approle(self, **lease):
        """A role's two identifiers."""
        if "approle/" not in self.ask("GET", "sys/auth"):
            self.ask("POST", "sys/auth/approle", {"type": "approle"})
        role = "auth/approle/role/saas-platform"
        self.ask("POST", role, {"token_policies": "saas"} | lease)
        role_id = self.ask("GET", f"{role}/role-id")["data"]["role_id"]
        secret_id = self.ask("POST", f"{role}/secret-id")["data"]["secret_id"]
        kept_secret.remember(secret_id)
        return role_id, secret_id

    def ask(self, method, path, body=None):
        headers = {"X-Vault-Token": self.root} if self.root else {}
        content = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.address}/v1/{path}", content, headers, method=method)
        context = ssl.create_default_context(cafile=self.authority) if self.certificate else None
        with urllib.request.urlopen(request, timeout=15, context=context) as answer:
            text = answer.read()
            return json.loads(text) if text else None
