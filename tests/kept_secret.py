"""Remembers every secret that the tests gave to the platform or got from it, and looks for them in its logs.

`running_platform.call` and `wire.send` tell it what passes; whoever has a secret by another way calls
`remember`. A platform that is stopped in the end of a test has its whole output searched.
"""

import json
import re
import threading

# Members of bodies, in either direction, whose values nobody else may learn.
MEMBERS = {
    "password", "current_password", "new_password", "one_time_password",
    "access_token", "refresh_token", "csrf_token", "token", "api_key", "key",
}
# How the code of an invitation begins. An error has a `code`, too, which a log may tell.
INVITATION = "inv_"
# Shorter ones may well be in a log by chance; no secret of the platform is.
SHORTEST = 12
WORD = re.compile(r"[A-Za-z0-9_-]{%d,}" % SHORTEST)

_known = set()
_lock = threading.Lock()


def remember(*secrets):
    with _lock:
        _known.update(secret for secret in secrets if isinstance(secret, str) and len(secret) >= SHORTEST)


def remember_exchange(sent=None, headers=(), received=None, received_headers=()):
    """One request and its answer: bodies as bytes, headers as pairs."""
    for body in (sent, received):
        _remember_members(body)
    for name, value in [*headers, *received_headers]:
        name, value = str(name).lower(), str(value)
        if name == "authorization":
            remember(value.partition(" ")[2])
        elif name in ("cookie", "set-cookie"):
            # The first part of what is set, and every part of what is sent.
            parts = value.split(";")[: 1 if name == "set-cookie" else None]
            remember(*(part.partition("=")[2].strip() for part in parts))
        elif name == "x-csrf-token":
            remember(value)


def _remember_members(body):
    telling = ("password", "token", "key", INVITATION)
    if not body or len(body) > 1 << 20 or not any(word.encode() in body for word in telling):
        return
    try:
        waiting = [json.loads(body)]
    except (ValueError, RecursionError):
        return  # Rubbish on purpose.
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            remember(*(value[member] for member in MEMBERS & value.keys()))
            if str(value.get("code")).startswith(INVITATION):
                remember(value["code"])
            waiting.extend(value.values())


def found_in(text):
    """The secrets that the text tells. Of a signed token its signature is enough to be told."""
    words = set(WORD.findall(text))
    with _lock:
        known = list(_known)
    found = []
    for secret in known:
        # A whole word is looked up; only what consists of several has to be searched for.
        parts = WORD.findall(secret)
        is_token = re.fullmatch(r"[A-Za-z0-9_.-]+", secret) is not None
        if is_token and parts and parts[-1] == secret.rpartition(".")[2]:
            told = parts[-1] in words
        else:
            told = secret in text
        if told:
            found.append(secret)
    return found


def forget(*secrets):
    """They may be told from now on."""
    with _lock:
        _known.difference_update(secrets)
