# pyright: basic
"""Timers of POSIX: a signal of one's own after some seconds, with no thread and no clash with SIGALRM."""

import ctypes


class _Spec(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("again_s", "again_ns", "first_s", "first_ns")]


class _Event(ctypes.Structure):
    _fields_ = [
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("pad", ctypes.c_char * 48),
    ]


class Timer:
    """Sends the signal `signum` to this process."""

    def __init__(self, signum):
        library = ctypes.CDLL(None)
        if not hasattr(library, "timer_create"):
            library = ctypes.CDLL("librt.so.1")
        self.settime = library.timer_settime
        self.settime.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Spec), ctypes.c_void_p]
        self.id = ctypes.c_void_p()
        event = _Event(signo=signum)
        if library.timer_create(1, ctypes.byref(event), ctypes.byref(self.id)) != 0:  # 1: the monotonic clock
            raise OSError("no timer")

    def set(self, first, again=0.0):
        spec = _Spec(int(again), int(again % 1 * 1e9), int(first), int(first % 1 * 1e9))
        self.settime(self.id, 0, ctypes.byref(spec), None)
