"""`journeyman eval report`, `compare` and `list`: runs read back."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from pydantic import ValidationError

from journeyman.cli.door import Door, open_door, open_stored
from journeyman.core.errors import JourneymanError, UsageError
from journeyman.core.text import clip, decode, one_line, plain
from journeyman.evals import folder as folders
from journeyman.evals import report as reports
from journeyman.evals import words
from journeyman.evals.outcome import Outcome
from journeyman.evals.report import Report
from journeyman.store.store import Store

LOG = 60_000
"""Characters of one attempt's log that a page holds."""
LOG_WIDTH = 120


async def report(name: str, html: Path | None, summary: Path | None, server: str | None, as_json: bool) -> int:
    """Show a run's report, and write it where that is wanted."""
    if server is not None and not server.startswith(("https://", "http://")):
        raise UsageError(f"--server takes the address of a service, as https://jm.example.org, not {server!r}.")
    door = open_door(Path(), {})
    folder = folders.find(folders.runs_of(door.state), name)
    found = reports.report(folder)
    if summary is not None:
        rows = tuple(row.model_copy(update={"message": ""}) for row in found.rows)  # words of this machine
        await write(summary, found.model_copy(update={"rows": rows}).model_dump_json(indent=1) + "\n")
    if html is not None:
        from journeyman.evals.page import page

        async with open_stored(door) as store:
            logs = {one.attempt_id: await _log_of(store, one) for one in folder.state.graded()}
            mask = await store.secrets.refresh()
            logs = {name: log for name, log in logs.items() if log is not None}
        await write(html, mask.text(page(found, folder.state.graded(), logs, server)))
        print(f"The page is {html}.", file=sys.stderr)
    if as_json:
        print(json.dumps(found.model_dump(), ensure_ascii=False))
        return 0
    for line in words.report_lines(found):
        print(plain(line))
    print()
    for line in words.row_lines(found):
        print(plain(line))
    return 0


async def _log_of(store: Store, outcome: Outcome) -> str | None:
    """The log of an attempt as `journeyman log` prints it, with its patch; None where it is not there any more."""
    from rich.console import Console

    from journeyman.cli import read

    out = StringIO()
    console = Console(file=out, width=LOG_WIDTH, color_system=None)
    try:
        task = await store.task(outcome.task_id)
        await read.show_log(store, console, task, outcome.number, as_json=False, raw=False, chunk=None)
    except UsageError:  # deleted meanwhile
        return None
    if outcome.diff is not None:
        out.write(f"\nThe patch:\n{decode(await store.blob(outcome.diff))}")
    return clip(out.getvalue(), LOG, whole=f"`journeyman log {outcome.task_id}` shows it all")


async def compare(a: str, b: str, as_json: bool) -> int:
    """Compare two runs."""
    door = open_door(Path(), {})
    paired = reports.compare(_read(door, a), _read(door, b))
    if not paired.tasks:
        raise UsageError("The two runs have no graded task in common, so there is nothing to compare.")
    if as_json:
        print(json.dumps(paired.model_dump(), ensure_ascii=False))
        return 0
    for line in words.compare_lines(paired):
        print(plain(line))
    return 0


async def list_all(as_json: bool) -> int:
    """All runs, the newest last."""
    door = open_door(Path(), {})
    for path in folders.listed(folders.runs_of(door.state)):
        found = reports.report(folders.load(path))
        if as_json:
            print(json.dumps(found.model_dump(exclude={"rows"}), ensure_ascii=False))
            continue
        day = datetime.fromtimestamp(found.plan.created, UTC).astimezone().strftime("%d %b %H:%M")
        done = f"{found.done} of {found.plan.tasks}"
        print(f"{day}  {one_line(found.plan.name, 60):60}  {done:>10}  solved {words.of(found.solved)}")
    return 0


def _read(door: Door, name: str) -> Report:
    """The report of a run, or one that was kept in a file."""
    file = Path(name)
    if file.suffix == ".json" and file.is_file():
        try:
            return Report.model_validate_json(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise UsageError(f"{file} is no summary of a run: {one_line(str(error), 200)}.") from error
    return reports.report(folders.find(folders.runs_of(door.state), name))


async def write(file: Path, text: str) -> None:
    """Write a file as a whole."""
    try:
        await asyncio.to_thread(file.write_text, text, encoding="utf-8")
    except OSError as error:
        raise JourneymanError(f"{file} cannot be written: {error.strerror}.") from error
