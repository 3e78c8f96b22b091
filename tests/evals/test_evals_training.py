"""Finished tasks as training data, read by the libraries that such data is for."""

import asyncio
import json
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import TypeAdapter

from journeyman.core.model import Reply, call, say
from journeyman.evals.training.environment import sealed
from journeyman.models.script_server import ScriptServer
from tests.conftest import Program
from tests.evals.eval_sets import CANARY, RIGHT, patch, write_set
from tests.evals.histories import python_history

pytestmark = pytest.mark.timeout(300)  # the program is started many times, on a machine that may be busy
TRAINING = Path(__file__).parents[2] / ".venv-training" / "bin" / "python"
"""A Python with the libraries that training is done with; they are too large for everybody's own."""
needs_training = pytest.mark.skipif(
    not TRAINING.exists(), reason="`scripts/setup --training` installs datasets and verifiers, which take 1 GB"
)
SECRET = "hunter2-hunter2-hunter2"


def script() -> list[Any]:
    """Of two attempts one is right; both mention what later becomes a secret."""
    seen: list[str] = []

    def first(request: Any) -> Reply:
        seen.append("")
        body = "return a + b" if len(seen) % 2 else "return a * b"
        return call("apply_patch", "c1", patch=patch(f"{body}  # {SECRET}"))

    return [first, say(f"Done. {SECRET}")]


async def trained(program: Program, folder: Path) -> None:
    """A run called "two" of one task with two attempts."""
    file = write_set(folder / "tasks.jsonl", [RIGHT])
    async with ScriptServer(script()) as server:
        program.use(server.base_url)
        ran = await program.run("eval", "run", file, "--run", "two", "--attempts", "2", "--env", "off")
    assert ran.code == 0, ran.err


async def exported(program: Program, kind: str, file: Path, *more: str) -> list[dict[str, Any]]:
    ran = await program.run("eval", "export", "two", "--format", kind, "-o", file, *more)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_trajectories_and_pairs_have_the_forms_that_trainers_read(program: Program, tmp_path: Path) -> None:
    await trained(program, tmp_path)
    kept = await program.run("secret", "set", "PASSWORD", typed=SECRET)
    assert kept.code == 0, kept.err
    (openai,) = await exported(program, "openai", tmp_path / "openai.jsonl")
    assert set(openai) == {"messages", "tools", "parallel_tool_calls"}
    messages = openai["messages"]
    TypeAdapter(list[ChatCompletionMessageParam]).validate_python(messages)
    TypeAdapter(list[ChatCompletionToolParam]).validate_python(openai["tools"])
    assert messages[0]["role"] == "system" and messages[-1]["role"] == "assistant"
    assert any(RIGHT["problem_statement"] in str(one["content"]) for one in messages)
    asked = [one["id"] for message in messages for one in message.get("tool_calls", [])]
    assert asked == [message["tool_call_id"] for message in messages if message["role"] == "tool"] == ["c1"]
    assert len(await exported(program, "openai", tmp_path / "all.jsonl", "--all")) == 2
    (sharegpt,) = await exported(program, "sharegpt", tmp_path / "sharegpt.jsonl")
    assert [turn["from"] for turn in sharegpt["conversations"]] == ["system", "human", "gpt", "tool", "gpt"]
    assert "<tools>" in sharegpt["conversations"][0]["value"] and "<tool_call>" in sharegpt["conversations"][2]["value"]
    pairs = await exported(program, "preferences", tmp_path / "preferences.jsonl")
    assert [pair["kind"] for pair in pairs] == ["attempt", "patch"]
    for pair in pairs:
        assert pair["prompt"][-1]["role"] == "user" and pair["chosen"] != pair["rejected"]
        assert "a + b" in json.dumps(pair["chosen"]) and "a * b" in json.dumps(pair["rejected"])
    assert "return a - b" in pairs[1]["prompt"][1]["content"], "who is to write a patch has to see the file"
    written = "".join(file.read_text() for file in tmp_path.glob("*.jsonl"))
    assert SECRET not in written and "[secret PASSWORD]" in written
    # A person's own task, judged by its checks.
    ran = await program.run("export", "--format", "openai", "--all", "-o", tmp_path / "own.jsonl")
    assert ran.code == 0 and json.loads((tmp_path / "own.jsonl").read_text())["messages"] == messages, ran.err
    wrong = await program.run("export", "--format", "parquet")
    assert wrong.code == 2 and "--format takes openai, sharegpt, preferences" in wrong.err


async def output(environ: dict[str, str], *command: str | Path) -> str:
    """What a command of the training environment prints."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


LOAD = """
import sys
from datasets import load_dataset
for file in sys.argv[1:]:
    rows = load_dataset("json", data_files=file, split="train", cache_dir=sys.argv[1] + ".cache")
    print(len(rows), sorted(rows.features))
"""


@needs_training
async def test_datasets_reads_every_file_of_lines(program: Program, tmp_path: Path) -> None:
    await trained(program, tmp_path)
    kinds = ("openai", "sharegpt", "preferences")
    for kind in kinds:
        await exported(program, kind, tmp_path / f"{kind}.jsonl")
    files = [str(tmp_path / f"{kind}.jsonl") for kind in kinds]
    environ = program.environ | {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    out = await output(environ, TRAINING, "-c", LOAD, *files)
    assert out.splitlines() == [
        "1 ['messages', 'parallel_tool_calls', 'tools']",
        "1 ['conversations', 'id']",
        "2 ['chosen', 'id', 'kind', 'prompt', 'rejected']",
    ]


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, archives taken apart."""
    for file in (path for path in folder.rglob("*") if path.is_file()):
        yield str(file.relative_to(folder)), file.read_bytes()
        if file.name.endswith(".tar.gz"):
            with tarfile.open(file) as tar:
                for entry in tar:
                    data = tar.extractfile(entry)
                    yield f"{file.name}:{entry.name}", data.read() if data else b""


async def test_who_is_trained_finds_nothing_of_the_graders_in_the_package(program: Program, tmp_path: Path) -> None:
    """Neither the hidden files nor the command nor the accepted fix; the key is no part of what is installed."""
    await trained(program, tmp_path)
    place = tmp_path / "shop"
    ran = await program.run("eval", "export", "two", "--format", "verifiers", "-o", place)
    assert ran.code == 0 and "graders.key" in ran.err, ran.err
    found = dict(contents(place / "shop"))
    assert set(found) >= {"__init__.py", "tasks.jsonl", "tasks/00000.hidden.sealed", "00000.start.tar.gz:calc.py"}
    for name, data in found.items():
        for secret in (CANARY, "hidden_check", "timeout 30 python3", "return a + b"):
            assert secret.encode() not in data, (name, secret)
    key = (place / "graders.key").read_text().strip()
    assert (place / "graders.key").stat().st_mode & 0o777 == 0o600
    assert not any(key.encode() in data for data in found.values())
    project = tomllib.loads((place / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["shop"]
    grader = json.dumps({"command": "true"}).encode()
    assert sealed(grader, key, "a") != sealed(grader, key, "b") != sealed(grader, "other", "b")


@needs_training
async def test_verifiers_validates_the_package_by_its_own_means(program: Program, tmp_path: Path) -> None:
    """Its grader says no to the files as they are, and yes to the accepted fix: inline tasks and mined ones."""
    python_history(tmp_path / "stats")
    mined = tmp_path / "mined.jsonl"
    ran = await program.run("eval", "mine", tmp_path / "stats", "-o", mined, "--repeats", "1")
    assert ran.code == 0, ran.err
    rows = [json.loads(line) for line in mined.read_text().splitlines()]
    file = write_set(tmp_path / "tasks.jsonl", [RIGHT, *rows])
    async with ScriptServer([say("Nothing to do.")]) as server:
        program.use(server.base_url)
        assert (await program.run("eval", "run", file, "--run", "two", "--env", "off")).code == 0
    place = tmp_path / "shop"
    ran = await program.run("eval", "export", "two", "--format", "verifiers", "-o", place)
    assert ran.code == 0 and "3 tasks in" in ran.err, ran.err
    environ = program.environ | {"PYTHONPATH": str(place), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environ["SHOP_KEY_FILE"] = str(place / "graders.key")
    validate = TRAINING.with_name("vf-validate")
    said = await output(environ, validate, "shop", "--runtime.type", "subprocess", "-o", tmp_path / "out")
    (results,) = (tmp_path / "out").rglob("results.jsonl")
    found = [json.loads(line) for line in results.read_text().splitlines()]
    assert len(found) == 3 and all(row["valid"] is True for row in found), (said, found)
    assert all(row["noop"]["rewards"]["solved"] == 0.0 for row in found), found
