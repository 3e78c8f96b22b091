"""Tools and the one place that validates, runs and answers their calls."""

import difflib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from journeyman.core.errors import ToolError
from journeyman.core.events import CommandEnded, CommandStarted, FilesChanged, PlanUpdated
from journeyman.core.items import ToolCall
from journeyman.core.model import ToolSpec
from journeyman.core.task import Limits
from journeyman.core.text import clip
from journeyman.sandbox.protocol import Sandbox
from journeyman.store.log import AttemptLog
from journeyman.store.store import Store
from journeyman.tools.sessions import Sessions

if TYPE_CHECKING:
    from journeyman.repo.index.index import Index

    OpenIndex = Callable[[], Awaitable[Index]]

A = TypeVar("A", bound="Arguments")
Detail = CommandEnded | FilesChanged | PlanUpdated


class Arguments(BaseModel):
    """The base of every tool's arguments: unknown keys are an error that the model reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may use. `root` is the workspace's absolute path, `sessions` the commands that go on, `store` has
    what was done before, `index` gives what finds places in the files as they were."""

    root: str
    sandbox: Sandbox
    log: AttemptLog
    limits: Limits
    sessions: Sessions = field(default_factory=Sessions)
    store: Store | None = None
    index: "OpenIndex | None" = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to: `content` for the model, `detail` for people, `touched` the paths it dealt with."""

    content: str
    detail: Detail | None = None
    is_error: bool = False
    touched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """A tool: what the model reads of it, and what runs. `freeform` names the argument that the whole text of a
    freeform call stands for; one that is not `listed` works, but the model is not told of it."""

    name: str
    description: str
    arguments: type[A]
    run: Callable[[ToolContext, A], Awaitable[Outcome]]
    summary: Callable[[A], str]
    reads_only: bool = False
    grammar: str | None = None
    freeform: str | None = None
    command: Callable[[A], str] | None = None
    listed: bool = True

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(
            name=self.name,
            description=self.description,
            parameters=_schema(self.arguments),
            grammar=self.grammar,
        )

    def parse(self, call: ToolCall) -> A:
        """The call's arguments. Raises `ToolError` in words."""
        if call.freeform and self.freeform:
            return self.arguments.model_validate({self.freeform: call.arguments})
        try:
            raw = json.loads(call.arguments or "{}")
        except ValueError as error:
            if self.freeform and "*** Begin Patch" in call.arguments:
                return self.arguments.model_validate({self.freeform: call.arguments})
            raise ToolError(f"The arguments of {self.name} are not valid JSON: {error}") from error
        if not isinstance(raw, dict):
            raise ToolError(f"The arguments of {self.name} must be a JSON object, not {type(raw).__name__}.")
        try:
            return self.arguments.model_validate(raw)
        except ValidationError as error:
            raise ToolError(f"Wrong arguments for {self.name}: {_problems(error, self.arguments)}") from error


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call whose tool was found and whose arguments hold."""

    call: ToolCall
    tool: Tool[Any]
    arguments: Any

    @property
    def summary(self) -> str:
        return self.tool.summary(self.arguments)

    @property
    def command(self) -> CommandStarted | None:
        shown = self.tool.command(self.arguments) if self.tool.command else None
        return CommandStarted(command=shown) if shown is not None else None


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of one attempt. Every expected failure becomes an `Outcome` for the model; nothing is raised."""

    context: ToolContext
    tools: Sequence[Tool[Any]] = field(default_factory=tuple)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self.tools if tool.listed)

    def prepare(self, call: ToolCall) -> Prepared | Outcome:
        """Find the tool and read the arguments; an `Outcome` says what is wrong with them."""
        tool = next((tool for tool in self.tools if tool.name == call.name), None)
        names = [tool.name for tool in self.tools if tool.listed]
        if tool is None:
            near = difflib.get_close_matches(call.name, names, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            return Outcome(f"There is no tool {call.name!r}.{hint} The tools are: {', '.join(names)}.", is_error=True)
        try:
            return Prepared(call, tool, tool.parse(call))
        except ToolError as error:
            return Outcome(clip(str(error)), is_error=True)

    async def run(self, prepared: Prepared) -> Outcome:
        try:
            outcome = await prepared.tool.run(self.context, prepared.arguments)
        except ToolError as error:
            return Outcome(clip(str(error)), is_error=True)
        return outcome


@cache
def _schema(arguments: type[Arguments]) -> dict[str, Any]:
    """The JSON schema without what only costs tokens: titles, nulls of optional values, the class docstring."""
    schema = arguments.model_json_schema()
    schema.pop("description", None)
    return _lean(schema)


def _lean(node: Any) -> Any:
    if isinstance(node, list):
        return [_lean(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    given = cast("dict[str, Any]", node)
    lean = {key: _lean(value) for key, value in given.items() if not (key == "title" and isinstance(value, str))}
    choices = [choice for choice in lean.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        del lean["anyOf"]
        lean |= choices[0]
    if lean.get("default", 0) is None or lean.get("default") == "":
        del lean["default"]
    return lean


def _problems(error: ValidationError, arguments: type[Arguments]) -> str:
    known = list(arguments.model_fields)
    sentences: list[str] = []
    for problem in error.errors(include_url=False, include_input=False)[:5]:
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(where, known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            sentences.append(f"{where} is not an argument{hint}")
        else:
            sentences.append(f"{where}: {problem['msg'].lower()}")
    return "; ".join(sentences) + f". It takes: {', '.join(known)}."
