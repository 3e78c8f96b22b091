"""What a played forge holds: real bare repositories, people's tokens, and pull requests on real branches."""

import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from journeyman.core.pull_request import ForgeKind, PullRequestChecks

WHO = {
    name: value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in ((f"GIT_{role}_NAME", "Ann"), (f"GIT_{role}_EMAIL", "ann@example.org"))
}
GIT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **WHO}
PROTECT = """#!/bin/sh
while read old new ref; do
    if grep -qxF "$ref" protected 2>/dev/null; then
        echo "error: GH006: Protected branch update failed for $ref." >&2
        exit 1
    fi
done
"""
"""A hook of the bare repository, so that git itself says what it says when a branch is protected."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Whose a token is, and what it may do: `write` is to push, `pulls` to open pull requests, `checks` to read what
    the forge's own checks say. `repositories` None is all."""

    login: str = "shop-bot"
    write: bool = True
    pulls: bool = True
    checks: bool = True
    repositories: tuple[str, ...] | None = None


@dataclass(slots=True)
class Pull:
    """A pull request. `head` is the commit that its branch was last seen at; it stays when the branch goes."""

    number: int
    repository: str
    title: str
    body: str
    branch: str
    base: str
    author: str
    draft: bool = False
    state: Literal["open", "closed", "merged"] = "open"
    head: str = ""
    merged_as: str | None = None


@dataclass(slots=True)
class World:
    """A forge's state. Everything may be looked at and changed from outside while it serves."""

    root: Path
    kind: ForgeKind
    tokens: dict[str, Rights] = field(default_factory=dict[str, Rights])
    repositories: list[str] = field(default_factory=list[str])
    renamed: dict[str, str] = field(default_factory=dict[str, str])
    pulls: dict[tuple[str, int], Pull] = field(default_factory=dict[tuple[str, int], Pull])
    checks: dict[str, PullRequestChecks] = field(default_factory=dict[str, PullRequestChecks])
    archived: set[str] = field(default_factory=set[str])
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add_repository(self, name: str, files: Mapping[str, str], *, branch: str = "main") -> Path:
        """A bare repository `name` ("owner/name") with one commit of `files`; returns its folder."""
        bare, work = self.bare(name), self.root / "work" / name
        self.git(self.root, "init", "-q", "--bare", "-b", branch, str(bare))
        self.git(bare, "config", "http.receivepack", "true")
        hook = bare / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(PROTECT)
        hook.chmod(0o755)
        self.git(self.root, "clone", "-q", str(bare), str(work))
        self.git(work, "checkout", "-q", "-B", branch)
        self.repositories.append(name)
        self.commit(name, files, "The beginning", branch)
        return bare

    def commit(self, name: str, files: Mapping[str, str], message: str, branch: str) -> str:
        """A person's commit on a branch, pushed past all rules; returns its id."""
        work = self.root / "work" / name
        self.git(work, "fetch", "-q", "origin")
        there = self.head(name, branch)
        self.git(work, "checkout", "-q", "-B", branch, *([f"origin/{branch}"] if there else []))
        for path, text in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        self.git(work, "add", "--all")
        self.git(work, "commit", "-q", "--allow-empty", "-m", message)
        self.git(work, "push", "-q", "origin", branch)
        return self.git(work, "rev-parse", "HEAD")

    def bare(self, name: str) -> Path:
        return self.root / "git" / f"{name}.git"

    def head(self, name: str, branch: str) -> str | None:
        """The commit that a branch is at."""
        said = self.git(self.bare(name), "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        return said or None

    def default_branch(self, name: str) -> str:
        return self.git(self.bare(name), "symbolic-ref", "--short", "HEAD")

    def protect(self, name: str, branch: str) -> None:
        """From now on nobody pushes to this branch."""
        with (self.bare(name) / "protected").open("a") as file:
            file.write(f"refs/heads/{branch}\n")

    def open(self, pull: Pull) -> Pull:
        """Keep a new pull request."""
        with self.lock:
            self.pulls[pull.repository, pull.number] = pull
            return self.seen(pull)

    def next_number(self, name: str) -> int:
        return 1 + max((number for repository, number in self.pulls if repository == name), default=0)

    def seen(self, pull: Pull) -> Pull:
        """`pull` with its branch looked at anew, as long as it is open."""
        if pull.state == "open":
            pull.head = self.head(pull.repository, pull.branch) or pull.head
        return pull

    def merge(self, name: str, number: int) -> Pull:
        """Take a pull request into its base, as somebody does by a click: with a merge commit."""
        with self.lock:
            pull = self.seen(self.pulls[name, number])
            bare, base = self.bare(name), self.head(name, pull.base)
            assert base is not None
            made = self.git(bare, "commit-tree", f"{pull.head}^{{tree}}", "-p", base, "-p", pull.head, "-m", "Merge")
            self.git(bare, "update-ref", f"refs/heads/{pull.base}", made)
            pull.state, pull.merged_as = "merged", made
            return pull

    def close(self, name: str, number: int) -> Pull:
        """Turn a pull request down."""
        pull = self.seen(self.pulls[name, number])
        pull.state = "closed"
        return pull

    def check(self, name: str, number: int, said: PullRequestChecks) -> None:
        """Have the forge's own checks say this of a pull request's newest commit."""
        self.checks[self.seen(self.pulls[name, number]).head] = said

    def differs(self, name: str, branch: str, base: str) -> bool:
        """Whether a branch has commits that its base has not."""
        return self.git(self.bare(name), "rev-list", "--count", f"refs/heads/{base}..refs/heads/{branch}") != "0"

    def git(self, folder: Path, *words: str) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["git", *words], cwd=folder, env=GIT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"git {' '.join(words)}: {done.stderr}")
        return done.stdout.strip()
