"""The door: the only place of the program that reads the environment. Inside, values are passed."""

import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from journeyman.attempt.clones import Ground
from journeyman.core.errors import UsageError
from journeyman.core.settings import Layer, ModelSettings, Settings, load_toml, merge, variables
from journeyman.models.choice import ModelChoice, choose
from journeyman.store.store import Store, open_store


@dataclass(frozen=True, slots=True)
class Door:
    """What the process was started with. `environ` is its environment."""

    environ: Mapping[str, str]
    state: Path
    cache: Path
    home: Path
    settings: Settings
    directory: Path

    @property
    def ground(self) -> Ground:
        """Where repositories are opened."""
        return Ground(self.state, self.excludes, self.environ)

    @property
    def excludes(self) -> Path | None:
        """The person's global ignore file, where git looks for it when nothing else is configured."""
        config = self.environ.get("XDG_CONFIG_HOME") or str(self.home / ".config")
        file = Path(config) / "git" / "ignore"
        return file if file.is_file() else None


def open_door(directory: Path, flags: Mapping[str, object], environ: Mapping[str, str] | None = None) -> Door:
    """Read the settings: the person's file, the repository's, JOURNEYMAN_* variables, flags. Raises `UsageError`."""
    env = dict(os.environ if environ is None else environ)
    state, cache = folders(env)
    layers: list[Layer] = []
    person = state / "config.toml"
    if person.is_file():
        layers.append(load_toml(_text(person), str(person)))
    if (shared := _repository_file(directory)) is not None:
        layers.append(load_toml(_text(shared), str(shared), shared=True))
    layers.append(variables(env))
    layers.append(Layer("the command line", {key: value for key, value in flags.items() if value is not None}))
    with suppress(OSError):  # what is wrong with it is told by whoever writes there
        state.mkdir(mode=0o700, parents=True, exist_ok=True)  # before a room of ours makes it for everybody
    return Door(env, state, cache, Path(env.get("HOME") or Path.home()), merge(layers), directory)


def open_stored(door: Door) -> AbstractAsyncContextManager[Store]:
    """The store that the settings name."""
    return open_store(door.state, url=door.settings.store, blobs=door.settings.blobs)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def folders(env: Mapping[str, str]) -> tuple[Path, Path]:
    """Where Journeyman keeps its state (`JOURNEYMAN_HOME`) and its downloads (`JOURNEYMAN_CACHE`), or the platform's
    places for these."""
    import platformdirs

    state = env.get("JOURNEYMAN_HOME") or platformdirs.user_data_dir("journeyman")
    cache = env.get("JOURNEYMAN_CACHE") or platformdirs.user_cache_dir("journeyman")
    return Path(state).expanduser().absolute(), Path(cache).expanduser().absolute()


def _repository_file(directory: Path) -> Path | None:
    """The nearest `.journeyman/config.toml` at or above `directory`, up to the repository's root."""
    here = directory.resolve()
    for folder in (here, *here.parents):
        file = folder / ".journeyman" / "config.toml"
        if file.is_file() and not file.is_symlink():
            return file
        if (folder / ".git").exists():
            return None
    return None


PROFILE = (
    *("window", "max_output", "tool_style", "strategy", "small", "images", "judges"),
    *("input_price", "cached_input_price", "output_price"),
)


def model_choice(door: Door, wanted: str | None) -> ModelChoice:
    """The model that a name stands for; without one, what a key in the environment opens, else the embedded one."""
    return choose(door.environ, configured_models(door), wanted)


def configured_models(door: Door) -> dict[str, ModelChoice]:
    """The models of the settings, by name."""
    return {name: choice_of(name, settings) for name, settings in door.settings.models.items()}


def choice_of(name: str, settings: ModelSettings) -> ModelChoice:
    """A model of a `[models.NAME]` table."""
    overrides = {key: getattr(settings, key) for key in PROFILE if getattr(settings, key) is not None}
    return ModelChoice(
        name=name,
        wire=settings.wire,
        model=settings.name or "",
        base_url=settings.base_url,
        api_key_env=settings.api_key_env,
        overrides=overrides,
    )
