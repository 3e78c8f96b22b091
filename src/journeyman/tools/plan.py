"""Keep a plan that the person can follow."""

from typing import Literal

from journeyman.core.errors import ToolError
from journeyman.core.events import PlanStep, PlanUpdated
from journeyman.tools.registry import Arguments, Outcome, Tool, ToolContext


class StepArguments(Arguments):
    step: str
    status: Literal["pending", "in_progress", "completed"]


class PlanArguments(Arguments):
    plan: list[StepArguments]
    explanation: str = ""


async def update_plan(context: ToolContext, arguments: PlanArguments) -> Outcome:
    """Replace the plan; at most one step is in progress."""
    if sum(step.status == "in_progress" for step in arguments.plan) > 1:
        raise ToolError("At most one step may be in_progress at a time.")
    steps = tuple(PlanStep(step=step.step, status=step.status) for step in arguments.plan)
    return Outcome("Plan updated.", PlanUpdated(explanation=arguments.explanation, plan=steps))


PLAN = Tool(
    name="update_plan",
    description="Show your plan for work of several steps.",
    arguments=PlanArguments,
    run=update_plan,
    summary=lambda arguments: f"plan of {len(arguments.plan)} steps",
    reads_only=True,
)
