"""Questions: what a model is given to answer from, and what becomes of an answer that does not hold."""

import json

from journeyman.agent.answer import MADE
from journeyman.core.events import Event, Said, ToolReturned
from journeyman.core.model import Profile, call, say
from tests.attempt.conftest import MakeBench
from tests.conftest import MakeRepository, lay

FILES = {
    "shop/cache.py": "from shop.store import load\n\n\ndef evict_oldest(entries):\n    del entries[min(entries)]\n",
    "shop/store.py": "from shop.prices import rounded\n\n\ndef load(store):\n    return rounded(store)\n",
    "shop/prices.py": "def rounded(x):\n    return x\n",
}
SMALL = Profile(name="scripted", small=True)


def told(events: list[Event]) -> list[str]:
    return [event.item.text for event in events if isinstance(event, Said)]


async def test_what_an_answer_cites_wrongly_goes_back_to_the_model_once(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench(
        [say("It is in `load` 【F:shop/load.py†L9】【F:store.py†L4】."), say("It is in `load` 【F:shop/store.py†L4】.")]
    )
    result, events = await one.run(make_repository(FILES), "What loads?", "ask")
    [note] = told(events)
    assert "\n- 【F:shop/load.py†L9】: There is no file shop/load.py in the result.\n" in note
    assert note.endswith("There is no file store.py in the result. Is it shop/store.py?")
    assert one.model.requests[-1].items[-1].text == note  # type: ignore[union-attr]
    assert result.summary == "It is in `load` 【F:shop/store.py†L4】."
    assert [one.supported for one in result.citations] == [True]


async def test_an_answer_that_stays_wrong_is_shown_with_what_is_wrong(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([say("Here 【F:shop/load.py†L9】."), say("Or 【F:a.py†L1】 or 【F:b.py†L1】.")])
    result, events = await one.run(make_repository(FILES), "What loads?", "ask")
    assert (len(told(events)), len(one.model.requests)) == (1, 2)
    assert result.summary == "Here 【F:shop/load.py†L9】."  # the one with fewer faults
    assert [one.reason for one in result.citations] == ["There is no file shop/load.py in the result."]


async def test_an_answer_that_names_no_place_is_asked_for_one(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    answers = [say("`load` does."), say("`load` does 【F:shop/store.py†L4-L5】.")]
    folder = make_repository(FILES)
    result, events = await bench(answers).run(folder, "What loads?", "ask")
    assert "It names no place." in told(events)[0]
    assert [one.supported for one in result.citations] == [True]
    result, events = await bench([say("Nothing here does.")]).run(folder, "What flies?", "ask")
    assert (result.summary, told(events)) == ("Nothing here does.", [])


async def test_what_an_answer_names_without_a_place_is_cited_for_it(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """By the file that it names, and for a small model by the files that it was shown."""
    folder = make_repository(FILES)
    result, events = await bench([say("The load function in shop/store.py does.")]).run(folder, "What loads?", "ask")
    assert (result.summary, told(events)) == ("The load【F:shop/store.py†L4-L5】 function in shop/store.py does.", [])
    assert [one.supported for one in result.citations] == [True]
    one = bench([say("evict_oldest does.")])
    one.profile = SMALL
    result, events = await one.run(folder, "How is the oldest entry evicted?", "ask")
    assert (result.summary, told(events)) == ("evict_oldest【F:shop/cache.py†L4-L5】 does.", [])
    assert one.model.requests[0].temperature == 0.0


async def test_a_diagram_that_cannot_be_drawn_gives_way_to_the_harnesss_own(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    bad = say("So 【F:shop/store.py†L4】:\n```mermaid\nflowchart LR\n  cache -> store\n```")
    result, events = await bench([bad, bad]).run(make_repository(FILES), "Draw how prices are loaded", "ask")
    assert "The mermaid block cannot be drawn. Line 2 does not parse: 'cache -> store'." in told(events)[0]
    assert f"{MADE}\n\n```mermaid\nflowchart LR\n" in result.summary and "cache -> store" not in result.summary
    assert '["shop/store.py"]' in result.summary


async def test_a_small_model_is_given_the_places(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench([say("`evict_oldest` does 【F:shop/cache.py†L4】.")])
    one.profile = SMALL
    result, _ = await one.run(make_repository(FILES), "How is the oldest entry evicted?", "ask")
    [request] = one.model.requests
    given = request.items[0].text  # type: ignore[union-attr]
    assert "shop/cache.py:\n4 def evict_oldest(entries):\n5     del entries[min(entries)]" in given
    assert request.tools == () and len(request.instructions) / 4 < 500
    assert result.citations[0].supported


async def test_larger_models_find_places_by_a_tool(bench: MakeBench, make_repository: MakeRepository) -> None:
    asking = [call("find", "c1", query="evict the oldest entry"), call("find", "c2", query="zebra")]
    one = bench([*asking, say("Done.")])
    _, events = await one.run(make_repository(FILES), "What evicts?", "ask")
    answers = {event.call_id: event.content for event in events if isinstance(event, ToolReturned)}
    assert answers["c1"].split("\n")[0] == "shop/cache.py:4-5 function evict_oldest"
    assert answers["c2"].startswith("Nothing fits.")
    request = one.model.requests[0]
    tools = json.dumps([tool.model_dump(exclude={"grammar"}) for tool in request.tools])
    assert "find" in [tool.name for tool in request.tools]
    assert (len(request.instructions) + len(tools)) / 4 < 1_400


async def test_files_that_are_not_committed_are_found_too(bench: MakeBench, make_repository: MakeRepository) -> None:
    folder = make_repository(FILES)
    lay(folder, {"shop/fresh.py": "def paint_zebra():\n    return 1\n"})
    one = bench([say("`paint_zebra` 【F:shop/fresh.py†L1】.")])
    one.profile = SMALL
    result, _ = await one.run(folder, "Who paints the zebra?", "ask")
    assert "1 def paint_zebra():" in one.model.requests[0].items[0].text  # type: ignore[union-attr]
    assert result.citations[0].supported
