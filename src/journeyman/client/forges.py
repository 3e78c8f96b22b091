"""Forges, and the pull requests that results become."""

from journeyman.client.requests import Requests
from journeyman.core.api.forges import Forges, ForgeToken, ForgeView, NewForge, OpenPullRequest
from journeyman.core.api.tasks import Publishing


class ForgeRequests(Requests):
    """Setting forges up is for administrators."""

    async def forges(self) -> Forges:
        """The forges that are set up, by name."""
        return await self._ask("GET", "/forges", Forges)

    async def add_forge(self, wanted: NewForge) -> ForgeView:
        """Set a forge up, once it says whose the token is."""
        return await self._ask("POST", "/forges", ForgeView, body=wanted)

    async def check_forge(self, name: str) -> ForgeView:
        """Ask the forge anew whose its token is; `error` says what is wrong."""
        return await self._ask("POST", "/forges/{name}/check", ForgeView, name=name)

    async def set_forge_token(self, name: str, token: str) -> ForgeView:
        """Give a forge another token, once it says whose that is."""
        return await self._ask("PUT", "/forges/{name}/token", ForgeView, body=ForgeToken(token=token), name=name)

    async def remove_forge(self, name: str) -> None:
        """Forget a forge and its token."""
        await self._send("DELETE", "/forges/{name}", name=name)

    async def open_pull_request(self, task: str, what: OpenPullRequest | None = None) -> Publishing:
        """Push the result of a task and open a pull request for it, or bring the one up to date that is open."""
        body = what or OpenPullRequest()
        return await self._ask("POST", "/tasks/{task}/pull-request", Publishing, body=body, task=task)

    async def refresh_pull_request(self, task: str) -> Publishing:
        """Ask the forge anew what became of a task's pull request."""
        return await self._ask("POST", "/tasks/{task}/pull-request/refresh", Publishing, task=task)
