"""Requests that grow only at the end: every item of a conversation becomes JSON once."""

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from journeyman.core.items import Item

KEPT = 64 * 1024 * 1024
"""Bytes of encoded conversations that one model keeps at most, the oldest go first."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def framed(before: bytes, parts: Sequence[bytes], after: bytes) -> bytes:
    """`parts` with commas between them, within `before` and `after`, in one copy."""
    framed = list(parts) or [b""]
    framed[0] = before + framed[0]
    framed[-1] += after
    return b",".join(framed)


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8; half a surrogate pair, which no server accepts, becomes "?"."""
    return _ENCODER.encode(value).encode("utf-8", "replace")


@dataclass(slots=True)
class _Kept:
    items: list[Item] = field(default_factory=list[Item])
    starts: list[int] = field(default_factory=list[int])  # where in `items` each of `parts` begins
    parts: list[bytes] = field(default_factory=list[bytes])
    size: int = 0


class GrowingJson:
    """Encodes conversations, and only what was added since the last request of the same `key`.

    `joins(before, item)` says that `item` goes into the same JSON value as the item before it, and `encode` makes the
    JSON of such a run of items, empty for one that is not sent.
    """

    def __init__(
        self,
        encode: Callable[[Sequence[Item]], bytes],
        joins: Callable[[Item, Item], bool],
        *,
        limit: int = KEPT,
    ) -> None:
        self._encode = encode
        self._joins = joins
        self._limit = limit
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._size = 0

    def parts(self, key: str, items: Sequence[Item]) -> list[bytes]:
        """The JSON values of `items` in their order; the list is kept and must not be changed."""
        kept = self._kept.pop(key, None) or _Kept()
        self._kept[key] = kept
        before = kept.size
        same = _common(kept.items, items)
        while same > 0 and (self._joined(items, same) or self._joined(kept.items, same)):
            same -= 1  # back to the start of the value that has grown or shrunk
        while kept.starts and kept.starts[-1] >= same:
            kept.starts.pop()
            kept.size -= len(kept.parts.pop())
        del kept.items[same:]
        kept.items.extend(items[same:])
        starts = [index for index in range(same, len(items)) if index == same or not self._joined(items, index)]
        for start, end in pairwise([*starts, len(items)]):
            if encoded := self._encode(items[start:end]):
                kept.starts.append(start)
                kept.parts.append(encoded)
                kept.size += len(encoded)
        self._size += kept.size - before
        while self._size > self._limit and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._size -= oldest.size
        return kept.parts

    def _joined(self, items: Sequence[Item], index: int) -> bool:
        return index < len(items) and self._joins(items[index - 1], items[index])


def _common(before: list[Item], now: Sequence[Item]) -> int:
    """How many items the two have in common at their start; where nothing but the end is new, that is found in C."""
    if list(now[: len(before)]) == before:
        return len(before)
    for index, (old, new) in enumerate(zip(before, now, strict=False)):
        if old is not new and old != new:
            return index
    return min(len(before), len(now))
