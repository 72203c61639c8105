"""What is measured of every peer: many publishers, each with one frame under way."""

import asyncio
import time


async def _publish(connection, asks):
    times = []
    for ask in asks:
        started = time.perf_counter()
        await connection.ask(*ask)
        times.append(time.perf_counter() - started)
    return times


async def measure(peer, connections, asks):
    """Each connection asks what is its own, one after the other; prints rate and latencies of all."""
    started = time.perf_counter()
    times = await asyncio.gather(*(_publish(connection, own) for connection, own in zip(connections, asks)))
    seconds = time.perf_counter() - started
    times = sorted(one * 1e6 for of_one in times for one in of_one)
    middle, late = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"{peer} {len(connections)} publishers: {len(times) / seconds:.0f} /s, p50 {middle:.0f} us, p99 {late:.0f} us")
