"""A reply in a browser while the model writes it."""

import re
import signal
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.web.conftest import SCREENS, Seen
from tests.web.played import SLOWLY, Model, Served
from tests.web.test_web_quality import complaints

BLINKS = "caret => getComputedStyle(caret).animationIterationCount"
GROWN = "before => document.querySelectorAll('[data-draft] li').length > before + 1"


def numbers(page: Page) -> list[str]:
    """The prices that stand in what is being written."""
    draft = page.get_by_role("region", name="What is being written")
    return re.findall(r"The price of (\d+) is \d", draft.inner_text())


def ask_slowly(page: Page, service: Served, model: Model, repository: Path, prompt: str) -> None:
    """Ask what is answered piece by piece, and open the task."""
    model.hold()
    page.goto(f"{service.address}/?environment={repository}")
    page.get_by_role("textbox", name="Your task").fill(prompt)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("link", name=prompt).click()
    expect(page.get_by_role("heading", level=1, name=prompt)).to_be_visible()


def test_a_reply_is_read_while_it_is_written(seen: Seen, service: Served, model: Model, repository: Path) -> None:
    page = seen.page()
    phone = seen.page(reduced_motion="reduce", color_scheme="dark", viewport={"width": 390, "height": 844})
    prompt = f"What does each cost? Please {SLOWLY}"
    ask_slowly(page, service, model, repository, prompt)
    phone.goto(page.url)
    model.write(30)
    for one in (page, phone):
        draft = one.get_by_role("region", name="What is being written")
        expect(draft.get_by_role("listitem").first).to_contain_text("The price of 1 is 7")
        expect(draft).not_to_contain_text("The price of 100")
        expect(draft.locator("[data-caret]")).to_have_count(1)
    assert [one.locator("[data-caret]").evaluate(BLINKS) for one in (page, phone)] == ["infinite", "1"]
    expect(page.get_by_text("The agent is writing.", exact=True)).to_have_count(1)
    page.screenshot(path=SCREENS / "task-being-written.png")
    phone.screenshot(path=SCREENS / "task-being-written-phone.png")
    assert complaints(phone) == []
    before = len(numbers(page))
    page.context.set_offline(True)
    model.write(10)
    page.context.set_offline(False)
    page.wait_for_function(GROWN, arg=before)
    assert numbers(page) == [str(number) for number in range(1, len(numbers(page)) + 1)]
    model.write(1000)
    expect(page.get_by_label("What the harness saw")).to_be_visible()
    for one in (page, phone):
        expect(one.get_by_text("The price of 100 is")).to_have_count(1)
        expect(one.locator("[data-draft]")).to_have_count(0)


def test_a_reply_that_is_cut_is_written_anew_and_stands_there_once(
    seen: Seen, service: Served, model: Model, repository: Path
) -> None:
    page = seen.page()
    ask_slowly(page, service, model, repository, f"What does each cost after a restart? Please {SLOWLY}")
    model.write(30)
    expect(page.get_by_role("region", name="What is being written").get_by_text("The price of 1 is 7")).to_be_visible()
    service.end(signal.SIGKILL)  # in good order it would wait for the reply
    expect(page.get_by_text("Not connected for")).to_be_visible()
    service.start()
    model.write(1000)
    expect(page.get_by_label("What the harness saw")).to_be_visible()
    for number in (1, 100):
        expect(page.get_by_text(f"The price of {number} is {7 * number}", exact=True)).to_have_count(1)
    expect(page.locator("[data-draft]")).to_have_count(0)
