"""Functions of the C library, for the programs that run alone (`programs.py`)."""

from __future__ import annotations

import _ctypes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    def function(name: str) -> Callable[..., int]: ...
else:
    # what `ctypes` wraps, without the 4 ms that the wrapping takes to load
    class Long(_ctypes._SimpleCData):
        _type_ = "l"

    class Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
        _restype_ = Long

    def function(name: str) -> Function:
        """A function of the C library; its arguments are bytes and integers, which are passed as longs."""
        bound = Function(_ctypes.dlsym(_ctypes.dlopen(None, 0), name))
        return lambda *words: bound(*(Long(word) if isinstance(word, int) else word for word in words))
