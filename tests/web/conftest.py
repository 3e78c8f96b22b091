import importlib.util
import shutil
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.web.played import READY, Model, Served, played_model, served, shop

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / "build" / "screens"
"""What the tests saw, to be looked at."""

CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # For each window a process would be started that draws suggestions below an address bar which nobody sees.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",
]


@pytest.fixture
def web() -> ModuleType:
    spec = importlib.util.spec_from_file_location("web_script", ROOT / "scripts" / "web.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """Of a module and not of all: while it lives there is a running event loop, which no other test may meet."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: scripts/setup --dev installs it where it can")
    expect.set_options(timeout=READY * 1000)
    SCREENS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def model() -> Generator[Model]:
    with played_model() as model:
        yield model


@pytest.fixture(scope="session")
def service(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    """One that nobody signs in to."""
    with served(tmp_path_factory.mktemp("home"), model, "--no-auth") as service:
        yield service


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop(tmp_path_factory.mktemp("work") / "shop")


@pytest.fixture(autouse=True)
def open_gate(request: pytest.FixtureRequest) -> Generator[None]:
    """No test leaves the model held for the next one."""
    yield
    if "model" in request.fixturenames:
        request.getfixturevalue("model").gate.set()


class Seen:
    """Pages of browsers, and what went wrong in them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    def page(self, **options: object) -> Page:
        """A page of a new person's browser."""
        context = self._browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})  # type: ignore[arg-type]
        context.set_default_timeout(READY * 1000)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._heard)
        return page

    def _heard(self, message: object) -> None:
        text: str = message.text  # type: ignore[attr-defined]
        if "Content Security Policy" in text or "Content-Security-Policy" in text:
            self.problems.append(text)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def seen(browser: Browser) -> Generator[Seen]:
    """Ends with a failure where a page broke, or tried what its policy does not let through."""
    seen = Seen(browser)
    yield seen
    seen.close()
    assert seen.problems == []
