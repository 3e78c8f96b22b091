"""Output of a set-up as it is heard while it runs."""

from pathlib import Path

from journeyman.attempt.environment.gather import Gathered
from journeyman.core.mask import Mask
from journeyman.store.store import open_store


async def test_every_line_is_heard_once_and_bars_of_progress_as_they_end(tmp_path: Path) -> None:
    heard: list[str] = []
    output = Gathered(Mask(), "id", hear=heard.append)
    for piece in (b"one\ntw", b"o\n\n", b" 10%\r 50%\r100%\r\nno end"):
        output.write(piece)
    assert heard == ["one", "two", "", "100%"]
    async with open_store(tmp_path) as store:
        blob = await output.close(store)
        assert (await store.blob(blob)).endswith(b"no end")
    assert heard == ["one", "two", "", "100%", "no end"]


async def test_a_secret_in_two_pieces_is_not_heard(tmp_path: Path) -> None:
    heard: list[str] = []
    output = Gathered(Mask({"KEY": "opensesame"}), "id", hear=heard.append)
    output.write(b"key: open")
    output.write(b"sesame\n")
    async with open_store(tmp_path) as store:
        await output.close(store)
    assert len(heard) == 1 and heard[0].startswith("key: ") and "sesame" not in heard[0]
