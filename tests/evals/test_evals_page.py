"""The page of a run: it loads nothing, runs nothing, and holds what anybody wrote as text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from journeyman.core.model import say
from journeyman.models.script_server import ScriptServer
from tests.conftest import Program
from tests.evals.eval_sets import EDITS, FALSE, RIGHT, played, write_set

pytestmark = pytest.mark.timeout(300)  # the program is started many times, on a machine that may be busy

EVIL = "</pre><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>"


class Page(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


async def test_the_page_is_one_file_with_charts_and_every_log(program: Program, tmp_path: Path) -> None:
    evil = RIGHT | {"instance_id": f"evil {EVIL}", "problem_statement": f"Task right: {EVIL}"}
    file = write_set(tmp_path / "tasks.jsonl", [evil, FALSE])
    first, _ = played(EDITS)
    async with ScriptServer([first, say(f"Done. {EVIL}")]) as server:
        program.use(server.base_url)
        ran = await program.run("eval", "run", file, "--model", "box", "--run", "one", "--json", "--env", "off")
    assert ran.code == 0, ran.err
    html = tmp_path / "page.html"
    shown = await program.run("eval", "report", "one", "--html", html, "--server", "https://jm.example/", "--json")
    assert shown.code == 0 and shown.lines[0]["solved"]["count"] == 1, shown.err
    text = html.read_text()
    page = Page(text)
    assert "svg" in page.tags and not page.tags & {"script", "img", "link", "iframe", "object", "form", "base"}
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "srcset", "style")]
    ids = {value for name, value in page.attributes if name == "id"}
    links = [value for name, value in page.attributes if name == "href"]
    assert {link[1:] for link in links if link.startswith("#")} == ids and len(ids) == 2
    rows = shown.lines[0]["rows"]
    away = [link for link in links if not link.startswith("#")]
    assert away == [f"https://jm.example/tasks/{row['task_id']}" for row in rows]
    assert "default-src 'none'" in text.replace("&#x27;", "'") and not re.search(r"url\(|@import", text)
    assert text.count("return a + b") >= 1 and "AssertionError" in text, "the logs and the grader's words are there"


async def test_two_runs_are_compared_task_by_task(program: Program, tmp_path: Path) -> None:
    file = write_set(tmp_path / "tasks.jsonl", [RIGHT, FALSE])
    for name, edits in (("a", {"right": "return a + b"}), ("b", {"false": "return a + b"})):
        async with ScriptServer(played(edits)) as server:
            program.use(server.base_url)
            assert (await program.run("eval", "run", file, "--run", name, "--env", "off")).code == 0
    kept = tmp_path / "b.json"
    assert (await program.run("eval", "report", "b", "--summary", kept)).code == 0
    paired = (await program.run("eval", "compare", "a", kept, "--json")).lines[0]
    figures = {key: paired[key] for key in ("tasks", "both", "only_a", "only_b", "neither", "p")}
    assert figures == {"tasks": 2, "both": 0, "only_a": 1, "only_b": 1, "neither": 0, "p": 1.0}
    assert (paired["better_a"], paired["better_b"]) == (["right"], ["false"])
    said = (await program.run("eval", "compare", "a", "b")).out
    assert "McNemar, exact, two-sided: p = 1.0000" in said and "only A: right" in said
    listed = (await program.run("eval", "list", "--json")).lines
    assert [one["plan"]["name"] for one in listed] == ["a", "b"]
    other = await program.run("eval", "run", file, "--run", "a", "--attempts", "2", "--env", "off")
    assert other.code == 2 and "There is a run a already" in other.err
    assert (await program.run("eval", "report", "none")).code == 2
