"""Signs the requests that the schema-driven fuzzer makes up (docs/protocol.md, "Proofs").

An address or a proof that is of the right form becomes one of a key that this file holds, so that the relay goes on to what
comes after the proof. Whatever is of a wrong form stays as it was made up.
"""

import base64
import hashlib
import os
import re
import time
from urllib.parse import parse_qs, quote, unquote, urlsplit

import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from requests.auth import AuthBase

PATH = re.compile(r"/v1/mailboxes/([^/?]*)(/frames)?$")
ADDRESS = re.compile(r"[A-Za-z0-9_-]{43}")
PROOF = re.compile(r"[0-9]{1,19}\.[A-Za-z0-9_-]{43}(?:[A-Za-z0-9_-]{43})?")
WHOLE_NUMBER = re.compile(r"[0-9]{1,19}")
KEYS = [Ed25519PrivateKey.from_private_bytes(hashlib.sha256(bytes([number])).digest()) for number in range(4)]


def text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


RELAY_KEY = base64.urlsafe_b64decode(os.environ["RELAY_KEY"] + "=")


def verb_and_argument(method: str, frames: bool, query: dict) -> tuple[int, int] | None:
    """The operation's number and argument, as they are signed; none where the request is of no operation."""
    if method == "PUT" and not frames:
        return 1, 0
    if method == "POST" and frames:
        return 2, int(query.get("closing", ["false"])[-1] == "true")
    after = query.get("after", ["0"])[-1]
    if method == "GET" and frames and WHOLE_NUMBER.fullmatch(after) and int(after) < 1 << 63:
        return 3, int(after)
    return None


class Signed(AuthBase):
    def __call__(self, request):
        url = urlsplit(request.url)
        found = PATH.match(url.path)
        if not found or not ADDRESS.fullmatch(unquote(found[1])):
            return request
        key = KEYS[sum(unquote(found[1]).encode()) % len(KEYS)]
        address = key.public_key().public_bytes_raw()
        request.url = request.url.replace(f"/mailboxes/{found[1]}", f"/mailboxes/{quote(text(address))}", 1)
        operation = verb_and_argument(request.method, bool(found[2]), parse_qs(url.query, keep_blank_values=True))
        proof = request.headers.get("twiza-proof")
        proof = proof.decode("latin-1") if isinstance(proof, bytes) else proof
        if operation is None or proof is None or not PROOF.fullmatch(proof):
            return request
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        if not isinstance(body, bytes):
            return request
        if operation[0] == 2 and len(body) % 2 == 0:
            # Every second one becomes a frame.
            body = hashlib.shake_256(body).digest(1024)
            request.prepare_body(body, None)
        minutes = int(time.time()) // 60
        verb, argument = operation
        transcript = b"".join([
            b"twiza proof v1\0", RELAY_KEY, bytes([verb]), address, minutes.to_bytes(8, "big"),
            argument.to_bytes(8, "big"), hashlib.sha256(body).digest(),
        ])
        request.headers["twiza-proof"] = f"{minutes}.{text(key.sign(transcript))}"
        return request


@schemathesis.hook
def before_call(context, case, kwargs):
    kwargs["auth"] = Signed()
