"""Where a fault is looked for."""

import pytest

from journeyman.agent.repair.locate import NOT_RUN, Evidence, frames_of, imported, is_test, locate, named_paths, ochiai

TEXTS = {
    "src/shop/cart.py": "def total(items):\n    return add(items)\n\n\ndef other():\n    return 1\n",
    "src/shop/sums.py": "def add(xs):\n    return 1\n\n\ndef spare():\n    return 2\n",
    "src/shop/mail.py": "def send():\n    return 3\n",
    "src/shop/__init__.py": "",
    "tests/test_cart.py": "from shop.cart import total\n\n\ndef test_total():\n    assert total([1]) == 1\n",
}


def evidence(**changes: object) -> Evidence:
    given: dict[str, object] = {
        "prompt": "The tests fail.",
        "paths": sorted(TEXTS),
        "texts": TEXTS,
        "failing_files": ["tests/test_cart.py"],
    }
    return Evidence(**(given | changes))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("path", "test"),
    [
        ("tests/test_cart.py", True),
        ("pkg/cart_test.py", True),
        ("a/__tests__/x.js", True),
        ("cart.test.js", True),
        ("conftest.py", True),
        ("src/contest.py", False),
        ("src/testament.py", False),
        ("latest.js", False),
    ],
)
def test_tests_are_told_from_sources(path: str, test: bool) -> None:
    assert is_test(path) is test


def test_a_file_named_in_the_request_is_the_first() -> None:
    assert locate(evidence(prompt="Fix `src/shop/mail.py`."))[0].path == "src/shop/mail.py"
    assert named_paths("see mail.py, or shop.cart", ["src/shop/mail.py", "shop/cart.py", "b/xmail.py"]) == [
        "src/shop/mail.py",
        "shop/cart.py",
    ]


def test_without_a_name_it_is_what_the_failing_test_imports() -> None:
    assert locate(evidence())[0].path == "src/shop/cart.py"


def test_a_function_named_in_the_request_finds_its_file_and_its_lines() -> None:
    (suspect,) = locate(evidence(prompt="`spare` gives the wrong number", failing_files=[]))
    assert (suspect.path, suspect.functions) == ("src/shop/sums.py", {"spare": range(5, 7)})


def test_a_traceback_leads_to_the_function_that_failed() -> None:
    found = locate(evidence(frames=[("src/shop/sums.py", 2), ("src/shop/sums.py", 2)], failing_files=[]))
    assert [(suspect.path, suspect.functions) for suspect in found] == [("src/shop/sums.py", {"add": range(1, 3)})]
    assert found[0].lines[2] > 1.0


def test_lines_that_only_failing_tests_run_are_the_most_suspicious() -> None:
    covered = {
        "fails": {"src/shop/cart.py": [2], "src/shop/sums.py": [2]},
        "passes": {"src/shop/cart.py": [2]},
    }
    seen = evidence(covered=covered, failing=frozenset({"fails"}))
    assert ochiai(seen) == {"src/shop/cart.py": {2: pytest.approx(0.7071, abs=1e-4)}, "src/shop/sums.py": {2: 1.0}}
    by_path = {suspect.path: suspect for suspect in locate(seen)}
    assert by_path["src/shop/sums.py"].functions == {"add": range(1, 3)}
    assert by_path["src/shop/sums.py"].lines[2] > by_path["src/shop/cart.py"].lines[2]


def test_imports_are_followed_in_python_and_javascript() -> None:
    paths = ["src/a/b.py", "src/a/__init__.py", "src/a/c.py", "lib/x.js", "lib/y/index.js"]
    assert imported("src/a/c.py", "from . import b\nfrom .b import z\nimport a.b, os\n", paths) == [
        "src/a/__init__.py",
        "src/a/b.py",
    ]
    assert imported("lib/test/t.js", "const x = require('../x')\nimport y from '../y'\n", paths) == [
        "lib/x.js",
        "lib/y/index.js",
    ]
    assert imported("src/a/c.py", "import (", paths) == []


def test_places_are_read_from_what_runners_print() -> None:
    paths = ["src/a.py", "lib/x.js"]
    message = (
        'File "/w/src/a.py", line 12, in f\nsrc/a.py:7: AssertionError\n    at f (/w/lib/x.js:3:11)\nother/z.py:1: no\n'
    )
    assert frames_of(message, paths) == [("src/a.py", 12), ("src/a.py", 7), ("lib/x.js", 3)]


def test_what_no_failing_test_runs_is_hardly_suspicious() -> None:
    text = (
        "def f(a):\n    '''Says.'''\n    if a:\n        return (\n            a +\n            1\n        )\n"
        "    b = a\n    return b\n"
    )
    evidence = Evidence("", ("a.py",), {"a.py": text}, (), covered={"t": {"a.py": [3, 4]}}, failing=frozenset({"t"}))
    (suspect,) = locate(evidence)
    assert [suspect.lines[line] for line in (1, 3, 4, 5, 6)] == [1.0] * 5
    assert suspect.lines[8] == suspect.lines[9] == NOT_RUN
