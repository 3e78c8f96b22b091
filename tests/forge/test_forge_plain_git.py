"""Plain git remotes: real ones, over file:// and over HTTP on loopback."""

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from journeyman.core.errors import RepositoryError, UsageError
from journeyman.forge.places import credential, place, repository_at
from journeyman.forge.plain_git import PlainGit
from journeyman.forge.protocol import (
    Author,
    BranchPush,
    Credential,
    NoSuchRemote,
    NotSignedIn,
    PushRejected,
    RemoteUnreachable,
)
from journeyman.testing.forge_server import ForgeServer, Rights

AUTHOR = Author("Jo Urney", "jo@example.org")
HOST = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    **{f"GIT_{who}_{what}": "p@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def git(folder: Path, *args: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["git", *args], cwd=folder, env=HOST, input=stdin, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, (args, done.stderr)
    return done.stdout.strip()


class Remote:
    """A bare repository, and a person who works on it in a clone."""

    def __init__(self, root: Path) -> None:
        self.bare = root / "remote.git"
        self.work = root / "work"
        git(root, "init", "-q", "--bare", "-b", "trunk", str(self.bare))
        git(root, "clone", "-q", str(self.bare), str(self.work))
        self.commit("a.txt", "one\n", "first")

    @property
    def address(self) -> str:
        return f"file://{self.bare}"

    def commit(self, name: str, text: str, message: str, branch: str = "trunk") -> str:
        git(self.work, "checkout", "-qB", branch)
        (self.work / name).write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-qm", message)
        git(self.work, "push", "-q", "origin", branch)
        return git(self.work, "rev-parse", "HEAD")


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path)


@pytest.fixture
def forge(tmp_path: Path) -> PlainGit:
    return PlainGit(tmp_path / "state", HOST, clock=lambda: 1_800_000_000.0)


@pytest.fixture
def refusing() -> Iterator[str]:
    """An HTTP server that wants a password that nobody has."""

    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    yield from served(Refuse)


@pytest.fixture
def dumb(tmp_path: Path) -> Iterator[str]:
    """The files of `tmp_path` over HTTP, which is enough for git to fetch."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    yield from served(partial(Quiet, directory=str(tmp_path)))


def served(handler: "type[BaseHTTPRequestHandler] | partial[SimpleHTTPRequestHandler]") -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_mirror_is_made_once_and_kept_up(remote: Remote, forge: PlainGit) -> None:
    first = await forge.fetch(remote.address)
    assert first.default_branch == "trunk"
    assert first.branches == {"trunk": git(remote.work, "rev-parse", "HEAD")}
    inode = first.git_dir.stat().st_ino
    side = remote.commit("b.txt", "b\n", "second", branch="side")
    both = await asyncio.gather(*(forge.fetch(remote.address) for _ in range(4)))
    assert [mirror.branches.get("side") for mirror in both] == [side] * 4
    git(remote.work, "push", "-q", "origin", ":side")
    last = await forge.fetch(remote.address)
    assert "side" not in last.branches
    assert last.git_dir.stat().st_ino == inode
    assert "remote" not in (last.git_dir / "config").read_text()


async def test_over_http(remote: Remote, forge: PlainGit, dumb: str) -> None:
    git(remote.bare, "update-server-info")
    mirror = await forge.fetch(f"{dumb}/remote.git")
    assert mirror.branches == {"trunk": git(remote.work, "rev-parse", "HEAD")}


async def test_a_clone_shares_objects_and_runs_nothing(remote: Remote, tmp_path: Path) -> None:
    marker = tmp_path / "fired"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch '{marker}'\ncat\n")
    trap.chmod(0o755)
    (tmp_path / "gitconfig").write_text(
        f'[filter "lfs"]\n\tsmudge = {trap}\n\trequired\n[core]\n\thooksPath = {tmp_path}/hooks\n'
    )
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "post-checkout").symlink_to(trap)
    (tmp_path / "gitconfig").rename(tmp_path / ".gitconfig")
    host = {"PATH": HOST["PATH"], "HOME": str(tmp_path)}
    forge = PlainGit(tmp_path / "state", host)
    tip = remote.commit(".gitattributes", "* filter=lfs\n", "with a filter")
    control = ["git", "clone", "-q", remote.address, str(tmp_path / "control")]
    await (await asyncio.create_subprocess_exec(*control, env=host)).wait()
    assert marker.exists()
    marker.unlink()
    assert await forge.clone(remote.address, tmp_path / "out" / "trunk") == tip
    assert git(tmp_path / "out" / "trunk", "branch", "--show-current") == "trunk"
    assert git(tmp_path / "out" / "trunk", "remote", "get-url", "origin") == remote.address
    assert await forge.clone(remote.address, tmp_path / "out" / "old", ref=f"{tip[:10]}~1") == git(
        remote.work, "rev-parse", "HEAD~1"
    )
    assert sorted(path.name for path in (tmp_path / "out" / "old").iterdir()) == [".git", "a.txt"]
    assert not marker.exists()
    with pytest.raises(UsageError, match="There is no branch, tag or commit 'nowhere'"):
        await forge.clone(remote.address, tmp_path / "out" / "third", ref="nowhere")
    with pytest.raises(UsageError, match="is not empty"):
        await forge.clone(remote.address, tmp_path / "out" / "old")


def tree_elsewhere(remote: Remote, root: Path, text: str) -> tuple[str, Path]:
    """A result's tree, in an object store that the remote does not know."""
    store = root / "store.git"
    git(root, "init", "-q", "--bare", str(store))
    (store / "objects/info/alternates").write_text(f"{remote.bare}/objects\n")
    blob = git(store, "hash-object", "-w", "--stdin", stdin=text)
    return git(store, "mktree", stdin=f"100644 blob {blob}\ta.txt\n"), store / "objects"


async def test_a_result_becomes_a_branch(remote: Remote, forge: PlainGit, tmp_path: Path) -> None:
    base = git(remote.work, "rev-parse", "HEAD")
    tree, objects = tree_elsewhere(remote, tmp_path, "fixed\n")
    push = BranchPush(tree, (base,), "journeyman/fix", "Fix it\n\nAs asked: ünï\n", AUTHOR, (objects,))
    commit = await forge.push(remote.address, push)
    shown = git(remote.bare, "log", "-1", "--format=%H|%P|%T|%an <%ae>|%cn|%at|%B", "journeyman/fix")
    assert shown == f"{commit}|{base}|{tree}|Jo Urney <jo@example.org>|Jo Urney|1800000000|Fix it\n\nAs asked: ünï"
    assert git(remote.bare, "show", "journeyman/fix:a.txt") == "fixed"
    tree, objects = tree_elsewhere(remote, tmp_path, "fixed better\n")
    second = BranchPush(tree, (commit,), "journeyman/fix", "Better", AUTHOR, (objects,), expected=commit)
    assert git(remote.bare, "rev-parse", "journeyman/fix") == commit
    assert await forge.push(remote.address, second) == git(remote.bare, "rev-parse", "journeyman/fix")


async def test_a_branch_that_moved_is_not_overwritten(remote: Remote, forge: PlainGit, tmp_path: Path) -> None:
    base = git(remote.work, "rev-parse", "HEAD")
    tree, objects = tree_elsewhere(remote, tmp_path, "ours\n")
    theirs = remote.commit("a.txt", "theirs\n", "somebody else's", branch="fix")
    for expected, said in ((None, "and should not exist yet"), (base, f"not at {base[:12]}")):
        push = BranchPush(tree, (base,), "fix", "Ours", AUTHOR, (objects,), expected)
        with pytest.raises(PushRejected, match=f"is at {theirs[:12]} on .*, {said}"):
            await forge.push(remote.address, push)
    with pytest.raises(PushRejected, match="does not follow"):
        await forge.push(remote.address, BranchPush(tree, (base,), "fix", "Ours", AUTHOR, (objects,), theirs))
    assert git(remote.bare, "rev-parse", "fix") == theirs
    hook = remote.bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'main is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(PushRejected, match="pre-receive hook declined"):
        await forge.push(remote.address, BranchPush(tree, (theirs,), "fix", "Ours", AUTHOR, (objects,), theirs))
    with pytest.raises(UsageError, match="cannot be the name of a branch"):
        await forge.push(remote.address, BranchPush(tree, (base,), "--mirror", "Ours", AUTHOR, (objects,)))


async def test_failures_are_told_apart(remote: Remote, forge: PlainGit, refusing: str, tmp_path: Path) -> None:
    with pytest.raises(NotSignedIn) as caught:
        await forge.fetch(refusing.replace("://", "://jo:hunter2@") + "/x.git")
    assert "does not accept this machine's credentials" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(RemoteUnreachable, match="cannot be reached"):
        await forge.fetch("http://127.0.0.1:1/x.git")
    with pytest.raises(NoSuchRemote, match="There is no repository at"):
        await forge.fetch(f"file://{tmp_path}/nowhere.git")
    for address in ("ext::sh -c touch% x", "--upload-pack=touch", "relative/path", "", "javascript://x y"):
        with pytest.raises(UsageError, match="not the address of a repository"):
            await forge.fetch(address)
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    with pytest.raises(RepositoryError, match="is empty"):
        await forge.clone(f"file://{tmp_path}/empty.git", tmp_path / "out")
    assert not [path for path in (tmp_path / "state" / "mirrors").iterdir() if len(path.suffixes) > 1]


SHOP = "example/shop"
TOKEN = "token-of-the-shop-bot"


@pytest.fixture(params=["github", "gitlab"])
def played(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ForgeServer]:
    with ForgeServer(request.param, tmp_path / "played") as forge:
        forge.world.tokens[TOKEN] = Rights()
        forge.world.add_repository(SHOP, {"a.txt": "one\n"})
        yield forge


def signing(played: ForgeServer, tmp_path: Path, token: str = TOKEN, **environment: str) -> PlainGit:
    """Plain git that has a token for the played forge."""
    there = place(played.kind, played.address)

    async def find(remote: str) -> Credential | None:
        return credential(there, token) if repository_at(there, remote) is not None else None

    return PlainGit(tmp_path / "state", {**HOST, **environment}, credentials=find)


async def test_a_private_repository_is_fetched_and_pushed_to_with_a_token(played: ForgeServer, tmp_path: Path) -> None:
    # What the host's own configuration holds for git goes on to hold.
    own = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": "X-Mine: 1"}
    forge, remote = signing(played, tmp_path, **own), played.remote(SHOP)
    mirror = await forge.fetch(remote)
    into = tmp_path / "clone"
    assert await forge.clone(remote, into) == mirror.branches["main"]
    assert (into / "a.txt").read_text() == "one\n"
    for config in (mirror.git_dir / "config", into / ".git" / "config"):
        assert "header" not in config.read_text().lower() and TOKEN not in config.read_text()
    tree = git(into, "rev-parse", "HEAD^{tree}")
    pushed = await forge.push(remote, BranchPush(tree, (mirror.branches["main"],), "new", "Same", AUTHOR))
    assert played.world.head(SHOP, "new") == pushed


async def test_without_the_token_or_with_a_wrong_one_nothing_is_shown(played: ForgeServer, tmp_path: Path) -> None:
    remote = played.remote(SHOP)
    with pytest.raises(NotSignedIn, match="this machine's credentials"):
        await PlainGit(tmp_path / "other", HOST).fetch(remote)
    helper = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "credential.helper"}
    helper["GIT_CONFIG_VALUE_0"] = f"!f() {{ echo username=x; echo password={TOKEN}; }}; f"
    with pytest.raises(NotSignedIn, match="does not accept the token that is stored for its forge"):
        await signing(played, tmp_path, "a-wrong-one", **helper).fetch(remote)
    played.world.tokens[TOKEN] = Rights(write=False)
    forge = signing(played, tmp_path)
    mirror = await forge.fetch(remote)
    tree = git(mirror.git_dir, "rev-parse", "main^{tree}")
    with pytest.raises(NotSignedIn, match="does not accept the token"):
        await forge.push(remote, BranchPush(tree, (mirror.branches["main"],), "new", "Same", AUTHOR))


async def test_a_protected_branch_is_told_as_one(played: ForgeServer, tmp_path: Path) -> None:
    forge, remote = signing(played, tmp_path), played.remote(SHOP)
    mirror = await forge.fetch(remote)
    played.world.protect(SHOP, "main")
    tree, main = git(mirror.git_dir, "rev-parse", "main^{tree}"), mirror.branches["main"]
    with pytest.raises(PushRejected, match="protects the branch"):
        await forge.push(remote, BranchPush(tree, (main,), "main", "Same", AUTHOR, expected=main))
    assert played.world.head(SHOP, "main") == main


async def test_git_does_not_take_the_token_to_another_host(played: ForgeServer, tmp_path: Path) -> None:
    forge, remote = signing(played, tmp_path), played.remote(SHOP)
    await forge.fetch(remote)
    with ForgeServer("github", tmp_path / "evil") as evil:
        evil.world.tokens[TOKEN] = Rights()
        evil.world.add_repository(SHOP, {"a.txt": "evil\n"})
        played.faults.redirect = evil.address
        with pytest.raises(NoSuchRemote, match="has moved to another address"):
            await forge.fetch(remote)
        assert evil.requests == []
    played.faults.redirect = None
    played.world.renamed["example/old"] = SHOP
    with pytest.raises(NoSuchRemote, match="has moved"):
        await forge.fetch(played.remote("example/old"))


async def test_the_token_is_on_no_command_line(played: ForgeServer, tmp_path: Path) -> None:
    words = tmp_path / "words"
    spy = tmp_path / "git"
    spy.write_text(f'#!/bin/sh\necho "$@" >> {words}\nexec git "$@"\n')
    spy.chmod(0o755)
    there = place(played.kind, played.address)

    async def find(remote: str) -> Credential | None:
        return credential(there, TOKEN)

    await PlainGit(tmp_path / "state", HOST, git=str(spy), credentials=find).fetch(played.remote(SHOP))
    said = words.read_text()
    assert "clone" in said and TOKEN not in said and "Basic" not in said and "header" not in said.lower()
