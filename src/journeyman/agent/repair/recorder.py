# pyright: basic
"""A pytest plugin that tells what each test does, and what a watched function does meanwhile.

A script for the inside of a sandbox, sent in front of `inside.py`: only the standard library, Python 3.8 and later.
"""

import collections
import json
import os
import signal
import sys

MESSAGE = 600
CALLS = 40
VALUES = 6
CUT = 77
"""How a traced test ends that was cut by its limit."""


def relative(path, root):
    """`path` below the workspace, or None for a file of somebody else."""
    if path.startswith("<"):
        return None
    path = os.path.realpath(path)
    inside = path.startswith(root + os.sep) and "site-packages" not in path
    return path[len(root) + 1 :] if inside else None


class Watcher:
    """A trace function that notes the calls of one function, and what its variables held in the last of them."""

    def __init__(self, path, name, place):
        self.path = path
        self.name = name
        self.place = place
        self.depth = 0
        self.calls = {}
        self.last: dict = {}
        self.held: dict = {}

    def __call__(self, frame, event, arg):
        code = frame.f_code
        if code.co_name != self.name or self.place(code.co_filename) != self.path:
            return None
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        held = {name: short(frame.f_locals.get(name), 400) for name in names}
        arguments = ", ".join(
            held[name] if at < code.co_argcount else name + "=" + held[name] for at, name in enumerate(names)
        )
        if not code.co_flags & 0x0C and len(self.calls) < CALLS:
            self.calls.setdefault(arguments)
        if self.depth:
            return None
        self.depth = 1
        self.last = {"arguments": arguments, "values": {}, "ended": "does not end"}
        self.held, self.line = dict(held), frame.f_lineno
        return self.step

    def step(self, frame, event, arg):
        self.note(frame)
        if event == "line":
            self.line = frame.f_lineno
        elif event == "exception":
            self.last["ended"] = "raises " + arg[0].__name__
        elif event == "return":
            self.depth = 0
            if arg is not None or not self.last["ended"].startswith("raises"):
                self.last["ended"] = "returns " + short(arg, 200)
        return self.step

    def note(self, frame):
        """What the line before this one has changed."""
        values = self.last["values"]
        for name, value in list(frame.f_locals.items()):
            text = short(value, 60)
            if self.held.get(name) != text and not name.startswith("."):
                self.held[name] = text
                kept = values.setdefault((self.line, name), [])
                if len(kept) < VALUES and len(values) < 4 * CALLS:
                    kept.append(text)
                elif kept and kept[-1] != "...":
                    kept.append("...")

    def told(self):
        if self.last:
            values = [[line, name, kept] for (line, name), kept in self.last["values"].items()]
            return [list(self.calls), dict(self.last, values=values)]
        return [list(self.calls), None]


def short(value, limit):
    try:
        text = repr(value)
    except (AttributeError, TypeError, ValueError, LookupError, RecursionError) as error:
        text = "<" + type(error).__name__ + ">"
    return text if len(text) <= limit else text[: limit - 3] + "..."


class Recorder:
    """A pytest plugin that runs the wanted tests and writes what happens to a pipe."""

    def __init__(self, trial, cpu, pipe, root):
        self.wanted = trial["tests"]
        self.stop = trial.get("stop", False)
        self.trace = trial.get("trace", False)
        watch = trial.get("watch")
        self.watcher = Watcher(watch[0], watch[1], self.path) if watch else None
        self.cpu = cpu
        self.pipe = pipe
        self.root = root
        self.known = {}
        self.lines = set()
        self.outcome = None

    def say(self, *parts):
        os.write(self.pipe, json.dumps(parts).encode() + b"\n")

    def pytest_configure(self, config):
        if self.wanted:
            config.args = list(dict.fromkeys(test.split("::")[0] for test in self.wanted))

    def pytest_collectreport(self, report):
        if report.failed:
            self.say("end", report.nodeid or "collection", "failed", 0.0, str(report.longrepr)[-MESSAGE:], [])

    def pytest_collection_modifyitems(self, items):
        # In their own order: tests may lean on what those before them left behind.
        if self.wanted:
            wanted = set(self.wanted)
            items[:] = [item for item in items if item.nodeid in wanted]
        self.say("items", [item.nodeid for item in items])

    def pytest_runtest_logstart(self, nodeid):
        self.say("start", nodeid)
        self.nodeid = nodeid
        self.outcome = "passed"
        self.seconds = 0.0
        self.message, self.frames = "", []
        signal.setitimer(signal.ITIMER_PROF, self.cpu)
        if self.trace:
            signal.signal(signal.SIGPROF, self.cut)
            sys.settrace(self.watch)
        if self.watcher:
            self.watcher.depth = 0
            signal.signal(signal.SIGPROF, self.cut)
            sys.settrace(self.watcher)

    def pytest_runtest_makereport(self, item, call):
        import pytest

        self.seconds += call.duration
        if call.excinfo is None or call.excinfo.errisinstance((pytest.skip.Exception,)):
            return None
        self.message = call.excinfo.exconly(tryshort=True)[:MESSAGE]
        if not self.stop:
            self.frames = self.where(call.excinfo.tb)
        # Built by hand: rendering a traceback costs more than most tests, above all one of a deep recursion.
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={name: 1 for name in item.keywords},
            outcome="failed",
            longrepr="failed",
            when=call.when,
            duration=call.duration,
        )

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.outcome = "failed"
        elif report.skipped and self.outcome == "passed":
            self.outcome = "skipped"

    def pytest_runtest_logfinish(self, nodeid):
        signal.setitimer(signal.ITIMER_PROF, 0)
        if self.trace:
            sys.settrace(None)
            self.say_lines()
        if self.watcher:
            sys.settrace(None)
            self.say("calls", *self.watcher.told(), self.outcome)
        self.say("end", nodeid, self.outcome, round(self.seconds, 4), self.message, self.frames)
        if self.stop and self.outcome == "failed":
            os._exit(0)

    def pytest_sessionfinish(self, session, exitstatus):
        # What plugins do at the end of a session (reports, clean-up of temporary folders) is of no use here.
        self.say("code", int(exitstatus))
        os._exit(0)

    def say_lines(self):
        lines = {}
        for path, line in self.lines:
            lines.setdefault(path, []).append(line)
        self.say("lines", self.nodeid, lines)
        self.lines = set()

    def cut(self, number, frame):
        """A traced test that does not end still says which lines it runs."""
        sys.settrace(None)
        self.say_lines()
        if self.watcher:
            self.say("calls", *self.watcher.told(), "endless")
        os._exit(CUT)

    def path(self, name):
        if name not in self.known:
            self.known[name] = relative(name, self.root)
        return self.known[name]

    def where(self, entry):
        """The frames of a traceback that are in the workspace: the outermost four and the innermost eight."""
        first, last = [], collections.deque(maxlen=8)
        while entry is not None:
            frame = (self.path(entry.tb_frame.f_code.co_filename), entry.tb_lineno)
            if frame[0] and frame[1]:  # an instruction may have no line
                (first if len(first) < 4 else last).append(frame)
            entry = entry.tb_next
        return first + list(last)

    def watch(self, frame, event, arg):
        """A trace function that notes the executed lines of files in the workspace."""
        path = self.path(frame.f_code.co_filename)
        if path is None:
            return None

        def local(frame, event, arg):
            if event == "line":
                self.lines.add((path, frame.f_lineno))
            return local

        return local
