"""What a review looks at: the change from one commit to the state that the work starts from."""

from journeyman.agent.review import read_review
from journeyman.attempt.kept import Kept
from journeyman.core.errors import UsageError
from journeyman.core.evidence import Review
from journeyman.core.task import Base
from journeyman.core.text import clip, decode
from journeyman.repo.hunks import touched
from journeyman.repo.repository import Repository

EMPTY = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""git's name of a tree without files."""
SHOWN = 60_000
"""Characters of the change that the model is shown; it can see the rest in the sandbox."""
MAIN = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


async def change_begins(repository: Repository, base: Base, named: str | None, default: str | None = None) -> str:
    """The commit that the change under review is against.

    The fork point from the branch, tag or commit that a person `named`; else the commit itself where there are changes
    that are not committed, or a starting diff; else the fork point from the repository's main branch (`default` where
    it is known), or the parent of the commit where that is on the main branch. Raises `UsageError` for a name that
    does not exist, and where there is nothing to review.
    """
    if base.commit is None:
        raise UsageError("The repository has no commit yet, so there is no change that could be reviewed.")
    if named is not None:
        commit, _, _ = await repository.resolve(named)
        return await repository.fork_point(commit, base.commit) or commit
    if base.starting_diff is not None or base.changed_files or base.untracked_files:
        return base.commit
    for name in (default, *MAIN):
        try:
            commit = (await repository.resolve(name))[0] if name is not None else None
        except UsageError:
            continue
        fork = await repository.fork_point(commit, base.commit) if commit is not None else None
        if fork is not None and fork != base.commit:
            return fork
    try:
        return (await repository.resolve(f"{base.commit}~1"))[0]
    except UsageError:
        return EMPTY[repository.place.object_format]


async def change(workspace: Kept, base: Base) -> tuple[str, bytes]:
    """What the change under review is against, and the patch; a follow-up reviews what the turns before have made."""
    against = base.against or base.tree
    return against, await workspace.repository.diff(against, await workspace.tree_before() or base.tree)


async def read(workspace: Kept, base: Base, text: str) -> Review:
    """The review that the model wrote, with the change that it is of."""
    _, patch = await change(workspace, base)
    review = read_review(text, str(workspace.repository.workspace), touched(patch))
    return review.model_copy(update={"diff": await workspace.store.put_blob(patch)})


def change_words(patch: bytes, against: str) -> str:
    """The patch for the model to read."""
    shown = clip(decode(patch), SHOWN, whole=f"`git diff {against}` shows it")
    return f'<change against="{against}">\n{shown}\n</change>'
