"""Server-sent events, read as the bytes arrive."""

from typing import NamedTuple


class ServerEvent(NamedTuple):
    """One event; `name` and `id` are empty where the server gives none, `data` is the joined data lines."""

    name: str
    data: bytes
    id: str = ""


class EventParser:
    """Cuts a byte stream, however it is split, into events.

    Line ends are LF, CRLF or CR; comments and retry times are skipped. Source: WHATWG HTML, section 9.2.6.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._id = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that `chunk` completes."""
        data = self._rest + chunk if self._rest else chunk
        if b"\r" in data:
            held = b"\r" if data.endswith(b"\r") else b""  # half of a CRLF, perhaps
            data = data[: len(data) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        else:
            held = b""
        lines = data.split(b"\n")
        self._rest = lines.pop() + held
        events: list[ServerEvent] = []
        for line in lines:
            if line:
                self._line(line)
            elif self._data:
                events.append(self._take())
            else:
                self._name = self._id = ""
        return events

    def end(self) -> list[ServerEvent]:
        """What a stream that ends without its last blank line still says; JSON tells whether it is whole."""
        if rest := self._rest.rstrip(b"\r"):
            self._line(rest)
        self._rest = b""
        return [self._take()] if self._data else []

    def _take(self) -> ServerEvent:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = ServerEvent(self._name, data, self._id)
        self._name, self._id, self._data = "", "", []
        return event

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line.startswith(b"event:"):
            self._name = line[6:].strip().decode("utf-8", "replace")
        elif line.startswith(b"id:"):
            self._id = line[3:].strip().decode("utf-8", "replace")
        elif line == b"data":
            self._data.append(b"")
