"""A deployment that something goes wrong with half way: a full disk, a signal, a link, a broken
connection. It ends with one version, or with a sentence about what runs and what to do."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest
from machine import FILES, NEW, OLD, Machine, wait_for
from running_platform import ROOT

# What stands in the place of the moment when the disk is full: until room is made.
FULL = """
for last; do :; done
if [[ $last = {file} ]] && compgen -G '.deploy/run.*/room' >/dev/null; then
    head -c 100 "${{@: -2:1}}" >"$last"
    echo "cp: error writing '$last': No space left on device" >&2
    exit 1
fi
exec "$REAL" "$@"
"""
# Signals the script before its n-th call.
SIGNAL = """
echo >>"$HOME/calls"
[ "$(wc -l <"$HOME/calls")" != {n} ] || kill -{signal} $PPID
exec "$REAL" "$@"
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with Machine(tmp_path_factory.mktemp("machine")) as running:
        yield running


@pytest.fixture
def platform(machine, tmp_path):
    (machine.folder / "calls").unlink(missing_ok=True)
    return machine.installation(tmp_path)


def expect_old(platform):
    assert platform.runs() == {OLD}
    assert platform.files() == platform.before
    assert not list(platform.folder.glob("**/*.new"))


def expect_whole(platform):
    """No file is half one, and .env differs from before by its tag at the most."""
    of_old, of_new = platform.before, {file: (ROOT / file).read_bytes() for file in FILES}
    for file in FILES:
        assert (platform.folder / file).read_bytes() in (of_old[file], of_new[file]), file
    lines = platform.env.read_bytes().splitlines()
    assert [line for line in lines if not line.startswith(b"IMAGE_TAG=")] == [
        line for line in of_old[".env"].splitlines() if not line.startswith(b"IMAGE_TAG=")
    ]
    assert platform.tag() in (OLD, NEW) and platform.env.stat().st_mode & 0o777 == 0o600
    unfinished = platform.folder / ".deploy/unfinished"
    assert not unfinished.exists() or unfinished.read_text() == f"{OLD}\n"


# --- a full disk

@pytest.mark.parametrize("file", ["docker-compose.prod.yml.new", "docker/traefik/dynamic.yml.new", "*/.env.new"])
def test_a_disk_that_is_full_half_way_leads_back(platform, machine, file):
    with machine.program("cp", FULL.format(file=file)):
        done = platform.deploy()
    assert done.returncode == 1 and "No space left on device" in done.stdout, done.stdout
    expect_old(platform)
    assert not list(platform.folder.glob(".deploy/run.*/room"))


@pytest.mark.parametrize("program, script", [
    ("cp", FULL.format(file=".deploy/previous.new/*")),
    ("sync", "[ $1 != .deploy/unfinished.new ] || exit 1"),
    ("head", "[ $2 != 1048576 ] || exit 1"),
])
def test_a_disk_that_is_full_before_anything_is_touched_is_told(platform, machine, program, script):
    with machine.program(program, f"{script}\nexec \"$REAL\" \"$@\""):
        done = platform.deploy()
    assert done.returncode == 2 and "refused: " in done.stdout, done.stdout
    expect_old(platform)
    assert platform.ups() == [] and not (platform.folder / ".deploy/unfinished").exists()


@pytest.mark.parametrize("sick", [[], ["core"]])
def test_a_log_that_takes_no_more_words_stops_nothing(platform, machine, sick):
    machine.change(sick={NEW: sick})
    run = platform.sent()
    with open("/dev/full", "w") as full:
        done = platform.on_the_machine(run=run, stdout=full)
    assert (run / "status").read_text() == f"{done.returncode}\n"
    if sick:
        assert done.returncode == 1
        expect_old(platform)
    else:
        assert done.returncode == 0 and platform.runs() == {NEW} and platform.tag() == NEW


def test_a_way_back_without_room_says_which_files_lie_there(platform, machine):
    with machine.program("cp", FULL.format(file="*/.env.new").replace("room", "log")):
        done = platform.deploy()
    assert done.returncode == 3 and "could not be written to: see to that, and deploy again" in done.stdout, done.stdout
    assert f"this runs: registry {OLD}, core {OLD}, gateway {OLD}, gateway-b {OLD}, frontend {OLD}" in done.stdout
    expect_whole(platform)
    assert platform.deploy().returncode == 0
    assert platform.runs() == {NEW} and platform.tag() == NEW


# --- signals

def put(platform, machine, program, n, which):
    with machine.program(program, SIGNAL.format(n=n, signal=which)):
        return platform.on_the_machine()


# By the files it moves: two that it remembers, their folder, what it is at, two that it brings, .env.
@pytest.mark.parametrize("program, calls", [("mv", 7), ("curl", 1)])
def test_killed_at_any_step_the_next_deployment_finds_the_way_back(platform, machine, program, calls):
    for n in range(1, calls + 1):
        (machine.folder / "calls").unlink(missing_ok=True)
        machine.change(sick={})
        done = put(platform, machine, program, n, "KILL")
        assert done.returncode == -signal.SIGKILL, f"{program} {n}: {done.said}"
        expect_whole(platform)
        machine.change(sick={NEW: ["registry"]})
        done = platform.on_the_machine()
        assert done.returncode == 1 and done.said.rstrip().endswith(f"{OLD} runs again"), f"{program} {n}: {done.said}"
        expect_old(platform)
        assert not (platform.folder / ".deploy/unfinished").exists()


@pytest.mark.parametrize("n", [1, 4, 7])
def test_told_to_stop_at_any_step_it_leads_back(platform, machine, n):
    done = put(platform, machine, "mv", n, "TERM")
    assert done.returncode == (2 if n < 4 else 1) and "told to stop" in done.said, done.said
    expect_old(platform)
    assert not any(" run " in call for call in machine.read()["calls"]), "the schema is not touched any more"


def test_told_to_stop_while_images_are_fetched_it_touches_nothing(platform, machine):
    leave = platform.folder / "leave"
    machine.change(held={f"pull {NEW}": str(leave)})
    process = subprocess.Popen(platform.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for("the pull", lambda: any(" pull " in call for call in machine.read()["calls"]))
        [run] = (platform.folder / ".deploy").glob("run.*")
        os.kill(int((run / "pid").read_text()), signal.SIGTERM)
    finally:
        leave.touch()
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 2 and "told to stop" in said and "nothing was touched" in said, said
    expect_old(platform)
    assert platform.ups() == []


def test_who_is_cut_off_hears_what_runs(platform):
    with platform.stopped_at(f"core {NEW}") as process:
        [run] = (platform.folder / ".deploy").glob("run.*")
        os.kill(int((run / "pid").read_text()), signal.SIGKILL)
        # The answer is asked for while half of them are replaced.
        wait_for("the end", lambda: process.poll() is not None)
    assert process.returncode == 3, process.said
    assert f"this runs: registry {NEW}, core {NEW}, gateway {OLD}, gateway-b {OLD}, frontend {OLD}" in process.said
    assert f"the way back leads to {OLD}" in process.said


def test_an_error_that_no_line_expects_does_not_end_in_silence(platform, machine):
    with machine.program("df", "exit 1"):
        done = platform.deploy()
    assert done.returncode == 2 and "nothing was touched" in done.stdout, done.stdout
    expect_old(platform)


# --- the connection

def test_what_was_said_not_to_have_started_never_starts(platform):
    run = platform.sent()
    done = platform.on_the_machine("follow", "RUN", "0", run=run)
    assert done.returncode == 2 and "did not start" in done.said, done.said
    late = platform.on_the_machine("start", "RUN", NEW, "30", "1", "-", run=run)
    assert late.returncode != 0 and not (run / "pid").exists()
    expect_old(platform)


def test_half_a_script_is_never_run(platform, machine):
    """The connection breaks while the files are sent, and what has arrived is a script by itself."""
    cut = """
"$REAL" "$@"
for last; do :; done
sed -i '/^main "\\$@"/d' "$last/deploy-host.sh"
kill -KILL $PPID
"""
    with machine.program("tar", cut):
        done = platform.deploy()
    assert done.returncode == 3 and "has nothing of a deployment" in done.stdout, done.stdout
    expect_old(platform)


# --- links and folders in the place of files

def test_links_are_not_written_through(platform):
    elsewhere = platform.folder / "elsewhere"
    elsewhere.mkdir()
    for name, file in enumerate(FILES):
        (platform.folder / file).rename(elsewhere / str(name))
        (platform.folder / file).symlink_to(elsewhere / str(name))
        (platform.folder / f"{file}.new").symlink_to(elsewhere / "precious")
    (platform.folder / ".deploy").mkdir()
    for name in ("unfinished.new", "previous"):
        (platform.folder / ".deploy" / name).symlink_to(elsewhere / "precious")
    (elsewhere / "precious").write_text("tea\n")
    (platform.folder / ".env.new").symlink_to(elsewhere / "precious")
    assert platform.deploy().returncode == 0
    assert {file.name: file.read_bytes() for file in elsewhere.iterdir()} == {
        "0": platform.before[FILES[0]], "1": platform.before[FILES[1]], "precious": b"tea\n",
    }
    assert platform.runs() == {NEW} and platform.tag() == NEW


def test_an_env_that_lies_elsewhere_stays_there(platform):
    elsewhere = platform.folder / "elsewhere"
    elsewhere.mkdir()
    platform.env.rename(elsewhere / "env")
    platform.env.symlink_to(elsewhere / "env")
    (platform.folder / "link").symlink_to(platform.folder)
    assert platform.deploy(directory=str(platform.folder / "link")).returncode == 0 and platform.tag() == NEW
    assert platform.env.is_symlink() and [file.name for file in elsewhere.iterdir()] == ["env"]
    assert (elsewhere / "env").stat().st_mode & 0o777 == 0o600


def test_a_folder_in_the_place_of_a_file_is_told(platform):
    """Docker makes one where it finds nothing to mount."""
    (platform.folder / FILES[1]).unlink()
    (platform.folder / FILES[1]).mkdir()
    done = platform.deploy()
    assert done.returncode == 2 and f"{FILES[1]} is no file" in done.stdout, done.stdout
    assert platform.ups() == []


@pytest.fixture
def of_nobody(machine):
    """An installation that belongs to another user than root, who may read and write everything."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="saas-deploy-"))
    platform = machine.installation(folder)
    platform.sent()
    (folder / ".deploy/lock").touch()
    before = []
    if os.geteuid() == 0:
        before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        subprocess.run(["chown", "-R", "65534:65534", folder], check=True)
    yield platform, before
    subprocess.run(["chmod", "-R", "u+rwx", folder], check=True)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name, mode, sentence", [
    (".env", 0o000, "its .env have to belong to"), (".env", 0o400, "its .env have to belong to"), ("docker/traefik", 0o500, "has to be a folder that"),
    (FILES[0], 0o000, "is no file that"), (".deploy/lock", 0o400, "lock cannot be written by"),
])
def test_what_may_not_be_read_or_written_is_told(of_nobody, machine, name, mode, sentence):
    platform, before = of_nobody
    [run] = (platform.folder / ".deploy").glob("run.*")
    (platform.folder / name).chmod(mode)
    done = platform.on_the_machine(run=run, before=before)
    assert done.returncode == 2 and sentence in done.said, done.said
    assert (run / "status").read_text() == "2\n" and platform.ups() == []
