"""What every sandbox backend must do with a gateway; part of the contract in `sandbox.py`."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from journeyman.core.environment import NetworkPolicy
from journeyman.core.errors import SandboxError
from journeyman.sandbox.network.gateway import open_gateway
from journeyman.sandbox.network.selftest import probe_bypasses
from journeyman.sandbox.protocol import AUTHORITY, GATEWAY_PORT, SandboxBackend
from journeyman.testing.sandbox_attacks import spec_in

ASK = f"""
import socket
end = socket.create_connection(("127.0.0.1", {GATEWAY_PORT}))
end.sendall(b"ping")
end.shutdown(socket.SHUT_WR)
print(end.recv(100))
"""
TAKE = f"""
import socket
for address in ("127.0.0.1", "0.0.0.0"):
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        end.bind((address, {GATEWAY_PORT}))
        end.listen()
        print("took", address)
    except OSError:
        print("held")
"""


@dataclass
class Answering:
    """A gateway that answers each connection with `said` and what it was sent."""

    said: bytes
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    authority: Path | None = None
    ended: bool = False
    failure: Exception | None = None

    async def serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        assert listener.getsockname() == ("127.0.0.1", GATEWAY_PORT)
        try:
            while True:
                end, _ = await loop.sock_accept(listener)
                with end:
                    if self.failure:
                        raise self.failure
                    asked = await loop.sock_recv(end, 100)
                    await loop.sock_sendall(end, self.said + asked)
        finally:
            self.ended = True


class SandboxGateways:
    """A gateway: reached inside, seen in the environment, not to be replaced, gone with the sandbox."""

    async def test_a_gateway_answers_inside(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        authority = tmp_path / "authority.pem"
        authority.write_text("certificates")
        gateway = Answering(b"pong of ", {"WAY": f"http://127.0.0.1:{GATEWAY_PORT}", "MINE": "gateway"}, authority)
        spec = spec_in(tmp_path, gateway=gateway, env={"MINE": "spec", "OTHER": "spec"})
        async with backend.open(spec) as sandbox:
            show = await sandbox.exec(["sh", "-c", f"echo $WAY $MINE $OTHER; cat {AUTHORITY}"], timeout=120)
            assert show.output.decode() == f"http://127.0.0.1:{GATEWAY_PORT} gateway spec\ncertificates"
            for _ in range(2):
                asked = await sandbox.exec([python, "-c", ASK], timeout=120)
                assert (asked.exit_code, asked.output) == (0, b"b'pong of ping'\n"), asked
            refused = await sandbox.exec(["sh", "-c", f"echo x > {AUTHORITY}"], timeout=120)
            assert refused.exit_code not in (0, None)
            taken = await sandbox.exec([python, "-c", TAKE], timeout=120)
            assert taken.output == b"held\nheld\n"
            assert not gateway.ended
        assert gateway.ended

    async def test_gateways_of_two_sandboxes_are_apart(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        one, two = spec_in(tmp_path, gateway=Answering(b"one ")), spec_in(tmp_path / "2", gateway=Answering(b"two "))
        async with backend.open(one) as first, backend.open(two) as second:
            assert (await first.exec([python, "-c", ASK], timeout=120)).output == b"b'one ping'\n"
            assert (await second.exec([python, "-c", ASK], timeout=120)).output == b"b'two ping'\n"

    async def test_without_a_gateway_nobody_answers(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            asked = await sandbox.exec([python, "-c", ASK], timeout=120)
            assert b"ConnectionRefusedError" in asked.output
            assert (await sandbox.exec(["test", "-e", AUTHORITY], timeout=120)).exit_code == 1

    @pytest.mark.parametrize("hosts", [(), ("allowed.test",)])
    async def test_no_known_way_leads_around_the_network_policy(
        self, backend: SandboxBackend, tmp_path: Path, hosts: tuple[str, ...]
    ) -> None:
        policy = NetworkPolicy(access="allow-list" if hosts else "off", hosts=hosts, methods="read")
        state = tmp_path / "gateway"
        async with (
            open_gateway(policy, on_refusal=lambda _: None, state=state, resolve=lambda _, __: []) as gateway,
            backend.open(spec_in(tmp_path, gateway=gateway)) as sandbox,
        ):
            probes = await probe_bypasses(sandbox, gateway, nameservers=["192.0.2.53"])
        assert [probe for probe in probes if not probe.held] == []
        assert all(probe.tried for probe in probes)
        assert len(probes) > (12 if hosts else 9), [probe.name for probe in probes]

    async def test_a_gateway_that_fails_takes_the_sandbox_with_it(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        gateway = Answering(b"", failure=ZeroDivisionError("on purpose"))
        async with backend.open(spec_in(tmp_path, gateway=gateway)) as sandbox:
            assert (await sandbox.exec([python, "-c", ASK], timeout=120)).cut == "gone"
            with pytest.raises(SandboxError, match="gateway ended: on purpose"):
                await sandbox.read("x")
