"""What the terminal shows, at the widths that terminals have."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from journeyman.cli.live import Progress, print_hanging
from journeyman.cli.page import task_lines
from journeyman.core.api.live import DraftPiece
from journeyman.core.events import CommandEnded, Opened, Replied, ToolReturned
from journeyman.core.items import AssistantMessage
from journeyman.core.model import Delta, Reply

ROWS = [
    ("1m834qa4sf0bg0", "23 Nov 02:46", "verified", "code", "opening-hours", "A lunch entry closes the shop too early."),
    ("1m834qa4sf0bg1", "23 Nov 02:47", "interrupted", "ask", "営業時間", "Why?"),
]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_list_keeps_the_ids_whole_and_cuts_the_prompt(width: int) -> None:
    lines = [line.plain for line in task_lines(ROWS, width)]
    assert lines[1].startswith("1m834qa4sf0bg0  23 Nov 02:46  verified     code  opening")
    assert lines[2].startswith("1m834qa4sf0bg1  23 Nov 02:47  interrupted  ask   営業時間")
    assert max(map(cell_len, lines)) <= max(width, 80)


def test_a_list_in_a_pipe_is_whole() -> None:
    assert [line.plain.split("  ")[-1].strip() for line in task_lines(ROWS, None)] == [
        "prompt",
        ROWS[0][-1],
        ROWS[1][-1],
    ]


def terminal(width: int) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, legacy_windows=False)


def printed(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_what_does_not_fit_goes_on_below_where_it_began() -> None:
    console = terminal(30)
    print_hanging(console, Text("• "), Text("with Python 3.11 of the system and another one"))
    assert printed(console) == ["• with Python 3.11 of the", "  system and another one"]


def test_a_command_takes_one_line_of_the_terminal() -> None:
    console = terminal(60)
    progress = Progress(console)
    progress.add(1)
    progress.feed(1, [Opened(backend="bubblewrap", workspace="/w", seconds=0.05)])
    ended = CommandEnded(command="x" * 200, exit_code=1, seconds=6.0, output="", chunk="aaaaaa")
    progress.feed(1, [ToolReturned(call_id="c", name="shell", content="", detail=ended)])
    lines = printed(console)
    assert lines[0] == "• sandbox open (bubblewrap, no network) in 50 ms"
    assert len(lines[1]) == 60 and lines[1].endswith("x… exit 1 (6.0 s)")


def drawn(progress: Progress, console: Console) -> list[str]:
    """The lines that are drawn anew: first what the attempt does."""
    before = len(printed(console))
    console.print(progress)
    return [line.rstrip() for line in printed(console)[before:]]


def test_the_end_of_what_is_being_written_stands_below_the_attempt() -> None:
    console = terminal(40)
    progress = Progress(console)
    progress.add(1)
    progress.delta(1, Delta("reasoning", "Let me look at it."))
    [first, *lines] = drawn(progress, console)
    assert "thinking (18 characters)" in first and lines == ["  Let me look at it."]
    for number in range(20):
        progress.delta(1, Delta("text", f"line {number} \x1b[31mof the reply\n"))
    assert drawn(progress, console)[1:] == [f"  line {number} of the reply" for number in range(12, 20)]
    progress.feed(1, [Replied(reply=Reply(items=(AssistantMessage(text="All."),)), seconds=1.0)])
    assert len(drawn(progress, console)) == 1


def test_what_a_server_tells_of_a_reply_is_drawn_the_same() -> None:
    console = terminal(60)
    progress = Progress(console, attempts=2)
    for number in (1, 2):
        progress.add(number)
    piece = DraftPiece(attempt="a", since=3, written=9, fresh=True, text="The price")
    progress.piece(1, piece)
    progress.piece(1, DraftPiece(attempt="a", since=3, written=12, text=" is"))
    [first, second, *lines] = drawn(progress, console)
    assert "[1] writing (12 characters)" in first and "[2] starting" in second and lines == ["  The price is"]
    progress.piece(1, piece.model_copy(update={"written": 0, "text": ""}))
    assert len(drawn(progress, console)) == 2
