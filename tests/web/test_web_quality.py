"""That everybody can use the web app, and that nobody's words do anything in it: axe, keys, hostile answers."""

from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web import stories
from tests.web.conftest import ROOT, SCREENS, Seen
from tests.web.played import Served
from tests.web.stage import Stage, staged
from tests.web.test_web_app import done, hand_out, tab

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = ("serious", "critical")


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
        expect(page.get_by_role("tabpanel", name=name).locator("[role=status] .animate-turn")).to_have_count(0)
        page.screenshot(path=SCREENS / f"task-{name.lower()}-{scheme}.png")
        assert complaints(page) == [], name
    page.goto(f"{address.partition('?')[0]}/attempts")
    expect(page.get_by_role("table")).to_be_visible()
    assert complaints(page) == []
    page.goto(service.address)
    expect(page.locator("[data-task]").first).to_be_visible()
    page.screenshot(path=SCREENS / f"home-{scheme}.png")
    assert complaints(page) == []


def rings(page: Page) -> str:
    """What has the focus, and whether one sees it: its name and the width of its outline."""
    return page.evaluate(
        """() => {
          const it = document.activeElement;
          const style = getComputedStyle(it);
          const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
          return `${it.tagName} ${it.getAttribute("aria-label") ?? it.textContent.trim().slice(0, 40)} ${seen}`;
        }"""
    )


def test_the_first_page_is_walked_by_tab_and_one_sees_where_one_is(seen: Seen, service: Served) -> None:
    page = seen.page(reduced_motion="reduce")
    page.goto(service.address)
    expect(page.get_by_role("button", name="1 attempt")).to_be_visible()
    page.get_by_role("link", name="Journeyman").first.focus()
    walked: list[str] = []
    for _ in range(14):
        page.keyboard.press("Tab")
        walked.append(rings(page))
    assert len(set(walked)) == len(walked), walked
    assert [one for one in walked if one.endswith("false") and not one.startswith("TEXTAREA")] == []
    assert any("Environments" in one for one in walked) and any(one.startswith("TEXTAREA") for one in walked)


@pytest.mark.parametrize("opened", ["?", "Control+k"])
def test_a_dialog_keeps_the_focus_and_gives_it_back(seen: Seen, service: Served, opened: str) -> None:
    page = seen.page(reduced_motion="reduce")
    page.goto(f"{service.address}/environments")
    back = page.get_by_role("link", name="Environments", exact=True)
    back.focus()
    page.keyboard.press(opened)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for key in ("Tab", "Tab", "Tab", "Shift+Tab"):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.closest('[role=dialog]') !== null")
    assert complaints(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(back).to_be_focused()


def test_nothing_moves_for_who_wants_no_motion(seen: Seen, service: Served) -> None:
    page = seen.page(reduced_motion="reduce")
    page.goto(service.address)
    expect(page.get_by_role("textbox", name="Your task")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    moving = "document.getAnimations().map(each => each.effect.getComputedTiming().duration).filter(each => each > 10)"
    assert page.evaluate(moving) == []


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stage]:
    with staged(tmp_path_factory.mktemp("stage"), filled=False) as stage:
        yield stage


def on_stage(seen: Seen, stage: Stage, path: str) -> tuple[Page, list[str]]:
    """A page of who is signed in there, and what it asks for that is not the service's."""
    page = seen.page()
    page.context.add_cookies(stage.cookies)
    strange: list[str] = []
    own = (stage.address, "data:", "blob:")
    page.on("requestfinished", lambda sent: None if sent.url.startswith(own) else strange.append(sent.url))
    # What the policy of a frame stopped never left.
    page.on(
        "requestfailed",
        lambda sent: None if sent.failure == "csp" or sent.url.startswith(own) else strange.append(sent.url),
    )
    page.goto(f"{stage.address}{path}")
    return page, strange


def test_a_hostile_answer_is_words(seen: Seen, stage: Stage) -> None:
    prompt = stories.HOSTILE
    stage.hand_out(prompt, mode="ask", environment=None, repository=str(stage.repository))
    stage.until([prompt], "done", "failed")
    page, strange = on_stage(seen, stage, f"/tasks/{stage.tasks[prompt]}")
    answer = page.get_by_role("article", name="Answer")
    expect(answer.get_by_text("column 39")).to_be_attached()
    expect(answer.get_by_text("this is no diagram")).to_be_visible()
    expect(page.frame_locator("iframe[title=Diagram]").locator("svg")).to_be_visible()
    assert answer.locator("script, style, img, iframe:not([title=Diagram]), [onerror]").count() == 0
    assert answer.get_by_role("link").evaluate_all("all => all.map(each => [each.href, each.rel])") == [
        ["https://else.example/a", "noopener noreferrer nofollow"]
    ]
    assert page.title() == f"{prompt} · Journeyman"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    frame = page.frames[-1]
    assert frame.evaluate("[origin, document.querySelectorAll('script:not([src]), [onerror]').length]") == ["null", 0]
    assert not frame.evaluate("fetch('/api/v1/session').then(() => true, () => false)")
    targets = frame.locator("a").evaluate_all("all => all.flatMap(each => [...each.attributes].map(one => one.value))")
    assert [target for target in targets if "javascript:" in target] == []
    assert strange == []
    seen.problems[:] = [each for each in seen.problems if "has been blocked" not in each and "violates" not in each]


def test_a_recording_is_played_in_a_frame_of_its_own(seen: Seen, stage: Stage) -> None:
    prompt = stories.GRAPH
    stage.hand_out(prompt, mode="ask", environment=None, repository=str(stage.repository))
    stage.until([prompt], "done", "failed")
    page, strange = on_stage(seen, stage, f"/tasks/{stage.tasks[prompt]}?tab=terminal")
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.frame_locator("iframe[src='/player.html']").locator(".ap-player")).to_be_visible()
    assert page.locator("iframe[src='/player.html']").get_attribute("sandbox") == "allow-scripts"
    diagram = page.get_by_role("button", name="Show it larger")
    diagram.click()
    large = page.get_by_role("dialog", name="Diagram")
    expect(large.frame_locator("iframe").locator("svg").get_by_text("opening hours")).to_be_visible()
    page.keyboard.press("Escape")
    expect(diagram).to_be_focused()
    assert strange == []


def test_a_review_shows_what_it_reviewed_with_its_findings(seen: Seen, stage: Stage) -> None:
    prompt = stories.REVIEW
    more = {"environment": None, "repository": str(stage.repository), "ref": "main", "against": "v1.0"}
    stage.hand_out(prompt, mode="review", **more)
    stage.until([prompt], "done", "failed")
    page, _ = on_stage(seen, stage, f"/tasks/{stage.tasks[prompt]}")
    expect(page.get_by_role("tab", name="Changes", selected=True)).to_be_visible()
    changes = page.get_by_role("region", name="Changes", exact=True)
    expect(changes).to_contain_text("first, last = merged.pop()")
    finding = page.get_by_role("region", name="Finding: Keep the later end when one span lies within another")
    expect(changes.locator("[data-index]").filter(has=finding)).to_contain_text("first, last = merged.pop()")
    page.screenshot(path=SCREENS / "task-review.png")
    finding.get_by_role("button", name="Ask to fix it").click()
    expect(page.get_by_role("region", name="Follow-up")).to_contain_text("spans.py:12–13")
    expect(finding.get_by_role("button", name="Goes with your follow-up")).to_be_disabled()
