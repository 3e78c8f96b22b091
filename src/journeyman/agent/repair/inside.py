"""The validation runner, a script for the inside of a sandbox: pytest is imported once, each trial is a fork.

It is sent as `python -c` with one JSON job on standard input, needs only the standard library and the project's own
pytest, and keeps to Python 3.8. What it prints is said by untrusted code and is only a hint.

Job: {"mark": str, "args": [pytest arguments], "cpu": seconds, "wall": seconds, "budget": seconds, "trials": [Trial]}.
Trial: {"id": int, "files": {path: text}, "tests": [node ids] or null for all, "stop": bool, "trace": bool}; `stop` ends
the trial at the first test that fails. `cpu` and `wall` are limits for one test, `budget` for one trial.

It prints lines of `mark` and JSON: {"ready": seconds} when pytest is loaded, for each trial
{"id", "tests": [[node id, outcome, seconds, message, frames]], "lines": {path: [line]}, "error": str}, and {"done": n}.
Outcomes are "passed", "failed", "skipped", "endless" and "died"; frames are [path, line], outermost first.
"""

import json
import os
import resource
import select
import signal
import sys
import time

MESSAGE = 600
HEADROOM = 1 << 30


def relative(path, root):
    """`path` below the workspace, or None for a file of somebody else."""
    path = os.path.realpath(path)
    inside = path.startswith(root + os.sep) and "site-packages" not in path
    return path[len(root) + 1 :] if inside else None


class Recorder:
    """A pytest plugin that runs the wanted tests in the wanted order and writes what happens to a pipe."""

    def __init__(self, trial, cpu, pipe, root):
        self.wanted = trial["tests"]
        self.stop = trial.get("stop", False)
        self.trace = trial.get("trace", False)
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
        if self.wanted:
            place = {test: number for number, test in enumerate(self.wanted)}
            items[:] = sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])

    def pytest_runtest_logstart(self, nodeid):
        self.say("start", nodeid)
        self.outcome = "passed"
        self.seconds = 0.0
        self.message, self.frames = "", []
        signal.setitimer(signal.ITIMER_PROF, self.cpu)
        if self.trace:
            sys.settrace(self.watch)

    def pytest_runtest_makereport(self, item, call):
        import pytest

        self.seconds += call.duration
        if call.excinfo is None or call.excinfo.errisinstance((pytest.skip.Exception,)):
            return None
        self.message = call.excinfo.exconly(tryshort=True)[:MESSAGE]
        frames = [(relative(str(entry.path), self.root), entry.lineno + 1) for entry in call.excinfo.traceback]
        self.frames = [frame for frame in frames if frame[0]]
        self.frames = self.frames[:4] + self.frames[-8:] if len(self.frames) > 12 else self.frames
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
            lines = {}
            for path, line in self.lines:
                lines.setdefault(path, []).append(line)
            self.say("lines", nodeid, lines)
            self.lines = set()
        self.say("end", nodeid, self.outcome, round(self.seconds, 4), self.message, self.frames)
        if self.stop and self.outcome == "failed":
            os._exit(0)

    def watch(self, frame, event, arg):
        """A trace function that notes the executed lines of files in the workspace."""
        name = frame.f_code.co_filename
        if name not in self.known:
            self.known[name] = relative(name, self.root)
        path = self.known[name]
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
        target = os.path.join(root, path)
        with open(target, "rb") as file:
            before[path] = file.read()
        put(target, text.encode("utf-8", "surrogateescape"), number)
    return before


def put(target, data, number):
    with open(target, "wb") as file:
        file.write(data)
    os.utime(target, (1_000_000_000 + number, 1_000_000_000 + number))


def prepare(args, root):
    """Pytest's configuration, made once for all trials; None where that would load files of the workspace.

    A conftest.py may import the code under test, which each trial must import anew.
    """
    try:
        from _pytest.config import _prepareconfig

        config = _prepareconfig(args)
    except (ImportError, TypeError):
        return None
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    loaded = [name for name, file in files.items() if file and relative(file, root)]
    if all(name.split(".")[-1] == "conftest" for name in loaded):
        return config
    for name in loaded:
        del sys.modules[name]
    return None


def child(job, trial, pipe, root, config):
    """Run the trial's tests in this (forked) process; never returns."""
    import pytest

    os.setpgid(0, 0)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with open("/proc/self/statm") as file:
        used = max(used, int(file.read().split()[0]) * resource.getpagesize())
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
    record = {"id": trial["id"], "tests": [], "lines": {}, "error": ""}
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
            elif what == "lines":
                record["lines"][parts[0]] = parts[1]
            elif what == "code":
                clean = True
                if parts[0] not in (0, 1):
                    record["error"] = "pytest ended with code %s" % parts[0]
    os.close(read)
    for group in (-pid, pid):
        try:
            (os.killpg if group < 0 else os.kill)(pid, signal.SIGKILL)
        except OSError:
            pass
    status = os.waitpid(pid, 0)[1]
    if running is not None:
        slow = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGKILL)
        spent = round(time.monotonic() - since, 3)
        record["tests"].append([running, "endless" if slow else "died", spent, "", []])
    return record, clean


def attempt(job, trial, root, config):
    """A trial with as many children as it takes to get past the tests that never end."""
    record, clean = run(job, trial, root, config)
    wanted = trial["tests"]
    while wanted and not trial.get("stop") and not clean and record["tests"]:
        done = {test[0] for test in record["tests"]}
        rest = [test for test in wanted if test not in done]
        if not rest or len(rest) == len(wanted):
            break
        wanted = rest
        more, clean = run(job, dict(trial, tests=rest), root, config)
        record["tests"] += more["tests"]
        record["lines"].update(more["lines"])
    return record


def main():
    began = time.monotonic()
    job = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)

    def say(value):
        out.write(job["mark"] + json.dumps(value) + "\n")
        out.flush()

    root = os.path.realpath(os.getcwd())
    try:
        import _pytest.assertion.rewrite
        import pytest  # noqa: F401
    except ImportError as error:
        say({"unusable": str(error)})
        return
    job["args"] += ["--maxfail=0", "-p", "no:cacheprovider", "-p", "no:faulthandler"]
    config = prepare(job["args"], root)
    say({"ready": round(time.monotonic() - began, 3), "prepared": config is not None})
    for number, trial in enumerate(job["trials"]):
        began = time.monotonic()
        before = overlay(root, trial["files"], trial["id"] * 2)
        try:
            record = attempt(job, trial, root, config)
        finally:
            for path, data in before.items():
                put(os.path.join(root, path), data, trial["id"] * 2 + 1)
        record["seconds"] = round(time.monotonic() - began, 3)
        say(record)
        sys.dont_write_bytecode = number >= 0
    say({"done": len(job["trials"])})


main()
