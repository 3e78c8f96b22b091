"""Pictures of the pages of the stage; see `scripts/screenshots`."""

import argparse
import base64
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.web import stories
from tests.web.conftest import CHROMIUM, ROOT
from tests.web.played import READY
from tests.web.stage import Stage, staged

DOCS = ROOT / "docs" / "images"
WIDE, PHONE = (1280, 800), (390, 844)
TO_WEBP = """async (address) => {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/webp", 0.9);
}"""
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


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    theme: str = "light"
    language: str = "en-US"
    size: tuple[int, int] = WIDE


def pages(stage: Stage) -> dict[str, str]:
    """The addresses of the pages by their names."""

    def task(prompt: str, tab: str = "") -> str:
        return f"/tasks/{stage.tasks[prompt]}{'?tab=' + tab if tab else ''}"

    found = {"home": "/", "welcome": "/welcome", "environments": "/environments"}
    found |= {f"task-{tab}": task(stories.FIX, tab) for tab in ("changes", "checks", "terminal", "files", "details")}
    found |= {"task": task(stories.FIX), "attempts": f"{task(stories.FIX)}/attempts", "ask": task(stories.GRAPH)}
    found |= {"review": task(stories.REVIEW), "running": task(stories.TYPES), "failed": task(stories.FASTER)}
    found |= {"waiting": task(stories.BUDGET), "refused": task(stories.REFUSED, "details")}
    tabs = ("state", "edit", "network", "secrets")
    found |= {f"environment-{tab}": f"/environments/opening-hours?tab={tab}" for tab in tabs}
    return found | {f"settings-{section}": f"/settings/{section}" for section in SECTIONS}


@contextmanager
def looking(browser: Browser, stage: Stage, look: Look, scale: float = 1) -> Iterator[Page]:
    width, height = look.size
    phone = width < 600
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if look.theme == "dark" else "light",
        locale=look.language,
        reduced_motion="reduce",
        device_scale_factor=scale,
        is_mobile=phone,
        has_touch=phone,
    )
    context.set_default_timeout(READY * 1000)
    context.add_cookies(stage.cookies)
    yield context.new_page()
    context.close()


def shoot(page: Page, stage: Stage, path: str) -> bytes:
    """The page as PNG, once all of it is there."""
    page.goto(f"{stage.address}{path}")
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    expect(page.locator("main [role=status] .animate-turn")).to_have_count(0)
    for _ in range(page.locator("iframe[title]:visible").count()):
        expect(page.frame_locator("iframe[title]").locator("svg")).to_be_visible()
    if "tab=changes" in path:
        expect(page.locator("main .tok-keyword").first).to_be_visible()
    page.evaluate("document.fonts.ready")
    return page.screenshot()


def for_docs(browser: Browser, stage: Stage) -> None:
    """The pictures of the documentation, small."""
    known = pages(stage)
    DOCS.mkdir(parents=True, exist_ok=True)
    wanted = {
        "home": ("home", Look()),
        "task": ("task-changes", Look()),
        "checks": ("task-checks", Look()),
        "attempts": ("attempts", Look(theme="dark")),
        "ask": ("ask", Look()),
        "home-zh-dark": ("home", Look("dark", "zh-CN")),
        "phone": ("task", Look(size=PHONE)),
        "usage": ("settings-usage", Look()),
    }
    for name, (page_name, look) in wanted.items():
        with looking(browser, stage, look) as page:
            picture = as_webp(browser, shoot(page, stage, known[page_name]))
        (DOCS / f"{name}.webp").write_bytes(picture)


def as_webp(browser: Browser, picture: bytes) -> bytes:
    """The picture as WebP, a fifth of the bytes: the browser that made it knows how."""
    page = browser.new_page()
    address = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    made: str = page.evaluate(TO_WEBP, address)
    page.close()
    return base64.b64decode(made.partition(",")[2])


def all_of(browser: Browser, stage: Stage, folder: Path) -> None:
    for theme in ("light", "dark"):
        for language in ("en-US", "zh-CN"):
            for size in (WIDE, PHONE):
                with looking(browser, stage, Look(theme, language, size)) as page:
                    into = folder / f"{theme}-{language[:2]}-{size[0]}"
                    into.mkdir(parents=True, exist_ok=True)
                    for name, path in pages(stage).items():
                        (into / f"{name}.png").write_bytes(shoot(page, stage, path))


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("--all", type=Path, metavar="DIR", help="every page in every look, into this folder")
    folder: Path | None = parser.parse_args().all
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("chromium is not installed: scripts/setup --dev installs it where it can.")
    expect.set_options(timeout=READY * 1000)
    with (
        tempfile.TemporaryDirectory(prefix="shop-") as temporary,
        staged(Path(temporary)) as stage,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM)
        if folder is None:
            for_docs(browser, stage)
        else:
            all_of(browser, stage, folder)
        browser.close()


if __name__ == "__main__":
    main()
