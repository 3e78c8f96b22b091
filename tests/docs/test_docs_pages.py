"""The documentation says what the program does: commands, settings, links, formats and words are compared with it."""

import ast
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main
from pydantic import BaseModel

from journeyman.attempt.run import CODE_TOOLS
from journeyman.cli.door import model_choice, open_door
from journeyman.cli.main import whole
from journeyman.core.environment import Environment, EnvironmentBase, NetworkPolicy, Script, SecretBinding
from journeyman.core.environment_file import dump_environment, read_environment
from journeyman.core.events import EVENT
from journeyman.core.model import Profile
from journeyman.core.settings import (
    SHARED,
    TABLES,
    KeepSettings,
    ModelSettings,
    OpenIdSettings,
    ServerSettings,
    Settings,
    TemporalSettings,
    load_toml,
    merge,
)
from journeyman.core.task import Limits, Verdict
from journeyman.models.choice import VENDORS
from journeyman.repo.rules import commands
from tests.docs.pages import DOCS, PAGES, ROOT, Block, blocks, calls, codes, headings, prose, rows, section, slug, typed

GROUP: Any = typer.main.get_command(whole())
COMMANDS: dict[str, Any] = {
    words: each
    for name, command in GROUP.commands.items()
    for words, each in (
        [(f"{name} {inner}", one) for inner, one in command.commands.items()]
        if hasattr(command, "commands")
        else [(name, command)]
    )
}
"""By the words that name them, those of groups too: `env build`."""
SHELL = [block for page in PAGES for block in blocks(page, "bash", "console")]
TOML = [block for page in PAGES for block in blocks(page, "toml") if "environment.toml" not in block.before]
ENVIRONMENTS = [block for page in PAGES for block in blocks(page, "toml") if "environment.toml" in block.before]
SETTINGS = DOCS / "reference" / "settings.md"


def place(block: Block) -> str:
    return block.place


def named(arguments: list[str]) -> tuple[str, list[str]]:
    """The words of a command, and its arguments."""
    words = 2 if hasattr(GROUP.commands.get(arguments[0]), "commands") else 1
    return " ".join(arguments[:words]), arguments[words:]


def options(name: str) -> set[str]:
    return {option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("-")}


# ---------------------------------------------------------------- what a reader types


@pytest.mark.parametrize("block", SHELL, ids=place)
def test_command_lines_name_commands_and_options_that_there_are(block: Block) -> None:
    for line in typed(block):
        for arguments in calls(line):
            if arguments[0].startswith("-"):
                GROUP.make_context("journeyman", arguments)
                continue
            name, rest = named(arguments)
            assert name in COMMANDS, line
            COMMANDS[name].make_context(name, rest)  # raises for what the program would not take


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_text_name_options_that_there_are(page: Path) -> None:
    for code in codes(prose(page)):
        for arguments in calls(code.replace("[", "").replace("]", "")):
            if not arguments or arguments[0] == "COMMAND":
                continue
            name, rest = named(arguments)
            assert name in COMMANDS or (not rest and name in GROUP.commands), code
            if name in GROUP.commands and name not in COMMANDS:
                continue  # the group itself
            given = {word for word in rest if re.match(r"--?\w", word)}
            assert given <= options(name), code


def test_every_script_that_is_named_is_there() -> None:
    named = {word for block in SHELL for word in re.findall(r"\bscripts/\w+", block.text)}
    assert {"scripts/setup", "scripts/demo", "scripts/test"} <= named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("block", [block for page in PAGES for block in blocks(page, "python")], ids=place)
def test_python_can_be_parsed(block: Block) -> None:
    assert ast.parse(block.text).body


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize("block", TOML, ids=place)
def test_settings_are_valid_and_their_models_complete(block: Block, tmp_path: Path) -> None:
    shared = ".journeyman/config.toml" in block.before
    layer = load_toml(block.text, block.place, shared=shared)
    assert layer.values, "an example sets something"
    settings = merge([layer])
    (tmp_path / "config.toml").write_text(block.text)
    door = open_door(tmp_path, {}, {"JOURNEYMAN_HOME": str(tmp_path)})
    assert door.settings == settings
    for name in settings.models:
        assert model_choice(door, name).name == name


@pytest.mark.parametrize("block", ENVIRONMENTS, ids=place)
def test_environments_are_valid(block: Block) -> None:
    written = read_environment(block.text, block.place, name="example")
    assert read_environment(dump_environment(written), block.place) == written


REFERENCE = DOCS / "reference" / "environment-toml.md"


@pytest.mark.parametrize(
    ("heading", "model", "tables"),
    [
        ("Top level", Environment, {"base", "setup", "maintenance", "attempt", "variables", "secrets", "limits"}),
        ("`[base]`", EnvironmentBase, set[str]()),
        ("`[setup]` and `[maintenance]`", Script, set[str]()),
        ("`network`", NetworkPolicy, set[str]()),
        ("`[secrets.NAME]`", SecretBinding, set[str]()),
    ],
    ids=["top", "base", "scripts", "network", "secrets"],
)
def test_the_page_of_environments_has_every_key_with_its_default(
    heading: str, model: type[BaseModel], tables: set[str]
) -> None:
    said = {codes(key)[0]: told for key, told, *_ in rows(section(REFERENCE, heading).partition("\n## ")[0])}
    wanted: dict[str, str] = {}
    for key, field in model.model_fields.items():
        if key == "name":
            wanted[key] = "the folder's name"
        elif field.is_required():
            wanted[key] = "required"
        elif key == "network":
            wanted[key] = "see below"
        elif key not in tables:
            wanted[key] = default(field.get_default(call_default_factory=True))
    assert said == wanted


def default(value: object) -> str:
    """A default as the page writes it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple) and value:
        return ", ".join(f"`{one}`" for one in value)
    return "none" if value in (None, (), {}, "") else f"`{value}`"


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("Top level", Settings),
        ("Models: `[models.NAME]`", ModelSettings),
        ("Service: `[server]`", ServerSettings),
        ("Sign-in by a provider: `[server.openid]`", OpenIdSettings),
        ("Engine: `[temporal]`", TemporalSettings),
        ("What is kept: `[keep]`", KeepSettings),
        ("Limits: `[limits]`", Limits),
    ],
    ids=["settings", "models", "server", "openid", "temporal", "keep", "limits"],
)
def test_the_page_of_settings_has_every_key_with_its_default(heading: str, model: type[BaseModel]) -> None:
    said = {codes(key)[0]: told for key, told, *_ in rows(section(SETTINGS, heading))}
    guessed = {"by name", "published price"}
    wanted: dict[str, str] = {}
    for key, field in model.model_fields.items():
        if field.is_required():
            wanted[key] = "required"
        elif key in TABLES:
            wanted[key] = "see below"
        elif model is ModelSettings and said.get(key) in guessed:
            assert key in Profile.model_fields, f"{key} is no part of a profile, so nothing guesses it"
            wanted[key] = said[key]
        else:
            wanted[key] = default(field.get_default(call_default_factory=True))
    assert said == wanted


def test_the_whole_file_has_every_key() -> None:
    whole = next(block for block in blocks(SETTINGS, "toml"))
    values = load_toml(whole.text, whole.place).values
    assert set(values) == set(Settings.model_fields)
    assert set(values["models"]["box"]) == set(ModelSettings.model_fields)
    none = {"cost": None, "cpus": None, "cpu_seconds": None}
    assert Limits.model_validate({**values["limits"], **none}) == Limits()


def test_the_page_says_what_a_repository_may_set() -> None:
    text = " ".join(section(SETTINGS, "Where they come from").split())
    said = text.partition("Its file may set only ")[2].partition(", and a limit")[0]
    assert set(codes(said)) == SHARED


def test_the_page_of_hosted_models_has_every_vendor() -> None:
    table = section(DOCS / "howto" / "hosted-model.md", "The short way: a key in the environment")
    said = [(codes(name)[0].removesuffix(":NAME"), codes(key), taken) for name, key, taken in rows(table)]
    assert [name for name, _, _ in said] == list(VENDORS)
    for name, keys, taken in said:
        vendor = VENDORS[name]
        address = [vendor.base_url_env] if name == "azure" and vendor.base_url_env else []
        assert keys == [*vendor.keys, *address], name
        assert taken == ("yes" if vendor.keys and vendor.default else "no, name a model"), name


# ---------------------------------------------------------------- reference pages


def test_the_page_of_commands_has_every_command_and_option() -> None:
    page = DOCS / "reference" / "commands.md"
    listed = [codes(row[0])[0] for row in rows(section(page, "Commands and options").partition("\n## ")[0])]
    assert listed == list(COMMANDS)
    for name, command in COMMANDS.items():
        table = rows(section(page, name))
        said = [code for row in table for code in codes(row[0])]
        arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
        given = [code for code in said if not code.startswith("-")]
        assert [word.strip("[]").lower() for word in given] == [argument.name for argument in arguments], name
        assert {word for word in said if word.startswith("-")} == options(name), name


def test_words_of_the_design_are_those_of_the_program() -> None:
    verdicts = [codes(row[0])[0] for row in rows(section(DOCS / "design" / "evidence.md", "The verdict"))]
    assert verdicts == list(get_args(Verdict))
    ends = [codes(row[0]) for row in rows(section(DOCS / "reference" / "exit-codes.md", "run, resume, ask"))]
    assert {word for row in ends for word in row} == set(verdicts)
    kinds = [
        kind for row in rows(section(DOCS / "design" / "log.md", "The log is the state")) for kind in codes(row[0])
    ]
    assert sorted(kinds) == sorted(EVENT.json_schema()["discriminator"]["mapping"])
    tools = [codes(row[0])[0] for row in rows(section(DOCS / "design" / "attempt.md", "4 and 5. The strategies"))]
    assert tools == [tool.name for tool in CODE_TOOLS if tool.listed]


def test_the_example_of_agents_md_gives_the_checks_that_the_page_says() -> None:
    page = DOCS / "reference" / "agents-md.md"
    (example,) = blocks(page, "markdown")
    said = next(line for line in section(page, "Example").splitlines() if line.startswith("This gives two checks"))
    assert list(commands(example.text)) == codes(said)


# ---------------------------------------------------------------- links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            assert target.startswith("https://"), target
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.is_file(), f"{page.name}: {target}"
        if anchor:
            assert anchor in map(slug, headings(there)), f"{page.name}: {target}"


def test_the_readme_in_chinese_shows_the_same_code_and_leads_to_the_same_pages() -> None:
    english, chinese = ROOT / "README.md", ROOT / "README.zh.md"
    assert [(each.language, each.text) for each in blocks(chinese)] == [
        (each.language, each.text) for each in blocks(english)
    ]
    linked = {page: set(re.findall(r"\]\(([^)#]+)", prose(page))) for page in (english, chinese)}
    assert linked[chinese] - {"README.md"} == linked[english] - {"README.zh.md"}


def test_the_site_has_every_page() -> None:
    listed = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_json_can_be_parsed() -> None:
    examples = [block for page in PAGES for block in blocks(page, "json", "jsonl")]
    assert len(examples) > 10
    for block in examples:
        for line in block.text.splitlines():
            assert isinstance(json.loads(line), dict), block.place
