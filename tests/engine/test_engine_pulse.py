"""A worker whose event loop is held up says so, and by what."""

import asyncio
import time

import pytest

from journeyman.engine.pulse import Pulse, watched


def hold_up(pulse: Pulse) -> None:
    """Until somebody has seen it."""
    while not pulse.place:
        time.sleep(0.001)


async def said(caplog: pytest.LogCaptureFixture, words: str) -> None:
    while True:
        if words in caplog.text:
            return
        await asyncio.sleep(0.001)


async def test_what_holds_the_loop_up_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async with watched(0.05) as pulse:
        await asyncio.sleep(0)  # it has begun to beat
        hold_up(pulse)
        await said(caplog, "hold_up")
    assert "The event loop was blocked for" in caplog.text
    assert f"hold_up ({__file__}" in caplog.text


async def test_a_loop_that_goes_round_is_not_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    async with watched(300.0):
        await asyncio.sleep(0)
    assert "blocked" not in caplog.text
