"""The base of every value that crosses a wire or a disk."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Immutable, compared by content, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
