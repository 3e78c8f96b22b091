"""A person with a repository: real git in a folder of the test's own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.org",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.org",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}


@dataclass(frozen=True)
class Person:
    """Works in `root` with plain git, as the configuration of that repository has it."""

    root: Path

    def git(self, *args: str | bytes, ok: tuple[int, ...] = (0,)) -> str:
        command = ["git", *args]
        done = subprocess.run(command, cwd=self.root, env=ENVIRONMENT, capture_output=True, check=False)
        assert done.returncode in ok, (command, done.stderr)
        return done.stdout.decode("utf-8", "surrogateescape")

    def write(self, path: str | bytes, content: str | bytes = b"", mode: int = 0o644) -> None:
        place = self.root / os.fsdecode(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        place.chmod(mode)

    def commit(self, message: str = "work") -> str:
        self.git("add", "-A")
        self.git("commit", "-qm", message, "--allow-empty")
        return self.git("rev-parse", "HEAD").strip()

    def tree(self) -> str:
        """The tree that plain git makes of everything that is there now, in an index of its own."""
        index = self.root / ".git" / "index-of-the-test"
        environment = ENVIRONMENT | {"GIT_INDEX_FILE": str(index)}
        for command in (["git", "read-tree", "HEAD"], ["git", "add", "-A"]):
            subprocess.run(command, cwd=self.root, env=environment, check=True)
        done = subprocess.run(["git", "write-tree"], cwd=self.root, env=environment, check=True, capture_output=True)
        index.unlink()
        return done.stdout.decode().strip()

    def files(self) -> dict[str, bytes]:
        """All files but git's own, links as "-> target"."""
        found: dict[str, bytes] = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name != ".git"]
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            for name in (*names, *links):
                place = Path(folder) / name
                content = b"-> " + os.fsencode(place.readlink()) if place.is_symlink() else place.read_bytes()
                found[str(place.relative_to(self.root))] = content
        return found

    def frozen(self) -> dict[str, tuple[bytes, int]]:
        """All files below .git that hold the person's state, with their times: what nobody else may touch.

        Objects without: git marks one that it would write again as young, so that it is not swept away.
        """
        found: dict[str, tuple[bytes, int]] = {}
        for place in sorted((self.root / ".git").rglob("*")):
            if place.is_file():
                name = str(place.relative_to(self.root))
                found[name] = (place.read_bytes(), 0 if "/objects/" in name else place.stat().st_mtime_ns)
        return found


def plumbing(git_dir: Path, *args: str, stdin: bytes = b"") -> str:
    """Plain git on a git directory, without a working tree."""
    environment = ENVIRONMENT | {"GIT_DIR": str(git_dir)}
    done = subprocess.run(["git", *args], input=stdin, env=environment, check=True, capture_output=True)
    return done.stdout.decode().strip()


def person(root: Path, *options: str) -> Person:
    """A new repository on branch main, without commits."""
    root.mkdir(parents=True, exist_ok=True)
    made = Person(root)
    made.git("init", "-q", "-b", "main", *options)
    return made
