"""pytest as a check: results of each test, time limits, and no trace of us in what the tests see."""

from collections.abc import Callable
from typing import Any

from journeyman.checks.compare import endless_after
from journeyman.checks.run import PROBE
from journeyman.core.evidence import CheckRun, Outcome
from tests.conftest import PLAIN_PYTEST

Outcomes = Callable[[CheckRun], dict[str, Outcome]]
QUICK = "python3 -m pytest -q -p no:cacheprovider"

KINDS = """
import unittest

import pytest


@pytest.mark.parametrize("text", ["a", "b::c/d", "é"])
def test_parameters(text):
    assert text != "b::c/d"


class TestClass:
    def test_method(self):
        pass

    @pytest.mark.skip(reason="later")
    def test_skipped(self):
        pass


class Old(unittest.TestCase):
    def test_old(self):
        self.assertEqual(1, 2)


@pytest.mark.xfail(reason="known")
def test_expected_failure():
    assert False


@pytest.fixture
def broken():
    raise RuntimeError("no database")


def test_fixture(broken):
    pass


@pytest.fixture
def untidy():
    yield
    raise RuntimeError("cannot clean up")


def test_teardown(untidy):
    pass
"""


async def test_every_kind_of_test_has_its_node_id_and_outcome(project: Any, outcomes_of: Outcomes) -> None:
    project.write({"tests/test_kinds.py": KINDS, "tests/test_import.py": "import nowhere\n"})
    run = await project.check(QUICK + " --continue-on-collection-errors")
    assert outcomes_of(run) == {
        "tests/test_import.py": "error",
        "tests/test_kinds.py::test_parameters[a]": "passed",
        "tests/test_kinds.py::test_parameters[b::c/d]": "failed",
        "tests/test_kinds.py::test_parameters[\\xe9]": "passed",
        "tests/test_kinds.py::TestClass::test_method": "passed",
        "tests/test_kinds.py::TestClass::test_skipped": "skipped",
        "tests/test_kinds.py::Old::test_old": "failed",
        "tests/test_kinds.py::test_expected_failure": "skipped",
        "tests/test_kinds.py::test_fixture": "error",
        "tests/test_kinds.py::test_teardown": "error",
    }
    messages = {test.id.rsplit("::", 1)[-1]: test.message for test in run.tests}
    assert "AssertionError: 1 != 2" in messages["test_old"]
    assert "ModuleNotFoundError: No module named 'nowhere'" in messages["tests/test_import.py"]
    assert "RuntimeError: no database" in messages["test_fixture"]
    assert messages["test_expected_failure"] == "expected to fail: known"
    assert (run.exit_code, run.cut, run.tree, run.chunk) == (1, None, "t", "c0")
    assert "2 failed" in project.output


async def test_junit_is_the_fallback_with_the_same_ids(project: Any, outcomes_of: Outcomes) -> None:
    project.write({"tests/test_kinds.py": KINDS})
    observed = await project.check(QUICK)
    isolated = await project.check("python3 -I -m pytest -q -p no:cacheprovider")
    assert outcomes_of(isolated) == outcomes_of(observed)
    assert isolated.exit_code == observed.exit_code == 1


async def test_a_session_that_refuses_our_options_runs_without_them(project: Any) -> None:
    project.write({"test_a.py": "def test_a():\n    pass\n"})
    run = await project.check("python3 -I -m pytest -q -p no:junitxml")
    assert (run.exit_code, run.tests) == (0, ())
    assert "unrecognized arguments: --junitxml" in project.output
    assert "1 passed" in project.output


ENDLESS = """
import itertools
import time


def test_before():
    pass


def test_loop():
    while True:
        pass


def test_sleep():
    try:
        time.sleep(100)
    except Exception:
        pass


def test_after():
    pass
"""


async def test_endless_tests_are_cut_and_the_others_go_on(project: Any, outcomes_of: Outcomes) -> None:
    project.write({"test_endless.py": ENDLESS})
    run = await project.check(QUICK, test_seconds=1.5)
    assert outcomes_of(run) == {
        "test_endless.py::test_before": "passed",
        "test_endless.py::test_loop": "failed",
        "test_endless.py::test_sleep": "failed",
        "test_endless.py::test_after": "passed",
    }
    loop, sleep = run.failing
    assert 1.5 <= (endless_after(loop) or 0) <= 3.1
    assert ">       while True:" in loop.message or ">           pass" in loop.message
    assert 0.9 <= (endless_after(sleep) or 0) <= 4.0  # the second of a file gets a third; asleep, twice that
    assert "time.sleep(100)" in sleep.message


GROWING = """
def test_grows():
    todo = [1]
    while todo:
        r = todo.pop()
        for spot in ((r + 1, r), (r - 1, r), (r, r + 1), (r, r - 1)):
            if spot:
                todo.append(r)


def test_exits():
    import pytest
    pytest.exit("enough")


def test_after():
    pass
"""


async def test_a_loop_may_be_cut_anywhere_and_a_session_may_end_in_a_test(project: Any, outcomes_of: Outcomes) -> None:
    """Some instructions have no line of their own; pytest ends with an internal error where one of them is shown."""
    project.write({"test_growing.py": GROWING})
    run = await project.check(QUICK, test_seconds=0.4)
    assert outcomes_of(run) == {
        "test_growing.py::test_grows": "failed",
        "test_growing.py::test_exits": "failed",
        "test_growing.py::test_after": "skipped",
    }
    assert endless_after(run.failing[0]) and "ended with exit code 2 while this test ran" in run.failing[1].message


async def test_a_loop_in_c_ends_the_session_but_not_what_is_known(project: Any, outcomes_of: Outcomes) -> None:
    loop = "import itertools\n\ndef test_ok():\n    pass\n\ndef test_c():\n    assert -1 in itertools.count()\n"
    project.write({"test_c.py": loop, "test_d.py": "def test_later():\n    pass\n"})
    run = await project.check(QUICK, test_seconds=1.0)
    assert outcomes_of(run) == {
        "test_c.py::test_ok": "passed",
        "test_c.py::test_c": "failed",
        "test_d.py::test_later": "skipped",
    }
    assert (run.exit_code, run.cut) == (None, "time")
    assert run.failing[0].message.startswith("endless: still running after 2.0 s, and could not be interrupted\n")
    assert 'test_c.py", line 7 in test_c' in run.failing[0].message
    assert run.tests[-1].message == "not run"


async def test_a_test_that_swallows_everything_ends_the_session(project: Any) -> None:
    swallow = """
        def test_swallow():
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    pass
    """
    project.write({"test_s.py": "\n".join(line[8:] for line in swallow.splitlines())})
    run = await project.check(QUICK, test_seconds=1.0)
    assert (run.exit_code, run.cut) == (None, "time")
    assert [test.message.split("\n")[0] for test in run.failing] == [
        "endless: still running after 2.0 s, and could not be interrupted"
    ]


async def test_a_run_that_is_cut_keeps_what_had_finished(project: Any, outcomes_of: Outcomes) -> None:
    quick, slow, never = "def test_quick(): pass", "def test_slow(): time.sleep(50)", "def test_never(): pass"
    project.write({"test_slow.py": "\n".join(["import time", quick, slow, never])})
    run = await project.check(QUICK, timeout=8.0)
    assert (run.exit_code, run.cut) == (None, "time")
    assert outcomes_of(run) == {
        "test_slow.py::test_quick": "passed",
        "test_slow.py::test_slow": "failed",
        "test_slow.py::test_never": "skipped",
    }
    assert run.failing[0].message.startswith("endless: still running when the check was cut after 8")


async def test_code_that_ends_the_process_with_success_has_not_passed(project: Any, outcomes_of: Outcomes) -> None:
    project.write({"test_e.py": "import os\n\ndef test_a():\n    pass\n\ndef test_b():\n    os._exit(0)\n"})
    run = await project.check(QUICK)
    assert run.exit_code == 0
    assert outcomes_of(run) == {"test_e.py::test_a": "passed", "test_e.py::test_b": "failed"}
    assert run.failing[0].message == "the process ended with exit code 0 while this test ran"


async def test_only_the_named_tests_run_and_other_files_are_not_imported(project: Any, outcomes_of: Outcomes) -> None:
    project.write(
        {
            "a/test_a.py": "def test_one():\n    pass\n\ndef test_two():\n    pass\n",
            "a/test_b.py": "raise RuntimeError('imported')\n",
        }
    )
    run = await project.check(QUICK, only=("a/test_a.py::test_two",))
    assert outcomes_of(run) == {"a/test_a.py::test_two": "passed"}
    assert run.exit_code == 0
    assert "1 passed, 1 deselected" in project.output


UNTOUCHED = """
import os
import signal
import subprocess
import sys
import threading
import time


def test_environment():
    assert not [name for name in os.environ if name.startswith("JM_")]
    assert os.environ.get("PYTHONPATH") == "lib"
    assert os.environ.get("PYTEST_ADDOPTS") == "-p no:cacheprovider"


def test_path():
    assert not [path for path in sys.path if "probe" in path]


def test_no_thread_is_added():
    assert threading.active_count() == 1
    assert len(os.listdir("/proc/self/task")) == 1


def test_alarm_is_free():
    rang = []
    old = signal.signal(signal.SIGALRM, lambda *_: rang.append(1))
    assert old == signal.SIG_DFL
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(0.2)
    assert rang == [1]


def test_descriptors_may_be_closed():
    os.closerange(50, 100)


def test_fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_inner_session(tmp_path):
    (tmp_path / "test_inner.py").write_text("def test_inner(): assert False")
    inner = subprocess.run([sys.executable, "-m", "pytest", "-q", str(tmp_path)], capture_output=True, text=True)
    assert inner.returncode == 1, inner.stdout
"""


async def test_a_healthy_suite_does_not_notice(project: Any, outcomes_of: Outcomes) -> None:
    project.write(
        {
            "test_u.py": UNTOUCHED,
            "pytest.ini": PLAIN_PYTEST["pytest.ini"].strip() + " -ra --strict-markers\nfilterwarnings = error\n",
        }
    )
    env = {"PYTHONPATH": "lib", "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    run = await project.check("python3 -m pytest -q", env=env)
    assert (run.exit_code, set(outcomes_of(run).values()), len(run.tests)) == (0, {"passed"}, 7), project.output
    assert "generated xml" not in project.output


async def test_a_path_that_the_command_sets_itself(project: Any, outcomes_of: Outcomes) -> None:
    project.write(
        {"src/thing.py": "", "tests/test_t.py": "import thing\n\ndef test_t():\n    while True:\n        pass\n"}
    )
    run = await project.check(f"PYTHONPATH=src {QUICK}", test_seconds=1.0)
    assert outcomes_of(run) == {"tests/test_t.py::test_t": "failed"}
    assert 1.0 <= (endless_after(run.failing[0]) or 0) <= 2.1


async def test_workers_of_xdist(project: Any, outcomes_of: Outcomes) -> None:
    with_xdist = PLAIN_PYTEST["pytest.ini"].replace(" -p no:xdist -p no:xdist.looponfail", "")
    project.write({"pytest.ini": with_xdist, "test_a.py": ENDLESS, "test_b.py": "def test_b():\n    assert 0\n"})
    run = await project.check(QUICK + " -n 2", test_seconds=1.0)
    assert outcomes_of(run) == {
        "test_a.py::test_before": "passed",
        "test_a.py::test_loop": "failed",
        "test_a.py::test_sleep": "failed",
        "test_a.py::test_after": "passed",
        "test_b.py::test_b": "failed",
    }


async def test_stopping_at_the_first_failure_leaves_the_rest_as_not_run(project: Any) -> None:
    project.write({"test_x.py": "def test_a():\n    assert 0\n\ndef test_b():\n    pass\n"})
    run = await project.check(QUICK + " -x")
    assert [(test.id, test.outcome, test.message == "not run") for test in run.tests] == [
        ("test_x.py::test_a", "failed", False),
        ("test_x.py::test_b", "skipped", True),
    ]


async def test_make_passes_the_results_of_pytest_on(project: Any, outcomes_of: Outcomes) -> None:
    project.write({"Makefile": f"test:\n\t{QUICK}\n", "test_m.py": "def test_m():\n    pass\n"})
    run = await project.check("make test")
    assert (run.check.runner, run.exit_code) == ("make", 0)
    assert outcomes_of(run) == {"test_m.py::test_m": "passed"}


async def test_ids_do_not_hold_addresses(project: Any) -> None:
    text = (
        "import pytest\n\n@pytest.mark.parametrize('x', [1], ids=lambda _: repr(object()))\ndef test_p(x):\n    pass\n"
    )
    project.write({"test_p.py": text})
    first, second = await project.check(QUICK), await project.check(QUICK)
    assert [test.id for test in first.tests] == [test.id for test in second.tests]
    assert first.tests[0].id == "test_p.py::test_p[<object object at 0x>]"


async def test_without_the_probe_inside_results_come_from_junit(project: Any, outcomes_of: Outcomes) -> None:
    project.write({"test_a.py": "def test_a():\n    pass\n"})
    run = await project.check(QUICK, readable=())
    assert (run.exit_code, outcomes_of(run)) == (0, {"test_a.py::test_a": "passed"})


def test_the_probe_is_all_that_a_sandbox_has_to_read() -> None:
    assert sorted(path.name for path in PROBE.iterdir() if path.name != "__pycache__") == [
        "jest_reporter.cjs",
        "journeyman_probe",
        "journeyman_probe-1.dist-info",
        "js_runners.cjs",
        "mocha_hooks.cjs",
        "node_reporter.mjs",
        "vitest_reporter.mjs",
    ]
