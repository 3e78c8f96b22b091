# pyright: basic
"""The validation runner, a script for the inside of a sandbox: pytest is imported once, each trial is a fork.

It is sent as `python -c` with one JSON job on standard input, needs only the standard library and the project's own
pytest, and keeps to Python 3.8. What it prints is said by untrusted code and is only a hint.

Job: {"mark": str, "args": [pytest arguments], "cpu": seconds, "wall": seconds, "budget": seconds, "first": bool,
"trials": [Trial]};
with `first` a trial that passes is the last.
Trial: {"id": int, "files": {path: text}, "tests": [node ids] or null for all, "stop": bool, "trace": bool, "watch":
[path, name] or null}; `stop` ends the trial at the first test that fails, and of a function that is watched the calls
are told. `cpu` and `wall` are limits for one test, `budget` for one trial.

It prints lines of `mark` and JSON: {"ready": seconds} when pytest is loaded, for each trial {"id", "tests": [[node id,
outcome, seconds, message, frames]], "lines": {path: [line]}, "error": str, "calls": [arguments], "last": Last or null},
and {"done": n}. Last is {"arguments", "values": [[line, name, [values]]], "ended": str}, of the last call of the
watched function in a test that failed. Outcomes are "passed", "failed", "skipped", "endless" and "died"; frames are
[path, line], outermost first.
"""

import collections
import contextlib
import gc
import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

MESSAGE = 600
CALLS = 40
VALUES = 6
HEADROOM = 1 << 30
CUT = 77


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
            if frame[0]:
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


def overlay(root, files, number):
    """Write the trial's files, each with a time of its own so that no cached bytecode is taken for it."""
    before = {}
    for path, text in files.items():
        target = Path(root, path)
        before[path] = target.read_bytes()
        put(target, text.encode("utf-8", "surrogateescape"), number)
    return before


def put(target, data, number):
    target.write_bytes(data)
    os.utime(target, (1_000_000_000 + number, 1_000_000_000 + number))


def prepare(args, root):
    """Pytest's configuration, made once for all trials; None where that would load files of the workspace.

    A conftest.py may import the code under test, which each trial must import anew.
    """
    try:
        from _pytest.config import ConftestImportFailure, UsageError, _prepareconfig
    except ImportError:
        return None
    try:
        config = _prepareconfig(args)
    except (ConftestImportFailure, UsageError, TypeError):
        # What a conftest.py imports may be what is broken.
        config = None
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    loaded = [name for name, file in files.items() if file and relative(file, root)]
    if config is not None and all(name.split(".")[-1] == "conftest" for name in loaded):
        return config
    for name in loaded:
        del sys.modules[name]
    return None


def child(job, trial, pipe, root, config):
    """Run the trial's tests in this (forked) process; never returns."""
    import pytest

    os.setpgid(0, 0)
    os.close(job["out"])
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    used = max(used, int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize())
    resource.setrlimit(resource.RLIMIT_AS, (used + HEADROOM, used + HEADROOM))
    recorder = Recorder(trial, job["cpu"], pipe, root)
    code = 99
    try:
        if config is None:
            code = int(pytest.main(job["args"], plugins=[recorder]))
        else:
            config.pluginmanager.register(recorder)
            code = int(config.hook.pytest_cmdline_main(config=config))
    finally:
        recorder.say("code", code)
        os._exit(0)


def run(job, trial, root, config):
    """One trial in one child; returns its record, and whether the child came to its own end."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        child(job, trial, write, root, config)
    os.close(write)
    record: dict = {"id": trial["id"], "tests": [], "lines": {}, "items": [], "error": "", "calls": [], "last": None}
    running, buffer = None, b""
    began = since = time.monotonic()
    clean = False
    while True:
        now = time.monotonic()
        limit = job["wall"] if running else max(job["wall"], 20.0)
        left = min(since + limit, began + job["budget"]) - now
        ready = select.select([read], [], [], max(left, 0.0))[0]
        data = os.read(read, 65536) if ready else b""
        if not data:
            break
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            what, *parts = json.loads(line)
            since = time.monotonic()
            if what == "start":
                running = parts[0]
            elif what == "end":
                record["tests"].append(parts)
                running = None
            elif what == "items":
                record["items"] = parts[0]
            elif what == "lines":
                record["lines"][parts[0]] = parts[1]
            elif what == "calls":
                record["calls"] = parts[0]
                if parts[1] and parts[2] != "passed" and not record["last"]:
                    record["last"] = parts[1]
            elif what == "code":
                clean = True
                if parts[0] not in (0, 1):
                    record["error"] = f"pytest ended with code {parts[0]}"
    os.close(read)
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if running is not None:
        slow = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGKILL)
        slow = slow or (os.WIFEXITED(status) and os.WEXITSTATUS(status) == CUT)
        spent = round(time.monotonic() - since, 3)
        record["tests"].append([running, "endless" if slow else "died", spent, "", []])
    return record, clean


def attempt(job, trial, root, config):
    """A trial with as many children as it takes to get past the tests that never end, within the trial's budget."""
    began = time.monotonic()
    record, clean = run(job, trial, root, config)
    items = record.pop("items")
    while not trial.get("stop") and not clean and time.monotonic() - began < job["budget"]:
        done = {test[0] for test in record["tests"]}
        rest = [test for test in items if test not in done]
        more, clean = run(job, dict(trial, tests=rest), root, config) if rest else ({"tests": []}, True)
        if not more["tests"]:
            break
        record["tests"] += more["tests"]
        record["lines"].update(more["lines"])
    return record


def passed_all(trial, record):
    passed = {test[0] for test in record["tests"] if test[1] == "passed"}
    return bool(passed) and passed.issuperset(trial["tests"] or [test[0] for test in record["tests"]])


def main():
    began = time.monotonic()
    job = json.load(sys.stdin)
    job["out"] = os.dup(1)
    out = os.fdopen(job["out"], "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)

    def say(value):
        out.write(job["mark"] + json.dumps(value) + "\n")
        out.flush()

    root = os.path.realpath(Path.cwd())
    try:
        __import__("pytest")
    except ImportError as error:
        say({"unusable": str(error)})
        return
    job["args"] += ["--maxfail=0", "-p", "no:cacheprovider", "-p", "no:faulthandler"]
    config = prepare(job["args"], root)
    gc.collect()
    gc.freeze()
    say({"ready": round(time.monotonic() - began, 3), "prepared": config is not None})
    for trial in job["trials"]:
        began = time.monotonic()
        before = overlay(root, trial["files"], trial["id"] * 2)
        try:
            record = attempt(job, trial, root, config)
        finally:
            for path, data in before.items():
                put(Path(root, path), data, trial["id"] * 2 + 1)
        record["seconds"] = round(time.monotonic() - began, 3)
        say(record)
        sys.dont_write_bytecode = True
        if job.get("first") and passed_all(trial, record):
            break
    say({"done": len(job["trials"])})


main()
