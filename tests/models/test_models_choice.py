"""Which model is taken, what it can do, and what it costs."""

import asyncio
import threading
from importlib.util import find_spec

import pytest

from journeyman.core.errors import UsageError
from journeyman.core.items import UserMessage
from journeyman.core.model import ModelRequest, Profile
from journeyman.core.usage import Usage
from journeyman.models.choice import LOCAL, VENDORS, ModelChoice, choose, profile_of
from journeyman.models.open import open_model, without_secrets
from journeyman.models.prices import CostOf, Price, Prices, free, published
from journeyman.models.profiles import profile_for
from journeyman.models.script import Step
from journeyman.models.script_server import ScriptServer

BOX = ModelChoice("box", "responses", "some-model", "http://127.0.0.1:9000/v1", "BOX_KEY")
HOME = ModelChoice("home", "chat", "qwen3-32b", "http://127.0.0.1:8000/v1")
USAGE = Usage(
    input_tokens=1_000_000, cached_input_tokens=400_000, cache_write_input_tokens=100_000, output_tokens=100_000
)


# Choosing


def test_nothing_configured_and_no_key_is_the_embedded_model() -> None:
    choice = choose({})
    assert (choice.name, choice.wire) == ("local", "local") and choice.why.startswith("Using the embedded model, since")


@pytest.mark.parametrize(
    ("env", "name", "wire"),
    [
        ({"OPENAI_API_KEY": "x"}, "openai:", "responses"),
        ({"ANTHROPIC_API_KEY": "x"}, "anthropic:", "anthropic"),
        ({"GEMINI_API_KEY": "x"}, "google:", "google"),
        ({"GOOGLE_API_KEY": "x"}, "google:", "google"),
        ({"MISTRAL_API_KEY": "x"}, "mistral:", "mistral"),
        ({"GROQ_API_KEY": "x"}, "groq:", "chat"),
        ({"OPENROUTER_API_KEY": "x"}, "openrouter:", "chat"),
        ({"GROQ_API_KEY": "x", "OPENAI_API_KEY": "y", "ANTHROPIC_API_KEY": ""}, "openai:", "responses"),
    ],
)
def test_a_usual_key_opens_its_vendor_and_the_reason_is_said(env: dict[str, str], name: str, wire: str) -> None:
    choice = choose(env)
    assert choice.name.startswith(name) and choice.wire == wire and choice.model
    assert choice.api_key_env in env and f"since {choice.api_key_env} is set" in choice.why


def test_an_empty_key_is_no_key() -> None:
    assert choose({"OPENAI_API_KEY": ""}).wire == "local"


def test_openais_address_may_be_elsewhere() -> None:
    env = {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    assert choose(env).base_url == choose(env, {}, "openai:gpt-5-mini").base_url == "http://127.0.0.1:1/v1"
    assert choose({"OPENAI_API_KEY": "x"}).base_url == "https://api.openai.com/v1"


def test_what_is_configured_goes_before_keys() -> None:
    assert choose({"OPENAI_API_KEY": "x"}, {"box": BOX}).name == "box"
    assert choose({"OPENAI_API_KEY": "x"}, {"box": BOX, "home": HOME}, "home") == HOME


def test_models_are_named_by_vendor_and_name() -> None:
    choice = choose({"OPENROUTER_API_KEY": "x"}, {"box": BOX}, "openrouter:z-ai/glm-5.3:free")
    assert (choice.wire, choice.model, choice.api_key_env, choice.base_url) == (
        "chat",
        "z-ai/glm-5.3:free",
        "OPENROUTER_API_KEY",
        "https://openrouter.ai/api/v1",
    )
    assert choose({}, {}, "anthropic:claude-haiku-5-5").model == "claude-haiku-5-5"
    assert choose({}, {}, "local") == LOCAL
    assert choose({}, {}, "ollama:qwen3:8b").model == "qwen3:8b"
    assert choose({}, {}, "gemini:gemini-4-argon").wire == "google"
    assert choose({}, {}, "anthropic").model == VENDORS["anthropic"].default


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("bx", "Did you mean box?"),
        ("lokal", "Did you mean local?"),
        ("antropic:claude", "Did you mean anthropic?"),
        ("antropic", "Did you mean anthropic?"),
        ("nopen", "There is no model named 'nopen'. Configured:"),
        ("gpt-5", "Configured: box, home, local"),
        ("together", "Which model of together?"),
        ("azure:gpt-6", "needs a base_url"),
    ],
)
def test_an_unknown_model_is_an_error_that_names_the_nearest(wanted: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose({}, {"box": BOX, "home": HOME}, wanted)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ModelChoice("a", "respones", "m", "http://x"), "did you mean 'responses'?"),
        (ModelChoice("a", "smoke signals", "m"), "known are responses, chat"),
        (ModelChoice("a", "chat", "m"), "needs a base_url"),
        (ModelChoice("a", "chat", "", "http://x"), "`name = …`"),
        (ModelChoice("a", "chat", "m", "ftp://x/v1"), "starts with http:// or https://"),
        (ModelChoice("a", "chat", "m", "http://[::1"), "is no address"),
        (ModelChoice("a", "chat", "m", "http://x", "A_KEY"), "A_KEY, which is not set"),
        (ModelChoice("a", "chat", "m", "http://x", overrides={"windwo": 5}), "did you mean 'window'?"),
        (ModelChoice("a", "chat", "m", "http://x", overrides={"window": "big"}), "window is wrong"),
        (ModelChoice("a", "cohere", "command-a", None, "A_KEY"), "A_KEY, which is not set"),
        (ModelChoice("a", "local", "local"), "needs a folder"),
        (ModelChoice("a", "scripted", "/nowhere.json"), "cannot be read"),
    ],
)
async def test_a_mistake_in_a_choice_is_said_before_anything_is_sent(choice: ModelChoice, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        async with open_model(choice, env={}):
            pass
    assert said in str(caught.value)


async def test_a_vendors_package_that_is_missing_is_named() -> None:
    if find_spec("cohere"):
        pytest.skip("the package is installed here")
    with pytest.raises(UsageError, match=r"pydantic-ai-slim\[cohere\]"):
        async with open_model(ModelChoice("a", "cohere", "command-a", None, "K"), env={"K": "x"}):
            pass


def test_addresses_are_shown_without_what_is_secret_in_them() -> None:
    assert without_secrets("https://me:pw@box.test:1/v1/?key=abc") == "https://box.test:1/v1"


# Profiles


def test_families_are_known_by_name() -> None:
    assert profile_for("gpt-5-mini").window == 400_000
    assert profile_for("openai/gpt-oss-120b").window == 131_072
    assert profile_for("anthropic/claude-sonnet-5.5").window == 1_000_000
    assert profile_for("claude-3-5-haiku-latest").window == 200_000
    assert profile_for("never-heard-of-it") == Profile(name="never-heard-of-it", judges=True)
    assert not profile_for("some-coder-1.5b-instruct").judges


@pytest.mark.parametrize("name", ["qwen2.5-coder:1.5b", "Qwen2.5-Coder-3B-Instruct", "gemma-3-1b-it", "llama3.2:3b"])
def test_the_smallest_models_repair_with_constrained_json(name: str) -> None:
    profile = profile_for(name)
    assert (profile.tool_style, profile.strategy, profile.small, profile.parallel_calls) == (
        "json",
        "repair",
        True,
        False,
    )


@pytest.mark.parametrize("name", ["llama-3.1-8b", "qwen3:14b"])
def test_middling_models_call_tools_themselves(name: str) -> None:
    profile = profile_for(name)
    assert (profile.tool_style, profile.strategy, profile.small) == ("native", "loop", True)


@pytest.mark.parametrize("name", ["qwen3-coder-480b-a35b", "llama-3.3-70b", "qwen2.5-coder-32b"])
def test_large_models_are_not_small(name: str) -> None:
    assert not profile_for(name).small


def test_freeform_tools_are_openais_own() -> None:
    assert profile_for("gpt-6.1-sol", openai=True).freeform_tools
    assert not profile_for("gpt-6.1-sol").freeform_tools
    assert not profile_for("gpt-4.1", openai=True).freeform_tools
    at_openai = ModelChoice("a", "responses", "gpt-5-mini", "https://api.openai.com/v1")
    assert profile_of(at_openai).freeform_tools and profile_of(at_openai).reasoning
    lookalike = ModelChoice("a", "responses", "gpt-5-mini", "https://api.openai.com.evil.test/v1")
    assert not profile_of(lookalike).freeform_tools


def test_what_a_person_sets_goes_before_the_table() -> None:
    choice = ModelChoice("a", "chat", "gpt-5-mini", "http://x", overrides={"window": 9, "input_price": 1.0})
    assert (profile_of(choice).name, profile_of(choice).window, profile_of(choice).input_price) == ("a", 9, 1.0)


# Prices


def test_each_kind_of_token_has_its_price() -> None:
    assert Price(2.0, 10.0, 0.2, 2.5).of(USAGE) == pytest.approx(0.5 * 2 + 0.4 * 0.2 + 0.1 * 2.5 + 0.1 * 10)
    assert Price(2.0, 10.0).of(USAGE) == pytest.approx(1.0 * 2 + 0.1 * 10)


def test_published_prices_have_the_discount_for_cached_input() -> None:
    cost = published("codex-mini-latest", base_url="https://api.openai.com/v1")
    assert cost is not None
    assert cost(Usage(input_tokens=1_000_000)) == pytest.approx(1.5)
    assert cost(Usage(input_tokens=1_000_000, cached_input_tokens=1_000_000)) == pytest.approx(0.375)
    assert cost(Usage(output_tokens=1_000_000)) == pytest.approx(6.0)
    by_vendor = published("claude-haiku-4-5", vendor="anthropic")
    assert by_vendor is not None and by_vendor(Usage(input_tokens=1_000_000)) == pytest.approx(1.0)


def test_what_is_in_no_list_has_no_price() -> None:
    assert published("some-model", base_url="https://api.openai.com/v1") is None
    assert published("gpt-5", base_url="https://box.test/v1") is None


async def test_the_table_is_looked_up_once_in_a_thread_beside_the_first_request() -> None:
    threads: list[int] = []

    def look_up() -> CostOf | None:
        threads.append(threading.get_ident())
        return Price(1.0, 1.0).of

    prices = Prices.of(Profile(name="m"), look_up)
    prices.begin()
    prices.begin()
    costs = await asyncio.gather(*(prices.cost(Usage(input_tokens=500_000)) for _ in range(3)))
    prices.begin()
    assert costs == [0.5] * 3 and len(threads) == 1 and threads[0] != threading.get_ident()


async def test_a_price_that_is_not_known_is_none_and_never_nought() -> None:
    assert await Prices.of(Profile(name="m")).cost(USAGE) is None
    assert await Prices.of(Profile(name="m", input_price=1.0, output_price=1.0)).cost(Usage()) is None
    assert await Prices(free).cost(Usage()) == 0.0
    assert await Prices.of(Profile(name="m", input_price=0.0, output_price=0.0)).cost(Usage()) == 0.0


async def test_replies_carry_the_price_that_a_person_set() -> None:
    step = Step(text="ok", usage=USAGE)
    overrides = {"input_price": 2.0, "output_price": 10.0, "cached_input_price": 0.5}
    async with ScriptServer([step]) as server:
        for wire in ("responses", "chat"):
            for known, expected in ((overrides, 0.4 * 0.5 + 0.6 * 2 + 1.0), ({}, None)):
                choice = ModelChoice("box", wire, "m", server.base_url, overrides=known)
                async with open_model(choice, env={}) as model:
                    cost = (await model.reply(ModelRequest("", [UserMessage(text="x")]))).usage.cost
                assert cost == (None if expected is None else pytest.approx(expected))
