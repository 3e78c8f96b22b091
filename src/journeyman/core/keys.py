"""What a person wrote in a file, against the values that it should become: a misspelt key, a wrong kind of value."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from journeyman.core.errors import UsageError

Path = tuple[str, ...]
Spelt = Callable[[Path], str]
"""A key as its source writes it."""

_WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "string_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list of texts",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
"""What a value must be, by pydantic's name for the error."""


def dotted(path: Path) -> str:
    """A key as TOML has it, in quotes for a sentence."""
    return repr(".".join(path))


def unknown(source: str, path: Path, fields: Iterable[str], spelt: Spelt = dotted, what: str = "setting") -> UsageError:
    """The error about a key that there is not, with the nearest one that there is."""
    known = list(fields)
    near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
    hint = f"Did you mean {spelt((*path[:-1], near[0]))}?" if near else f"Known: {', '.join(known)}."
    return UsageError(f"{source}: there is no {what} {spelt(path)}. {hint}")


def check_keys(
    source: str,
    values: Mapping[str, Any],
    model: type[BaseModel],
    *,
    spelt: Spelt = dotted,
    what: str = "setting",
    path: Path = (),
) -> None:
    """Raises `UsageError` for the first key that `model`, or a table within it, does not have."""
    for key, value in values.items():
        field = model.model_fields.get(key)
        if field is None:
            raise unknown(source, (*path, key), model.model_fields, spelt, what)
        if not isinstance(value, Mapping):
            continue
        inner = cast("Mapping[str, Any]", value)
        if (table := _table(field.annotation)) is not None:
            check_keys(source, inner, table, spelt=spelt, what=what, path=(*path, key))
        elif (named := _named(field.annotation)) is not None:
            for name, one in inner.items():
                if isinstance(one, Mapping):
                    place = (*path, key, name)
                    check_keys(source, cast("Mapping[str, Any]", one), named, spelt=spelt, what=what, path=place)


def _table(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _named(annotation: Any) -> type[BaseModel] | None:
    """The values of a table of tables under names that a person gives."""
    return _table(get_args(annotation)[1]) if get_origin(annotation) is dict else None


def refused(source: str, error: ValidationError, spelt: Spelt = dotted, what: str = "setting") -> UsageError:
    """The first of pydantic's complaints in a sentence."""
    first = error.errors(include_url=False)[0]
    where = spelt(tuple(str(part) for part in first["loc"]))
    if first["type"] == "missing":
        return UsageError(f"{source}: the {what} {where} is missing.")
    if (wanted := _WANTED.get(first["type"])) is not None:
        return UsageError(f"{source}: {where} must be {wanted}, not {first['input']!r}.")
    said = first["msg"].removeprefix("Input should be ")
    return UsageError(f"{source}: {where} must be {said}, not {first['input']!r}.")
