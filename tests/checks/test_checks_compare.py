"""Base and result side by side, the verdict, and both in sentences."""

from typing import Any, Literal

import pytest

from journeyman.checks.compare import compare, describe, verdict
from journeyman.checks.counterfactual import new_tests, proves_nothing, sentence
from journeyman.core.evidence import Check, CheckRun, Comparison, TestResult
from journeyman.core.task import Verdict

WORDS: dict[str, Literal["passed", "failed", "error", "skipped"]] = {
    "+": "passed",
    "-": "failed",
    "!": "error",
    "s": "skipped",
}


def run(tests: str = "", exit_code: int | None = None, **more: Any) -> CheckRun:
    """`tests` are ids with a sign before them: + passed, - failed, ! error, s skipped."""
    results = tuple(TestResult(id=word[1:], outcome=WORDS[word[0]]) for word in tests.split())
    failed = any(test.outcome in ("failed", "error") for test in results)
    check = Check(command=more.pop("command", "pytest"), source="flag", runner=more.pop("runner", "pytest"))
    code = exit_code if exit_code is not None else int(failed)
    values: dict[str, Any] = {"on": "base", "tree": "t", "seconds": 1.0, "chunk": "c", "exit_code": code, **more}
    return CheckRun(check=check, tests=results, **values)


def cut(id: str, seconds: str) -> TestResult:
    return TestResult(id=id, outcome="failed", seconds=5.0, message=f"endless: still running after {seconds} s\n...")


def test_tests_by_what_happened_to_them() -> None:
    base = run("+same -fixed !fixed2 +broken -still +gone sskipped +nowskipped -unfixedskip")
    result = run("+same +fixed +fixed2 -broken !still +new -newfail sskipped snowskipped sunfixedskip")
    assert compare([base], [result]) == Comparison(
        fixed=("fixed", "fixed2"),
        broken=("broken",),
        still_failing=("still",),
        still_passing=1,
        added=("new", "newfail"),
        removed=("gone", "nowskipped", "unfixedskip"),
    )


def test_a_command_that_was_cut_sooner_than_it_takes_now_is_not_fixed() -> None:
    early = run(runner=None, cut="time", exit_code=1, seconds=8.0)
    assert compare([early], [run(runner=None, exit_code=0, seconds=9.0)]) == Comparison(still_passing=1)
    assert compare([early], [run(runner=None, exit_code=0, seconds=2.0)]).fixed == ("pytest",)


def test_an_error_of_a_file_stands_for_its_tests() -> None:
    whole, parts = (
        run("!tests/test_a.py +tests/test_b.py::x"),
        run("+tests/test_a.py::a +tests/test_a.py::b +tests/test_b.py::x"),
    )
    assert compare([whole], [parts]) == Comparison(fixed=("tests/test_a.py::a", "tests/test_a.py::b"), still_passing=1)
    assert compare([parts], [whole]) == Comparison(broken=("tests/test_a.py::a", "tests/test_a.py::b"), still_passing=1)


def test_a_module_of_unittest_stands_for_its_tests() -> None:
    assert compare([run("!tests.test_a")], [run("+tests.test_a.T.x")]).fixed == ("tests.test_a.T.x",)


def test_without_results_of_each_test_the_command_is_the_entry() -> None:
    assert compare([run(exit_code=1)], [run(exit_code=0)]).fixed == ("pytest",)
    assert compare([run(exit_code=0)], [run(exit_code=2)]).broken == ("pytest",)
    assert compare([run("-a")], [run(exit_code=2)]).still_failing == ("pytest",)
    assert compare([run("+a")], [run(exit_code=0)]) == Comparison(still_passing=1)


@pytest.mark.parametrize(("seconds", "fixed"), [(1.6, ("slow",)), (1.7, ()), (30.0, ())])
def test_one_that_was_cut_is_fixed_only_when_it_is_quicker_than_its_limit(
    seconds: float, fixed: tuple[str, ...]
) -> None:
    base = run().model_copy(update={"tests": (cut("slow", "1.7"),), "exit_code": 1})
    result = run().model_copy(update={"tests": (TestResult(id="slow", outcome="passed", seconds=seconds),)})
    assert compare([base], [result]).fixed == fixed


def test_what_was_not_come_to_is_on_no_list() -> None:
    left = TestResult(id="b", outcome="skipped", message="not run")
    stopped = run("-a").model_copy(update={"tests": (*run("-a").tests, left)})
    assert compare([stopped], [run("+a +b")]) == Comparison(fixed=("a",), still_passing=1)
    assert compare([run("+a +b")], [stopped]) == Comparison(broken=("a",))


def test_several_checks_are_compared_each_with_its_own() -> None:
    base = [run("+a -b"), run(command="ruff check", runner=None, exit_code=1)]
    result = [run("+a +b"), run(command="ruff check", runner=None, exit_code=0)]
    assert compare(base, result) == Comparison(fixed=("b", "ruff check"), still_passing=1)


@pytest.mark.parametrize(
    ("base", "result", "said"),
    [
        ([run("-a")], [run("+a")], "verified"),
        ([run("+a")], [run("+a")], "verified"),
        ([run("-a +b")], [run("-a +b")], "failing"),  # it failed before, and fails still
        ([run("+a")], [run("+a", exit_code=1)], "failing"),
        ([run("+a")], [run("-a", exit_code=0)], "failing"),  # the exit alone does not make it right
        ([run("-a +b")], [run("+b")], "unverified"),  # the failing test was removed
        ([run("-a +b")], [run("sa +b")], "unverified"),  # or is skipped now
        ([run("+a +b")], [run(exit_code=0)], "unverified"),  # exit 0, and not a word of any test
        ([run("+a +b")], [run("sa sb")], "unverified"),  # nothing runs any more
        ([run("+a")], [], "unverified"),
        ([], [run("+a")], "verified"),
        ([run(exit_code=5)], [run(exit_code=5)], "unverified"),  # pytest found no tests
        ([run("+a"), run(command="lint", runner=None)], [run("+a")], "unverified"),  # a check was left out
        ([run("-a")], [run("+a", tree="older")], "unverified"),  # stale
        ([run("-a")], [run("", exit_code=None).model_copy(update={"exit_code": None, "cut": "time"})], "failing"),
    ],
)
def test_the_verdict(base: list[CheckRun], result: list[CheckRun], said: Verdict) -> None:
    assert verdict(base, result, changed=True, tree="t") == said


def test_without_a_change_there_is_nothing_to_verify() -> None:
    assert verdict([run("+a")], [run("+a")], changed=False) == "unchanged"


NOT_RUN = TestResult(id="z", outcome="skipped", message="not run")


@pytest.mark.parametrize(
    ("base", "result", "said"),
    [
        (
            run("-a -b -c +d +e +f +g +h"),
            run("+a +b +c +d +e +f +g +h"),
            "3 of 8 tests failed before, all 8 tests pass now.",
        ),
        (run("-a"), run("+a"), "1 of 1 test failed before, the test passes now."),
        (run("+a +b"), run("+a +b"), "All 2 tests passed before, all 2 tests pass now."),
        (
            run("-a +b"),
            run("-a -b"),
            "1 of 2 tests failed before, 2 of 2 tests fail now. Broken by the change: b. Failing before and after: a.",
        ),
        (run("-a +b"), run("+b"), "1 of 2 tests failed before, the test passes now. No longer run: a."),
        (run(exit_code=1), run(exit_code=0), "The check failed (exit code 1) before, and passes now."),
        (
            run(exit_code=1).model_copy(update={"exit_code": None, "cut": "time", "seconds": 600.0}),
            run(exit_code=0),
            "The check was cut by the limit on time after 600 s before, and passes now.",
        ),
        (
            run().model_copy(update={"tests": (cut("a", "5"), cut("b", "2")), "exit_code": 1}),
            run("+a +b"),
            "2 of 2 tests ran without end before, all 2 tests pass now.",
        ),
        (
            run().model_copy(update={"tests": (*run("-a").tests, cut("b", "2"), NOT_RUN), "exit_code": 1}),
            run("+a +b +z"),
            "2 of 2 tests failed, 1 of them without end (1 not run) before, all 3 tests pass now.",
        ),
        (run("+a"), run("+a", exit_code=2), "All 1"),
    ],
)
def test_sentences(base: CheckRun, result: CheckRun, said: str) -> None:
    (line,) = describe([base], [result])
    if said == "All 1":
        assert line == "The test passed before, the test passes now. The command still ends with exit code 2."
    else:
        assert line == said


def test_sentences_name_the_check_when_there_are_several() -> None:
    lint = {"command": "lint", "runner": None}
    assert describe([run("+a"), run(**lint)], [run("+a"), run(**lint)]) == (
        "`pytest`: The test passed before, the test passes now.",
        "`lint`: The check passed before, and passes now.",
    )
    assert describe([run("+a"), run(**lint)], [run("+a")])[-1] == "`lint` was not run on the result."


def test_new_tests_that_pass_without_the_change_prove_nothing() -> None:
    new = new_tests([run("+old")], [run("+old +real +always -bad")])
    assert new == ("always", "real")
    vacuous = proves_nothing(new, [run("-real +always")])
    assert vacuous == ("always",)
    assert sentence(new, vacuous) == (
        "1 of the 2 new tests passes without the change too, so nothing is proved by it: always."
    )
    assert sentence(new, ()) == ""
