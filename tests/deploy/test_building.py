"""What it takes to build an image from nothing, and again after a change, which has to be in it."""

import shutil
import subprocess
import time

import pytest
from conftest import VERSION
from engine import HUB, ROOT
from test_images import LARGEST, MEGABYTE, saved

SOURCE = "backend/saas/src/main.rs"
CORE = ("--build-arg", "SERVICE_NAME=core", "--build-arg", f"VERSION={VERSION}")


@pytest.fixture
def checkout(tmp_path):
    """What git knows of the repository, as a runner has it."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, tracked.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def forget(engine):
    """Removes every image of ours and the layers they were built from. A build that is told to use no
    layers would leave none for the next one either."""
    listed = engine.podman("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={HUB}saas-*")
    names = [name for name in listed.splitlines() if "saas-orders" not in name]
    if names:
        engine.podman("rmi", "--force", *names)
    engine.podman("image", "prune", "--force")


def test_an_image_built_again_holds_what_was_changed_and_takes_its_dependencies_as_they_were(engine, figures, checkout):
    engine.stand_in()
    forget(engine)

    def build(name):
        began = time.monotonic()
        engine.build(checkout / "docker/Dockerfile.backend", f"{HUB}saas-core:{VERSION}", *CORE, context=checkout)
        figures[f"image saas-core built {name}, s"] = round(time.monotonic() - began)

    def version():
        return engine.podman("run", "--rm", f"{HUB}saas-core:{VERSION}", "--version")

    build("from nothing")
    unpacked, _ = saved(engine, f"{HUB}saas-core:{VERSION}")
    figures["image saas-core compiled inside, MB unpacked"] = round(unpacked / MEGABYTE, 1)
    assert unpacked < LARGEST, "is it stripped?"
    said = version()
    build("again, nothing changed")
    assert version() == said

    main = checkout / SOURCE
    source = main.read_text()
    assert source.count("fn main()") == 1
    head, entry, rest = source.partition("fn main()")
    signature, brace, body = rest.partition("{")
    main.write_text(f'{head}{entry}{signature}{brace}\n    println!("changed");{body}')
    build("again after a change of one file")
    assert version() == f"changed\n{said}"

    main.write_text(source)
    build("again after it was taken back")
    assert version() == said
