"""Whatever events there can be, they read back as they were stored."""

import math
import tempfile
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from journeyman.core.errors import StoreError
from journeyman.core.events import AttemptStarted, Event, Progressed
from journeyman.core.model import Profile
from journeyman.core.task import Base, Limits
from journeyman.store import open_store, this_process
from journeyman.store.codec import decode, encode
from journeyman.testing.store import HandClock, a_task, an_attempt

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """All values of a type that occurs in an event, built from the types themselves, so that none is forgotten."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return values(arguments[0])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of([values(argument) for argument in arguments])
    if origin is tuple and arguments[1:] == (...,):
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(values(argument) for argument in arguments))
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {name: bounded(values(field.annotation), field) for name, field in annotation.model_fields.items()}
        return st.builds(annotation, **fields)
    return {
        str: st.text(max_size=50),
        int: st.integers(-(2**63), 2**63),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
        type(None): st.none(),
        Any: JSON,
    }[annotation]


def bounded(strategy: st.SearchStrategy[Any], field: FieldInfo) -> st.SearchStrategy[Any]:
    """The values that a field's own bounds leave."""
    for bound in field.metadata:
        if (pattern := getattr(bound, "pattern", None)) is not None:
            return st.from_regex(pattern.replace("$", r"\Z"))
        if (above := getattr(bound, "gt", None)) is not None:
            most = next((each.le for each in field.metadata if hasattr(each, "le")), None)
            return st.floats(above, most, exclude_min=True)
    return strategy


EVENTS = st.one_of([values(kind) for kind in get_args(get_args(Event)[0])])


@settings(max_examples=300, deadline=None)
@given(event=EVENTS, seq=st.integers(1, 10**9), at=st.floats(0, 4e9))
def test_every_event_reads_back(event: Event, seq: int, at: float) -> None:
    stored, body = encode(event, seq, at)
    assert stored == event.model_copy(update={"seq": seq, "at": at})
    assert decode(body, "0task.1.1", 1) == stored


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(EVENTS, min_size=1, max_size=4), min_size=1, max_size=4))
async def test_every_list_of_events_reads_back(batches: list[list[Event]]) -> None:
    clock = HandClock()
    with tempfile.TemporaryDirectory() as home:
        async with open_store(Path(home), clock=clock) as store:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", this_process()) as log:
                for batch in batches:
                    await log.append(*batch)
        async with open_store(Path(home)) as store:
            assert await store.events("0task.1.1") == [
                event.model_copy(update={"seq": seq, "at": clock.now})
                for seq, event in enumerate((event for batch in batches for event in batch), 1)
            ]


def test_no_limit_is_kept_as_none() -> None:
    start = AttemptStarted(
        task_id="0task",
        prompt="",
        mode="code",
        model="m",
        profile=Profile(name="m"),
        strategy="loop",
        base=Base(repository="/repo", tree="0"),
        limits=Limits(seconds=math.inf),
    )
    stored, body = encode(start, 1, 1.0)
    assert decode(body, "0task.1.1", 1) == stored
    assert isinstance(stored, AttemptStarted)
    assert stored.limits.seconds == math.inf


def test_an_event_of_another_version_is_named() -> None:
    _, body = encode(Progressed(text="hello"), 1, 1.0)
    with pytest.raises(StoreError, match=r"Event 7 of attempt 0task\.1\.1 cannot be read: .* nothing was changed"):
        decode(body.replace("progressed", "teleported"), "0task.1.1", 7)
