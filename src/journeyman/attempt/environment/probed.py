"""The self-test of a sandbox's network: what got around the proxy, if anything did."""

from journeyman.core.environment import BypassProbe
from journeyman.core.errors import SandboxError
from journeyman.sandbox.protocol import Gateway, Sandbox


async def probed(sandbox: Sandbox, gateway: Gateway | None) -> tuple[BypassProbe, ...]:
    """Try every way around `gateway`, or to any network where there is none. Raises `SandboxError` when one leads out.

    Those that could not be tried are told by `untried`.
    """
    from journeyman.sandbox.network.gateway import ProxyGateway
    from journeyman.sandbox.network.selftest import probe_bypasses

    ours = gateway if isinstance(gateway, ProxyGateway) else None
    if gateway is not None and ours is None:
        return ()
    probes = await probe_bypasses(sandbox, ours)
    if open_ := [probe for probe in probes if probe.tried and not probe.held]:
        ways = "; ".join(f"{probe.name}: {probe.said}" for probe in open_)
        raise SandboxError(f"The network of the sandbox does not hold, so nothing was run in it. {ways}")
    return probes


def untried(probes: tuple[BypassProbe, ...]) -> str | None:
    """A warning for the person about tries that were not made; None when all were."""
    silent = [probe for probe in probes if not probe.tried]
    if not silent:
        return None
    return (
        f"Warning: {len(silent)} of {len(probes)} ways around the network policy could not be tried in this sandbox. "
        f"The protection is in force, but nothing proves it here. ({silent[0].said})"
    )
