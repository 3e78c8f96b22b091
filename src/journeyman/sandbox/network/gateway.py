"""Opens the gateway of a sandbox: proxy, trust and variables from a network policy."""

import datetime
import os
import secrets
import socket
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from journeyman.core.environment import NetworkPolicy
from journeyman.sandbox.protocol import AUTHORITY, GATEWAY_PORT, TRUST_STORE

if TYPE_CHECKING:
    from journeyman.sandbox.network.broker import Broker
    from journeyman.sandbox.network.dial import Resolve, Via
    from journeyman.sandbox.network.indexes import IndexHosts
    from journeyman.sandbox.network.policy import Pattern, Rules
    from journeyman.sandbox.network.proxy import OnRefusal, Proxy

LOCAL = ("localhost", "127.0.0.1", "::1")


def _aware_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@asynccontextmanager
async def open_gateway(
    policy: NetworkPolicy,
    *,
    on_refusal: "OnRefusal",
    state: Path,
    indexes: "Sequence[IndexHosts]" = (),
    broker: "Broker | None" = None,
    via: "Via | None" = None,
    roots: Path | None = None,
    resolve: "Resolve | None" = None,
    now: Callable[[], datetime.datetime] = _aware_now,
) -> AsyncGenerator["ProxyGateway | None"]:
    """The gateway for a policy; None where the network is off.

    `on_refusal` is given every refusal once. `state` is a directory of the host's for the certificates that are shown
    inside, where TLS has to be opened. `indexes` are what `indexes.package_indexes` found, `via` the HTTP proxy that
    the machine itself has to use. `roots` is a file of the certificates to verify hosts by, in place of the system's;
    `resolve` looks names up in place of the system's resolver. Raises `UsageError` for a pattern that is none.
    """
    if policy.access == "off":
        yield None
        return
    from journeyman.sandbox.network.authority import system_roots
    from journeyman.sandbox.network.dial import Dialer
    from journeyman.sandbox.network.policy import Rules
    from journeyman.sandbox.network.proxy import Proxy

    rules = Rules.of(
        policy,
        indexed=[host for each in indexes for host in each.hosts],
        inner=[host for each in indexes for host in each.private],
    )
    roots = roots or system_roots()
    dialer = Dialer(rules, roots=roots, via=via, resolve=resolve)
    with ExitStack() as stack:
        stack.callback(dialer.close)
        bundle, authority = Path(os.path.realpath(roots)), None
        if opened(rules, broker):
            from journeyman.sandbox.network.authority import Authority, java_store

            authority = Authority(now=now(), only=_constraints(rules, broker))
            state.mkdir(parents=True, exist_ok=True)
            bundle = state / f"authority-{secrets.token_hex(8)}.pem"
            text = roots.read_bytes().rstrip(b"\n") + b"\n" + authority.pem
            for file, content in ((bundle, text), (bundle.with_suffix(".p12"), java_store(text))):
                stack.callback(file.unlink, missing_ok=True)
                file.write_bytes(content)
                file.chmod(0o644)  # a sandbox's user is another
        quiet = secrets.token_hex(16)
        proxy = Proxy(rules, dialer, on_refusal=on_refusal, broker=broker, authority=authority, quiet=quiet)
        yield ProxyGateway(rules, quiet, proxy, bundle, variables(rules, broker))


def opened(rules: "Rules", broker: "Broker | None") -> bool:
    """Whether the TLS of some host has to be opened."""
    return rules.reads_only or (broker is not None and bool(broker.hosts))


def _constraints(rules: "Rules", broker: "Broker | None") -> "Sequence[Pattern]":
    """For which hosts an authority may sign: those whose TLS is opened, where they can be listed."""
    if not rules.reads_only:
        return broker.hosts if broker else ()
    return (*rules.allowed, *rules.private) if rules.policy.access == "allow-list" else ()


@dataclass(frozen=True, slots=True)
class ProxyGateway:
    """A `Gateway`: the proxy, and what a sandbox is told of it. `quiet` marks requests whose refusals are not
    reported, those of the self-test."""

    rules: "Rules"
    quiet: str = field(repr=False)
    proxy: "Proxy" = field(repr=False)
    _authority: Path
    _env: Mapping[str, str]

    @property
    def env(self) -> Mapping[str, str]:
        return self._env

    @property
    def authority(self) -> Path | None:
        return self._authority

    async def serve(self, listener: socket.socket) -> None:
        await self.proxy.serve(listener)


def variables(rules: "Rules", broker: "Broker | None") -> dict[str, str]:
    """What makes programs inside use the proxy and trust its certificates, and the dummies of brokered secrets."""
    port = GATEWAY_PORT
    url = f"http://127.0.0.1:{port}"
    java = " ".join(
        [
            *(f"-D{scheme}.proxyHost=127.0.0.1 -D{scheme}.proxyPort={port}" for scheme in ("http", "https")),
            "-Dhttp.nonProxyHosts=localhost|127.*|[::1]",
            *(
                [f"-Djavax.net.ssl.trustStore={TRUST_STORE} -Djavax.net.ssl.trustStoreType=PKCS12"]
                if opened(rules, broker)
                else []
            ),
        ]
    )
    return {
        **_both("http_proxy", url),
        **_both("https_proxy", url),
        **_both("all_proxy", url),
        **_both("no_proxy", ",".join(LOCAL)),
        **dict.fromkeys(("npm_config_proxy", "npm_config_https_proxy", "YARN_HTTP_PROXY", "YARN_HTTPS_PROXY"), url),
        "npm_config_noproxy": ",".join(LOCAL),
        "NODE_USE_ENV_PROXY": "1",
        "CARGO_HTTP_PROXY": url,
        # Maven's own transport heeds them only when told to
        "MAVEN_OPTS": f"{java} -Daether.connector.http.useSystemProperties=true "
        "-Daether.transport.http.useSystemProperties=true -Daether.transport.apache.useSystemProperties=true",
        "GRADLE_OPTS": java,
        **dict.fromkeys(TRUST, AUTHORITY),
        **({"npm_config_audit": "false"} if rules.reads_only else {}),  # npm would ask by POST with every install
        **(broker.dummies if broker else {}),
    }


TRUST = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "npm_config_cafile",
    "YARN_HTTPS_CA_FILE_PATH",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "AWS_CA_BUNDLE",
    "DENO_CERT",
    "BUNDLE_SSL_CA_CERT",
    "NIX_SSL_CERT_FILE",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)


def _both(name: str, value: str) -> dict[str, str]:
    return {name: value, name.upper(): value}
