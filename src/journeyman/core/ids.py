"""Identifiers that sort by time, with the clock and the randomness passed in."""

import secrets
import time
from collections.abc import Callable

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, in lower case

Clock = Callable[[], float]
"""Seconds since the epoch."""


def encode(number: int, length: int) -> str:
    """`number` in base 32, `length` digits."""
    digits = [ALPHABET[(number >> (5 * place)) & 31] for place in reversed(range(length))]
    return "".join(digits)


def new_id(clock: Clock = time.time, randbits: Callable[[int], int] = secrets.randbits) -> str:
    """14 characters: 45 bits of milliseconds (until 3084) and 25 of chance."""
    return encode(int(clock() * 1000), 9) + encode(randbits(25), 5)


def attempt_id(task_id: str, turn: int, number: int) -> str:
    """The id of an attempt: its task, turn and number, the last two from 1."""
    return f"{task_id}.{turn}.{number}"
