"""What set-up is told of this machine's package indexes."""

from journeyman.cli.network import pip_variables, without_credentials


def test_pip_s_settings_become_variables_without_credentials() -> None:
    listed = (
        ":env:.index-url='http://127.0.0.2:8000/simple'\n"
        ":env:.cert='/etc/ssl/cert.pem'\n"
        "global.index-url='https://elsewhere.example/simple'\n"
        "global.extra-index-url='https://me:secret@b.example/simple file:///opt/wheels'\n"
        "global.trusted-host='b.example'\n"
    )
    assert pip_variables(listed) == {
        "PIP_INDEX_URL": "http://127.0.0.2:8000/simple",
        "UV_DEFAULT_INDEX": "http://127.0.0.2:8000/simple",
        "PIP_EXTRA_INDEX_URL": "https://b.example/simple",
        "UV_INDEX": "https://b.example/simple",
        "PIP_TRUSTED_HOST": "b.example",
    }


def test_only_addresses_of_the_web_are_told() -> None:
    assert without_credentials("https://token@registry.example:8443/npm/") == "https://registry.example:8443/npm/"
    assert [without_credentials(url) for url in ("file:///opt/wheels", "", "undefined", "ftp://a.example/")] == [
        None
    ] * 4
