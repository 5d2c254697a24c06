"""What somebody tries who has a tenant of their own and wants another's."""

import itertools
import time

import pytest
from described import JSON, encoded, operations
from forge import parts
from running_platform import call
from test_tokens import ends_within_a_moment
from wire import problem, send

OTHER_ORIGIN = "https://evil.example"


class Tenant:
    def __init__(self, platform, name):
        self.platform, self.name = platform, name
        self.tokens = platform.sign_up(name)
        self.token = self.tokens["access_token"]
        self.claims = parts(self.token)[1]
        self.member = self.core("POST", "/v1/members", {"email": f"clerk@{name}.example", "role": "member"}).json()
        invited = self.core("POST", "/v1/members", {"email": "admin@localhost", "role": "member"}).json()
        self.things = {
            "tenant": self.claims["tid"], "user": self.claims["sub"], "session": self.claims["sid"],
            "member": self.member["member"]["id"], "jti": self.claims["jti"],
            "invitation": invited["invitation"]["id"],
            "audit event": self.core("GET", "/v1/audit-events").json()["items"][0]["id"],
            "owner's membership": next(member["id"] for member in self.members() if member["role"] == "owner"),
        }

    def core(self, method, path, body=None, headers=None):
        return call(method, f"{self.platform.api}/core{path}", body, token=self.token, headers=headers)

    def members(self):
        return self.core("GET", "/v1/members").json()["items"]

    def belongings(self):
        lists = ("/v1/members", "/v1/sessions", "/v1/invitations")
        return [self.core("GET", path).json()["items"] for path in lists]


@pytest.fixture(scope="module")
def victim(platform):
    return Tenant(platform, "victim")


@pytest.fixture(scope="module")
def attacker(platform):
    return Tenant(platform, "attacker")


def test_no_identifier_of_another_tenant_opens_anything(platform, victim, attacker):
    """Every operation of core that takes an identifier, with every identifier there is."""
    before = victim.belongings()
    secrets = [victim.member["member"]["id"], "clerk@victim.example", "owner@victim.example"]
    for operation in operations("core"):
        if not operation.of("path"):
            continue
        for what, identifier in victim.things.items():
            body = encoded({"role": "admin"} if "members" in operation.path else {"name": "Mine"}) if operation.body else None
            answer = send(platform.gateway, operation.method, "/api/core" + operation.target(id=identifier), [JSON] if body else [], body, attacker.token)
            problem(answer, f"{operation} of {what}", 403, 404)
            if answer.status == 403:
                # Closed to every tenant alike: it does not tell that there is such a thing.
                nobody = send(platform.gateway, operation.method, "/api/core" + operation.target(), [JSON] if body else [], body, attacker.token)
                assert nobody.status == 403 and nobody.json()["code"] == answer.json()["code"], operation
            assert not any(secret.encode() in answer.body for secret in secrets[1:]), answer
    assert victim.belongings() == before


def test_lists_show_ones_own_whatever_is_asked(platform, victim, attacker):
    for number in range(4):
        made = victim.core("POST", "/v1/members", {"email": f"{number}@victim.example", "role": "member"})
        assert made.status == 201, made.body
    own = lambda path: attacker.core("GET", path)
    for path in ("/v1/members", "/v1/invitations", "/v1/audit-events", "/v1/sessions"):
        theirs = victim.core("GET", f"{path}?limit=1").json()
        cursors = [theirs["next_cursor"]] if theirs["next_cursor"] else []
        for query in [f"cursor={cursor}" for cursor in cursors] + [
            f"tenant_id={victim.things['tenant']}", f"tid={victim.things['tenant']}", f"actor_id={victim.things['user']}",
            f"user_id={victim.things['user']}", "q=victim", "q=%25", "q=_", "role=owner", "limit=200",
        ]:
            answer = own(f"{path}?{query}")
            if answer.status >= 400:
                problem(answer, query, 400)
            assert b"victim" not in answer.body and victim.things["user"].encode() not in answer.body, (path, query, answer)
    problem(own("/v1/audit-events?log=platform"), "the platform's log", 403)


def test_nobody_switches_to_a_tenant_they_do_not_belong_to(victim, attacker):
    for tenant in (victim.things["tenant"], "00000000-0000-0000-0000-000000000000", victim.things["user"]):
        problem(attacker.core("POST", "/v1/auth/switch-tenant", {"tenant_id": tenant}), tenant, 403, 404)
        person = {"email": "owner@attacker.example", "password": "a kettle and attacker leaves", "tenant_id": tenant}
        problem(attacker.core("POST", "/v1/auth/login", person), tenant, 401, 403, 404)


def test_one_callers_idempotency_key_is_not_anothers(victim, attacker):
    body = {"email": "shared@keys.example", "role": "member"}
    key = {"Idempotency-Key": "the-same-key"}
    theirs = victim.core("POST", "/v1/members", body, key)
    mine = attacker.core("POST", "/v1/members", body, key)
    assert (theirs.status, mine.status) == (201, 201), mine
    # Only the one who made the account was told its password; the other may invite, and learns nothing.
    assert theirs.json()["member"] and theirs.json()["one_time_password"]
    assert mine.json()["member"] is None and mine.json()["one_time_password"] is None
    assert mine.json()["invitation"]["email"] == body["email"]


def test_a_session_is_ended_by_its_owner_alone(platform, victim, attacker):
    mine = {"refresh_token": attacker.tokens["refresh_token"]}
    theirs = {"refresh_token": victim.tokens["refresh_token"]}
    # One's own access token with another's identifier ends nothing of theirs.
    problem(attacker.core("DELETE", f"/v1/sessions/{victim.things['session']}"), "another's session", 404)
    assert victim.core("GET", "/v1/me").status == 200
    answer = call("POST", f"{platform.core}/v1/auth/refresh", theirs, token=attacker.token)
    # Whoever holds a refresh token is its owner as far as anybody can tell; but it is for its own session.
    assert answer.status == 200 and answer.json()["user"]["id"] == victim.things["user"], answer
    victim.tokens = answer.json()
    victim.token = victim.tokens["access_token"]
    assert call("POST", f"{platform.core}/v1/auth/refresh", mine).status == 200


def test_a_cookie_signs_nobody_in(platform, victim):
    console = {"Origin": platform.gateway, "X-Saas-Session": "cookie"}
    person = {"email": "owner@victim.example", "password": "a kettle and victim leaves"}
    login = f"{platform.core}/v1/auth/login"
    signed_in = call("POST", login, person, headers=console)
    assert signed_in.status == 200, signed_in
    assert signed_in.json()["refresh_token"] is None
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    csrf = signed_in.json()["csrf_token"]
    value = cookie.partition("=")[2]
    refresh = lambda body=None, **headers: call(
        "POST", f"{platform.core}/v1/auth/refresh", body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    with_cookie = {"Cookie": cookie, "X_Saas_Session": "cookie"}
    for base in (platform.gateway + "/api/core", platform.core):
        problem(call("GET", f"{base}/v1/me", headers={"Cookie": cookie}), "a cookie alone", 401)
    for origin in (None, OTHER_ORIGIN, "null", platform.gateway + ".evil.example", platform.gateway.replace("http", "https"), platform.gateway + "/", "*"):
        headers = dict(with_cookie, X_CSRF_Token=csrf) | ({"Origin": origin} if origin else {})
        problem(refresh(**headers), f"Origin {origin}", 403)
    ours = dict(with_cookie, Origin=platform.gateway)
    for wrong in (None, "", "x", csrf[:-1], csrf + "x", csrf_of_another(platform)):
        headers = ours | ({"X_CSRF_Token": wrong} if wrong is not None else {})
        problem(refresh(**headers), f"CSRF {wrong}", 403)
    # Neither kind of session opens by the other's way in.
    assert refresh({"refresh_token": value}).status == 401
    assert refresh({"refresh_token": value}, Cookie=cookie).status == 401
    good = refresh(**ours, X_CSRF_Token=csrf)
    assert good.status == 200, good


def csrf_of_another(platform):
    console = {"Origin": platform.gateway, "X-Saas-Session": "cookie"}
    person = {"email": "owner@attacker.example", "password": "a kettle and attacker leaves"}
    return call("POST", f"{platform.core}/v1/auth/login", person, headers=console).json()["csrf_token"]


def test_a_removed_member_a_disabled_person_and_a_suspended_tenant(platform, administrator):
    owner = Tenant(platform, "leaving")
    first = {"email": "clerk@leaving.example", "password": owner.member["one_time_password"]}
    restricted = call("POST", f"{platform.core}/v1/auth/login", first).json()["access_token"]
    # A one-time password opens nothing but its own change.
    problem(send(platform.core, "GET", "/v1/members", token=restricted), "restricted", 403)
    change = {"current_password": first["password"], "new_password": "seven small samovars"}
    clerk = call("POST", f"{platform.core}/v1/me/password", change, token=restricted).json()
    get = lambda: call("GET", f"{platform.api}/core/v1/members", token=clerk["access_token"])
    assert get().status == 200
    assert owner.core("DELETE", f"/v1/members/{owner.member['member']['id']}").status == 204
    ends_within_a_moment(platform, clerk["access_token"])
    again = call("POST", f"{platform.core}/v1/auth/refresh", {"refresh_token": clerk["refresh_token"]})
    assert again.status in (200, 401), again
    if again.status == 200:
        assert again.json()["tenant"] is None
        problem(send(platform.core, "GET", "/v1/members", token=again.json()["access_token"]), "removed", 403)
        problem(call("POST", f"{platform.core}/v1/auth/switch-tenant", {"tenant_id": owner.things["tenant"]}, token=again.json()["access_token"]), "back", 403, 404)

    act = lambda path: call("POST", f"{platform.core}{path}", token=administrator)
    assert act(f"/v1/tenants/{owner.things['tenant']}/suspend").status == 200
    deadline = time.monotonic() + 10
    while owner.core("GET", "/v1/members").status != 403:
        assert time.monotonic() < deadline, "the tenant still acts"
    problem(owner.core("GET", "/v1/audit-events"), "suspended", 403)
    assert act(f"/v1/tenants/{owner.things['tenant']}/activate").status == 200

    assert act(f"/v1/users/{owner.things['user']}/disable").status == 200
    ends_within_a_moment(platform, owner.token)
    person = {"email": "owner@leaving.example", "password": "a kettle and leaving leaves"}
    problem(call("POST", f"{platform.core}/v1/auth/login", person), "disabled", 401, 403)
    problem(call("POST", f"{platform.core}/v1/auth/refresh", {"refresh_token": owner.tokens["refresh_token"]}), "disabled", 401, 403)


def test_a_members_token_does_what_a_member_may(platform):
    owner = Tenant(platform, "ranks")
    admin = owner.core("POST", "/v1/members", {"email": "admin@ranks.example", "role": "admin"}).json()
    token = signed_in_afresh(platform, "admin@ranks.example", admin["one_time_password"])
    mine = admin["member"]["id"]
    owners = [m["id"] for m in owner.members() if m["role"] == "owner"]
    do = lambda method, path, body=None: call(method, f"{platform.core}{path}", body, token=token)
    problem(do("PATCH", f"/v1/members/{mine}", {"role": "owner"}), "an admin makes itself owner", 403)
    problem(do("POST", "/v1/members", {"email": "friend@ranks.example", "role": "owner"}), "an admin makes an owner", 403)
    for owner_id in owners:
        problem(do("DELETE", f"/v1/members/{owner_id}"), "an admin removes the owner", 403)
        problem(do("PATCH", f"/v1/members/{owner_id}", {"role": "member"}), "an admin demotes the owner", 403)
    for path in ("/v1/tenants", "/v1/users", "/v1/traffic", "/v1/audit-events?log=platform"):
        problem(do("GET", path), path, 403)


def signed_in_afresh(platform, email, one_time):
    token = call("POST", f"{platform.core}/v1/auth/login", {"email": email, "password": one_time}).json()["access_token"]
    change = {"current_password": one_time, "new_password": "seven small samovars"}
    return call("POST", f"{platform.core}/v1/me/password", change, token=token).json()["access_token"]


def test_a_tenants_token_changes_nothing_in_the_registry(platform, attacker):
    instance, route = {"address": "127.0.0.1", "port": 9}, {"path": "/stolen", "service": "orders"}
    attempts = [
        ("GET", "/v1/services", None), ("GET", "/v1/routes", None), ("GET", "/v1/stream", None), ("GET", "/prometheus/targets", None),
        ("POST", "/v1/services/orders/instances", instance), ("POST", "/v1/routes", route), ("POST", "/v1/routes?dry_run=true", route),
        ("PATCH", "/v1/services/core", {"is_active": False}), ("DELETE", "/v1/services/core/instances/core-1", None),
        ("POST", "/v1/services/core/instances/core-1/drain", None), ("DELETE", "/v1/services/core/instances/core-1/drain", None),
        ("PUT", "/v1/services/core/instances/core-1/heartbeat", None),
    ]
    for service in ("core", "registry", "gateway"):
        attempts.append(("POST", f"/v1/services/{service}/instances", instance))
    for (method, path, body), (base, prefix) in itertools.product(attempts, [(platform.gateway, "/api/registry"), (platform.registry, "")]):
        answer = send(base, method, prefix + path, [JSON] if body else [], encoded(body) if body else None, attacker.token)
        problem(answer, f"{method} {prefix}{path}", 403)


FOREIGN = [
    ("Origin", OTHER_ORIGIN), ("Origin", "null"), ("Origin", "http://localhost:3000"), ("Sec-Fetch-Site", "cross-site"), ("X-Forwarded-For", "127.0.0.1"),
    ("Forwarded", "for=127.0.0.1"), ("Host", "registry.evil.example"), ("Host", "127.0.0.1.evil.example"), ("Via", "1.1 x"), ("X-Real-IP", "127.0.0.1"),
]


def test_what_a_developers_machine_may_register(platform):
    instance = encoded({"address": "127.0.0.1", "port": 9})
    register = lambda service, headers=(): send(platform.registry, "POST", f"/v1/services/{service}/instances", [JSON, *headers], instance)
    assert register("homemade").status == 201
    for service in ("core", "registry", "gateway"):
        problem(register(service), f"{service} from loopback", 403)
    for service in ("CORE", "Core", "core%20", "core%00", "cor%65x/..", "%63ore", "core.", ".core", "core;a=b", "ｃore", "c%C3%B6re"):
        answer = register(service.encode("utf-8").decode("latin-1"))
        problem(answer, f"{service} from loopback", 400, 403, 404)
    for header in FOREIGN:
        problem(register("homemade", [header]), f"{header}", 401)
    # A page may send a form or plain text without asking; neither is taken for JSON.
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = send(platform.registry, "POST", "/v1/services/homemade/instances", [("Content-Type", kind)], instance)
        problem(answer, kind, 415)
    # Through the gateway everybody comes from loopback, too.
    problem(send(platform.gateway, "POST", "/api/registry/v1/services/homemade/instances", [JSON], instance), "through the gateway", 401)
    # The exemption is for registering, not for ruling.
    problem(send(platform.registry, "POST", "/v1/routes", [JSON], encoded({"path": "/x", "service": "orders"})), "a route", 401)
    problem(send(platform.registry, "PATCH", "/v1/services/core", [JSON], encoded({"is_active": False})), "core taken out", 401)
    problem(send(platform.registry, "DELETE", "/v1/services/core/instances/core-1"), "core's instance", 403)


INSIDE = [
    "internal/v1/stream", "%69nternal/v1/stream", "%2569nternal/v1/stream", "/internal/v1/stream", "./internal/v1/stream",
    "%2e/internal/v1/stream", "x/../internal/v1/stream", "x/..;/internal/v1/stream", "x/..;a=b/internal/v1/stream",
    "x/%2e%2e/internal/v1/stream", "x/%252e%252e/internal/v1/stream", "%2Finternal/v1/stream", "%5Cinternal/v1/stream",
    "\\internal/v1/stream", "x/..\\internal/v1/stream", "internal;x=y/v1/stream", ";x/internal/v1/stream", "internal%3Bx/v1/stream",
    "INTERNAL/v1/stream", "internal%00/v1/stream", "internal%20/v1/stream", "internal./v1/stream", "internal%2Fv1/trust/stream",
    "%C0%AFinternal/v1/stream", "..%00/internal/v1/stream", "internal?/v1", "internal#/v1", "metrics", "%6Detrics", "/metrics", "metrics/", "metrics;x",
    "health", "health/ready", "health/live", "%68ealth", "x/../metrics", "internal", "internal/", "../core/internal/v1/stream", "..", "../..", ".", "%2e%2e",
]


def test_nothing_inside_is_reached_through_the_gateway(platform, attacker):
    for service, path in itertools.product(("core", "registry", "gateway"), INSIDE):
        for token in (None, attacker.token):
            answer = send(platform.gateway, "GET", f"/api/{service}/{path}", token=token)
            said = problem(answer, f"/api/{service}/{path}", 400, 401, 403, 404)
            assert b"_total" not in answer.body and b"event:" not in answer.body, said
    for path in ("/api/gateway", "/api/gateway/", "/api/GATEWAY/metrics", "/api/%67ateway/metrics", "/api/gateway%2Fmetrics", "//api/core/internal/v1", "/api//core/internal", "/api/core%2Finternal",
                 "/api/./core/internal/v1", "/api/../internal/v1", "/api/core/../core/internal/v1", "/api/core;x/internal/v1", "http://127.0.0.1/api/core/internal/v1", "*", "core:443"):
        answer = send(platform.gateway, "GET", path, token=attacker.token)
        assert answer.status is None or answer.status in (400, 404), (path, answer)
    for path in ("/.well-known/../internal/v1/stream", "/.well-known/%2e%2e/internal/v1", "/.well-known//internal", "/.well-known/..;/metrics"):
        answer = send(platform.gateway, "GET", path)
        assert answer.status in (400, 404), (path, answer)


def test_another_origin_is_not_let_in(platform, attacker):
    for origin in (OTHER_ORIGIN, "null", platform.gateway + ".evil.example", "http://127.0.0.1", "*", "file://"):
        asked = [("Origin", origin), ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization")]
        for method, headers in (("OPTIONS", asked), ("GET", asked[:1]), ("POST", asked[:1])):
            answer = send(platform.gateway, method, "/api/core/v1/me", headers, token=attacker.token)
            assert "Access-Control-Allow-Origin" not in answer.headers, (origin, method, answer.headers)
            assert "Access-Control-Allow-Credentials" not in answer.headers
