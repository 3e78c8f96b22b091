"""The base of every value that crosses a wire or a disk."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Immutable, compared by content, and strict about unknown keys. Infinity is written as such, not as null."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
