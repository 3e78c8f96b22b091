"""Bad input gets a clear sentence and the right exit code, and nothing is lost."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.core.model import call, say
from journeyman.models.script import Step
from journeyman.models.script_server import ScriptServer
from tests.conftest import MakeRepository, Program, git

FILES = {"a.txt": "one\n", "Makefile": "test:\n\tgrep -q two a.txt\n"}
EDIT = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch"


def merging(folder: Path) -> None:
    git(folder, "checkout", "-q", "-b", "other")
    (folder / "a.txt").write_text("other\n")
    git(folder, "commit", "-qam", "Other")
    git(folder, "checkout", "-q", "main")
    (folder / "a.txt").write_text("mine\n")
    git(folder, "commit", "-qam", "Mine")
    subprocess.run(["git", "merge", "-q", "other"], cwd=folder, capture_output=True)


async def test_not_a_repository(program: Program, tmp_path: Path) -> None:
    ran = await program.run("run", "Fix", "-C", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "not in a git repository" in ran.err and "git init" in ran.err


async def test_an_empty_repository(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    git(folder, "init", "-q")
    ran = await program.run("run", "Fix", "-C", folder)
    assert ran.code == 2
    assert "Traceback" not in ran.err and "no commits" in ran.err.lower()


async def test_in_the_middle_of_a_merge(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository(FILES)
    merging(folder)
    ran = await program.run("run", "Fix", "-C", folder)
    assert ran.code == 2
    assert "merge" in ran.err and "--base" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--base", "mian"), ["'mian'", "'main'"]),
        (("--model", "bix"), ["'bix'", "box"]),
        (("--attempts", "9"), ["attempts"]),
        (("--chek", "true"), ["--check"]),
    ],
)
async def test_wrong_options(
    program: Program, make_repository: MakeRepository, arguments: tuple[str, str], words: list[str]
) -> None:
    program.use("http://127.0.0.1:9/v1")
    ran = await program.run("run", "Fix", "-C", make_repository(FILES), *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert all(word in ran.err for word in words), ran.err


async def test_a_misspelt_setting(program: Program, make_repository: MakeRepository) -> None:
    program.configure("[limits]\nstep = 3\n")
    ran = await program.run("run", "Fix", "-C", make_repository(FILES))
    assert ran.code == 2
    assert "'limits.step'" in ran.err and "'limits.steps'" in ran.err


async def test_the_folder_of_state_is_made_for_its_owner_alone(program: Program, tmp_path: Path) -> None:
    program.home = tmp_path / "new" / "home"
    await program.run("doctor")
    assert program.home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("arguments", [("--model", ""), ("--check", " ")])
async def test_an_empty_option_is_no_default(
    program: Program, make_repository: MakeRepository, arguments: tuple[str, str]
) -> None:
    ran = await program.run("run", "Fix", "-C", make_repository(FILES), *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert f"{arguments[0]} is empty" in ran.err


async def test_an_empty_prompt(program: Program, make_repository: MakeRepository) -> None:
    ran = await program.run("run", "  ", "-C", make_repository(FILES))
    assert ran.code == 2 and "prompt is empty" in ran.err


async def test_a_wrong_key_names_the_variable_and_the_work_can_go_on(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository(FILES)
    async with ScriptServer([Step.model_validate({"error": "unauthorized"})]) as server:
        program.use(server.base_url)
        with (program.home / "config.toml").open("a") as config:
            config.write('api_key_env = "BOX_KEY"\n')
        unset = await program.run("run", "Fix", "-C", folder)
        assert unset.code == 2 and "BOX_KEY" in unset.err
        program.env["BOX_KEY"] = "very-secret"
        ran = await program.run("run", "Fix", "-C", folder)
    assert ran.code == 1
    assert "BOX_KEY" in ran.err and "resume" in ran.err and "very-secret" not in ran.err
    async with ScriptServer([call("apply_patch", "c1", patch=EDIT), say("Done.")]) as server:
        program.use(server.base_url)
        assert (await program.run("resume", "-C", folder)).code == 0


async def test_a_server_that_is_down(program: Program, make_repository: MakeRepository) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    program.use(f"http://127.0.0.1:{port}/v1")
    ran = await program.run("run", "Fix", "-C", make_repository(FILES), "--json")
    assert ran.code == 1
    assert f"127.0.0.1:{port}" in ran.err
    assert ran.lines[-1]["type"] == "turn.failed"


async def test_a_stream_that_is_cut_is_asked_again(program: Program, make_repository: MakeRepository) -> None:
    first = Step.model_validate(
        {"error": [{"kind": "cut", "times": 2}], "calls": [{"name": "apply_patch", "arguments": {"patch": EDIT}}]}
    )
    async with ScriptServer([first, say("Done.")]) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Fix", "-C", make_repository(FILES))
        assert len(server.requests) == 4
    assert ran.code == 0, ran.err


async def test_a_context_that_is_too_long_ends_with_what_there_is(
    program: Program, make_repository: MakeRepository
) -> None:
    script = [call("apply_patch", "c1", patch=EDIT), Step.model_validate({"error": "too_long"})]
    async with ScriptServer(script) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Fix", "-C", make_repository(FILES))
    assert ran.out.count("Stopped: the model's window of 128,000 tokens is too small for this") == 1
    assert "+two" in ran.out
    assert ran.code == 0  # the checks pass all the same


async def test_bad_calls_are_answered_in_words(program: Program, make_repository: MakeRepository) -> None:
    wrong = [
        {"name": "shell", "arguments": '{"command": '},
        {"name": "shell", "arguments": {"comand": "ls"}},
        {"name": "exec_comand", "arguments": {"command": "ls"}},
        {"name": "apply_patch", "arguments": {"patch": EDIT.replace("-one", "-three")}},
        {"name": "read", "arguments": {"path": "../../etc/passwd"}},
        {"name": "read", "arguments": {"path": "none.txt"}},
        {"name": "search", "arguments": {"pattern": "("}},
    ]
    script = [Step.model_validate({"calls": wrong}), call("apply_patch", "c9", patch=EDIT), say("Done.")]
    folder = make_repository(FILES)
    async with ScriptServer(script) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Fix", "-C", folder)
    assert ran.code == 0, ran.err
    log = (await program.run("log", "-C", folder, "--raw")).lines
    answers = [event["content"] for event in log if event["kind"] == "tool_returned"]
    for answer, word in zip(
        answers, ("not valid JSON", "did you mean command", "Did you mean exec_command", "Failed to find", "not below",
                  "does not exist", "search failed"), strict=False,
    ):  # fmt: skip
        assert word in answer


async def test_endless_output_is_cut_and_the_disk_and_memory_stay_free(
    program: Program, make_repository: MakeRepository
) -> None:
    script = [call("shell", "c1", command="head -c 10G /dev/zero"), say("That was much.")]
    folder = make_repository({"a.txt": "one\n"})
    async with ScriptServer(script) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Print", "-C", folder)
    assert ran.code == 0, ran.err
    log = await program.run("log", "-C", folder, "--raw")
    assert "more than the limit of 64 MB" in log.out
    stored = sum(file.stat().st_size for file in program.home.rglob("*") if file.is_file())
    assert stored < 80 * 2**20


async def test_invalid_utf8_and_terminal_escapes_reach_nobody_raw(
    program: Program, make_repository: MakeRepository
) -> None:
    script = [
        call("shell", "c1", command=r"printf 'a\xff\xfe\033[31mred\033]0;title\007\n'; touch $'\033[31mred.txt'"),
        say("Odd \x1b[31m bytes."),
    ]
    folder = make_repository({"a.txt": "one\n"})
    async with ScriptServer(script) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Print", "-C", folder)
        assert b"\\\\xff" in server.requests[1].body
    assert ran.code == 0, ran.err
    assert "\x1b" not in ran.out + ran.err + (await program.run("log", "-C", folder)).out
    applied = await program.run("apply", "-C", folder)
    assert applied.err == "applied red.txt\n"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True)
    if done.returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", place], check=True)


async def test_a_full_disk_is_said_and_what_was_done_is_kept(
    program: Program, make_repository: MakeRepository, small_disk: Path
) -> None:
    folder = make_repository(FILES)
    program.home = small_disk / "home"
    script = [call("shell", "c1", command="head -c 20M /dev/urandom"), say("Done.")]
    async with ScriptServer(script) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Print", "-C", folder)
    assert ran.code == 1
    assert "Traceback" not in ran.err
    assert "full" in ran.err or "No space" in ran.err
