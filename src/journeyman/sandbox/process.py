"""The processes of a sandbox in the host's hands: started, ended, asked why they did not come up."""

import asyncio
import contextlib
import os
import select
import signal

from journeyman.core.errors import SandboxError, SandboxUnavailable
from journeyman.core.text import decode, plain

CLOSING = 5.0
"""Seconds in which a killed sandbox has to be gone."""

NO_OWNERS = "cannot map owners"
HINTS = {
    (
        "cannot make a namespace",
        "cannot make a user namespace",
        "cannot make a process namespace",
        "cannot go into the room",
        "cannot mount proc",
        "new namespace",
        "uid map",
    ): (
        "This machine does not let this user make user namespaces, which the sandbox needs. As root, run "
        "`sysctl -w user.max_user_namespaces=15000` and, where they exist, `sysctl -w "
        "kernel.unprivileged_userns_clone=1` and `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`; in a "
        "container, allow the system calls unshare, setns and mount (`--privileged`)."
    ),
    ("cannot mount overlay on /tmp/workspace/merged: No such device",): (
        "The kernel has no overlayfs, which the sandbox needs; as root, run `modprobe overlay`."
    ),
    ("cannot mount overlay",): (
        "The workspace's layers cannot be laid over each other; the folder of the task has to be on a file system that "
        "overlayfs can write to (ext4, XFS, Btrfs, tmpfs), on a kernel of 5.11 or later."
    ),
}


class OwnersUnmapped(SandboxError):
    """A layer's file system cannot show its files as another user's."""


class Process:
    """The outermost process of a sandbox, and the first one inside, by descriptors that cannot come to mean another."""

    def __init__(self, outer: int, errors: int) -> None:
        self._outer = outer
        self._errors = errors
        self._inner = -1

    def know(self, pid: int) -> None:
        """Remember the first process inside. Raises `SandboxError` if it has ended."""
        try:
            self._inner = os.pidfd_open(pid)
        except OSError as error:
            raise SandboxError("The sandbox ended as soon as it was open.") from error

    def kill(self) -> None:
        """Kill the first process inside, and with it all others there; the outermost one follows."""
        target = self._inner if self._inner >= 0 else self._outer
        if target >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(target, signal.SIGKILL)

    async def end(self) -> None:
        """Kill the sandbox and wait until its last process has gone."""
        self.kill()
        if self._outer >= 0:
            await self._gone()
        for handle in (self._inner, self._outer, self._errors):
            if handle >= 0:
                os.close(handle)
        self._inner = self._outer = self._errors = -1

    async def _gone(self) -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        loop.add_reader(self._outer, done.set)
        try:
            async with asyncio.timeout(CLOSING):
                await done.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._outer, signal.SIGKILL)
        finally:
            loop.remove_reader(self._outer)

    async def why(self) -> SandboxError:
        """The reason that the launcher or bubblewrap gave before they ended."""
        self.kill()
        if self._outer >= 0:
            await self._gone()
        said = ""
        if select.select([self._errors], [], [], 0)[0]:
            said = plain(decode(os.read(self._errors, 4096))).strip()
        return explained(said)


def explained(said: str) -> SandboxError:
    """An error of the launcher or bubblewrap in words, with what to do about it."""
    if NO_OWNERS in said:
        return OwnersUnmapped(said)
    for signs, hint in HINTS.items():
        if any(sign in said for sign in signs):
            return SandboxUnavailable(f"{hint} (It said: {said})")
    return SandboxError(f"The sandbox could not be opened: {said or 'it ended without a word'}.")
