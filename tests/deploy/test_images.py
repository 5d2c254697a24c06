"""What the images are: small, without root, without a shell where none is needed."""

import gzip
import json

from conftest import BACKEND, VERSION
from engine import HUB

MEGABYTE = 1_000_000
LARGEST = 40 * MEGABYTE


def saved(engine, image):
    """Bytes of an image's layers as they lie unpacked, and compressed as a registry keeps them."""
    file = engine.root / "image.tar"
    engine.podman("save", "--quiet", "--output", file, image)
    compressed = len(gzip.compress(file.read_bytes(), 6))
    size = file.stat().st_size
    file.unlink()
    return size, compressed


def test_the_back_ends_images_are_below_forty_megabytes_unpacked(engine, images, figures):
    for service in BACKEND:
        unpacked, compressed = saved(engine, f"{HUB}saas-{service}:{VERSION}")
        figures[f"image saas-{service}, MB unpacked"] = round(unpacked / MEGABYTE, 1)
        figures[f"image saas-{service}, MB compressed"] = round(compressed / MEGABYTE, 1)
        assert unpacked < LARGEST, service


def test_images_say_what_they_are_and_whom_they_run_as(engine, images):
    for image in images:
        [found] = json.loads(engine.podman("inspect", f"{image}:{VERSION}"))
        name = image.rsplit("/", 1)[1]
        labels = found["Config"]["Labels"]
        assert labels["org.opencontainers.image.title"] == name
        assert labels["org.opencontainers.image.version"] == VERSION
        assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
        assert found["Config"]["User"] == "10001:10001"
        check = found["Healthcheck"]
        assert check["Test"][0] == "CMD", "a health check that needs a shell"
        if name != "saas-frontend":
            assert found["Config"]["Entrypoint"] == ["/usr/local/bin/saas"]
            assert found["Config"]["Cmd"] == {"saas-backup": ["backup", "schedule"]}.get(name, [name.removeprefix("saas-")])


def test_the_back_end_has_no_shell_and_nothing_belongs_to_its_user_but_its_data(engine, images):
    container = engine.podman("create", f"{HUB}saas-core:{VERSION}")
    listing = engine.run("sh", "-c", f"podman export {container} | tar -tv --numeric-owner").stdout.splitlines()
    engine.podman("rm", "--volumes", container)
    paths = [line.split()[5] for line in listing]
    assert not [path for path in paths if path.endswith(("/sh", "/bash", "/busybox"))]
    assert [line.split()[5] for line in listing if line.split()[1].startswith("10001/")] == ["data/"]


def test_a_read_only_container_without_a_volume_of_its_own_starts(engine, images):
    image = f"{HUB}saas-gateway:{VERSION}"
    environment = ("--env", "ENVIRONMENT=development")
    said = engine.podman("run", "--rm", "--read-only", "--cap-drop=ALL", *environment, image, "config", "check", "--role", "gateway")
    assert said
