"""Charts as SVG, small enough to stand in a page: nothing is loaded, and no text goes in that is not escaped."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from journeyman.evals.statistics import Share

WIDTH = 640
LEFT = 170
"""Room for labels at the left, in pixels."""


def _svg(height: int, parts: Sequence[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-label="{escape(label, quote=True)}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "label") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def intervals(shares: Mapping[str, Share]) -> str:
    """A point with its interval on a line from 0 to 100 % for each share."""
    room, parts = WIDTH - LEFT - 60, list[str]()
    bottom = 30 * len(shares) + 8
    for tick in range(0, 101, 20):
        x = LEFT + room * tick / 100
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="4" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(_text(x, bottom + 15, f"{tick} %", "middle", "axis"))
    for number, (name, share) in enumerate(shares.items()):
        y = 20 + 30 * number
        parts.append(_text(LEFT - 8, y + 4, name[:26], "end"))
        if share.rate is None or share.low is None or share.high is None:
            continue
        low, high, x = (LEFT + room * value for value in (share.low, share.high, share.rate))
        parts.append(f'<line class="range" x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}"/>')
        parts.append(f'<circle class="point" cx="{x:.1f}" cy="{y}" r="5"/>')
        parts.append(_text(WIDTH - 52, y + 4, f"{100 * share.rate:.1f} %"))
    return _svg(bottom + 22, parts, "Shares with their 95 % intervals")


def bars(counts: Mapping[str, int]) -> str:
    """A bar for each count."""
    most, parts = max(counts.values(), default=1), list[str]()
    for number, (name, count) in enumerate(counts.items()):
        y, width = 6 + 26 * number, (WIDTH - LEFT - 60) * count / most
        kind = "good" if name == "solved" else "bad" if name == "false verified" else "bar"
        parts.append(_text(LEFT - 8, y + 14, name, "end"))
        parts.append(f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="18" rx="3"/>')
        parts.append(_text(LEFT + width + 6, y + 14, str(count)))
    return _svg(26 * len(counts) + 12, parts, "How the tasks ended")


def scatter(points: Sequence[tuple[float, float, bool, str]]) -> str:
    """Seconds and tokens of each task on logarithmic axes; (x, y, solved, name)."""
    height, parts = 300, list[str]()
    xs = [math.log10(max(x, 0.1)) for x, *_ in points]
    ys = [math.log10(max(y, 1.0)) for _, y, *_ in points]
    if not points:
        return _svg(20, [_text(0, 14, "No attempt is over yet.")], "Time and tokens")
    left, right = math.floor(min(xs)), max(math.ceil(max(xs)), math.floor(min(xs)) + 1)
    low, high = math.floor(min(ys)), max(math.ceil(max(ys)), math.floor(min(ys)) + 1)

    def across(value: float) -> float:
        return 70 + (WIDTH - 90) * (value - left) / (right - left)

    def up(value: float) -> float:
        return height - 40 - (height - 60) * (value - low) / (high - low)

    for tick in range(left, right + 1):
        parts.append(f'<line class="grid" x1="{across(tick):.1f}" y1="20" x2="{across(tick):.1f}" y2="{height - 40}"/>')
        parts.append(_text(across(tick), height - 22, f"{10.0**tick:g} s", "middle", "axis"))
    for tick in range(low, high + 1):
        parts.append(f'<line class="grid" x1="70" y1="{up(tick):.1f}" x2="{WIDTH - 20}" y2="{up(tick):.1f}"/>')
        parts.append(_text(64, up(tick) + 4, f"{10.0**tick:,.0f}", "end", "axis"))
    parts.append(_text(WIDTH / 2, height - 4, "seconds of the attempt, tokens of the task upwards", "middle", "axis"))
    for x, y, (_, _, solved, name) in zip(xs, ys, points, strict=True):
        kind = "good" if solved else "miss"
        title = f"<title>{escape(name)}</title>"
        parts.append(f'<circle class="{kind}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="4">{title}</circle>')
    return _svg(height, parts, "Time and tokens of each task")


def curve(seconds: Sequence[float], of: int) -> str:
    """The share of `of` tasks that were solved within so many seconds, on a logarithmic axis; `seconds` are those of
    the solved ones."""
    height, parts = 300, list[str]()
    if not seconds or not of:
        return _svg(20, [_text(0, 14, "Nothing is solved yet.")], "Solved within so many seconds")
    times = sorted(max(one, 0.1) for one in seconds)
    left = math.floor(math.log10(times[0]))
    right = max(math.ceil(math.log10(times[-1])), left + 1)

    def across(value: float) -> float:
        return 60 + (WIDTH - 80) * (math.log10(value) - left) / (right - left)

    def up(share: float) -> float:
        return height - 40 - (height - 60) * share

    for tick in range(left, right + 1):
        x = across(10.0**tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="20" x2="{x:.1f}" y2="{height - 40}"/>')
        parts.append(_text(x, height - 22, f"{10.0**tick:g} s", "middle", "axis"))
    for tick in range(0, 101, 20):
        y = up(tick / 100)
        parts.append(f'<line class="grid" x1="60" y1="{y:.1f}" x2="{WIDTH - 20}" y2="{y:.1f}"/>')
        parts.append(_text(54, y + 4, f"{tick} %", "end", "axis"))
    path = [f"M{across(10.0**left):.1f} {up(0):.1f}"]
    path += [f"H{across(time):.1f} V{up(number / of):.1f}" for number, time in enumerate(times, 1)]
    parts.append(f'<path class="curve" d="{" ".join(path)} H{across(10.0**right):.1f}"/>')
    parts.append(_text(WIDTH / 2, height - 4, "seconds of the attempt that was handed over", "middle", "axis"))
    return _svg(height, parts, "Solved within so many seconds")
