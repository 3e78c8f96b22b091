"""Inputs that are like known ones: for telling edits apart that give the same for all that is tested."""

import ast
import random
from collections.abc import Iterator, Sequence
from typing import cast

MOST = 60
"""Inputs in all, the known ones included."""

LARGEST = 200
"""Characters of one input."""


def inputs_of(calls: Sequence[str], numbers: Sequence[float] = ()) -> list[str]:
    """Argument lists as text: those of `calls` that are literals, then others like them, the nearest first.

    `numbers` are constants of the code: what happens at a boundary shows only there. The same calls give the same
    inputs.
    """
    known: list[list[object]] = []
    for text in calls:
        values = _values(text)
        if values is not None and len(text) <= LARGEST:
            known.append(values)
    found = dict.fromkeys(_text(values) for values in known)
    chance = random.Random(len(known))
    rounds = [list(_near(values, known, numbers)) for values in known]
    for several in rounds:
        chance.shuffle(several)
    while any(rounds) and len(found) < MOST:
        for several in rounds:
            if several and len(found) < MOST:
                text = _text(several.pop())
                if len(text) <= LARGEST:
                    found.setdefault(text)
    return list(found)


def _values(text: str) -> list[object] | None:
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(call, ast.Call) or call.keywords:
            return None
        return [ast.literal_eval(argument) for argument in call.args]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None


def _text(values: Sequence[object]) -> str:
    return ", ".join(map(repr, values))


def _near(
    values: Sequence[object], known: Sequence[Sequence[object]], numbers: Sequence[float]
) -> Iterator[list[object]]:
    """Inputs that differ from one in a single argument."""
    for at, value in enumerate(values):
        others = [one[at] for one in known if len(one) > at and type(one[at]) is type(value) and one[at] != value]
        for other in [*variants(value, numbers), *others]:
            yield [*values[:at], other, *values[at + 1 :]]


def variants(value: object, numbers: Sequence[float] = (), depth: int = 0) -> Iterator[object]:
    """Values of the same type: smaller ones, larger ones, those at the edge, parts and repetitions."""
    match value:
        case bool():
            yield not value
        case int():
            yield from _integers(value, numbers)
        case float():
            yield from (other for other in (value + 1, value / 2, value - 0.1, 0.0, 1.0) if other != value)
            if value < 0:
                yield -value
        case str():
            yield from _texts(value)
        case list():
            yield from _sequences(cast(list[object], value), numbers, depth)
        case tuple():
            same = (one for one in _sequences(cast(tuple[object, ...], value), numbers, depth + 1))
            yield from (tuple(one) for one in same if len(one) == len(cast(tuple[object, ...], value)))
        case set():
            yield from (set(one) for one in _sequences(sorted(cast(set[object], value), key=repr), numbers, depth))
        case dict():
            yield from _dictionaries(cast(dict[object, object], value), numbers, depth)
        case _:
            pass


def _integers(value: int, numbers: Sequence[float]) -> Iterator[int]:
    near = [value + 1, value - 1, value + 2, 0, 1, 2, 3, value * 2, value * 10, value // 2, value + 7]
    for number in numbers:
        if isinstance(number, int) and abs(number) < 10_000:
            near += [number, number - 1, number + 1, number * 2]
    for other in dict.fromkeys(near):
        # Below zero only where there are such already: most functions are not made for them.
        if other != value and (other >= 0 or value < 0):
            yield other


def _texts(value: str) -> Iterator[str]:
    middle = len(value) // 2
    swapped = value[:middle][::-1] + value[middle:]
    parts = [value[1:], value[:-1], value[::-1], value * 2, value[:middle], value[middle:], swapped, ""]
    parts += [value[:middle] + value[middle : middle + 1] + value[middle:], value + value[:1], value.swapcase()]
    if any(letter.isalpha() for letter in value):
        parts += [value.upper(), value.capitalize()]
    if " " in value:
        parts += [" ".join(reversed(value.split(" "))), value.replace(" ", "  ", 1)]
    yield from (part for part in dict.fromkeys(parts) if part != value)


def _sequences(value: Sequence[object], numbers: Sequence[float], depth: int) -> Iterator[list[object]]:
    items = list(value)
    yield from ([], items[:1], items[1:], items[:-1], items[::-1], items + items, items + items[:1], items[:1] * 3)
    middle = len(items) // 2
    yield [*items[:middle], *items[middle : middle + 1], *items[middle:]]
    if all(isinstance(item, int | float | str) for item in items):
        yield sorted(items, key=lambda item: (str(type(item)), item if isinstance(item, int | float) else 0, str(item)))
    for at, item in enumerate(items[:6]):
        for other in list(variants(item, numbers, depth + 1))[: 6 if depth == 0 else 3] if depth < 3 else ():
            yield [*items[:at], other, *items[at + 1 :]]


def _dictionaries(value: dict[object, object], numbers: Sequence[float], depth: int) -> Iterator[dict[object, object]]:
    for gone in list(value)[:4]:
        yield {key: item for key, item in value.items() if key != gone}
    for key, item in list(value.items())[:4]:
        for other in list(variants(item, numbers, depth + 1))[:4] if depth < 3 else ():
            yield {**value, key: other}
