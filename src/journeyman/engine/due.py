"""What happens when a schedule is due."""

from dataclasses import dataclass

from temporalio import activity

from journeyman.core.errors import JourneymanError
from journeyman.core.ids import Clock
from journeyman.core.people import Schedule
from journeyman.engine.activities import failed
from journeyman.engine.engine import Engine
from journeyman.engine.orders import Due
from journeyman.engine.submission import Sender, submit
from journeyman.store.store import Store


@dataclass(slots=True)
class DueActivities:
    """Hands in what schedules ask for."""

    store: Store
    engine: Engine
    clock: Clock

    @activity.defn
    async def hand_in_due(self, due: Due) -> str:
        """Hand a schedule's task in, once for each time; the task's id, or why there is none."""
        try:
            schedule = await self.store.schedules.get(due.schedule_id)
            if schedule is None or not schedule.enabled:
                return "It is no more."
            return await self._hand_in(schedule, due.key)
        except JourneymanError as error:
            raise failed(error) from error

    async def _hand_in(self, schedule: Schedule, key: str) -> str:
        person = await self.store.people.get(schedule.owner) if schedule.owner is not None else None
        if person is not None and (person.disabled or person.role == "viewer"):
            return await self._refused(schedule, f"{person.name} may not hand out tasks any more.")
        admission = await self.store.quotas.admit(schedule.owner, schedule.group, schedule.budget)
        if admission.refused is not None:
            return await self._refused(schedule, admission.refused)
        task = await submit(
            self.store,
            self.engine,
            schedule.request,
            Sender(schedule.owner, schedule.group, "schedule"),
            clock=self.clock,
            key=key,
            budget=admission.budget,
            priority=schedule.priority,
            schedule=schedule.id,
        )
        return task.id

    async def _refused(self, schedule: Schedule, why: str) -> str:
        await self.store.audit.note("schedule.refused", schedule.id, detail=f"{schedule.name}: {why}")
        return why
