"""The work log is folded twice, here and in the browser: both come to the same on the same recorded events.

`web/src/live/recorded.json` holds the events with the entries of this fold; `web/src/live/recorded.test.ts` compares
the browser's. `python -m tests.server.test_server_worklog_shared` writes the entries anew.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from journeyman.core.events import Event
from journeyman.server.views.worklog import entries_of

RECORDED = Path(__file__).resolve().parents[2] / "web" / "src" / "live" / "recorded.json"
EVENTS: TypeAdapter[list[Event]] = TypeAdapter(list[Event])
LOGS: list[dict[str, Any]] = json.loads(RECORDED.read_text())["logs"]


def folded(log: dict[str, Any]) -> list[Any]:
    return [entry.model_dump(mode="json") for entry in entries_of(EVENTS.validate_python(log["events"]))]


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log["name"])
def test_the_recorded_entries_are_those_of_the_service(log: dict[str, Any]) -> None:
    assert folded(log) == log["entries"]


def test_every_kind_of_entry_is_recorded() -> None:
    kinds = {entry["kind"] for log in LOGS for entry in log["entries"]}
    statuses = {call["status"] for log in LOGS for entry in log["entries"] for call in entry.get("calls", ())}
    assert kinds == {"step", "said", "check", "candidate", "note"}
    assert statuses == {"completed", "failed", "interrupted"}


if __name__ == "__main__":
    for each in LOGS:
        each["entries"] = folded(each)
    RECORDED.write_text(json.dumps({"logs": LOGS}, ensure_ascii=False, indent=1) + "\n")
