"""What people do with tasks in a browser beside the main story, on the real service; only the model is played."""

import re
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.conftest import git
from tests.web.conftest import SCREENS, Seen
from tests.web.played import HELD, Model, Served, shop
from tests.web.test_web_app import done, hand_out, tab

FILLER = "".join(f"\n\ndef shelf_{number}():\n    return {number}\n" for number in range(30))

GIVE = """(box, [kind, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const held = new DataTransfer();
  held.items.add(new File([bytes], `${kind}.png`, { type: "image/png" }));
  box.dispatchEvent(
    kind === "paste"
      ? new ClipboardEvent("paste", { clipboardData: held, bubbles: true, cancelable: true })
      : new DragEvent("drop", { dataTransfer: held, bubbles: true, cancelable: true }),
  );
}"""
"""Pastes or drops a picture, as the browser tells the page of it."""

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

SPEECH = """window.SpeechRecognition = window.webkitSpeechRecognition = class {
  start() {
    const final = (words) => Object.assign([{ transcript: words }], { isFinal: true });
    window.hears = (words) => this.onresult({ resultIndex: 0, results: [final(words)] });
  }
  stop() { this.onend(); }
}"""
"""A browser that hears what it is told to hear: the real one asks a service elsewhere."""


@pytest.fixture(scope="module")
def long_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop in a repository with more below the bug, with branches, beside the same without a working tree."""
    folder = shop(tmp_path_factory.mktemp("long") / "shop")
    with (folder / "shop.py").open("a") as file:
        file.write(FILLER)
    git(folder, "commit", "-qam", "Shelves")
    git(folder, "branch", "dev")
    git(folder, "branch", "feature/prices")
    git(folder.parent, "clone", "-q", "--bare", str(folder), "shop.git")
    return folder


@pytest.fixture
def prepared(service: Served, long_shop: Path) -> Generator[str]:
    """The name of an environment with a set-up."""
    text = '[setup]\nscript = "echo The shelves are put up"\n'
    body = {"name": "shelves", "repository": str(long_shop), "text": text}
    httpx.post(f"{service.address}/api/v1/environments", json=body).raise_for_status()
    yield "shelves"
    httpx.delete(f"{service.address}/api/v1/environments/shelves").raise_for_status()


def test_the_list_is_searched_and_filtered_by_outcome(seen: Seen, service: Served, repository: Path) -> None:
    page = seen.page()
    hand_out(page, service, repository, "Found by its outcome")
    done(page)
    page.goto(service.address)
    row = page.locator("[data-task]").filter(has_text="Found by its outcome")
    expect(row).to_be_visible()
    field = page.get_by_role("searchbox", name="Search")
    field.fill("words that are nowhere")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    field.fill("outcome FOUND")
    expect(row).to_be_visible()
    for outcome, fits in (("Failing", False), ("Verified", True)):
        page.get_by_role("button", name="Filter").click()
        page.get_by_role("menuitemradio", name=outcome, exact=True).click()
        expect(row if fits else page.get_by_text("Nothing matches")).to_be_visible()
    assert "verdict=verified" in page.url


def test_branches_are_those_of_the_repository(seen: Seen, service: Served, long_shop: Path) -> None:
    page = seen.page()
    page.goto(service.address)
    page.get_by_role("button", name="Branch: default branch").click()
    expect(page.get_by_text("Choose a repository first")).to_be_visible()
    page.goto(f"{service.address}/?environment={long_shop}")
    page.get_by_role("button", name="Branch: default branch").click()
    expect(page.get_by_text("3 branches")).to_be_visible()
    page.get_by_role("option", name="feature/prices").click()
    expect(page.get_by_role("button", name="Branch: feature/prices")).to_be_visible()
    page.goto(f"{service.address}/?environment={long_shop / 'nowhere'}")
    page.get_by_role("button", name="Branch: default branch").click()
    expect(page.get_by_role("alert")).to_contain_text("The branches could not be fetched")


def test_changes_are_a_diff_while_it_works_and_context_opens_in_place(
    seen: Seen, service: Served, model: Model, long_shop: Path
) -> None:
    page = seen.page()
    model.gate.clear()
    hand_out(page, service, long_shop, f"Changes so far, and {HELD}")
    changes = page.get_by_role("region", name="Changes", exact=True)
    expect(changes).to_contain_text("return amount * 7")
    expect(page.get_by_text("So far; it is still at work.")).to_be_visible()
    expect(changes).not_to_contain_text("def shelf_2")
    page.get_by_role("button", name="Show 20 lines more below this, in shop.py").click()
    expect(changes).to_contain_text("def shelf_2")
    expect(changes).not_to_contain_text("def shelf_12")
    page.screenshot(path=SCREENS / "task-changes-so-far.png")
    model.gate.set()
    done(page)
    expect(page.get_by_text("So far; it is still at work.")).to_be_hidden()


def test_a_range_of_lines_is_remarked_and_sent(seen: Seen, service: Served, model: Model, repository: Path) -> None:
    """By a drag over the numbers, by a press with Shift, and by the keyboard: each with its first and last line."""
    page = seen.page()
    hand_out(page, service, repository, "Remark on several lines")
    done(page)
    changes = page.get_by_role("region", name="Changes", exact=True)
    notes = changes.locator("[data-index]").filter(has_text="Each costs 7.").locator("[data-pick]")
    first = changes.locator("[data-index]").filter(has_text="# Notes").locator("[data-pick]")
    first.nth(1).hover()
    page.mouse.down()
    notes.nth(1).hover()
    page.mouse.up()
    page.get_by_role("textbox", name="Comment on NOTES.md:1–3").fill("Say why")
    page.get_by_role("button", name="Keep the comment").click()
    expect(changes.get_by_text("Lines 1–3")).to_be_visible()

    code = changes.locator("[data-index]").filter(has_text="return amount * 7")
    changes.locator("[data-index]").filter(has_text="def price").locator("[data-pick]").nth(1).click()
    code.locator("[data-pick]").nth(1).click(modifiers=["Shift"])
    box = page.get_by_role("textbox", name="Comment on shop.py:1–3")
    box.fill("A better name")
    box.press("Alt+Shift+ArrowUp")
    box = page.get_by_role("textbox", name="Comment on shop.py:1–2")
    expect(box).to_be_focused()
    expect(box).to_have_value("A better name")
    page.screenshot(path=SCREENS / "task-comment-range.png")
    box.press("Control+Enter")

    button = code.get_by_role("button", name="Comment on line 3")
    button.focus()
    button.press("Enter")
    page.get_by_role("textbox", name="Comment on shop.py:3", exact=True).press("Alt+ArrowUp")
    page.get_by_role("textbox", name="Comment on shop.py:2–3").press("Escape")

    follow = page.get_by_role("region", name="Follow-up")
    expect(follow.get_by_role("button", name="shop.py:1–2")).to_be_visible()
    follow.get_by_role("button", name="Code").click()
    prompt = page.get_by_role("article", name="Prompt of turn 2")
    expect(prompt).to_contain_text("- NOTES.md:1-3: Say why")
    expect(prompt).to_contain_text("- shop.py:1-2: A better name")
    expect(page.get_by_text("The price has a name now.")).to_be_visible()
    assert any("NOTES.md:1-3: Say why" in said for said in model.heard)


def test_a_set_up_that_failed_shows_its_output(seen: Seen, service: Served, long_shop: Path) -> None:
    text = '[setup]\nscript = "echo The shelves fall; ls /missing"\n'
    body = {"name": "fallen", "repository": str(long_shop), "text": text}
    httpx.post(f"{service.address}/api/v1/environments", json=body).raise_for_status()
    page = seen.page()
    page.goto(f"{service.address}/?environment=fallen")
    page.get_by_role("textbox", name="Your task").fill("Without shelves")
    page.get_by_role("button", name="Code", exact=True).click()
    page.get_by_role("link", name="Without shelves").click()
    log = page.get_by_role("log", name="Conversation")
    expect(log).to_contain_text("This turn failed")
    expect(log).to_contain_text("The set-up of the environment fallen failed")
    log.get_by_role("button", name="Output of the set-up").click()
    expect(page.get_by_role("region", name=re.compile("Output of # set-up"))).to_contain_text("The shelves fall")
    page.screenshot(path=SCREENS / "task-set-up-failed.png")


def test_a_result_is_pushed_as_a_branch(seen: Seen, service: Served, long_shop: Path) -> None:
    page = seen.page()
    bare = long_shop.with_name("shop.git")
    page.goto(f"{service.address}/?environment=file://{bare}")
    page.get_by_role("textbox", name="Your task").fill("Push the price")
    page.get_by_role("button", name="Code", exact=True).click()
    page.get_by_role("link", name="Push the price").click()
    done(page)
    page.get_by_role("button", name="Take over").click()
    page.get_by_role("menuitem", name="Push a branch", exact=True).click()
    dialog = page.get_by_role("dialog", name="Push a branch")
    expect(dialog).to_contain_text(str(bare))
    dialog.get_by_label("Branch").fill("main")
    dialog.get_by_role("button", name="Push").click()
    expect(dialog).to_contain_text("nothing was pushed")
    dialog.get_by_label("Branch").fill("price/right")
    page.screenshot(path=SCREENS / "push-a-branch.png")
    dialog.get_by_role("button", name="Push").click()
    expect(page.get_by_text("The branch is pushed", exact=True)).to_be_visible()
    assert "return amount * 7" in git(bare, "show", "price/right:shop.py")
    page.goto(service.address)
    expect(page.locator("[data-task]").filter(has_text="Push the price")).to_contain_text("price/right")


def test_what_cannot_be_pushed_says_why(seen: Seen, service: Served, repository: Path) -> None:
    page = seen.page()
    hand_out(page, service, repository, "Nowhere to push it to")
    done(page)
    page.get_by_role("button", name="Take over").click()
    page.get_by_role("menuitem", name="Push a branch", exact=True).click()
    expect(page.get_by_role("dialog", name="Push a branch")).to_contain_text("origin")


def test_the_terminal_begins_with_set_up(seen: Seen, service: Served, prepared: str) -> None:
    page = seen.page()
    page.goto(f"{service.address}/?environment={prepared}")
    page.get_by_role("textbox", name="Your task").fill("With shelves")
    page.get_by_role("button", name="Code", exact=True).click()
    page.get_by_role("link", name="With shelves").click()
    done(page)
    tab(page, "Terminal")
    page.get_by_role("searchbox", name="Search commands and their output").fill("are put UP")
    expect(page.get_by_text("in 1 command")).to_be_visible()
    page.get_by_role("button", name=re.compile("set-up of shelves")).click()
    expect(page.get_by_role("region", name=re.compile("Output of # set-up"))).to_contain_text("The shelves are put up")


def test_a_task_is_written_with_pictures_by_voice_and_for_a_price(
    seen: Seen, service: Served, model: Model, repository: Path
) -> None:
    peer = {"wire": "responses", "base_url": model.base_url, "name": "scripted"}
    dear = {"name": "dear", "settings": {**peer, "input_price": 1.25, "output_price": 10}}
    httpx.post(f"{service.address}/api/v1/models", json=dear).raise_for_status()
    page = seen.page()
    page.add_init_script(SPEECH)
    page.goto(f"{service.address}/?environment={repository}")
    box = page.get_by_role("textbox", name="Your task")
    for number, kind in enumerate(("paste", "drop"), 1):
        place = box if kind == "paste" else page.get_by_role("main")
        place.evaluate(GIVE, [kind, DOT])
        expect(page.get_by_role("img", name=f"Attached image {number}")).to_be_visible()
    page.get_by_role("button", name="Dictate", exact=True).click()
    for words in ("What is on", "these pictures"):
        page.evaluate("words => hears(words)", words)
    expect(box).to_have_value("What is on these pictures")
    page.get_by_role("button", name="Stop dictating").click()
    page.get_by_role("button", name="Model: ").click()
    priced = page.get_by_role("option", name="shared:dear")
    expect(priced).to_contain_text("$1.25 in, $10.00 out per million tokens")
    page.screenshot(path=SCREENS / "home-model-picker.png")
    priced.click()
    page.get_by_role("button", name="Code", exact=True).click()
    expect(page.get_by_role("img", name="Attached image 1")).to_have_count(0)
    page.get_by_role("link", name="What is on these pictures").click()
    done(page)
    expect(page.get_by_role("img", name="Image 2")).to_be_visible()
    httpx.delete(f"{service.address}/api/v1/models/dear").raise_for_status()


def test_one_goes_back_to_a_step_and_forks_from_it(seen: Seen, service: Served, repository: Path) -> None:
    page = seen.page()
    prompt = "Make the price right, and think again later"
    hand_out(page, service, repository, prompt)
    done(page)
    tab(page, "Files")
    expect(page.get_by_role("button", name="Fork")).to_have_count(0)
    slider = page.get_by_role("slider", name="Step")
    slider.press("Home")
    expect(page.get_by_text("After step 1")).to_be_visible()
    page.get_by_role("button", name="Fork").click()
    page.get_by_role("textbox", name="What to do from there").fill("Do it otherwise")
    page.get_by_role("dialog").get_by_role("button", name="Fork").click()
    expect(page.get_by_role("heading", level=1, name="Do it otherwise")).to_be_visible()
    expect(page.get_by_role("log", name="Conversation")).to_contain_text("Each costs 7")
    page.go_back()
    expect(slider).to_be_enabled()
    slider.press("Home")
    page.get_by_role("button", name="Go back here").click()
    page.screenshot(path=SCREENS / "task-back.png")
    page.get_by_role("dialog").get_by_role("button", name="Go back here").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_label("What the harness saw")).to_have_count(2)
    expect(page.get_by_label("What the harness saw").last).not_to_contain_text("Verified")


def test_marks_of_what_is_unread_and_acts_on_many_at_once(seen: Seen, service: Served, repository: Path) -> None:
    page = seen.page()
    titles = ["One of two to archive", "Two of two to archive"]
    for title in titles:
        body = {"prompt": title, "repository": str(repository)}
        httpx.post(f"{service.address}/api/v1/tasks", json=body).raise_for_status()
    page.goto(f"{service.address}/?q=two+to+archive&status=none-such")
    rows = page.locator("[data-task]")
    expect(rows.get_by_role("img", name="Verified")).to_have_count(2)
    expect(rows.get_by_role("img", name="Unread")).to_have_count(2)
    page.get_by_role("link", name=titles[0]).click()
    done(page)
    page.go_back()
    expect(rows.get_by_role("img", name="Unread")).to_have_count(1)

    for title in titles:
        page.get_by_role("checkbox", name=f"Select “{title}”").check()
    bar = page.get_by_role("toolbar", name="2 selected")
    page.screenshot(path=SCREENS / "home-selected.png")
    page.context.set_offline(True)
    bar.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("The service cannot be reached").first).to_be_visible()
    expect(rows).to_have_count(2)
    page.context.set_offline(False)
    for title in titles:
        page.get_by_role("checkbox", name=f"Select “{title}”").check()
    bar.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("2 tasks archived", exact=True)).to_be_visible()
    expect(rows).to_have_count(0)
    page.get_by_role("tab", name="Archived").click()
    expect(rows).to_have_count(2)
