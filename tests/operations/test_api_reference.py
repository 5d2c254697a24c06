"""docs/API_REFERENCE.md and its translation, held against the descriptions and the source."""

import json
import pathlib
import re
import subprocess
import sys

import pytest
from running_platform import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from api_reference_words import CODES, MEANINGS, WORDS  # noqa: E402

DOCUMENTS = [ROOT / "docs/API_REFERENCE.md", ROOT / "docs/zh-CN/API_REFERENCE.md"]
DESCRIBED = {name: json.loads((ROOT / f"docs/openapi/{name}.json").read_text()) for name in ("core", "registry")}
OPERATIONS = [
    (service, method.upper(), path, operation)
    for service, description in DESCRIBED.items()
    for path, methods in description["paths"].items()
    for method, operation in methods.items()
]
CONSTRUCTORS = {
    "bad_request": 400, "malformed": 400, "unauthorized": 401, "invalid_token": 401, "forbidden": 403, "conflict": 409,
    "too_many": 429, "unavailable": 503,
}
STATUSES = {
    "BAD_REQUEST": 400, "UNAUTHORIZED": 401, "FORBIDDEN": 403, "NOT_FOUND": 404, "METHOD_NOT_ALLOWED": 405, "REQUEST_TIMEOUT": 408,
    "CONFLICT": 409, "PRECONDITION_FAILED": 412, "PAYLOAD_TOO_LARGE": 413, "URI_TOO_LONG": 414, "UNSUPPORTED_MEDIA_TYPE": 415,
    "UNPROCESSABLE_ENTITY": 422, "TOO_MANY_REQUESTS": 429, "REQUEST_HEADER_FIELDS_TOO_LARGE": 431, "INTERNAL_SERVER_ERROR": 500,
    "BAD_GATEWAY": 502, "SERVICE_UNAVAILABLE": 503, "GATEWAY_TIMEOUT": 504, "LOOP_DETECTED": 508,
}


@pytest.fixture(params=DOCUMENTS, ids=lambda path: path.parent.name)
def document(request):
    return request.param.read_text()


def section(document, anchor):
    begun = document.index(f'<a id="{anchor}"></a>')
    return document[begun:document.find("\n<a id=", begun + 1)]


def test_every_operation_is_listed_and_described_with_what_it_takes(document):
    index = document[:document.index('<a id="addresses">')]
    assert len(OPERATIONS) > 40
    for service, method, path, operation in OPERATIONS:
        address = path if path.startswith(("/internal/", "/.well-known/")) else f"/api/{service}{path}"
        anchor = f"{service}-{operation['operationId'].replace('_', '-')}"
        assert f"| {method} | [`{address}`](#{anchor}) | " in index, address
        described = section(document, anchor)
        assert f"#### {method} `{address}`\n" in described
        assert operation["summary"].rstrip(".") in described
        for parameter in operation.get("parameters", []):
            assert f"| `{parameter['name']}` | " in described, f"{anchor}: {parameter['name']}"
        permission = operation.get("x-permission", [])
        for name in [permission] if isinstance(permission, str) else permission:
            assert f"`{name}`" in described, anchor
        if body := operation.get("requestBody"):
            schema = json.dumps(body["content"]["application/json"]["schema"])
            [name] = re.findall('"#/components/schemas/([^"]+)"', schema)
            for field in DESCRIBED[service]["components"]["schemas"][name]["properties"]:
                assert f"| `{field}` | " in described, f"{anchor}: {field}"
        for status in operation["responses"]:
            assert status == "default" or f"- **{status}** " in described, anchor


def test_every_link_leads_somewhere(document):
    anchors = re.findall(r'<a id="([^"]+)"></a>', document)
    assert len(anchors) == len(set(anchors))
    missing = set(re.findall(r"\]\(#([^)]+)\)", document)) - set(anchors)
    assert not missing
    # Every row of a table has as many cells as its head.
    for table in re.findall(r"(?:^\|.*\|\n)+", document, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table[:300]


def test_both_languages_have_the_same_parts():
    english, chinese = (path.read_text() for path in DOCUMENTS)
    assert re.findall(r'<a id="([^"]+)">', english) == re.findall(r'<a id="([^"]+)">', chinese)
    assert WORDS["en"].keys() == WORDS["zh-CN"].keys()
    assert all(set(meanings) == set(CODES) for meanings in MEANINGS.values())


def test_every_code_of_the_source_is_among_the_errors_with_its_status():
    found = set()
    for crate in ("web", "core", "registry", "gateway"):
        for path in (ROOT / f"backend/{crate}/src").rglob("*.rs"):
            source = path.read_text().split("#[cfg(test)]")[0]
            for how, code in re.findall(r'(?:Problem|Refusal|Self)::(\w+)\(\s*"([a-z_]+)"', source):
                if how in CONSTRUCTORS:
                    found.add((CONSTRUCTORS[how], code))
            for name, code in re.findall(r'StatusCode::([A-Z_]+),\s*"([a-z_]+)"', source):
                found.add((STATUSES.get(name), code))
    # /health says these two, as no problem.
    found -= {(503, "unavailable"), (None, "ok")}
    documented = {(status, code) for status, codes in CODES.items() for code in codes.split()}
    assert len(found) > 60
    assert not found - documented
    # Those are named by a constant, or made elsewhere than where their status stands.
    sources = "".join(path.read_text() for crate in ("web", "core", "registry", "gateway") for path in (ROOT / f"backend/{crate}/src").rglob("*.rs"))
    assert not [code for status, code in documented - found if f'"{code}"' not in sources]


def test_a_stale_reference_is_noticed(tmp_path):
    for folder in ("docs", "scripts"):
        subprocess.run(["cp", "-r", ROOT / folder, tmp_path], check=True)
    check = [sys.executable, tmp_path / "scripts/api-reference.py", "--check"]
    assert subprocess.run(check).returncode == 0
    description = pathlib.Path(tmp_path / "docs/openapi/core.json")
    description.write_text(description.read_text().replace("Sign in.", "Come in."))
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 1 and "docs/API_REFERENCE.md, docs/zh-CN/API_REFERENCE.md" in done.stderr, done
