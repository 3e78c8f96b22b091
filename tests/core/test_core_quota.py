"""Whether another task is taken, refused or has to wait."""

import pytest

from journeyman.core.people import Quota
from journeyman.core.quota import Standing, Used, admit
from journeyman.core.task import Budget

NOON = 1_790_000_000.0


def standing(quota: Quota, *, running: int = 0, queued: int = 0, used: int = 0) -> tuple[Standing, ...]:
    return (Standing(quota=quota, whose="You have", day=Used(tokens=used), running=running, queued=queued),)


@pytest.mark.parametrize(
    ("running", "queued", "taken"),
    [(0, 0, True), (0, 2, True), (0, 3, False), (1, 1, True), (1, 2, False), (2, 0, True), (2, 1, False)],
)
def test_what_can_begin_at_once_does_not_count_as_waiting(running: int, queued: int, taken: bool) -> None:
    bounds = Quota(of="everybody", running=2, queued=1)
    admission = admit(standing(bounds, running=running, queued=queued), Budget(), NOON)
    assert (admission.refused is None) is taken
    assert (admission.waits is not None) is (taken and running >= 2)


def test_without_a_bound_on_what_runs_all_that_has_not_begun_waits() -> None:
    bounds = Quota(of="everybody", queued=1)
    assert admit(standing(bounds, running=9), Budget(), NOON).refused is None
    refused = admit(standing(bounds, queued=1), Budget(), NOON).refused
    assert refused is not None and "1 task waiting, and the bound is 1" in refused


def test_what_is_left_bounds_the_budget_and_what_is_used_up_refuses() -> None:
    bounds = Quota(of="everybody", day=Budget(tokens=1000))
    assert admit(standing(bounds, used=400), Budget(), NOON).budget == Budget(tokens=600)
    assert admit(standing(bounds, used=400), Budget(tokens=100), NOON).budget == Budget(tokens=100)
    refused = admit(standing(bounds, used=1000), Budget(), NOON).refused
    assert refused is not None and "used 1,000 of 1,000 tokens today" in refused
