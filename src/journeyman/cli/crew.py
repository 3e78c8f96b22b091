"""What this machine brings to the engine, and where the engine is: from settings and the environment."""

import os
import secrets
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from journeyman import __version__
from journeyman.attempt.host import Host, ModelPlan
from journeyman.cli.door import Door, model_choice
from journeyman.cli.shared import EVERY, known_choice
from journeyman.core.errors import UsageError
from journeyman.core.people import Offer
from journeyman.models.choice import VENDORS, profile_of
from journeyman.models.open import price_of, require

if TYPE_CHECKING:
    from journeyman.engine.connection import Where
    from journeyman.engine.crew import Crew
    from journeyman.engine.engine import Engine

MEMORY_OF_AN_ATTEMPT = 32 * 1024 * 1024
"""Bytes that are reckoned for an attempt that waits for its model; one that runs tests needs more, and a worker with
little memory left begins nothing new."""
ATTEMPTS_OF_A_CORE = 128
MOST_SLOTS = 256


def where_of(door: Door) -> "Where | None":
    """The engine that the settings name; None for one of our own."""
    from journeyman.engine.connection import Tls, Where

    temporal = door.settings.temporal
    if temporal.address is None:
        return None
    key = None
    if temporal.api_key_env is not None and not (key := door.environ.get(temporal.api_key_env)):
        raise UsageError(f"The variable {temporal.api_key_env} with the engine's API key is not set.")
    if (temporal.cert_file is None) != (temporal.key_file is None):
        raise UsageError("A certificate needs its key: set both `temporal.cert_file` and `temporal.key_file`.")
    tls = None
    if temporal.tls or temporal.ca_file or temporal.cert_file or key:
        own = (_read(temporal.cert_file), _read(temporal.key_file))
        tls = Tls(_read(temporal.ca_file), *own, temporal.domain)
    return Where(temporal.address, temporal.namespace, tls, key)


def _read(file: str | None) -> bytes | None:
    if file is None:
        return None
    try:
        return Path(file).expanduser().read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error


def crew_of(door: Door, host: Host) -> "Crew":
    """This process as a worker."""
    from journeyman.cli.telemetry import observer
    from journeyman.engine.crew import Crew, machine_id

    async def plan(wanted: str | None) -> ModelPlan:
        choice, env = await known_choice(door, host.store, wanted or door.settings.model)
        require(choice, env)
        return ModelPlan(choice.name, profile_of(choice), look_up=partial(price_of, choice))

    limits = {name: one.running for name, one in door.settings.models.items() if one.running is not None}
    offer, checks = _offer(door, host, machine_id(door.state)), door.settings.checks
    return Crew(host, plan, offer, checks, limits, observer(door.environ))


def default_model(door: Door) -> str:
    """The name of the model that a task without one gets here."""
    return model_choice(door, door.settings.model).name


def _offer(door: Door, host: Host, machine: str) -> Offer:
    from journeyman.engine.slots import total_memory

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = total_memory()
    room = max(1, min(memory // MEMORY_OF_AN_ATTEMPT, cores * ATTEMPTS_OF_A_CORE, MOST_SLOTS))
    hosted = (f"{name}:*" for name, vendor in VENDORS.items() if any(door.environ.get(key) for key in vendor.keys))
    images = _images(host)
    backends = {host.backend.name, *(("container",) if images else ())}
    return Offer(
        worker=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
        holder=host.holder,
        machine=machine,
        host=socket.gethostname(),
        version=__version__,
        backends=tuple(sorted(backends)),
        images=images,
        embedded=True,
        cores=cores,
        memory_bytes=memory,
        slots=door.settings.slots or room,
        models=(*door.settings.models, "local", "scripted:*", EVERY, *hosted),
    )


def _images(host: Host) -> bool:
    if host.image_backend is None:
        return False
    from journeyman.sandbox.container.api import seems_there

    return seems_there()


@asynccontextmanager
async def engine_of(door: Door) -> "AsyncGenerator[Engine]":
    """The engine that the settings name, or the one that the processes of this state folder share."""
    from journeyman.engine.crew import machine_id
    from journeyman.engine.engine import open_engine
    from journeyman.engine.server import shared

    where, heartbeat = where_of(door), door.settings.temporal.heartbeat
    if where is not None:
        async with open_engine(where, machine_id(door.state), heartbeat=heartbeat) as engine:
            yield engine
        return
    async with (
        shared(door.state) as own,
        open_engine(own, machine_id(door.state), heartbeat=heartbeat) as engine,
    ):
        yield engine
