"""Async methods as blocking ones, with their types: one line each, and no second client."""

from asyncio import Lock
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from anyio.from_thread import BlockingPortal

P = ParamSpec("P")
T = TypeVar("T")
Inner_co = TypeVar("Inner_co", covariant=True)
Inner = TypeVar("Inner")


class Bridged(Protocol[Inner_co]):
    """What has an async object that lives on the event loop of a portal."""

    @property
    def portal(self) -> BlockingPortal: ...

    @property
    def inner(self) -> Inner_co: ...


def blocking(
    method: Callable[Concatenate[Inner, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Bridged[Inner], P], T]:
    """`method` of the inner object, run to its end. Ctrl-C cancels it."""

    @wraps(method)
    def call(self: Bridged[Inner], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return _run(self.portal, partial(method, self.inner, *args, **kwargs))

    return call


def iterating(
    method: Callable[Concatenate[Inner, P], AsyncGenerator[T]],
) -> Callable[Concatenate[Bridged[Inner], P], Generator[T]]:
    """`method` of the inner object as a generator; closing it closes the inner one."""

    @wraps(method)
    def call(self: Bridged[Inner], /, *args: P.args, **kwargs: P.kwargs) -> Generator[T]:
        source, end = method(self.inner, *args, **kwargs), object()
        alone = Lock()  # a step that was cancelled may still be ending

        async def step() -> T | object:
            async with alone:
                return await anext(source, end)

        async def close() -> None:
            async with alone:
                await source.aclose()

        try:
            while (item := _run(self.portal, step)) is not end:
                yield cast("T", item)
        finally:
            _run(self.portal, close)

    return call


def _run(portal: BlockingPortal, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    future = portal.start_task_soon(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
