"""A client of a deployed platform, from outside over HTTPS: the same for Compose and for the pods."""

import collections
import functools
import http.client
import json
import socket
import ssl

DOMAIN = "saas.test"
API, ADMIN = f"api.{DOMAIN}", f"admin.{DOMAIN}"
# Whom the README's quick start signs in as, and with what.
ADMINISTRATOR = {"email": "admin@localhost", "password": "three green teapots"}

Answer = collections.namedtuple("Answer", "status headers body")
Answer.json = lambda self: json.loads(self.body)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Connection(http.client.HTTPSConnection):
    """To this machine, under the name that the certificate and the edge know."""

    def __init__(self, host, port, tls):
        super().__init__(host, port, timeout=30, context=tls)
        self._create_connection = lambda address, *rest: socket.create_connection(("127.0.0.1", port), *rest)

    def call(self, method, path, body=None, token=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"Host": self.host}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        self.request(method, path, body, headers)
        answer = self.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


class Client:
    """What tests ask of a platform. Who deployed it says at which port (`https`) the edge listens, which
    authority (a file) signed its certificates, where the registry is (`registry`, an address), what opens
    its metrics and what the administrator's one-time password is."""

    https = authority = registry = metrics_token = None

    def one_time_password(self):
        raise NotImplementedError

    @functools.cached_property
    def tls(self):
        return ssl.create_default_context(cafile=str(self.authority))

    def connection(self, host):
        return Connection(host, self.https, self.tls)

    def call(self, method, host, path, body=None, token=None, **headers):
        connection = self.connection(host)
        try:
            return connection.call(method, path, body, token, **headers)
        finally:
            connection.close()

    def sign_in(self, person):
        answer = self._log_in(person)
        assert answer.status == 200, answer
        return answer.json()["access_token"]

    def administrator(self):
        """An access token. The first time, the one-time password is changed to the README's."""
        answer = self._log_in(ADMINISTRATOR)
        if answer.status != 200:
            once = self.one_time_password()
            change = {"current_password": once, "new_password": ADMINISTRATOR["password"]}
            first = self.sign_in(ADMINISTRATOR | {"password": once})
            answer = self.call("POST", API, "/api/core/v1/me/password", change, first)
            assert answer.status == 200, answer
        return answer.json()["access_token"]

    def sign_up(self, name):
        """A tenant's owner's access token. In production an operator lets in who signed up."""
        person = {"email": f"owner@{name}.example", "password": f"a kettle and {name} leaves"}
        made = self.call("POST", API, "/api/core/v1/auth/signup", person | {"name": "Owner", "tenant_name": name})
        assert made.status == 202, made
        operator = self.administrator()
        people = self.call("GET", API, "/api/core/v1/users", token=operator).json()["items"]
        [waiting] = [one["id"] for one in people if one["email"] == person["email"]]
        enabled = self.call("POST", API, f"/api/core/v1/users/{waiting}/enable", token=operator)
        assert enabled.status in (200, 204), enabled
        return self.sign_in(person)

    def instances(self, service):
        """Those that are up, as the registry tells who may ask."""
        connection = http.client.HTTPConnection(self.registry, 8001, timeout=10)
        try:
            head = {"Authorization": f"Bearer {self.metrics_token}"}
            connection.request("GET", f"/v1/services/{service}/instances?status=up", headers=head)
            return json.loads(connection.getresponse().read()).get("items", [])
        finally:
            connection.close()

    def _log_in(self, person):
        return self.call("POST", API, "/api/core/v1/auth/login", person)
