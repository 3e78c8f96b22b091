"""Reviews as models write them, read leniently."""

import json
from typing import Any

import pytest

from journeyman.agent.review import read_review, words
from journeyman.core.evidence import Finding, Review

TOUCHED = {"src/load.py": [(10, 16)]}


def finding(**more: Any) -> dict[str, Any]:
    place = {"absolute_file_path": "/w/src/load.py", "line_range": {"start": 12, "end": 15}}
    given = {"title": "[P1] Close the file", "body": "It leaks.", "confidence_score": 0.8, "priority": 1}
    return {**given, "code_location": place, **more}


def review(*findings: object, **more: Any) -> str:
    return json.dumps({"findings": list(findings), "overall_correctness": "patch is incorrect", **more})


def test_a_whole_review() -> None:
    text = review(finding(), overall_explanation="One leak.", overall_confidence_score=0.7)
    read = read_review(text, "/w", TOUCHED)
    found = Finding(
        title="Close the file", body="It leaks.", priority=1, confidence=0.8, path="src/load.py", start=12, end=15
    )
    assert read == Review(findings=(found,), correct=False, explanation="One leak.", confidence=0.7)
    assert words(read) == (
        "One leak.\n\nThe change is not correct.\n\n1 finding:\n\n"
        "- [P1] Close the file 【F:src/load.py†L12-L15】\n  It leaks."
    )


@pytest.mark.parametrize("text", ["Here it is:\n```json\n{}\n```\nThat is all.", "{} and so on"])
def test_words_around_it_do_not_matter(text: str) -> None:
    whole = text.replace("{}", review(finding()))
    assert [one.title for one in read_review(whole, "/w", TOUCHED).findings] == ["Close the file"]


def test_without_json_the_text_is_the_explanation() -> None:
    for text in ("Looks fine to me.", '{"something": 1}', "{broken", "[1, 2]"):
        assert read_review(text, "/w", TOUCHED) == Review(explanation=text)


def test_the_worst_comes_first_and_the_title_may_say_how_bad_it_is() -> None:
    text = review(finding(title="[P3] Late", priority=3), {**finding(title="[P0] Now"), "priority": None}, finding())
    read = read_review(text, "/w", TOUCHED)
    assert [(one.priority, one.title) for one in read.findings] == [(0, "Now"), (1, "Close the file"), (3, "Late")]


def test_a_finding_beside_the_change_is_marked() -> None:
    far = {"absolute_file_path": "src/load.py", "line_range": {"start": 40, "end": 41}}
    other = {"absolute_file_path": "/w/other.py", "line_range": {"start": 12, "end": 12}}
    read = read_review(review(finding(code_location=far), finding(code_location=other), finding()), "/w", TOUCHED)
    assert [(one.path, one.outside) for one in read.findings] == [
        ("src/load.py", True),
        ("other.py", True),
        ("src/load.py", False),
    ]
    assert "(not part of the change)" in words(read)


@pytest.mark.parametrize(
    "odd",
    [
        {"title": ""},
        {"title": None},
        {"code_location": None},
        {"code_location": {"absolute_file_path": "/etc/passwd"}},
        {"code_location": {"absolute_file_path": "../up.py"}},
    ],
)
def test_what_names_no_place_in_the_repository_is_left_out(odd: dict[str, Any]) -> None:
    assert read_review(review(finding(**odd), "no finding"), "/w", TOUCHED).findings == ()


def test_odd_numbers_are_put_right() -> None:
    lines = {"absolute_file_path": "src/load.py", "line_range": {"start": -4, "end": "x"}}
    odd = finding(code_location=lines, priority=17, confidence_score=9)
    [one] = read_review(review(odd, overall_confidence_score="high"), "/w", TOUCHED).findings
    assert (one.start, one.end, one.priority, one.confidence) == (1, 1, 3, None)


def test_nothing_found() -> None:
    text = json.dumps({"findings": [], "overall_correctness": "patch is correct"})
    assert words(read_review(text, "/w", {})) == "The change is correct."
    assert words(Review()) == "Nothing was found."
