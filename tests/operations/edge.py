"""The shipped nginx/saas.conf, run by the real nginx, with certificates of an authority made for the test."""

import contextlib
import datetime
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import socket
import ssl
import subprocess
import time

import kept_secret
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from running_platform import ROOT, Answer
from upstream import Upstream

SHIPPED = ROOT / "nginx/saas.conf"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
API, CONSOLE = "api.example.com", "admin.example.com"

# What Debian's own nginx.conf says, as far as it reaches into ours. It allows the old versions of TLS.
MAIN = """
{user}
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/main.error.log info;
events {{ worker_connections 512; }}
http {{
    sendfile on;
    tcp_nopush on;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers on;
    access_log {folder}/main.log;
    gzip on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;

    include {folder}/saas.conf;

    # What an old client needs to speak TLS 1.0 at all, to know a refusal from an inability.
    server {{
        listen 127.0.0.1:{lax} ssl;
        ssl_certificate {folder}/live/fullchain.pem;
        ssl_certificate_key {folder}/live/privkey.pem;
        ssl_ciphers ALL:@SECLEVEL=0;
        return 204;
    }}
}}
"""


def free_ports(count):
    """Below those that connections get: a gateway that is started again finds its port free again."""
    ports = []
    while len(ports) < count:
        port = random.randrange(18000, 32000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
    return ports


def has_ipv6():
    """Not every container's loopback has an address of it."""
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


class Authority:
    """Signs for names; its own certificate is what a client has to trust."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        basic = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )
        builder = self._certificate(self.name, self.key).add_extension(basic, critical=True)
        self.certificate = builder.add_extension(usage, critical=True).sign(self.key, hashes.SHA256())
        self.path = self.folder / "authority.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _certificate(self, subject, key):
        now = datetime.datetime.now(datetime.timezone.utc)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        return builder.not_valid_after(now + datetime.timedelta(days=1)).add_extension(identifier, critical=False)

    def issue(self, *names):
        """`fullchain.pem` and `privkey.pem`, as certbot lays them."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        builder = self._certificate(subject, key)
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(alternatives, critical=False).add_extension(issuer, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        live = self.folder / "live"
        live.mkdir()
        pem = serialization.Encoding.PEM
        live.joinpath("fullchain.pem").write_bytes(certificate.public_bytes(pem) + self.certificate.public_bytes(pem))
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        live.joinpath("privkey.pem").write_bytes(private)
        return live

    def trust(self, alpn=()):
        context = ssl.create_default_context(cafile=str(self.path))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def choose(text, form):
    """Takes the comment signs off one way of serving the console and puts them on the other."""

    def rewrite(found):
        is_comment = found["name"] != "proxied"
        lines = found["block"].splitlines()
        if found["name"] == form and is_comment:
            lines = [line.replace("    #", "    ", 1) for line in lines]
        elif found["name"] != form and not is_comment:
            lines = [f"#{line}" for line in lines]
        return found["begin"] + "\n".join(lines) + "\n" + found["end"]

    marked = r"(?P<begin>    # >>> (?P<name>\w+)\n)(?P<block>.*?)\n(?P<end>    # <<< (?P=name)\n)"
    return re.sub(marked, rewrite, text, flags=re.S)


class Edge:
    """nginx with the shipped file, in which only ports, paths and the console's form are others."""

    def __init__(self, folder, gateways, console_port=1, console_folder=None):
        self.folder = pathlib.Path(folder)
        self.authority = Authority(self.folder)
        self.live = self.authority.issue(API, CONSOLE)
        self.http, self.https, self.lax = free_ports(3)
        self.challenge = self.folder / "certbot"
        text = SHIPPED.read_text()
        if console_folder:
            text = choose(text, "directory")
        ipv6 = has_ipv6()
        for port, own in ((80, self.http), (443, self.https)):
            text = text.replace(f"listen {port}", f"listen 127.0.0.1:{own}")
            text = text.replace(f"listen [::]:{port}", f"listen [::1]:{own}" if ipv6 else f"#listen [::]:{port}")
        for old, new in (
            ("/etc/letsencrypt/live/example.com", str(self.live)),
            ("/var/log/nginx", str(self.folder)),
            ("/var/www/certbot", str(self.challenge)),
            ("/var/www/saas-console", str(console_folder)),
            ("127.0.0.1:8000 ", f"{gateways[0]} "),
            ("127.0.0.1:8010 ", f"{gateways[1]} "),
            ("server 127.0.0.1:8080;", f"server 127.0.0.1:{console_port};"),
        ):
            assert old in text, f"{SHIPPED.name} has no {old!r}"
            text = text.replace(old, new)
        (self.folder / "saas.conf").write_text(text)
        # A worker that became `nobody` could not read what pytest keeps for its own user.
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(MAIN.format(folder=self.folder, lax=self.lax, user=user))
        self.command = [NGINX, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", str(self.folder / "main.error.log")]

    def __enter__(self):
        checked = subprocess.run([*self.command, "-t"], capture_output=True, text=True, timeout=30)
        self.check = checked.stderr
        assert checked.returncode == 0, checked.stderr
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.https), timeout=1).close()
                return self
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, self.errors()
                time.sleep(0.02)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            if self.process.poll() is None:
                self.process.kill()

    def errors(self):
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*.error.log"))

    def log_text(self):
        return (self.folder / "saas.log").read_text()

    def log(self, **wanted):
        """The access log's lines in which these fields, written with `__` for a dot, have these values."""
        fields = {name.replace("__", "."): value for name, value in wanted.items()}
        lines = [json.loads(line) for line in self.log_text().splitlines()]
        return [line for line in lines if all(line.get(name) == value for name, value in fields.items())]

    def logged(self, count=1, **wanted):
        """The same, once there are so many: a line is written after the answer."""
        deadline = time.monotonic() + 10
        while len(found := self.log(**wanted)) < count:
            assert time.monotonic() < deadline, f"{found}\n{self.log_text()[-3000:]}"
            time.sleep(0.02)
        return found

    def connect(self, host=API, source="127.0.0.1", alpn=()):
        """A TLS connection whose certificate holds for `host`; `source` is the client's address."""
        plain = socket.create_connection(("127.0.0.1", self.https), timeout=30, source_address=(source, 0))
        # As every client library does: or a body would wait for the head to be acknowledged.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.authority.trust(alpn).wrap_socket(plain, server_hostname=host)

    def client(self, host=API, source="127.0.0.1"):
        return Client(self, host, source)

    def ask(self, method, path, body=None, host=API, source="127.0.0.1", token=None, headers=()):
        with self.client(host, source) as client:
            return client.ask(method, path, body, token, headers)

    def ask_plain(self, path, host=API, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=15)
        try:
            connection.request(method, path, headers={"Host": host})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


class Client:
    """One connection, used again and again."""

    def __init__(self, edge, host, source):
        self.edge, self.host, self.source = edge, host, source

    def __enter__(self):
        self.connection = http.client.HTTPConnection(self.host, 443, timeout=30)
        self.connection.sock = self.edge.connect(self.host, self.source)
        return self

    def __exit__(self, *_):
        self.connection.close()

    def begin(self, method, path, body=None, token=None, headers=()):
        """Sends the request; the answer's body has still to be read."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        self.connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        self.connection.putheader("Host", self.host)
        if body is not None:
            self.connection.putheader("Content-Length", str(len(body)))
            if not any(name.lower() == "content-type" for name, _ in headers):
                self.connection.putheader("Content-Type", "application/json")
        if token:
            self.connection.putheader("Authorization", f"Bearer {token}")
        for name, value in headers:
            self.connection.putheader(name, value)
        self.connection.endheaders()
        self.sent, self.headers = body, [*headers, ("Authorization", f"Bearer {token or ''}")]
        if body:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                self.connection.sock.sendall(body)
        return self.connection.getresponse()

    def ask(self, *request, **more):
        given = self.begin(*request, **more)
        answer = Answer(given.status, given.headers, given.read())
        kept_secret.remember_exchange(self.sent, self.headers, answer.body, answer.headers.items())
        return answer


class Directory(Upstream):
    """A console as the container serves it: a page with headers of its own."""

    OWN = {"X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
           "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}

    def __init__(self):
        super().__init__(self._page)

    def _page(self, connection, *_):
        page = b"<!doctype html><title>console</title>"
        own = "".join(f"{name}: {value}\r\n" for name, value in self.OWN.items())
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\nConnection: close\r\n{own}\r\n"
        connection.sendall(head.encode() + page)
