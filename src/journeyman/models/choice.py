"""Which model is used: what a person names or has configured, what a key in the environment opens, else the embedded
one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from journeyman.core.errors import UsageError
from journeyman.core.model import Profile
from journeyman.models.profiles import profile_for, profile_with


@dataclass(frozen=True, slots=True)
class Vendor:
    """A service with hosted models: its wire, where it is, and the environment variables that are usual for it.

    `wire` is one of ours, or the name of the vendor where pydantic-ai speaks to it. `default` is taken when a person
    names no model. `prices` is the vendor's id in genai-prices where that is not found by the address.
    """

    wire: str
    keys: tuple[str, ...] = ()
    base_url: str | None = None
    base_url_env: str | None = None
    default: str | None = None
    prices: str | None = None


VENDORS: dict[str, Vendor] = {
    "openai": Vendor("responses", ("OPENAI_API_KEY",), "https://api.openai.com/v1", "OPENAI_BASE_URL", "gpt-6.1-terra"),
    "anthropic": Vendor(
        "anthropic", ("ANTHROPIC_API_KEY",), None, "ANTHROPIC_BASE_URL", "claude-sonnet-5-5", "anthropic"
    ),
    "google": Vendor("google", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), None, None, "gemini-3.8-flash", "google"),
    "mistral": Vendor("mistral", ("MISTRAL_API_KEY",), None, None, "mistral-medium-latest", "mistral"),
    "groq": Vendor("chat", ("GROQ_API_KEY",), "https://api.groq.com/openai/v1", None, "openai/gpt-oss-120b"),
    "openrouter": Vendor(
        "chat", ("OPENROUTER_API_KEY",), "https://openrouter.ai/api/v1", None, "anthropic/claude-sonnet-5.5"
    ),
    "deepseek": Vendor("chat", ("DEEPSEEK_API_KEY",), "https://api.deepseek.com/v1", None, "deepseek-v4-pro"),
    "xai": Vendor("chat", ("XAI_API_KEY",), "https://api.x.ai/v1", None, "grok-4.7"),
    "moonshotai": Vendor(
        "chat", ("MOONSHOTAI_API_KEY", "MOONSHOT_API_KEY"), "https://api.moonshot.ai/v1", None, "kimi-k3.1-pro"
    ),
    "zai": Vendor("chat", ("ZAI_API_KEY",), "https://api.z.ai/api/paas/v4", None, "glm-5.3", "zhipuai"),
    "cerebras": Vendor("chat", ("CEREBRAS_API_KEY",), "https://api.cerebras.ai/v1", None, "gpt-oss-120b"),
    "together": Vendor("chat", ("TOGETHER_API_KEY",), "https://api.together.xyz/v1"),
    "fireworks": Vendor("chat", ("FIREWORKS_API_KEY",), "https://api.fireworks.ai/inference/v1"),
    "ollama": Vendor("chat", (), "http://127.0.0.1:11434/v1", "OLLAMA_BASE_URL"),
    "azure": Vendor("responses", ("AZURE_OPENAI_API_KEY",), None, "AZURE_OPENAI_BASE_URL", None, "azure"),
    "cohere": Vendor("cohere", ("CO_API_KEY",), prices="cohere"),
    "huggingface": Vendor("huggingface", ("HF_TOKEN",), prices="huggingface_hub"),
    "bedrock": Vendor("bedrock", prices="aws"),
    "google-cloud": Vendor("google-cloud", prices="google"),
}
"""In the order in which a key in the environment is looked for."""

OWN_WIRES = ("responses", "chat", "local", "scripted")
FURTHER_WIRES = ("alibaba", "heroku", "litellm", "nebius", "ovhcloud", "sambanova", "snowflake", "vercel")
"""Vendors that pydantic-ai speaks to and that need a base_url or settings of their own."""
WIRES = (*OWN_WIRES, *VENDORS, *FURTHER_WIRES)
_ALIASES = {"google-gla": "google", "gemini": "google", "grok": "xai", "moonshot": "moonshotai"}


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model to open.

    `name` is what a person calls it, `model` what its server calls it (for `scripted` the script's file, for
    `local` a file of weights in place of its own). `wire` is
    one of `WIRES`. `overrides` are fields of `Profile`; `why` is a sentence for a person. `idle` is the longest silence
    of the server in seconds. `vendor` is a key of `VENDORS` where it is known.
    """

    name: str
    wire: str
    model: str = ""
    base_url: str | None = None
    api_key_env: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    idle: float = 300.0
    developer_role: Literal["developer", "system", "user"] | None = None
    send_reasoning: bool | None = None
    vendor: str | None = None
    why: str = ""


LOCAL = ModelChoice(name="local", wire="local", model="local")


def choose(
    env: Mapping[str, str], configured: Mapping[str, ModelChoice] | None = None, wanted: str | None = None
) -> ModelChoice:
    """The model to use.

    `wanted` is what a person asked for: a configured name, `local`, `vendor:model`, or `scripted:FILE`. Without it the
    first hosted model whose key is in `env`, else the embedded one; `why` says which, and why.
    """
    configured = configured or {}
    if wanted:
        return check(_named(wanted, env, configured))
    if len(configured) == 1:
        only = next(iter(configured.values()))
        return _because(check(only), f"Using {only.name}, the one configured model.")
    for vendor, facts in VENDORS.items():
        key = _key_in(env, facts)
        if key and facts.default:
            choice = _hosted(vendor, facts.default, env)
            return _because(choice, f"Using {choice.name}, since {key} is set; --model takes another.")
    return _because(LOCAL, "Using the embedded model, since no model is configured and no key of a hosted one is set.")


def check(choice: ModelChoice) -> ModelChoice:
    """`choice`, when it is complete; a `UsageError` names what is missing or misspelt."""
    if choice.wire not in WIRES:
        near = get_close_matches(choice.wire, WIRES, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(WIRES)}."
        raise UsageError(f"Model {choice.name}: there is no wire {choice.wire!r}; {hint}")
    if choice.wire in ("responses", "chat") and not choice.base_url:
        raise UsageError(f"Model {choice.name}: the wire {choice.wire!r} needs a base_url.")
    if choice.wire != "local" and not choice.model:
        raise UsageError(f"Model {choice.name}: the name that its server knows it by is missing (`name = …`).")
    return choice


def profile_of(choice: ModelChoice) -> Profile:
    """The profile of a chosen model, without opening it. A `UsageError` says which of `overrides` is wrong."""
    if choice.wire == "local":
        from journeyman.models.local import PROFILE

        return profile_with(PROFILE, {"name": choice.name, **choice.overrides})
    if choice.wire == "scripted":
        from journeyman.models.scripted import profile_of_script

        return profile_with(profile_of_script(Path(choice.model)), {"name": choice.name, **choice.overrides})
    openai = choice.wire == "responses" and is_openai(choice.base_url)
    return profile_for(choice.model or choice.name, name=choice.name, openai=openai, overrides=choice.overrides)


def is_openai(base_url: str | None) -> bool:
    """Whether OpenAI's own service answers there, or Azure's, which has the same ways."""
    host = (base_url or "").partition("://")[2].partition("/")[0].partition(":")[0]
    return host.endswith((".openai.com", ".openai.azure.com")) or host == "openai.com"


def _named(wanted: str, env: Mapping[str, str], configured: Mapping[str, ModelChoice]) -> ModelChoice:
    if wanted in configured:
        return configured[wanted]
    if wanted == "local":
        return LOCAL
    vendor, colon, model = wanted.partition(":")
    vendor = _ALIASES.get(vendor, vendor)
    if vendor == "scripted" and model:
        return ModelChoice(name=wanted, wire="scripted", model=model)
    if vendor in VENDORS and (colon or vendor not in configured):
        facts = VENDORS[vendor]
        if model := model or facts.default or "":
            return _hosted(vendor, model, env)
        raise UsageError(f"Which model of {vendor}? Write --model {vendor}:NAME.")
    known = [*configured, "local"]
    near = [*get_close_matches(wanted, known, 2, 0.5), *get_close_matches(vendor, VENDORS, 1, 0.75)]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise UsageError(
        f"There is no model named {wanted!r}.{hint} Configured: {', '.join(known)}; "
        "hosted ones are written VENDOR:NAME, as in openai:NAME."
    )


def _hosted(vendor: str, model: str, env: Mapping[str, str]) -> ModelChoice:
    facts = VENDORS[vendor]
    base_url = (env.get(facts.base_url_env) if facts.base_url_env else None) or facts.base_url
    key = _key_in(env, facts) or (facts.keys[0] if facts.keys else None)
    return ModelChoice(
        name=f"{vendor}:{model}", wire=facts.wire, model=model, base_url=base_url, api_key_env=key, vendor=vendor
    )


def _key_in(env: Mapping[str, str], facts: Vendor) -> str | None:
    return next((key for key in facts.keys if env.get(key)), None)


def _because(choice: ModelChoice, why: str) -> ModelChoice:
    return replace(choice, why=why)
