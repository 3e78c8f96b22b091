"""`environment.toml`: what is wrong is said in a sentence, and a repository's own grants nothing by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.core.environment import AttemptPhase, Environment, EnvironmentBase, NetworkPolicy, Script, SecretBinding
from journeyman.core.environment_file import capped, dump_environment, read_environment, slug, tightened
from journeyman.core.errors import UsageError
from journeyman.core.task import Limits

WHOLE = """
name = "shop"
checks = ["pytest -q"]
cache_hours = 6

[base]
image = "docker.io/library/python:3.12"

[setup]
script = "pip install -r requirements.txt"
network = { access = "allow-list", indexes = true, methods = "read" }

[maintenance]
script = "pip install -r requirements.txt"

[attempt]
network = { access = "allow-list", hosts = ["api.example.com", "**.example.org"] }

[variables]
TZ = "UTC"

[secrets.NPM_TOKEN]
kind = "setup"
[secrets.API_KEY]
kind = "brokered"
hosts = ["api.example.com"]

[limits]
memory_bytes = 2147483648
"""

SHOP = Environment(
    name="shop",
    base=EnvironmentBase(image="docker.io/library/python:3.12"),
    setup=Script(
        script="pip install -r requirements.txt",
        network=NetworkPolicy(access="allow-list", indexes=True, methods="read"),
    ),
    maintenance=Script(script="pip install -r requirements.txt"),
    attempt=AttemptPhase(network=NetworkPolicy(access="allow-list", hosts=("api.example.com", "**.example.org"))),
    variables={"TZ": "UTC"},
    secrets={
        "NPM_TOKEN": SecretBinding(kind="setup"),
        "API_KEY": SecretBinding(kind="brokered", hosts=("api.example.com",)),
    },
    limits=Limits(memory_bytes=2 * 1024**3),
    checks=("pytest -q",),
    cache_hours=6,
)


def test_a_whole_file() -> None:
    assert read_environment(WHOLE, "environment.toml") == SHOP


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nmae = 'x'", "environment.toml: there is no key 'nmae'. Did you mean 'name'?"),
        ("[setup]\nscrpt = ''", "there is no key 'setup.scrpt'. Did you mean 'setup.script'?"),
        ("[setup.network]\nacess = 'on'", "'setup.network.acess'. Did you mean 'setup.network.access'?"),
        ("[secrets.A]\nkind = 'setup'\nhost = ['x']", "'secrets.A.host'. Did you mean 'secrets.A.hosts'?"),
        ("[limits]\nmemory = 3", "there is no key 'limits.memory'. Did you mean 'limits.memory_bytes'?"),
        ("[setup.network]\naccess = 'all'", "'setup.network.access' must be 'off', 'allow-list' or 'on', not 'all'."),
        ("name = 'a b'", "'name' must"),
        ("[limits]\nsteps = 0", "'limits.steps' must be more than 0, not 0."),
        ("[limits]\nsteps = true", "'limits.steps' must be a number, not true."),
        ("cache_hours = nan", "'cache_hours' must be a number, not nan."),
        ("[variables]\nPATH = '/x'", "'variables.PATH' cannot be the name of a variable."),
        ("[variables]\nLD_PRELOAD = '/x'", "'variables.LD_PRELOAD' cannot be the name of a variable."),
        ("[variables]\n'a b' = '/x'", "cannot be the name of a variable."),
        ("[variables]\nA = 1", "'variables.A' must be a text, not 1."),
        ("[variables]\nA = ''\n[secrets.A]\nkind = 'setup'", "A is a variable and a secret; it can be one of them."),
        ("[secrets.A]\nkind = 'brokered'", "'secrets.A' is brokered, so it needs `hosts` that it is for."),
        ("[setup.network]\nhosts = ['https://x/']", "'setup.network.hosts' has 'https://x/', which is no host"),
        ("a = ", "environment.toml is not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        read_environment(text, "environment.toml", name="x")
    assert words in str(error.value)


def test_a_name_is_made_of_the_folder() -> None:
    assert read_environment("", "f", name="My shop (new)").name == "My-shop-new"
    assert slug("…") == "environment"


def test_a_repository_s_own_file_grants_nothing_by_itself() -> None:
    allowed, asks = capped(SHOP)
    assert allowed == SHOP.model_copy(
        update={"base": EnvironmentBase(), "attempt": AttemptPhase(), "secrets": {}},
    )
    assert asks == (
        "network to api.example.com, **.example.org in attempts",
        "the image docker.io/library/python:3.12",
        "the secret NPM_TOKEN in set-up",
        "the secret API_KEY for api.example.com",
    )


@pytest.mark.parametrize(
    ("wanted", "given", "asks"),
    [
        ({}, {}, ()),
        (
            {"access": "on"},
            {"access": "allow-list", "indexes": True, "methods": "read"},
            ("the whole network in set-up",),
        ),
        (
            {"access": "allow-list", "indexes": True},
            {"access": "allow-list", "indexes": True, "methods": "read"},
            ("network to package indexes in set-up",),
        ),
        ({"access": "allow-list", "hosts": ("a.example",)}, {}, ("network to a.example in set-up",)),
        (
            {"access": "allow-list", "indexes": True, "methods": "read", "private": ("10.0.0.1",)},
            {"access": "allow-list", "indexes": True, "methods": "read"},
            ("network to package indexes (reading only) and the private 10.0.0.1 in set-up",),
        ),
        (
            {"access": "allow-list", "indexes": True, "methods": "read", "denied": ("a.example",)},
            {"access": "allow-list", "indexes": True, "methods": "read", "denied": ("a.example",)},
            (),
        ),
    ],
)
def test_set_up_may_read_from_package_indexes_and_no_more(
    wanted: dict[str, object], given: dict[str, object], asks: tuple[str, ...]
) -> None:
    environment = Environment(name="x", setup=Script(script="s", network=NetworkPolicy.model_validate(wanted)))
    allowed, said = capped(environment)
    assert (allowed.setup.network, said) == (NetworkPolicy.model_validate(given), asks)


def test_limits_of_a_repository_only_lower() -> None:
    mine = Limits(memory_bytes=1000, steps=10)
    asked = read_environment("[limits]\nmemory_bytes = 2000\nsteps = 5\ncost = 1.5", "f", name="x")
    assert tightened(mine, asked, only_lower=True) == Limits(memory_bytes=1000, steps=5, cost=1.5)
    assert tightened(mine, asked, only_lower=False) == Limits(memory_bytes=2000, steps=5, cost=1.5)


def test_what_is_written_reads_back() -> None:
    assert read_environment(dump_environment(SHOP), "f") == SHOP
    text = dump_environment(SHOP.model_copy(update={"setup": Script(script="one\ntwo 'x'\n")}))
    assert "script = '''\none\ntwo 'x'\n'''" in text


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.dictionaries(
        st.from_regex(r"\A[A-Z]{5}_[a-z0-9]+\Z"),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    ),
)
def test_any_script_and_variable_reads_back(script: str, variables: dict[str, str]) -> None:
    environment = Environment(name="x", setup=Script(script=script), variables=variables)
    assert read_environment(dump_environment(environment), "f") == environment
