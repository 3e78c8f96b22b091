"""A run as one page of HTML: it loads nothing and runs nothing, and whatever models and repositories wrote is text."""

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote

from journeyman.core.text import plain
from journeyman.evals import charts, words
from journeyman.evals.outcome import Outcome
from journeyman.evals.report import Report

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #2a7d4f; --bad: #b3261e; --bar: #5b7db1; --quiet: #777; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 12px/1.45 ui-monospace, monospace;
  border: 1px solid var(--line); padding: .6rem; }
details { margin: .4rem 0; } summary { cursor: pointer; }
svg { max-width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
.grid { stroke: var(--line); } .range { stroke: var(--bar); stroke-width: 4; } .point { fill: var(--bar); }
.good { fill: var(--good); } .bad { fill: var(--bad); } .bar { fill: var(--bar); }
.miss { fill: none; stroke: var(--bad); stroke-width: 1.5; }
.yes { color: var(--good); } .no { color: var(--bad); } .quiet { color: var(--quiet); }
"""


def page(report: Report, outcomes: Sequence[Outcome], logs: Mapping[str, str], server: str | None = None) -> str:
    """The page of a run. `logs` are texts by attempt; with the address of a `server` tasks are linked there too."""
    plan = report.plan
    title = f"{plan.name}: {plan.set} with {plan.model}"
    figures = "\n".join(list(words.report_lines(report))[1:])
    shares = {"solved": report.solved, "verified": report.verified, "false verified": report.false_verified}
    points = [(row.seconds, float(row.tokens), bool(row.solved), row.instance) for row in report.rows if row.task_id]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY, quote=True)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_said(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{_said(title)}</h1>",
        f"<pre>{_said(figures)}</pre>",
        "<h2>Shares of the tasks, with their 95 % intervals</h2>",
        charts.intervals(shares),
        "<h2>How the tasks ended</h2>",
        charts.bars(report.failures),
        "<h2>Time and tokens</h2>",
        charts.scatter(points),
        "<h2>Tasks</h2>",
        _table(report),
        "<h2>Attempts</h2>",
        *(_attempt(outcome, logs.get(outcome.attempt_id), server) for outcome in outcomes),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _said(text: str) -> str:
    """Text of anybody, made harmless."""
    return escape(plain(text), quote=True)


def _table(report: Report) -> str:
    head = "<tr><th>task</th><th>solved</th><th>right</th><th>verdict</th><th>how it ended</th>"
    head += '<th class="n">seconds</th><th class="n">tokens</th><th class="n">cost</th></tr>'
    rows: list[str] = []
    for row in report.rows:
        mark = "?" if row.solved is None else "yes" if row.solved else "no"
        name = _said(row.instance)
        link = f'<a href="#{_anchor(row.attempt_id)}">{name}</a>' if row.attempt_id else name
        said = f'<br><span class="quiet">{_said(row.message[:300])}</span>' if row.message else ""
        rows.append(
            f'<tr><td>{link}</td><td class="{mark}">{mark}</td><td>{row.correct} of {row.attempts}</td>'
            f'<td>{_said(row.verdict)}</td><td>{_said(row.failure)}{said}</td><td class="n">{row.seconds:.1f}</td>'
            f'<td class="n">{row.tokens:,}</td><td class="n">{_said(words.money(row.cost))}</td></tr>'
        )
    return f"<table>{head}{''.join(rows)}</table>"


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
        f'<details id="{_anchor(outcome.attempt_id)}"><summary>{_said(head)}</summary>'
        f"<p><code>{_said(command)}</code>{link}</p><pre>{_said(shown)}</pre>"
        f"<p>What the grader said:</p><pre>{_said(grader)}</pre></details>"
    )


def _anchor(attempt_id: str) -> str:
    return "attempt-" + "".join(letter if letter.isalnum() else "-" for letter in attempt_id)
