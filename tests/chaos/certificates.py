"""A gateway's certificate that ends while it is shown, and the new one that takes its place."""

import datetime
import pathlib
import socket
import ssl
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "api.test"
# Gateways look at the files once a minute.
WITHIN = 75


def certify(folder, ends_in):
    """Writes certificate and key, good for so many seconds, over those before; returns the serial number."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(seconds=ends_in))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False).sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for file, content in (("tls.key", secret), ("tls.pem", certificate.public_bytes(serialization.Encoding.PEM))):
        new = pathlib.Path(folder) / f"{file}.new"
        new.write_bytes(content)
        new.chmod(0o600)
        new.rename(pathlib.Path(folder) / file)
    return certificate.serial_number


class Certificates:
    """Goes on beside the other faults: the old certificate ends soon after the start, and is replaced after that."""

    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        self.shown_after = None

    def begin(self, seconds):
        """Before the gateway starts."""
        certify(self.folder, seconds)
        self.ends = time.monotonic() + seconds
        self.replaced = None

    def step(self):
        """To be called now and then. True once the new certificate is shown."""
        if time.monotonic() < self.ends + 1:
            return False
        if self.replaced is None:
            if self.shown() is None:
                return False  # This gateway is away just now.
            self.serial, self.replaced = certify(self.folder, 3600), time.monotonic()
        if self.shown_after is None and self.shown() == self.serial:
            self.shown_after = time.monotonic() - self.replaced
        return self.shown_after is not None

    def shown(self):
        """The serial number; the handshake has to succeed for those who look away from the end."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as plain, context.wrap_socket(plain, server_hostname=NAME) as tls:
                return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True)).serial_number
        except OSError:
            return None
