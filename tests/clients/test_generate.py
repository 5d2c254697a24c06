"""`saas config generate`: a file with secrets, made once."""

import re
import subprocess

import pytest
from running_platform import BINARY, environment


def run_in(folder, *command, **settings):
    known = environment(folder / "data", **settings)
    return subprocess.run([BINARY, *command], cwd=folder, env=known, capture_output=True, text=True, timeout=30)


def test_an_env_file_is_generated_once_and_only_for_its_owner(tmp_path):
    generate = lambda *more: run_in(tmp_path, "config", "generate", "--domain", "shop.example", "--email", "me@shop.example", *more)
    made = generate()
    assert made.returncode == 0, made.stderr
    file = tmp_path / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    secrets = re.findall(r"^[A-Z_]+=([0-9a-f]{64})$", text, re.MULTILINE)
    assert len(secrets) == len(set(secrets)) == 9
    assert not any(secret in made.stdout + made.stderr for secret in secrets)
    again = generate()
    assert again.returncode == 2 and ".env" in again.stderr and file.read_text() == text
    other = generate("--output", "-")
    assert other.returncode == 0 and not set(secrets) & set(re.findall(r"[0-9a-f]{64}", other.stdout))
    # It holds what production asks for.
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    settings = {name: values[name] for name in ("SECRET_KEY", "METRICS_TOKEN", "CORS_ORIGINS", "ADMIN_EMAIL", "SIGNUP", "UPSTREAM_NETWORKS")}
    settings |= {"ENVIRONMENT": "production", "PUBLIC_URL": values["VITE_API_URL"], "DATABASE_URL": f"postgresql://u:{values['POSTGRES_PASSWORD']}@db/x"}
    for role in ("registry", "core", "gateway"):
        checked = run_in(tmp_path, "config", "check", "--role", role, **settings)
        assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("wrong", [["--domain", "https://shop.example"], ["--domain", "localhost"], ["--email", "me"], ["--output", "no/such/folder/.env"]])
def test_an_env_file_is_not_generated_for_nonsense(tmp_path, wrong):
    sound = ["--domain", "shop.example", "--email", "me@shop.example"]
    if wrong[0] in sound:
        at = sound.index(wrong[0])
        sound[at : at + 2] = []
    made = run_in(tmp_path, "config", "generate", *sound, *wrong)
    assert made.returncode == 2 and made.stderr and "panicked" not in made.stderr, made.stderr
    assert list(tmp_path.iterdir()) == []
