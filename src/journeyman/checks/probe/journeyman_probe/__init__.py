# pyright: basic
"""What runs beside a project's tests, inside the sandbox: a stream of results and a time limit for each test.

It is loaded by the project's own Python (3.7 or newer) and needs only the standard library. Orders come as JSON in
the variable JM_PROBE and are taken out of the environment at once, so that what the tests start is not observed:

    out       path of the stream, one JSON object a line
    seconds   the time limit of one test
    explicit  whether that limit rules over longer limits of the project's own
    only      ids of the tests to run; empty for all
    addopts   what was put before the project's own PYTEST_ADDOPTS

Lines: {"start": id, "pid": n}; {"id", "outcome", "seconds", "message"}; {"collected": [ids]}; {"end": exit status}.
"""

import faulthandler
import json
import os
import signal
import sys
from pathlib import Path
from time import monotonic as _monotonic  # bound here: tests replace those of the module
from time import process_time as _process_time

ORDERS = "JM_PROBE"
MESSAGE = 20000  # characters of one test's message
HOME = Path(__file__).absolute().parent
GRACE = 3.0  # seconds between the first ring and the end of the process


def take_orders():
    """The orders of this process, or None when it is not observed."""
    text = os.environ.pop(ORDERS, None)
    if text is None:
        return None
    orders = json.loads(text)
    ours = orders.get("addopts", "")
    addopts = os.environ.get("PYTEST_ADDOPTS", "")
    if ours and addopts.startswith(ours):
        _restore("PYTEST_ADDOPTS", addopts[len(ours) :].strip())
    return orders


def leave_path():
    """Out of the module path of this process and of what it starts: nothing more has to be found there."""
    home = str(HOME.parent)
    parts = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    _restore("PYTHONPATH", os.pathsep.join(part for part in parts if part != home))
    sys.path[:] = [part for part in sys.path if part != home]


def _restore(name, value):
    if value:
        os.environ[name] = value
    else:
        os.environ.pop(name, None)


class Stream:
    """The stream of results. The file is opened for each line, since tests may close descriptors that they find."""

    def __init__(self, path):
        self.path = path

    def write(self, **line):
        data = (json.dumps(line) + "\n").encode("ascii")
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError:
            return
        try:
            os.write(file, data)
        except OSError:
            pass
        finally:
            os.close(file)

    def collected(self, ids):
        for start in range(0, len(ids), 200):
            self.write(collected=ids[start : start + 200])

    def result(self, id, outcome, seconds, message=""):
        if len(message) > MESSAGE:
            message = message[: MESSAGE // 3] + "\n...\n" + message[-2 * MESSAGE // 3 :]
        self.write(id=id, outcome=outcome, seconds=round(seconds, 4), message=message)


class Alarm:
    """Interrupts what runs too long.

    The limit counts once the process had most of that time on a processor, since a machine that is busy with other
    work makes every test slow; at twice the limit it counts in any case. Then `error(message)` is raised in the main
    thread, and again at short intervals, in case it was swallowed. When that does not help either (a loop in C code)
    the traceback is written to `dump` and the process is killed, both without the interpreter's help.
    """

    def __init__(self, dump, error):
        self.error = error
        self.seconds = self.began = self.processor = 0.0
        self.armed = False
        self.rang = ""
        self.timers = ()
        try:
            from .posix_timer import Timer  # not every Python has ctypes

            ring, kill = signal.SIGRTMAX - 7, signal.SIGRTMAX - 8
            timers = Timer(ring), Timer(kill)
            signal.signal(ring, self._on_ring)
            file = os.open(dump, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            faulthandler.register(kill, file=file, all_threads=True, chain=True)
        except (ImportError, AttributeError, OSError, ValueError):
            return  # no limit on this platform or in this thread
        self.timers = timers

    def arm(self, seconds):
        self.seconds = seconds
        self.rang = ""
        if self.timers:
            self.began, self.processor = _monotonic(), _process_time()
            self.armed = True
            ring, kill = self.timers
            kill.set(2 * seconds + GRACE)
            ring.set(seconds, min(seconds / 4, 1.0))

    def disarm(self):
        """What it said when it rang since it was armed; empty when it did not."""
        self.armed = False
        for timer in self.timers:
            timer.set(0.0)
        return self.rang

    def _on_ring(self, signum, frame):
        __tracebackhide__ = True  # pytest shows where the test was, not this
        if not self.armed or (frame is not None and frame.f_code.co_filename.startswith(str(HOME))):
            return
        elapsed = _monotonic() - self.began
        if elapsed < 2 * self.seconds - 0.05 and _process_time() - self.processor < 0.8 * self.seconds:
            return
        if frame is not None and frame.f_lineno is None:
            # An instruction without a line, which pytest cannot show a traceback of: a moment later it is another one.
            for ring in self.timers[:1]:
                ring.set(0.001, min(self.seconds / 4, 1.0))
            return
        self.rang = self.rang or f"endless: still running after {elapsed:.1f} s"
        raise self.error(self.rang)


class Limits:
    """The limit of each test: after an endless test of a file the others of that file get less."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.endless = {}

    def of(self, file):
        count = self.endless.get(file, 0)
        return max(self.seconds / 3**count, self.seconds / 10, min(self.seconds, 0.3))

    @property
    def around(self):
        """The limit of what is not a test itself: imports and fixtures."""
        return max(4 * self.seconds, 20.0)

    def rang(self, file):
        self.endless[file] = self.endless.get(file, 0) + 1
