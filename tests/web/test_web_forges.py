"""Forges and pull requests in a browser, on the real service; only the model and the forges' HTTP are played."""

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from journeyman.testing.forge_server import ForgeServer, Rights
from tests.conftest import git
from tests.web.conftest import SCREENS, Seen
from tests.web.played import HOURS, Model, Served, served
from tests.web.played import shop as shop_in
from tests.web.test_web_app import done
from tests.web.test_web_people import AXE, ENGLISH, PROSE, RULES, RUN_AXE, WIDER, ask, invited, join, settled

TOKEN = "token-of-the-shop-bot"
SETTINGS = "[server]\npull_request_seconds = 0.2\n"
PHONE = {"width": 390, "height": 844}


@dataclass(slots=True)
class Street:
    """A service, the browser state of its administrator, and two forges."""

    service: Served
    github: ForgeServer
    gitlab: ForgeServer
    admin: Any

    def page(self, seen: Seen, **options: object) -> Page:
        return seen.page(storage_state=self.admin, **options)

    def shop(self, page: Page, forge: ForgeServer, name: str) -> str:
        """A shop on a forge that is set up; its path there."""
        self.set_up(page, forge)
        forge.world.add_repository(f"example/{name}", HOURS)
        return f"example/{name}"

    def settings(self, page: Page) -> None:
        page.goto(f"{self.service.address}/settings/forges")

    def set_up(self, page: Page, forge: ForgeServer) -> None:
        """Add a forge where it is not there yet, behind the page's back."""
        page.goto(f"{self.service.address}/settings/forges")
        names = [one["name"] for one in ask(page, "GET", "/forges")["forges"]]
        if name_of(forge) not in names:
            ask(page, "POST", "/forges", {"kind": forge.kind, "address": forge.address, "token": TOKEN})


@pytest.fixture(scope="module")
def street(browser: Browser, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Generator[Street]:
    root = tmp_path_factory.mktemp("street")
    with ForgeServer("github", root / "github") as github, ForgeServer("gitlab", root / "gitlab") as gitlab:
        for forge in (github, gitlab):
            forge.world.tokens[TOKEN] = Rights()
        with served(root / "home", model, settings=SETTINGS) as service:
            context = browser.new_context()
            page = context.new_page()
            join(page, service.join_link, "Ada Lovelace", "ada@example.org")
            expect(page).to_have_url(re.compile("/welcome$"))
            admin = context.storage_state()
            context.close()
            yield Street(service, github, gitlab, admin)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a repository that is on no forge."""
    folder = shop_in(tmp_path_factory.mktemp("plain") / "shop")
    git(folder.parent, "clone", "-q", "--bare", str(folder), "shop.git")
    return f"file://{folder.parent / 'shop.git'}"


def name_of(forge: ForgeServer) -> str:
    return f"127.0.0.1-{forge.port}"


def card(page: Page, forge: ForgeServer) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name_of(forge)))


def task_of(page: Page, service: Served, repository: str, prompt: str) -> None:
    """Hand a task out on an address, and wait until it is done."""
    page.goto(f"{service.address}/?environment={repository}")
    page.get_by_role("textbox", name="Your task").fill(prompt)
    page.get_by_role("button", name="Code", exact=True).click()
    page.get_by_role("link", name=prompt).click()
    done(page)


def row(page: Page, title: str) -> Locator:
    return page.locator("[data-task]").filter(has_text=title)


def badge(where: Page | Locator, shop: str, state: str, checks: str) -> Locator:
    """The way to the first pull request of a shop."""
    return where.get_by_role("link", name=f"#1 {state}: pull request of {shop}, {checks}")


def take_over(page: Page, item: str) -> Locator:
    """Choose something of the menu; the dialog that it opens."""
    page.get_by_role("button", name="Take over").click()
    page.get_by_role("menuitem", name=item).click()
    return page.get_by_role("dialog")


def complaints(page: Page, theme: str) -> list[str]:
    page.evaluate(AXE.read_text())
    return page.evaluate(RUN_AXE, RULES[theme])


def test_an_administrator_sets_a_forge_up(seen: Seen, street: Street) -> None:
    page = street.page(seen, reduced_motion="reduce")
    street.settings(page)
    expect(page.get_by_role("heading", name="No forge yet")).to_be_visible()
    page.screenshot(path=SCREENS / "forges-none.png")
    page.get_by_role("button", name="Add a forge").click()
    dialog = page.get_by_role("dialog", name="Add a forge")
    expect(dialog).to_contain_text("Contents and Pull requests, each read and write")
    dialog.get_by_role("button", name="Own host").click()
    dialog.get_by_label("What it runs").select_option("github")
    assert complaints(page, "light") == []

    address, token = dialog.get_by_label("Address", exact=True), dialog.get_by_label("Token", exact=True)
    address.fill("http://127.0.0.1:9")
    token.fill("nobodys-token")
    add = dialog.get_by_role("button", name="Add", exact=True)
    add.click()
    expect(address).to_have_attribute("aria-invalid", "true")
    expect(dialog).to_contain_text("cannot be reached at http://127.0.0.1:9/api/v3")
    address.fill(f"{street.github.address}/")
    expect(dialog).to_contain_text(f"{street.github.address}/api/v3")
    add.click()
    expect(token).to_have_attribute("aria-invalid", "true")
    expect(dialog).to_contain_text("does not accept the token")
    page.screenshot(path=SCREENS / "forges-refused.png")
    token.fill(TOKEN)
    add.click()

    expect(card(page, street.github)).to_contain_text("Works as @shop-bot")
    assert complaints(page, "light") == []
    ask(page, "DELETE", f"/forges/{name_of(street.github)}")


def test_a_forge_is_checked_given_another_token_and_removed(seen: Seen, street: Street) -> None:
    page, name = street.page(seen), name_of(street.github)
    street.set_up(page, street.github)
    street.settings(page)
    forge = card(page, street.github)
    expect(forge).to_contain_text("Works as @shop-bot")
    street.github.world.tokens[TOKEN] = Rights(login="other-bot")
    forge.get_by_role("button", name="Check now").click()
    expect(forge).to_contain_text("Works as @other-bot")
    del street.github.world.tokens[TOKEN]
    forge.get_by_role("button", name="Check now").click()
    expect(forge).to_contain_text("It does not work")
    expect(forge).to_contain_text("does not accept the token")
    page.screenshot(path=SCREENS / "forges.png")

    street.github.world.tokens["another-token"] = Rights()
    forge.get_by_role("button", name="Replace token").click()
    dialog = page.get_by_role("dialog", name=f"New token for {name}")
    dialog.get_by_label("Token", exact=True).fill(TOKEN)
    dialog.get_by_role("button", name="Replace").click()
    expect(dialog.get_by_label("Token", exact=True)).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Token", exact=True).fill("another-token")
    dialog.get_by_role("button", name="Replace").click()
    expect(forge).to_contain_text("Works as @shop-bot")
    assert "another-token" not in page.content()

    forge.get_by_role("button", name=f"Remove {name}").click()
    page.get_by_role("dialog", name=f"Remove {name}?").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="No forge yet")).to_be_visible()
    street.github.world.tokens[TOKEN] = Rights()


def test_a_result_becomes_a_pull_request(seen: Seen, street: Street) -> None:
    page, forge, title = street.page(seen), street.github, "Make the price right"
    shop = street.shop(page, forge, "opened")
    task_of(page, street.service, forge.remote(shop), title)
    page.get_by_role("button", name="Open pull request").click()
    dialog = page.get_by_role("dialog", name="Open a pull request")
    expect(dialog).to_contain_text(f"a branch of {shop} on {name_of(forge)}")
    expect(dialog.get_by_label("Title")).to_have_value(title)
    expect(dialog.get_by_label("Into")).to_have_value("main")
    dialog.get_by_role("button", name="Preview").click()
    expect(dialog.get_by_role("table")).to_contain_text("python -m pytest -q")
    expect(dialog.get_by_role("region", name="Preview")).to_contain_text("Made by Journeyman")
    assert complaints(page, "light") == []
    page.screenshot(path=SCREENS / "pull-request-preview.png")
    dialog.get_by_role("button", name="Write").click()
    body = dialog.get_by_role("textbox", name="Description")
    body.fill(f"For the shop.\n\n{body.input_value()}")
    page.screenshot(path=SCREENS / "pull-request-new.png")
    dialog.get_by_label("Into").fill("nowhere")
    dialog.get_by_role("button", name="Open pull request").click()
    expect(dialog.get_by_role("alert")).to_contain_text("It was not opened")
    dialog.get_by_label("Into").fill("main")
    dialog.get_by_label("Title").fill("Each costs 7")
    dialog.get_by_role("switch", name="As a draft").click()
    dialog.get_by_role("button", name="Open a draft").click()

    dialog = page.get_by_role("dialog", name="Pull request", exact=True)
    expect(dialog).to_contain_text("Each costs 7")
    expect(dialog).to_contain_text("It has this result.")
    pull = forge.world.pulls[shop, 1]
    assert (pull.title, pull.draft, pull.base) == ("Each costs 7", True, "main")
    assert pull.body.startswith("For the shop.\n\n> ")
    link = dialog.get_by_role("link", name=f"Open on {name_of(forge)}")
    assert link.get_attribute("href") == f"{forge.address}/{shop}/pull/1"
    assert link.get_attribute("rel") == "noopener noreferrer" and link.get_attribute("target") == "_blank"
    page.screenshot(path=SCREENS / "pull-request-open.png")
    page.keyboard.press("Escape")
    expect(badge(page, shop, "Draft", "no checks")).to_be_visible()


def test_what_becomes_of_a_pull_request_is_seen_at_once(seen: Seen, street: Street) -> None:
    page, forge, title = street.page(seen), street.github, "Make it seven"
    shop = street.shop(page, forge, "followed")
    task_of(page, street.service, forge.remote(shop), title)
    task = page.url.rpartition("/")[2].partition("?")[0]
    ask(page, "POST", f"/tasks/{task}/pull-request", {"draft": True})
    pull = forge.world.pulls[shop, 1]
    listed = street.page(seen)
    listed.goto(street.service.address)
    expect(badge(row(listed, title), shop, "Draft", "no checks")).to_be_visible()
    pull.draft = False
    forge.world.check(shop, 1, "running")
    expect(badge(row(listed, title), shop, "Open", "checks are running")).to_be_visible()
    expect(badge(page, shop, "Open", "checks are running")).to_be_visible()
    shown = badge(row(listed, title), shop, "Open", "checks are running")
    assert shown.get_attribute("href") == f"{forge.address}/{shop}/pull/1"
    assert shown.get_attribute("rel") == "noopener noreferrer"
    assert complaints(listed, "light") == []

    page.get_by_role("textbox", name="Follow-up").fill("Give the 7 a name")
    page.get_by_role("region", name="Follow-up").get_by_role("button", name="Code").click()
    page.get_by_role("button", name="Bring up to date").click()
    expect(page.get_by_text("Pull request #1 is up to date", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Bring up to date")).to_have_count(0)
    assert "PRICE = 7" in forge.world.git(forge.world.bare(shop), "show", f"{pull.branch}:shop.py")

    forge.world.check(shop, 1, "passed")
    expect(badge(row(listed, title), shop, "Open", "checks pass")).to_be_visible()
    listed.screenshot(path=SCREENS / "home-pull-request.png")
    forge.world.merge(shop, 1)
    expect(badge(row(listed, title), shop, "Merged", "checks pass")).to_be_visible()
    expect(badge(page, shop, "Merged", "checks pass")).to_be_visible()
    dialog = take_over(page, "Pull request #1")
    expect(dialog).to_contain_text("It is merged.")
    page.screenshot(path=SCREENS / "pull-request-merged.png")


def test_without_a_forge_the_button_explains_itself(seen: Seen, street: Street, plain: str) -> None:
    page = street.page(seen)
    task_of(page, street.service, plain, "Nowhere to open it")
    expect(page.get_by_role("button", name="Take over")).to_be_visible()
    expect(page.get_by_role("button", name="Open pull request")).to_have_count(0)
    dialog = take_over(page, "Open pull request")
    expect(dialog).to_contain_text("No forge is set up for file://")
    page.screenshot(path=SCREENS / "pull-request-cannot.png")
    dialog.get_by_role("button", name="Push a branch instead").click()
    expect(page.get_by_role("dialog", name="Push a branch")).to_contain_text(plain)
    page.keyboard.press("Escape")
    take_over(page, "Open pull request").get_by_role("link", name="Set up a forge").click()
    expect(page.get_by_role("heading", level=1, name="Forges")).to_be_visible()


def test_a_member_sees_forges_and_changes_none(seen: Seen, street: Street) -> None:
    admin, forge = street.page(seen), street.github
    shop = street.shop(admin, forge, "of-a-member")
    page = invited(admin, seen, "member", "Pat")
    street.settings(page)
    expect(page.get_by_text("Works as @shop-bot")).to_be_visible()
    assert page.get_by_role("main").get_by_role("button").count() == 0
    task_of(page, street.service, forge.remote(shop), "Mine, and on a forge")
    expect(page.get_by_role("button", name="Open pull request")).to_be_visible()
    ask(admin, "DELETE", f"/forges/{name_of(forge)}")
    page.reload()
    dialog = take_over(page, "Open pull request")
    expect(dialog).to_contain_text(f"No forge is set up for {forge.address}")
    expect(dialog).to_contain_text("An administrator adds it in the settings.")
    expect(dialog.get_by_role("button", name="Push a branch instead")).to_be_visible()
    expect(dialog.get_by_role("link")).to_have_count(0)


def test_a_merge_request_in_chinese_in_the_dark_and_on_a_phone(seen: Seen, street: Street) -> None:
    page, forge, title = street.page(seen), street.gitlab, "On the other forge"
    shop = street.shop(page, forge, "merged")
    task_of(page, street.service, forge.remote(shop), title)
    address = page.url
    phone = street.page(seen, locale="zh-CN", color_scheme="dark", is_mobile=True, has_touch=True, viewport=PHONE)
    phone.goto(address)
    phone.get_by_role("button", name="创建合并请求").click()
    dialog = phone.get_by_role("dialog", name="创建合并请求")
    expect(dialog.get_by_label("标题")).to_have_value(title)
    assert phone.evaluate(WIDER) == []
    phone.screenshot(path=SCREENS / "pull-request-phone-zh-dark.png")
    dialog.get_by_role("button", name="创建合并请求").click()
    expect(phone.get_by_role("dialog", name="合并请求", exact=True)).to_contain_text(f"{shop} !1")
    assert complaints(phone, "dark") == []
    phone.keyboard.press("Escape")
    phone.goto(street.service.address)
    shown = row(phone, title).get_by_role("link", name=f"!1 开放中：{shop} 的合并请求，无检查")
    expect(shown).to_be_in_viewport()
    expect(shown).to_have_text("!1 开放中")
    assert phone.evaluate(WIDER) == []
    phone.screenshot(path=SCREENS / "home-pull-request-phone-zh-dark.png")
    forge.world.close(shop, 1)
    expect(row(phone, title).get_by_role("link", name="已关闭")).to_be_visible()

    names = [one["name"] for one in ask(page, "GET", "/forges")["forges"]]
    del forge.world.tokens[TOKEN]
    ask(page, "POST", f"/forges/{name_of(forge)}/check")
    forge.world.tokens[TOKEN] = Rights()
    street.settings(phone)
    settled(phone)
    for name in names:
        expect(phone.get_by_role("heading", level=2, name=name)).to_be_visible()
    expect(phone.get_by_text("不接受此令牌")).to_be_visible()
    assert phone.evaluate(WIDER) == []
    assert ENGLISH.findall(phone.evaluate(PROSE)) == []
    phone.screenshot(path=SCREENS / "forges-phone-zh-dark.png")
