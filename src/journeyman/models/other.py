"""Every other vendor, through pydantic-ai's `direct` requests. Imported only when such a model is used."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

from pydantic_ai import messages, models
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    UnexpectedModelBehavior,
    UserError,
)
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers import infer_provider_class
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_core import to_json

from journeyman.core.errors import ModelError, Refused, RetryLater, TooLong, Unreachable, UsageError, WrongKey
from journeyman.core.model import Delta, ModelRequest, Profile, Reply
from journeyman.models.choice import ModelChoice
from journeyman.models.prices import Prices
from journeyman.models.protocol import OnDelta, OnRetry
from journeyman.models.retry import Cut, Retries, with_retries
from journeyman.models.vendor_messages import read_response, to_messages
from journeyman.models.wire.failures import Failure, Peer, error_of, failure_of_value


class OtherModel:
    """A model that pydantic-ai speaks to. The whole history is mapped anew for each request, by it and by us."""

    def __init__(
        self,
        model: models.Model,
        profile: Profile,
        *,
        peer: Peer,
        prices: Prices | None = None,
        idle: float = 300.0,
        retries: Retries | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._model = model
        self._profile = profile
        self._peer = peer
        self._prices = prices or Prices.of(profile)
        self._idle = idle
        self._retries = retries or Retries()
        self._chance = chance

    @property
    def profile(self) -> Profile:
        return self._profile

    async def reply(
        self, request: ModelRequest, on_delta: OnDelta | None = None, on_retry: OnRetry | None = None
    ) -> Reply:
        if request.grammar is not None:
            raise ModelError(f"{self._profile.name} cannot constrain a reply to a grammar.")
        reply = await with_retries(lambda: self._once(request, on_delta), self._retries, self._chance, on_retry)
        cost = await self._prices.cost(reply.usage)
        return reply.model_copy(update={"usage": reply.usage.model_copy(update={"cost": cost})})

    async def close(self) -> None:
        pass

    async def _once(self, request: ModelRequest, on_delta: OnDelta | None) -> Reply:
        self._prices.begin()
        try:
            response = await self._stream(request, on_delta)
        except ContentFilterError as error:
            raise Refused(f"{self._peer.model}: the provider's content filter stopped the reply.") from error
        except ModelAPIError as error:
            raise translate(error, self._peer) from error
        except UnexpectedModelBehavior as error:
            raise ModelError(f"The answer of {self._peer.address} cannot be read: {error}") from error
        except UserError as error:
            raise ModelError(f"{self._peer.address} cannot be asked: {error}") from error
        if response.finish_reason == "content_filter":
            raise Refused(f"{self._peer.model}: the provider's content filter stopped the reply.")
        return read_response(response)

    async def _stream(self, request: ModelRequest, on_delta: OnDelta | None) -> messages.ModelResponse:
        opened = model_request_stream(
            self._model,
            to_messages(request.items, request.images, self._profile),
            model_settings=self._settings(request),
            model_request_parameters=self._parameters(request),
            instrument=False,
        )
        try:
            async with asyncio.timeout(self._idle) as limit, opened as stream:
                async for event in stream:
                    limit.reschedule(asyncio.get_running_loop().time() + self._idle)
                    if on_delta is not None and (delta := delta_of(event)) is not None:
                        on_delta(delta)
                return stream.get()
        except TimeoutError as error:
            raise RetryLater(f"{self._peer.model} was silent for {self._idle:g} s.") from error

    def _settings(self, request: ModelRequest) -> ModelSettings:
        settings = ModelSettings(max_tokens=request.max_output_tokens or self._profile.max_output, max_retries=0)
        settings["cache"] = True
        if request.tools:
            settings["parallel_tool_calls"] = self._profile.parallel_calls
        if request.temperature is not None:
            settings["temperature"] = request.temperature
        if request.seed is not None:
            settings["seed"] = request.seed
        if request.stop:
            settings["stop_sequences"] = list(request.stop)
        if request.reasoning_effort is not None and self._profile.reasoning:
            settings["thinking"] = request.reasoning_effort
        return settings

    def _parameters(self, request: ModelRequest) -> models.ModelRequestParameters:
        tools = [
            ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=tool.parameters)
            for tool in request.tools
        ]
        instructions = request.instructions
        mode: Literal["text", "native"] = "text"
        output = None
        if request.schema is not None:
            if self._model.profile.get("supports_json_schema_output"):
                mode, output = "native", OutputObjectDefinition(json_schema=request.schema, name="reply")
            else:
                schema = to_json(request.schema).decode()
                instructions += f"\n\nReply with one JSON value of this schema and nothing else:\n{schema}"
        return models.ModelRequestParameters(
            function_tools=tools,
            output_mode=mode,
            output_object=output,
            instruction_parts=[messages.InstructionPart(content=instructions)] if instructions else [],
        )


@asynccontextmanager
async def open_other(choice: ModelChoice, profile: Profile, key: str, prices: Prices) -> AsyncGenerator[OtherModel]:
    """The model of `choice`; a `UsageError` says which package is missing where the vendor's is not installed."""
    given: dict[str, Any] = {}
    if key:
        given["api_key"] = key
    if choice.base_url:
        given["base_url"] = choice.base_url
    try:
        provider_class = infer_provider_class(choice.wire)
        model = models.infer_model(f"{choice.wire}:{choice.model}", lambda name: provider_class(**given))
    except ImportError as error:
        raise UsageError(
            f"Model {choice.name} needs the package of its vendor: install 'pydantic-ai-slim[{choice.wire}]'."
        ) from error
    except (UserError, ValueError, TypeError) as error:
        raise UsageError(f"Model {choice.name} cannot be opened: {error}") from error
    peer = Peer(choice.model, choice.base_url or choice.wire, choice.api_key_env, key)
    async with model:
        yield OtherModel(model, profile, peer=peer, prices=prices, idle=choice.idle)


def translate(error: ModelAPIError, peer: Peer) -> ModelError:
    """A failure of pydantic-ai's as one of ours; where it says no more than a status, its words decide."""
    status = error.status_code if isinstance(error, ModelHTTPError) else 0
    found = failure_of_value(error.body) or Failure(error.message)
    code = " ".join(word for word in (error.provider_error_code, error.provider_error_type, found.code) if word)
    failure = Failure(found.message, code, status, error.retry_after)
    plain = error_of(failure, peer)
    said = str(plain)
    match error:
        case ModelContextWindowExceededError():
            return TooLong(said)
        case ModelAuthenticationError():
            return WrongKey(said)
        case ModelQuotaExceededError():
            return ModelError(said)
        case ModelNotFoundError():
            return ModelError(f"{peer.address} has no model named {peer.model}: {found.message}")
        case ModelTimeoutError(phase="connect") | ModelConnectionError(phase="connect" | "pool"):
            return Unreachable(f"Nobody answers at {peer.address} for {peer.model}: {error.message}")
        case ModelTimeoutError():
            return RetryLater(f"{peer.model} did not answer in time: {error.message}")
        case ModelConnectionError():
            return Cut(f"The connection to {peer.address} was cut before {peer.model} had answered: {error.message}")
        case ModelRateLimitError() | ModelUnavailableError() | ModelServerError():
            return plain if isinstance(plain, RetryLater) else RetryLater(said, retry_after=error.retry_after)
        case _:
            return plain


def delta_of(event: messages.ModelResponseStreamEvent) -> Delta | None:
    """The piece of text, reasoning or arguments that an event adds."""
    kind: Literal["text", "reasoning", "arguments"] | None = None
    text: Any = None
    match event:
        case messages.PartStartEvent(part=messages.TextPart(content=text)):
            kind = "text"
        case messages.PartStartEvent(part=messages.ThinkingPart(content=text)):
            kind = "reasoning"
        case messages.PartStartEvent(part=messages.ToolCallPart(args=text)):
            kind = "arguments"
        case messages.PartDeltaEvent(delta=messages.TextPartDelta(content_delta=text)):
            kind = "text"
        case messages.PartDeltaEvent(delta=messages.ThinkingPartDelta(content_delta=text)):
            kind = "reasoning"
        case messages.PartDeltaEvent(delta=messages.ToolCallPartDelta(args_delta=text)):
            kind = "arguments"
        case _:
            pass
    if kind is None or not text:
        return None
    return Delta(kind, text if isinstance(text, str) else to_json(text).decode())
