"""What the model is shown, and how its answer is put into the file."""

import pytest

from journeyman.agent.repair.prompts import (
    code_of,
    failed_before,
    function,
    request,
    splice,
    subjects_of,
    whole,
    without_docstrings,
)

FILE = '''"""Sums."""

import os


@cache
def total(xs):
    """The sum.

    >>> total([1, 2])
    3
    """
    # start
    result = 1
    for x in xs:
        result += x
    return result


class Box:
    def size(self):
        return 1


def last(xs):
    return xs[-1]


"""
Examples: last([1]) is 1
"""
'''


def test_the_first_request_has_the_code_the_task_and_the_failure() -> None:
    asked = request(
        whole("a.py", "def f():\n    return 1\n"), "Fix f.", "f: assert 1 == 2", temperature=0.0, seed=7, cache_key="k"
    )
    (item,) = asked.items
    assert item.kind == "user"
    assert item.text == (
        "The code below is from `a.py`.\n\n```python\ndef f():\n    return 1\n```\n\nTask: Fix f.\n\n"
        "What fails:\nf: assert 1 == 2\n\nWrite the corrected code."
    )
    assert (asked.temperature, asked.seed, asked.cache_key) == (0.0, 7, "k")
    assert len(asked.instructions) < 600


def test_docstrings_are_shown_apart_from_the_code() -> None:
    code, purpose = without_docstrings(whole("a.py", FILE))
    assert code.startswith("import os\n\n\n@cache\ndef total(xs):\n    # start\n")
    assert code.endswith("def last(xs):\n    return xs[-1]")
    assert purpose == "Sums.\n\nExamples: last([1]) is 1\n\nThe sum.\n\n>>> total([1, 2])\n3"
    assert without_docstrings(whole("b.py", 'def f():\n    """Only this."""\n')) == (
        'def f():\n    """Only this."""',
        "",
    )
    assert without_docstrings(whole("c.py", "def f(:")) == ("def f(:", "")
    assert without_docstrings(whole("d.js", "// x\nlet y\n")) == ("// x\nlet y", "")


def test_a_long_file_is_shown_as_a_function_with_its_decorators() -> None:
    subject = function("a.py", FILE, "total")
    assert subject is not None
    assert subject.code.startswith("@cache\ndef total(xs):")
    assert subject.code.endswith("return result")
    method = function("a.py", FILE, "Box.size")
    assert method is not None
    assert method.code == "    def size(self):\n        return 1"
    assert function("a.py", FILE, "nothing") is None


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("```python\nx = 1\n```", "x = 1\n"),
        ("Here:\n```\nx = 1\n```\nand\n```py\nx = 1\ny = 2\n```\nDone.", "x = 1\ny = 2\n"),
        ("```python\nx = 1\ny =", "x = 1\ny ="),
        ("def f():\n    return 1", "def f():\n    return 1"),
        ("I cannot see a bug.", None),
        ("", None),
    ],
)
def test_code_is_found_in_an_answer(reply: str, code: str | None) -> None:
    assert code_of(reply) == code


def test_a_function_replaces_its_own_lines_and_keeps_its_docstring() -> None:
    answer = "def total(xs):\n    result = 0\n    for x in xs:\n        result += x\n    return result\n"
    after = splice(whole("a.py", FILE), answer)
    assert after == FILE.replace("@cache\ndef", "def").replace("    # start\n    result = 1", "    result = 0")


def test_only_what_differs_is_touched_in_a_whole_file() -> None:
    answer = FILE.replace("result = 1", "result = 0").split('"""\nExamples')[0]
    assert splice(whole("a.py", FILE), answer) == FILE.replace("result = 1", "result = 0")


def test_a_method_is_found_by_its_bare_name() -> None:
    subject = function("a.py", FILE, "Box.size")
    assert subject is not None
    assert splice(subject, "def size(self):\n    return 2") == FILE.replace(
        "return 1\n\n\ndef last", "return 2\n\n\ndef last"
    )


def test_imports_that_the_answer_needs_are_added_once() -> None:
    answer = "import os\nimport math\n\n\ndef last(xs):\n    return math.floor(xs[-1])\n"
    after = splice(whole("a.py", FILE), answer)
    assert after is not None
    assert after.startswith('"""Sums."""\nimport math\n\nimport os\n')
    assert after.count("import os") == 1


def test_line_ends_of_the_file_are_kept() -> None:
    text = FILE.replace("\n", "\r\n")
    answer = "def last(xs):\n    return xs[0]\n"
    assert splice(whole("a.py", text), answer) == text.replace("xs[-1]", "xs[0]")


def test_an_answer_without_use_changes_nothing() -> None:
    assert splice(whole("a.py", FILE), "def total(:\n") is None
    assert splice(whole("a.py", FILE), FILE) is None
    assert splice(whole("a.js", "let x\n"), "  \n") is None


def test_other_languages_take_the_whole_file() -> None:
    assert splice(whole("a.js", "let x = 1\n"), "let x = 2") == "let x = 2\n"


def test_what_was_tried_is_told_in_short() -> None:
    told = failed_before([("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-x\n+y\n", "f: assert 1 == 2")])
    assert told == "These changes were tried and do not help:\n```diff\n-x\n+y\n```\nf: assert 1 == 2"
    assert failed_before([]) == ""


def test_of_a_long_file_only_the_suspicious_functions_are_shown() -> None:
    long = FILE + "".join(f"\n\ndef other{number}():\n    return {number}\n" for number in range(100))
    assert [subject.is_whole for subject in subjects_of("a.py", FILE, ["last"])] == [True]
    assert [subject.code for subject in subjects_of("a.py", long, ["last", "nothing"])] == [
        "def last(xs):\n    return xs[-1]"
    ]
    assert [subject.is_whole for subject in subjects_of("a.js", "x\n" * 2000, [])] == [True]
    assert subjects_of("a.js", "x\n" * 20_000, []) == []
