"""How the service reaches repositories: its own git, with the tokens of the forges that are set up."""

from journeyman.attempt.clones import Ground
from journeyman.attempt.credentials import credentials_of
from journeyman.forge.plain_git import PlainGit
from journeyman.server.parts import Parts


def git_of(parts: Parts) -> PlainGit:
    return PlainGit(parts.state, parts.git, clock=parts.clock, credentials=credentials_of(parts.store))


def ground_of_parts(parts: Parts) -> Ground:
    return Ground(parts.state, parts.excludes, parts.git, credentials_of(parts.store))
