"""Server-sent events, however the bytes are split."""

from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.models.wire.sse import EventParser, ServerEvent

lines = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
events = st.lists(
    st.tuples(st.sampled_from(["", "response.created", "error"]), st.lists(lines, min_size=1, max_size=3))
)


def parse(chunks: list[bytes]) -> list[ServerEvent]:
    parser = EventParser()
    found = [event for chunk in chunks for event in parser.feed(chunk)]
    return found + parser.end()


@settings(deadline=None)
@given(events, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.data())
def test_events_are_the_same_however_the_stream_is_cut(
    written: list[tuple[str, list[str]]], end: str, spaced: bool, data: st.DataObject
) -> None:
    space = " " if spaced else ""
    text = ""
    for name, contents in written:
        text += f": a comment{end}"
        text += f"event:{space}{name}{end}" if name else ""
        # a first space belongs to the format, so data that begins with one needs its own
        text += "".join(f"data:{' ' if line.startswith(' ') else space}{line}{end}" for line in contents)
        text += f"id: 7{end}retry: 10{end}{end}"
    raw = text.encode()
    places = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    chunks = [raw[start:stop] for start, stop in zip([0, *places], [*places, len(raw)], strict=True)]
    expected = [ServerEvent(name, "\n".join(contents).encode(), "7") for name, contents in written]
    assert parse(chunks) == expected


def test_a_last_event_without_its_blank_line_is_still_seen() -> None:
    assert parse([b"data: one\n\ndata: [DO", b"NE]"]) == [ServerEvent("", b"one"), ServerEvent("", b"[DONE]")]


def test_a_name_alone_is_no_event_and_does_not_stick() -> None:
    assert parse([b"event: ping\n\ndata: x\n\n"]) == [ServerEvent("", b"x")]
