"""Blocks of code in an answer, read as what they are meant to be."""

from journeyman.agent.blocks import Block, blocks


def test_a_block_has_the_path_that_stands_above_it() -> None:
    text = "It adds.\n\n`src/a.py`:\n```python\nx = 1\n```\nand\n**b/c.js**\n\n```js\ny\n```\n"
    assert blocks(text) == [Block("python", "src/a.py", "x = 1\n"), Block("js", "b/c.js", "y\n")]


def test_a_path_may_be_beside_the_language_or_a_comment_of_the_code() -> None:
    assert blocks("```python:src/a.py\nx\n```") == [Block("python", "src/a.py", "x\n")]
    assert blocks('```python title="a.py"\nx\n```') == [Block("python", "a.py", "x\n")]
    assert blocks("```python\n# src/a.py\nx\n```") == [Block("python", "src/a.py", "x\n")]
    assert blocks("```js\n// file: a.js\nx\n```") == [Block("js", "a.js", "x\n")]
    assert blocks("```python\n# version 1.0 of it\nx\n```") == [Block("python", "", "# version 1.0 of it\nx\n")]


def test_what_is_said_in_a_long_line_is_no_path() -> None:
    long = "The function in a.py " + "does not do what it says " * 5
    assert blocks(f"{long}\n```python\nx\n```") == [Block("python", "", "x\n")]


def test_a_block_that_was_not_closed_ends_with_the_answer() -> None:
    assert blocks("a.py\n```python\nx = 1\ny = 2") == [Block("python", "a.py", "x = 1\ny = 2", closed=False)]
    assert blocks("no block `at` all") == []
