"""Which of several attempts is the best, by what the harness saw: the checks, then each attempt's new tests on the
others' trees, then warnings and size. Only between those that this leaves equal does a model's opinion count.

A test that an attempt wrote may itself be wrong. So what an attempt's tests say of the others counts as much as the
others' results agree with them: of its tests' verdicts on n others, k of them favourable, (1 + k) / (1 + n).
"""

from collections.abc import Collection, Iterable

from journeyman.core.task import Crossed, Opinion


def scores(attempts: Collection[str], crossed: Iterable[Crossed]) -> dict[str, float]:
    """How each attempt's tree fares on the others' new tests, 0 to 1; 1 where no other one has any."""
    pairs = {(one.tests_of, one.on): one for one in crossed if one.on in attempts and one.tests_of in attempts}
    credit: dict[str, float] = {}
    for author in attempts:
        told = [one for (tests_of, _), one in pairs.items() if tests_of == author]
        credit[author] = (1 + sum(not one.failed for one in told)) / (1 + len(told))
    found: dict[str, float] = {}
    for attempt in attempts:
        told = [one for (_, on), one in pairs.items() if on == attempt]
        most = sum(credit[one.tests_of] for one in told)
        share = sum(credit[one.tests_of] * one.passed / max(one.passed + one.failed, 1) for one in told)
        found[attempt] = share / most if most else 1.0
    return found


def votes(attempts: Collection[str], opinions: Iterable[Opinion]) -> dict[str, int]:
    """How often each attempt was taken for the best."""
    said = [one.best for one in opinions]
    return {attempt: said.count(attempt) for attempt in attempts}
