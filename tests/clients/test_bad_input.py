"""Wrong input for every operation of the OpenAPI descriptions: an operation that is added is covered.

Each answer is a 4xx that says what to do; where a field is to blame, it is named by its pointer.
"""

import pytest
from callers import fitting, operator, service_token
from described import (JSON, SOME_ID, WRONG_SEGMENTS, encoded, example, odd_bodies, operations, wrong_bodies, wrong_headers,
                       wrong_queries)
from forge import SECRET, internal
from running_platform import Platform
from wire import problem, send

OPERATIONS = operations("core") + operations("registry")
WITH_BODY = [operation for operation in OPERATIONS if operation.body]


@pytest.fixture(scope="module")
def site():
    with Platform(SECRET_KEY=SECRET) as running:
        owner = running.sign_up("bad")["access_token"]
        running.tokens = [operator(running), owner, service_token(running), internal("gateway")]
        running.chosen = {}
        yield running


def caller(site, operation):
    """A token for the operation, which is looked at before anything else."""
    key = str(operation)
    if key not in site.chosen:
        base = getattr(site, operation.service)
        is_open = operation.is_open and operation.service == "core"
        # Internal tokens last a minute.
        site.tokens[-1] = internal("gateway")
        site.chosen[key] = None if is_open else fitting(base, operation, site.tokens)
        assert is_open or site.chosen[key], f"no token opens {operation}"
    return internal("gateway") if "/internal/" in operation.path else site.chosen[key]


def doors(site, operation):
    yield "directly", getattr(site, operation.service), ""
    # Internal and registration tokens are not taken there.
    if "/internal/" not in operation.path and site.chosen.get(str(operation)) != site.tokens[2]:
        yield "by way of the gateway", site.gateway, f"/api/{operation.service}"


def ask(site, operation, target, headers=(), body=None, door=None):
    _, base, prefix = door or next(doors(site, operation))
    return send(base, operation.method, prefix + target, headers, body, caller(site, operation))


def sound_body(operation):
    return ([JSON], encoded(example(operation, operation.body))) if operation.body else ([], None)


def named(operation):
    return str(operation)


@pytest.mark.parametrize("operation", WITH_BODY, ids=named)
def test_bodies(site, operation):
    for what, headers, body, statuses, pointer in wrong_bodies(operation):
        told = f"{operation}: {what}"
        said = problem(ask(site, operation, operation.target(), headers, body), told, *statuses)
        if pointer:
            pointers = [error["pointer"] for error in said["errors"]]
            # The element of a list, rather than the list, where one is to blame.
            assert len(pointers) == 1 and pointers[0].startswith(pointer), f"{told}: {said}"
    for what, body in odd_bodies(operation):
        answer = ask(site, operation, operation.target(), [JSON], body)
        if answer.status is None or answer.status >= 300:
            problem(answer, f"{operation}: {what}")


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_queries_paths_and_headers(site, operation):
    kind, body = sound_body(operation)
    caller(site, operation)
    for door in doors(site, operation):
        for what, query, is_wrong in wrong_queries(operation):
            answer = ask(site, operation, operation.target(query), kind, body, door)
            if is_wrong or answer.status is None or answer.status >= 300:
                problem(answer, f"{operation} {door[0]}: {what}")
        for parameter in operation.of("path"):
            for value in WRONG_SEGMENTS:
                target = operation.target(**{parameter["name"]: value})
                answer = ask(site, operation, target, kind, body, door)
                if value == "-" or answer.status is None or answer.status >= 300:
                    problem(answer, f"{operation} {door[0]}: {parameter['name']}={value[:20]}")
        for what, headers in wrong_headers(operation):
            answer = ask(site, operation, operation.target(), [*kind, *headers], body, door)
            problem(answer, f"{operation} {door[0]}: {what}", 400)


PATHS = {}
for each in OPERATIONS:
    PATHS.setdefault((each.service, each.path), []).append(each)


@pytest.mark.parametrize("known", PATHS.values(), ids=lambda known: f"{known[0].service} {known[0].path}")
def test_methods(site, known):
    methods = {operation.method for operation in known}
    for what, base, prefix in doors(site, known[0]):
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "get"):
            if method in methods or (method == "HEAD" and "GET" in methods):
                continue
            answer = send(base, method, prefix + known[0].target(), token=site.tokens[0])
            told = f"{method} {known[0].path} {what}"
            assert answer.status == 405, f"{told}: {answer}"
            if method != "HEAD":
                problem(answer, told, 405)


def test_what_is_not_there(site):
    for service, base in (("core", site.core), ("registry", site.registry)):
        for path in ("/", "/v1", "/v1/", "/v2/me", "/v1/nothing", "/v1/me/", "//v1/me", "/v1/%6De/x", "/V1/ME", "/v1/" + "x" * 7000):
            for method in ("GET", "POST", "DELETE"):
                problem(send(base, method, path, token=site.tokens[0]), f"{method} {path}"[:60], 404)
                answer = send(site.gateway, method, f"/api/{service}{path}", token=site.tokens[0])
                problem(answer, f"{method} {service} {path} through the gateway"[:60], 400, 404)
