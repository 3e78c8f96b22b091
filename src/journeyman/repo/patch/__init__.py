"""The apply_patch format: reading a patch, finding its places, applying it. No I/O.

    patch = parse(text, root=root)
    contents = {path: await read(path) for path in patch.reads}
    applied = apply(patch, contents)

Where this goes further than the format's first implementation: all files or none; lines that matched only loosely
keep the file's own bytes; line endings and a missing last one are kept; an insertion with an anchor goes below it; a
patch that does not fit is answered with the nearest block and, where one is found, a patch that would apply.
"""

from journeyman.repo.patch.apply import Applied, apply
from journeyman.repo.patch.errors import PatchError
from journeyman.repo.patch.parse import AddFile, Chunk, DeleteFile, Patch, PatchLine, UpdateFile, parse, render
from journeyman.repo.patch.shell import extract_from_shell
from journeyman.repo.patch_grammar import APPLY_PATCH_GRAMMAR, APPLY_PATCH_HELP

__all__ = [
    "APPLY_PATCH_GRAMMAR",
    "APPLY_PATCH_HELP",
    "AddFile",
    "Applied",
    "Chunk",
    "DeleteFile",
    "Patch",
    "PatchError",
    "PatchLine",
    "UpdateFile",
    "apply",
    "extract_from_shell",
    "parse",
    "render",
]
