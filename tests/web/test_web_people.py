"""Signing in, roles, environments and settings in a browser, on the real service; only the model is played."""

import json
import re
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.server.provider import CLIENT, SECRET, Provider, provider
from tests.web.conftest import ROOT, SCREENS, Seen
from tests.web.played import Model, Served, in_a_thread, served

PASSWORD = "a pass phrase of mine"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
SECTIONS = (
    "account",
    "tokens",
    "models",
    "forges",
    "schedules",
    "usage",
    "people",
    "quotas",
    "workers",
    "audit",
    "retention",
)
RUN_AXE = """async (only) => {
  const found = await axe.run(document, { runOnly: only, resultTypes: ["violations"] });
  return found.violations
    .filter((each) => each.impact === "serious" || each.impact === "critical")
    .map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(" | ")}`);
}"""
RULES = {"light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "dark": ["color-contrast"]}
"""In the dark only the colours are others."""

ENGLISH = re.compile(r"(?<![/\w-])[A-Za-z]{2,}(?:[ ’'-][a-z]{2,}){2,}")
"""Three words of English after one another: in another language nothing of ours has them. Parts of a path are none."""

WIDER = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("main *:not(nav *)")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .map((each) => each.outerHTML.slice(0, 200)).slice(0, 5)"""
"""What sticks out of a page that is wider than the screen."""

PROSE = """() => [...document.querySelectorAll("main *")]
  .filter((each) => !each.closest("pre, code, .font-mono, [translate=no]") && each.checkVisibility())
  .flatMap((each) => [...each.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE))
  .map((node) => node.data).join("\\n")"""
"""What a page says in words of its own: not code, and not what somebody wrote."""

COUNTED = """addEventListener("click", (event) => {
  if (event.isTrusted) localStorage.clicks = Number(localStorage.clicks ?? 0) + 1;
}, true)"""
"""Counts what somebody clicks on, from page to page."""

OPENID = """[server.openid]
issuer = "{issuer}"
client_id = "{client}"
client_secret_env = "OPENID_SECRET"
name = "Example"
"""


@dataclass(slots=True)
class House:
    """A service that people sign in to, and the browser state of its administrator."""

    service: Served
    provider: Provider
    admin: Any

    def page(self, seen: Seen, **options: object) -> Page:
        return seen.page(storage_state=self.admin, **options)


@pytest.fixture(scope="module")
def house(browser: Browser, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    home = tmp_path_factory.mktemp("house")
    with in_a_thread(lambda: provider(time.time())) as peer:
        settings = OPENID.format(issuer=peer.issuer, client=CLIENT)
        with served(home, model, settings=settings, environ={"OPENID_SECRET": SECRET}) as service:
            context = browser.new_context()
            context.add_init_script(COUNTED)
            page = context.new_page()
            join(page, service.join_link, "Ada Lovelace", "ada@example.org")
            expect(page).to_have_url(re.compile("/welcome$"))
            admin = context.storage_state()
            context.close()
            yield House(service, peer, admin)


def join(page: Page, link: str, name: str, email: str) -> None:
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.locator("input[type=email]").fill(email)
    page.locator("input[type=password]").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()


def ask(page: Page, method: str, path: str, body: object = None) -> Any:
    """What the API answers to the person whose page it is."""
    script = """async ([method, path, body]) => {
      const me = await (await fetch("/api/v1/session")).json();
      const headers = { "Content-Type": "application/json", "X-CSRF-Token": me.csrf };
      const answer = await fetch("/api/v1" + path, { method, headers, body: body ?? undefined });
      return [answer.status, await answer.text()];
    }"""
    status, text = page.evaluate(script, [method, path, json.dumps(body) if body is not None else None])
    assert status < 300, text
    return json.loads(text) if text else None


def invited(page: Page, seen: Seen, role: str, name: str) -> Page:
    """A page of somebody who joined by an invitation."""
    link = ask(page, "POST", "/invitations", {"role": role})["link"]
    theirs = seen.page()
    join(theirs, link, name, f"{name.lower()}@example.org")
    expect(theirs.get_by_role("button", name=name, exact=True)).to_be_visible()
    return theirs


def test_a_newcomer_comes_from_nothing_to_a_solved_task_in_three_clicks(seen: Seen, house: House) -> None:
    """The first one is behind them: joining by the link that the service printed led to this page."""
    page = house.page(seen)
    page.context.add_init_script(COUNTED)
    page.goto(f"{house.service.address}/welcome")
    expect(page.get_by_role("radio", name="box")).to_be_checked()
    page.screenshot(path=SCREENS / "welcome.png")
    page.get_by_role("button", name="Run the demonstration").click()
    expect(page.get_by_label("What the harness saw")).to_contain_text("Verified")
    expect(page.get_by_role("region", name="Changes", exact=True)).to_contain_text("max(end, last)")
    page.screenshot(path=SCREENS / "welcome-solved.png")
    assert page.evaluate("Number(localStorage.clicks)") <= 3


def test_signing_in_leads_to_where_one_wanted_to_go(seen: Seen, house: House) -> None:
    page = seen.page()
    page.goto(f"{house.service.address}/settings/models")
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    page.locator("input[type=email]").fill("ada@example.org")
    page.locator("input[type=password]").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("not right")).to_be_visible()
    page.screenshot(path=SCREENS / "sign-in.png")
    page.locator("input[type=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1, name="Models")).to_be_visible()
    page.get_by_role("button", name="Ada Lovelace").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    sign_in(page, house, "ada@example.org", PASSWORD, "?next=//else.example/")
    expect(page.get_by_role("textbox", name="Your task")).to_be_visible()
    assert page.url.startswith(house.service.address)
    page.goto(f"{house.service.address}/join#of-nobody")
    expect(page.get_by_role("heading", name="This invitation does not hold")).to_be_visible()


def test_signing_in_by_the_provider(seen: Seen, house: House) -> None:
    house.provider.claims = {
        "sub": "grace-1",
        "name": "Grace Hopper",
        "email": "grace@example.org",
        "email_verified": True,
    }
    page = seen.page()
    page.goto(f"{house.service.address}/settings/usage")
    page.get_by_role("link", name="Sign in with Example").click()
    expect(page.get_by_role("heading", level=1, name="Usage")).to_be_visible()
    expect(page.get_by_role("button", name="Grace Hopper")).to_be_visible()
    page.goto(f"{house.service.address}/settings/account")
    expect(page.get_by_label("New password")).to_be_visible()
    expect(page.get_by_label("Current password")).to_have_count(0)

    house.provider.claims = {"sub": "nobody-1", "name": "Nobody"}
    for locale, button, said in (
        ("en-US", "Sign in with Example", "The provider does not tell your e-mail address"),
        ("zh-CN", "通过 Example 登录", "提供方没有给出您的邮箱"),
    ):
        stranger = seen.page(locale=locale)
        stranger.goto(f"{house.service.address}/sign-in")
        stranger.get_by_role("link", name=button).click()
        expect(stranger).to_have_url(re.compile("/sign-in"))
        expect(stranger.get_by_role("alert")).to_contain_text(said)
        expect(stranger.get_by_role("link", name=button)).to_be_visible()


def sign_in(page: Page, house: House, email: str, password: str, more: str = "") -> None:
    page.goto(f"{house.service.address}/sign-in{more}")
    page.locator("input[type=email]").fill(email)
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_passwords_are_changed_and_replaced(seen: Seen, house: House) -> None:
    admin = house.page(seen)
    section(admin, house, "people")
    page = invited(admin, seen, "member", "Pat")
    elsewhere = seen.page()
    sign_in(elsewhere, house, "pat@example.org", PASSWORD)
    expect(elsewhere.get_by_role("button", name="Pat", exact=True)).to_be_visible()

    section(page, house, "account")
    for current, new, said in (
        ("not this one", "another phrase", "The current password is not right"),
        (PASSWORD, "short", "at least 10 characters"),
    ):
        page.get_by_label("Current password").fill(current)
        page.get_by_label("New password").fill(new)
        page.get_by_role("button", name="Set the password").click()
        expect(page.get_by_text(said)).to_be_visible()
    page.get_by_label("New password").fill("another phrase of mine")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("The password is changed", exact=True)).to_be_visible()
    elsewhere.reload()
    expect(elsewhere).to_have_url(re.compile("/sign-in"))
    sign_in(elsewhere, house, "pat@example.org", PASSWORD)
    expect(elsewhere.get_by_text("not right")).to_be_visible()

    admin.reload()
    admin.get_by_role("button", name="Actions for Pat").click()
    admin.get_by_role("menuitem", name="Link for a new password").click()
    dialog = admin.get_by_role("dialog", name="Send this link")
    link = re.search(r"http://\S+/join#[\w-]+", dialog.inner_text())
    assert link is not None, dialog.inner_text()
    forgetful = seen.page()
    forgetful.goto(link[0])
    expect(forgetful.get_by_role("heading", name="A new password")).to_be_visible()
    forgetful.locator("input[type=password]").fill("a third phrase of mine")
    forgetful.get_by_role("button", name="Set it").click()
    expect(forgetful.get_by_role("button", name="Pat", exact=True)).to_be_visible()
    page.reload()
    expect(page).to_have_url(re.compile("/sign-in"))
    sign_in(page, house, "pat@example.org", "a third phrase of mine")
    expect(page.get_by_role("button", name="Pat", exact=True)).to_be_visible()
    elsewhere.goto(link[0])
    expect(elsewhere.get_by_role("heading", name="This invitation does not hold")).to_be_visible()


def test_a_role_sees_and_does_what_is_its_own(seen: Seen, house: House) -> None:
    admin = house.page(seen)
    admin.goto(f"{house.service.address}/settings/people")
    viewer = invited(admin, seen, "viewer", "Vi")
    viewer.goto(f"{house.service.address}/settings/models")
    expect(viewer.get_by_role("heading", level=2, name="box")).to_be_visible()
    expect(viewer.get_by_role("button", name="Test")).to_have_count(0)
    nav = viewer.get_by_role("navigation", name="Settings")
    expect(nav.get_by_role("link")).to_have_text(["You", "Access tokens", "Models", "Forges", "Schedules", "Usage"])
    viewer.goto(f"{house.service.address}/settings/people")
    expect(viewer.get_by_text("This part is for administrators")).to_be_visible()
    viewer.goto(f"{house.service.address}/environments")
    expect(viewer.get_by_role("heading", level=1, name="Environments")).to_be_visible()
    settled(viewer)
    expect(viewer.get_by_role("button", name="New environment")).to_have_count(0)

    admin.reload()
    with admin.expect_response(lambda answer: answer.request.method == "PATCH"):
        admin.get_by_label("Role of Vi").select_option("member")
    viewer.reload()
    expect(viewer.get_by_role("button", name="New environment")).to_be_visible()
    admin.get_by_role("button", name="Actions for Vi").click()
    admin.get_by_role("menuitem", name="Disable").click()
    admin.get_by_role("button", name="Disable").click()
    expect(admin.get_by_text("disabled")).to_be_visible()
    viewer.reload()
    expect(viewer).to_have_url(re.compile("/sign-in"))


def test_an_environment_is_written_tried_and_reset(seen: Seen, house: House, repository: Path) -> None:
    page = house.page(seen)
    page.goto(f"{house.service.address}/environments")
    page.get_by_role("button", name="New environment").click()
    page.get_by_label("Name").fill("shop")
    page.get_by_label("Repository").fill(str(repository))
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("tab", name="Configuration")).to_have_attribute("data-state", "active")

    page.get_by_role("region", name="Set-up").get_by_label("Script").fill("echo from-the-trial; exit 3")
    page.get_by_label("Commands, one a line").fill("python -m pytest -q")
    page.get_by_role("button", name="Add a variable").click()
    page.get_by_label("Name", exact=True).fill("NOT-ONE")
    expect(page.get_by_text("Names of variables and secrets are")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("TZ")
    page.get_by_label("Value", exact=True).fill("UTC")
    page.get_by_role("button", name="Save and try set-up").click()
    expect(page.get_by_role("log", name="Output of the set-up")).to_contain_text("from-the-trial")
    expect(page.get_by_text("Set-up did not come to its end")).to_be_visible()

    page.get_by_role("button", name="File").click()
    file = page.get_by_label("The file")
    file.fill('checks = ["python -m pytest -q"]\n[setup]\nscrip = "echo"\n')
    expect(page.get_by_text("scrip").last).to_be_visible()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    file.fill('# mine\nchecks = ["python -m pytest -q"]\n[setup]\nscript = "echo ready > made; echo done-it"\n')
    page.get_by_role("button", name="Save and try set-up").click()
    page.get_by_role("tab", name="State").click()
    expect(page.get_by_text("1 test fails on base")).to_be_visible()
    expect(page.get_by_text("test_shop.py::test_price")).to_be_visible()
    expect(page.get_by_role("region", name="Layers that are ready").get_by_role("listitem").first).to_contain_text(
        "Ready"
    )
    page.screenshot(path=SCREENS / "environment-state.png")

    page.get_by_role("tab", name="Network").click()
    page.get_by_role("button", name="Run the self-test").click()
    expect(page.get_by_text("ways out were tried and stopped")).to_be_visible()
    page.screenshot(path=SCREENS / "environment-network.png")
    page.get_by_role("tab", name="Secrets").click()
    page.get_by_label("Name").fill("API_KEY")
    page.get_by_label("Value", exact=True).fill("opensesame")
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_role("button", name="Forget API_KEY")).to_be_visible()
    expect(page.get_by_text("opensesame")).to_have_count(0)

    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Reset").click()
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_text("thrown away").first).to_be_visible()
    page.get_by_role("tab", name="State").click()
    expect(page.get_by_text("Nothing is built yet")).to_be_visible()


def section(page: Page, house: House, name: str) -> None:
    page.goto(f"{house.service.address}/settings/{name}")


def test_models_and_people_are_set_up(seen: Seen, house: House) -> None:
    page = house.page(seen)
    section(page, house, "models")
    model = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="box"))
    model.get_by_role("button", name="Test").click()
    expect(model.get_by_role("status")).to_contain_text("Answered in")
    page.get_by_role("button", name="Add a model").click()
    page.get_by_label("Name", exact=True).fill("dear")
    page.get_by_label("Address").fill("http://127.0.0.1:9/v1")
    page.get_by_label("Model's name there").fill("dear-1")
    page.get_by_label("Input, per million").fill("1.25")
    page.get_by_label("Output, per million").fill("5")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="shared:dear")).to_be_visible()
    expect(page.get_by_text("$1.25")).to_be_visible()

    section(page, house, "people")
    page.get_by_label("New group").fill("Shop team")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("button", name="Delete Shop team")).to_be_visible()
    page.get_by_role("button", name="Invite somebody").click()
    page.get_by_label("Email address").fill("eve@example.org")
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_role("dialog", name="Send this link")).to_contain_text("/join#")
    page.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_role("region", name="Open invitations")).to_contain_text("eve@example.org")


def test_quotas_schedules_tokens_and_what_is_written_down(seen: Seen, house: House) -> None:
    page = house.page(seen)
    section(page, house, "quotas")
    page.get_by_role("button", name="New quota").click()
    page.get_by_label("Dollars a day").fill("5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="Each person")).to_contain_text("$5.00")

    section(page, house, "schedules")
    page.get_by_role("button", name="New schedule").click()
    page.get_by_label("Name", exact=True).fill("Nightly")
    page.get_by_label("What it asks for").fill("Fix what is flaky")
    page.get_by_label("Environment").select_option("")
    page.get_by_label("Repository").fill("https://git.example.org/shop.git")
    page.get_by_label("When (cron)").fill("61 * * * *")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is no cron expression")).to_be_visible()
    page.get_by_label("When (cron)").fill("0 3 * * *")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("next:")).to_be_visible()

    section(page, house, "tokens")
    page.get_by_role("button", name="New token").first.click()
    page.get_by_label("Name").fill("CI")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("dialog", name="Your new token")).to_contain_text(re.compile(r"\S{20,}"))
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_role("button", name="Revoke CI").click()
    expect(page.get_by_text("No token yet")).to_be_visible()

    section(page, house, "audit")
    page.get_by_label("Kind").select_option("token.")
    expect(page.get_by_role("row").filter(has_text="made a token").first).to_contain_text("Ada Lovelace")
    expect(page.get_by_role("row").filter(has_text="sign-in")).to_have_count(0)
    section(page, house, "workers")
    expect(page.get_by_text("at work", exact=True)).to_be_visible()
    section(page, house, "retention")
    page.get_by_role("button", name="Show what would go").click()
    expect(page.get_by_text("This would go:")).to_be_visible()
    section(page, house, "usage")
    expect(page.get_by_role("heading", level=1, name="Usage")).to_be_visible()


def all_pages(house: House) -> list[str]:
    paths = ["/environments", "/welcome", *[f"/settings/{section}" for section in SECTIONS]]
    return [f"{house.service.address}{path}" for path in paths]


def settled(page: Page) -> None:
    """Nothing is being fetched any more."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("main p[role=status] .animate-turn")).to_have_count(0)


@pytest.mark.parametrize("theme", RULES)
def test_axe_finds_nothing_serious(seen: Seen, house: House, theme: str) -> None:
    page = house.page(seen, color_scheme=theme, reduced_motion="reduce")
    stranger = seen.page(color_scheme=theme, reduced_motion="reduce")
    found: dict[str, list[str]] = {}
    wanted = [(page, each) for each in all_pages(house)] + [(stranger, f"{house.service.address}/sign-in")]
    for where, address in wanted:
        where.goto(address)
        settled(where)
        where.evaluate(AXE.read_text())
        if problems := where.evaluate(RUN_AXE, RULES[theme]):
            found[address.partition(str(house.service.port))[2]] = problems
    assert found == {}


def test_in_chinese_at_a_desk_and_on_a_phone_in_the_dark(seen: Seen, house: House) -> None:
    page = house.page(seen, locale="zh-CN", color_scheme="dark")
    english: dict[str, list[str]] = {}
    for address in all_pages(house):
        for width, height in ((1440, 900), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            if width > 400:
                page.goto(address)
            settled(page)
            assert page.locator("html").get_attribute("lang") == "zh"
            assert page.evaluate(WIDER) == [], (address, width)
        assert re.search(r"[\u4e00-\u9fff]", page.get_by_role("heading", level=1).inner_text()), address
        english |= {address: left} if (left := ENGLISH.findall(page.evaluate(PROSE))) else {}
    assert english == {}
    section(page, house, "people")
    settled(page)
    expect(page.get_by_role("button", name="邀请他人")).to_be_visible()
    page.screenshot(path=SCREENS / "people-phone-zh-dark.png")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.screenshot(path=SCREENS / "people-zh-dark.png")
