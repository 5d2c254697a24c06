"""scripts/deploy.sh over a real sshd, to a machine whose Docker is a stand-in."""

import os
import re
import secrets
import signal
import stat
import subprocess
import time

import pytest
import yaml
from machine import DOMAIN, FILES, NEW, OLD, Machine, wait_for
from running_platform import ROOT

IN_TURN = ["registry", "core", "gateway", "gateway-b", "frontend", "backup", "traefik"]


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with Machine(tmp_path_factory.mktemp("machine")) as running:
        yield running


@pytest.fixture
def platform(machine, tmp_path):
    return machine.installation(tmp_path)


def expect_old(platform):
    """All as before, down to the last byte."""
    assert platform.runs() == {OLD}
    assert platform.files() == platform.before
    assert stat.S_IMODE(platform.env.stat().st_mode) == 0o600


def expect_untouched(platform):
    expect_old(platform)
    assert platform.ups() == []


# What each image of NEW has to be.
DIGESTS = {image: f"sha256:{number:02x}" + "0a" * 31 for number, image in enumerate(("registry", "core", "gateway", "frontend", "backup"))}
LIST = ",".join(f"{image}={digest}" for image, digest in DIGESTS.items())


def test_a_good_update(platform, machine, capsys):
    began = time.monotonic()
    done = platform.deploy()
    took = time.monotonic() - began
    assert done.returncode == 0, done.stdout
    assert platform.runs() == {NEW} and platform.tag() == NEW
    # All is fetched before anything stops, and the schema comes before the services.
    calls = [call for call in machine.read()["calls"] if re.search(" (pull|run|up) ", call)]
    assert [re.search(" (pull|run|up) ", call)[1] for call in calls] == ["pull", "run"] + ["up"] * 7
    assert platform.ups() == IN_TURN
    # Its other lines, its mode; the containers' users can read what they mount.
    lines = platform.env.read_text().splitlines()
    assert [line for line in lines if not line.startswith("IMAGE_TAG=")] == [
        line for line in platform.before[".env"].decode().splitlines() if not line.startswith("IMAGE_TAG=")
    ]
    assert stat.S_IMODE(platform.env.stat().st_mode) == 0o600
    for file in FILES:
        path = platform.folder / file
        assert path.read_bytes() == (ROOT / file).read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE((platform.folder / ".deploy").stat().st_mode) == 0o700
    assert not list(platform.folder.glob("**/*.new")) and not (platform.folder / ".deploy/unfinished").exists()
    # Other routes reach Traefik by a new container only.
    assert machine.read()["routes_seen"] == (ROOT / FILES[1]).read_text()
    assert f"all healthy, and https://api.{DOMAIN}:{machine.https}/health answers" in done.stdout
    with capsys.disabled():
        print(f" [the script's own part of a deployment: {took:.1f} s] ", end="")


def test_the_edge_is_left_alone_if_nothing_about_it_is_new(platform, machine):
    for file in FILES:
        (platform.folder / file).write_bytes((ROOT / file).read_bytes())
    machine.change(routes_seen=(ROOT / FILES[1]).read_text())
    assert platform.deploy().returncode == 0
    assert machine.read()["edges"] == 1


@pytest.mark.parametrize("sick", [[], ["backup"]])
def test_a_version_may_bring_a_service_that_the_one_before_did_not_have(platform, machine, sick):
    file = platform.folder / FILES[0]
    text = file.read_text()
    begin, end = text.index("  backup:\n"), text.index("  traefik:\n")
    file.write_text(text[:begin] + text[end:])
    running = machine.read()["running"]
    del running["backup"]
    machine.change(running=running, sick={NEW: sick})
    done = platform.deploy()
    assert "but not everywhere" not in done.stdout
    if sick:
        assert done.returncode == 1 and done.stdout.rstrip().endswith(f"{OLD} runs again"), done.stdout
        assert platform.tag() == OLD
    else:
        assert done.returncode == 0, done.stdout
        assert platform.runs() == {NEW}


def test_settings_of_the_database_are_left_and_told(platform):
    file = platform.folder / FILES[0]
    file.write_text(file.read_text().replace("mem_limit: 1g", "mem_limit: 2g"))
    done = platform.deploy()
    assert done.returncode == 0 and "postgres has new settings, which interrupt" in done.stdout, done.stdout
    assert "postgres" not in platform.ups()


@pytest.mark.parametrize("service", ["registry", "frontend"])
def test_an_unhealthy_version_is_taken_back(platform, machine, service):
    machine.change(sick={NEW: [service]})
    done = platform.deploy()
    assert done.returncode == 1, done.stdout
    expect_old(platform)
    assert f"{NEW} did not get well ({service})" in done.stdout
    assert f"log of {service}: key ***, address redis://:***@redis" in done.stdout
    assert done.stdout.rstrip().endswith(f"{OLD} runs again")
    assert sum(" run " in call for call in machine.read()["calls"]) == 1, "the way back needs no migration"


def test_a_version_that_is_healthy_but_not_reached_is_taken_back(platform, machine):
    machine.change(no_answer=[NEW])
    done = platform.deploy(limit="3")
    assert done.returncode == 1 and "/health answers 503" in done.stdout, done.stdout
    expect_old(platform)
    assert machine.read()["routes_seen"].startswith(f"# as of {OLD}")


def write(platform, *changes):
    text = platform.env.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    platform.env.write_bytes(text.encode())
    platform.before = platform.files()


def test_no_secret_of_env_is_told_however_it_is_written(platform, machine):
    key, password, token, previous = (secrets.token_hex(16) for _ in range(4))
    write(platform, ("ADMIN_PASSWORD=\n", f'export ADMIN_PASSWORD = "{password}" # the first\n'), ("SECRET_KEY_PREVIOUS=\n", f"SECRET_KEY_PREVIOUS='{previous}'\r\n"),
          ("OTLP_HEADERS=\n", f"OTLP_HEADERS=Authorization=Bearer%20{token},a=b\nREPLICA_URL=postgresql://u:{key}%40@replica/saas\n"))
    platform.secrets |= {"key": key, "password": password, "token": token, "previous": previous}
    machine.change(sick={NEW: ["core"]}, says=[f"password {password}, before {previous}", f"Bearer {token}", f"{key}@ {key}%40"])
    done = platform.deploy()
    assert done.returncode == 1 and "password ***, before ***\n***\n*** ***\n" in done.stdout, done.stdout
    expect_old(platform)


@pytest.mark.parametrize("before, after", [
    ("IMAGE_TAG=1.0.0", 'IMAGE_TAG="1.0.0" # as of May'), ("IMAGE_TAG=1.0.0", "export IMAGE_TAG = 1.0.0"), ("\n", "\r\n"),
    (f"DOMAIN={DOMAIN}", f'export DOMAIN = "{DOMAIN}" # ours'), ("IMAGE_PREFIX=ghcr.io/your-organisation/", "IMAGE_PREFIX='ghcr.io/your-organisation/'  # ours"),
])
def test_an_env_may_be_written_in_any_way_that_compose_reads(platform, machine, before, after):
    write(platform, (before, after))
    machine.change(sick={NEW: ["registry"]})
    done = platform.deploy()
    assert done.returncode == 1, done.stdout
    expect_old(platform)


@pytest.mark.parametrize("odd", ["$(touch made)", "-rf a b", "'; touch made; #'", "../.."])
def test_an_odd_tag_in_env_means_nothing_to_anybody(platform, odd):
    """What runs is what Docker says."""
    write(platform, ("IMAGE_TAG=1.0.0", f"IMAGE_TAG={odd}"))
    assert platform.deploy().returncode == 0
    assert platform.runs() == {NEW} and platform.tag().strip("'") == NEW and not (platform.folder / "made").exists()


@pytest.mark.parametrize("changes, sentence", [
    ({"running": {"gateway": "@sha256:0a"}}, "runs an image without a tag"),
    ({"local": []}, f"there is no image ghcr.io/your-organisation/saas-registry:{OLD} to go back to: was IMAGE_PREFIX changed?"),
])
def test_without_a_way_back_nothing_is_touched(platform, machine, changes, sentence):
    machine.change(**changes)
    done = platform.deploy()
    assert done.returncode == 2 and sentence in done.stdout, done.stdout
    assert platform.files() == platform.before and platform.ups() == []


def test_without_the_files_of_what_runs_nothing_is_touched(platform):
    (platform.folder / FILES[0]).unlink()
    done = platform.deploy()
    assert done.returncode == 2 and f"has no {FILES[0]}: there would be no way back" in done.stdout, done.stdout
    assert platform.ups() == []


def test_what_does_not_run_everywhere_is_told_and_a_digest_is_no_tag(platform, machine):
    running = machine.read()["running"]
    machine.change(running=running | {"gateway": f"{OLD}@sha256:{'0a' * 32}", "frontend": "0.9.0"}, sick={NEW: ["core"]})
    done = platform.deploy()
    assert done.returncode == 1, done.stdout
    assert f"but not everywhere: registry {OLD}, core {OLD}, gateway {OLD}, gateway-b {OLD}, frontend 0.9.0" in done.stdout
    expect_old(platform)


def test_a_failed_migration_replaces_nothing(platform, machine):
    machine.change(migration_fails=[NEW])
    done = platform.deploy()
    assert done.returncode == 1 and "cannot migrate" in done.stdout, done.stdout
    expect_old(platform)


@pytest.mark.parametrize("forgiving", [False, True])
def test_images_that_cannot_be_fetched_touch_nothing(platform, machine, forgiving):
    machine.change(published=[OLD], forgiving_pull=forgiving)
    done = platform.deploy()
    assert done.returncode == 2 and "nothing was touched" in done.stdout, done.stdout
    expect_untouched(platform)


def test_an_update_to_what_was_signed_whatever_the_tag_leads_to(platform, machine):
    machine.change(published=[], digests=DIGESTS)
    done = platform.deploy(digests=LIST)
    assert done.returncode == 0, done.stdout
    assert platform.runs() == {NEW} and platform.tag() == NEW
    prefix = "ghcr.io/your-organisation/saas-"
    assert machine.read()["named"] == [f"{prefix}{image}@{digest} {prefix}{image}:{NEW}" for image, digest in DIGESTS.items()]
    assert platform.deploy(digests=LIST).returncode == 0, "the same once more"
    # The way back is the tag, as ever.
    machine.change(sick={"1.2.0": ["core"]}, published=["1.2.0"])
    platform.before = platform.files()
    done = platform.deploy("1.2.0")
    assert done.returncode == 1 and platform.runs() == {NEW} and platform.files() == platform.before


def test_another_image_of_the_version_that_runs_is_refused_as_it_would_take_the_way_back(platform, machine):
    machine.change(digests=DIGESTS)
    done = platform.deploy(OLD, digests=LIST)
    assert done.returncode == 2 and f"{OLD} runs here already, from another image" in done.stdout, done.stdout
    expect_untouched(platform)
    assert "named" not in machine.read()


def test_an_image_that_is_not_what_was_signed_touches_nothing(platform, machine):
    machine.change(digests=DIGESTS | {"gateway": DIGESTS["core"]})
    done = platform.deploy(digests=LIST)
    assert done.returncode == 2 and f"saas-gateway@{DIGESTS['gateway']} could not be fetched" in done.stdout, done.stdout
    expect_untouched(platform)


def test_a_setting_that_a_version_newly_demands_is_told_before_anything_is_touched(platform, machine):
    machine.change(demanded="CORS_ORIGINS")
    done = platform.deploy()
    assert done.returncode == 2 and "variable CORS_ORIGINS is missing" in done.stdout, done.stdout
    assert f".env does not have what {NEW} needs" in done.stdout
    expect_untouched(platform)
    assert NEW not in machine.read()["local"]


def test_a_way_back_that_fails_is_told_loudly(platform, machine):
    machine.change(sick={NEW: ["core"], OLD: ["core"]})
    done = platform.deploy()
    assert done.returncode == 3 and "THE WAY BACK FAILED TOO at core" in done.stdout, done.stdout
    # What is left to do is to mend the cause: files and tag are the old ones.
    assert platform.files() == platform.before
    assert (platform.folder / ".deploy/unfinished").read_text().strip() == OLD


def test_a_machine_with_another_key_is_refused(platform, machine):
    other = machine.folder / "other_key"
    if not other.exists():
        machine._key("other_key")
    done = platform.deploy(known_hosts=str(machine.know(other, "other_hosts")))
    assert done.returncode == 2 and "Host key verification failed" in done.stdout, done.stdout
    empty = machine.folder / "no_hosts"
    empty.touch()
    done = platform.deploy(known_hosts=str(empty))
    assert done.returncode == 2 and "Host key verification failed" in done.stdout, done.stdout
    expect_untouched(platform)
    assert not (platform.folder / ".deploy").exists()


@pytest.mark.parametrize("wrong, sentence", [
    ({"version": "1.1.0; rm -rf /"}, "--version '1.1.0; rm -rf /' is no tag"),
    ({"version": "$(touch made)"}, "is no tag"),
    ({"version": "1.1.0\nreboot"}, "is no tag"),
    ({"version": "-1"}, "is no tag"),
    ({"version": "latest"}, "--version latest moves"),
    ({"version": None}, "--version is missing"),
    ({"host": "-oProxyCommand=reboot"}, "is no name or address"),
    ({"user": "root@elsewhere"}, "is no name of a user"),
    ({"limit": "10", "hold": "10"}, "--hold 10 has to be shorter than --limit 10"),
    ({"digests": "registry=sha256:0a; reboot"}, "is no list of digests"),
    ({"digests": f"registry=sha256:{'0a' * 32}"}, "--digests does not say what core has to be"),
    ({"directory": "/opt/a b"}, "is no absolute path"),
    ({"directory": "opt"}, "is no absolute path"),
    ({"port": "0"}, "is no number"),
    ({"identity": "/nowhere"}, "/nowhere cannot be read"),
    ({"directory": "/nowhere"}, "has no directory /nowhere"),
    ({"force": "yes"}, "there is no option --force"),
])
def test_wrong_use_touches_nothing(platform, wrong, sentence):
    done = platform.deploy(**{"version": NEW} | wrong)
    assert done.returncode == 2 and sentence in done.stdout, done.stdout
    expect_untouched(platform)


def test_help_tells_every_option_and_the_exit_statuses():
    script = (ROOT / "scripts/deploy.sh").read_text()
    done = subprocess.run([ROOT / "scripts/deploy.sh", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    understood = re.search(r"\n    (--host \|.*)\)\n", script)[1].split(" | ")
    for option in understood:
        assert f"{option} " in done.stdout
    assert re.findall(r"(?m)^  (\d)  ", done.stdout) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("lack, sentence", [
    ("env", "there is no .env"),
    ("prefix", "IMAGE_PREFIX is empty"),
    ("space", "has 100 MiB left and 2048 are needed"),
    ("docker", "docker compose does not run here"),
])
def test_what_the_machine_lacks_is_told_before_anything_is_touched(platform, machine, lack, sentence):
    programs = machine.programs
    made = []
    if lack == "env":
        platform.env.rename(platform.folder / "elsewhere")
    elif lack == "prefix":
        platform.env.write_text(platform.env.read_text().replace("IMAGE_PREFIX=ghcr.io/your-organisation/", "IMAGE_PREFIX="))
    elif lack == "space":
        made.append((programs / "df", "#!/bin/sh\necho Filesystem\necho disk 1000 900 100 90% /\n"))
    elif lack == "docker":
        (programs / "docker").unlink()
        made.append((programs / "docker", "#!/bin/sh\nexit 1\n"))
    for path, text in made:
        path.write_text(text)
        path.chmod(0o755)
    try:
        done = platform.deploy()
    finally:
        for path, _ in made:
            path.unlink()
        if lack == "docker":
            machine.put_docker()
    assert done.returncode == 2 and sentence in done.stdout, done.stdout
    assert platform.ups() == [] and platform.runs() == {OLD}


def test_two_at_once(platform):
    with platform.stopped_at(f"core {NEW}") as first:
        second = platform.deploy()
        assert second.returncode == 2 and "another deployment is under way" in second.stdout, second.stdout
    assert first.returncode == 0, first.said
    assert platform.runs() == {NEW} and platform.ups() == IN_TURN


def connections(process):
    """Those that follow; the one that started it may still be closing. All are of our session."""
    found = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "-s", str(process.pid)], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in found.splitlines() if " ssh -p " in line and " follow " in line]


def test_a_connection_that_breaks_is_taken_up_again(platform):
    with platform.stopped_at(f"gateway {NEW}") as process:
        [client] = wait_for("the connection", lambda: connections(process))
        os.kill(client, signal.SIGKILL)
        wait_for("another connection", lambda: connections(process) not in ([], [client]))
    assert process.returncode == 0, process.said
    assert "the connection broke" in process.said
    # Nothing is told twice and nothing is missing.
    for line in ("registry is healthy", "gateway is healthy", f"{NEW} runs"):
        assert process.said.count(line) - process.said.count(f"{OLD} {line}") == 1, process.said
    assert platform.runs() == {NEW} and platform.tag() == NEW


@pytest.mark.parametrize("sick", [[], ["gateway-b"]])
def test_a_caller_that_vanishes_leaves_no_half_update(platform, machine, sick):
    """As when a laptop is closed: the machine comes to an end by itself, forth or back."""
    machine.change(sick={NEW: sick})
    with platform.stopped_at(f"gateway {NEW}") as process:
        os.killpg(process.pid, signal.SIGKILL)
    wait_for("the end on the machine", lambda: platform.status() is not None)
    assert platform.status() == (1 if sick else 0)
    if sick:
        expect_old(platform)
    else:
        assert platform.runs() == {NEW} and platform.tag() == NEW
    assert not (platform.folder / ".deploy/unfinished").exists()


def script_on_the_machine(platform):
    [run] = (platform.folder / ".deploy").glob("run.*")
    return int((run / "pid").read_text())


def test_a_wish_to_stop_leads_back(platform):
    with platform.stopped_at(f"core {NEW}") as process:
        os.kill(script_on_the_machine(platform), signal.SIGTERM)
    assert process.returncode == 1 and "told to stop" in process.said, process.said
    expect_old(platform)


def test_after_a_crash_in_the_middle_the_way_back_is_still_known(platform, machine):
    with platform.stopped_at(f"gateway {NEW}") as process:
        os.kill(script_on_the_machine(platform), signal.SIGKILL)
    assert process.returncode == 3 and "ended from outside" in process.said, process.said
    assert f"the way back leads to {OLD}" in process.said
    assert platform.runs() == {OLD, NEW} and platform.tag() == NEW
    machine.change(held={}, sick={NEW: ["frontend"]})
    done = platform.deploy()
    assert done.returncode == 1 and f"the way back leads to {OLD}" in done.stdout, done.stdout
    expect_old(platform)


def test_a_first_installation(platform, machine):
    for file in FILES:
        (platform.folder / file).unlink()
    machine.change(running={}, local=[])
    done = platform.deploy()
    assert done.returncode == 0 and "nothing runs here" in done.stdout, done.stdout
    assert platform.runs() == {NEW}


def test_a_first_installation_that_fails_says_that_there_is_no_way_back(platform, machine):
    machine.change(running={}, local=[], sick={NEW: ["core"]})
    done = platform.deploy()
    assert done.returncode == 3 and "nothing to go back to" in done.stdout, done.stdout
    assert "log of all: key ***" in done.stdout


def test_the_script_replaces_what_compose_runs_and_copies_what_it_mounts():
    compose = yaml.safe_load((ROOT / FILES[0]).read_text())["services"]
    script = (ROOT / "scripts/deploy-host.sh").read_text()
    ours = [name for name, service in compose.items() if "IMAGE_TAG" in service["image"] and name != "migrate"]
    assert re.search(r"\nservices=\((.*)\)", script)[1].split() == ours
    mounted = {
        volume.partition(":")[0].removeprefix("./")
        for service in compose.values() for volume in service.get("volumes", []) if volume.startswith("./")
    } - {"backups"}
    assert re.search(r"\nfiles=\((.*)\)", script)[1].split() == ["docker-compose.prod.yml", *sorted(mounted)]
    assert "./docker/traefik/dynamic.yml:/etc/traefik/dynamic.yml:ro" in compose["traefik"]["volumes"]
    for name in ours:
        assert compose[name]["container_name"] == f"saas_{name.replace('-', '_')}_prod"
