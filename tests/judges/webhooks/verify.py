"""Judges signatures of outbound webhooks as a receiver in Python does: with PyPI's `standardwebhooks` and `svix`, and where
the key is a public one of Ed25519, which neither of them knows, with `cryptography`.

Reads a JSON list of {key, body, headers} and writes, in the same order, {by: "ok" or why not}.
"""

import base64
import json
import sys

import standardwebhooks
import svix
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def told(judge):
    try:
        judge()
        return "ok"
    except Exception as error:  # whatever a receiver would see
        return f"{type(error).__name__}: {error}"


def by_cryptography(post):
    headers = post["headers"]
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(post["key"].removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{post['body']}".encode()
    for part in headers["webhook-signature"].split(" "):
        if part.startswith("v1a,"):
            try:
                return key.verify(base64.b64decode(part[4:]), signed)
            except InvalidSignature:
                pass
    raise ValueError("no signature fits")


def judged(post):
    key, body, headers = post["key"], post["body"], post["headers"]
    verdicts = {
        "PyPI standardwebhooks": told(lambda: standardwebhooks.Webhook(key).verify(body, headers)),
        "PyPI svix": told(lambda: svix.Webhook(key).verify(body, headers)),
    }
    if key.startswith("whpk_"):
        verdicts["cryptography"] = told(lambda: by_cryptography(post))
    return verdicts


json.dump([judged(post) for post in json.load(sys.stdin)], sys.stdout)
