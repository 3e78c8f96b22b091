"""Models, secrets, schedules, quotas, usage, the audit log and workers."""

from collections.abc import Sequence

from journeyman.client.requests import Requests
from journeyman.core.api.admin import (
    AuditPage,
    EmbeddedModel,
    ModelAdd,
    ModelLine,
    ModelList,
    ModelTest,
    QuotaList,
    QuotaWrite,
    ScheduleList,
    ScheduleView,
    ScheduleWrite,
    SecretList,
    SecretWrite,
    Standings,
    UsageReport,
    WorkerList,
)
from journeyman.core.api.upkeep import Retention, RoomMade, RoomWanted
from journeyman.core.people import Quota


class AdminRequests(Requests):
    """Most of it is for administrators."""

    async def models(self) -> ModelList:
        """Every model that a task can be given, with its price, and why one cannot be used."""
        return await self._ask("GET", "/models", ModelList)

    async def add_model(self, wanted: ModelAdd) -> ModelLine:
        """Set a model up for everybody, in place of an older one: tasks name it `shared:NAME`. Its key is a stored
        secret."""
        return await self._ask("POST", "/models", ModelLine, body=wanted)

    async def remove_model(self, name: str) -> None:
        """Take a model away that was added here; its key stays a secret until that is removed."""
        await self._send("DELETE", "/models/{name}", name=name)

    async def test_model(self, name: str) -> ModelTest:
        """Ask a model a short question, which costs a few tokens."""
        return await self._ask("POST", "/models/{name}/test", ModelTest, name=name)

    async def embedded_model(self) -> EmbeddedModel:
        """Whether the embedded model is on the service's machine, or how far its fetching is."""
        return await self._ask("GET", "/models/embedded", EmbeddedModel)

    async def fetch_embedded_model(self) -> EmbeddedModel:
        """Fetch the embedded model in the background, unless it is there."""
        return await self._ask("POST", "/models/embedded/fetch", EmbeddedModel, again=True)

    async def secrets(self) -> SecretList:
        """The names of all secrets. No value is ever told."""
        return await self._ask("GET", "/secrets", SecretList)

    async def set_secret(self, name: str, wanted: SecretWrite) -> None:
        """Store a secret, for one environment or for all, in place of an older one."""
        await self._send("PUT", "/secrets/{name}", body=wanted, name=name)

    async def remove_secret(self, name: str, *, environment: str | None = None) -> None:
        """Forget a secret."""
        await self._send("DELETE", "/secrets/{name}", query={"environment": environment}, name=name)

    async def schedules(self) -> ScheduleList:
        """Those that one sees, in the order in which they were made."""
        return await self._ask("GET", "/schedules", ScheduleList)

    async def create_schedule(self, wanted: ScheduleWrite) -> ScheduleView:
        """Hand a task out at the times of a cron expression, from now on. It runs as who made it."""
        return await self._ask("POST", "/schedules", ScheduleView, body=wanted)

    async def schedule(self, schedule: str) -> ScheduleView:
        """A schedule with the times of its next runs."""
        return await self._ask("GET", "/schedules/{schedule}", ScheduleView, schedule=schedule)

    async def update_schedule(self, schedule: str, wanted: ScheduleWrite) -> ScheduleView:
        """Change a schedule. What it handed out before goes on; from now on it runs as who changed it."""
        return await self._ask("PUT", "/schedules/{schedule}", ScheduleView, body=wanted, schedule=schedule)

    async def delete_schedule(self, schedule: str) -> None:
        """Take a schedule away. What it handed out stays."""
        await self._send("DELETE", "/schedules/{schedule}", schedule=schedule)

    async def quotas(self) -> QuotaList:
        """All quotas: of people, of groups, and that of everybody who has none of their own."""
        return await self._ask("GET", "/quotas", QuotaList)

    async def own_quotas(self, *, group: str | None = None) -> Standings:
        """What one's own tasks fall under, with that of a group of one's own where one is given."""
        return await self._ask("GET", "/quota", Standings, query={"group": group})

    async def set_quota(self, of: str, wanted: QuotaWrite) -> Quota:
        """Bound what a person, a group or everybody may use. What is begun goes on; the next task is held to it."""
        return await self._ask("PUT", "/quotas/{of}", Quota, body=wanted, of=of)

    async def remove_quota(self, of: str) -> None:
        """Take a quota away."""
        await self._send("DELETE", "/quotas/{of}", of=of)

    async def usage_report(
        self, *, since: str | None = None, until: str | None = None, by: Sequence[str] = ()
    ) -> UsageReport:
        """Tokens, money and time of the tasks that one sees."""
        return await self._ask(
            "GET", "/usage", UsageReport, query={"since": since, "until": until, "by": [*by] or None}
        )

    async def audit(
        self, *, before: int | None = None, limit: int | None = None, person: str | None = None, act: str | None = None
    ) -> AuditPage:
        """Privileged acts, the newest first: who did what to what, from where."""
        return await self._ask(
            "GET", "/audit", AuditPage, query={"before": before, "limit": limit, "person": person, "act": act}
        )

    async def workers(self) -> WorkerList:
        """The workers that are remembered: what they offer, what they do, and whether they were heard of lately."""
        return await self._ask("GET", "/workers", WorkerList)

    async def retention(self) -> Retention:
        """How long things of finished tasks are kept."""
        return await self._ask("GET", "/retention", Retention)

    async def make_room(self, wanted: RoomWanted) -> RoomMade:
        """Make room on the server's machine now, or be told what would go."""
        return await self._ask("POST", "/retention/run", RoomMade, body=wanted)
