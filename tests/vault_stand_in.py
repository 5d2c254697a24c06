"""A stand-in for HashiCorp Vault that speaks its documented wire format, as far as the platform uses it.

Tokens, AppRole, Kubernetes, KV version 2, the sealed and the new state. It counts its calls and can be
stopped and started on the same port. https://developer.hashicorp.com/vault/api-docs
"""

import collections
import json
import secrets
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import kept_secret


class Vault:
    def __init__(self, certificate=None, key=None):
        self.certificate, self.key = certificate, key
        self.initialized, self.sealed, self.standby = True, False, False
        self.namespace = None
        self.mounts = {"secret": {"type": "kv", "options": {"version": "2"}}}
        self.kept, self.deleted = {}, set()
        self.roles, self.pods = {}, {}
        self.tokens, self.calls, self.answers = {}, collections.Counter(), {}
        self.lock = threading.Lock()
        self.port = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        vault = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                vault.serve(self)

            do_POST = do_PUT = do_GET

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            # Connections that wait for a next request do not hold up the end.
            block_on_close = False

            def handle_error(self, *_):
                pass  # A client that believes no certificate hangs up.

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, self.key)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.open = True
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()

    def stop(self):
        """From now on nobody answers, on connections that are open neither."""
        if self.server:
            self.open = False
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def address(self):
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    # What an operator does.

    def put(self, mount="secret", path="saas/production", **values):
        self.kept[f"{mount}/data/{path}"] = values
        kept_secret.remember(*values.values())

    def token(self, ttl=0, renewable=True, max_ttl=None, policies=("saas",)):
        """A token; 0 for one that lives for ever."""
        token = f"hvs.{secrets.token_hex(16)}"
        kept_secret.remember(token)
        now = time.monotonic()
        self.tokens[token] = {
            "ttl": ttl,
            "expires": now + ttl if ttl else None,
            "ends": now + max_ttl if max_ttl else None,
            "renewable": renewable and bool(ttl),
            "policies": list(policies),
        }
        return token

    def approle(self, mount="approle", **lease):
        role_id, secret_id = secrets.token_hex(16), secrets.token_hex(16)
        kept_secret.remember(secret_id)
        self.roles[f"auth/{mount}/login", role_id, secret_id] = lease
        return role_id, secret_id

    def service_account(self, role, mount="kubernetes", **lease):
        jwt = f"eyJhbGciOiJSUzI1NiJ9.{secrets.token_hex(24)}.{secrets.token_hex(24)}"
        kept_secret.remember(jwt)
        self.pods[f"auth/{mount}/login", role, jwt] = lease
        return jwt

    def valid(self):
        now = time.monotonic()
        return [name for name, token in self.tokens.items() if token["expires"] is None or token["expires"] > now]

    # What a client gets.

    def serve(self, request):
        if not self.open:
            request.close_connection = True
            return
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length) or b"{}")
        path = request.path.removeprefix("/v1/")
        with self.lock:
            self.calls[request.command, path] += 1
            given = self.answers.get(path) or self.answer(request, path, body)
        status, content = given
        if callable(content):
            content = content(body, request.headers)
        if not isinstance(content, bytes):
            content = b"" if content is None else json.dumps(content).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        try:
            request.wfile.write(content)
        except OSError:
            pass  # It had read enough.

    def answer(self, request, path, body):
        if path == "sys/seal-status":
            return 200, {"type": "shamir", "initialized": self.initialized, "sealed": self.sealed, "t": 3, "n": 5}
        if not self.initialized or self.sealed:
            return 503, errors("Vault is sealed")
        if self.standby:
            return 503, errors("local node not active but active cluster node not found")
        if request.headers.get("X-Vault-Namespace") != self.namespace:
            return 404, errors(f'no handler for route "{path}". route entry not found.')
        if request.command == "POST" and path.endswith("/login"):
            return self.login(path, body)
        name = request.headers.get("X-Vault-Token")
        token = self.tokens.get(name) if name in self.valid() else None
        if token is None:
            return 403, errors("permission denied", "invalid token")
        if path == "auth/token/lookup-self":
            rest = token["expires"] and max(1, round(token["expires"] - time.monotonic()))
            data = {"ttl": rest or 0, "renewable": token["renewable"], "policies": token["policies"], "type": "service"}
            return 200, answer(data=data)
        if path == "auth/token/renew-self":
            return self.renew(name, token)
        if path == "auth/token/revoke-self":
            del self.tokens[name]
            return 204, None
        if "saas" not in token["policies"]:
            return 403, errors("1 error occurred:\n\t* permission denied\n\n")
        if path.startswith("sys/internal/ui/mounts/"):
            mount = path.removeprefix("sys/internal/ui/mounts/").split("/")[0]
            if mount in self.mounts:
                return 200, answer(data={"path": f"{mount}/"} | self.mounts[mount])
            return 403, errors("preflight capability check returned 403")
        return self.read(path)

    def login(self, path, body):
        if (path, body.get("role_id"), body.get("secret_id")) in self.roles:
            lease = self.roles[path, body["role_id"], body["secret_id"]]
        elif (path, body.get("role"), body.get("jwt")) in self.pods:
            lease = self.pods[path, body["role"], body["jwt"]]
        elif "jwt" in body:
            return 403, errors("permission denied")
        else:
            return 400, errors("invalid role or secret ID")
        token = self.token(**({"ttl": 3600} | lease))
        return 200, answer(auth=self.auth(token))

    def renew(self, name, token):
        if not token["renewable"]:
            return 400, errors("lease is not renewable")
        now = time.monotonic()
        rest = token["ttl"] if token["ends"] is None else min(token["ttl"], token["ends"] - now)
        token["expires"] = now + rest
        return 200, answer(auth=self.auth(name) | {"lease_duration": max(1, int(rest))})

    def auth(self, name):
        token = self.tokens[name]
        return {
            "client_token": name,
            "accessor": secrets.token_hex(12),
            "policies": ["default", *token["policies"]],
            "token_policies": ["default", *token["policies"]],
            "metadata": {"role_name": "saas"},
            "lease_duration": token["ttl"],
            "renewable": token["renewable"],
            "entity_id": "",
            "token_type": "service",
            "orphan": True,
        }

    def read(self, path):
        mount = self.mounts.get(path.split("/")[0])
        if mount is None:
            return 404, errors(f'no handler for route "{path}". route entry not found.')
        metadata = {
            "created_time": "2026-01-02T03:04:05.678901234Z",
            "custom_metadata": None,
            "deletion_time": "2026-02-03T04:05:06.789012345Z" if path in self.deleted else "",
            "destroyed": False,
            "version": 1,
        }
        if path in self.deleted:
            return 404, answer(data={"data": None, "metadata": metadata})
        if path not in self.kept:
            return 404, {"errors": []}
        if mount["options"] == {"version": "2"}:
            return 200, answer(data={"data": self.kept[path], "metadata": metadata})
        return 200, answer(data=self.kept[path])


def errors(*sentences):
    return {"errors": list(sentences)}


def answer(data=None, auth=None):
    return {
        "request_id": secrets.token_hex(16),
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": None,
        "auth": auth,
    }
