"""Tokens made with the platform's own keys, as somebody could who stole them, or made a mistake.

A token that a stranger signed is refused for its signature, and says nothing of what else is looked
at. So the keys are taken here from where the platform keeps them.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import sqlite3
import time
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET = "mV9x2Qk7sT4wZ8bN1cR6yH3uJ5pL0dFgA"


def encoded(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def parts(token):
    head, claims, _ = token.split(".")
    return json.loads(decoded(head)), json.loads(decoded(claims))


def derived(purpose, salt=b""):
    return HKDF(hashes.SHA256(), 32, salt, f"saas/{purpose}".encode()).derive(SECRET.encode())


def signing_key(data, kid):
    """The private half of the key that signs access tokens, out of the SQLite file."""
    with contextlib.closing(sqlite3.connect(f"file:{data}/saas.db?mode=ro", uri=True)) as database:
        [[installation]] = database.execute("SELECT id FROM installation")
        [[sealed]] = database.execute("SELECT sealed FROM signing_keys WHERE kid = ?", [kid])
    salt = installation if isinstance(installation, bytes) else uuid.UUID(installation).bytes
    cipher = ChaCha20Poly1305(derived("envelope", salt))
    seed = cipher.decrypt(sealed[:12], sealed[12:], f"signing_keys.sealed/{kid}".encode())
    return Ed25519PrivateKey.from_private_bytes(seed)


def eddsa(key, head, claims):
    message = f"{encoded(head)}.{encoded(claims)}"
    return f"{message}.{encoded(key.sign(message.encode()))}"


def hs256(key, head, claims):
    message = f"{encoded(head)}.{encoded(claims)}"
    return f"{message}.{encoded(hmac.digest(key, message.encode(), hashlib.sha256))}"


def internal(role, key_of=None, **claims):
    """A token between the platform's own processes; `key_of` another role's key, if wanted."""
    now = int(time.time())
    head = {"alg": "HS256", "typ": "internal+jwt"}
    return hs256(derived(f"internal/{key_of or role}"), head, {"role": role, "iat": now, "exp": now + 60} | claims)


def registration(service, **claims):
    now = int(time.time())
    head = {"alg": "HS256", "typ": "registration+jwt"}
    return hs256(derived("registration"), head, {"service": service, "public": False, "iat": now, "exp": now + 60} | claims)


def stranger():
    return Ed25519PrivateKey.generate()
