"""How the web app loads, and that everybody can use it: figures and axe, in a browser on the real service."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import ROOT, SCREENS, Seen
from tests.web.played import Served
from tests.web.test_web_app import done, hand_out, tab

pytestmark = pytest.mark.xdist_group("web")

SCRIPT_BYTES = 250_000
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = ("serious", "critical")

SHIFTS = """
new Promise(resolve => {
  let shifted = 0;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifted += entry.value;
  }).observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => setTimeout(() => resolve(shifted), 0));
})
"""


def complaints(page: Page) -> list[str]:
    """What axe finds that keeps somebody from using the page."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:200]} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def test_the_first_load_is_light_and_nothing_moves(seen: Seen, service: Served) -> None:
    page = seen.page()
    scripts: list[int] = []

    def count(response: object) -> None:
        url: str = response.url  # type: ignore[attr-defined]
        if url.endswith(".js"):
            scripts.append(int(response.headers["content-length"]))  # type: ignore[attr-defined]

    page.on("response", count)
    page.goto(service.address)
    expect(page.get_by_role("textbox", name="Your task")).to_be_visible()
    page.wait_for_load_state("load")
    assert 0 < sum(scripts) < SCRIPT_BYTES
    assert page.evaluate(SHIFTS) < 0.01


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(seen: Seen, service: Served, repository: Path, scheme: str) -> None:
    page = seen.page(color_scheme=scheme, reduced_motion="reduce")
    page.goto(f"{service.address}/welcome")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert complaints(page) == []
    hand_out(page, service, repository, f"Seen in {scheme} colours", attempts=2)
    done(page)
    address = page.url
    for name in ("Changes", "Checks", "Terminal", "Files", "Details"):
        tab(page, name)
        expect(page.get_by_role("tab", name=name, selected=True)).to_be_visible()
        expect(page.get_by_role("tabpanel", name=name).get_by_role("status")).to_have_count(0)
        page.screenshot(path=SCREENS / f"task-{name.lower()}-{scheme}.png")
        assert complaints(page) == [], name
    page.goto(f"{address.partition('?')[0]}/attempts")
    expect(page.get_by_role("table")).to_be_visible()
    assert complaints(page) == []
    page.goto(service.address)
    expect(page.locator("[data-task]").first).to_be_visible()
    page.screenshot(path=SCREENS / f"home-{scheme}.png")
    assert complaints(page) == []
