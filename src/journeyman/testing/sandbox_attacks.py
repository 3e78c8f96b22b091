"""The attacks that every sandbox backend must stop, and their controls; part of the contract in `sandbox.py`.

The rooms: files, kernel, network, processes, limits, the host's reads. Each is a table of attacks, or a test of its own
where the host has a part in it, and next to it the controls, in which the same code gets where it wants.
"""

from journeyman.testing.sandbox_attack import commands_of_the_host, spec_in, until
from journeyman.testing.sandbox_attacks_files import AttacksOnFiles, ControlsOfFiles
from journeyman.testing.sandbox_attacks_host import AttacksOnTheHostsReads, ControlsOfTheHostsReads
from journeyman.testing.sandbox_attacks_kernel import AttacksOnTheKernel, ControlsOfTheKernel
from journeyman.testing.sandbox_attacks_limits import AttacksOnLimits, ControlsOfLimits
from journeyman.testing.sandbox_attacks_network import AttacksOnTheNetwork, ControlsOfTheNetwork
from journeyman.testing.sandbox_attacks_processes import AttacksOnProcesses, ControlsOfProcesses

__all__ = ["SandboxAttacks", "SandboxControls", "commands_of_the_host", "spec_in", "until"]


class SandboxAttacks(
    AttacksOnFiles,
    AttacksOnTheKernel,
    AttacksOnTheNetwork,
    AttacksOnProcesses,
    AttacksOnLimits,
    AttacksOnTheHostsReads,
):
    """Out of the sandbox, into the kernel, onto the network, on the host's time.

    `bounded_together` says whether the backend bounds the memory of all processes of a sandbox together on this
    machine, in place of that of each one.
    """


class SandboxControls(
    ControlsOfFiles,
    ControlsOfTheKernel,
    ControlsOfTheNetwork,
    ControlsOfProcesses,
    ControlsOfLimits,
    ControlsOfTheHostsReads,
):
    """The attacks without the protection. They have to succeed, or they prove nothing."""
