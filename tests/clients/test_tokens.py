"""Tokens as other people's programs see them."""

import base64
import hashlib
import hmac
import json
import time

import jwt
from running_platform import call


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refused(platform, token):
    answer = call("GET", f"{platform.api}/core/v1/me", token=token)
    assert answer.status == 401, answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    return answer.json()["code"]


def test_a_jwt_library_verifies_a_token_with_the_published_keys(platform):
    token = platform.sign_up("verify")["access_token"]
    keys = call("GET", f"{platform.gateway}/.well-known/jwks.json").json()["keys"]
    header = jwt.get_unverified_header(token)
    [key] = [key for key in keys if key["kid"] == header["kid"]]
    claims = jwt.decode(
        token,
        jwt.PyJWK(key).key,
        algorithms=["EdDSA"],
        audience="saas",
        issuer=platform.gateway,
        options={"require": ["exp", "iat", "sub", "sid", "jti"]},
    )
    assert header["typ"] == "at+jwt" and claims["roles"] == ["owner"]


def test_forged_tokens_are_refused(platform):
    token = platform.sign_up("forge")["access_token"]
    head, body, signature = token.split(".")
    kid = jwt.get_unverified_header(token)["kid"]
    [key] = [key for key in call("GET", f"{platform.gateway}/.well-known/jwks.json").json()["keys"] if key["kid"] == kid]
    refused(platform, f"{part({'alg': 'none', 'typ': 'at+jwt', 'kid': kid})}.{body}.")
    message = f"{part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': kid})}.{body}"
    secret = base64.urlsafe_b64decode(key["x"] + "=")
    mac = hmac.new(secret, message.encode(), hashlib.sha256).digest()
    refused(platform, f"{message}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")
    claims = jwt.decode(token, options={"verify_signature": False})
    refused(platform, f"{head}.{part(claims | {'roles': ['operator']})}.{signature}")
    refused(platform, "no token at all")


def test_a_refresh_token_works_once_and_its_second_use_ends_the_session(platform):
    first = platform.sign_up("refresh")
    url = f"{platform.api}/core/v1/auth/refresh"
    second = call("POST", url, {"refresh_token": first["refresh_token"]})
    assert second.status == 200, second.body
    assert call("POST", url, {"refresh_token": first["refresh_token"]}).status == 401
    assert call("POST", url, {"refresh_token": second.json()["refresh_token"]}).status == 401
    ends_within_a_moment(platform, second.json()["access_token"])


def test_a_logout_reaches_the_gateway(platform):
    signed_in = platform.sign_up("logout")
    token = signed_in["access_token"]
    assert call("GET", f"{platform.api}/core/v1/me", token=token).status == 200
    body = {"refresh_token": signed_in["refresh_token"]}
    assert call("POST", f"{platform.api}/core/v1/auth/logout", body, token=token).status == 204
    ends_within_a_moment(platform, token)


def ends_within_a_moment(platform, token):
    deadline = time.monotonic() + 10
    while call("GET", f"{platform.api}/core/v1/me", token=token).status != 401:
        assert time.monotonic() < deadline, "the token is still accepted"


def test_one_tenant_sees_nothing_of_another(platform):
    mine, theirs = platform.sign_up("mine"), platform.sign_up("theirs")
    members = f"{platform.api}/core/v1/members"
    made = call("POST", members, {"email": "helper@mine.example", "role": "member"}, token=mine["access_token"])
    assert made.status == 201, made.body
    member = f"{members}/{made.json()['member']['id']}"
    assert call("GET", member, token=mine["access_token"]).status == 200
    for method, body in [("GET", None), ("PATCH", {"role": "admin"}), ("DELETE", None)]:
        assert call(method, member, body, token=theirs["access_token"]).status == 404, method
    listed = call("GET", members, token=theirs["access_token"]).json()["items"]
    assert len(listed) == 1
