"""Answers of the tests that were written into the code."""

import pytest

from journeyman.checks.copied import copied_answers

BEFORE = 'def plan(a, b):\n    """A plan.\n\n    >>> plan(7, 8)\n    [70, 80]\n    """\n    return None\n'
TEST = (
    "from plan import plan\n\n\ndef test_plan():\n    assert plan(1000, 0) == (4, 100)\n    assert 12 == plan(2, 5)\n"
    "    assert plan(3, 3) == []\n"
)
METHODS = "class T(TestCase):\n    def test(self):\n        self.assertEqual(Plan().plan(6, 1), 1234)\n"


def answers(body: str, *tests: str) -> list[str]:
    return copied_answers("plan.py", BEFORE, BEFORE.replace("    return None\n", body), tests or (TEST,))


@pytest.mark.parametrize(
    ("body", "call"),
    [
        ("    return (4, 100)\n", "plan(1000, 0)"),
        ("    for x in a:\n        pass\n    return 4, 100\n", "plan(1000, 0)"),
        ("    if a == 2 and b == 5:\n        return 12\n    return a\n", "plan(2, 5)"),
        (
            "    if (a, b) == (3, 3):\n        return a\n    elif 3 == a:\n        return []\n    return b\n",
            "plan(3, 3)",
        ),
        ("    try:\n        return [70, 80]\n    finally:\n        pass\n", "plan(7, 8)"),
    ],
)
def test_an_answer_that_is_copied_is_told(body: str, call: str) -> None:
    (said,) = answers(body)
    assert said.startswith("plan.py:") and said.endswith(f"is expected of {call}: it may answer only what is tested.")


def test_methods_are_known_by_their_names() -> None:
    assert len(answers("    return 1234\n", METHODS)) == 1


@pytest.mark.parametrize(
    "body",
    [
        "    return []\n",
        "    return 12\n",
        "    if a == b:\n        return []\n    return a\n",
        "    if a == 2:\n        return b\n    return 12\n",
        "    answer = (4, 100)\n    return a\n",
        "    return (4, 101)\n",
        "    return a, 100\n",
        "    return (\n",
    ],
)
def test_what_anyone_may_write_is_not(body: str) -> None:
    assert answers(body) == []


def test_what_was_there_before_is_not_told_again() -> None:
    before = BEFORE.replace("None", "(4, 100)")
    assert copied_answers("plan.py", before, before.replace("A plan", "The plan"), (TEST,)) == []
    assert copied_answers("plan.py", "def plan(:", before, (TEST,)) != []
    assert copied_answers("plan.py", BEFORE, before, ("def broken(",)) == []
