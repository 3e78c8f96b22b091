"""Which sandbox backend works on this machine."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from journeyman.core.errors import SandboxUnavailable
from journeyman.sandbox.protocol import SandboxBackend

Wanted = Literal["auto", "bubblewrap", "container"]


def choose_backend(
    wanted: Wanted,
    state: Path,
    *,
    image: str | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> SandboxBackend:
    """The backend that is wanted; for "auto", bubblewrap where it works and otherwise containers. An `image` needs
    containers. Each is tried by opening a sandbox; raises `SandboxUnavailable` with what every one lacks. There is no
    backend that protects less.

    `state` is a directory of the host for what sandboxes share; `on_progress` is told how the fetching of an image
    goes on. That bubblewrap worked is remembered until the machine is started anew: where it stops working, opening a
    sandbox says so.
    """
    from journeyman.sandbox.bubblewrap import Bubblewrap

    problems: list[str] = []
    if wanted != "container" and image is None:
        backend = Bubblewrap(state)
        mark, now = state / "bubblewrap-works", _boot()
        if now and _said(mark) == now:
            return backend
        found = backend.probe()
        if not found:
            with contextlib.suppress(OSError):
                mark.write_text(now)
            return backend
        problems.append(f"bubblewrap: {' '.join(found)}")
    elif wanted == "bubblewrap":
        problems.append(f"bubblewrap: it has no images, and {image} is asked for.")
    if wanted != "bubblewrap":
        from journeyman.sandbox.container.containers import Containers

        containers = Containers(state, on_progress=on_progress)
        found = containers.probe()
        if not found:
            return containers
        problems.append(f"containers: {' '.join(found)}")
    raise SandboxUnavailable(
        "No sandbox can be opened on this machine, and nothing is run without one. " + "\n".join(problems)
    )


def _boot() -> str:
    """What is another after each start of the machine; empty where it cannot be told."""
    return _said(Path("/proc/sys/kernel/random/boot_id"))


def _said(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
