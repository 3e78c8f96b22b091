"""Which lines a patch touches."""

from journeyman.repo.hunks import touched
from journeyman.repo.repository import open_repository
from tests.conftest import MakeRepository, git


async def test_the_lines_of_gits_own_patch(make_repository: MakeRepository) -> None:
    before = {"a.txt": "".join(f"{n}\n" for n in range(40)), "b.txt": "x\n", "odd ü.txt": "x\n", "plus.txt": "one\n"}
    folder = make_repository(before)
    lines = [str(n) for n in range(40)]
    lines[10] = "TEN"
    del lines[30]
    (folder / "a.txt").write_text("\n".join(lines) + "\n")
    (folder / "b.txt").unlink()
    (folder / "odd ü.txt").write_text("y\n")
    (folder / "plus.txt").write_text("one\n++ b/never.txt\n@@ -1 +1 @@\n")
    (folder / "new.txt").write_text("1\n2\n")
    git(folder, "add", "-A")
    repository = await open_repository(folder, folder.parent / "state")
    base = await repository.snapshot()
    head = git(folder, "rev-parse", "HEAD^{tree}").strip()
    assert touched(await repository.diff(head, base.tree)) == {
        "a.txt": [(8, 14), (28, 33)],
        "odd ü.txt": [(1, 1)],
        "new.txt": [(1, 2)],
        "plus.txt": [(1, 3)],
    }
