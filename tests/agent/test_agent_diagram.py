"""Diagrams that are made from the index, and where they take the place of a model's."""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from journeyman.agent import diagram
from journeyman.agent.answer import (
    MADE,
    faults,
    named_files,
    needs_diagram,
    note,
    with_diagram,
    with_functions,
    with_places,
)
from journeyman.checks import mermaid
from journeyman.core.evidence import Citation
from journeyman.repo.index.index import Index
from journeyman.repo.repository import open_repository
from tests.conftest import MakeRepository

FILES = {
    "shop/api/routes.py": "from shop.core.prices import total\n"
    "from ..core import money\n\ndef order():\n    return total(1)\n",
    "shop/core/prices.py": "from .money import rounded\nimport re\n\ndef total(x):\n    return rounded(x)\n",
    "shop/core/money.py": "def rounded(x):\n    return x\n",
    "web/main.js": "import { draw } from './draw';\ndraw();\n",
    "web/draw.js": "export function draw() {}\n",
    "cmd/main.go": 'package main\nimport "example.com/shop/pkg/stock"\nfunc main() {}\n',
    "pkg/stock/stock.go": "package stock\nfunc Count() int { return 1 }\n",
}


async def unasked() -> Sequence[str]:
    return ()


@pytest.fixture
async def index(make_repository: MakeRepository, tmp_path: Path) -> AsyncGenerator[Index]:
    repository = await open_repository(make_repository(FILES), tmp_path / "state")
    made = Index(repository, (await repository.snapshot()).tree)
    await made.read_all()
    yield made
    await made.close()


async def test_imports_of_many_languages_lead_to_files(index: Index) -> None:
    edges = diagram.imported(await index.imports(), set(index.files))
    assert set(edges) == {
        ("shop/api/routes.py", "shop/core/prices.py"),
        ("shop/api/routes.py", "shop/core/money.py"),
        ("shop/core/prices.py", "shop/core/money.py"),
        ("web/main.js", "web/draw.js"),
        ("cmd/main.go", "pkg/stock/stock.go"),
    }
    many = Counter({(f"a/x/f{at}.py", f"b/y/g{at}.py"): 1 for at in range(20)})
    assert diagram.folders(many) == {("a/x", "b/y"): 20}


async def test_files_of_the_places_are_drawn_and_mermaid_can_draw_it(index: Index) -> None:
    places = await index.find("How are prices rounded?", unasked)
    source = await diagram.drawn(index, places)
    assert mermaid.problem(source) == ""
    assert '["shop/core/prices.py"]' in source and '["shop/core/money.py"]' in source


def test_a_flowchart_has_the_strongest_edges_and_no_more_than_fit() -> None:
    edges = Counter({("a", f"b{at}"): at for at in range(1, 40)})
    source = diagram.flowchart(edges)
    assert mermaid.problem(source) == ""
    assert len({line.split("[")[0] for line in source.split("\n") if "[" in line}) == diagram.NODES
    assert source.count("[") == diagram.NODES and '"b39"' in source and '"b1"' not in source
    assert diagram.flowchart(Counter()) == ""
    hostile = diagram.flowchart(Counter({('x"];click a href "javascript:1"', "b\n<script>"): 1}))
    assert mermaid.problem(hostile) == "" and "<" not in hostile


@pytest.mark.parametrize(
    ("question", "wants"),
    [("Draw it.", True), ("Show a flow chart of the loop", True), ("画一个图", True), ("How is it drawn up?", False)],
)
def test_when_a_diagram_is_asked_for(question: str, wants: bool) -> None:
    assert diagram.asked(question) is wants


async def test_a_bad_diagram_gives_way_to_one_of_the_harness(index: Index) -> None:
    answer = "It goes so:\n\n```mermaid\nflowchart LR\n a -> b\n```\n\nThat is all."
    places = await index.find("How are prices rounded?", unasked)
    assert needs_diagram(answer, "Draw how it goes") and not needs_diagram(answer, "How does it go?")
    made = await with_diagram(answer, "Draw how it goes", index, places)
    assert made.startswith(f"It goes so:\n\n{MADE}\n\n```mermaid\nflowchart LR\n") and made.endswith("\n\nThat is all.")
    assert not needs_diagram(made, "Draw how it goes")
    assert MADE in await with_diagram("In words only.", "Draw how prices are rounded", index, places)
    open_ended = await with_diagram("So:\n```mermaid\nflowchart LR\n a -->", "Draw it", index, places)
    assert open_ended.startswith(f"So:\n\n{MADE}") and not needs_diagram(open_ended, "Draw it")


def test_places_that_are_written_otherwise_become_citations() -> None:
    files = {"shop/a.py", "b.py"}
    assert with_places("In `shop/a.py:3 def f()` and b.py:4-6.", files) == (
        "In `shop/a.py:3 def f()`【F:shop/a.py†L3】 and b.py:4-6【F:b.py†L4-L6】."
    )
    assert with_places("At 10:30, c.py:1.", files) == "At 10:30, c.py:1."
    assert with_places("b.py:4 【F:b.py†L4】", files) == "b.py:4 【F:b.py†L4】"


def test_functions_that_are_named_become_citations() -> None:
    known = {"merge": ("a.py", range(4, 18)), "minutes_open": ("b.py", range(20, 21)), "Day": ("c.py", range(1, 3))}
    assert with_functions("They merge: the merge function calls minutes_open.", known) == (
        "They merge: the merge【F:a.py†L4-L17】 function calls minutes_open【F:b.py†L20】."
    )
    assert with_functions("See `merge()`, Day and merge().", known) == (
        "See `merge()`【F:a.py†L4-L17】, Day【F:c.py†L1-L2】 and merge()."
    )
    assert with_functions("They merge.", known) == "They merge."
    assert with_functions("So:\n```\nmerge()\n```", known) == "So:\n```\nmerge()\n```"
    assert with_functions("`merge` 【F:x.py†L1】", known) == "`merge` 【F:x.py†L1】"
    assert named_files("In `shop/a.py`, b.py and c.py, not in d/b.py.", {"shop/a.py", "b.py"}) == ["shop/a.py", "b.py"]


def test_faults_of_an_answer_are_told_in_words() -> None:
    lost = Citation(
        text="【F:a.py†L9】", kind="file", target="a.py", start=9, end=9, supported=False, reason="Too far."
    )
    assert faults("See 【F:a.py†L9】.", "Where?", [lost]) == ["【F:a.py†L9】: Too far."]
    assert faults("In `a.py`.", "Where?", [])[0].startswith("It names no place.")
    assert faults("I do not know.", "Where?", []) == []
    assert faults("I do not know.", "Draw it", [])[0].startswith("A diagram was asked for")
    assert note([]) == ""
    assert note(["x"]).endswith("\n- x")
