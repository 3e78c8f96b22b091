"""Which environment an attempt has, and what of a repository's own is in force."""

from collections.abc import Callable
from pathlib import Path

import pytest

from journeyman.attempt.environment.cache import Cache
from journeyman.attempt.environment.choose import choose
from journeyman.core.environment import EnvironmentUse
from journeyman.core.environment_file import INDEXES, PLACE, digest
from journeyman.core.errors import UsageError
from journeyman.repo.repository import open_repository
from journeyman.store import open_store
from tests.conftest import MakeRepository, lay

ASKS = """
checks = ["make test"]
[setup]
script = "./install"
network = { access = "on" }
[attempt]
network = { access = "allow-list", hosts = ["api.example.com"] }
[secrets.KEY]
kind = "brokered"
hosts = ["api.example.com"]
"""
CONTAINER = """{
  // what an editor uses
  "image": "docker.io/library/python:3.12",
  "containerEnv": {"COLOUR": "blue"},
  "postCreateCommand": "make deps",
}"""


class Shelf:
    """A repository and what is stored for it."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder = folder
        self.state = state
        self.cache = Cache(state / "environments", 0)

    async def choose(self, wanted: str = "ready", *, look: bool = False) -> EnvironmentUse | None:
        repository = await open_repository(self.folder, self.state)
        base = await repository.snapshot()
        async with open_store(self.state) as store, repository.tree(base.tree) as tree:
            return await choose(repository.root, tree, wanted, store.environments, self.cache, look=look)

    async def approve(self, name: str) -> None:
        async with open_store(self.state) as store:
            await store.environments.approve(str(self.folder), digest((self.folder / name).read_bytes()))

    async def put(self, name: str, text: str) -> None:
        async with open_store(self.state) as store:
            await store.environments.put(name, str(self.folder), text)


@pytest.fixture
def shelf(tmp_path: Path, make_repository: MakeRepository) -> Callable[[dict[str, str]], Shelf]:
    return lambda files: Shelf(make_repository(files), tmp_path / "state")


Fill = Callable[[dict[str, str]], Shelf]


async def test_a_repository_s_own_gets_what_it_asks_for_once_that_is_approved(shelf: Fill) -> None:
    here = shelf({PLACE: ASKS, "requirements.txt": "x\n", "install": "true\n"})
    use = await here.choose()
    assert use is not None
    assert (use.source, use.summary, use.environment.checks) == ("repository", PLACE, ("make test",))
    assert use.asks == (
        "the whole network in set-up",
        "network to api.example.com in attempts",
        "the secret KEY for api.example.com",
    )
    assert use.environment.setup.network == INDEXES
    assert (use.environment.attempt.network.access, use.environment.secrets) == ("off", {})
    assert [path for path, _ in use.files] == ["install", "requirements.txt"]

    await here.approve(PLACE)
    use = await here.choose()
    assert use is not None
    assert (use.asks, use.environment.setup.network.access, list(use.environment.secrets)) == ((), "on", ["KEY"])

    lay(here.folder, {PLACE: ASKS + "# changed\n"})
    use = await here.choose()
    assert use is not None
    assert len(use.asks) == 3


async def test_an_approval_is_for_one_repository(shelf: Fill, tmp_path: Path) -> None:
    here = shelf({PLACE: ASKS})
    async with open_store(here.state) as store:
        await store.environments.approve(str(tmp_path / "another"), digest(ASKS.encode()))
    use = await here.choose()
    assert use is not None
    assert len(use.asks) == 3


async def test_a_stored_one_goes_before_the_repository_s_own(shelf: Fill) -> None:
    here = shelf({PLACE: ASKS})
    await here.put("mine", "name = 'other'\nchecks = ['true']\n[attempt]\nnetwork = { access = 'on' }\n")
    for wanted in ("ready", "auto", "mine"):
        use = await here.choose(wanted)
        assert use is not None
        assert (use.source, use.environment.name, use.asks) == ("stored", "mine", ())
        assert use.environment.attempt.network.access == "on"
    assert await here.choose("off") is None
    with pytest.raises(UsageError, match=r"There is no stored environment 'mien'. Did you mean 'mine'?"):
        await here.choose("mien")


async def test_what_is_only_detected_is_looked_for_when_asked_or_built_before(shelf: Fill) -> None:
    here = shelf({"requirements.txt": "x\n"})
    assert await here.choose("ready") is None
    auto, looked = await here.choose("auto"), await here.choose("ready", look=True)
    assert auto is not None and looked is not None
    assert (auto.source, auto.build, looked.build) == ("detected", True, False)
    here.cache.place(str(here.folder)).mkdir(parents=True)
    assert await here.choose("ready") == looked


async def test_nothing_to_install_is_no_environment(shelf: Fill) -> None:
    assert await shelf({"a.txt": "one\n"}).choose("auto") is None


async def test_a_devcontainer_gives_variables_and_command_and_its_image_once_approved(shelf: Fill) -> None:
    place = ".devcontainer/devcontainer.json"
    here = shelf({place: CONTAINER, "requirements.txt": "x\n"})
    use = await here.choose("auto")
    assert use is not None
    assert (use.summary, use.asks) == (
        f"{place}, pip (requirements.txt)",
        ("the image docker.io/library/python:3.12",),
    )
    environment = use.environment
    assert (environment.base.image, environment.variables) == (None, {"COLOUR": "blue"})
    assert (environment.setup.script, environment.setup.network) == ("make deps\n", INDEXES)
    await here.approve(place)
    use = await here.choose("auto")
    assert use is not None
    assert (use.asks, use.environment.base.image) == ((), "docker.io/library/python:3.12")


async def test_a_file_that_is_wrong_is_an_error(shelf: Fill) -> None:
    with pytest.raises(UsageError, match=r"environment\.toml: there is no key 'chekcs'. Did you mean 'checks'"):
        await shelf({PLACE: "chekcs = []"}).choose()
