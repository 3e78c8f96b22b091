"""Repositories behind any address that the host's own git can reach.

Credentials are the host's: its git runs with the person's configuration (credential helpers, ssh keys), never asks on
a terminal, and works in a bare mirror of ours, so nothing that a repository says about itself is in force. Where there
is a token for a forge, git has it from its environment, for that forge's addresses alone.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from journeyman.core.errors import RepositoryError, UsageError
from journeyman.core.ids import Clock
from journeyman.core.text import decode, one_line, plain
from journeyman.forge.protocol import (
    BranchPush,
    Credential,
    Credentials,
    Mirror,
    NoSuchRemote,
    NotSignedIn,
    PushRejected,
    RemoteUnreachable,
    no_credentials,
)

TIMEOUT = 1800.0
"""Seconds for one exchange with a remote."""

_OF_A_REPOSITORY = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
    *("GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_TEMPLATE_DIR", "GIT_EXTERNAL_DIFF"),
}
"""Variables that are about whatever repository the host process happens to be in."""

_PROTOCOLS = "file:git:http:https:ssh"
_ADDRESS = re.compile(r"(?:(?:https?|ssh|git|file)://|/|[\w.-]+@[\w.-]+:|[\w-]+[\w.-]*:(?!:))[^\x00-\x20]+\Z")
_PASSWORD = re.compile(r"(\w+://)[^/@\s]*@")
_SETTINGS = (
    *("-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false"),
    *("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60", "-c", "submodule.recurse=false"),
)

_OUTSIDE = ("clone", "fetch", "ls-remote", "push")
"""What goes to the remote, and signs in there."""

_BY_TOKEN = (
    (
        NoSuchRemote,
        r"error: 30[12378]",
        "{remote} has moved to another address, and the token is not sent after it ({said}). Use the new address.",
    ),
    (
        NotSignedIn,
        r"Authentication failed|could not read (?:Username|Password)|Permission .*denied|error: 40[13]|[Ww]rite access",
        "{remote} does not accept the token that is stored for its forge ({said}). Have an administrator check there "
        "that it has not run out, and may read and write the code of this repository.",
    ),
)
"""The same where git signed in with a token of ours."""

_SAID = (
    (
        PushRejected,
        r"[Pp]rotected branch|GH006|GH013|not allowed to (?:push|create|force)",
        "{remote} protects the branch ({said}); nothing was pushed. Take another branch, or have that rule changed.",
    ),
    (
        PushRejected,
        r"\[rejected\]|\[remote rejected\]|non-fast-forward|fetch first|stale info|pre-receive hook declined|^!",
        "The branch was not pushed to {remote}: {said}. Fetch and look at what is on it now; nothing was overwritten.",
    ),
    (
        NotSignedIn,
        r"Authentication failed|could not read (?:Username|Password)|Permission denied|error: 40[13]|"
        r"Host key verification failed|terminal prompts disabled|Invalid username",
        "{remote} does not accept this machine's credentials ({said}). Check that `git ls-remote {remote}` works in "
        "a terminal without asking: sign in with your git credential helper or add your ssh key.",
    ),
    (
        NoSuchRemote,
        r"[Nn]ot found|does not exist|does not appear to be a git repository|error: 404|No such file or directory",
        "There is no repository at {remote}, or you may not see it ({said}). Check the address.",
    ),
    (
        RemoteUnreachable,
        r"Could not resolve|Couldn't connect|Connection (?:refused|timed out|reset|closed)|Failed to connect|"
        r"unable to access|early EOF|RPC failed|hung up|Could not read from remote|Network is unreachable|timed out",
        "{remote} cannot be reached ({said}). Check the network and try again; nothing was changed.",
    ),
)
"""Git says in words only what went wrong; the first pattern that fits decides."""


class PlainGit:
    """The `Forge` of plain git remotes.

    `state` is a directory of ours for the mirrors. `environment` is the host's own (HOME, PATH, SSH_AUTH_SOCK, …),
    since that is where git's credentials come from where `credentials` has none.
    """

    name = "git"

    def __init__(
        self,
        state: Path,
        environment: Mapping[str, str],
        *,
        git: str = "git",
        clock: Clock = time.time,
        credentials: Credentials = no_credentials,
    ) -> None:
        self._state = state
        self._credentials = credentials
        self._git = git
        self._clock = clock
        self._environment = {
            **{name: value for name, value in environment.items() if name not in _OF_A_REPOSITORY},
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "SSH_ASKPASS": "/bin/false",
            "SSH_ASKPASS_REQUIRE": "force",
            "GCM_INTERACTIVE": "never",
            "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
        }

    async def fetch(self, remote: str) -> Mirror:
        """See `Forge.fetch`. Several processes may ask for the same remote at once; one at a time goes out."""
        place = self._place(remote)
        async with self._alone(place):
            if not (place / "HEAD").exists():
                fresh = place.with_name(f"{place.name}.{secrets.token_hex(4)}")
                try:
                    await self._run(remote, "clone", "-q", "--bare", "--template=", "--", remote, str(fresh))
                    await self._run(remote, "config", "--remove-section", "remote.origin", git_dir=fresh)
                    fresh.rename(place)
                finally:
                    await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
            else:
                refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
                options = ("--quiet", "--prune", "--force", "--no-write-fetch-head", "--no-recurse-submodules")
                await self._run(remote, "fetch", *options, "--", remote, *refs, git_dir=place)
            head = await self._run(remote, "ls-remote", "--symref", "--", remote, "HEAD", git_dir=place)
            found = re.search(rb"^ref: refs/heads/(\S+)\tHEAD$", head, re.MULTILINE)
            listed = await self._run(
                remote, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", git_dir=place
            )
        branches = dict(line.removeprefix("refs/heads/").rsplit(" ", 1) for line in decode(listed).splitlines())
        default = decode(found[1]) if found else None
        return Mirror(place, branches, default if default in branches else next(iter(branches), None))

    async def clone(self, remote: str, into: Path, *, ref: str | None = None) -> str:
        """See `Forge.clone`. The files share the mirror's objects; filters and hooks are not run."""
        mirror = await self.fetch(remote)
        wanted = ref or mirror.default_branch
        if wanted is None:
            raise RepositoryError(f"The repository at {shown(remote)} is empty; push a first commit to it.")
        commit = await self.resolve(remote, mirror, wanted)
        if into.exists() and any(into.iterdir()):
            raise UsageError(f"{plain(str(into))} is not empty; name a new directory.")
        into.mkdir(parents=True, exist_ok=True)
        inside = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        clone = ("clone", "-q", "--shared", "--no-checkout", "--template=", "--", str(mirror.git_dir), str(into))
        await self._run(remote, *clone, extra=inside)
        git_dir = into / ".git"
        await self._run(remote, "config", "remote.origin.url", without_password(remote), git_dir=git_dir, extra=inside)
        place = ("-B", wanted) if wanted in mirror.branches else ("--detach",)
        work_tree = {**inside, "GIT_WORK_TREE": str(into)}
        await self._run(remote, "checkout", "-q", *place, commit, "--", git_dir=git_dir, extra=work_tree)
        return commit

    async def push(self, remote: str, push: BranchPush) -> str:
        """See `Forge.push`."""
        mirror = await self.fetch(remote)
        await self._check_branch(push.branch)
        when = f"{int(self._clock())} +0000"
        extra = {
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(_quoted(place) for place in push.objects),
            **{f"GIT_{who}_NAME": push.author.name for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": push.author.email for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_DATE": when for who in ("AUTHOR", "COMMITTER")},
        }
        parents = [word for parent in push.parents for word in ("-p", parent)]
        made = await self._run(
            remote,
            *("-c", "commit.gpgSign=false", "commit-tree", push.tree, *parents, "-F", "-"),
            git_dir=mirror.git_dir,
            extra=extra,
            stdin=push.message.encode(),
        )
        commit = made.decode().strip()
        ref = f"refs/heads/{push.branch}"
        lease = f"--force-with-lease={ref}:{push.expected or ''}"
        moved = mirror.branches.get(push.branch)
        if moved != push.expected:
            raise PushRejected(_moved(remote, push, moved))
        forward = push.expected is None or push.expected in push.parents
        if not forward:
            raise PushRejected(
                f"The new commit does not follow {(push.expected or '')[:12]}, which {plain(push.branch)} is at on "
                f"{shown(remote)}; it was not pushed, since that commit would be lost."
            )
        options = ("--porcelain", "--no-verify", "--no-recurse-submodules", lease)
        await self._run(remote, "push", *options, "--", remote, f"{commit}:{ref}", git_dir=mirror.git_dir, extra=extra)
        return commit

    async def resolve(self, remote: str, mirror: Mirror, ref: str) -> str:
        """The commit that a branch, a tag or a commit's id stands for. Raises `UsageError` when there is none."""
        if ref in mirror.branches:
            return mirror.branches[ref]
        asked = f"{ref}^{{commit}}\n".encode(errors="surrogateescape")
        found = await self._run(remote, "cat-file", "--batch-check", git_dir=mirror.git_dir, stdin=asked)
        words = decode(found).split()
        if "\n" in ref or len(words) != 3 or words[1] != "commit":
            raise UsageError(f"There is no branch, tag or commit {plain(ref)!r} in {shown(remote)}.")
        return words[0]

    async def _check_branch(self, branch: str) -> None:
        done = await self._start("check-ref-format", "--branch", branch, env=self._environment)
        await done.communicate()
        if done.returncode or branch.startswith(("-", "@{")):
            raise UsageError(f"{plain(branch)!r} cannot be the name of a branch.")

    def _place(self, remote: str) -> Path:
        if remote.startswith("-") or "::" in remote.split("/")[0] or not _ADDRESS.match(remote):
            raise UsageError(
                f"{shown(remote)!r} is not the address of a repository; "
                "it looks like https://host/path, ssh://host/path, git@host:path or file:///path."
            )
        return self._state / "mirrors" / f"{hashlib.sha256(remote.encode()).hexdigest()[:20]}.git"

    @asynccontextmanager
    async def _alone(self, place: Path) -> AsyncGenerator[None]:
        """Hold the mirror's lock, against other processes too."""
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                await asyncio.sleep(0.05)
            yield
        finally:
            os.close(descriptor)

    async def _start(self, *args: str, env: Mapping[str, str]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(self._git, *_SETTINGS, *args),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd="/",
            env=dict(env),
            start_new_session=True,  # without a terminal ssh cannot ask either
        )

    async def _run(
        self,
        remote: str,
        *args: str,
        git_dir: Path | None = None,
        extra: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> bytes:
        env = {**self._environment, **(extra or {})}
        if git_dir is not None:
            env["GIT_DIR"] = str(git_dir)
        credential = await self._credentials(remote) if args[0] in _OUTSIDE else None
        if credential is not None:
            env |= _signed_in(env, credential)
        process = await self._start(*args, env=env)
        try:
            async with asyncio.timeout(TIMEOUT):
                out, err = await process.communicate(stdin)
        except TimeoutError:
            raise RemoteUnreachable(f"{shown(remote)} took longer than {TIMEOUT:.0f} s and was given up.") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise _error(remote, args, decode(out) + "\n" + decode(err), by_token=credential is not None)
        return out


def _signed_in(environment: Mapping[str, str], credential: Credential) -> dict[str, str]:
    """Variables that give git the credential for its address, in place of what its configuration has for that.

    Not by words of a command, which whoever is on the machine sees. Redirects are not followed, since git would send
    the header on to wherever they lead.
    """
    settings = (
        (f"http.{credential.address}/.extraHeader", ""),
        (f"http.{credential.address}/.extraHeader", credential.header),
        (f"http.{credential.address}/.followRedirects", "false"),
        (f"credential.{credential.address}.helper", ""),
    )
    before = environment.get("GIT_CONFIG_COUNT", "")
    first = int(before) if before.isdigit() else 0
    told = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for number, (key, value) in enumerate(settings, first):
        told |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return told


def _error(remote: str, args: Sequence[str], said: str, *, by_token: bool) -> RepositoryError:
    lines = [without_password(line.strip()) for line in said.splitlines() if line.strip()]
    for kind, pattern, sentence in (*(_BY_TOKEN if by_token else ()), *_SAID):
        hits = [line for line in lines if re.search(pattern, line)]
        if hits and (kind is not PushRejected or "push" in args):
            reason = one_line(re.sub(r"^(?:fatal|error|remote): |^!\t\S+\t", "", hits[0]).rstrip("."), 200)
            return kind(sentence.format(remote=shown(remote), said=reason))
    verb = next((arg for arg in args if not arg.startswith("-") and "=" not in arg), "git")
    return RepositoryError(f"`git {verb}` failed on {shown(remote)}: {one_line(' '.join(lines), 300)}")


def _moved(remote: str, push: BranchPush, at: str | None) -> str:
    now = f"is at {at[:12]}" if at else "is not there any more"
    wanted = f"not at {push.expected[:12]}" if push.expected else "and should not exist yet"
    return (
        f"The branch {plain(push.branch)} {now} on {shown(remote)}, {wanted}; nothing was pushed. "
        "Take what is there into the work first, or push to another branch."
    )


def without_password(text: str) -> str:
    """`text` without the passwords of the addresses in it."""
    return _PASSWORD.sub(r"\1", text)


def shown(remote: str) -> str:
    """An address for a person: on one line, without a password."""
    return one_line(without_password(remote), 200)


def _quoted(place: Path) -> str:
    """A path as an entry of GIT_ALTERNATE_OBJECT_DIRECTORIES."""
    text = str(place)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if ":" in text or text.startswith('"') else text
