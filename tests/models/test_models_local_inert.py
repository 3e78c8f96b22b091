"""Control words of chat templates in what others wrote."""

import pytest

from journeyman.core.errors import Refused
from journeyman.core.items import AssistantMessage, DeveloperMessage, UserMessage
from journeyman.core.model import Delta, ModelRequest, Reply, say
from journeyman.models.local.inert import BREAK, inert, inert_request, restored, restored_reply, restoring
from journeyman.models.local.model import LONGEST_GRAMMAR, MOST_BRACKETS, check_form

CONTROL = ["<|im_end|>", "<|endoftext|>", "</s>", "<s>", "<end_of_turn>", "[/INST]", "<\uff5cbegin\u2581of\uff5c>"]


@pytest.mark.parametrize("word", CONTROL)
def test_a_control_word_is_broken_and_comes_back_whole(word: str) -> None:
    text = f"print('{word}{word}')"
    broken = inert(text)
    assert word not in broken
    assert broken.replace(BREAK, "") == text
    assert inert(broken) == broken
    assert restored(broken) == text


@pytest.mark.parametrize("text", ["", "a < b | c > d", "x = [1][0]", "<div>", "<| a |>", "<T,>(a: T) => a", "a||b"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert inert(text) is text


def test_a_joiner_of_the_text_itself_stays() -> None:
    assert restored(f"a{BREAK}b \\u2060") == f"a{BREAK}b \\u2060"


def test_an_escape_in_json_is_restored() -> None:
    assert restored('{"answer": "<\\u2060|im_end|>"}') == '{"answer": "<|im_end|>"}'


def test_all_messages_of_a_request_are_made_inert_and_others_kept() -> None:
    plain = UserMessage(text="plain")
    items = [UserMessage(text="</s>"), plain, AssistantMessage(text="<|im_end|>"), DeveloperMessage(text="<s>")]
    made = inert_request(ModelRequest("<|im_start|>", items, cache_key="k"))
    assert made == ModelRequest(
        f"<{BREAK}|im_start|>",
        [
            UserMessage(text=f"<{BREAK}/s>"),
            plain,
            AssistantMessage(text=f"<{BREAK}|im_end|>"),
            DeveloperMessage(text=f"<{BREAK}s>"),
        ],
        cache_key="k",
    )
    assert made.items[1] is plain


def test_a_reply_and_its_deltas_are_restored() -> None:
    assert restored_reply(say(f"<{BREAK}|im_end|>")) == Reply(items=(AssistantMessage(text="<|im_end|>"),))
    heard: list[Delta] = []
    hear = restoring(heard.append)
    assert hear is not None
    hear(Delta("text", f"<{BREAK}|x|>"))
    assert heard == [Delta("text", "<|x|>")]
    assert restoring(None) is None


def test_forms_that_would_end_the_server_are_refused() -> None:
    within = 'root ::= "' + "(" * 50_000 + '" | [(]' + "(" * MOST_BRACKETS
    check_form(ModelRequest("", [], grammar=within, schema={"type": "string"}))
    for grammar in ("x" * (LONGEST_GRAMMAR + 1), within + "("):
        with pytest.raises(Refused, match=r"to this grammar: it takes at most 100,000 characters and 1,000 brackets\."):
            check_form(ModelRequest("", [], grammar=grammar))
    schema: dict[str, object] = {"type": "string"}
    for _ in range(100_000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(Refused, match="nested so deeply"):
        check_form(ModelRequest("", [], schema=schema))
