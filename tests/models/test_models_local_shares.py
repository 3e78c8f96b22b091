"""Shares of the window between requests, of one process or several."""

import asyncio
from pathlib import Path

import pytest

from journeyman.core.items import AssistantMessage, UserMessage
from journeyman.core.model import ModelRequest
from journeyman.models.local.shares import needed, shares


@pytest.mark.parametrize(
    ("characters", "output", "count"),
    [(0, 0, 1), (3_000, 1_000, 1), (9_000, 1_096, 1), (9_003, 1_096, 2), (3_000, None, 1), (30_000, None, 3)],
)
def test_a_request_needs_what_it_and_its_reply_fill(characters: int, output: int | None, count: int) -> None:
    request = ModelRequest("", [UserMessage(text="x" * characters)], max_output_tokens=output)
    assert needed(request, 16_384, 4) == count


def test_no_request_needs_more_than_all() -> None:
    items = [UserMessage(text="x" * 90_000), AssistantMessage(text="y" * 90_000)]
    assert needed(ModelRequest("z" * 90_000, items), 16_384, 4) == 4
    assert needed(ModelRequest("", [], max_output_tokens=10**9), 16_384, 4) == 4


async def test_what_does_not_fit_side_by_side_goes_one_after_the_other_in_the_order_of_asking(tmp_path: Path) -> None:
    happened: list[str] = []
    begun, go_on, ended = ({name: asyncio.Event() for name in "abcd"} for _ in range(3))

    async def hold(name: str, count: int) -> None:
        async with shares(tmp_path, count, 4):
            happened.append(f"{name} begins")
            begun[name].set()
            await go_on[name].wait()
            happened.append(f"{name} ends")
            ended[name].set()

    async with asyncio.TaskGroup() as group:
        group.create_task(hold("a", 3))
        await begun["a"].wait()
        group.create_task(hold("b", 1))
        await begun["b"].wait()
        group.create_task(hold("c", 2))  # waits for a, and everybody after it for its turn
        await asyncio.sleep(0)
        group.create_task(hold("d", 1))
        go_on["b"].set()
        await ended["b"].wait()
        go_on["d"].set()
        go_on["a"].set()
        go_on["c"].set()
    assert happened.index("a ends") < happened.index("c begins") < happened.index("d begins")


async def test_shares_are_free_again_after_a_failure_and_after_waiting_in_vain(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"):
        async with shares(tmp_path, 4, 4):
            raise ValueError("no")
    async with shares(tmp_path, 1, 4):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), shares(tmp_path, 4, 4):
                raise AssertionError
        async with shares(tmp_path, 3, 4):
            pass
