"""Where a turn can run: which workers have what it needs, and on which queues they listen."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from journeyman.core.people import Offer
from journeyman.engine.orders import QUEUE, Queue

NEAR = 10.0
"""Seconds that a follow-up waits for a worker of the machine that has its workspace."""

PATIENCE = 120.0
"""Seconds that an attempt waits on a queue before it is looked for a better one."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a turn needs of a worker. `machine` is where its folder is, `near` where its workspace is already.

    `cpus` and `memory_bytes` are what one of its sandboxes may use, None where it takes what there is.
    """

    machine: str | None = None
    near: str | None = None
    model: str | None = None
    image: bool = False
    cpus: float | None = None
    memory_bytes: int | None = None


def can(offer: Offer, needs: Needs) -> bool:
    """Whether a worker with this offer can run it."""
    return (
        not offer.draining
        and needs.machine in (None, offer.machine)
        and (offer.images or not needs.image)
        and _has(offer, needs.model)
        and (needs.cpus or 0) <= offer.cores
        and (needs.memory_bytes or 0) <= offer.memory_bytes
    )


def _has(offer: Offer, model: str | None) -> bool:
    """A model by its name, or that of its vendor; every worker has a default one."""
    if model is None or model in offer.models:
        return True
    return (model == "local" and offer.embedded) or f"{model.partition(':')[0]}:*" in offer.models


def kind_of(offer: Offer) -> str:
    """Workers of the same kind can run the same turns, so that they share a queue."""
    facts = [
        sorted(offer.backends),
        offer.images,
        offer.embedded,
        offer.cores,
        offer.memory_bytes >> 30,
        sorted(offer.models),
        offer.version,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:10]


def queues_of(offer: Offer) -> tuple[str, str]:
    """The two queues that a worker takes attempts from: that of its kind, and that of its kind on its machine."""
    kind = f"{QUEUE}.{kind_of(offer)}"
    return kind, f"{kind}.{offer.machine}"


def route(offers: Sequence[Offer], needs: Needs) -> tuple[Queue, ...]:
    """The queues to try in their order, empty when nobody can run it: near its workspace first, then where there is
    most room."""
    able = [offer for offer in offers if can(offer, needs)]
    if needs.machine is not None:
        return tuple(Queue(name=queues_of(offer)[1], patience=PATIENCE) for offer in _one_of_each(able))
    near = [offer for offer in able if offer.machine == needs.near]
    first = [Queue(name=queues_of(offer)[1], patience=NEAR) for offer in _one_of_each(near)]
    return (*first, *(Queue(name=queues_of(offer)[0], patience=PATIENCE) for offer in _one_of_each(able)))


def _one_of_each(offers: Iterable[Offer]) -> list[Offer]:
    """One worker of each kind; the kind whose workers have most free slots comes first."""
    kinds: dict[str, list[Offer]] = {}
    for offer in offers:
        kinds.setdefault(kind_of(offer), []).append(offer)
    by_room = sorted(kinds.values(), key=lambda same: sum(one.running - one.slots for one in same))
    return [same[0] for same in by_room]


def lacks(offers: Sequence[Offer], needs: Needs) -> str:
    """Why nobody can run it, in a sentence."""
    awake = [offer for offer in offers if not offer.draining]
    if not awake:
        return "Waits for a worker: none is running."
    if needs.machine is not None and not any(offer.machine == needs.machine for offer in awake):
        return "Waits for a worker on the machine that has the folder."
    if needs.image and not any(offer.images for offer in awake):
        return "Waits for a worker that can run container images."
    if not any(_has(offer, needs.model) for offer in awake):
        return f"Waits for a worker that has the model {needs.model}."
    return "Waits for a worker with enough cores and memory, and with everything else that it needs."
