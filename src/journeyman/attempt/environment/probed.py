"""The self-test of a sandbox's network: what got around the proxy, if anything did."""

from journeyman.core.environment import BypassProbe
from journeyman.core.errors import SandboxError
from journeyman.sandbox.protocol import Gateway, Sandbox

_UNTRIED = "The self-test did not run"


async def probed(sandbox: Sandbox, gateway: Gateway | None) -> tuple[BypassProbe, ...]:
    """Try every way around `gateway`, or to any network where there is none. Raises `SandboxError` when one leads out.

    Where they cannot be tried, the probes say so and count for nothing.
    """
    from journeyman.sandbox.network.gateway import ProxyGateway
    from journeyman.sandbox.network.selftest import probe_bypasses

    ours = gateway if isinstance(gateway, ProxyGateway) else None
    if gateway is not None and ours is None:
        return ()
    probes = await probe_bypasses(sandbox, ours)
    if open_ := [probe for probe in probes if not probe.held and not probe.said.startswith(_UNTRIED)]:
        ways = "; ".join(f"{probe.name}: {probe.said}" for probe in open_)
        raise SandboxError(f"The network of the sandbox does not hold, so nothing was run in it. {ways}")
    return probes
