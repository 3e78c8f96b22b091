"""What a person types wrong for a forge is told in words, before anybody is asked, and without the token."""

import pytest

from tests.conftest import Program


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (["https://code.example.com"], "token-of-the-bot\n", "Is https://code.example.com a GitHub or a GitLab?"),
        (["https://github.com"], "\n", "No token was given."),
        (["github.com", "--kind", "github"], "token-of-the-bot\n", "The address cannot be that"),
        (["https://github.com"], "with a space\n", "The token cannot be that"),
    ],
)
async def test_what_is_no_forge(program: Program, words: list[str], typed: str, said: str) -> None:
    done = await program.run("forges", "add", *words, "--server", "http://127.0.0.1:9", typed=typed)
    assert (done.code, said in done.err, "Traceback" in done.err) == (2, True, False), done.err
    assert typed.strip() == "" or typed.strip() not in done.err


async def test_a_server_that_is_not_there(program: Program) -> None:
    done = await program.run("forges", "check", "github.com", "--server", "http://127.0.0.1:9")
    assert done.code != 0 and "Traceback" not in done.err
