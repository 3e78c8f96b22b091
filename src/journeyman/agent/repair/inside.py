# pyright: basic
"""The validation runner, a script for the inside of a sandbox: pytest is imported once, each trial is a fork.

It is sent as `python -c` behind `swap.py` and `recorder.py` with one JSON job on standard input, needs only the
standard library and the project's own pytest, and keeps to Python 3.8. What it prints is said by untrusted code and is
only a hint.

Where trials change nothing but the bodies of functions, the tests are collected once for all of them (`Warm`), and each
fork puts its own code into the functions; of the others each fork loads and collects everything itself.

Job: {"mark": str, "args": [pytest arguments], "cpu": seconds, "wall": seconds, "budget": seconds, "first": bool,
"warm": bool, "trials": [Trial]};
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

import contextlib
import gc
import json
import os
import resource
import select
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # they stand in front of this script
    from journeyman.agent.repair.recorder import CUT, Recorder, relative
    from journeyman.agent.repair.swap import Loaded, key_of, swap

HEADROOM = 1 << 30
FEW = 3
"""Trials up to which it is not worth it to collect the tests for all of them first."""
SILENT = 30.0
"""Seconds that collecting may take, and that go by beyond a trial's own limits until it is given up."""


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


class Warm:
    """A pytest plugin that collects the tests once, and runs the trials in forks of the process as it is then.

    `tell` is a pipe that each trial is named to that has been run. `base` is a trial of the code as it is, `expected`
    what came of it from nothing: if a fork comes to something else here, all trials are left to that way.
    """

    def __init__(self, job, base, expected, root, tell, say):
        self.job = job
        self.base = base
        self.expected = expected
        self.root = root
        self.tell = tell
        self.say = say
        self.ran = set()
        self.failed = False

    def note(self, frame, event, arg):
        if event == "call":
            self.ran.add(key_of(frame.f_code))

    def pytest_configure(self, config):
        tests = [trial["tests"] for trial in self.job["trials"]]
        if all(tests):
            config.args = list(dict.fromkeys(test.split("::")[0] for each in tests for test in each))

    def pytest_collectreport(self, report):
        self.failed = self.failed or report.failed

    def pytest_runtestloop(self, session):
        """In the place of pytest's own; never returns."""
        sys.setprofile(None)
        items = getattr(session, "items", [])
        # A thread that was started while the tests were loaded is in no fork.
        if items and not self.failed and threading.active_count() == 1:
            loaded = Loaded(self.root, self.ran)
            gc.collect()
            gc.freeze()
            alike = outcomes(self.once(self.base, [], items)) == self.expected
            for trial in self.job["trials"] if alike else ():
                changes = loaded.changes(trial["files"])
                if changes is None:
                    continue
                record = laid(trial, self.root, lambda of=(trial, changes): self.once(of[0], of[1], items))
                self.say(record)
                os.write(self.tell, b"%d\n" % trial["id"])
                if self.job.get("first") and passed_all(trial, record):
                    os.write(self.tell, b"-1\n")
                    break
        os._exit(0)

    def once(self, trial, changes, items):
        record, _ = run(self.job, trial, lambda pipe: self.child(trial, changes, pipe, items))
        del record["items"]
        return record

    def child(self, trial, changes, pipe, items):
        """Run the trial's tests in this (forked) process; never returns."""
        settle(self.job)
        os.close(self.tell)
        recorder = Recorder(trial, self.job["cpu"], pipe, self.root)
        try:
            swap(changes)
            chosen = list(items)
            chosen[0].config.pluginmanager.register(recorder)
            recorder.pytest_collection_modifyitems(chosen)
            for at, item in enumerate(chosen):
                following = chosen[at + 1] if at + 1 < len(chosen) else None
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            recorder.say("code", 0)
        finally:
            os._exit(0)


def settle(job):
    """Make this process, which was just forked, one that can be ended with all that it begins, and that has bounds."""
    os.setpgid(0, 0)
    os.close(job["out"])
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    used = max(used, int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize())
    resource.setrlimit(resource.RLIMIT_AS, (used + HEADROOM, used + HEADROOM))


def child(job, trial, pipe, root, config):
    """Load, collect and run the trial's tests in this (forked) process; never returns."""
    import pytest

    settle(job)
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


def run(job, trial, begin):
    """One trial in one child; returns its record, and whether the child came to its own end."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        begin(write)
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

    def run_of(tests):
        now = dict(trial, tests=tests)
        return run(job, now, lambda pipe: child(job, now, pipe, root, config))

    record, clean = run_of(trial["tests"])
    items = record.pop("items")
    while not trial.get("stop") and not clean and time.monotonic() - began < job["budget"]:
        done = {test[0] for test in record["tests"]}
        rest = [test for test in items if test not in done]
        more, clean = run_of(rest) if rest else ({"tests": []}, True)
        if not more["tests"]:
            break
        record["tests"] += more["tests"]
        record["lines"].update(more["lines"])
    return record


def laid(trial, root, work):
    """A trial's record, with its files laid over while it runs."""
    began = time.monotonic()
    before = overlay(root, trial["files"], trial["id"] * 2)
    try:
        record = work()
    finally:
        for path, data in before.items():
            put(Path(root, path), data, trial["id"] * 2 + 1)
    record["seconds"] = round(time.monotonic() - began, 3)
    return record


def warm(job, root, config, say):
    """Run those trials that change no more than functions in forks of one process that has all tests collected.

    Returns the ids of the trials that were run, with -1 where no more is wanted. The process may fail in any way: what
    it has not said it has not done.
    """
    import pytest

    able = [
        one for one in job["trials"] if one["files"] and one.get("stop") and not (one.get("trace") or one.get("watch"))
    ]
    if not job.get("warm") or len(able) <= FEW:
        return set()
    base = dict(able[0], files={})
    expected = outcomes(attempt(job, base, root, config))
    Warm.pytest_runtestloop = pytest.hookimpl(tryfirst=True)(Warm.pytest_runtestloop)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.setpgid(0, 0)
        plugin = Warm(dict(job, trials=able), base, expected, root, write, say)
        sys.setprofile(plugin.note)
        try:
            if config is None:
                pytest.main(job["args"], plugins=[plugin])
            else:
                config.pluginmanager.register(plugin)
                config.hook.pytest_cmdline_main(config=config)
        finally:
            os._exit(0)
    os.close(write)
    done, buffer = set(), b""
    while select.select([read], [], [], SILENT + job["budget"])[0]:
        data = os.read(read, 65536)
        if not data:
            break
        *lines, buffer = (buffer + data).split(b"\n")
        done.update(map(int, lines))
    os.close(read)
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return done


def outcomes(record):
    return [test[:2] for test in record["tests"]]


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
    done = warm(job, root, config, say)
    for trial in job["trials"] if -1 not in done else ():
        if trial["id"] in done:
            continue
        record = laid(trial, root, lambda of=trial: attempt(job, of, root, config))
        say(record)
        sys.dont_write_bytecode = True
        if job.get("first") and passed_all(trial, record):
            break
    say({"done": len(job["trials"]), "warm": len(done)})


main()
