"""What the web app loads and when, and that nothing moves once it is there. `scripts/bench web` tells how fast."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Response, expect

from tests.web.conftest import Seen
from tests.web.played import Served
from tests.web.test_web_app import done, hand_out, tab

SCRIPT_BYTES = 210_000
TASK_BYTES = 235_000
"""Of a task that is opened by its address, with everything that its conversation needs."""
HEAVY = ("diagram-", "mermaid", "player-", "engine-javascript", "core-", "cytoscape", "katex")
"""How the files of the parts begin that are loaded when they are needed: diagrams, the player, the colours of code."""

SHIFTS = """
new Promise(resolve => {
  let shifted = 0;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifted += entry.value;
  }).observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => setTimeout(() => resolve(shifted), 0));
})
"""


class Scripts:
    """The scripts that a page loads, and how many bytes they are on the wire."""

    def __init__(self, page: Page) -> None:
        self.sizes: dict[str, int] = {}
        page.on("response", self._count)

    def _count(self, response: Response) -> None:
        name = response.url.rpartition("/")[2]
        if name.endswith(".js") and response.status == 200:
            assert response.headers.get("content-encoding") in ("br", None), name
            self.sizes[name] = int(response.headers["content-length"])

    @property
    def heavy(self) -> set[str]:
        return {part for part in HEAVY for name in self.sizes if name.startswith(part)}


def settled(page: Page) -> None:
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    expect(page.locator("main [role=status] .animate-turn")).to_have_count(0)


def test_the_first_load_is_light(seen: Seen, service: Served) -> None:
    page = seen.page()
    scripts = Scripts(page)
    page.goto(service.address)
    expect(page.get_by_role("button", name="1 attempt")).to_be_visible()
    settled(page)
    assert 0 < sum(scripts.sizes.values()) < SCRIPT_BYTES
    assert scripts.heavy == set()


def test_heavy_parts_come_when_they_are_needed(seen: Seen, service: Served, repository: Path) -> None:
    writer = seen.page()
    hand_out(writer, service, repository, "Loaded by and by")
    done(writer)
    page = seen.page()
    scripts = Scripts(page)
    page.goto(f"{writer.url.partition('?')[0]}?tab=details")
    expect(page.frame_locator("iframe[title=Diagram]").locator("svg")).to_be_visible()
    assert "diagram-" in scripts.heavy and not {"player-", "engine-javascript"} & scripts.heavy
    own = {name: size for name, size in scripts.sizes.items() if name in scripted(page)}
    assert sum(own.values()) < TASK_BYTES, own
    tab(page, "Changes")
    expect(page.locator("main .tok-keyword").first).to_be_visible()
    assert "engine-javascript" in scripts.heavy and "player-" not in scripts.heavy
    tab(page, "Terminal")
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.frame_locator("iframe[src='/player.html']").locator(".ap-player")).to_be_visible()
    assert "player-" in scripts.heavy


def scripted(page: Page) -> set[str]:
    """The scripts of the page itself, without those of its frames."""
    names = "performance.getEntriesByType('resource').map(each => each.name).filter(name => name.endsWith('.js'))"
    return {name.rpartition("/")[2] for name in page.evaluate(names)}


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["wide", "phone"])
def test_nothing_moves(seen: Seen, service: Served, repository: Path, size: tuple[int, int]) -> None:
    writer = seen.page()
    hand_out(writer, service, repository, f"Stay where you are at {size[0]}")
    done(writer)
    page = seen.page(viewport={"width": size[0], "height": size[1]})
    task = writer.url.partition("?")[0]
    places = ["/", "/environments", "/welcome", "/settings/models", "/settings/usage", "/settings/people"]
    shifted: dict[str, float] = {}
    for address in [*(f"{service.address}{place}" for place in places), f"{task}?tab=checks", f"{task}?tab=files"]:
        page.goto(address, wait_until="load")
        settled(page)
        if (moved := page.evaluate(SHIFTS)) > 0:
            shifted[address] = moved
    assert shifted == {}
