"""The embedded model: a small one that runs on this machine, without a key and without a network.

Names are loaded on use, since the server's process imports this package as well and needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from journeyman.models.local.model import PROFILE, open_local
    from journeyman.models.local.progress import OnProgress, Progress
    from journeyman.models.local.weights import ensure_weights

__all__ = ["PROFILE", "OnProgress", "Progress", "ensure_weights", "open_local"]

_HOMES = {"PROFILE": "model", "open_local": "model", "ensure_weights": "weights"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'progress')}"), name)
