"""Attacks over the network, and over what serves as one: sockets with a path, pipes with a name."""

import os
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from journeyman.sandbox.protocol import SandboxBackend
from journeyman.testing.sandbox_attack import (
    Attack,
    Stage,
    each,
    is_stopped,
    spec_in,
    succeeds_without_protection,
)

CONNECT = """
def knock(family, kind, address):
    end = socket.socket(family, kind)
    end.settimeout(3)
    try:
        end.connect(address)
        end.send(b"out")
        reached(address)
    except OSError as error:
        print(address, error)
"""


def addresses() -> list[str]:
    """The addresses of this machine that others could reach it under, loopback first."""
    found = ["127.0.0.1"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        try:
            end.connect(("192.0.2.1", 9))  # sends nothing; the kernel picks the way
            found.append(end.getsockname()[0])
        except OSError:
            pass
    return found


@contextmanager
def tcp(_: Path) -> Generator[Stage]:
    with ExitStack() as stack:
        ends = [stack.enter_context(socket.create_server((address, 0))) for address in addresses()]
        if socket.has_ipv6:
            with suppress(OSError):
                ends.append(stack.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6)))
        for end in ends:
            end.setblocking(False)
        yield Stage({"addresses": [end.getsockname()[:2] for end in ends]}, lambda: any(map(accepted, ends)))


def accepted(end: socket.socket) -> bool:
    try:
        end.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@contextmanager
def udp(_: Path) -> Generator[Stage]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        end.setblocking(False)

        def received() -> bool:
            try:
                return bool(end.recv(10))
            except BlockingIOError:
                return False

        yield Stage({"port": end.getsockname()[1]}, received)


@contextmanager
def named(folder: Path) -> Generator[Stage]:
    """Sockets and pipes of the host that everybody may talk to: abstract ones, below the folder of all tasks, below a
    readable path, and in the workspace itself."""
    readable, inner = folder / "readable", folder / "lower" / "inner"
    readable.mkdir()
    inner.mkdir(parents=True)
    before = os.umask(0)
    with ExitStack() as stack:
        try:
            name = f"\0journeyman-test-{os.getpid()}"
            places = [folder / "s", readable / "s", inner / "s"]
            ends = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(4)]
            here = os.open(".", os.O_RDONLY)
            stack.callback(os.close, here)
            for end, place in zip(ends, [name, *places], strict=True):
                if isinstance(place, Path):  # relative, since the path may be longer than an address
                    os.chdir(place.parent)
                    end.bind(place.name)
                else:
                    end.bind(place)
                end.listen()
                end.setblocking(False)
            os.fchdir(here)
            pipes: list[int] = []
            for place in (folder / "p", readable / "p", inner / "p"):
                os.mkfifo(place)
                pipes.append(os.open(place, os.O_RDWR | os.O_NONBLOCK))
                stack.callback(os.close, pipes[-1])
        finally:
            os.umask(before)
        folders = [str(folder), str(readable), str(folder / "work" / "inner"), str(inner)]

        def reached() -> bool:
            return any(map(accepted, ends)) or any(map(filled, pipes))

        facts = {"name": name, "folders": folders}
        yield Stage(facts, reached, spec={"readable": (readable, inner.parent / "inner")})


def filled(pipe: int) -> bool:
    try:
        return bool(os.read(pipe, 10))
    except BlockingIOError:
        return False


NETWORK = (
    Attack(
        "reach a server of the host over TCP",
        CONNECT
        + """
for address in host["addresses"]:
    knock(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM, tuple(address))
""",
        tcp,
    ),
    Attack(
        "send the host a datagram",
        """
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for address in ("127.0.0.1", "255.255.255.255"):
            try:
                end.sendto(b"out", (address, host["port"]))
            except OSError as error:
                print(error)
        """,
        udp,
    ),
    Attack(
        "find a way to other machines",
        """
        for family, address in ((socket.AF_INET, ("192.0.2.1", 9)), (socket.AF_INET6, ("2001:db8::1", 9))):
            try:
                end = socket.socket(family, socket.SOCK_DGRAM)
                end.connect(address)
                reached("a route to", address, "from", end.getsockname())
            except OSError as error:
                print(error)
        names = [name for _, name in socket.if_nameindex() if name != "lo"]
        if names:
            reached(names)
        """,
        uncontrolled=lambda: (
            "" if len(list(Path("/sys/class/net").iterdir())) > 1 else "this machine has no network itself"
        ),
    ),
    Attack(
        "learn where names are looked up",
        """
        for line in open("/etc/resolv.conf"):
            if line.startswith("nameserver"):
                reached(line)
        """,
        uncontrolled=lambda: (
            "" if "nameserver" in Path("/etc/resolv.conf").read_text() else "this machine looks up no names itself"
        ),
    ),
    Attack(
        "give an interface an address",
        """
        end = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        message = struct.pack("BBBBI", 2, 8, 0, 0, 1) + struct.pack("HH4B", 8, 2, 10, 1, 2, 3)
        end.send(struct.pack("IHHII", 16 + len(message), 20, 5, 1, 0) + message)  # RTM_NEWADDR, to be acknowledged
        answer = end.recv(4096)
        kind, code = struct.unpack_from("H", answer, 4)[0], struct.unpack_from("i", answer, 16)[0]
        if (kind, code) == (2, 0):
            reached()
        print(kind, code)
        """,
        control="root",
    ),
    Attack(
        "talk to sockets and pipes that have names",
        CONNECT
        + """
knock(socket.AF_UNIX, socket.SOCK_STREAM, host["name"])
for folder in host["folders"]:
    try:
        os.chdir(folder)
    except OSError as error:
        print(folder, error)
        continue
    knock(socket.AF_UNIX, socket.SOCK_STREAM, "s")
    try:
        os.write(os.open("p", os.O_WRONLY | os.O_NONBLOCK), b"out")
        reached(folder, "pipe")
    except OSError as error:
        print(folder, error)
""",
        named,
    ),
)


class AttacksOnTheNetwork:
    """Each of them in a sandbox, and what has to go on working there."""

    @each(NETWORK)
    async def test_network(self, attack: Attack, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        await is_stopped(attack, backend, tmp_path, python)

    async def test_servers_inside_are_reached_inside(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        serve = "import socket; s = socket.create_server(('127.0.0.1', 8123)); c, _ = s.accept(); c.send(b'hello')"
        ask = "import socket; print(socket.create_connection(('127.0.0.1', 8123)).recv(5))"
        async with backend.open(spec_in(tmp_path)) as sandbox:
            start = f'nohup {python} -c "{serve}" & while ! grep -q :1FBB /proc/net/tcp; do sleep 0.02; done'
            assert (await sandbox.exec(["sh", "-c", start], timeout=120)).exit_code == 0
            assert (await sandbox.exec([python, "-c", ask], timeout=120)).output == b"b'hello'\n"


class ControlsOfTheNetwork:
    @each(NETWORK)
    def test_network_without_protection(self, attack: Attack, tmp_path: Path) -> None:
        succeeds_without_protection(attack, tmp_path)
