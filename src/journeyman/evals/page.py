"""The page of a run: one file that loads nothing and runs nothing, with every attempt's log.

All that models, repositories and programs wrote is text in it; a policy in its head forbids whatever else a browser
might still be made to do. An attempt's log opens when its link is followed, since the link leads to what is in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from journeyman.core.text import counted, plain
from journeyman.evals import charts, words
from journeyman.evals.outcome import Outcome
from journeyman.evals.report import Cascade, Report

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light dark; --ground: #fcfcfd; --card: #fff; --text: #1c2024; --quiet: #60646c; --line: #dfe2e6;
  --good: #218358; --bad: #c62a2f; --bar: #3b6fb6; --soft: #e6eefa; }
@media (prefers-color-scheme: dark) { :root { --ground: #111214; --card: #18191c; --text: #edeef0; --quiet: #b0b4ba;
  --line: #33363b; --good: #4cc38a; --bad: #ff8b8b; --bar: #7ab5ff; --soft: #1d2b3f; } }
* { box-sizing: border-box; }
body { background: var(--ground); color: var(--text); font: 15px/1.55 system-ui, sans-serif; max-width: 76rem;
  margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2.4rem 0 .8rem; } h3 { font-size: .95rem; margin: 0 0 .5rem; }
a { color: var(--bar); } p { margin: .4rem 0; }
.quiet { color: var(--quiet); } .good-text { color: var(--good); } .bad-text { color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin: 1.4rem 0; }
.tile, .chart { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
.tile b { display: block; font-size: 1.6rem; line-height: 1.3; font-variant-numeric: tabular-nums; font-weight: 650; }
.tile span { color: var(--quiet); font-size: .85rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: .8rem; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .45rem .8rem; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; } th { color: var(--quiet); font-weight: 550; font-size: .85rem; }
td.n, th.n { text-align: right; white-space: nowrap; } td.name { overflow-wrap: anywhere; min-width: 12rem; }
.tries a { display: inline-block; margin-right: .5rem; white-space: nowrap; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 12px/1.5 ui-monospace, monospace; background: var(--card);
  border: 1px solid var(--line); border-radius: .4rem; padding: .7rem .9rem; max-height: 40rem; overflow-y: auto; }
code { font: 12px/1.5 ui-monospace, monospace; }
details { border-bottom: 1px solid var(--line); padding: .35rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
:target { scroll-margin-top: 3rem; }
svg { display: block; width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--text); }
svg .axis { fill: var(--quiet); } .grid { stroke: var(--line); } .range { stroke: var(--bar); stroke-width: 4;
  stroke-linecap: round; opacity: .45; } .point { fill: var(--bar); } .curve { fill: none; stroke: var(--bar);
  stroke-width: 2.5; } .good { fill: var(--good); } .bad { fill: var(--bad); } .bar { fill: var(--bar); }
.miss { fill: none; stroke: var(--bad); stroke-width: 1.8; }
@media print { pre { max-height: none; } }
"""


def page(report: Report, outcomes: Sequence[Outcome], logs: Mapping[str, str], server: str | None = None) -> str:
    """The page of a run. `logs` are texts by attempt; with the address of a `server` tasks are linked there too."""
    plan = report.plan
    title = f"{plan.name}: {plan.set} with {plan.model}"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY, quote=True)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_said(title)}</title><style>{STYLE}</style></head><body>",
        f'<header><h1>{_said(title)}</h1><p class="quiet">{_said(_about(report))}</p></header>',
        f'<section class="tiles">{"".join(_tiles(report))}</section>',
        f'<section class="charts">{"".join(_charts(report))}</section>',
        _stages(report.cascade) if report.cascade is not None else "",
        "<h2>Tasks</h2>",
        _table(report, outcomes),
        "<h2>Attempts</h2>",
        *(_attempt(outcome, logs.get(outcome.attempt_id), server) for outcome in outcomes),
        "<h2>All figures</h2>",
        f"<pre>{_said(chr(10).join(words.report_lines(report)))}</pre>",
        "</body></html>",
    ]
    return "\n".join(filter(None, parts)) + "\n"


def _said(text: str) -> str:
    """Text of anybody, made harmless."""
    return escape(plain(text), quote=True)


def _about(report: Report) -> str:
    plan = report.plan
    when = datetime.fromtimestamp(plan.created, UTC).strftime("%Y-%m-%d %H:%M UTC") if plan.created else ""
    parts = [
        f"{report.done} of {counted(plan.tasks, 'task')} done",
        counted(plan.attempts, "attempt") + " each",
        f"strategy {plan.strategy}" if plan.strategy else "the model's own strategy",
        when,
        f"Journeyman {plan.version}" if plan.version else "",
        f"set {plan.digest}",
    ]
    return " · ".join(filter(None, parts))


def _tiles(report: Report) -> Iterator[str]:
    """The figures that are looked for first."""

    def tile(name: str, figure: str, more: str) -> str:
        return f"<div class=tile><span>{_said(name)}</span><b>{_said(figure)}</b><span>{_said(more)}</span></div>"

    solved, false, each = report.solved, report.false_verified, report.per_solved
    yield tile("solved", f"{solved.count} of {solved.of}", _interval(solved.rate, solved.low, solved.high))
    yield tile("false “verified”", f"{false.count} of {false.of}", _interval(false.rate, false.low, false.high))
    if report.pass_at and report.pass_at[-1].k > 1:
        last = report.pass_at[-1]
        yield tile(f"pass@{last.k}", words.percent(last.value), f"unbiased, n = {last.n}")
    yield tile(
        "a solved task takes", words.time(each.median_seconds), f"median; of all {words.time(report.median_seconds)}"
    )
    yield tile(
        "tokens of a solved task", words.number(each.median_tokens), f"with failures {words.number(each.tokens)}"
    )
    yield tile("cost of a solved task", words.money(each.cost), "with what failures cost")


def _interval(rate: float | None, low: float | None, high: float | None) -> str:
    if rate is None or low is None or high is None:
        return "nothing is known yet"
    return f"{words.percent(rate)}, 95 % interval {100 * low:.1f}–{words.percent(high)}"


def _charts(report: Report) -> Iterator[str]:
    def chart(title: str, drawing: str) -> str:
        return f"<div class=chart><h3>{_said(title)}</h3>{drawing}</div>"

    shares = {"solved": report.solved, "verified": report.verified, "false verified": report.false_verified}
    yield chart("Shares of the tasks, with Wilson’s 95 % intervals", charts.intervals(shares))
    yield chart("How the tasks ended", charts.bars(report.failures))
    solved = [row.seconds for row in report.rows if row.solved]
    yield chart("Solved within so many seconds", charts.curve(solved, report.solved.of))
    points = [(row.seconds, float(row.tokens), bool(row.solved), row.instance) for row in report.rows if row.task_id]
    yield chart("Seconds and tokens of each task (filled: solved)", charts.scatter(points))


def _stages(cascade: Cascade) -> str:
    """What each model of a cascade was asked and came to, and the cost against the last one alone."""
    head = "<tr><th>model</th><th class=n>asked</th><th class=n>ended with it</th><th class=n>of these right</th>"
    head += "<th class=n>seconds</th><th class=n>tokens</th><th class=n>cost</th></tr>"
    rows = "".join(
        f"<tr><td>{_said(stage.model)} <span class=quiet>{_said(stage.strategy)}</span></td>"
        f"<td class=n>{stage.asked}</td><td class=n>{stage.ended}</td><td class=n>{stage.solved}</td>"
        f"<td class=n>{stage.seconds:,.1f}</td>"
        f"<td class=n>{stage.tokens:,}</td><td class=n>{_said(words.money(stage.cost))}</td></tr>"
        for stage in cascade.stages
    )
    said = words.cascade_words(cascade)
    return f"<h2>The cascade</h2><div class=wide><table>{head}{rows}</table></div><p>As a whole {_said(said)}.</p>"


def _table(report: Report, outcomes: Sequence[Outcome]) -> str:
    head = "<tr><th>task</th><th>solved</th><th>attempts</th><th>verdict</th><th>how it ended</th>"
    head += "<th class=n>seconds</th><th class=n>tokens</th><th class=n>cost</th></tr>"
    tries: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        tries.setdefault(outcome.instance, []).append(outcome)
    rows: list[str] = []
    for row in report.rows:
        mark = "?" if row.solved is None else "yes" if row.solved else "no"
        kind = "quiet" if row.solved is None else "good-text" if row.solved else "bad-text"
        said = f'<br><span class="quiet">{_said(row.message[:300])}</span>' if row.message else ""
        links = "".join(map(_link, sorted(tries.get(row.instance, []), key=lambda one: one.number)))
        rows.append(
            f'<tr><td class=name>{_said(row.instance)}</td><td class="{kind}">{mark}</td><td class=tries>{links}</td>'
            f"<td>{_said(row.verdict)}</td><td>{_said(row.failure)}{said}</td><td class=n>{row.seconds:.1f}</td>"
            f"<td class=n>{row.tokens:,}</td><td class=n>{_said(words.money(row.cost))}</td></tr>"
        )
    return f"<div class=wide><table>{head}{''.join(rows)}</table></div>"


def _link(outcome: Outcome) -> str:
    """To the log of an attempt, with what the grader said of it."""
    mark = "?" if outcome.grade.solved is None else "✓" if outcome.solved else "✗"
    told = f"attempt {outcome.number}: {outcome.failure}" + (", handed over" if outcome.chosen else "")
    return f'<a href="#{_anchor(outcome.attempt_id)}" title="{_said(told)}">#{outcome.number} {mark}</a>'


def _attempt(outcome: Outcome, log: str | None, server: str | None) -> str:
    """The log of an attempt, folded, with what the grader said."""
    head = f"{outcome.instance} #{outcome.number}: {outcome.failure}, {outcome.verdict}, {outcome.seconds:.1f} s"
    head += ", handed over" if outcome.chosen else ""
    link = ""
    if server is not None:
        address = f"{server.rstrip('/')}/tasks/{quote(outcome.task_id, safe='')}"
        link = f' <a href="{escape(address, quote=True)}" rel="noreferrer">on the server</a>'
    grader = outcome.grade.output or "The grader wrote nothing."
    if outcome.grade.failed:
        grader = f"did not pass: {', '.join(outcome.grade.failed)}\n\n{grader}"
    command = f"journeyman log {outcome.task_id} --attempt {outcome.number}"
    shown = log if log is not None else "The log is not in this store any more."
    return (
        f'<details><summary>{_said(head)}</summary><div id="{_anchor(outcome.attempt_id)}">'
        f"<p><code>{_said(command)}</code>{link}</p><pre>{_said(shown)}</pre>"
        f"<p>What the grader said:</p><pre>{_said(grader)}</pre></div></details>"
    )


def _anchor(attempt_id: str) -> str:
    return "attempt-" + "".join(letter if letter.isalnum() else "-" for letter in attempt_id)
