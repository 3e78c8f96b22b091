"""What was acknowledged is there, whenever the process was killed."""

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from journeyman.core.events import Event, Progressed
from journeyman.store import open_store, this_process
from journeyman.testing.store import a_task, an_attempt

APPEND = """
import asyncio, itertools, sys
from pathlib import Path
from journeyman.core.events import Progressed
from journeyman.store import open_store, this_process

async def main():
    async with open_store(Path(sys.argv[1])) as store, store.claim("0task.1.1", this_process()) as log:
        for number in itertools.count():
            size = 1 + number % 3
            await log.append(*(Progressed(text=f"{place} of {size}") for place in range(size)))
            chunk = log.chunk()
            chunk.write(f"output {number}".encode())
            await chunk.close()
            print(len(log.events), chunk.id, flush=True)

asyncio.run(main())
"""


async def test_kill_9_at_any_moment_keeps_every_acknowledged_append(tmp_path: Path) -> None:
    chance = random.Random(9)
    acknowledged = 0
    async with open_store(tmp_path) as store:
        await store.create(a_task(), [an_attempt()])
        for round_ in range(1, 5):
            child = await asyncio.create_subprocess_exec(sys.executable, "-c", APPEND, tmp_path, stdout=subprocess.PIPE)
            assert child.stdout is not None
            lines = [await child.stdout.readline() for _ in range(chance.randint(1, 30))]
            await asyncio.sleep(chance.random() * 0.005)
            child.send_signal(signal.SIGKILL)
            lines += (await child.stdout.read()).splitlines(keepends=True)
            assert await child.wait() == -signal.SIGKILL
            answers = [line.decode().split() for line in lines if line.endswith(b"\n")]
            count, chunks = int(answers[-1][0]), [answer[1] for answer in answers]
            assert count > acknowledged

            events = await store.events("0task.1.1")
            assert len(events) >= count
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert torn(events) == []
            assert set(chunks) <= {info.id for info in await store.chunks("0task.1.1")}
            assert await store.chunk("0task.1.1", chunks[-1]) == f"output {len(answers) - 1}".encode()
            async with store.claim("0task.1.1", this_process()) as log:  # the dead process does not stand in the way
                assert (log.events, log.epoch) == (events, 2 * round_)
            acknowledged = len(events)


def torn(events: Sequence[Event]) -> list[str]:
    """Appends of which only a part is there."""
    texts = [event.text for event in events if isinstance(event, Progressed)]
    whole: list[str] = []
    while texts:
        size = int(texts[0].split(" of ")[1])
        expected = [f"{place} of {size}" for place in range(size)]
        if texts[:size] != expected:
            return texts
        whole += expected
        texts = texts[size:]
    return []
