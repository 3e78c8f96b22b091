import pytest

from journeyman.core.errors import UsageError
from journeyman.core.settings import Layer, ModelSettings, Settings, load_toml, merge, variables
from journeyman.core.task import Limits

PERSON = """
model = "box"
checks = ["make test"]
[models.box]
wire = "responses"
base_url = "http://127.0.0.1:9000/v1"
name = "some-model"
api_key_env = "BOX_KEY"
[limits]
steps = 50
"""


def test_later_layers_go_over_earlier_ones() -> None:
    settings = merge(
        [
            load_toml(PERSON, "config.toml"),
            load_toml("attempts = 2\n[limits]\nsteps = 20", ".journeyman/config.toml", shared=True),
            variables({"JOURNEYMAN_LIMITS__SECONDS": "60", "JOURNEYMAN_HOME": "/x", "PATH": "/bin"}),
            Layer("the command line", {"model": "local"}),
        ]
    )
    box = ModelSettings(wire="responses", base_url="http://127.0.0.1:9000/v1", name="some-model", api_key_env="BOX_KEY")
    assert settings == Settings(
        model="local",
        models={"box": box},
        checks=("make test",),
        attempts=2,
        limits=Limits(steps=20, seconds=60),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modle = 'x'", ["config.toml", "'modle'", "'model'"]),
        ("[limits]\nstep = 3", ["'limits.step'", "'limits.steps'"]),
        ("[models.box]\nwire = 'chat'\nbase_ulr = 'x'", ["'models.box.base_ulr'", "'models.box.base_url'"]),
        ("[models.box]\nwire = 'chat'\napi_key = 'secret'", ["'models.box.api_key'", "'models.box.api_key_env'"]),
        ("attempts = 99", ["'attempts'", "less than or equal to 8"]),
        ("[limits]\nsteps = 'many'", ["'limits.steps'", "integer"]),
        ("limits = 3", ["'limits'"]),
        ("model = 'x'\nmodel", ["not valid TOML", "Expected '='"]),
        ("zzz = 1", ["'zzz'", "Known: model"]),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(text: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        merge([load_toml(text, "config.toml")])
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_misspelt_variable_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"'modell'.*'model'"):
        merge([variables({"JOURNEYMAN_MODELL": "x"})])


@pytest.mark.parametrize("text", ["model = 'x'", "[models.x]\nwire = 'chat'", "[limits]\nsteps = 1000"])
def test_a_repository_may_not_choose_the_model_or_loosen_limits(text: str) -> None:
    with pytest.raises(UsageError, match="a repository may"):
        merge([load_toml(text, ".journeyman/config.toml", shared=True)])
