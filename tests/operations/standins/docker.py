"""What `docker` is on the machine that tests/operations/machine.py makes: no containers, but the
memory of which would run. The real stack is run by tests/deploy.

The file named by STANDIN_STATE says what exists and what goes wrong, and keeps every call.
"""

import fcntl
import json
import os
import pathlib
import re
import sys
import time

STATE = pathlib.Path(os.environ["STANDIN_STATE"])
SERVICES = ("registry", "core", "gateway", "gateway-b", "frontend", "backup")


class State(dict):
    """Read, changed and written while nobody else does."""

    def __enter__(self):
        self.lock = open(STATE.with_suffix(".lock"), "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.clear()
        self.update(json.loads(STATE.read_text()))
        return self

    def __exit__(self, *_):
        new = STATE.with_suffix(".new")
        new.write_text(json.dumps(self))
        new.rename(STATE)
        self.lock.close()


def main(words):
    with State() as state:
        state["calls"].append(" ".join(words))
    match words:
        case ["compose", "version"] | ["info", *_]:
            return 0
        case ["compose", "-f", file, *rest]:
            rest = rest[2:] if rest[:1] == ["--project-directory"] else rest
            return compose(file, *rest)
        case ["inspect", "--format", form, *names]:
            return max(inspect(form, name) for name in names)
        case ["pull", "--quiet", image]:
            name, _, digest = image.partition("@")
            with State() as state:
                if state.get("digests", {}).get(name.rpartition("saas-")[2]) != digest:
                    return wrong(f"manifest for {digest} not found")
                state["local"].append(digest)
            return 0
        case ["tag", image, name]:
            with State() as state:
                if image.partition("@")[2] not in state["local"]:
                    return wrong(f"no such image: {image}")
                state["local"] = sorted({*state["local"], name.rpartition(":")[2]})
                state["named"] = state.get("named", []) + [f"{image} {name}"]
            return 0
        case ["image", "inspect", "--format", "{{.Id}}", image]:
            known = dict(reversed(line.split()) for line in State().__enter__().get("named", []))
            print(known.get(image, image).partition("@")[2] or image)
            return 0
        case ["image", "inspect", image]:
            return 0 if image.rpartition(":")[2] in State().__enter__()["local"] else 1
        case ["exec", "saas_traefik", "cat", _]:
            print(State().__enter__()["routes_seen"], end="")
            return 0
    return wrong(f"unexpected: {words}")


def compose(file, what, *words):
    tag = os.environ.get("IMAGE_TAG") or setting("IMAGE_TAG")
    # What a real one would take from the shell, and not from .env.
    assert not {"DOMAIN", "SECRET_KEY"} & os.environ.keys()
    assert pathlib.Path(file).is_file(), file
    match what:
        case "pull":
            if words == ("--quiet", "traefik"):
                return 0
            wait_for_leave(f"pull {tag}")
            with State() as state:
                if tag not in state["published"]:
                    return wrong(f"manifest for {tag} not found", int(not state.get("forgiving_pull")))
                state["local"] = sorted({*state["local"], tag})
            return 0
        case "run":
            assert words == ("--rm", "-T", "--no-deps", "migrate"), words
            with State() as state:
                return wrong("cannot migrate") if tag in state["migration_fails"] else 0
        case "up":
            assert "--no-build" in words and "--wait" in words, words
            named = [word for word in words if word in (*SERVICES, "traefik")] or [*SERVICES, "traefik"]
            return max(up(service, tag, "--force-recreate" in words) for service in named)
        case "logs":
            service = "all" if words[-1].isdigit() else words[-1]
            print(f"log of {service}: key {setting('SECRET_KEY')}, address redis://:{setting('REDIS_PASSWORD')}@redis")
            print(*State().__enter__().get("says", []), sep="\n")
            return 0
        case "config" if words == ("--quiet",):
            with State() as state:
                return wrong(f"required variable {state['demanded']} is missing a value") if state.get("demanded") else 0
        case "config":
            print(words[-1], "0123" if "mem_limit: 1g" in pathlib.Path(file).read_text() else "4567")
            return 0
    return wrong(f"unexpected: {what} {words}")


def up(service, tag, anew):
    with State() as state:
        if service != "traefik" and tag not in state["local"]:
            return wrong(f"no image of {service} with tag {tag}")
        # A container that runs as described is left alone.
        if service == "traefik":
            if anew or state["running"].get(service) is None:
                state["routes_seen"] = pathlib.Path("docker/traefik/dynamic.yml").read_text()
                state["edges"] += 1
            tag = "v3"
        state["running"][service] = tag
        sick = service in state["sick"].get(tag, [])
    wait_for_leave(f"{service} {tag}")
    return wrong(f"container {service} is unhealthy") if sick else 0


def wait_for_leave(what):
    """A test that wants to look in the middle says when it goes on."""
    leave = State().__enter__().get("held", {}).get(what)
    deadline = time.monotonic() + 30
    while leave and not pathlib.Path(leave).exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def inspect(form, name):
    state = State().__enter__()
    service = name.removeprefix("saas_").removesuffix("_prod").replace("_", "-")
    tag = state["running"].get(service)
    if tag is None:
        return wrong("no such container")
    said = {
        "{{.Name}}": f"/{name}",
        "{{.Config.Image}}": f"{setting('IMAGE_PREFIX')}saas-{service.removesuffix('-b')}:{tag}",
        "{{if .State.Health}}{{.State.Health.Status}}{{end}}": "unhealthy" if service in state["sick"].get(tag, []) else "healthy",
    }
    for field, value in said.items():
        form = form.replace(field, value)
    assert "{{" not in form, form
    print(form)
    return 0


def setting(name):
    found = re.findall(rf"(?m)^ *(?:export +)?{name} *= *([\"']?)(.*?)\1 *(?:# .*)?\r?$", pathlib.Path(".env").read_text())
    return found[-1][1] if found else ""


def wrong(sentence, status=1):
    print(sentence, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
