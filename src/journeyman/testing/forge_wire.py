"""Requests to a played forge, and what it says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Asked:
    """A request: the path without the API's prefix, the query, headers in small letters."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body or b"{}")


@dataclass(slots=True)
class Said:
    """An answer: bytes, or a value that is said as JSON."""

    status: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
