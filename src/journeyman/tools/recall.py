"""Look up what was seen or done before and is not in the conversation any more: the log has all of it.

Lines are scored by the words of the query that they hold, rarer words counting more; those with all of them come first.
Outputs of commands are searched whole, not as they were clipped.
"""

import math
import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass

from pydantic import Field

from journeyman.core import folds
from journeyman.core.errors import StoreError, ToolError, UsageError
from journeyman.core.events import CommandEnded, Event, Replied, Said, ToolReturned, ToolStarted
from journeyman.core.text import clip, decode, one_line, plain
from journeyman.tools.registry import Arguments, Outcome, Tool, ToolContext

HITS = 30
LINE = 400
"""Characters of a line that are shown."""
LINES = 200
"""Lines of an output that are shown at once."""
CHUNK_BYTES = 4 * 2**20
TOTAL_BYTES = 64 * 2**20
"""Of outputs that are searched in one call, the newest first."""
TURNS = 20

_CHUNK = re.compile(r"[0-9a-f]{6}")
_WORD = re.compile(r"\w+")


class RecallArguments(Arguments):
    query: str = Field(min_length=1, description="words, or the id of a chunk")
    start: int = Field(1, ge=1, description="first line of the chunk")


@dataclass(frozen=True, slots=True)
class Source:
    """A text of before: `label` says whose, `chunk` names the whole output that it stands for."""

    label: str
    text: str
    chunk: str = ""
    attempt: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    score: float
    order: int
    line: int
    source: Source
    text: str


async def recall(context: ToolContext, arguments: RecallArguments) -> Outcome:
    """Lines of before that fit the query best, the newest first among equals; or lines of one output."""
    query = arguments.query.strip()
    found = [source async for source in _sources(context)]
    if _CHUNK.fullmatch(query):
        for source in found:
            if source.chunk == query:
                return Outcome(_lines(await _whole(context, source), query, arguments.start))
    hits = await _hits(context, found, query)
    if not hits:
        return Outcome(f"Nothing that was seen or done holds {one_line(query, 100)!r}. Try fewer or other words.")
    rows = [f"[{hit.source.label}{_place(hit)}] {hit.text.strip()[:LINE]}" for hit in hits]
    return Outcome(clip("\n".join(rows), whole="ask for fewer words that are rarer"))


def _place(hit: Hit) -> str:
    return f", chunk {hit.source.chunk} line {hit.line}" if hit.source.chunk else ""


def _lines(text: str, chunk: str, start: int) -> str:
    lines = text.split("\n")
    if start > len(lines):
        raise ToolError(f"Chunk {chunk} has only {len(lines)} lines.")
    shown = lines[start - 1 : start - 1 + LINES]
    rest = len(lines) - start + 1 - len(shown)
    more = f"\n({rest} more lines; go on with start={start + len(shown)})" if rest else ""
    numbered = "\n".join(f"{at}\t{line[:2000]}" for at, line in enumerate(shown, start))
    return clip(numbered, whole="start further on") + more


async def _sources(context: ToolContext) -> AsyncGenerator[Source]:
    """Everything that was said and seen, the newest first: of this turn, then of those that it goes on from."""
    events: Sequence[Event] = context.log.events
    attempt, prefix = context.log.id, ""
    for _ in range(TURNS):
        for source in reversed(list(sources(events, attempt, prefix))):
            yield source
        before = folds.continued(events)
        if before is None or context.store is None:
            return
        attempt, prefix = before.attempt, f"turn {before.attempt.split('.')[1]}, "
        events = await context.store.events(before.attempt)
        if before.step is not None:
            events = folds.up_to(events, before.step)


def sources(events: Iterable[Event], attempt: str, prefix: str = "") -> Iterable[Source]:
    """The texts of a log, in their order."""
    step = 0
    summaries: dict[str, str] = {}
    for event in events:
        match event:
            case Replied(reply=reply):
                step += 1
                if reply.text.strip():
                    yield Source(f"{prefix}step {step}, you said", reply.text)
                for call in reply.calls:
                    summaries[call.call_id] = f"{call.name} {one_line(call.arguments, 80)}"
            case ToolStarted():
                summaries[event.call_id] = f"{event.name} {one_line(event.summary, 80)}"
            case ToolReturned(detail=CommandEnded() as ended):
                label = f"{prefix}step {step}, `{one_line(ended.command, 80)}`"
                yield Source(label, event.content, ended.chunk, attempt)
            case ToolReturned():
                yield Source(f"{prefix}step {step}, {summaries.get(event.call_id, event.name)}", event.content)
            case Said():
                yield Source(f"{prefix}after step {step}, you were told ({event.why})", event.item.text)
            case _:
                pass


async def _whole(context: ToolContext, source: Source) -> str:
    if not source.chunk or context.store is None:
        return source.text
    try:
        data = await context.store.chunk(source.attempt, source.chunk)
    except (StoreError, UsageError):  # it was swept away, or is still being written
        return source.text
    return plain(decode(data[:CHUNK_BYTES]))


async def _hits(context: ToolContext, found: Sequence[Source], query: str) -> list[Hit]:
    wanted = [word.lower() for word in dict.fromkeys(_WORD.findall(query))]
    if not wanted:
        wanted = [query.lower()]
    read = 0
    lines: list[tuple[int, int, Source, str, set[str]]] = []
    often: Counter[str] = Counter()
    for order, source in enumerate(found):
        text = source.text if read > TOTAL_BYTES else await _whole(context, source)
        read += len(text)
        for number, line in enumerate(text.split("\n"), 1):
            lowered = line.lower()
            held = {word for word in wanted if word in lowered}
            if held:
                often.update(held)
                lines.append((order, number, source, line, held))
    weight = {word: 1.0 + math.log((len(lines) + 1) / (often[word] or 1)) for word in wanted}
    hits = [
        Hit(sum(weight[word] for word in held) + (query.lower() in line.lower()), -order, number, source, line)
        for order, number, source, line, held in lines
    ]
    hits.sort(key=lambda hit: (-hit.score, -hit.order, hit.line))
    kept: dict[str, Hit] = {}
    for hit in hits:
        kept.setdefault(hit.text.strip(), hit)
        if len(kept) == HITS:
            break
    return list(kept.values())


RECALL = Tool(
    name="recall",
    description="Find what you saw or did before, also what is no longer above: words, or a chunk's id for its lines.",
    arguments=RecallArguments,
    run=recall,
    summary=lambda arguments: f"recall {arguments.query}",
    reads_only=True,
    listed=False,
)
"""The model is told of it once its conversation has been made shorter."""
