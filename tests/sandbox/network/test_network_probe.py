"""The control of the self-test: where nothing protects, its tries say so."""

import marshal
import socket
import subprocess
import sys
from pathlib import Path

from journeyman.sandbox.network import selftest

PROBE = Path(selftest.__file__).with_name("probe.py")


def run(*tries: tuple[str, str, tuple[object, ...]]) -> dict[str, str]:
    """Make tries in this very process's network; name to `1` or `0`."""
    orders = marshal.dumps(list(tries), 2).hex()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROBE.read_text(), orders], capture_output=True, text=True, check=True
    )
    return {line.split("\t")[0]: line.split("\t")[1] for line in done.stdout.splitlines()}


def test_what_can_be_reached_is_not_held() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        udp.bind(("127.0.0.1", 0))
        unix.bind("\0journeyman-control-" + str(tcp.getsockname()[1]))
        unix.listen()
        ipv4 = int(socket.AF_INET)
        found = run(
            ("tcp", "tcp", (ipv4, [tcp.getsockname()])),
            ("udp", "udp", (ipv4, [udp.getsockname()])),
            ("unix", "unix", (unix.getsockname()[1:],)),
            ("lookup", "lookup", ("localhost",)),
            ("silent", "refused", (tcp.getsockname()[1], b"GET / HTTP/1.1\r\n\r\n")),
        )
        assert found == dict.fromkeys(("tcp", "udp", "unix", "lookup", "silent"), "0")
        closed = tcp.getsockname()
    assert run(("tcp", "tcp", (ipv4, [closed])), ("gone", "refused", (closed[1], b"x"))) == {"tcp": "1", "gone": "0"}
