"""An attempt in one line of a list, as a fold over its events."""

from collections.abc import Iterable

from journeyman.core.events import (
    AttemptStarted,
    CandidateTried,
    Checked,
    CheckStarted,
    Compacted,
    CrossChecked,
    Escalated,
    Event,
    Finished,
    Judged,
    Opened,
    PlanUpdated,
    Prepared,
    Progressed,
    Published,
    PullRequestChanged,
    Replied,
    Resumed,
    Retried,
    Said,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.evidence import Result
from journeyman.core.task import StopReason, Summary, Verdict
from journeyman.core.text import counted, one_line

DOING = {
    "read": "reading",
    "search": "searching for",
    "apply_patch": "editing files",
    "update_plan": "planning",
    "write_stdin": "looking at a running command",
}
"""What a tool does, in a word for people; with a word of the call where it has one to show."""

HEARD = {
    "steer": "heard you",
    "interrupted": "going on after an interruption",
    "stuck": "told to try something else",
    "checks": "told what the checks show",
    "limit": "going on with a reply that was cut",
    "format": "told what its answer cites wrongly",
}

ENDED: dict[StopReason, str] = {
    "finished": "finished",
    "steps": "stopped at the limit of steps",
    "time": "stopped at the limit of time",
    "tokens": "stopped at the limit of tokens",
    "money": "stopped at the limit of cost",
    "budget": "waiting: the task's budget is used up",
    "stuck": "stopped: it went in circles",
    "context": "stopped: the model's window is too small",
    "interrupted": "interrupted",
    "cancelled": "cancelled",
    "model": "stopped by the model's server",
    "sandbox": "stopped by the sandbox",
    "error": "stopped by an error",
}


def fold(summary: Summary, event: Event) -> Summary:
    """The summary after one more event."""
    change = _change(summary, event)
    return summary.model_copy(update=change) if change else summary


def summarise(events: Iterable[Event]) -> Summary:
    summary = Summary()
    for event in events:
        summary = fold(summary, event)
    return summary


def _change(summary: Summary, event: Event) -> dict[str, object]:
    """The fields that an event changes."""
    match event:
        case Replied(reply=reply):
            line = "thinking" if reply.calls else "finishing"
            return {"steps": summary.steps + 1, "usage": summary.usage + reply.usage, "stop": None, "line": line}
        case Compacted(usage=usage):
            return {"usage": summary.usage + usage, "line": "thinking"}
        case ToolStarted():
            more = event.command is not None and not event.again
            return {"line": _doing(event), "commands": summary.commands + more, "stop": None}
        case ToolReturned(detail=PlanUpdated()):
            return {"line": "thinking", "planned": event.seq}
        case ToolReturned():
            return {"line": "thinking"}
        case Stopped(reason=reason):
            return {"line": ENDED[reason], "stop": reason}
        case CrossChecked(crossed=crossed):
            return {"crossed": (*summary.crossed, crossed)}
        case Judged(opinion=opinion, usage=usage):
            return {"opinions": (*summary.opinions, opinion), "usage": summary.usage + usage}
        case Escalated(model=model):
            return {"line": one_line(f"the checks do not pass; going on with {model}"), "stop": None}
        case Finished(result=result):
            return _finished(result)
        case Published(branch=branch):
            return {"branch": branch}
        case PullRequestChanged(pull_request=pull_request):
            return {"pull_request": pull_request}
        case _:
            line = _line(event)
            return {"line": line} if line else {}


def _line(event: Event) -> str:
    """What an event that counts for nothing tells of the work; empty where it tells nothing new."""
    match event:
        case AttemptStarted():
            return "starting"
        case Opened() | Prepared():
            return "thinking"
        case Said(why=why):
            return HEARD.get(why, "")
        case CheckStarted(on="base"):
            return "checking the code as it was"
        case CheckStarted(on="result"):
            return f"checking the result: {one_line(event.check.command, 60)}"
        case Checked(run=run) if run.on == "result":
            return "checking the result"
        case CandidateTried():
            return "trying a change"
        case Progressed(text=text):
            return one_line(text)
        case Retried(message=message):
            return one_line(f"waiting for the model: {message}")
        case Resumed():
            return "going on"
        case _:
            return ""


def _doing(event: ToolStarted) -> str:
    if event.command is not None:
        return one_line(f"running {event.command.command}")
    verb = DOING.get(event.name)
    if verb is None:
        return one_line(f"running {event.summary or event.name}")
    what = event.summary.partition(" ")[2] if event.name in ("read", "search") else ""
    return one_line(f"{verb} {what}".strip())


def _finished(result: Result) -> dict[str, object]:
    compared = result.comparison
    return {
        "line": outcome(result.verdict, len(compared.fixed), len(compared.broken), len(result.changes)),
        "usage": result.usage,
        "files": len(result.changes),
        "added": sum(change.added for change in result.changes),
        "removed": sum(change.removed for change in result.changes),
        "fixed": len(compared.fixed),
        "broken": len(compared.broken),
        "still_failing": len(compared.still_failing),
        "warnings": len(result.warnings),
    }


def outcome(verdict: Verdict, fixed: int, broken: int, files: int) -> str:
    """A result in a few words: "verified: 3 tests fixed"."""
    told: list[str] = []
    if fixed:
        told.append(f"{counted(fixed, 'test')} fixed")
    if broken:
        told.append(f"{counted(broken, 'test')} broken")
    if not told and files and verdict in ("verified", "unverified", "failing"):
        told.append(f"{counted(files, 'file')} changed")
    return f"{verdict}: {', '.join(told)}" if told else verdict
