"""The API as its OpenAPI descriptions have it, and the wrong inputs that follow from them."""

import gzip
import json
import pathlib

DESCRIPTIONS = pathlib.Path(__file__).resolve().parent.parent / "docs/openapi"
SOME_ID = "019a1b2c-3d4e-7f00-8000-000000000000"
LONG = "x" * 100_000
JSON = ("Content-Type", "application/json")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Operation:
    def __init__(self, service, document, path, method, described):
        self.service, self.document = service, document
        self.path, self.method = path, method.upper()
        self.parameters = described.get("parameters", [])
        self.is_open = not described.get("security") or {} in described["security"]
        body = described.get("requestBody")
        self.body = self.resolved(body["content"]["application/json"]["schema"]) if body else None
        self.must_have_body = bool(body and body.get("required"))

    def __str__(self):
        return f"{self.service} {self.method} {self.path}"

    def resolved(self, schema):
        """Without references, and without the `null` that an optional field allows."""
        if "$ref" in schema:
            target = self.document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            return self.resolved(target)
        if "oneOf" in schema:
            [real] = [each for each in schema["oneOf"] if each.get("type") != "null"]
            return self.resolved(real)
        return schema

    def of(self, place):
        return [parameter for parameter in self.parameters if parameter["in"] == place]

    def target(self, query="", **values):
        path = self.path
        for parameter in self.of("path"):
            name = parameter["name"]
            path = path.replace(f"{{{name}}}", values.get(name, "orders" if name == "service" else SOME_ID))
        return f"{path}?{query}" if query else path


def operations(service):
    """All but streams, which have no end."""
    document = json.loads((DESCRIPTIONS / f"{service}.json").read_text())
    return [
        Operation(service, document, path, method, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        if not path.endswith("/stream")
    ]


def kind(schema):
    types = schema.get("type", "object")
    return next(each for each in types if each != "null") if isinstance(types, list) else types


def example(operation, schema):
    """Something sound, with the required fields alone."""
    schema = operation.resolved(schema)
    match kind(schema):
        case "object":
            required = schema.get("required", [])
            return {name: example(operation, schema["properties"][name]) for name in required}
        case "array":
            return []
        case "integer":
            return schema.get("minimum", 1)
        case "boolean":
            return True
    if "enum" in schema:
        return schema["enum"][0]
    known = {"email": "somebody@bad.example", "uuid": SOME_ID}
    return schema.get("example") or known.get(schema.get("format"), "/a kettle and some leaves")


WRONG = {
    "string": [1, 1.5, True, [], {}, ["x"]],
    "integer": ["x", "1", 1.5, -1, 2**64, True, [], {}],
    "boolean": ["true", 1, [], {}],
    "array": ["x", 1, {}, [1], [None], [[]]],
    "object": ["x", 1, [], True],
}


def encoded(value):
    return json.dumps(value).encode()


def replaced(body, name, raw):
    """The body with one field given as raw JSON."""
    rest = {key: value for key, value in body.items() if key != name}
    fields = [f"{json.dumps(key)}:{json.dumps(value)}".encode() for key, value in rest.items()]
    return b"{" + b",".join([*fields, json.dumps(name).encode() + b":" + raw]) + b"}"


def wrong_bodies(operation):
    """Each is (what, headers, body, statuses, pointer); an empty pointer says nothing of where."""
    body = example(operation, operation.body)
    good = encoded(body)
    for name, schema in operation.body.get("properties", {}).items():
        schema, pointer = operation.resolved(schema), f"/{name}"
        is_required = name in operation.body.get("required", [])
        for value in WRONG[kind(schema)]:
            yield f"{name}={value!r}", [JSON], replaced(body, name, encoded(value)), (422,), pointer
        for raw in (b"1e999", b"NaN", b"-", b'"\\ud800"', b'"\xff\xfe"', b'"\xc0\x80"', b'"\n"'):
            yield f"{name}={raw!r}", [JSON], replaced(body, name, raw), (400, 422), ""
        if is_required:
            rest = {key: value for key, value in body.items() if key != name}
            yield f"{name} is missing", [JSON], encoded(rest), (422,), pointer
            yield f"{name} is null", [JSON], replaced(body, name, b"null"), (422,), pointer
        if name in body:
            twice = good[:-1] + b"," + replaced({}, name, encoded(body[name]))[1:]
            yield f"{name} is there twice", [JSON], twice, (422,), pointer
        if kind(schema) == "string":
            yield f"{name} is long", [JSON], replaced(body, name, encoded(LONG)), (422,), pointer
    closed = operation.body.get("additionalProperties") is False
    if closed:
        yield "an unknown field", [JSON], replaced(body, "unknown~/", b"1"), (422,), "/unknown~0~1"
    for raw in (b"[]", b"[1]", b'"x"', b"1", b"true", b"1.5e3"):
        yield f"the body is {raw}", [JSON], raw, (422,), ""
    for raw in (b"{", b"}", b"\x00", b"{]", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf" + good, good + b"x", good + good):
        yield f"the body is {raw[:20]}", [JSON], raw, (400,), ""
    for opening in (b"[", b'{"a":'):
        yield f"{opening} 100 000 times", [JSON], opening * 100_000, (400, 422), ""
    if closed:
        deep = replaced(body, "unknown", b"[" * 100_000 + b"]" * 100_000)
        yield "an unknown field, deep", [JSON], deep, (400, 422), ""
    if operation.must_have_body:
        yield "no body", [JSON], None, (400,), ""
        yield "an empty body", [JSON], b"", (400,), ""
        yield "null", [JSON], b"null", (422,), ""
    yield "nobody says what it is", [], good, (415,), ""
    for other in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", "\xff"):
        yield f"it is said to be {other!r}", [("Content-Type", other)], good, (415,), ""
    packed = [JSON, ("Content-Encoding", "gzip")]
    yield "the body is packed", packed, gzip.compress(good), (415,), ""
    yield "the body is huge", [JSON], b'"' + b"x" * (2 << 20) + b'"', (413,), ""


def odd_bodies(operation):
    """What may be right or wrong, but is no reason to fall over: (what, body)."""
    body = example(operation, operation.body)
    texts = ["", " ", "\0", "a\0b", "\x01", "\x7f", "\x85", "\u2028", "\u202eabc", "🙂" * 60, "A" * 201, "' OR 1=1 --",
             "%s%n", "../../etc/passwd", "${jndi:ldap://x}", "<script>", "a\ufeff", "é" * 128]
    for name, schema in operation.body.get("properties", {}).items():
        schema = operation.resolved(schema)
        values = texts if kind(schema) == "string" else []
        if kind(schema) == "integer":
            values = [0, 1, 65535, 65536, 2**31, 2**31 - 1, 2**32, -(2**63), 2**63]
        elif kind(schema) == "array":
            values = [[text] for text in texts] + [["x"] * 5000]
        elif kind(schema) == "object":
            values = [{text: text} for text in texts] + [{str(n): "x" for n in range(5000)}]
        for value in values:
            yield f"{name}={value!r}"[:60], replaced(body, name, encoded(value))


def wrong_queries(operation):
    """Each is (what, query, has to be refused)."""
    for parameter in operation.of("query"):
        name, schema = parameter["name"], operation.resolved(parameter["schema"])
        sort = kind(schema)
        wrong = {"integer": ["x", "", "-1", "1.5", "1e3", "0x10", "9" * 30], "boolean": ["x", "", "1", "TRUE"]}.get(sort, [])
        if "maximum" in schema:
            wrong.append(str(schema["maximum"] + 1))
        if "enum" in schema or schema.get("format") == "uuid":
            wrong += ["x", "", "%00", "%F0%9F%99%82"]
        if name == "cursor":
            wrong += ["x", "!", "bnVsbA", "W10", "e30", "MQ", "IngiIQ", "%00", "A" * 2000]
        if name == "sort":
            wrong += ["password", "-", "--created_at", "created_at;drop", "%00", "x" * 100]
        for value in wrong:
            yield f"{name}={value}"[:60], f"{name}={value}", True
        some = {"integer": "5", "boolean": "true"}.get(sort, "x")
        yield f"{name} twice", f"{name}={some}&{name}={some}", True
        for value in ("%00", "%ff", "%", "%zz", "+", "%F0%9F%99%82", "%25", "'", "x" * 5000):
            yield f"{name}={value}"[:60], f"{name}={value}", False


WRONG_SEGMENTS = ("x%00", "%ff", "%zz", "%", "a%2Fb", "..%2F..", "%2e%2e", "'", "%F0%9F%99%82", "x" * 5000, "a%20b", "-", "%0d%0aX:1", "{}")


def wrong_headers(operation):
    """Each is (what, headers): all have to be refused."""
    names = {parameter["name"] for parameter in operation.of("header")}
    if "If-Match" in names:
        for value in ("3", '"', "x", '"a', "\xff", "3, 4"):
            yield f"If-Match: {value}", [("If-Match", value)]
    if "Idempotency-Key" in names:
        for value in ("", "a b", "x" * 256, "\xff", "é", "\t"):
            yield f"Idempotency-Key: {value}"[:60], [("Idempotency-Key", value)]
        yield "Idempotency-Key twice", [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    # Elsewhere it is not needed, and not looked at.
    if "X-Saas-Session" in names and operation.is_open:
        for value in ("x", "\xff", ""):
            yield f"X-Saas-Session: {value}", [("X-Saas-Session", value)]
