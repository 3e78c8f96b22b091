"""Where repositories elsewhere are seen."""

from pathlib import Path

import pytest

from journeyman.attempt.clones import is_address, workspace_of


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("https://host/group/shop.git", "shop"),
        ("https://user@host/shop/", "shop"),
        ("git@host:group/shop.git", "shop"),
        ("git@host:shop", "shop"),
        ("file:///srv/my shop.git", "my-shop"),
        ("ssh://host/..git", "repository"),
        ("https://host/.git", "repository"),
    ],
)
def test_a_repository_is_seen_below_its_own_name(address: str, place: str) -> None:
    assert workspace_of(address) == Path("/workspace") / place


def test_what_is_an_address() -> None:
    for text in ("https://host/x.git", "git@host:x", "ssh://host/x", "file:///x", "git://host/x"):
        assert is_address(text)
    for text in (None, "/srv/x", "x", "./host:x", "C:/x", "ext::sh -c x", "-u https://host/x"):
        assert not is_address(text)
