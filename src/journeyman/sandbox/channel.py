"""The host's end of the talk with a supervisor, which is believed nothing.

Requests go out as packets, small answers of one fixed size come back; anything else ends the sandbox. Descriptors
travel only inwards, but for those that come before any foreign code runs: what the other side sends along later is
thrown away by the kernel.
"""

import asyncio
import contextlib
import marshal
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from journeyman.sandbox.programs.serving import DONE, EXIT, FAIL, MAX_FDS, MAX_REQUEST, READY, REPLY_SIZE

STRAY_REPLIES = 64
"""Answers to nothing that are let pass, since a killed command may have answered already."""

OnLayer = Callable[[str, int], None]
LAYERS = (b"workspace", b"home")


@dataclass(frozen=True, slots=True)
class Answer:
    """`kind` is EXIT (`value` is a wait status), DONE (a number) or FAIL (an errno or one of our codes)."""

    kind: int
    value: int


class Channel:
    """Requests with their answers, over a connected, non-blocking socket of sequenced packets.

    `on_layer` is given each layer in memory by its name and descriptor before it is mounted; a launcher that was told
    to waits for `proceed` each time.
    """

    def __init__(self, end: socket.socket, on_layer: OnLayer | None = None) -> None:
        self._end = end
        self._on_layer = on_layer
        self._loop = asyncio.get_running_loop()
        self._next = 1
        self._waiting: dict[int, asyncio.Future[Answer | None]] = {}
        self._outbox: deque[tuple[bytes, list[int]]] = deque()
        self._strays = 0
        self._closed = False
        self.ready: asyncio.Future[int] = self._loop.create_future()
        """The process id of the supervisor in the host's eyes, as the kernel says; 0 when it never came up."""
        self.layers: dict[bytes, int] = {}
        """Descriptors of the upper layers in memory, which the launcher may send before its start is known of;
        `release` closes them."""
        self.listener: socket.socket | None = None
        """The listener of a gateway, which the supervisor sends with its first word when it was told to."""
        self.gone: asyncio.Future[str] = self._loop.create_future()
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._loop.add_reader(end, self._receive)

    def request(
        self, kind: int, arguments: tuple[Any, ...], handles: list[int]
    ) -> tuple[int, asyncio.Future[Answer | None]]:
        """Send a request and `handles`, which are closed here once they are sent. The answer is None when the
        sandbox is gone."""
        ident = self._next
        self._next += 1
        answer: asyncio.Future[Answer | None] = self._loop.create_future()
        self._waiting[ident] = answer
        packet = marshal.dumps((kind, ident, arguments))
        if len(packet) > MAX_REQUEST:
            packed = os.memfd_create("request", os.MFD_CLOEXEC)
            with os.fdopen(os.dup(packed), "wb") as file:
                file.write(packet)
            handles = [*handles, packed]
            packet = marshal.dumps((kind, ident, None))
        assert len(handles) <= MAX_FDS
        self._outbox.append((packet, handles))
        if self._closed:
            self._fail("it is closed")
        elif len(self._outbox) == 1:
            self._send()
        return ident, answer

    def tell(self, kind: int, ident: int, arguments: tuple[int, ...] = ()) -> None:
        """Send a word about an earlier request, that has no answer of its own."""
        if not self._closed:
            self._outbox.append((marshal.dumps((kind, ident, arguments)), []))
            if len(self._outbox) == 1:
                self._send()

    def proceed(self) -> None:
        """Let the launcher go on."""
        if not self._closed:
            with contextlib.suppress(OSError):  # it has ended, which is seen elsewhere
                self._end.send(b"!")

    def close(self, reason: str = "it is closed") -> None:
        self._fail(reason)

    def release(self) -> None:
        """Close the layers' descriptors, once this is closed and no more can come."""
        assert self._closed
        while self.layers:
            os.close(self.layers.popitem()[1])

    def _send(self) -> None:
        while self._outbox:
            packet, handles = self._outbox[0]
            try:
                socket.send_fds(self._end, [packet], handles)
            except BlockingIOError:
                self._loop.add_writer(self._end, self._send)
                return
            except OSError:
                self._fail("its first process has ended")
                return
            self._outbox.popleft()
            for handle in handles:
                os.close(handle)
        self._loop.remove_writer(self._end)

    def _receive(self) -> None:
        try:
            for _ in range(64):
                if not self.ready.done():
                    self._greet()
                    continue
                packet = self._end.recv(REPLY_SIZE + 1)
                if not packet:
                    raise ConnectionResetError
                if len(packet) != REPLY_SIZE or packet[0] not in (EXIT, DONE, FAIL) or not self._answer(packet):
                    self._fail("its first process talks nonsense")
                    return
        except BlockingIOError:
            return
        except OSError:
            self._fail("its first process has ended")

    def _greet(self) -> None:
        """Take what comes before any command runs: the launcher's descriptors, then the supervisor's first word."""
        space = socket.CMSG_SPACE(12) + socket.CMSG_SPACE(4)
        packet, extra, _, _ = self._end.recvmsg(REPLY_SIZE + 1, space, socket.MSG_CMSG_CLOEXEC)
        sender, handle = 0, -1
        for level, kind, item in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                handle = int.from_bytes(item[:4], sys.byteorder)
            elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                sender = int.from_bytes(item[:4], sys.byteorder)
        if len(packet) == REPLY_SIZE and packet[0] == READY and sender > 0:
            if handle >= 0:
                self.listener = socket.socket(fileno=handle)
            self._end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
            self.ready.set_result(sender)
        elif packet in LAYERS and handle >= 0 and packet not in self.layers:
            self.layers[packet] = handle
            if self._on_layer:
                self._on_layer(packet.decode(), handle)
        else:
            if handle >= 0:
                os.close(handle)
            raise ConnectionAbortedError

    def _answer(self, packet: bytes) -> bool:
        answer = self._waiting.pop(int.from_bytes(packet[1:5], "little"), None)
        if answer is None:
            self._strays += 1
        elif not answer.done():
            answer.set_result(Answer(packet[0], int.from_bytes(packet[5:], "little", signed=True)))
        return self._strays <= STRAY_REPLIES

    def _fail(self, reason: str) -> None:
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._end)
            self._loop.remove_writer(self._end)
            self._end.close()
            self.gone.set_result(reason)
            if not self.ready.done():
                self.ready.set_result(0)
        while self._outbox:
            for handle in self._outbox.popleft()[1]:
                os.close(handle)
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_result(None)
