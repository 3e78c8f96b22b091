"""The web app in a browser, on the real service; only the model is played."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.web.conftest import SCREENS, Seen
from tests.web.played import HELD, Model, Served


def hand_out(page: Page, service: Served, repository: Path, prompt: str, attempts: int = 1) -> None:
    """Write a task on the first page and open it."""
    page.goto(f"{service.address}/?environment={repository}&attempts={attempts}")
    page.get_by_role("textbox", name="Your task").fill(prompt)
    page.get_by_role("button", name="Code", exact=True).click()
    page.get_by_role("link", name=prompt).click()
    expect(page.get_by_role("heading", level=1, name=prompt)).to_be_visible()


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def done(page: Page) -> None:
    expect(page.get_by_label("What the harness saw")).to_contain_text("Verified")


def choose_another(page: Page) -> None:
    """Go to the page that compares the attempts, choose one that the harness did not, and come back."""
    page.get_by_role("link", name=re.compile("Compare")).click()
    page.get_by_role("button", name="Choose this one").first.click()
    expect(page.get_by_text("Somebody has chosen another one since.")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("test_price"))).to_be_visible()
    page.screenshot(path=SCREENS / "attempts.png")
    page.get_by_role("link", name="Back to the task").click()


def downloaded_patch(page: Page) -> str:
    page.get_by_role("button", name="Take over").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download the patch").click()
    return Path(download.value.path()).read_text()


def test_a_task_from_the_first_word_to_its_patch(
    seen: Seen, service: Served, model: Model, repository: Path, tmp_path: Path
) -> None:
    """Submit, watch, steer, review, choose an attempt, comment on a line, follow up, download the patch."""
    page = seen.page(accept_downloads=True)
    prompt = f"Make the price right, and {HELD}"
    model.gate.clear()
    hand_out(page, service, repository, prompt, attempts=2)
    log = page.get_by_role("log", name="Conversation")
    expect(log.get_by_role("button", name="cat shop.py")).to_be_visible()
    expect(log.get_by_label("Plan", exact=True)).to_contain_text("Look")
    page.get_by_role("textbox", name="Steer it while it works").fill("Mind the units")
    page.get_by_role("button", name="Steer").click()
    expect(log.get_by_text("Not read yet")).to_be_visible()
    page.screenshot(path=SCREENS / "task-running.png")
    model.gate.set()
    done(page)
    assert any("Mind the units" in said for said in model.heard)

    expect(page.get_by_role("region", name="Changes", exact=True)).to_contain_text("return amount * 7")
    page.get_by_role("button", name=re.compile("Lines 3 of shop.py")).click()
    expect(page.get_by_role("region", name="shop.py", exact=True)).to_contain_text("return amount * 7")
    expect(page.get_by_role("button", name=re.compile("nowhere.py.*Unsupported"))).to_be_visible()
    tab(page, "Checks")
    expect(page.get_by_label("python -m pytest -q")).to_contain_text("fixed")
    tab(page, "Terminal")
    page.get_by_role("button", name=re.compile("printf")).click()
    expect(page.get_by_role("region", name=re.compile("Output of printf"))).to_contain_text("green")
    tab(page, "Details")
    expect(page.get_by_label("What it was")).to_contain_text("bubblewrap")
    page.screenshot(path=SCREENS / "task-details.png")

    choose_another(page)
    tab(page, "Changes")
    line = page.get_by_role("region", name="Changes", exact=True).get_by_text("return amount * 7")
    line.hover()
    page.get_by_role("button", name="Comment on line 3").last.click()
    page.get_by_role("textbox", name="Comment on shop.py:3").fill("Give the 7 a name")
    page.get_by_role("button", name="Keep the comment").click()
    follow = page.get_by_role("region", name="Follow-up")
    expect(follow).to_contain_text("Give the 7 a name")
    page.screenshot(path=SCREENS / "task-comment.png")
    expect(follow.get_by_role("combobox", name="Attempts at it")).to_have_value("2")
    follow.get_by_role("combobox", name="Attempts at it").select_option("1")
    follow.get_by_role("button", name="Code").click()
    expect(log.get_by_text("The price has a name now.")).to_be_visible()
    expect(page.get_by_role("region", name="Changes", exact=True)).to_contain_text("PRICE = 7")
    assert any("Give the 7 a name" in said for said in model.heard)

    patch = downloaded_patch(page)
    assert "+PRICE = 7" in patch and "+++ b/NOTES.md" in patch


def test_two_browsers_see_the_same(seen: Seen, service: Served, model: Model, repository: Path) -> None:
    first, second = seen.page(), seen.page()
    model.gate.clear()
    second.goto(service.address)
    prompt = f"Watched by two, {HELD}"
    hand_out(first, service, repository, prompt)
    row = second.locator("[data-task]").filter(has_text=prompt)
    expect(row.get_by_role("img", name="Running")).to_be_visible()
    row.get_by_role("link").click()
    expect(second.get_by_role("log").get_by_role("button", name="cat shop.py")).to_be_visible()
    model.gate.set()
    done(first)
    done(second)
    first.goto(service.address)
    expect(first.locator("[data-task]").filter(has_text=prompt)).to_contain_text("Verified")


def test_the_server_goes_and_comes_back_under_a_page(
    seen: Seen, service: Served, model: Model, repository: Path
) -> None:
    page = seen.page()
    model.gate.clear()
    hand_out(page, service, repository, f"Survive a restart, and {HELD}")
    log = page.get_by_role("log", name="Conversation")
    expect(log.get_by_role("button", name="cat shop.py")).to_be_visible()
    model.gate.set()
    service.end()
    expect(page.get_by_text("Not connected for")).to_be_visible()
    service.start()
    done(page)
    expect(page.get_by_text("Not connected for")).to_be_hidden()
    page.get_by_role("button", name=re.compile("Worked for")).click()
    expect(log.get_by_role("button", name="cat shop.py")).to_have_count(1)
    expect(log.get_by_text(re.compile("printf"))).to_have_count(1)


def test_a_page_that_was_offline_catches_up(seen: Seen, service: Served, model: Model, repository: Path) -> None:
    page = seen.page()
    model.gate.clear()
    prompt = f"Lose the line, and {HELD}"
    hand_out(page, service, repository, prompt)
    expect(page.get_by_role("log").get_by_role("button", name="cat shop.py")).to_be_visible()
    page.context.set_offline(True)
    page.get_by_role("textbox", name="Steer it while it works").fill("Nobody hears this")
    page.get_by_role("button", name="Steer").click()
    expect(page.get_by_text("The service cannot be reached").first).to_be_visible()
    expect(page.get_by_role("textbox", name="Steer it while it works")).to_have_value("Nobody hears this")
    model.gate.set()
    page.context.set_offline(False)
    done(page)


def test_a_link_fills_the_prompt_in_and_a_draft_survives_a_reload(seen: Seen, service: Served) -> None:
    page = seen.page()
    page.goto(f"{service.address}/?prompt=Fix%20it&environment=https://git.example/shop.git&branch=dev&mode=ask")
    expect(page.get_by_role("textbox", name="Your task")).to_have_value("Fix it")
    expect(page.get_by_role("button", name="Environment: https://git.example/shop.git")).to_be_visible()
    expect(page.get_by_role("button", name="Branch: dev")).to_be_visible()
    page.get_by_role("textbox", name="Your task").fill("Fix it, please")
    page.goto(service.address)
    expect(page.get_by_role("textbox", name="Your task")).to_have_value("Fix it, please")


def test_the_keyboard_alone(seen: Seen, service: Served, repository: Path) -> None:
    page = seen.page()
    hand_out(page, service, repository, "Reached by keys")
    done(page)
    page.goto(service.address)
    row = page.locator("[data-task]").filter(has_text="Reached by keys")
    expect(row).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[data-modal]")).to_have_count(0)
    page.keyboard.press("Control+k")
    page.get_by_placeholder("Type a command").fill("Reached by")
    page.get_by_role("option", name="Reached by keys").wait_for()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Reached by keys")).to_be_visible()
    expect(page.locator("[data-modal]")).to_have_count(0)  # what a key means while it closes is its own
    expect(page.get_by_role("tab", name="Changes", selected=True)).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_role("tab", name="Checks", selected=True)).to_be_visible()
    page.keyboard.type("gt")
    expect(row).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(page.get_by_text("1 task archived", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-task]").first).to_be_visible()


def test_words_of_a_model_and_of_a_repository_stay_words(seen: Seen, service: Served, repository: Path) -> None:
    page = seen.page()
    evil = "<img src=x onerror=\"document.title='owned'\">"
    hand_out(page, service, repository, f"Say {evil}")
    done(page)
    assert page.title() == f"Say {evil} · Journeyman"
    frame = page.frame_locator("iframe[title=Diagram]")
    expect(frame.locator("svg").get_by_text("amount")).to_be_visible()
    assert page.locator("iframe[title=Diagram]").get_attribute("sandbox") == "allow-scripts"


def test_in_chinese_dark_and_on_a_phone(seen: Seen, service: Served, repository: Path) -> None:
    page = seen.page(locale="zh-CN", color_scheme="dark")
    page.goto(service.address)
    expect(page.get_by_role("heading", name="接下来做什么？")).to_be_visible()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("document.documentElement.lang") == "zh"
    page.screenshot(path=SCREENS / "home-dark-zh.png")
    phone = seen.page(is_mobile=True, has_touch=True, device_scale_factor=2)
    phone.set_viewport_size({"width": 390, "height": 844})
    hand_out(phone, service, repository, "From a phone")
    done(phone)
    phone.screenshot(path=SCREENS / "task-phone.png")
    phone.get_by_role("button", name="Work", exact=True).click()
    expect(phone.get_by_role("region", name="Changes", exact=True)).to_contain_text("return amount * 7")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
