"""The configuration that git gets from us in place of the repository's own."""

from journeyman.repo.git_dir import GitDir

_BOOLEAN = {"true", "false", "yes", "no", "on", "off", "1", "0"}
_TAKEN_OVER = {
    "core.filemode": _BOOLEAN,
    "core.symlinks": _BOOLEAN,
    "core.ignorecase": _BOOLEAN,
    "core.precomposeunicode": _BOOLEAN,
    "core.autocrlf": _BOOLEAN | {"input"},
    "core.eol": {"lf", "crlf", "native"},
}
"""What is taken over from the repository's configuration: how its files look on the disk, nothing that runs."""


def settings(place: GitDir, core: bytes) -> bytes:
    """A configuration file that says how the files look, with no background work. `core` continues its first section.

    A missing key has git's default, so nothing of a repository's own drivers, hooks or aliases is in force.
    """
    lines = ["[extensions]", "\tobjectFormat = sha256"] if place.object_format == "sha256" else []
    lines += ["[gc]", "\tauto = 0", "[maintenance]", "\tauto = false", "[core]"]
    lines.append(f"\trepositoryformatversion = {1 if place.object_format == 'sha256' else 0}")
    for name, allowed in _TAKEN_OVER.items():
        value = place.config.get(name, "").lower()
        if value in allowed:
            lines.append(f"\t{name.removeprefix('core.')} = {value}")
    return "\n".join(lines).encode() + b"\n" + core
