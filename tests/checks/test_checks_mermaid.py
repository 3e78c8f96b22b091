"""Which mermaid blocks can be drawn."""

import pytest

from journeyman.checks.mermaid import blocks, problem, unclosed

GOOD = [
    "flowchart LR\n  a --> b",
    "graph TD;\n  A[Start] --> B{Is it?};\n  B -->|yes| C(Done);\n  B -- no --> A;",
    'flowchart TB\n  entry["09:00–12:00"] --> parse["parse<br>minutes"]\n  parse -.-> x & y\n  x ==> z((the goal))',
    "flowchart\n  subgraph one [The first]\n    direction TB\n    a-b --> c.d\n  end\n  %% a remark\n"
    "  style c.d fill:#f9f",
    "sequenceDiagram\n  participant A as Anna\n  A->>+B: hello\n  alt good\n"
    "    B-->>-A: hi\n  else\n    B-xA: no\n  end\n"
    "  Note over A,B: the end",
    "classDiagram\n  class Cache {\n    +int size\n    +evict(entries) int\n  }\n"
    '  Store <|-- Cache : is\n  Cache "1" --> "*" Entry',
    "stateDiagram-v2\n  [*] --> idle\n  idle --> busy : work\n  busy --> [*]",
    "erDiagram\n  A ||--o{ B : has",
]
BAD = {
    "": "The diagram is empty.",
    "flowchart LR": "The diagram is empty.",
    "this is no diagram": "Line 1 is not the beginning of a diagram: 'this is no diagram'; begin with `flowchart LR`.",
    "flowchart LR\n  a -> b": "Line 2 does not parse: 'a -> b'.",
    "flowchart LR\n  a[open --> b": "Line 2 does not parse: 'a[open --> b'.",
    "flowchart LR\n  f[call(x)] --> b": "Line 2 does not parse: 'f[call(x)] --> b'.",
    "flowchart LR\n  a --> end": "Line 2 does not parse: 'a --> end'.",
    "flowchart LR\n  def price(amount):": "Line 2 does not parse: 'def price(amount):'.",
    "flowchart LR\n  subgraph one\n  a --> b": "A block is begun and not ended with `end`.",
    "sequenceDiagram\n  A says B": "Line 2 does not parse: 'A says B'.",
    "sequenceDiagram\n  A->>B: x\n  end": "Line 3 ends a block that was not begun.",
    "classDiagram\n  class A {\n  +x": "A class is begun and not ended with `}`.",
    "flowchart LR\n  " + "a" * 600: "Line 2 is too long.",
}


@pytest.mark.parametrize("source", GOOD)
def test_what_can_be_drawn(source: str) -> None:
    assert problem(source) == ""


@pytest.mark.parametrize("source", BAD)
def test_what_cannot_be_drawn(source: str) -> None:
    assert problem(source) == BAD[source]


@pytest.mark.parametrize(
    "line", ["ao--o" * 90, "a--b" * 110 + "!", "a" + "-" * 450, 'a["' * 150, "A->>B" * 90, "a & " * 120]
)
def test_no_line_takes_long(line: str) -> None:
    """Ends at all: with backtracking it would take years."""
    for head in ("flowchart LR", "sequenceDiagram", "classDiagram", "stateDiagram-v2"):
        assert isinstance(problem(f"{head}\n{line} ["), str)


def test_blocks_are_found_in_an_answer() -> None:
    text = "So:\n\n```mermaid\ngraph LR\n a --> b\n```\n\nand\n\n  ```mermaid\n  pie\n  ```\n"
    assert [block[1] for block in blocks(text)] == ["graph LR\n a --> b\n", "  pie\n"]
    assert not unclosed(text)
    assert unclosed(text + "```mermaid\ngraph LR\n")
