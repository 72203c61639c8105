"""Publishes to a JetStream stream: PORT PUBLISHERS APPENDS, each publisher with one frame under way."""

import asyncio
import json
import sys
import time

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


async def publish(connection, subject, appends):
    times = []
    for _ in range(appends):
        started = time.perf_counter()
        await connection.ask(subject, FRAME)
        times.append(time.perf_counter() - started)
    return times


async def main(port, publishers, appends):
    connections = [await Connection.to(port, f"bench{publishers}x{name}") for name in range(publishers)]
    stream = {"name": f"bench{publishers}", "subjects": [f"bench{publishers}.*"], "storage": "file"}
    await connections[0].ask(b"$JS.API.STREAM.CREATE." + stream["name"].encode(), json.dumps(stream).encode())
    subjects = [f"bench{publishers}.{name}".encode() for name in range(publishers)]
    started = time.perf_counter()
    times = await asyncio.gather(*(publish(c, s, appends) for c, s in zip(connections, subjects)))
    rate = publishers * appends / (time.perf_counter() - started)
    times = sorted(time * 1e6 for of_one in times for time in of_one)
    middle, late = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"nats {publishers} publishers: {rate:.0f} /s, p50 {middle:.0f} us, p99 {late:.0f} us")


asyncio.run(main(*map(int, sys.argv[1:])))
