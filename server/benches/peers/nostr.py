"""Publishes to a Nostr relay: PORT PUBLISHERS APPENDS, each publisher with one event under way.

Events hold 4 KiB of text and are signed before the clock starts (NIP-01); coincurve, from PyPI, signs.
"""

import asyncio
import hashlib
import json
import sys
import time

import coincurve
from measured import measure

CONTENT = "Z" * 4096
KEY = coincurve.PrivateKey(b"\x07" * 32)


def event(number):
    author, created = KEY.public_key_xonly.format().hex(), int(time.time())
    tags = [["n", number]]
    unsigned = json.dumps([0, author, created, 1, tags, CONTENT], separators=(",", ":"))
    digest = hashlib.sha256(unsigned.encode()).digest()
    signed = {"id": digest.hex(), "pubkey": author, "created_at": created, "kind": 1, "tags": tags, "content": CONTENT}
    signed["sig"] = KEY.sign_schnorr(digest).hex()
    return json.dumps(["EVENT", signed]).encode()


class Connection:
    """One connection that speaks just enough of WebSocket (RFC 6455)."""

    @classmethod
    async def to(cls, port):
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.writer.write(
            b"GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n"
        )
        await self.reader.readuntil(b"\r\n\r\n")
        return self

    async def ask(self, text):
        # A text frame, masked with zeros.
        self.writer.write(b"\x81" + bytes([0x80 | 126]) + len(text).to_bytes(2, "big") + bytes(4) + text)
        while True:
            kind, length = await self.reader.readexactly(2)
            if length == 126:
                length = int.from_bytes(await self.reader.readexactly(2), "big")
            answer = await self.reader.readexactly(length)
            if kind == 0x81:
                answer = json.loads(answer)
                if answer[0] != "OK" or not answer[2]:
                    sys.exit(f"nostr: {answer}")
                return


async def main(port, publishers, appends):
    asks = [[(event(f"{publishers}.{name}.{number}"),) for number in range(appends)] for name in range(publishers)]
    connections = [await Connection.to(port) for _ in range(publishers)]
    await measure("nostr", connections, asks)


asyncio.run(main(*map(int, sys.argv[1:])))
