"""Formulas against values that are published, or counted out."""

import itertools

import pytest

from journeyman.evals.statistics import mcnemar, median, pass_at, share


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (17, 20, 0.6396, 0.9476),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 4, 0.0456, 0.6994),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_intervals_are_those_of_wilson(count: int, of: int, low: float, high: float) -> None:
    found = share(count, of)
    assert found.low is not None and found.high is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_nothing_is_known_of_no_cases() -> None:
    assert share(0, 0).model_dump() == {"count": 0, "of": 0, "rate": None, "low": None, "high": None}
    assert median([]) is None and median([3, 1, 2]) == 2


@pytest.mark.parametrize(("n", "correct"), [(1, 0), (1, 1), (4, 1), (4, 2), (5, 3), (8, 0), (8, 8)])
def test_pass_at_k_is_the_share_of_samples_with_a_right_one(n: int, correct: int) -> None:
    right = [number < correct for number in range(n)]
    for k in range(1, n + 1):
        samples = list(itertools.combinations(right, k))
        assert pass_at(k, n, correct) == pytest.approx(sum(map(any, samples)) / len(samples))
    with pytest.raises(ValueError, match="k = 9"):
        pass_at(9, n, correct)


@pytest.mark.parametrize(
    ("a", "b", "p"), [(0, 0, 1.0), (5, 5, 1.0), (1, 9, 0.021484375), (0, 6, 0.03125), (8, 2, 0.109375)]
)
def test_mcnemar_is_exact(a: int, b: int, p: float) -> None:
    assert mcnemar(a, b) == pytest.approx(p)
    assert mcnemar(b, a) == mcnemar(a, b)
