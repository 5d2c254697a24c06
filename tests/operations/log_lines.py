"""What a line of a log has to be, by log-line.schema.json, and what a store of logs makes of it."""

import json
import pathlib

import jsonschema

SCHEMA = json.loads((pathlib.Path(__file__).parent / "log-line.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(SCHEMA)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def read(text):
    """The line as an object, each of its names once."""

    def once(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), f"a name twice: {text}"
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except ValueError as error:
        raise AssertionError(f"no JSON ({error}): {text}") from None


def validate(text):
    line = read(text)
    faults = [f"{fault.json_path}: {fault.message}" for fault in VALIDATOR.iter_errors(line)]
    assert not faults, f"{faults}\n{text}"
    expanded(line)
    return line


def expanded(line):
    """Dotted names as objects, as Filebeat's `expand_keys` makes them; a value in an object's place fails."""
    whole = {}
    for name, value in line.items():
        *above, last = name.split(".")
        at = whole
        for part in above:
            at = at.setdefault(part, {})
            assert isinstance(at, dict), f"{name} is below a value: {line}"
        assert not isinstance(at.get(last), dict), f"{name} is a value and an object: {line}"
        at[last] = value
    return whole
