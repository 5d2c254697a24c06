"""S3-compatible storage for a test: moto, which checks signatures and rights as AWS does, and a line to it that breaks."""

import json
import pathlib
import re
import socket
import subprocess
import sys
import threading
import urllib.request

import boto3
from botocore.config import Config

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/BACKUP.md"


def documented_policy(bucket):
    """What docs/BACKUP.md says that the key needs; nothing else is allowed to it here."""
    [policy] = (block for block in re.findall(r"```json\n(\{.*?\})\n```", DOCUMENT.read_text(), re.DOTALL) if "Statement" in block)
    return json.loads(policy.replace("BUCKET", bucket))


class Storage:
    """Started by `with`; ended with it."""

    def __enter__(self):
        command = [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = []
        for line in self.process.stdout:
            said.append(line)
            found = re.search(r"Running on (http://127\.0\.0\.1:(\d+))", line)
            if found:
                break
        else:
            raise AssertionError("".join(said))
        self.url, self.port = found[1], int(found[2])
        # Read on, or it waits for somebody who does.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        self._people()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def _people(self):
        iam = self._client("iam", "nobody", "nothing")
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        self.owner = self._key(iam, "owner", everything)
        self.backup = self._key(iam, "backup", documented_policy("*"))
        # From now on every request has to be signed, and be allowed.
        strict = urllib.request.Request(f"{self.url}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
        urllib.request.urlopen(strict).close()
        self.s3 = self._client("s3", *self.owner)

    def _key(self, iam, name, policy):
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def _client(self, service, key, secret):
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        known = {"aws_access_key_id": key, "aws_secret_access_key": secret, "region_name": "us-east-1"}
        return boto3.client(service, endpoint_url=self.url, config=config, **known)

    def bucket(self, name):
        self.s3.create_bucket(Bucket=name)
        return name

    def keys(self, bucket):
        return sorted(item["Key"] for item in self.s3.list_objects_v2(Bucket=bucket).get("Contents", []))

    def content(self, bucket, key):
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def unfinished(self, bucket):
        return self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])


class Line:
    """A line to the storage, which may break.

    `on_request` is called with all bytes that a connection carried so far towards the storage, and breaks it by
    returning false; `on_answer` likewise with the number of those that came back.
    """

    def __init__(self, port):
        self.port, self.connections = port, []
        self.on_request = self.on_answer = lambda _: True

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        for one in self.connections:
            one.close()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.port))
            self.connections += [near, far]
            threading.Thread(target=self._carry, args=[near, far, self._asked], daemon=True).start()
            threading.Thread(target=self._carry, args=[far, near, self._answered], daemon=True).start()

    def _asked(self, carried):
        return self.on_request(carried)

    def _answered(self, carried):
        return self.on_answer(len(carried))

    def _carry(self, source, sink, look):
        carried = bytearray()
        try:
            while chunk := source.recv(1 << 16):
                carried += chunk
                if not look(carried):
                    break
                sink.sendall(chunk)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
