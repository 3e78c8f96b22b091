"""Errors, by who has to act on them.

JourneymanError                 a person reads it: what happened, what was kept, what to do next
├── UsageError                  the command line or a setting is wrong (exit code 2)
├── StoreError                  the event log cannot be read or written
│   └── LeaseLost               another process has taken the attempt over
├── SandboxError                the sandbox cannot be opened or has gone
│   └── SandboxUnavailable      this machine lacks what the sandbox needs
├── EnvironmentFailed           set-up did not come to its end; nothing half-built is used
├── RepositoryError             git refused, or the tree is in a state that cannot be worked on
├── HandedOver                  this process was asked to leave the attempt to another one, which goes on
├── BudgetSpent                 the task's budget is used up; it goes on once a person has raised it
└── ModelError                  a reply could not be had
    ├── RetryLater              overloaded, rate limited or cut off; carries `retry_after`
    ├── TooLong                 the request does not fit the model's window
    ├── Refused                 the model or its provider declined the request
    ├── Unreachable             nobody answers at the address
    └── WrongKey                the provider does not accept the credentials

ToolError                       the *model* reads it and acts on it; never ends an attempt
└── NoSuchFile                  the path names nothing
"""


class JourneymanError(Exception):
    """Something a person has to know; the message is a full sentence, with the next step."""


class UsageError(JourneymanError):
    """The command line or a setting is wrong."""


class StoreError(JourneymanError):
    """The event log cannot be read or written."""


class LeaseLost(StoreError):
    """Another process has taken the attempt over; nothing more may be appended by this one."""


class SandboxError(JourneymanError):
    """The sandbox cannot be opened, or has gone."""


class SandboxUnavailable(SandboxError):
    """This machine lacks something that the sandbox needs."""


class EnvironmentFailed(JourneymanError):
    """Set-up did not come to its end; nothing half-built is used."""


class RepositoryError(JourneymanError):
    """Git refused, or the repository is in a state that cannot be worked on."""


class HandedOver(JourneymanError):
    """This process was asked to end, and left the attempt at a step's boundary; another one goes on."""


class BudgetSpent(JourneymanError):
    """The task's budget is used up. The attempt waits, and goes on once a person has raised it."""


class ModelError(JourneymanError):
    """A reply could not be had from the model."""


class RetryLater(ModelError):
    """Overloaded, rate limited or cut off; the same request may succeed later."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds, as the server asked; None when it did not say


class TooLong(ModelError):
    """The request does not fit the model's window."""


class Refused(ModelError):
    """The model or its provider declined the request."""


class Unreachable(ModelError):
    """Nobody answers at the model's address."""


class WrongKey(ModelError):
    """The provider does not accept the credentials."""


class ToolError(Exception):
    """An expected failure of a tool call, in words for the model."""


class NoSuchFile(ToolError):
    """The path names nothing."""
