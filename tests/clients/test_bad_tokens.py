"""Every kind of token that must not be believed, at the gateway, at core and at the registry."""

import itertools
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from described import JSON
from described import encoded as json_of
from forge import SECRET, derived, eddsa, encoded, hs256, internal, parts, registration, signing_key, stranger
from running_platform import Platform, call
from test_tokens import ends_within_a_moment
from wire import problem, send


@pytest.fixture(scope="module")
def site():
    with Platform(SECRET_KEY=SECRET, TRUSTED_PROXIES="127.0.0.0/8") as running:
        running.owner = running.sign_up("tokens")
        with_a_service(running)
        yield running


ADDRESSES = itertools.count(1)


def ask(base, path, headers=(), token=None, method="GET", body=None):
    """Each time from another address: the gateway soon listens no more to one with wrong tokens.

    On a busy machine trust may be stale for a moment; the answer then is to try again.
    """
    deadline = time.monotonic() + 20
    while True:
        number = next(ADDRESSES)
        address = [("X-Forwarded-For", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")]
        answer = send(base, method, path, [*headers, *address], body, token)
        if answer.status != 503 or time.monotonic() > deadline:
            return answer


def with_a_service(platform):
    """One that nobody answers for: no request may get that far."""
    body = {"address": "127.0.0.1", "port": 9, "lease_seconds": 3600}
    made = call("POST", f"{platform.registry}/v1/services/orders/instances", body)
    assert made.status == 201, made.body
    platform.wait_for("the service", lambda: call("GET", f"{platform.api}/orders/").status == 401)
    platform.wait_for("trust", lambda: ask(platform.registry, "/v1/services", token="x").status == 401)


def doors(site):
    """Where a person's token is looked at: (what, base, path)."""
    return [
        ("gateway to core", site.gateway, "/api/core/v1/me"),
        ("gateway to registry", site.gateway, "/api/registry/v1/services"),
        ("gateway to a business service", site.gateway, "/api/orders/v1/orders"),
        ("core", site.core, "/v1/me"),
        ("registry", site.registry, "/v1/services"),
    ]


def refused(site, what, token, status=401):
    for door, base, path in doors(site):
        said = problem(ask(base, path, token=token), f"{what} at {door}", status)
        assert token[:20] not in str(said), what


def wrong_tokens(site):
    token = site.owner["access_token"]
    head, claims = parts(token)
    start, _, signature = token.rpartition(".")
    key, now = signing_key(site.data, head["kid"]), int(time.time())
    public = key.public_key().public_bytes_raw()
    sign = lambda changed_head, changed: eddsa(key, head | changed_head, claims | changed)

    # What the real key signed is believed, so that whatever is refused below is refused for itself.
    real = ask(site.core, "/v1/me", token=sign({}, {}))
    assert real.status == 200, real

    yield "no signature", f"{start}."
    yield "a signature cut short", token[:-8]
    yield "another signature", f"{start}.{encoded(bytes(64))}"
    yield "alg none", f"{encoded(head | {'alg': 'none'})}.{encoded(claims)}."
    yield "alg NONE, with a signature", f"{encoded(head | {'alg': 'NONE'})}.{encoded(claims)}.{signature}"
    for name, secret in [("raw", public), ("base64", encoded(public).encode()), ("root", SECRET.encode())]:
        yield f"HS256 with the key {name}", hs256(secret, head | {"alg": "HS256"}, claims)
    for algorithm in ("RS256", "ES256", "PS256", "HS512", "eddsa", "", None, 1):
        yield f"alg {algorithm}", sign({"alg": algorithm}, {})
    yield "a stranger's key under our name", eddsa(stranger(), head, claims)
    for kid in ("", "../../etc/passwd", "' OR 1=1 --", None, 7, "x" * 3000):
        yield f"kid {kid!r}"[:40], sign({"kid": kid}, {})
    mine = stranger()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encoded(mine.public_key().public_bytes_raw())}
    yield "a key of its own in the head", eddsa(mine, head | {"jwk": jwk, "jku": "http://127.0.0.1:9/k"}, claims)
    for typ in ("JWT", "assertion+jwt", "internal+jwt", "registration+jwt", "", None):
        yield f"typ {typ}", sign({"typ": typ}, {})
    yield "altered roles", f"{encoded(head)}.{encoded(claims | {'roles': ['operator']})}.{signature}"
    for issuer in ("https://evil.example", claims["iss"] + "/", "", None, [claims["iss"]]):
        yield f"iss {issuer!r}", sign({}, {"iss": issuer})
    for audience in ("other", "SAAS", "", None, ["other"]):
        yield f"aud {audience!r}", sign({}, {"aud": audience})
    for age in (1, 3600, 10**9):
        yield f"expired {age} s ago", sign({}, {"iat": now - age - 60, "exp": now - age})
    for expiry in (None, "never", -1, 0, 1e300, 2**63):
        yield f"exp {expiry!r}", sign({}, {"exp": expiry})
    yield "from the future", sign({}, {"iat": now + 3600, "exp": now + 7200})
    for name in ("sub", "sid"):
        for value in ("", "nobody", None, 1, "\x00"):
            yield f"{name} {value!r}", sign({}, {name: value})
    for name in ("iss", "aud", "exp", "iat", "sub", "sid"):
        yield f"without {name}", eddsa(key, head, {k: v for k, v in claims.items() if k != name})
    for text in ("[]", "null", "1", '"x"', "{", "", "\x00", "[" * 2000):
        message = f"{encoded(head)}.{encoded(text.encode())}"
        yield f"claims {text[:9]!r}", f"{message}.{encoded(key.sign(message.encode()))}"
        message = f"{encoded(text.encode())}.{encoded(claims)}"
        yield f"a head {text[:9]!r}", f"{message}.{encoded(key.sign(message.encode()))}"
    yield "signed as an assertion", signed_as_assertion(site, head, claims)
    for junk in ("x", ".", "..", "...", "a.b.c", "a.b.c.d.e", "é.é.é", "\xff", "%", "x" * 9000, f"{token}.x", token + "="):
        yield f"junk {junk[:9]!r}", junk


def signed_as_assertion(site, head, claims):
    key = Ed25519PrivateKey.from_private_bytes(derived("assertion"))
    [published] = call("GET", f"{site.gateway}/.well-known/assertion-jwks.json").json()["keys"]
    assert published["x"] == encoded(key.public_key().public_bytes_raw())
    return eddsa(key, head | {"kid": published["kid"]}, claims)


def test_no_wrong_token_opens_anything(site):
    count = 0
    for what, token in wrong_tokens(site):
        refused(site, what, token)
        count += 1
    assert count > 80


def test_a_wrong_authorization_header_opens_nothing(site):
    good = site.owner["access_token"]
    for value in ("", "Bearer", "Bearer ", "Basic YTpi", f"Token {good}", good, f"Bearer {good} x", f"Bearer,{good}", "\xff",
                  f"Bearer  x {good}", f'Bearer "{good}"'):
        for door, base, path in doors(site):
            answer = ask(base, path, [("Authorization", value)])
            problem(answer, f"Authorization: {value[:20]!r} at {door}", 400, 401)
    for door, base, path in doors(site):
        twice = [("Authorization", f"Bearer {good}"), ("Authorization", "Bearer x")]
        for headers in (twice, twice[::-1]):
            answer = ask(base, path, headers)
            assert answer.status in (400, 401), (door, answer)
        answer = ask(base, f"{path}?access_token={good}", [("Authorization", "Bearer x"), ("Cookie", f"access_token={good}")])
        problem(answer, door, 401)


def test_internal_and_registration_tokens_keep_to_their_place(site):
    trust = f"{site.core}/internal/v1/stream"
    routing = "/v1/services/orders/instances"
    instance = {"address": "127.0.0.1", "port": 9}
    now = int(time.time())
    bad = [
        internal("operator", key_of="gateway"),
        internal("gateway", exp=now - 1, iat=now - 61),
        internal("gateway", iat=now + 600, exp=now + 660),
        internal("nobody", key_of="gateway"),
        internal("gateway", exp=None),
        hs256(SECRET.encode(), {"alg": "HS256", "typ": "internal+jwt"}, {"role": "operator", "iat": now, "exp": now + 60}),
        registration("orders", exp=now - 1, iat=now - 61),
        registration("../core"),
        registration(None),
        hs256(derived("internal/core"), {"alg": "HS256", "typ": "registration+jwt"}, {"service": "core", "iat": now, "exp": now + 60}),
    ]
    for token in bad:
        answer = send(site.registry, "POST", routing, [JSON], json_of(instance), token)
        problem(answer, "a wrong internal or registration token", 401)
        problem(ask(site.core, "/internal/v1/stream", token=token), trust, 401)
    for token in (internal("gateway"), internal("operator"), registration("orders")):
        problem(ask(site.core, "/v1/me", token=token), "not a person's", 401)
        problem(ask(site.gateway, "/api/core/v1/me", token=token), "not a person's", 401)
    problem(ask(site.core, "/internal/v1/stream", token=site.owner["access_token"]), "a person's", 401)
    mine = registration("orders")
    for service in ("core", "registry", "gateway", "billing"):
        answer = send(site.registry, "POST", f"/v1/services/{service}/instances", [JSON], json_of(instance), mine)
        problem(answer, service, 403)


def test_a_revoked_token_is_refused_everywhere_soon(site):
    signed_in = site.sign_up("revoked")
    token = signed_in["access_token"]
    sessions = call("GET", f"{site.api}/core/v1/sessions", token=token).json()["items"]
    ended = call("DELETE", f"{site.core}/v1/sessions/{sessions[0]['id']}", token=token)
    assert ended.status == 204, ended.body
    ends_within_a_moment(site, token)
    problem(ask(site.core, "/v1/me", token=token), "core", 401)
    deadline = time.monotonic() + 10
    while ask(site.registry, "/v1/services", token=token).status != 401:
        assert time.monotonic() < deadline, "the registry still accepts the token"
    refresh = call("POST", f"{site.api}/core/v1/auth/refresh", {"refresh_token": signed_in["refresh_token"]})
    assert refresh.status == 401, refresh.body


def test_wrong_refresh_tokens_say_nothing_of_why(site):
    url = f"{site.api}/core/v1/auth/refresh"
    other = site.sign_up("refresher")
    for token in ("x", other["access_token"], other["refresh_token"][:-1], other["refresh_token"] + "x", "\u0000", "é"):
        said = call("POST", url, {"refresh_token": token[:256]})
        assert said.status in (401, 422), said.body
    assert call("POST", url, {"refresh_token": other["refresh_token"]}).status == 200


def test_a_token_of_an_earlier_address_is_of_another_issuer():
    before, after = "http://127.0.0.1:8123", "http://127.0.0.1:8124"
    with Platform(SECRET_KEY=SECRET, PUBLIC_URL=before, TRUSTED_PROXIES="127.0.0.0/8") as platform:
        token = platform.sign_up("moved")["access_token"]
        assert jwt.decode(token, options={"verify_signature": False})["iss"] == before
        platform.kill()
        platform.settings = platform.settings | {"PUBLIC_URL": after}
        platform.start()
        with_a_service(platform)
        refused(platform, "another issuer", token)
