#!/usr/bin/env python3
"""Writes docs/API_REFERENCE.md and its translation from the descriptions in docs/openapi.

    scripts/api-reference.py           writes
    scripts/api-reference.py --check   says whether they are up to date

What stands before the operations is in api_reference_words.py; the operations themselves are
described in the code, in English.
"""

import json
import pathlib
import re
import sys

from api_reference_words import WORDS

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
SERVICES = ("core", "registry")
# Where the description gives the range in words, a bare lower bound of the type says nothing.
UNSIGNED = 0


class Service:
    def __init__(self, name):
        self.name = name
        description = json.loads((DOCS / f"openapi/{name}.json").read_text())
        self.tags = {tag["name"]: tag["description"] for tag in description["tags"]}
        self.schemas = description["components"]["schemas"]
        self.operations = [
            Operation(self, method, path, operation)
            for path, methods in description["paths"].items()
            for method, operation in methods.items()
        ]
        self.names = {json.dumps(schema, sort_keys=True): name for name, schema in self.schemas.items()}


class Operation:
    def __init__(self, service, method, path, described):
        self.service, self.method, self.described = service, method.upper(), described
        self.anchor = f"{service.name}-{described['operationId'].replace('_', '-')}"
        [self.tag] = described["tags"]
        self.is_internal = path.startswith("/internal/")
        self.path = path
        # Convention routes lead to every path; these two lie at the root as well.
        self.address = path if self.is_internal or path.startswith("/.well-known/") else f"/api/{service.name}{path}"
        self.summary = described["summary"].rstrip(".")
        self.description = one_line(described.get("description", ""))
        self.parameters = described.get("parameters", [])

    def body(self):
        return self.described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")

    def needs(self, words):
        """What the caller has to show, in a few words."""
        if permission := self.described.get("x-permission"):
            permissions = permission if isinstance(permission, list) else [permission]
            return words["or"].join(f"`{each}`" for each in permissions)
        security = self.described.get("security")
        if not security:
            return words["refresh token" if self.described["operationId"] == "refresh" else "nothing"]
        if {} in security:
            return words["token or cookie"]
        if self.is_internal:
            return words["internal token"]
        found = [f"`{name}`" for name in re.findall(r"permission `([a-z.]+:[a-z]+)`", self.description)]
        if re.search("registration token|what registering takes", self.description):
            found.append(words["registration token"])
        if "METRICS_TOKEN" in self.description:
            found.append("`METRICS_TOKEN`")
        return words["or"].join(found) or words["signed in"]

    def statuses(self):
        """The errors that can be expected of it beside those of every request."""
        names = {parameter["name"] for parameter in self.parameters}
        places = {parameter["in"] for parameter in self.parameters}
        found = set()
        if self.described.get("security"):
            found |= {401, 403}
        if self.body():
            found |= {400, 413, 415, 422}
        if "query" in places:
            found.add(400)
        if "path" in places:
            found.add(404)
        if "Idempotency-Key" in names or self.described["operationId"] in ("change_route",):
            found.add(409)
        if "If-Match" in names:
            found.add(412)
        if self.path.startswith("/v1/auth/"):
            found |= {401, 403, 429}
        if self.described["operationId"] == "accept_invitation":
            found |= {404, 409, 429}
        return sorted(found)


def one_line(text):
    return re.sub(r"\s*\n\s*", " ", text.strip())


def cell(text):
    return one_line(text).replace("|", "\\|")


def link(text, target):
    return f"[{text}](#{target})"


def reference(schema):
    return schema.get("$ref", "").rpartition("/")[2]


def type_of(service, schema, words):
    """In words, with links to the objects below."""
    if name := reference(schema):
        return link(name, f"{service.name}-object-{name.lower()}")
    if name := service.names.get(json.dumps(schema, sort_keys=True)):
        return link(name, f"{service.name}-object-{name.lower()}")
    for kind in ("oneOf", "anyOf", "allOf"):
        if kind in schema:
            return words["or"].join("null" if each.get("type") == "null" else type_of(service, each, words) for each in schema[kind])
    kinds = schema.get("type", "any")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    named = []
    for kind in kinds:
        if kind == "array":
            named.append(words["list of"].format(type_of(service, schema["items"], words)))
        elif kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            named.append(words["map of"].format(type_of(service, schema["additionalProperties"], words)))
        elif kind == "string" and schema.get("format") in ("uuid", "date-time"):
            named.append(words[schema["format"]])
        else:
            named.append(kind)
    return words["or"].join(named)


def limits_of(schema, words):
    said = []
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is not None:
        said.append(f"{low} … {high}" if low is not None else f"≤ {high}")
    elif low not in (None, UNSIGNED):
        said.append(f"≥ {low}")
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    if longest is not None:
        said.append(words["characters"].format(f"{shortest} … {longest}" if shortest else f"≤ {longest}"))
    if "enum" in schema:
        said.append(", ".join(f"`{value}`" for value in schema["enum"]))
    if schema.get("default") is not None:
        said.append(f"default `{json.dumps(schema['default'], ensure_ascii=False)}`")
    return "; ".join(said)


def properties(service, schema):
    """Fields of an object, those of its parts included, as (name, schema, is required)."""
    if name := reference(schema):
        return properties(service, service.schemas[name])
    parts = [*schema.get("allOf", []), *schema.get("oneOf", [])]
    found = [field for part in parts for field in properties(service, part)]
    required = schema.get("required", [])
    return found + [(name, field, name in required) for name, field in schema.get("properties", {}).items()]


def field_table(service, schema, words, head="field head"):
    lines = [words[head], "|---|---|---|---|"]
    for name, field, is_required in properties(service, schema):
        limits = limits_of(field | (service.schemas.get(reference(field), {}) if reference(field) else {}), words)
        meaning = cell(field.get("description", ""))
        if not meaning and "oneOf" in field:
            meaning = cell(next((part["description"] for part in field["oneOf"] if "description" in part), ""))
        meaning += f" ({limits})" if limits else ""
        lines.append(f"| `{name}` | {type_of(service, field, words)} | {words['yes'] if is_required else ''} | {meaning.strip()} |")
    return lines


def answers(operation, words):
    lines = []
    for status, answer in operation.described["responses"].items():
        if status == "default":
            continue
        content = answer.get("content", {})
        [(kind, described)] = content.items() if content else [("", {})]
        schema = described.get("schema")
        what = words["empty"] if not kind else f"`{kind}`" if kind != "application/json" else ""
        if schema and kind == "application/json":
            what = page_or(operation.service, schema, words)
        said = cell(answer.get("description", ""))
        lines.append(f"- **{status}** {what}{': ' + said if said else ''}")
    known = operation.statuses()
    if known:
        lines.append(f"- {words['errors']}{', '.join(link(str(status), f'error-{status}') for status in known)}")
    return lines


def page_or(service, schema, words):
    name = reference(schema)
    if name.startswith("Page_"):
        items = name.removeprefix("Page_")
        item = service.schemas[name]["properties"]["items"]["items"]
        service.names.setdefault(json.dumps(item, sort_keys=True), items)
        service.schemas.setdefault(items, item)
        return link(words["page of"].format(items), f"{service.name}-object-{items.lower()}")
    return type_of(service, schema, words)


def operation_section(operation, words):
    lines = [f'<a id="{operation.anchor}"></a>', f"#### {operation.method} `{operation.address}`", ""]
    lines += [f"{operation.summary}. {operation.description}".strip(), ""]
    lines += [f"{words['needs']}{operation.needs(words)}{words['stop']}{words['not outside'] if operation.is_internal else ''}", ""]
    if operation.parameters:
        lines += [words["parameter head"], "|---|---|---|---|---|"]
        for parameter in operation.parameters:
            schema = parameter["schema"]
            limits = limits_of(schema | operation.service.schemas.get(reference(schema), {}), words)
            meaning = cell(parameter.get("description", "")) + (f" ({limits})" if limits else "")
            kind = type_of(operation.service, schema, words).replace(f"{words['or']}null", "")
            lines.append(f"| `{parameter['name']}` | {words[parameter['in']]} | {kind} | {words['yes'] if parameter.get('required') else ''} | {meaning.strip()} |")
        lines.append("")
    if body := operation.body():
        optional = "" if operation.described["requestBody"].get("required") else words["optional"]
        lines += [words["body"] + optional, "", *field_table(operation.service, body, words, "body head"), ""]
    return [*lines, words["answer"], "", *answers(operation, words), ""]


def object_section(service, name, words):
    schema = service.schemas[name]
    lines = [f'<a id="{service.name}-object-{name.lower()}"></a>', f"#### {name}", "", one_line(schema.get("description", "")), ""]
    if "enum" in schema:
        return [*lines, f"{words['one of']} {', '.join(f'`{value}`' for value in schema['enum'])}{words['stop']}", ""]
    return [*lines, *field_table(service, schema, words), ""] if properties(service, schema) else lines


def write(language):
    words = WORDS[language]
    services = [Service(name) for name in SERVICES]
    body, index = [], [words["index head"], "|---|---|---|---|"]
    for service in services:
        body += [f'<a id="{service.name}"></a>', f"## {words[service.name]}", ""]
        for tag, meaning in service.tags.items():
            operations = [operation for operation in service.operations if operation.tag == tag]
            if not operations:
                continue
            body += [f'<a id="{service.name}-{tag}"></a>', f"### {service.name}: {tag}", "", meaning, ""]
            index.append(f"| **{link(f'{service.name}: {tag}', f'{service.name}-{tag}')}** | | {cell(meaning)} | |")
            for operation in operations:
                index.append(
                    f"| {operation.method} | {link(f'`{operation.address}`', operation.anchor)} "
                    f"| {cell(operation.summary)} | {operation.needs(words)} |"
                )
                body += operation_section(operation, words)
        shown = [name for name in sorted(service.schemas) if not name.startswith("Page_") and not name.endswith(("Request", "Definition", "Change"))]
        body += [f'<a id="{service.name}-objects"></a>', f"### {words['objects'].format(service.name)}", "", words["objects text"], ""]
        for name in shown:
            body += object_section(service, name, words)
    text = words["head"].replace("@INDEX@", "\n".join(index))
    return text.rstrip("\n") + "\n\n" + "\n".join(body).rstrip("\n") + "\n"


def main(arguments):
    stale = []
    for language, path in (("en", DOCS / "API_REFERENCE.md"), ("zh-CN", DOCS / "zh-CN/API_REFERENCE.md")):
        text = write(language)
        if arguments == ["--check"]:
            if not path.exists() or path.read_text() != text:
                stale.append(str(path.relative_to(DOCS.parent)))
        else:
            path.write_text(text)
            print(path.relative_to(DOCS.parent))
    if stale:
        sys.exit(f"stale, `make openapi` renews: {', '.join(stale)}")


if __name__ == "__main__":
    main(sys.argv[1:])
