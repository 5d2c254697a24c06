"""What the tests of the deployment share: an engine, the images and one running stack."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[2] / "scripts")]
from client import API  # noqa: E402
from engine import HUB, ROOT, Engine, wait  # noqa: E402
from stack import NAMES, Stack  # noqa: E402

VERSION, NEXT = "1.0.0", "1.1.0"
BACKEND = ("registry", "gateway", "core")
# Whoever gives a binary does not want to wait for one that is compiled.
collect_ignore = ["test_building.py"] if os.environ.get("SAAS_PREBUILT") else []


@pytest.fixture(scope="session")
def figures():
    """What was measured: a table at the end, and test-results/deploy.json."""
    found = {}
    yield found
    (ROOT / "test-results").mkdir(exist_ok=True)
    (ROOT / "test-results/deploy.json").write_text(json.dumps(found, indent=2) + "\n")
    width = max(map(len, found), default=0)
    print("\n\n" + "\n".join(f"  {name:<{width}}  {value:>10}" for name, value in found.items()))


@pytest.fixture(scope="session")
def engine():
    """SAAS_DEPLOY_ROOT keeps storage and layers from one run to the next."""
    kept = os.environ.get("SAAS_DEPLOY_ROOT")
    with Engine(kept or tempfile.mkdtemp(prefix="saas-deploy-", dir="/var/tmp"), keep=bool(kept)) as running:
        yield running


def backend_dockerfile(engine):
    """docker/Dockerfile.backend; if SAAS_PREBUILT names a binary, with a build stage that takes it
    instead of compiling. The image's own stages are the same."""
    prebuilt = os.environ.get("SAAS_PREBUILT")
    dockerfile = ROOT / "docker/Dockerfile.backend"
    if not prebuilt:
        return dockerfile, ()
    folder = engine.root / "prebuilt"
    folder.mkdir(exist_ok=True)
    shutil.copy(prebuilt, folder / "saas")
    head, _, rest = dockerfile.read_text().partition("\n\n# The console, which")
    stages = rest[rest.index("# Nothing but the binary"):]
    # A layer is kept by its command's text, and what lies in a volume is no part of that.
    digest = hashlib.sha256((folder / "saas").read_bytes()).hexdigest()
    build = f"FROM ${{RUST_IMAGE}} AS build\nCOPY docker/image-root.sh /\nRUN : {digest} && cp /prebuilt/saas /saas && strip /saas && sh /image-root.sh /saas /image\n"
    written = folder / "Dockerfile"
    written.write_text(f"{head}\n{build}\n{stages}")
    return written, ("--volume", f"{folder}:/prebuilt:ro")


@pytest.fixture(scope="session")
def images(engine, figures):
    """Two versions of every image. The second differs in its label only, so it costs nothing."""
    began = time.monotonic()
    engine.stand_in()
    figures["stand-ins for base images, s"] = round(time.monotonic() - began)
    dockerfile, more = backend_dockerfile(engine)
    names = [f"{HUB}saas-{name}" for name in (*BACKEND, "backup", "frontend")]
    began = time.monotonic()
    version = ("--build-arg", f"VERSION={VERSION}")
    for service in BACKEND:
        engine.build(dockerfile, f"{HUB}saas-{service}:{VERSION}", "--build-arg", f"SERVICE_NAME={service}", *version, *more)
    # With the client programs of the stand-in's server.
    backup = ("--build-arg", "SERVICE_NAME=backup", "--build-arg", "POSTGRES_VERSION=15")
    engine.build(dockerfile, f"{HUB}saas-backup:{VERSION}", *backup, *version, *more)
    engine.build(ROOT / "docker/Dockerfile.frontend", f"{HUB}saas-frontend:{VERSION}", *version)
    figures["building the five images, s"] = round(time.monotonic() - began)
    for name in names:
        file = engine.root / "next"
        file.write_text(f"FROM {name}:{VERSION}\nLABEL org.opencontainers.image.version={NEXT}\n")
        engine.build(file, f"{name}:{NEXT}", context=engine.root / "context")
    return names


@pytest.fixture(scope="session")
def stack(engine, images, figures, tmp_path_factory):
    running = Stack(engine, tmp_path_factory.mktemp("installation"), VERSION)
    try:
        figures["from `up` to all healthy, s"] = round(running.up(), 1)
        yield running
        logs = running.logs()
        running.compose("stop")
        codes = {name: engine.inspect(name)["State"]["ExitCode"] for name in NAMES}
    except BaseException:
        for name, log in running.logs().items():
            print(f"--- {name}\n{log[-3000:]}")
        raise
    finally:
        running.compose("down", "--volumes", check=False)
    assert not engine.podman("ps", "--all", "--quiet"), "`down` left containers"
    unclean = {name: code for name, code in codes.items() if code and name not in ("saas_traefik", "saas_redis_prod")}
    assert not unclean, f"stopped with {unclean}"
    wrong = {name: line for name, log in logs.items() for line in log.splitlines() if re.search("panicked at|status_code\\W+500", line)}
    assert not wrong, wrong


@pytest.fixture(scope="session")
def owner(stack):
    """The access token of a tenant's owner, with the orders service beside the stack."""
    stack.orders()
    token = stack.sign_up("coffeehouse")
    wait("orders to answer", lambda: stack.call("GET", API, "/api/orders/whoami", token=token).status == 200, 30)
    return token
