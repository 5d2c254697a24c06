"""Starts that fail, really provoked: one line, the setting's name, status 2, and the sentence that
docs/TROUBLESHOOTING.md quotes."""

import datetime
import json
import os
import re
import secrets
import socket
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from edge import free_ports
from production import Process, is_ready, run_file, wait_for
from running_platform import BINARY, ROOT

GUIDES = [ROOT / "docs/TROUBLESHOOTING.md", ROOT / "docs/zh-CN/TROUBLESHOOTING.md"]
VARIES = re.compile("‹[^›]*›")
CORE, GATEWAY, UP = ["core"], ["gateway"], ["up"]
TOLD_NOBODY = "a-password-that-is-not-told"


def quoted(guide):
    """The sentences in fenced text of the section about starts, in order."""
    text = guide.read_text()
    begun = text.index("## At the start") if "## At the start" in text else text.index('<a id="at-the-start"></a>')
    end = text.index("## Processes") if "## Processes" in text else text.index('<a id="processes"></a>')
    return [line for block in re.findall(r"```text\n(.*?)```", text[begun:end], re.S) for line in block.splitlines()]


SENTENCES = quoted(GUIDES[0])


def pattern(sentence):
    return re.compile(".+".join(re.escape(part) for part in VARIES.split(sentence)))


def sentence_for(line):
    found = [sentence for sentence in SENTENCES if pattern(sentence).fullmatch(line)]
    assert len(found) == 1, f"quoted {len(found)} times in the guide: {line}"
    return found[0]


class Scene:
    """What a start needs, and what is wrong with it this time."""

    def __init__(self, folder):
        self.folder = folder
        self.database = os.environ["SAAS_TEST_POSTGRES_URL"]

    def settings(self, **changes):
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        usual = {
            "ENVIRONMENT": "production", "HOST": "127.0.0.1", "DATA_DIR": f"{self.folder}/data", "PUBLIC_URL": "https://api.example.com",
            "SECRET_KEY": secrets.token_hex(32), "METRICS_TOKEN": secrets.token_hex(24), "DATABASE_URL": self.database,
            "GATEWAY_PORT": "0", "REGISTRY_PORT": "0", "CORE_PORT": "0", "HTTPS_PORT": "0",
            "DATABASE_MIN_CONNECTIONS": "1", "DATABASE_MAX_CONNECTIONS": "5",
        }
        return kept | {name: value for name, value in (usual | changes).items() if value is not None}

    def start(self, command, **changes):
        """Ends by itself, or has not failed."""
        return subprocess.run([BINARY, *command], cwd=self.folder, env=self.settings(**changes), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)

    def new_database(self):
        name = f"start_{secrets.token_hex(6)}"
        subprocess.run(["psql", "-X", "-q", self.database, "-c", f"CREATE DATABASE {name}"], check=True)
        return re.sub(r"/[^/]*$", f"/{name}", self.database)

    def certificate(self, name="cert", days=1):
        """Of its own authority; its key is readable for its owner alone."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api.example.com")])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=30))
        names = x509.SubjectAlternativeName([x509.DNSName("api.example.com")])
        made = builder.not_valid_after(now + datetime.timedelta(days=days)).add_extension(names, critical=False).sign(key, hashes.SHA256())
        chain, private = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        private.touch(mode=0o600)
        private.write_bytes(key.private_bytes(*form))
        return {"TLS_CERT_FILE": str(chain), "TLS_KEY_FILE": str(private)}

    def run(self, command, **changes):
        """A process that is to run; whoever asked stops it."""
        settings = self.settings(**changes)
        process = Process(command[0], [BINARY, *command], settings)
        wait_for("run.json", lambda: run_file(self.folder / "data"), process)
        return process


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def with_file(scene, name, text):
    (scene.folder / name).write_text(text)
    return str(scene.folder / name)


def taken_port(scene):
    # Kept by the scene, so that it stays taken.
    scene.listener = socket.create_server(("127.0.0.1", 0))
    return str(scene.listener.getsockname()[1])


def changed(scene, old, new):
    wrong = re.sub(old, new, scene.database)
    assert wrong != scene.database
    return wrong


def another_secret(scene):
    database = scene.new_database()
    first = scene.run(CORE, DATABASE_URL=database)
    assert first.stop() == 0
    return scene.start(CORE, DATABASE_URL=database)


def without_roles(scene):
    """A login role that may neither make the two roles nor switch to them."""
    database = scene.new_database()
    role = re.search("/([^/]*)$", database)[1]
    owned = f"CREATE ROLE {role} LOGIN PASSWORD '{TOLD_NOBODY}'; ALTER DATABASE {role} OWNER TO {role}"
    subprocess.run(["psql", "-X", "-q", scene.database, "-c", owned], check=True)
    return scene.start(CORE, DATABASE_URL=re.sub("//[^@]*@", f"//{role}:{TOLD_NOBODY}@", database))


def locked(scene):
    first = scene.run(UP, ENVIRONMENT="development", DATABASE_URL=None, PUBLIC_URL=None)
    try:
        return scene.start(UP, ENVIRONMENT="development", DATABASE_URL=None, PUBLIC_URL=None)
    finally:
        assert first.stop() == 0


def mismatched(scene):
    return scene.certificate() | {"TLS_KEY_FILE": scene.certificate("other")["TLS_KEY_FILE"]}


def readable_for_all(scene):
    files = scene.certificate()
    os.chmod(files["TLS_KEY_FILE"], 0o644)
    return files


NAMES_NOBODY = "postgresql://saas:a-password-that-is-not-told@{}/saas"
# What is provoked, and the setting, or what else the sentence has to name.
CASES = {
    "no secret": ("SECRET_KEY", lambda s: s.start(CORE, SECRET_KEY=None)),
    "a sample secret": ("SECRET_KEY", lambda s: s.start(CORE, SECRET_KEY="change-me-change-me-change-me-change-me")),
    "a short secret": ("SECRET_KEY", lambda s: s.start(GATEWAY, SECRET_KEY="short")),
    "no metrics token": ("METRICS_TOKEN", lambda s: s.start(CORE, METRICS_TOKEN=None)),
    "another secret": ("SECRET_KEY", another_secret),
    "no number": ("ACCESS_TOKEN_EXPIRE_MINUTES", lambda s: s.start(CORE, ACCESS_TOKEN_EXPIRE_MINUTES="half an hour")),
    "another database": ("DATABASE_URL", lambda s: s.start(CORE, DATABASE_URL="mysql://root@127.0.0.1/saas")),
    "an unknown key": ("log_level", lambda s: (with_file(s, "saas.toml", 'log_levle = "info"\n'), s.start(CORE))[1]),
    "no TOML": ("saas.toml", lambda s: (with_file(s, "saas.toml", "log_level = info\n"), s.start(CORE))[1]),
    "a secret twice": ("SECRET_KEY_FILE", lambda s: s.start(CORE, SECRET_KEY_FILE=with_file(s, "key", secrets.token_hex(32)))),
    "no secret's file": ("SECRET_KEY_FILE", lambda s: s.start(CORE, SECRET_KEY=None, SECRET_KEY_FILE="/nowhere/key")),
    "no address": ("PUBLIC_URL", lambda s: s.start(CORE, PUBLIC_URL=None)),
    "plain http": ("PUBLIC_URL", lambda s: s.start(CORE, PUBLIC_URL="http://api.example.com")),
    "every origin": ("CORS_ORIGINS", lambda s: s.start(GATEWAY, CORS_ORIGINS="*")),
    "SQLite for several": ("DATABASE_URL", lambda s: s.start(CORE, DATABASE_URL=None)),
    "a wrong password": ("DATABASE_URL", lambda s: s.start(CORE, DATABASE_URL=changed(s, ":[^:@/]+@", ":a-password-that-is-not-told@"))),
    "no such database": ("DATABASE_URL", lambda s: s.start(CORE, DATABASE_URL=changed(s, "/[^/]*$", "/nowhere"))),
    "no database yet": ("DATABASE_URL", lambda s: s.start(CORE, DATABASE_URL=NAMES_NOBODY.format(f"127.0.0.1:{free_ports(1)[0]}"))),
    "no such host": ("DATABASE_URL", lambda s: s.start(CORE, DATABASE_URL=NAMES_NOBODY.format("database.invalid:5432"))),
    "no TLS there": ("DATABASE_URL", lambda s: s.start(CORE, DATABASE_URL=f"{s.database}?sslmode=require")),
    "no right to make roles": ("saas_tenant", without_roles),
    "a taken port": ("GATEWAY_PORT", lambda s: s.start(GATEWAY, GATEWAY_PORT=taken_port(s))),
    "a foreign address": ("HOST", lambda s: s.start(GATEWAY, HOST="203.0.113.9")),
    "another's key": ("TLS_KEY_FILE", lambda s: s.start(GATEWAY, **mismatched(s))),
    "no key": ("TLS_KEY_FILE", lambda s: s.start(GATEWAY, **s.certificate() | {"TLS_KEY_FILE": None})),
    "no certificate": ("TLS_CERT_FILE", lambda s: s.start(GATEWAY, **s.certificate() | {"TLS_CERT_FILE": "/nowhere/fullchain.pem"})),
    "no authority": ("TLS_CA_FILE", lambda s: s.start(CORE, TLS_CA_FILE="/nowhere/authority.pem")),
    "no PEM": ("TLS_CERT_FILE", lambda s: s.start(GATEWAY, **s.certificate() | {"TLS_CERT_FILE": with_file(s, "der", "hello\n")})),
    "everybody's key": ("TLS_KEY_FILE", lambda s: s.start(GATEWAY, **readable_for_all(s))),
    "a locked directory": ("DATA_DIR", locked),
    "no directory": ("DATA_DIR", lambda s: s.start(GATEWAY, DATA_DIR=f"{with_file(s, 'file', '')}/data")),
}


@pytest.mark.parametrize("case", CASES)
def test_a_start_that_fails_says_in_one_line_what_to_do(scene, case):
    setting, provoke = CASES[case]
    done = provoke(scene)
    assert done.returncode == 2, (done.returncode, done.stderr)
    [line] = done.stderr.splitlines()
    assert line.startswith("saas: ") and setting in line, line
    assert sentence_for(line)
    assert "a-password-that-is-not-told" not in done.stdout + done.stderr


WITH_PASSWORD = f"http://somebody:{TOLD_NOBODY}@10.0.0.1:4317"
WITH_TOKEN = f"https://10.0.0.1/?token={TOLD_NOBODY}"


@pytest.mark.parametrize("value", [WITH_PASSWORD, WITH_TOKEN, WITH_TOKEN.replace("?", "#"), "x" * 80 + TOLD_NOBODY])
@pytest.mark.parametrize(
    "setting", ["OTEL_EXPORTER_OTLP_ENDPOINT", "VAULT_ADDR", "PUBLIC_URL", "CONSOLE_URL", "REGISTRY_URL", "CORS_ORIGINS", "TRUSTED_PROXIES", "LOG_LEVEL", "ACME_DIRECTORY"]
)
def test_a_refusal_does_not_repeat_what_may_be_a_secret(scene, setting, value):
    changes = {setting: value}
    if setting == "ACME_DIRECTORY":
        changes |= {"ACME_DOMAINS": "api.example.com", "ACME_EMAIL": "ops@example.com"}
    done = scene.start(["config", "check", "--role", "up"], **changes)
    assert done.returncode == 2, done
    assert setting in done.stderr and TOLD_NOBODY not in done.stdout + done.stderr, done


def test_a_file_that_is_no_toml_does_not_show_what_it_holds(scene):
    for line in (f"secret_key = {TOLD_NOBODY}", f'secret_key = "{TOLD_NOBODY}', f"secret_key: {TOLD_NOBODY}"):
        with_file(scene, "saas.toml", line + "\n")
        done = scene.start(CORE, SECRET_KEY=None)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
        assert "saas.toml" in done.stderr and TOLD_NOBODY not in done.stderr, done


def test_a_refusal_is_one_line_whatever_the_value_holds(scene):
    done = scene.start(CORE, LOG_LEVEL="loud\nsaas: all is well\u001b[2J\u202e", DATA_DIR=f"{scene.folder}/data")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
    assert "saas: LOG_LEVEL = `loud saas: all is well" in done.stderr
    assert not {"\u001b", "\u202e"} & set(done.stderr)


def test_an_address_of_redis_that_nobody_can_read_is_refused_before_anything_starts(scene):
    refused = {"REDIS_URL": f"redis://:{TOLD_NOBODY}@127.0.0.1:port/0"}
    checked = scene.start(["config", "check", "--role", "registry"], **refused)
    started = scene.start(["registry"], **refused)
    assert checked.returncode == started.returncode == 2
    assert checked.stderr == started.stderr and checked.stderr.startswith("saas: REDIS_URL cannot be used"), checked
    assert TOLD_NOBODY not in checked.stdout + checked.stderr + started.stdout
    assert "serving" not in started.stdout


def message(process, wanted):
    """The line of the log with that message."""

    def look():
        for line in process.text().splitlines():
            if line.startswith("{"):
                read = json.loads(line)
                if pattern(wanted).fullmatch(read["message"]):
                    return read
        return None

    return wait_for(wanted, look, process)


def wrong_redis():
    return re.sub("://(:[^@]*@)?", "://:a-password-that-is-not-told@", os.environ["SAAS_TEST_REDIS_URL"])


WARNINGS = [
    ("the certificate of", GATEWAY, lambda s: s.certificate(days=-2), ""),
    ("check REDIS_URL", CORE, lambda s: {"REDIS_URL": wrong_redis(), "DATABASE_URL": s.new_database()}, "Password authentication failed"),
    ("Redis does not answer", GATEWAY, lambda s: {"REDIS_URL": wrong_redis()}, "Password authentication failed"),
    ("the registry does not take this", GATEWAY, lambda s: {"REGISTRY_URL": f"http://127.0.0.1:{free_ports(1)[0]}"}, "Connection refused"),
    ("the registry does not take the", CORE, lambda s: {"REGISTRY_URL": f"http://127.0.0.1:{free_ports(1)[0]}", "DATABASE_URL": s.new_database()}, "Connection refused"),
]


@pytest.mark.parametrize("begins, command, changes, beside", WARNINGS)
def test_what_does_not_stop_a_start_is_a_line_of_the_log(scene, begins, command, changes, beside):
    [wanted] = [sentence for sentence in SENTENCES if sentence.startswith(begins)]
    process = scene.run(command, **changes(scene))
    try:
        read = message(process, wanted)
        assert read["log.level"] in ("warn", "error")
        assert beside in read.get("error.message", "")
    finally:
        assert process.stop() == 0
    assert "a-password-that-is-not-told" not in process.text()


def test_whether_a_process_is_ready_is_told_by_its_health_check(scene):
    """As the guide says of a gateway without a registry and without a last good copy."""
    process = scene.run(GATEWAY, REGISTRY_URL=f"http://127.0.0.1:{free_ports(1)[0]}")
    try:
        asked = subprocess.run([BINARY, "healthcheck"], env=scene.settings(), cwd=scene.folder, capture_output=True, text=True)
        assert asked.returncode == 1 and not is_ready(run_file(scene.folder / "data")["gateway"])
    finally:
        assert process.stop() == 0


def test_all_complaints_are_told_at_once_by_the_check(scene):
    done = scene.start(["config", "check", "--role", "gateway"], SECRET_KEY=None, CORS_ORIGINS="*")
    assert done.returncode == 2
    assert [line.partition(" is ")[0] for line in done.stderr.splitlines()] == ["saas: SECRET_KEY", "saas: CORS_ORIGINS"]


def test_every_sentence_of_the_guide_is_provoked_here():
    """Each case meets one sentence and none is met twice, so that as many as there are cases are all."""
    assert len(SENTENCES) == len(CASES) + len(WARNINGS) == len(set(SENTENCES))


def test_both_guides_have_the_same_sections_and_sentences():
    english, chinese = (guide.read_text() for guide in GUIDES)
    assert quoted(GUIDES[0]) == quoted(GUIDES[1])
    heads = [(mark, re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-")) for mark, head in re.findall(r"(?m)^(##+) (.+)$", english)]
    assert heads == [(mark, anchor) for anchor, mark in re.findall(r'<a id="([^"]+)"></a>\n(##+) ', chinese)]
    assert len(heads) > 55
    # Commands and links are the same too, wherever they stand.
    for kind in (r"\]\(#([^)]+)\)", r"(?m)^```sql\n(.*)$"):
        assert sorted(re.findall(kind, english)) == sorted(re.findall(kind, chinese))
    assert not set(re.findall(r"\]\(#([^)]+)\)", english)) - {anchor for _, anchor in heads}
    # Who comes from an alert finds its name in the translation's heading.
    rules = "".join(path.read_text() for path in (ROOT / "monitoring/rules").glob("*.yml"))
    for alert in set(re.findall(r"alert: (\w+)", rules)):
        assert re.search(rf"(?m)^### .+（{alert}）$", chinese), alert
