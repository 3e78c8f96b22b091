"""What a server says about itself."""

from journeyman.core.value import Value


class About(Value):
    """`machine` is an id of the machine that its folders are on: tasks may name a folder where it is one's own."""

    version: str
    machine: str


class Demo(Value):
    """A first task: a repository of the server's machine, and what to ask for."""

    repository: str
    prompt: str
