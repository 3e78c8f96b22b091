"""Settings, merged from layers and checked: a misspelt key is an error that names the nearest right one.

From the weakest to the strongest: the person's `config.toml`, the repository's `.journeyman/config.toml`, variables
(`JOURNEYMAN_MODEL`, `JOURNEYMAN_LIMITS__STEPS`: two underscores nest), flags. The repository is not trusted: it may set
only what sends nothing anywhere and grants nothing.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import BaseModel, Field, ValidationError

from journeyman.core.errors import UsageError
from journeyman.core.task import Limits
from journeyman.core.value import Value

PREFIX = "JOURNEYMAN_"
OUTSIDE = frozenset({"JOURNEYMAN_HOME"})
"""Variables that are read before there are settings."""

SHARED = frozenset({"checks", "attempts", "strategy", "limits"})
"""What a repository may set; of `limits` only what makes them tighter."""


class ModelSettings(Value):
    """A model by its wire and address. The key is named by its variable and never stands in a file.

    Prices are US dollars per million tokens, `window` and `max_output` tokens.
    """

    wire: str
    base_url: str | None = None
    name: str | None = None
    api_key_env: str | None = None
    window: int | None = Field(None, gt=0)
    max_output: int | None = Field(None, gt=0)
    tool_style: Literal["native", "json"] | None = None
    strategy: Literal["loop", "repair"] | None = None
    small: bool | None = None
    input_price: float | None = Field(None, ge=0)
    cached_input_price: float | None = Field(None, ge=0)
    output_price: float | None = Field(None, ge=0)


class Settings(Value):
    """All settings, with their defaults. `checks` are commands that must succeed."""

    model: str | None = None
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    checks: tuple[str, ...] = ()
    attempts: int = Field(1, ge=1, le=8)
    strategy: Literal["loop", "repair"] | None = None
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings: its name for messages, its values, and whether it is a repository's."""

    source: str
    values: Mapping[str, Any]
    shared: bool = False


def load_toml(text: str, source: str, *, shared: bool = False) -> Layer:
    """A layer from a TOML file's text. Raises `UsageError` with the line where the syntax is wrong."""
    try:
        return Layer(source, tomllib.loads(text), shared)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source} is not valid TOML: {error}") from error


def variables(environ: Mapping[str, str]) -> Layer:
    """A layer from `JOURNEYMAN_*` variables. Values are read as TOML where they are that, else as text."""
    values: dict[str, Any] = {}
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in OUTSIDE:
            continue
        *path, key = name.removeprefix(PREFIX).lower().split("__")
        place = values
        for part in path:
            place = place.setdefault(part, {})
        place[key] = _value(text)
    return Layer(f"the environment ({PREFIX}*)", values)


def merge(layers: Sequence[Layer]) -> Settings:
    """The settings of all layers, later ones over earlier ones. A `UsageError` names the source and the key."""
    merged: dict[str, Any] = {}
    for layer in layers:
        _known(layer.source, layer.values, Settings, ())
        _valid(layer.source, dict(layer.values))
        if layer.shared:
            _safe(layer, _valid(layer.source, merged))
        merged = _over(merged, layer.values)
    return _valid("the settings", merged)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = _over(cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", value))
        merged[key] = value
    return merged


def _known(source: str, values: Mapping[str, Any], model: type[BaseModel], path: tuple[str, ...]) -> None:
    fields = model.model_fields
    for key, value in values.items():
        if key not in fields:
            where = ".".join((*path, key))
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
            hint = f"Did you mean {'.'.join((*path, near[0]))!r}?" if near else f"Known: {', '.join(fields)}."
            raise UsageError(f"{source}: there is no setting {where!r}. {hint}")
        if not isinstance(value, Mapping):
            continue
        inner = cast("Mapping[str, Any]", value)
        if key == "models" and not path:
            for name, one in inner.items():
                if isinstance(one, Mapping):
                    _known(source, cast("Mapping[str, Any]", one), ModelSettings, ("models", name))
        elif key == "limits":
            _known(source, inner, Limits, (*path, key))


def _valid(source: str, values: dict[str, Any]) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{source}: the setting {where!r} is wrong: {first['msg'].lower()}.") from error


def _safe(layer: Layer, below: Settings) -> None:
    for key in layer.values:
        if key not in SHARED:
            raise UsageError(
                f"{layer.source}: a repository may not set {key!r}; put it into your own config.toml. "
                f"It may set: {', '.join(sorted(SHARED))}."
            )
    limits = cast("Mapping[str, Any]", layer.values.get("limits", {}))
    for key, value in limits.items():
        bound = getattr(below.limits, key)
        if bound is not None and value > bound:
            raise UsageError(f"{layer.source}: a repository may only lower limits.{key}, which is {bound} here.")
