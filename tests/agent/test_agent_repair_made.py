"""Checks that are made of examples in documentation and requests, where none fails."""

from pathlib import Path

import pytest
from test_agent_repair_strategy import PYTEST, changed, working

from journeyman.agent.repair import repair
from journeyman.agent.repair.locate import Evidence
from journeyman.agent.repair.made import asked_for, cases_of, module_of
from journeyman.agent.repair.meant import not_meant
from journeyman.agent.repair.reproduce import reproduce
from journeyman.agent.repair.workspace import Files
from journeyman.core.events import Checked, Progressed

DOUBLE = 'def double(n):\n    """{doc}"""\n    return n ** 2\n'


async def test_what_the_request_says_is_the_check(tmp_path: Path) -> None:
    files = {"year.py": "def days():\n    return 6\n\n\ndef months():\n    return 12\n"}
    prompt = "In year.py, days() of a week returns 6 but should be 7, days() == 7, and months() should be 12."
    async with working(tmp_path, files, [], prompt=prompt, checks=()) as work:
        stop = await repair(work)
        assert (await changed(work))["year.py"] == files["year.py"].replace("6", "7")
        checks = [event.run.check for event in work.log.events if isinstance(event, Checked)]
        assert checks[0].source == "request"
        assert checks[0].command.startswith("python -c 'from year import days; assert days()")
        assert f"{checks[0].command} passes" in stop.message
        assert any("so they are the check" in e.text for e in work.log.events if isinstance(e, Progressed))


def test_what_one_function_does_the_other_undoes() -> None:
    text = (
        "def encode_it(s):\n    return s[::-1]\n\n\n"
        "def decode_it(s: str) -> str:\n    '''The text that encode_it made s of.'''\n    return s\n"
    )
    (case,) = cases_of("code.py", text, "`decode_it` is wrong", ["code.py"])
    assert "from code import encode_it, decode_it\nfor text in (" in case.command
    assert "decode_it(encode_it(text)) == text" in case.command
    assert cases_of("code.py", text.replace("encode_it made", "it made"), "`decode_it` is wrong", ["code.py"]) == []
    assert cases_of("code.py", text, "Something is wrong", ["code.py"]) == []


def test_what_the_request_says_goes_before_what_the_documentation_says() -> None:
    text = DOUBLE.format(doc="double(3) == 6, double(4) == 7\n\n    >>> double(1)\n    2\n    ")
    found = cases_of("double.py", text, "double(4) should be 8", ["double.py"])
    assert [(case.source, case.command) for case in found] == [
        ("docstring", "python -m doctest double.py"),
        ("request", "python -c 'from double import double; assert double(4) == 8'"),
        ("docstring", "python -c 'from double import double; assert double(3) == 6'"),
    ]


def test_examples_that_doctest_cannot_read_are_read_as_they_are_written() -> None:
    """The escape is a line break in the docstring, behind which doctest expects the margin."""
    doc = r"""Twice.
    >>> double("a\nb")
    'a\nba\nb'
    >>> double(1) + 0
    2
    """
    found = cases_of("double.py", DOUBLE.format(doc=doc), "`double` is wrong", ["double.py"])
    assert [case.command for case in found] == [
        r"""python -c 'from double import double; assert double('"'"'a\nb'"'"') == '"'"'a\nba\nb'"'"''"""
    ]


def test_an_exception_that_should_be_raised_is_an_example() -> None:
    (case,) = cases_of("double.py", DOUBLE.format(doc=""), "double(None) should raise a ValueError", ["double.py"])
    assert "try:\n    double(None)\nexcept ValueError:" in case.command


def test_examples_of_a_package_are_run_from_its_folder() -> None:
    paths = ["src/a/__init__.py", "src/a/b/__init__.py", "src/a/b/c.py", "d/e.py"]
    assert module_of("src/a/b/c.py", paths) == ("a.b.c", "src")
    assert module_of("src/a/__init__.py", paths) == ("a", "src")
    assert module_of("d/e.py", paths) == ("e", "d")
    (case,) = cases_of("src/a/b/c.py", "def f(n):\n    '''f(1) == 2'''\n    return n\n", "", paths)
    assert case.command == "PYTHONPATH=src python -c 'from a.b.c import f; assert f(1) == 2'"


SHOP = {
    "shop.py": "def price(n):\n    return n - 3\n\n\ndef rebate(n):\n    return n\n",
    "test_shop.py": (
        "from shop import price, rebate\n\n\ndef test_rebate():\n    assert rebate(1) == 'nobody knows'\n\n\n"
        "def test_free():\n    assert price(3) < 1\n"
    ),
}


async def test_a_test_that_fails_for_reasons_of_its_own_is_not_the_goal(tmp_path: Path) -> None:
    """The request says what is wanted, and no test that fails has to do with it."""
    prompt = "price is wrong for many: price(5) should be 0, and price(2) should be -3."
    async with working(tmp_path, SHOP, [], prompt=prompt, checks=(PYTEST,)) as work:
        stop = await repair(work)
        said = [event.text for event in work.log.events if isinstance(event, Progressed)]
        assert (
            "What fails has nothing to do with the request; the examples in the request do, so they are the check."
            in said
        )
        assert await changed(work) == {"shop.py": SHOP["shop.py"].replace("n - 3", "n - 5")}
        assert "python -c 'from shop import price" in stop.message


@pytest.mark.parametrize(
    "prompt", ["rebate(1) should be 'nobody knows'", "The tests fail, and price(5) should be 0.", "price is wrong"]
)
async def test_otherwise_the_failing_tests_are_the_goal(tmp_path: Path, prompt: str) -> None:
    async with working(tmp_path, SHOP, [], prompt=prompt, checks=(PYTEST,)) as work:
        files, failing = Files(work.sandbox), await reproduce(work)
        await files.list()
        assert [test.id for test in failing[0].failing] == ["test_shop.py::test_rebate"]
        assert await asked_for(work, files, failing) is None


async def test_failing_tests_that_run_nothing_of_what_the_request_names_may_go_on_failing(tmp_path: Path) -> None:
    files = SHOP | {
        "test_shop.py": SHOP["test_shop.py"] + "\n\ndef test_price():\n    assert (price(7), price(8)) == (2, 3)\n"
    }
    async with working(tmp_path, files, [], prompt="`price` gives too much", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert await changed(work) == {"shop.py": SHOP["shop.py"].replace("n - 3", "n - 5")}
        assert "the failing test passes, with 1 test still failing that the request does not mean" in stop.message


def test_a_request_that_speaks_of_tests_means_all_of_them() -> None:
    covered = {"t::a": {"a.py": [1, 2]}, "t::b": {"a.py": [4, 5]}}
    text = "def one_of():\n    return 1\n\ndef other():\n    return 2\n"

    def left(prompt: str) -> frozenset[str]:
        evidence = Evidence(prompt, ("a.py",), {"a.py": text}, (), covered=covered, failing=frozenset(covered))
        return not_meant(evidence)

    assert left("one_of is wrong") == left("a.one_of() is wrong") == {"t::b"} and left("`other` is wrong") == {"t::a"}
    assert left("The tests of one_of fail") == left("other is wrong") == left("`another` is wrong") == frozenset()
    assert left("`other` and `one_of` are wrong") == frozenset()
    assert left("`another` and `one_of` are wrong") == {"t::b"}


async def test_where_no_failing_test_runs_what_the_request_names_the_model_changes_that(tmp_path: Path) -> None:
    answer = "```python\ndef price(n):\n    return n - 5\n```"
    async with working(tmp_path, SHOP, [answer], prompt="`price` gives two too much", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert await changed(work) == {"shop.py": SHOP["shop.py"].replace("n - 3", "n - 5")}
        assert "nothing that failed before has to do with it; no check is worse." in stop.message and stop.doubt
