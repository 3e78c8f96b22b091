"""Added lines indented like the file when the patch had the right block at another depth.

The rule: every line of the block that is not blank must show the same difference. Either the file is deeper or
shallower by one constant prefix, or both count levels in different units (tabs here, four spaces there). Added lines
are then changed by that difference; where one of them cannot be, or where the lines disagree, none is.
"""

from collections.abc import Callable, Sequence
from math import gcd

from journeyman.repo.patch.parse import PatchLine

_Change = Callable[[str], str | None]


def fitted(lines: tuple[PatchLine, ...], pairs: Sequence[tuple[str, str]]) -> tuple[PatchLine, ...]:
    """`lines` with its additions changed as `pairs` (text in the patch, text in the file) ask for."""
    indents = [(indent(old), indent(own)) for old, own in pairs if old.strip() and own.strip()]
    if not indents or all(old == own for old, own in indents):
        return lines
    for change in (_shift(indents), _units(indents)):
        if change is None:
            continue
        out: list[PatchLine] = []
        for line in lines:
            text = line.text
            if line.sign == "+" and text.strip():
                depth = indent(text)
                changed = change(depth)
                if changed is None:
                    return lines
                text = changed + text[len(depth) :]
            out.append(PatchLine(line.sign, text))
        return tuple(out)
    return lines


def indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip(" \t"))]


def _shift(indents: list[tuple[str, str]]) -> _Change | None:
    """The same prefix more, or less, in the file."""
    old, own = indents[0]
    if own.endswith(old):
        more = own[: len(own) - len(old)]
        return (lambda depth: more + depth) if all(own == more + old for old, own in indents) else None
    if old.endswith(own):
        less = old[: len(old) - len(own)]
        if all(old == less + own for old, own in indents):
            return lambda depth: depth.removeprefix(less) if depth.startswith(less) else None
    return None


def _units(indents: list[tuple[str, str]]) -> _Change | None:
    """The same levels in another unit."""
    old_unit, own_unit = _unit([old for old, _ in indents]), _unit([own for _, own in indents])
    if not old_unit or not own_unit:
        return None
    if "\t" in (old_unit[0], own_unit[0]):  # tabs count levels; blanks may have been seen only at deeper levels
        old, own = next((old, own) for old, own in indents if old and own)
        levels = len(old) if old_unit[0] == "\t" else len(own)
        old_unit, own_unit = old[: len(old) // levels], own[: len(own) // levels]
    if not old_unit or not own_unit:
        return None

    def change(depth: str) -> str | None:
        levels = _levels(depth, old_unit)
        return own_unit * levels + depth[levels * len(old_unit) :]

    return change if all(change(old) == own for old, own in indents) else None


def _unit(depths: list[str]) -> str:
    """The largest string of one character that all depths repeat; "" if there is none."""
    characters = set("".join(depths))
    size = gcd(*(len(depth) for depth in depths))
    return characters.pop() * size if len(characters) == 1 else ""


def _levels(depth: str, unit: str) -> int:
    levels = 0
    while depth.startswith(unit, levels * len(unit)):
        levels += 1
    return levels
