"""What the played model does for each prompt of the stage: work that looks like work, on the opening hours' example."""

import json
from dataclasses import dataclass
from typing import Any

from journeyman.core.usage import Usage
from journeyman.models.script import ScriptCall, Step

TESTS = "python -m pytest -q"
FIXED = """*** Begin Patch
*** Update File: hours/spans.py
@@
-            merged.append((first, end))
+            merged.append((first, max(end, last)))
*** End Patch"""
BROKEN = """*** Begin Patch
*** Update File: hours/spans.py
@@
-        if merged and start <= merged[-1][1]:
+        if merged and start < merged[-1][1]:
*** End Patch"""
ROUNDABOUT = """*** Begin Patch
*** Update File: hours/spans.py
@@
-    merged = []
-    for start, end in sorted(spans):
-        if merged and start <= merged[-1][1]:
-            first, last = merged.pop()
-            merged.append((first, end))
-        else:
-            merged.append((start, end))
-    return merged
+    minutes = sorted({minute for start, end in spans for minute in range(start, end)})
+    merged = []
+    for minute in minutes:
+        if merged and minute == merged[-1][1]:
+            merged[-1] = (merged[-1][0], minute + 1)
+        else:
+            merged.append((minute, minute + 1))
+    return merged
*** End Patch"""
CLOCK = '''*** Begin Patch
*** Update File: hours/clock.py
@@
 def parse(text):
-    """Minutes since midnight of a time such as "09:30".
+    """Minutes since midnight of a time such as "09:30", "9:30" or "24:00".
@@
     >>> parse("09:30")
     570
+    >>> parse("24:00")
+    1440
     """
     hours, minutes = text.split(":")
-    return int(hours) * 60 + int(minutes)
+    since = int(hours) * 60 + int(minutes)
+    if not (0 <= int(minutes) < 60 and 0 <= since <= 24 * 60):
+        raise ValueError(f"{text!r} is no time of the day")
+    return since
*** Add File: tests/test_parse.py
+import pytest
+
+from hours import parse
+
+
+@pytest.mark.parametrize("text, minutes", [("9:30", 570), ("24:00", 1440)])
+def test_short_and_last(text, minutes):
+    assert parse(text) == minutes
+
+
+@pytest.mark.parametrize("text", ["24:01", "12:60", "-1:00"])
+def test_no_time_of_the_day(text):
+    with pytest.raises(ValueError):
+        parse(text)
*** End Patch'''
GUIDE = """*** Begin Patch
*** Add File: CONTRIBUTING.md
+# Contributing
+
+1. Write the test first, and see it fail.
+2. Run `python -m pytest -q`.
+3. Say in the commit why, not only what.
*** End Patch"""

FIX = "A lunch entry closes the shop too early. Find the bug in merge and fix it."
PARSE = "Let parse read 9:30 and 24:00, and refuse what is no time of the day"
GRAPH = "How does an entry become opening hours? Draw it."
REVIEW = "Review how spans are merged"
BREAK = "Spans that only touch should stay apart"
WRITE = "Write a short CONTRIBUTING guide"
TIMEZONES = "Give every span a time zone"
HOLIDAYS = "Close the shop on public holidays"
ICAL = "Export the week as an iCalendar file"
TYPES = "Add type hints to the whole package and check them"
FASTER = "Make merge fast for a million spans"
BUDGET = "Port the package to Rust"
REFUSED = "Read the hours from the shop's web page"

ANSWER = """`merge` shortened a span whenever a shorter one lay within it: it kept the end of the **later** entry
instead of the later **end**【F:hours/spans.py†L11-L14】. A lunch entry therefore closed the shop at one o'clock.

- The end is now the larger of the two【F:hours/spans.py†L14】
- Both tests that failed pass, and the other seven still do【F:tests/test_spans.py†L16-L21】
- The same bug was in the booking service【F:booking/slots.py†L40】
"""
DRAWN = """An entry is parsed, sorted with the others, and merged with its neighbour where they touch or overlap.

```mermaid
flowchart LR
  entry["09:00–12:00"] --> parse["parse<br>minutes since midnight"]
  parse --> sorted["sorted by start"]
  sorted --> touch{"touches the last span?"}
  touch -- yes --> grow["last span grows"]
  touch -- no --> new["a new span"]
  grow --> hours["opening hours"]
  new --> hours
```

| step | where | cost |
|---|---|---|
| parse | 【F:hours/clock.py†L4-L11】 | linear in the text |
| sort and merge | 【F:hours/spans.py†L4-L17】 | *n* log *n* |
| ask | 【F:hours/spans.py†L25-L27】 | linear in the spans |

`is_open` does not merge first, so overlapping entries cost a little and change nothing:

```python
def is_open(spans, minute):
    return any(start <= minute < end for start, end in spans)
```
"""
HOSTILE = "Say whatever you like"
EVIL = (
    """<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>
<iframe src="https://else.example/"></iframe><style>body { display: none }</style>

[run](javascript:document.title='owned') [data](data:text/html,<script>1</script>) [plain](https://else.example/a)
![spy](https://else.example/pixel.png) ![inline](data:image/png;base64,AAAA)

```mermaid
flowchart LR
  a["<img src=https://else.example/d.png onerror=parent.document.title='owned'>"] --> b
  click a href "javascript:parent.document.title='owned'"
```

```mermaid
this is no diagram
```

| """
    + " | ".join(f"column {number}" for number in range(40))
    + " |\n|"
    + "---|" * 40
    + "\n"
    + ("| " + " | ".join("a-long-word-without-an-end" for _ in range(40)) + " |\n") * 60
)
FOUND = json.dumps(
    {
        "findings": [
            {
                "title": "[P1] Keep the later end when one span lies within another",
                "body": "merge takes the end of the entry that starts later. With (540, 1080) and (720, 780) the shop "
                "closes at 13:00, five hours early; minutes_open then reports 240 in place of 540.",
                "confidence_score": 0.97,
                "priority": 1,
                "code_location": {"absolute_file_path": "hours/spans.py", "line_range": {"start": 12, "end": 13}},
            },
            {
                "title": "[P3] Say what happens with a span that ends before it starts",
                "body": "A span over midnight, such as (1320, 120), is taken as it is and counted with a negative "
                "length. Nothing in the docstring says so.",
                "confidence_score": 0.6,
                "priority": 3,
                "code_location": {"absolute_file_path": "hours/spans.py", "line_range": {"start": 20, "end": 22}},
            },
        ],
        "overall_correctness": "patch is incorrect",
        "overall_explanation": "Merging loses opening time whenever one entry lies within another.",
        "overall_confidence_score": 0.95,
    }
)


@dataclass(frozen=True, slots=True)
class Story:
    """The steps of each turn; of several attempts each takes the next list of `steps`, and the last one from then on.

    From the step `held` on the model does not answer before the gate is open.
    """

    steps: tuple[tuple[Step, ...], ...]
    held: int | None = None


def used(number: int, output: int = 180) -> Usage:
    """What a step of a middling hosted model uses."""
    tokens = 2600 + 900 * number
    return Usage(input_tokens=tokens, cached_input_tokens=tokens * 3 // 4, output_tokens=output)


def act(name: str, number: int, text: str = "", **arguments: Any) -> Step:
    return Step(text=text, calls=(ScriptCall(name=name, arguments=arguments),), usage=used(number), delay=0.15)


def end(text: str, number: int) -> Step:
    return Step(text=text, usage=used(number, 320), delay=0.2)


def plan(number: int, done: int, *steps: str) -> Step:
    states = ["completed"] * done + ["in_progress"] + ["pending"] * len(steps)
    return act("update_plan", number, plan=[{"step": s, "status": t} for s, t in zip(steps, states, strict=False)])


PLAN = ("Reproduce with a test", "Find the cause in merge", "Mend it", "Run everything again")


def mended(patch: str, answer: str) -> tuple[Step, ...]:
    return (
        act("shell", 0, "I start with what fails.", command=f"{TESTS} tests/test_spans.py"),
        plan(1, 1, *PLAN),
        act("shell", 2, command="sed -n 1,30p hours/spans.py"),
        act("shell", 3, command="git log --oneline -5 -- hours/spans.py"),
        act("apply_patch", 4, "The end of the later entry is taken, whichever is later in the day.", patch=patch),
        plan(5, 3, *PLAN),
        act("shell", 6, command="python -m pytest --color=yes -q"),
        act("shell", 7, command="git diff --stat"),
        plan(8, 4, *PLAN),
        end(answer, 9),
    )


def looked(answer: str, *commands: str) -> tuple[Step, ...]:
    return (*[act("shell", number, command=command) for number, command in enumerate(commands)], end(answer, 4))


def patched(patch: str, answer: str) -> tuple[Step, ...]:
    return (
        act("shell", 0, command="cat hours/*.py"),
        act("apply_patch", 1, patch=patch),
        act("shell", 2, command=TESTS),
        end(answer, 3),
    )


def waiting(*commands: str) -> Story:
    return Story((looked("Nothing more to do.", *commands, "true"),), held=len(commands))


PARSED = patched(
    CLOCK,
    "`parse` now reads `9:30` and `24:00`, and raises `ValueError` for anything else【F:hours/clock.py†L4-L16】. "
    "New tests hold both【F:tests/test_parse.py†L6-L14】.",
)
STORIES: dict[str, Story] = {
    FIX: Story(
        (
            mended(FIXED, ANSWER),
            mended(
                ROUNDABOUT, "Spans are now counted minute by minute, which cannot go wrong【F:hours/spans.py†L10】."
            ),
            mended(BROKEN, "Touching spans are no longer merged."),
        )
    ),
    PARSE: Story((PARSED,)),
    GRAPH: Story((looked(DRAWN, "ls -R hours tests", "cat hours/clock.py", "cat hours/spans.py", "rg -n merge"),)),
    REVIEW: Story((looked(FOUND, "git log --oneline -3", "git show --stat HEAD", "cat hours/spans.py"),)),
    BREAK: Story((patched(BROKEN, "Spans that only touch stay apart now【F:hours/spans.py†L11】."),)),
    WRITE: Story((patched(GUIDE, "A short guide is in 【F:CONTRIBUTING.md†L1-L5】."),)),
    TIMEZONES: waiting("cat hours/clock.py", "rg -n 'parse|clock' hours tests"),
    HOLIDAYS: waiting("cat README.md", f"{TESTS} tests/test_clock.py"),
    ICAL: waiting("python -c 'import sys; print(sys.version)'"),
    TYPES: waiting("cat hours/spans.py", "rg -c def hours", f"{TESTS} --collect-only"),
    FASTER: Story((patched(ROUNDABOUT, "Faster."),)),
    BUDGET: Story((mended(FIXED, "One function is ported."),)),
    HOSTILE: Story(((end(EVIL, 0), end(EVIL, 1)),)),
    REFUSED: Story(
        (looked("There is no network here.", "curl -sS -m 5 https://shop.example.com/hours || true", "cat README.md"),)
    ),
}
AGAIN = (
    act("shell", 5, command="cat hours/spans.py"),
    end("`first` and `last` are the two ends of the span that is being grown【F:hours/spans.py†L12】.", 6),
)
"""What any story goes on with when it is asked again."""
