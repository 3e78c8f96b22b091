"""People, what they may do, and what of it is written down."""

from typing import Literal

from pydantic import Field

from journeyman.core.task import Budget, TurnRequest
from journeyman.core.value import Value

Role = Literal["viewer", "member", "admin"]
"""viewer: sees the tasks of its groups. member: also hands tasks out and steers them. admin: everything."""

Scope = Literal["read", "write", "admin"]
"""What a token may be used for, at most what its person may do."""


EVERYBODY = "everybody"
"""The id of the group that everybody is in, without being listed there."""


SHARED_MODEL = "shared:"
"""What the name of a model begins with that an administrator added to the service."""


class Person(Value):
    """Somebody who signs in. `subject` is set for one who comes by OpenID Connect: the issuer, a space, their id."""

    id: str
    name: str
    email: str
    role: Role = "member"
    subject: str | None = None
    disabled: bool = False
    created: float = 0.0
    groups: tuple[str, ...] = ()


class Group(Value):
    id: str
    name: str


class Token(Value):
    """A personal access token; the secret itself is shown once and kept as a digest. `expires` None is never."""

    id: str
    person: str
    name: str
    scopes: tuple[Scope, ...] = ("read",)
    created: float = 0.0
    expires: float | None = None
    used: float | None = None


class Invitation(Value):
    """A link that works once: whoever follows it sets a name and a password; with `person` a new password for them.

    `id` is not the secret that the link holds.
    """

    id: str
    role: Role = "member"
    email: str | None = None
    groups: tuple[str, ...] = ()
    person: str | None = None
    created: float = 0.0
    expires: float = 0.0


class Quota(Value):
    """What a person or a group may use. None is no bound; `day` and `month` are those of UTC.

    `of` is "person:ID", "group:ID", or "everybody" for each person who has none of their own.
    """

    of: str
    day: Budget = Budget()
    month: Budget = Budget()
    running: int | None = Field(default=None, ge=0)
    queued: int | None = Field(default=None, ge=0)


class AuditEntry(Value):
    """A privileged act. `person` is who did it (None: the program), `target` what it was done to."""

    id: int = 0
    at: float = 0.0
    person: str | None = None
    act: str
    target: str = ""
    detail: str = ""
    address: str = ""


class Schedule(Value):
    """Submits a task again and again. `cron` has five fields and is read in `timezone`."""

    id: str
    name: str
    cron: str
    timezone: str = "UTC"
    request: TurnRequest
    budget: Budget = Budget()
    priority: int = Field(default=3, ge=1, le=5)
    owner: str | None = None
    group: str | None = None
    enabled: bool = True
    created: float = 0.0


class Offer(Value):
    """What a worker can run. `machine` is an id that stays; folders of it are reached by its own workers only. `holder`
    is the worker's process as leases name it."""

    worker: str
    holder: str = ""
    machine: str
    host: str
    version: str
    backends: tuple[str, ...]
    images: bool = False
    embedded: bool = False
    cores: int
    memory_bytes: int
    slots: int
    models: tuple[str, ...] = ()
    running: int = 0
    draining: bool = False
    seen: float = 0.0
