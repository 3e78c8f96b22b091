"""Which server is meant, and how what is known of servers is kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.cli.door import Door, open_door
from journeyman.cli.remotes import FILE, SERVING, Remote, Remotes, Serving, choose, load, put_private, save
from journeyman.core.errors import UsageError

WORK = Remote(name="work", address="https://work.example", token="t1")
LAB = Remote(name="lab", address="http://lab:8700")


def door_of(tmp_path: Path, **variables: str) -> Door:
    return open_door(tmp_path, {}, {"JOURNEYMAN_HOME": str(tmp_path), "HOME": str(tmp_path), **variables})


def serve(tmp_path: Path, pid: int) -> None:
    put_private(tmp_path / SERVING, Serving(address="http://127.0.0.1:8700", pid=pid, token="here").model_dump())


def test_the_first_server_is_the_default_until_another_one_is_named(tmp_path: Path) -> None:
    save(tmp_path, Remotes().with_(WORK).with_(LAB))
    assert choose(door_of(tmp_path), None) == WORK
    assert choose(door_of(tmp_path), "lab") == LAB
    assert choose(door_of(tmp_path), "http://lab:8700/") == LAB
    assert choose(door_of(tmp_path, JOURNEYMAN_SERVER="lab"), None) == LAB
    assert choose(door_of(tmp_path, JOURNEYMAN_SERVER="lab"), "work") == WORK
    other = choose(door_of(tmp_path, JOURNEYMAN_TOKEN="t2"), "https://other.example")
    assert other == Remote(name="https://other.example", address="https://other.example", token="t2")


def test_forgetting_the_default_leaves_the_next_one(tmp_path: Path) -> None:
    kept = Remotes().with_(WORK).with_(LAB)
    assert kept.without("work") == Remotes(remotes=(LAB,), default="lab")
    assert kept.without("work").without("lab") == Remotes()
    assert kept.without("lab").default == "work"


def test_the_server_that_runs_here_is_meant_where_no_other_is_known(tmp_path: Path) -> None:
    serve(tmp_path, os.getpid())
    local = Remote(name="local", address="http://127.0.0.1:8700", token="here")
    assert choose(door_of(tmp_path), None) == local
    assert choose(door_of(tmp_path), "http://127.0.0.1:8700") == local
    save(tmp_path, Remotes().with_(WORK))
    assert choose(door_of(tmp_path), None) == WORK
    assert choose(door_of(tmp_path), "local") == local


def test_a_server_that_has_ended_is_not_meant(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    serve(tmp_path, ended.pid)
    with pytest.raises(UsageError, match="`journeyman serve` starts one"):
        choose(door_of(tmp_path), None)


def test_a_name_that_nobody_has_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    save(tmp_path, Remotes().with_(WORK))
    with pytest.raises(UsageError, match="no server called 'wrok'; known are: work"):
        choose(door_of(tmp_path), "wrok")


def test_tokens_are_for_their_owner_alone_and_a_damaged_file_is_told_of(tmp_path: Path) -> None:
    save(tmp_path, Remotes().with_(WORK))
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert load(tmp_path) == Remotes(remotes=(WORK,), default="work")
    (tmp_path / FILE).write_text("{")
    with pytest.raises(UsageError, match="Mend it, or remove it"):
        load(tmp_path)
