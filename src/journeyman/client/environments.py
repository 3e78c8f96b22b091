"""Environments of the service."""

from journeyman.client.requests import Requests
from journeyman.core.api.admin import (
    BuildLog,
    BuildRequest,
    EnvironmentChecked,
    EnvironmentCreate,
    EnvironmentList,
    EnvironmentView,
    EnvironmentWrite,
    ResetOutcome,
    SelfTest,
)


class EnvironmentRequests(Requests):
    """What tasks may have installed: stored, set up and tried on the server."""

    async def environments(self) -> EnvironmentList:
        """Those that one sees, by name, each with what is ready of it."""
        return await self._ask("GET", "/environments", EnvironmentList)

    async def create_environment(self, wanted: EnvironmentCreate) -> EnvironmentView:
        """Store a new environment."""
        return await self._ask("POST", "/environments", EnvironmentView, body=wanted)

    async def check_environment(self, wanted: EnvironmentWrite) -> EnvironmentChecked:
        """Whether a text is an environment, for editors; nothing is stored."""
        return await self._ask("POST", "/environments/check", EnvironmentChecked, body=wanted)

    async def environment(self, name: str) -> EnvironmentView:
        """An environment with its settings, what is ready of it, and how its last set-up went."""
        return await self._ask("GET", "/environments/{name}", EnvironmentView, name=name)

    async def update_environment(self, name: str, wanted: EnvironmentWrite) -> EnvironmentView:
        """Change an environment. What is under way goes on with it as it was."""
        return await self._ask("PUT", "/environments/{name}", EnvironmentView, body=wanted, name=name)

    async def delete_environment(self, name: str) -> None:
        """Take an environment away. What is ready of it goes with the next clean-up."""
        await self._send("DELETE", "/environments/{name}", name=name)

    async def build_environment(self, name: str, wanted: BuildRequest | None = None) -> BuildLog:
        """Set it up in the background; `environment_log` tells how that goes."""
        return await self._ask("POST", "/environments/{name}/build", BuildLog, body=wanted, name=name)

    async def environment_log(self, name: str, *, after: int | None = None, wait: float | None = None) -> BuildLog:
        """What the last set-up said, or what the running one has said by now."""
        return await self._ask(
            "GET", "/environments/{name}/log", BuildLog, query={"after": after, "wait": wait}, name=name
        )

    async def reset_environment(self, name: str) -> ResetOutcome:
        """Throw away what is ready of it, so that it is set up anew."""
        return await self._ask("POST", "/environments/{name}/reset", ResetOutcome, name=name)

    async def test_environment(self, name: str) -> SelfTest:
        """Open a sandbox as an attempt would have it, and try every way around its network policy."""
        return await self._ask("POST", "/environments/{name}/self-test", SelfTest, name=name)
