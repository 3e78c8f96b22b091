"""Examples out of words, in the many ways in which people write them."""

import pytest

from journeyman.agent.repair.examples import Example, examples_of, literal_at, statement, told_of


def said(text: str, *names: str, request: bool = False) -> list[tuple[str, str]]:
    return [(one.call, one.expected) for one in examples_of(text, names or ("f",), request=request)]


@pytest.mark.parametrize(
    "text",
    [
        "f(1) == 2",
        "f(1) -> 2",
        "f(1) => 2",
        "f(1) ==> 2",
        "f(1) ➞ 2",
        "`f(1)` → `2`",
        "f(1) = 2",
        "f(1)  # 2",
        "f(1) # => 2",
        "f(1) returns 2",
        "f(1) should return 2.",
        "f(1) should be 2",
        "f(1) gives the number 2, as you see",
        "Example: f(1) will return 2",
        "* f(1): 2",
        "assert f(1) == 2",
    ],
)
def test_many_ways_of_saying_the_same(text: str) -> None:
    assert said(text) == [("f(1)", "2")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f([1, 2], key='a)b') -> [[1], {'x': (2, 3)}]", ("f([1, 2], key='a)b')", "[[1], {'x': (2, 3)}]")),
        ('f("a b") returns "A B".', ("f('a b')", '"A B"')),
        ("f(-1.5, None) == false", ("f(-1.5, None)", "False")),
        ("f(“x”) → ‘y’", ("f('x')", "'y'")),
        ("f([]) == set()", ("f([])", "set()")),
    ],
)
def test_literals_of_all_kinds(text: str, expected: tuple[str, str]) -> None:
    assert said(text) == [expected]


@pytest.mark.parametrize(
    "text", ["f(x) == 2", "f(1) is fast", "g.f(1) == 2", "f(1)", "f(1) == y", "f(1, == 2", "f(1) -> [1, ..."]
)
def test_what_is_no_example(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "f(2, 3) returns 6 but should be 5",
        "f(2, 3) should return 5, not 6",
        "f(2, 3) gives 6 instead of 5",
        "f(2, 3) returns 6, expected 5",
        "f(2, 3) == 6 (expected: 5)",
        "When I call f(2, 3) I get 6, but it should give 5.",
        "`f(2, 3)` is 6 where it ought to be 5",
        "I expect f(2, 3) == 5 but get 6",
        "f(2, 3) must equal 5",
        "f(2, 3) -> 5",
    ],
)
def test_a_request_says_what_should_be(text: str) -> None:
    assert said(text, request=True) == [("f(2, 3)", "5")]


def test_a_request_that_only_says_what_is_says_nothing() -> None:
    assert said("f(2, 3) returns 6", request=True) == []


def test_an_exception_may_be_what_should_be() -> None:
    found = examples_of("f(-1) should raise a ValueError but returns 3", ["f"], request=True)
    assert found == [Example("f", "-1", "ValueError", raises=True)]


def test_two_answers_to_one_call_are_none() -> None:
    assert said("f(1) == 2\nf(1) == 3\nf(2) == 4") == [("f(2)", "4")]


@pytest.mark.parametrize(
    ("text", "parameters", "expected"),
    [
        ("For lst = [0, 3] the output should be 10", ["lst"], ("f([0, 3])", "10")),
        ("Example: for xs = [1] and k = 2, the result is [1].", ["xs", "k"], ("f([1], 2)", "[1]")),
        ("For N = 1000, the sum of digits will be 1 the output should be '1'.", ["N"], ("f(1000)", "'1'")),
        ("Input: [1, 2]\nOutput: 3", ["xs"], ("f([1, 2])", "3")),
        ("Input: n = 5, k = 3\n\n    Output: 'x'", ["n", "k"], ("f(5, 3)", "'x'")),
        ("Input: 4, 2\nExpected output: 2\n", ["n", "k"], ("f(4, 2)", "2")),
        ("| n | result |\n|---|---|\n| 7 | 8 |", ["n"], ("f(7)", "8")),
        ("n  k  result\n=  =  ======\n1  2  'a'\n", ["n", "k"], ("f(1, 2)", "'a'")),
    ],
)
def test_documentation_that_does_not_name_the_function(
    text: str, parameters: list[str], expected: tuple[str, str]
) -> None:
    assert [(one.call, one.expected) for one in told_of(text, "f", parameters)] == [expected]


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("For x = 3 it is fast", ["x"]),
        ("Input: a list\nOutput: a number", ["xs"]),
        ("Input: 3\nOutput: 4", ["n", "k"]),
        ("| 7 | 8 |", ["n"]),
    ],
)
def test_words_that_are_no_examples(text: str, parameters: list[str]) -> None:
    assert told_of(text, "f", parameters) == []


def test_a_literal_ends_where_it_ends() -> None:
    assert literal_at("x = [1, '], '] and", 4) == ("[1, '], ']", 14)
    assert literal_at("2nd", 0) is None
    assert literal_at("[a]", 0) is None


def test_a_result_that_may_be_rounded_is_compared_as_such() -> None:
    assert statement(Example("f", "2", "1.41")) == "abs(f(2) - 1.41) < 0.005"
    assert statement(Example("f", "2", "0.5")) == "abs(f(2) - 0.5) < 1e-06"
    assert statement(Example("f", "2", "None")) == "f(2) is None"
    assert statement(Example("f", "2", "[1.5]")) == "f(2) == [1.5]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f gives wrong ranges: [1, 2, 5] should be '1-2,5'.", [("f([1, 2, 5])", "'1-2,5'")]),
        ("`f` is wrong, 'a b' should give 'a-b' and 'c' should stay.", [("f('a b')", "'a-b'")]),
        ("f and g are wrong: [1] should be 2", []),
        ("f doesn't work, it's [1] that should be 2", []),
        ("f(9) says 1.0 million instead of 1.0 billion", []),
        ("f(9) says 1.0 instead of 2.0 when rounded", [("f(9)", "2.0")]),
    ],
)
def test_requests_that_call_nothing_and_numbers_with_a_unit(text: str, expected: list[tuple[str, str]]) -> None:
    assert said(text, "f", "g", request=True) == expected
