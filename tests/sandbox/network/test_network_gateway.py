"""Gateways as sandboxes get them: variables, certificates, and real programs behind them."""

import hashlib
import io
import shutil
import socket
import ssl
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from journeyman.core.environment import NetworkPolicy, Refusal
from journeyman.core.errors import UsageError
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.network.broker import Broker
from journeyman.sandbox.network.gateway import open_gateway
from journeyman.sandbox.network.indexes import IndexHosts
from journeyman.sandbox.network.selftest import probe_bypasses
from journeyman.sandbox.protocol import AUTHORITY, SandboxSpec, Toolchain
from tests.sandbox.network.world import LOOPBACK, Asked, Trust, http_server, ok, resolve, trust_in

refused: list[Refusal] = []


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return trust_in(tmp_path)


async def test_no_network_has_no_gateway(tmp_path: Path) -> None:
    async with open_gateway(NetworkPolicy(), on_refusal=refused.append, state=tmp_path / "state") as gateway:
        assert gateway is None


async def test_a_pattern_that_is_none_is_told_when_it_is_opened(tmp_path: Path) -> None:
    policy = NetworkPolicy(access="allow-list", hosts=("https://a.com",))
    with pytest.raises(UsageError, match=r"'https://a\.com' is no pattern for hosts"):
        async with open_gateway(policy, on_refusal=refused.append, state=tmp_path):
            pass


async def test_what_programs_inside_are_told(tmp_path: Path, trust: Trust) -> None:
    policy = NetworkPolicy(access="allow-list", hosts=("a.com",))
    broker = Broker({"TOKEN": ("the real value", ("a.com",))})
    options = {"on_refusal": refused.append, "state": tmp_path / "state", "roots": trust.roots}
    async with open_gateway(policy, **options) as gateway:
        assert gateway is not None and gateway.authority == trust.roots
        url = "http://127.0.0.1:3128"
        names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "CARGO_HTTP_PROXY")
        assert {gateway.env[name] for name in names} == {url}
        assert gateway.env["NO_PROXY"] == gateway.env["no_proxy"] == "localhost,127.0.0.1,::1"
        trusting = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO")
        assert {gateway.env[name] for name in trusting} == {AUTHORITY}
        assert "-Dhttps.proxyPort=3128" in gateway.env["MAVEN_OPTS"]
    async with open_gateway(policy, broker=broker, **options) as gateway:
        assert gateway is not None and gateway.authority is not None
        bundle = gateway.authority.read_text()
        assert bundle.startswith(trust.roots.read_text()) and bundle.count("BEGIN CERTIFICATE") == 2
        assert "PRIVATE" not in bundle
        assert gateway.env["TOKEN"] == broker.dummies["TOKEN"]
        assert "the real value" not in repr(gateway) + str(gateway.env)
    assert list((tmp_path / "state").iterdir()) == []


async def test_an_authority_is_constrained_to_the_hosts_that_it_is_for(tmp_path: Path, trust: Trust) -> None:
    """Where a certificate for another host got out, nobody would accept it."""
    policy = NetworkPolicy(access="allow-list", hosts=("a.test", "*.b.test"), methods="read")
    async with open_gateway(policy, on_refusal=refused.append, state=tmp_path, roots=trust.roots) as gateway:
        assert gateway is not None and gateway.authority is not None
        text = gateway.authority.read_text()
        client = ssl.create_default_context(cadata=text)
        client.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does from 3.13 on
        accepted: list[str] = []
        for host in ("a.test", "x.b.test", "c.test", "127.0.0.1"):
            context = gateway.proxy.authority.context(host) if gateway.proxy.authority else None
            assert context is not None
            if _shakes(client, context, host):
                accepted.append(host)
    assert accepted == ["a.test", "x.b.test"]


def _shakes(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> bool:
    """Whether a handshake between the two succeeds."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    try:
        for end in [*ends, *ends]:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    except ssl.SSLCertVerificationError:
        return False
    return True


def wheel(name: str) -> bytes:
    """A package with nothing in it."""
    out = io.BytesIO()
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(f"{name}.py", "answer = 42\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return out.getvalue()


def spec_with(tmp_path: Path, **settings: object) -> SandboxSpec:
    lower = tmp_path / "lower"
    lower.mkdir(exist_ok=True)
    own = Toolchain(Path(sys.prefix), (Path(sys.prefix) / "bin",))
    return SandboxSpec(workspace=Path("/srv/project"), lower=(lower,), toolchains=(own,), **settings)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("methods", ["all", "read"])
async def test_pip_fetches_from_an_allowed_index_and_nowhere_else(tmp_path: Path, trust: Trust, methods: str) -> None:
    package = wheel("tiny")
    name = "tiny-1.0-py3-none-any.whl"

    def index(asked: Asked) -> bytes:
        if asked.line.split()[1].endswith("/simple/tiny/"):
            digest = hashlib.sha256(package).hexdigest()
            page = f'<a href="https://files.test:{files.port}/{name}#sha256={digest}">{name}</a>'
            return ok(page.encode(), "Content-Type: text/html")
        return ok(b"", status="404 Not found")

    async with (
        http_server(tls=trust.context("index.test")) as server,
        http_server(tls=trust.context("files.test")) as files,
    ):
        server.respond, files.respond = index, lambda asked: ok(package)
        indexes = [IndexHosts(tool="pip", hosts=(f"index.test:{server.port}",), source="the test")]
        policy = NetworkPolicy.model_validate(
            {
                "access": "allow-list",
                "indexes": True,
                "methods": methods,
                "hosts": [f"files.test:{files.port}"],
                "private": LOOPBACK,
            }
        )
        refusals: list[Refusal] = []
        async with (
            open_gateway(
                policy,
                on_refusal=refusals.append,
                state=tmp_path / "state",
                indexes=indexes,
                roots=trust.roots,
                resolve=resolve,
            ) as gateway,
            Bubblewrap(tmp_path / "boxes").open(spec_with(tmp_path, gateway=gateway)) as sandbox,
        ):
            pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-cache-dir", "--retries", "1"]
            pip += ["--disable-pip-version-check", "--target", "/tmp/here", "--index-url"]
            fetched = await sandbox.exec([*pip, f"https://index.test:{server.port}/simple/", "tiny"], timeout=120)
            assert fetched.exit_code == 0, fetched.output.decode()
            used = await sandbox.exec([sys.executable, "-c", "import tiny; print(tiny.answer)"], timeout=120,
                                      env={"PYTHONPATH": "/tmp/here"})  # fmt: skip
            assert used.output == b"42\n"
            other = await sandbox.exec([*pip, "https://evil.test/simple/", "tiny"], timeout=120)
            assert other.exit_code != 0
            assert b"403 evil.test is not on the allow-list of the network policy" in other.output
    assert [asked.line for asked in files.asked] == [f"GET /{name} HTTP/1.1"]
    [refusal] = refusals
    assert (refusal.host, refusal.port, refusal.remedy) == ("evil.test", 443, "evil.test")


@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
async def test_java_trusts_what_the_others_do(tmp_path: Path, trust: Trust) -> None:
    lower = tmp_path / "lower"
    lower.mkdir()
    (lower / "Ask.java").write_text(
        """public class Ask {
            public static void main(String[] words) throws Exception {
                var client = new java.net.URI(words[0]).toURL().openConnection();
                System.out.print(new String(client.getInputStream().readAllBytes()));
            }
        }"""
    )
    async with http_server(tls=trust.context("a.test")) as server:
        place = f"a.test:{server.port}"
        policy = NetworkPolicy(access="allow-list", hosts=(place,), private=LOOPBACK, methods="read")
        options = {"on_refusal": refused.append, "state": tmp_path / "state", "roots": trust.roots, "resolve": resolve}
        async with (
            open_gateway(policy, **options) as gateway,
            Bubblewrap(tmp_path / "boxes").open(spec_with(tmp_path, gateway=gateway)) as sandbox,
        ):
            script = f"java $MAVEN_OPTS Ask.java https://{place}/"
            result = await sandbox.exec(["sh", "-c", script], timeout=100)
    assert (result.exit_code, result.output) == (0, b"hello"), result.output.decode()


@pytest.mark.parametrize(
    "policy",
    [
        None,
        {"access": "allow-list", "hosts": ["a.test"]},
        {"access": "allow-list", "hosts": ["*.a.test:8443"], "methods": "read"},
        {"access": "on", "methods": "read"},
    ],
)
async def test_every_way_around_a_gateway_is_held(
    tmp_path: Path, trust: Trust, policy: dict[str, object] | None
) -> None:
    refusals: list[Refusal] = []
    async with (
        open_gateway(
            NetworkPolicy.model_validate(policy or {}),
            on_refusal=refusals.append,
            state=tmp_path / "state",
            roots=trust.roots,
            resolve=resolve,
        ) as gateway,
        Bubblewrap(tmp_path / "boxes").open(spec_with(tmp_path, gateway=gateway)) as sandbox,
    ):
        probes = await probe_bypasses(sandbox, gateway, nameservers=["192.0.2.53"])
    assert [probe for probe in probes if not probe.held] == []
    names = {probe.name for probe in probes}
    assert {"direct TCP", "direct TCP over IPv6", "UDP", "DNS over UDP", "DNS over TCP", "name lookup"} <= names
    assert {"ping and raw packets", "abstract socket", "vsock"} <= names
    through = ["a tunnel to a private address", "TLS for another server name"]
    if policy and policy["access"] == "allow-list":
        through += ["plain HTTP to a host that is not allowed", "a tunnel to a host that is not allowed"]
        through += ["an allowed host without the proxy variables"]
    if policy and "methods" in policy:
        through += ["a method that is not allowed"]
    assert set(through if policy else ["a gateway"]) <= names
    assert refusals == []  # what the self-test provokes is nobody's news


async def test_the_proxy_of_a_gateway_serves_an_ordinary_listener(tmp_path: Path, trust: Trust) -> None:
    import asyncio

    policy = NetworkPolicy(access="on", private=LOOPBACK)
    async with http_server() as server:
        options = {"on_refusal": refused.append, "state": tmp_path, "roots": trust.roots, "resolve": resolve}
        async with open_gateway(policy, **options) as gateway:
            assert gateway is not None
            with socket.create_server(("127.0.0.1", 0)) as listener:
                serving = asyncio.create_task(gateway.serve(listener))
                url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                async with httpx.AsyncClient(proxy=url, trust_env=False) as client:
                    assert (await client.get(f"http://a.test:{server.port}/")).text == "hello"
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
