"""Publishes to a JetStream stream: PORT PUBLISHERS APPENDS, each publisher with one frame under way."""

import asyncio
import json
import sys

from measured import measure

FRAME = b"Z" * 4096


class Connection:
    """One connection that speaks just enough of the protocol."""

    @classmethod
    async def to(cls, port, name):
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.inbox = f"_INBOX.{name}".encode()
        await self.reader.readline()
        self.writer.write(b'CONNECT {"verbose":false}\r\nSUB %b 1\r\n' % self.inbox)
        return self

    async def ask(self, subject, payload):
        self.writer.write(b"PUB %b %b %d\r\n%b\r\n" % (subject, self.inbox, len(payload), payload))
        while True:
            line = await self.reader.readline()
            if line.startswith(b"MSG"):
                answer = await self.reader.readexactly(int(line.split()[-1]) + 2)
                answer = json.loads(answer)
                if "error" in answer:
                    sys.exit(f"nats: {answer['error']}")
                return
            if line.startswith(b"PING"):
                self.writer.write(b"PONG\r\n")
            elif not line or line.startswith(b"-ERR"):
                sys.exit(f"nats: {line.decode()}")


async def main(port, publishers, appends):
    connections = [await Connection.to(port, f"bench{publishers}x{name}") for name in range(publishers)]
    stream = {"name": f"bench{publishers}", "subjects": [f"bench{publishers}.*"], "storage": "file"}
    await connections[0].ask(b"$JS.API.STREAM.CREATE." + stream["name"].encode(), json.dumps(stream).encode())
    asks = [[(f"bench{publishers}.{name}".encode(), FRAME)] * appends for name in range(publishers)]
    await measure("nats", connections, asks)


asyncio.run(main(*map(int, sys.argv[1:])))
