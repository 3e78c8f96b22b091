"""The host's end of the talk with a supervisor that has been taken over."""

import asyncio
import marshal
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.sandbox import running
from journeyman.sandbox.box import Box
from journeyman.sandbox.channel import STRAY_REPLIES, Answer, Channel
from journeyman.sandbox.programs import serving
from journeyman.sandbox.programs.files import READ
from journeyman.sandbox.programs.serving import DONE, EXEC, EXIT, FAIL, READY
from journeyman.sandbox.protocol import SandboxSpec
from journeyman.sandbox.running import Inside

SPEC = SandboxSpec(workspace=Path("/w"), lower=())


async def no_other(_: Path) -> Inside:
    raise AssertionError("it is not restored")


def reply(kind: int, ident: int, value: int = 0) -> bytes:
    return bytes([kind]) + ident.to_bytes(4, "little") + value.to_bytes(8, "little", signed=True)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.settimeout(5)
    with ours, theirs:
        yield ours, theirs


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


async def at_once() -> None:
    """There are no processes to wait for."""


async def opened(ends: tuple[socket.socket, socket.socket]) -> tuple[Channel, socket.socket]:
    channel = Channel(ends[0])
    ends[1].send(reply(READY, 0))
    assert await channel.ready == os.getpid()  # the kernel's word, not the supervisor's
    return channel, ends[1]


async def test_answers_find_their_requests(ends: tuple[socket.socket, socket.socket]) -> None:
    channel, theirs = await opened(ends)
    first, one = channel.request(READ, ("a",), [])
    second, two = channel.request(READ, ("b",), [])
    assert marshal.loads(theirs.recv(1000)) == (READ, first, ("a",))
    theirs.send(reply(FAIL, second, -3))
    theirs.send(reply(DONE, first, 2**40))
    assert (await one, await two) == (Answer(DONE, 2**40), Answer(FAIL, -3))
    channel.close()


async def test_descriptors_travel_inwards_only(ends: tuple[socket.socket, socket.socket]) -> None:
    channel, theirs = await opened(ends)
    reader, writer = os.pipe()
    ident, answer = channel.request(EXEC, ("x",), [writer])
    _, handles, _, _ = socket.recv_fds(theirs, 1000, 4)
    os.write(handles[0], b"through")
    assert os.read(reader, 100) == b"through"
    before = descriptors()
    socket.send_fds(theirs, [reply(EXIT, ident)], [0, 1, 2])
    assert await answer == Answer(EXIT, 0)
    assert descriptors() == before
    channel.close()
    for handle in (reader, *handles):
        os.close(handle)


async def test_layers_that_came_before_anybody_waited_for_them_are_released(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    before = descriptors()
    came = asyncio.Event()
    channel = Channel(ours, lambda name, handle: came.set())
    socket.send_fds(theirs, [b"home"], [theirs.fileno()])
    await came.wait()
    channel.close()
    channel.release()
    assert channel.layers == {}
    assert len(descriptors()) == len(before) - 1, "the channel's own end is closed too"


async def test_a_large_request_goes_by_a_file(ends: tuple[socket.socket, socket.socket]) -> None:
    channel, theirs = await opened(ends)
    words = ("w" * 1_000_000,)
    ident, _ = channel.request(EXEC, words, [])
    packet, handles, _, _ = socket.recv_fds(theirs, 1000, 4)
    assert marshal.loads(packet) == (EXEC, ident, None)
    assert marshal.loads(os.pread(handles[0], 2_000_000, 0)) == (EXEC, ident, words)
    os.close(handles[0])
    channel.close()


@pytest.mark.parametrize(
    "packet",
    [b"x", b"\xff" * serving.REPLY_SIZE, reply(DONE, 1) + b"!", b"A" * 60_000, reply(READY, 0), b""],
    ids=["short", "unknown kind", "long", "huge", "ready again", "empty"],
)
async def test_garbage_ends_the_sandbox(ends: tuple[socket.socket, socket.socket], packet: bytes) -> None:
    channel, theirs = await opened(ends)
    _, answer = channel.request(READ, ("a",), [])
    theirs.send(packet)
    async with asyncio.timeout(120):
        assert await answer is None
        assert "nonsense" in await channel.gone or packet == b""
    _, late = channel.request(READ, ("b",), [])
    assert await late is None


async def test_a_flood_of_stray_answers_ends_the_sandbox(ends: tuple[socket.socket, socket.socket]) -> None:
    channel, theirs = await opened(ends)
    for ident in range(100, 100 + STRAY_REPLIES):
        theirs.send(reply(EXIT, ident))
    _, answer = channel.request(READ, ("a",), [])
    theirs.send(reply(DONE, 1, 7))
    assert await answer == Answer(DONE, 7)
    theirs.send(reply(EXIT, 99))
    async with asyncio.timeout(120):
        assert "nonsense" in await channel.gone


async def test_a_supervisor_that_reads_nothing_costs_no_descriptor(ends: tuple[socket.socket, socket.socket]) -> None:
    channel, _ = await opened(ends)
    before = len(descriptors())
    answers = [channel.request(READ, ("p" * 20_000,), [os.memfd_create("x")])[1] for _ in range(100)]
    channel.close()
    assert [await answer for answer in answers] == [None] * 100
    assert len(descriptors()) <= before


async def test_silence_is_not_waited_for(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(running, "KILL_GRACE", 0.2)
    channel, _ = await opened(ends)
    stopped: list[bool] = []
    sandbox = Box(Inside(channel, lambda: stopped.append(True), at_once, SPEC), no_other, None, env={})
    async with asyncio.timeout(120):
        result = await sandbox.exec(["true"], timeout=0.1)
    assert (result.exit_code, result.cut, stopped) == (None, "time", [True])
    assert (await sandbox.exec(["true"], timeout=120)).cut == "gone"
    await sandbox.close()


@pytest.mark.parametrize("value", [-1, 2**62, 0x137F, 10**9])
async def test_an_impossible_status_is_no_success(ends: tuple[socket.socket, socket.socket], value: int) -> None:
    channel, theirs = await opened(ends)
    sandbox = Box(Inside(channel, lambda: None, at_once, SPEC), no_other, None, env={})
    command = asyncio.create_task(sandbox.exec(["true"], timeout=120))
    packet = await asyncio.to_thread(socket.recv_fds, theirs, 1000, 4)
    theirs.send(reply(EXIT, 1, value))
    for handle in packet[1]:
        os.close(handle)
    result = await command
    assert result.exit_code != 0
    await sandbox.close()
