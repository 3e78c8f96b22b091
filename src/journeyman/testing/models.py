"""What every model must do, whoever answers behind it."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import pytest

from journeyman.core.errors import ModelError, Refused, RetryLater, TooLong, Unreachable, WrongKey
from journeyman.core.items import AssistantMessage, Item, Reasoning, ToolResult, UserMessage
from journeyman.core.model import Delta, ModelRequest, Reply, ToolSpec
from journeyman.core.usage import Usage
from journeyman.models.protocol import Model
from journeyman.models.script import Entry, Fault, FaultKind, ScriptCall, Step

SHELL = ToolSpec(
    name="shell",
    description="Run a command.",
    parameters={"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
)


def ask(text: str, *more: Item, key: str = "attempt") -> ModelRequest:
    """A request of one user message and what came after it."""
    return ModelRequest("You are an engineer.", (UserMessage(text=text), *more), (SHELL,), cache_key=key)


def shell(*commands: str) -> Step:
    """A step that calls the shell, once for each command."""
    return Step(calls=tuple(ScriptCall(name="shell", arguments={"command": command}) for command in commands))


class ModelContract:
    """Subclass it with `play`, which opens a model that answers as a script says."""

    def play(self, script: Sequence[Entry]) -> AbstractAsyncContextManager[Model]:
        raise NotImplementedError

    async def test_text_comes_whole_and_in_pieces(self) -> None:
        text = "Grüße, 世界 🌍\nand a second line"
        deltas: list[Delta] = []
        async with self.play([text]) as model:
            reply = await model.reply(ask("hello"), deltas.append)
        assert reply.text == text
        assert reply.stop == "end" and reply.calls == ()
        assert "".join(delta.text for delta in deltas if delta.kind == "text") == text

    async def test_parallel_calls_keep_their_order_and_their_raw_arguments(self) -> None:
        calls = (
            ScriptCall(name="shell", arguments={"command": 'echo "ü"'}, call_id="a"),
            ScriptCall(name="shell", arguments='{"command": half', call_id="b"),
            ScriptCall(name="unknown", arguments="{}", call_id="c"),
        )
        deltas: list[Delta] = []
        async with self.play([Step(text="Let me look.", calls=calls)]) as model:
            reply = await model.reply(ask("go"), deltas.append)
        assert reply.stop == "calls" and reply.text == "Let me look."
        assert [(call.call_id, call.name, call.arguments) for call in reply.calls] == [
            ("a", "shell", '{"command": "echo \\"ü\\""}'),
            ("b", "shell", '{"command": half'),
            ("c", "unknown", "{}"),
        ]
        written = "".join(call.arguments for call in reply.calls)
        assert "".join(delta.text for delta in deltas if delta.kind == "arguments") == written

    async def test_reasoning_comes_before_what_follows_from_it(self) -> None:
        async with self.play([Step(reasoning="A test fails.", text="I fix it.")]) as model:
            reply = await model.reply(ask("go"))
        thought, said = reply.items
        assert isinstance(thought, Reasoning) and thought.text == "A test fails."
        assert isinstance(said, AssistantMessage) and said.text == "I fix it."

    async def test_usage_is_what_the_server_counted(self) -> None:
        counted = Usage(input_tokens=900, cached_input_tokens=600, output_tokens=40, reasoning_output_tokens=8)
        async with self.play([Step(text="ok", usage=counted)]) as model:
            usage = (await model.reply(ask("go"))).usage
        assert usage.model_copy(update={"cost": counted.cost}) == counted

    async def test_a_reply_that_was_cut_says_so(self) -> None:
        async with self.play([Step(text="and then", stop="length")]) as model:
            assert (await model.reply(ask("go"))).stop == "length"

    async def test_a_conversation_goes_on_turn_by_turn(self) -> None:
        script = [
            Step(reasoning="First look.", text="Looking.", calls=shell("ls", "pwd").calls),
            shell("cat a"),
            "Done.",
        ]
        items: list[Item] = []
        replies: list[Reply] = []
        async with self.play(script) as model:
            for _ in script:
                reply = await model.reply(ask("fix it", *items))
                replies.append(reply)
                items.extend(reply.items)
                items.extend(ToolResult(call_id=call.call_id, content=f"ran {call.arguments}") for call in reply.calls)
        assert [[call.arguments for call in reply.calls] for reply in replies] == [
            ['{"command": "ls"}', '{"command": "pwd"}'],
            ['{"command": "cat a"}'],
            [],
        ]
        assert replies[-1].text == "Done."

    async def test_arguments_that_are_no_json_do_not_end_the_conversation(self) -> None:
        script = [Step(calls=(ScriptCall(name="shell", arguments="{oops"),)), "I see."]
        async with self.play(script) as model:
            first = await model.reply(ask("go"))
            result = ToolResult(call_id=first.calls[0].call_id, content="no JSON", is_error=True)
            assert (await model.reply(ask("go", *first.items, result))).text == "I see."

    async def test_conversations_run_side_by_side(self) -> None:
        async def converse(model: Model, number: int) -> list[str]:
            items: list[Item] = []
            texts: list[str] = []
            for _ in range(3):
                reply = await model.reply(ask(f"task {number}", *items, key=f"attempt {number}"))
                texts.append(reply.text)
                items.extend([*reply.items, UserMessage(text="go on")])
            return texts

        async with self.play(["one", Step(text="two", delay=0.01), "three"]) as model:
            heard = await asyncio.gather(*(converse(model, number) for number in range(12)))
        assert heard == [["one", "two", "three"]] * 12

    @pytest.mark.parametrize("kind", ["rate_limit", "overloaded", "server_error", "cut", "closed"])
    async def test_what_may_succeed_later_is_tried_again_and_told(self, kind: FaultKind) -> None:
        told: list[tuple[str, float]] = []
        step = Step(text="at last", error=(Fault(kind=kind, retry_after=0.01),))
        async with self.play([step]) as model:
            reply = await model.reply(ask("go"), None, lambda sentence, wait: told.append((sentence, wait)))
        assert reply.text == "at last"
        [(sentence, wait)] = told
        assert len(sentence.split()) > 3 and 0 <= wait < 2

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("unauthorized", WrongKey),
            ("too_long", TooLong),
            ("refused", Refused),
            ("quota", ModelError),
            ("not_found", ModelError),
            ("garbage", ModelError),
            ("html", ModelError),
        ],
    )
    async def test_what_cannot_succeed_is_not_tried_again(self, kind: FaultKind, expected: type[ModelError]) -> None:
        told: list[str] = []
        async with self.play([Step(error=(Fault(kind=kind),))]) as model:
            with pytest.raises(expected) as caught:
                await model.reply(ask("go"), None, lambda sentence, wait: told.append(sentence))
        assert not isinstance(caught.value, RetryLater | Unreachable) and told == []

    async def test_a_cancelled_request_ends_at_once_and_the_model_stays_usable(self) -> None:
        async with self.play([[Step(when="slow", text="too late", delay=30.0), Step(text="still here")]]) as model:
            slow = asyncio.create_task(model.reply(ask("slow", key="slow")))
            await asyncio.sleep(0.05)
            slow.cancel()
            async with asyncio.timeout(20.0):
                await asyncio.gather(slow, return_exceptions=True)
                reply = await model.reply(ask("quick", key="quick"))
        assert slow.cancelled() and reply.text == "still here"

    async def test_close_may_be_called_twice(self) -> None:
        async with self.play(["unheard"]) as model:
            assert model.profile.window > 0
            await model.close()
            await model.close()
