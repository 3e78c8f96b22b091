"""How many turns of the model a request holds, found without parsing it: half a megabyte of JSON takes 3 ms."""

_MARKS: dict[bytes, dict[bytes, bool]] = {
    b'"role":': {
        b'"assistant"': True,
        b'"user"': False,
        b'"tool"': False,
        b'"system"': False,
        b'"developer"': False,
    },
    b'"type":': {
        b'"function_call"': True,
        b'"custom_tool_call"': True,
        b'"reasoning"': True,
        b'"local_shell_call"': True,
        b'"function_call_output"': False,
        b'"custom_tool_call_output"': False,
        b'"local_shell_call_output"': False,
    },
}
"""What tells that an item is the model's. In a JSON string every quote is escaped, so none of these is met there."""
_LONGEST = max(len(value) for values in _MARKS.values() for value in values) + 2


class TurnCounter:
    """Counts for the requests of one connection; what is the same as in the last one is not looked at again."""

    def __init__(self) -> None:
        self._seen = b""
        self._turns = 0
        self._writing = False

    def count(self, body: bytes) -> int:
        """The runs of the model's items in `body`."""
        start = len(self._seen)
        if not (start and body.startswith(self._seen)):
            start, self._turns, self._writing = 0, 0, False
        for _, writes in sorted(_marks(body, start)):
            self._turns += writes and not self._writing
            self._writing = writes
        self._seen = body.rstrip(b"]} \n")
        return self._turns


def _marks(body: bytes, start: int) -> list[tuple[int, bool]]:
    """Places in `body` and whether the item there is the model's."""
    marks: list[tuple[int, bool]] = []
    for key, values in _MARKS.items():
        place = body.find(key, start)
        while place >= 0:
            after = place + len(key)
            value = body[after : after + _LONGEST].lstrip()
            writes = values.get(value[: value.find(b'"', 1) + 1])
            if writes is not None:
                marks.append((place, writes))
            place = body.find(key, after)
    return marks
