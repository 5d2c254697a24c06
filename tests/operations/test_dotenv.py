"""scripts/dotenv.awk: .env as Compose reads it, and what is secret in it out of sight."""

import os
import subprocess

import pytest
from running_platform import ROOT

SECRET = "s3cr3t-Of_a.House"


def awk(file, told=b"", **asked):
    words = [word for name, value in asked.items() for word in ("-v", f"{name}={value}")]
    return subprocess.run(["awk", "-v", f"file={file}", *words, "-f", ROOT / "scripts/dotenv.awk"], input=told,
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, capture_output=True, timeout=10)


@pytest.fixture
def env(tmp_path):
    def write(text):
        (tmp_path / ".env").write_bytes(text.encode())
        return tmp_path / ".env"
    return write


def passed_on(env, line):
    done = awk(env, f"before {line} behind\n".encode(), hide=1)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.decode()


@pytest.mark.parametrize("line", [
    f"SECRET_KEY={SECRET}", f'SECRET_KEY="{SECRET}"', f"SECRET_KEY='{SECRET}'", f'SECRET_KEY="{SECRET}" # the root',
    f"  SECRET_KEY  =  {SECRET}  ", f"SECRET_KEY={SECRET} # the root", f"export SECRET_KEY={SECRET}", f"\texport  SECRET_KEY='{SECRET}'",
    f"SECRET_KEY={SECRET}\r", f'SECRET_KEY="{SECRET}"\r', f"SECRET_KEY: {SECRET}", f"secret_key={SECRET}",
    f"SECRET_KEY_PREVIOUS={SECRET}", f"METRICS_TOKEN={SECRET}", f"POSTGRES_PASSWORD={SECRET}", f"VAULT_SECRET_ID={SECRET}",
    f"KIBANA_ENCRYPTION_KEY={SECRET}", f"SMTP_PASS={SECRET}", f"CLOUD_CREDENTIALS={SECRET}",
    f"HALF={SECRET[:9]}\nSECRET_KEY=${{HALF}}{SECRET[9:]}", f'HALF={SECRET[:11]}\nSECRET_KEY="$HALF{SECRET[11:]}"',
    f'NOTE="never closed\nSECRET_KEY={SECRET}', f'NOTE="two\nlines"\nSECRET_KEY={SECRET}', f"SECRET_KEY={SECRET[:8]}\nMETRICS_TOKEN={SECRET}",
    f"METRICS_TOKEN={SECRET}\nSECRET_KEY={SECRET[:8]}", f"SECRET_KEY={SECRET}", f"# a comment\n\nnonsense\nSECRET_KEY={SECRET}",
    f"OTEL_EXPORTER_OTLP_HEADERS=x-key={SECRET}", f"OTEL_EXPORTER_OTLP_HEADERS='x-scope=house-of-tea, x-key={SECRET}'",
    f"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20{SECRET}", f"OTEL_EXPORTER_OTLP_HEADERS=\"Authorization=Basic {SECRET},a=b\"",
    f"DATABASE_URL=postgresql://saas_user:{SECRET}@db:5432/saas?sslmode=require", f"REDIS_URL='rediss://:{SECRET}@redis:6379/0'",
    f"DATABASE_URL=postgresql://user:{SECRET}@db/saas?application_name=a@b", f"PROXY=http://user:{SECRET}@proxy",
    f"DATABASE_URL=postgresql://db/saas?user=saas&password={SECRET}", f"SENTRY_DSN=https://{SECRET}@sentry.example.com/1",
    f"export REDIS_URL = redis://:{SECRET}@redis # cached reads", f"IMAGE_PREFIX=https://{SECRET}@registry.example.com/",
])
def test_a_secret_is_hidden_however_it_is_written(env, line):
    assert passed_on(env(f"{line}\nDOMAIN=example.com\n"), SECRET) == "before *** behind\n"
    assert passed_on(env(f"DOMAIN=example.com\n{line}"), f"key={SECRET}@a, {SECRET}{SECRET}") == "before key=***@a, ****** behind\n"


@pytest.mark.parametrize("line, said", [
    # As it is in the address, and as a driver tells it.
    ("DATABASE_URL=postgresql://u:p%40ss%2Fword%25@db/saas", "p%40ss%2Fword%25"), ("DATABASE_URL=postgresql://u:p%40ss%2Fword%25@db/saas", "p@ss/word%"),
    ("DATABASE_URL=postgresql://u:p%40ss%2fword@db/saas", "p%40ss%2Fword"), ("DATABASE_URL=postgresql://u:pass@word/1@db/saas", "pass@word/1"),
    ("POSTGRES_PASSWORD='p@ss/word ü'", "p%40ss%2Fword%20%C3%BC"), ("POSTGRES_PASSWORD='p@ss/word'", "p%40ss%2fword"),
    # Within quotes, by Compose and by Docker.
    ("SECRET_KEY='pass\"w\\ord'", r"pass\"w\\ord"), ("SECRET_KEY='pass\"word", 'pass"word'), (r'SECRET_KEY="pass\"word"', 'pass"word'), (r'SECRET_KEY="pass\"word"', r"pass\"word"),
    ("SECRET_KEY='pa$$word#1'", "pa$$word#1"), ("SECRET_KEY='pa$word'", "pa$$word"), ("SECRET_KEY=pass#word", "pass#word"), ("SECRET_KEY=pa$$$$word", "pa$$word"), ("SECRET_KEY=pa$$word", "pa$word"), ('SECRET_KEY="pa$$word"', "pa$word"),
    ("SECRET_KEY=${NOWHERE:-password}", "password"), ("EMPTY=\nSECRET_KEY=${EMPTY:-pass}word", "password"), ("\ufeffSECRET_KEY=password", "password"),
    ("SECRET_KEY=password#1", "password"),
    # The rest of the file, which Compose tells as one Go string where a line is none.
    ('SECRET_KEY="pass\\"word"', r'\"pass\\\"word\"'), (r"SECRET_KEY='pass\word'", r"pass\\word"),
    # One line of many.
    ('PRIVATE_KEY="-----BEGIN KEY-----\nMIGHAgEAMBMG\n-----END KEY-----"', "MIGHAgEAMBMG"),
    ("OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic%20dXNlcjpwYXNz%3D%3D", "dXNlcjpwYXNz=="),
    ("OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic%20dXNlcjpwYXNz%3D%3D", "dXNlcjpwYXNz%3D%3D"),
])
def test_a_secret_is_hidden_in_every_form_that_it_is_said_in(env, line, said):
    assert passed_on(env(f"{line}\nDOMAIN=example.com\n"), said) == "before *** behind\n"


def test_what_is_no_secret_is_told(env):
    file = env("DOMAIN=example.com\nACCESS_TOKEN_EXPIRE_MINUTES=144000\nREFRESH_TOKEN_EXPIRE_DAYS=100000\nSECRET_KEY_FILE=/run/secrets/key\n"
               "POSTGRES_USER=saas_user\nDATABASE_URL=postgresql://saas_user@postgres/saas_platform\nREDIS_PASSWORD=redis\nADMIN_PASSWORD=\nKEY\n")
    line = "example.com 144000 100000 /run/secrets/key saas_user@postgres/saas_platform redis"
    assert passed_on(file, line) == f"before {line} behind\n"


def test_without_the_file_nothing_is_passed_on(tmp_path):
    done = awk(tmp_path / "nowhere", f"{SECRET}\n".encode(), hide=1)
    assert done.returncode == 1 and done.stdout == b""


@pytest.mark.parametrize("line, value", [
    ("DOMAIN=saas.test", "saas.test"), ('DOMAIN="saas.test"  # ours\r', "saas.test"), ("export DOMAIN = 'saas.test'", "saas.test"),
    ("DOMAIN=saas.test   # ours", "saas.test"), ("DOMAIN=a\nDOMAIN=saas.test", "saas.test"), ("DOMAIN=", ""), ("DOMAIN= # none", ""),
    ("# DOMAIN=saas.test", ""), ("MY_DOMAIN=saas.test", ""), ("BASE=test\nDOMAIN=saas.${BASE}", "saas.test"),
    ("DOMAIN=${NOWHERE:-saas.test}", "saas.test"), ("DOMAIN=saas.${NOWHERE-test}", "saas.test"), ("DOMAIN=a$$b$${C}", "a$b${C}"), ("\ufeffDOMAIN=saas.test", "saas.test"),
    ("BASE=saas\nDOMAIN=${BASE:-other}.test", "saas.test"), ("DOMAIN='a$$b'", "a$$b"), ('NOTE="\nDOMAIN=saas.test\n"', ""), ("DOMAIN='$(touch made)'", "$(touch made)"),
])
def test_a_setting_is_read_as_compose_reads_it(env, line, value):
    assert awk(env(line), get="DOMAIN").stdout.decode() == f"{value}\n"


@pytest.mark.parametrize("before, after", [
    ("A=1\nIMAGE_TAG=1.0\nB=2\n", "A=1\nIMAGE_TAG=2.0\nB=2\n"), ('export IMAGE_TAG = "1.0" # now\r\nB=2\r\n', 'export IMAGE_TAG = "2.0" # now\r\nB=2\r\n'),
    ("IMAGE_TAG=1.0 # now\n", "IMAGE_TAG=2.0 # now\n"), ("A=1", "A=1\nIMAGE_TAG=2.0\n"), ("IMAGE_TAG=\n", "IMAGE_TAG=2.0\n"),
    ("IMAGE_TAG=1.0\nA=1\n IMAGE_TAG: 1.1\n", "IMAGE_TAG=2.0\nA=1\n"), ('NOTE="\nIMAGE_TAG=no\n"\nIMAGE_TAG=1.0\n', 'NOTE="\nIMAGE_TAG=no\n"\nIMAGE_TAG=2.0\n'),
    ("\ufeffIMAGE_TAG=1.0\nA=$$1\n", "\ufeffIMAGE_TAG=2.0\nA=$$1\n"), ("IMAGE_TAG=$(reboot) && x\n", "IMAGE_TAG=2.0\n"), ("IMAGE_TAG='-1 \\0 &'\n", "IMAGE_TAG='2.0'\n"), ("# IMAGE_TAG=0\n\n", "# IMAGE_TAG=0\n\nIMAGE_TAG=2.0\n"),
])
def test_a_setting_is_changed_and_everything_else_stays(env, before, after):
    assert awk(env(before), set="IMAGE_TAG", to="2.0").stdout.decode() == after
    assert awk(env(after), get="IMAGE_TAG").stdout == b"2.0\n"
