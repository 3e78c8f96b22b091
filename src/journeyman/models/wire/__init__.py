"""OpenAI's two streaming wires, Responses and Chat, over one HTTP core."""

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
_modules.setdefault("httpx._main", None)
# httpx does without its own command line, which would load rich and pygments: a third of its time to import
