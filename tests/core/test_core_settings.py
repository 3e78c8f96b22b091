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
        ("attempts = 99", ["config.toml: 'attempts' must be less than or equal to 8, not 99."]),
        ("attempts = true", ["config.toml: 'attempts' must be a number, not true."]),
        ("model = false", ["config.toml: 'model' must be a text, not false."]),
        ("model = 7", ["config.toml: 'model' must be a text, not 7."]),
        ("checks = 'pytest'", ["config.toml: 'checks' must be a list of texts, not 'pytest'."]),
        ("checks = [1]", ["'checks.0' must be a text, not 1."]),
        ("strategy = 'lop'", ["'strategy' must be 'loop', 'repair' or 'cascade', not 'lop'."]),
        ("[limits]\nsteps = 'many'", ["config.toml: 'limits.steps' must be a whole number, not 'many'."]),
        ("[limits]\nsteps = 1.5", ["'limits.steps' must be a whole number, not 1.5."]),
        ("[limits]\nseconds = nan", ["'limits.seconds' must be a number, not nan."]),
        ("[limits]\nseconds = inf", ["'limits.seconds' must be a number, not inf."]),
        ("[limits]\nsteps = 0", ["'limits.steps' must be more than 0, not 0."]),
        ("limits = 3", ["'limits' must be a table, not 3."]),
        ("[models]\nbox = 'x'", ["'models.box' must be a table, not 'x'."]),
        ("[models.box]\nname = 'x'", ["the setting 'models.box.wire' is missing."]),
        ("[models.box]\nwire = 'chat'\nwindow = -1", ["'models.box.window' must be greater than 0, not -1."]),
        ("a = " + "[" * 5000, ["not valid TOML"]),
        ("model = 'x'\nmodel", ["not valid TOML", "Expected '='"]),
        ("zzz = 1", ["'zzz'", "Known: model"]),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(text: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        merge([load_toml(text, "config.toml")])
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_misspelt_variable_is_an_error() -> None:
    with pytest.raises(UsageError) as error:
        merge([variables({"JOURNEYMAN_LIMITS__STEP": "3"})])
    assert str(error.value) == (
        "the environment (JOURNEYMAN_*): there is no setting JOURNEYMAN_LIMITS__STEP. "
        "Did you mean JOURNEYMAN_LIMITS__STEPS?"
    )


def test_variables_are_read_as_their_settings_want_them() -> None:
    environ = {
        "JOURNEYMAN_MODEL": "123",
        "JOURNEYMAN_CHECKS": "pytest -q",
        "JOURNEYMAN_ATTEMPTS": "3",
        "JOURNEYMAN_LIMITS__COST": "0.5",
        "JOURNEYMAN_MODELS__123__WIRE": "chat",
        "JOURNEYMAN_MODELS__123__NAME": "2024",
        "JOURNEYMAN_MODELS__123__SMALL": "true",
    }
    assert merge([variables(environ)]) == Settings(
        model="123",
        models={"123": ModelSettings(wire="chat", name="2024", small=True)},
        checks=("pytest -q",),
        attempts=3,
        limits=Limits(cost=0.5),
    )
    assert merge([variables({"JOURNEYMAN_CHECKS": '["a", "b"]'})]).checks == ("a", "b")


def test_a_variable_may_not_be_part_of_another() -> None:
    with pytest.raises(UsageError, match="JOURNEYMAN_MODEL__NAME names a part of a setting"):
        variables({"JOURNEYMAN_MODEL": "x", "JOURNEYMAN_MODEL__NAME": "y"})


def test_a_layer_may_change_a_part_of_a_lower_ones_model() -> None:
    layers = [load_toml(PERSON, "config.toml"), variables({"JOURNEYMAN_MODELS__BOX__NAME": "other"})]
    box = merge(layers).models["box"]
    assert (box.wire, box.name, box.api_key_env) == ("responses", "other", "BOX_KEY")


@pytest.mark.parametrize(
    "text",
    [
        "model = 'x'",
        "[models.x]\nwire = 'chat'",
        "[models.box]\nbase_url = 'http://elsewhere'",
        "[limits]\nsteps = 1000",
        "[limits]\nsteps = '1000'",
    ],
)
def test_a_repository_may_not_choose_the_model_or_loosen_limits(text: str) -> None:
    with pytest.raises(UsageError, match="a repository may"):
        merge([load_toml(text, ".journeyman/config.toml", shared=True)])


def test_a_repository_may_tighten_limits_and_only_below_what_is_set_under_it() -> None:
    person = load_toml("[limits]\ncost = 2\nsteps = 10", "config.toml")
    tighter = load_toml("[limits]\ncost = 1.5\nsteps = 10", ".journeyman/config.toml", shared=True)
    assert merge([person, tighter]).limits == Limits(cost=1.5, steps=10)
    looser = load_toml("[limits]\nsteps = 11", ".journeyman/config.toml", shared=True)
    with pytest.raises(UsageError, match=r"may only lower limits\.steps, which is 10 here"):
        merge([person, looser])
