"""Events in sentences that are the same wherever they are shown."""

from journeyman.core.events import Compacted, CrossChecked, Escalated, Judged, SetUpFailed
from journeyman.core.evidence import Result
from journeyman.core.pull_request import WORDS, PullRequestChecks, PullRequestState, PullRequestView

STATES: dict[PullRequestState, str] = {"draft": "a draft", "open": "open", "merged": "merged", "closed": "closed"}
CHECKS: dict[PullRequestChecks, str] = {"none": "", "running": "run", "passed": "pass", "failed": "fail"}


def compacted_words(event: Compacted) -> str:
    by = "" if event.by == "model" else " The model gave no summary; one was put together from the log."
    return (
        f"The conversation was summarised, since it came near the end of the model's window: about {event.before:,} "
        f"tokens became {event.after:,}.{by}"
    )


def crossed_words(event: CrossChecked) -> str:
    pair = event.crossed
    author, on = (name.partition(".")[2] for name in (pair.tests_of, pair.on))
    return f"New tests of attempt {author} on attempt {on}: {pair.passed} pass, {pair.failed} fail."


def judged_words(event: Judged) -> str:
    """What a model said between attempts, and that it is no more than that."""
    opinion = event.opinion
    names = [name.partition(".")[2] for name in opinion.among]
    among = f"{', '.join(names[:-1])} and {names[-1]}, which nothing else tells apart"
    if opinion.best is None and opinion.why:
        return f"{opinion.model} could not be asked between attempts {among}: {opinion.why}"
    if opinion.best is None:
        return f"{opinion.model} has no opinion between attempts {among}: it took another one in another order."
    return f"{opinion.model} takes attempt {opinion.best.partition('.')[2]} of {among}: {opinion.why}"


def escalated_words(event: Escalated) -> str:
    return f"{event.why} The next model, {event.model}, begins anew."


def set_up_words(event: SetUpFailed) -> str:
    phase = "set-up" if event.phase == "setup" else "maintenance script"
    ended = f"cut off: {event.cut}" if event.cut is not None else f"exit code {event.exit_code}"
    cause = f" {event.cause}" if event.cause else ""
    return f"The {phase} of the environment {event.environment} failed ({ended}).{cause}"


def cost_words(result: Result) -> str:
    """What a cascade cost against always asking its last model, in a sentence; empty for other attempts."""
    if not result.stages:
        return ""
    tried = ", then ".join(f"{run.model} ({run.strategy}): {run.verdict}" for run in result.stages)
    cost, alone = result.usage.cost, result.cost_alone
    if cost is None or alone is None:
        return f"Cascade: {tried}."
    return f"Cascade: {tried}. It cost ${cost:.4f}; the last model alone would have cost about ${alone:.4f}."


def pull_request_words(told: PullRequestView) -> str:
    """How a pull request stands, in a sentence."""
    checks = f"; its checks {CHECKS[told.checks]}" if CHECKS[told.checks] else ""
    return f"The {WORDS[told.kind]} {told.number} of {told.repository} is {STATES[told.state]}{checks}."
