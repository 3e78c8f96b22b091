"""Functions of the C library, for the programs that run alone (`programs.py`)."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Function:
    """A function of the C library; its arguments are bytes and integers, which are passed as longs. It is looked up
    when it is called first, or by `load`, since what is needed for that is half a millisecond of a sandbox's start.

    It is what `ctypes` wraps, without the 4 ms that the wrapping takes to load.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: Any = None
        self.long: Any = None

    def __call__(self, *words: int | bytes) -> int:
        found = self.found or self.load()
        return found(*(self.long(word) if isinstance(word, int) else word for word in words))

    def load(self) -> Any:
        ctypes: Any = __import__("_ctypes")
        self.long = type("Long", (ctypes._SimpleCData,), {"_type_": "l"})
        flags = ctypes.FUNCFLAG_CDECL | ctypes.FUNCFLAG_USE_ERRNO
        kind = type("Kind", (ctypes.CFuncPtr,), {"_flags_": flags, "_restype_": self.long})
        self.found = kind(ctypes.dlsym(ctypes.dlopen(None, 0), self.name))
        return self.found


def function(name: str) -> Function:
    return Function(name)


def last_error() -> int:
    """The number that the last of these calls failed with."""
    return sys.modules["_ctypes"].get_errno()


def address(buffer: bytearray) -> int:
    """Where the bytes lie, for as long as nobody resizes them."""
    ctypes: Any = sys.modules["_ctypes"]
    letter = type("Letter", (ctypes._SimpleCData,), {"_type_": "c"})
    return ctypes.addressof(type("Letters", (ctypes.Array,), {"_type_": letter, "_length_": 1}).from_buffer(buffer))
