"""The attacks of the contract succeed outside a sandbox, so that what stops them inside is the sandbox."""

from journeyman.testing.sandbox_attacks import SandboxControls


class TestControls(SandboxControls):
    pass
