"""The public stream: events of attempts in the vocabulary of `codex exec --json`, one JSON object a line.

Beyond that vocabulary there are the item types `check` (a check that the harness ran), `candidate` (an edit that the
repair strategy tried), `environment` (what the sandbox was opened with), `refused_request` (one that the network policy
did not let through) and `user_message` (what a person said meanwhile), and `turn.completed` carries `result`. Readers
ignore types that they do not know.
"""

from typing import Any

from journeyman.core import folds
from journeyman.core.events import (
    CandidateTried,
    Checked,
    CheckStarted,
    CommandEnded,
    Compacted,
    Escalated,
    Event,
    FilesChanged,
    Finished,
    Opened,
    PlanUpdated,
    Replied,
    RequestRefused,
    Retried,
    Said,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.evidence import CheckRun, Result
from journeyman.core.items import AssistantMessage, Reasoning
from journeyman.core.usage import Usage

Line = dict[str, Any]


def usage_line(usage: Usage) -> Line:
    return {
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "cache_write_input_tokens": usage.cache_write_input_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_output_tokens": usage.reasoning_output_tokens,
    }


def run_line(run: CheckRun) -> Line:
    """A check's run as an item's fields."""
    return {
        "command": run.check.command,
        "on": run.on,
        "exit_code": run.exit_code,
        "cut": run.cut,
        "seconds": round(run.seconds, 3),
        "passed": sum(test.outcome == "passed" for test in run.tests),
        "failed": len(run.failing),
        "chunk": run.chunk,
    }


def result_line(result: Result) -> Line:
    """A result for machines: everything but the runs' single tests."""
    line = result.model_dump(mode="json", exclude={"base_checks", "result_checks", "usage"})
    line["base_checks"] = [run_line(run) for run in result.base_checks]
    line["result_checks"] = [run_line(run) for run in result.result_checks]
    return line


class ThreadStream:
    """Turns events into lines, statefully: item ids are counted, and what was started is completed."""

    def __init__(self, thread_id: str) -> None:
        self._thread_id = thread_id
        self._count = 0
        self._open: dict[str, tuple[str, str, Line]] = {}
        self._plan: tuple[str, list[Line]] | None = None
        self._usage = Usage()

    def start(self) -> list[Line]:
        return [{"type": "thread.started", "thread_id": self._thread_id}, {"type": "turn.started"}]

    def feed(self, event: Event) -> list[Line]:
        """The lines of one event."""
        match event:
            case Replied():
                self._usage = self._usage + event.reply.usage
                return self._reply(event)
            case Compacted():
                self._usage = self._usage + event.usage
                fields = {"before": event.before, "after": event.after, "summary": event.summary, "by": event.by}
                return [self._item("item.completed", self._next(), "compaction", fields)]
            case Escalated():
                fields = {"stage": event.stage, "model": event.model, "why": event.why}
                return [self._item("item.completed", self._next(), "escalation", fields)]
            case ToolStarted():
                return self._tool_started(event)
            case ToolReturned():
                return self._tool_returned(event)
            case CheckStarted() if event.on != "candidate":
                key = f"check:{event.on}:{event.check.command}"
                fields = {"command": event.check.command, "on": event.on, "status": "in_progress"}
                return [self._begin(key, "check", fields)] if key not in self._open else []
            case Checked(run=run) if run.on != "candidate":
                identifier = self._end(f"check:{run.on}:{run.check.command}")
                fields = run_line(run) | {"status": "completed" if run.passed else "failed"}
                return [self._item("item.completed", identifier, "check", fields)]
            case CandidateTried():
                fields = event.model_dump(exclude={"kind", "seq", "at"})
                return [self._item("item.completed", self._next(), "candidate", fields)]
            case Opened() if event.environment:
                held = sum(probe.held for probe in event.probes)
                fields = {"text": event.environment, "build": event.build, "probes": len(event.probes), "held": held}
                return [self._item("item.completed", self._next(), "environment", fields)]
            case RequestRefused():
                return [self._item("item.completed", self._next(), "refused_request", event.refusal.model_dump())]
            case Said(why="steer", item=said):
                return [self._item("item.completed", self._next(), "user_message", {"text": said.text})]
            case Retried():
                return [self._item("item.completed", self._next(), "error", {"message": event.message})]
            case _:
                return []

    def end(self, finished: Finished | None, stopped: Stopped | None, message: str = "") -> list[Line]:
        """The last lines: the completion of what is open, then the turn's."""
        lines = self.close()
        cut_short = stopped is not None and stopped.reason not in ("finished", "steps", "time")
        if finished is None or (cut_short and finished.result.verdict != "verified"):
            text = message or (stopped.message if stopped else "") or "the attempt did not finish"
            return [*lines, {"type": "turn.failed", "error": {"message": text}}]
        done: Line = {"type": "turn.completed", "usage": usage_line(finished.result.usage)}
        return [*lines, done | {"result": result_line(finished.result)}]

    def close(self) -> list[Line]:
        """The completion of what was started and has not ended, and of the plan."""
        lines: list[Line] = []
        for identifier, kind, fields in self._open.values():
            lines.append(self._item("item.completed", identifier, kind, fields | {"status": "failed"}))
        self._open.clear()
        if self._plan is not None:
            identifier, items = self._plan
            lines.append(self._item("item.completed", identifier, "todo_list", {"items": items}))
            self._plan = None
        return lines

    def _reply(self, event: Replied) -> list[Line]:
        lines: list[Line] = []
        for item in event.reply.items:
            match item:
                case AssistantMessage(text=text) if text.strip():
                    lines.append(self._item("item.completed", self._next(), "agent_message", {"text": text}))
                case Reasoning(text=text) if text.strip():
                    lines.append(self._item("item.completed", self._next(), "reasoning", {"text": text}))
                case _:
                    pass
        return lines

    def _tool_started(self, event: ToolStarted) -> list[Line]:
        if event.command is None or event.call_id in self._open:
            return []
        fields = {"command": event.command.command, "aggregated_output": "", "exit_code": None, "status": "in_progress"}
        return [self._begin(event.call_id, "command_execution", fields)]

    def _tool_returned(self, event: ToolReturned) -> list[Line]:
        match event.detail:
            case CommandEnded() as ended:
                return [self._command(event.call_id, ended)]
            case FilesChanged(changes=changes):
                listed = [{"path": change.path, "kind": change.kind} for change in changes]
                fields = {"changes": listed, "status": "failed" if event.is_error else "completed"}
                return [self._item("item.completed", self._next(), "file_change", fields)]
            case PlanUpdated(plan=plan):
                items = [{"text": step.step, "completed": step.status == "completed"} for step in plan]
                kind = "item.started" if self._plan is None else "item.updated"
                self._plan = (self._plan[0] if self._plan else self._next(), items)
                return [self._item(kind, self._plan[0], "todo_list", {"items": items})]
            case None:
                return self._unfinished(event)

    def _command(self, call: str, ended: CommandEnded) -> Line:
        """A command's item goes on as long as its session does, whichever call looked at it last."""
        fields: Line = {
            "command": ended.command,
            "aggregated_output": ended.output,
            "exit_code": ended.exit_code,
            "status": "completed" if ended.exit_code == 0 else "failed",
            "chunk": ended.chunk,
        }
        key = f"chunk:{ended.chunk}"
        identifier = self._open[key][0] if key in self._open else self._end(call)
        self._open[key] = (identifier, "command_execution", fields)
        if ended.session is not None:
            fields["status"] = "in_progress"
            return self._item("item.updated", identifier, "command_execution", fields)
        return self._item("item.completed", self._end(key), "command_execution", fields)

    def _unfinished(self, event: ToolReturned) -> list[Line]:
        """A command that was announced and never ran to its end."""
        if event.call_id not in self._open:
            return []
        fields = {"command": event.name, "aggregated_output": event.content, "exit_code": None, "status": "failed"}
        return [self._item("item.completed", self._end(event.call_id), "command_execution", fields)]

    def _item(self, type_: str, identifier: str, kind: str, fields: Line) -> Line:
        return {"type": type_, "item": {"id": identifier, "type": kind, **fields}}

    def _next(self) -> str:
        identifier = f"item_{self._count}"
        self._count += 1
        return identifier

    def _begin(self, key: str, kind: str, fields: Line) -> Line:
        self._open[key] = (self._next(), kind, fields)
        return self._item("item.started", self._open[key][0], kind, fields)

    def _end(self, key: str) -> str:
        return self._open.pop(key)[0] if key in self._open else self._next()


def lines_of(thread_id: str, events: list[Event]) -> list[Line]:
    """The whole stream of a stored attempt."""
    stream = ThreadStream(thread_id)
    lines = stream.start()
    for event in events:
        lines += stream.feed(event)
    finished = next((event for event in reversed(events) if isinstance(event, Finished)), None)
    return lines + stream.end(finished, folds.stopped(events))
