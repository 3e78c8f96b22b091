# pyright: basic, reportAttributeAccessIssue=false
"""`python -m unittest`, observed: the same command line, the same output and the same exit status."""

import re
import sys
import time
import traceback
import unittest
from pathlib import Path

from . import HOME, Alarm, Limits, Stream, leave_path, take_orders

__unittest = True  # unittest leaves frames of such modules out of its tracebacks


class Endless(BaseException):
    """Not an Exception, so that a test that catches those does not swallow it."""


def name_of(test):
    """The id of a test; what a class or a module prepares, or one that cannot be imported, goes by its name."""
    name = re.sub(r"^(?:setUp|tearDown)(?:Class|Module) \((.*)\)$", r"\1", test.id())
    for prefix in ("unittest.loader._FailedTest.", "unittest.loader.ModuleImportFailure."):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


class Observer:
    """Shared by the results of one run."""

    def __init__(self, orders):
        self.only = set(orders["only"])
        self.stream = Stream(orders["out"])
        self.alarm = Alarm(orders["out"] + ".main.dump", Endless)
        self.limits = Limits(orders["seconds"])

    def narrow(self, suite):
        """Leave out of `suite` the tests that are not wanted; the ids of the others."""
        ids, kept = [], []
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                ids += self.narrow(test)
                kept.append(test)
            elif not self.only or name_of(test) in self.only:
                ids.append(name_of(test))
                kept.append(test)
        if self.only:
            suite._tests = kept
        return ids


def result_class(observer):
    class Result(unittest.TextTestResult):
        def startTest(self, test):
            self.journeyman_outcome = ("passed", "")
            self.journeyman_began = time.perf_counter()
            observer.stream.write(start=name_of(test))
            super().startTest(test)
            observer.alarm.arm(observer.limits.of(file_of(test)))

        def stopTest(self, test):
            rang = observer.alarm.disarm()
            seconds = time.perf_counter() - self.journeyman_began
            outcome, message = self.journeyman_outcome
            if rang:
                observer.limits.rang(file_of(test))
                if outcome != "passed":
                    outcome, message = "failed", rang + "\n" + message
            observer.stream.result(name_of(test), outcome, seconds, message)
            super().stopTest(test)

        def journeyman_note(self, test, outcome, message):
            if not isinstance(test, unittest.TestCase) and not hasattr(test, "test_case"):
                observer.stream.result(name_of(test), outcome, 0.0, message)  # of a class or a module
                return
            before, text = self.journeyman_outcome
            if before in ("failed", "error"):
                outcome, message = before, text + "\n" + message
            self.journeyman_outcome = (outcome, message)

        def addError(self, test, err):
            super().addError(test, err)
            self.journeyman_note(test, "error", described(err))

        def addFailure(self, test, err):
            super().addFailure(test, err)
            self.journeyman_note(test, "failed", described(err))

        def addSkip(self, test, reason):
            super().addSkip(test, reason)
            self.journeyman_note(test, "skipped", reason)

        def addExpectedFailure(self, test, err):
            super().addExpectedFailure(test, err)
            self.journeyman_note(test, "skipped", "expected to fail: " + str(err[1]))

        def addUnexpectedSuccess(self, test):
            super().addUnexpectedSuccess(test)
            self.journeyman_note(test, "failed", "passed, and was expected to fail")

        def addSubTest(self, test, subtest, err):
            super().addSubTest(test, subtest, err)
            if err is not None:
                kind = "failed" if isinstance(err[1], test.failureException) else "error"
                self.journeyman_note(test, kind, str(subtest) + "\n" + described(err))

    return Result


def described(err):
    """The traceback, from the test's own first frame on."""
    frames = err[2]
    while frames is not None and "__unittest" in frames.tb_frame.f_globals:
        frames = frames.tb_next
    shown = traceback.TracebackException(err[0], err[1], frames)
    shown.stack[:] = [frame for frame in shown.stack if not frame.filename.startswith(str(HOME))]
    return "".join(shown.format())


def file_of(test):
    return type(test).__module__


def runner_class(observer):
    class Runner(unittest.TextTestRunner):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.resultclass = result_class(observer)

        def run(self, test):
            observer.alarm.disarm()
            observer.stream.collected(observer.narrow(test))
            result = super().run(test)
            observer.stream.write(end=0 if result.wasSuccessful() else 1)
            return result

    return Runner


def main():
    sys.argv[0] = Path(sys.executable).name + " -m unittest"
    orders = take_orders()
    if orders is None:
        unittest.main(module=None)
        return
    leave_path()
    observer = Observer(orders)
    observer.alarm.arm(observer.limits.around)  # the imports
    unittest.main(module=None, testRunner=runner_class(observer))


if __name__ == "__main__":
    main()
