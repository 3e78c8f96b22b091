"""How fast the web app is in a browser, on loopback, beside a floor for each figure.

first page      milliseconds until it paints, until one can type, and for how long its scripts held the page up; the
                floor is an empty page of the same service
script          kilobytes of compressed script that the first page and a task's page load by themselves, without the
                colours of code, diagrams and the player, which come when they are needed
long task       a task of 50,000 events: milliseconds until its answer is there; then its terminal and its work log are
                scrolled through at 3,000 pixels a frame: the frames' median, 95th percentile and longest, long tasks
                (over 50 ms), and the most elements there are at a time. The floor scrolls an empty page as far.
"""

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from api import add_task, step
from playwright.async_api import Browser, Page, async_playwright, expect

from journeyman.core.events import Replied, Stopped
from journeyman.core.model import say
from journeyman.store import open_store, this_process

EVENTS = 50_000
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EMPTY = "<!doctype html><title>Empty</title><textarea></textarea><div style='height: 900000px'></div>"

WATCH = """
window.held = 0;
new PerformanceObserver(list => { for (const one of list.getEntries()) window.held += one.duration - 50; })
  .observe({type: "longtask", buffered: true});
window.typed = new Promise(resolve => {
  const look = () => {
    if (document.querySelector("textarea")) setTimeout(() => resolve(performance.now()));
    else requestAnimationFrame(look);
  };
  look();
});
"""
"""Told from before the page's own scripts: when there is a box to write in and the scripts have let go of the page."""

SCROLL = """
async ([selector, pixels, frames]) => {
  const box = selector ? document.querySelector(selector) : document.scrollingElement;
  let long = 0, most = 0;
  const observer = new PerformanceObserver(list => { long += list.getEntries().length; });
  observer.observe({type: "longtask"});
  const took = [];
  let last = performance.now();
  for (let number = 0; number < frames; number++) {
    box.scrollTop += number % 40 < 30 ? pixels : -pixels;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    took.push(now - last);
    last = now;
    if (number % 20 === 0) most = Math.max(most, document.querySelectorAll("*").length);
  }
  observer.disconnect();
  return {took, long, most};
}
"""


SCRIPTS = """
performance.getEntriesByType("resource").filter(one => one.name.endsWith(".js"))
  .map(one => [one.name, one.encodedBodySize])
"""
HEAVY = re.compile(r"/(diagram|player|engine-javascript|core|python|mermaid)-")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Milliseconds from the start of the navigation."""

    painted: float
    typed: float
    held: float


async def fill(home: Path) -> None:
    async with open_store(home) as store:
        await add_task(store, "0long")
        async with store.claim("0long.1.1", this_process()) as log:
            await log.set_status("running")
            for number in range(1, EVENTS // 3, 200):
                await log.append(*(event for each in range(200) for event in step(number + each)))
            await log.append(Replied(reply=say("That was long."), seconds=1.0), Stopped(reason="finished"))
            await log.set_status("done", "verified")
        await store.update_task("0long", status="done", chosen="0long.1.1")


async def loaded(browser: Browser, address: str) -> Loaded:
    """A page that a new browser opens: nothing of it is kept from before."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    await page.add_init_script(WATCH)
    if address.startswith("empty "):
        await page.route("**/empty", lambda route: route.fulfill(content_type="text/html", body=EMPTY))
        address = f"{address.partition(' ')[2]}/empty"
    await page.goto(address, wait_until="load")
    typed: float = await page.evaluate("window.typed")
    await page.locator("textarea").first.fill("Fix it")
    painted: float = await page.evaluate("performance.getEntriesByType('paint').at(-1)?.startTime ?? 0")
    held: float = await page.evaluate("window.held")
    await context.close()
    return Loaded(painted, typed, held)


async def scrolled(page: Page, name: str, selector: str | None, frames: int) -> None:
    found = await page.evaluate(SCROLL, [selector, 3000, frames])
    took = sorted(found["took"])
    middle, most = statistics.median(took), took[-1]
    last = took[int(len(took) * 0.95)]
    print(f"{name:24} {middle:8.1f} {last:8.1f} {most:8.1f} {found['long']:10} {found['most']:9}")


async def first_page(browser: Browser, address: str, times: int) -> None:
    print(f"{'first page (ms)':24} {'painted':>8} {'can type':>8} {'held up':>8}")
    for name, where in (("the web app", address), ("an empty page", f"empty {address}")):
        seen = [await loaded(browser, where) for _ in range(times)]
        painted, typed, held = (
            statistics.median(getattr(one, key) for one in seen) for key in ("painted", "typed", "held")
        )
        print(f"{name:24} {painted:8.0f} {typed:8.0f} {held:8.0f}")


async def script(browser: Browser, address: str) -> None:
    print(f"\n{'script (kB)':24} {'loaded':>8} {'files':>8}")
    for name, path in (("the first page", "/"), ("a task's page", "/tasks/0long?tab=terminal")):
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        page = await context.new_page()
        await page.goto(f"{address}{path}", wait_until="load")
        # The network is never idle: the page follows the list.
        last = page.get_by_role("button", name="Code" if path == "/" else "pytest")
        await last.first.wait_for()
        await expect(page.locator("main [role=status] .animate-turn")).to_have_count(0)
        sizes = [one for one in await page.evaluate(SCRIPTS) if not HEAVY.search(one[0])]
        print(f"{name:24} {sum(size for _, size in sizes) / 1000:8.1f} {len(sizes):8}")
        await context.close()


async def long_task(browser: Browser, address: str, frames: int) -> None:
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    await page.goto(f"{address}/tasks/0long?tab=terminal")
    await page.get_by_text("That was long.").wait_for()
    opened: float = await page.evaluate("performance.now()")
    await page.get_by_role("button", name="pytest").first.wait_for()
    commands: float = await page.evaluate("performance.now()")
    print(f"\na task of {EVENTS:,} events: its answer after {opened:.0f} ms, its commands after {commands:.0f} ms")
    print(f"{'frames (ms)':24} {'median':>8} {'95 %':>8} {'longest':>8} {'long tasks':>10} {'elements':>9}")
    await scrolled(page, "terminal", "[role=tabpanel][data-state=active] .overflow-y-auto", frames)
    await page.get_by_role("button", name="Worked for").click()
    await page.locator("[role=log] [data-index]").nth(6).wait_for()
    await scrolled(page, "work log", "[role=log]", frames)
    empty = await context.new_page()
    await empty.set_content(EMPTY)
    await scrolled(empty, "an empty page", None, frames)
    await context.close()


async def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench web", description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="how often the first page is opened")
    parser.add_argument("--frames", type=int, default=400, help="how many frames are scrolled")
    arguments = parser.parse_args()
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("chromium is not installed: scripts/setup --dev installs it where it can.")
    with tempfile.TemporaryDirectory(prefix="web-") as temporary:
        home = Path(temporary)
        await fill(home)
        service = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("journeyman")), "serve", "--no-auth", "--no-worker", "--port", "0"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "JOURNEYMAN_HOME": str(home)},
        )
        try:
            assert service.stdout is not None
            address = (await service.stdout.readline()).decode().partition(" serves at ")[2].split()[0]
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
                await first_page(browser, address, arguments.times)
                await script(browser, address)
                await long_task(browser, address, arguments.frames)
                await browser.close()
        finally:
            service.terminate()
            await service.wait()


asyncio.run(main())
