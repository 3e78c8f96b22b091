"""The contract of models, for those that need no embedded weights."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from journeyman.models.choice import ModelChoice
from journeyman.models.open import open_model
from journeyman.models.protocol import Model
from journeyman.models.script import Entry
from journeyman.models.script_server import ScriptServer
from journeyman.models.scripted import Scripted
from journeyman.testing.models import ModelContract


@asynccontextmanager
async def served(wire: str, script: Sequence[Entry]) -> AsyncGenerator[Model]:
    overrides = {"reasoning": True, "freeform_tools": True}
    async with ScriptServer(script) as server:
        choice = ModelChoice("box", wire, "some-model", server.base_url, "BOX_KEY", overrides)
        async with open_model(choice, env={"BOX_KEY": "sk-very-secret-0123456789"}) as model:
            yield model


class TestResponses(ModelContract):
    def play(self, script):
        return served("responses", script)


class TestChat(ModelContract):
    def play(self, script):
        return served("chat", script)


class TestScripted(ModelContract):
    @asynccontextmanager
    async def play(self, script):
        yield Scripted(script)
