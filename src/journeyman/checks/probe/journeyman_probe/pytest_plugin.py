# pyright: basic
"""Observes a pytest session (6 to 9). Loaded by its entry point, so that pytest runs on where it cannot be found."""

import contextlib
import json
import re

import pytest

from . import ORDERS, Alarm, Limits, Stream, leave_path, take_orders

WORSE = {"error": 3, "failed": 2, "passed": 1, "skipped": 0}


class Endless(pytest.fail.Exception):
    pass


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    at_worker = getattr(config, "workerinput", None)
    if at_worker is None:
        orders = take_orders()
        if orders and "--junitxml=" + str(config.option.__dict__.get("xmlpath")) in orders["addopts"].split():
            config.option.xmlpath = None  # the report was only for a session that does not find this plugin
        if orders and _distributes(config):
            config.pluginmanager.register(Controller(orders), "journeyman-controller")
            return  # the workers have to find this plugin, and look after themselves
    else:
        orders = at_worker.get(ORDERS) and json.loads(at_worker[ORDERS])
    if orders:
        leave_path()
        config.pluginmanager.register(Probe(config, orders), "journeyman-session")


def _distributes(config):
    """Whether tests run in workers of pytest-xdist."""
    option = config.option
    return bool(getattr(option, "tx", None) or getattr(option, "numprocesses", None))


class Controller:
    """Hands the orders on to the workers."""

    def __init__(self, orders):
        self.orders = json.dumps(orders)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node):
        node.workerinput[ORDERS] = self.orders


class Probe:
    def __init__(self, config, orders):
        worker = getattr(config, "workerinput", {}).get("workerid", "")
        self.first = worker in ("", "gw0")
        self.config = config
        self.explicit = orders["explicit"]
        self.only = set(orders["only"])
        self.files = {id.split("::")[0] for id in self.only}
        self.stream = Stream(orders["out"])
        self.alarm = Alarm(orders["out"] + "." + (worker or "main") + ".dump", Endless)
        self.limits = Limits(orders["seconds"])
        self.reports = {}
        self.rang = {}

    # ------------------------------------------------------------ which tests

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        if not self.only:
            return
        wanted = [item for item in items if plain(item.nodeid) in self.only]
        left = [item for item in items if plain(item.nodeid) not in self.only]
        if left:
            config.hook.pytest_deselected(items=left)
            items[:] = wanted

    def pytest_collection_finish(self, session):
        if self.first:
            self.stream.collected([item.nodeid for item in session.items])

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_make_collect_report(self, collector):
        if self.only and isinstance(collector, pytest.Module) and collector.nodeid not in self.files:
            collector.collect = list  # none of its tests is wanted: it is not even imported
        self.alarm.arm(self.limits.around)
        yield
        self.alarm.disarm()

    def pytest_collectreport(self, report):
        if report.failed:
            self.stream.result(report.nodeid, "error", 0.0, report.longreprtext)

    # ------------------------------------------------------------ one test

    def pytest_runtest_logstart(self, nodeid):
        self.stream.write(start=nodeid)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_setup(self, item):
        yield from self._limited(item, max(self.limits.around, self._own_limit(item)))

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self, item):
        limit = self.limits.of(file_of(item.nodeid))
        yield from self._limited(item, limit if self.explicit else max(limit, self._own_limit(item)))

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item):
        yield from self._limited(item, max(self.limits.around, self._own_limit(item)))

    def _limited(self, item, seconds):
        self.alarm.arm(seconds)
        yield
        rang = self.alarm.disarm()
        if rang:
            self.rang[item.nodeid] = rang
            self.limits.rang(file_of(item.nodeid))

    def _own_limit(self, item):
        """The limit of pytest-timeout for this test, with room for it to act first; 0 without."""
        marker = item.get_closest_marker("timeout")
        values = [self.config.getoption("timeout", None)]
        if marker is not None:
            values += [*marker.args[:1], marker.kwargs.get("timeout")]
        else:
            with contextlib.suppress(KeyError, ValueError):
                values.append(self.config.getini("timeout"))
        limits = [number(value) for value in values]
        return max(limits) + 10.0 if any(limits) else 0.0

    def pytest_runtest_logreport(self, report):
        if report.outcome == "rerun":
            self.reports.pop(report.nodeid, None)
            return
        outcome, seconds, message = self.reports.get(report.nodeid, ("skipped", 0.0, ""))
        new = outcome_of(report)
        if new is not None:
            text = message_of(report) if new != "passed" else ""
            if WORSE[new] > WORSE[outcome]:
                outcome, message = new, text
            elif new == outcome and text:
                message = message + "\n" + text if message else text
        self.reports[report.nodeid] = (outcome, seconds + report.duration, message)

    def pytest_runtest_logfinish(self, nodeid):
        self._finish(nodeid)

    def _finish(self, nodeid):
        if nodeid not in self.reports:
            return
        outcome, seconds, message = self.reports.pop(nodeid)
        rang = self.rang.pop(nodeid, None)
        if rang is not None and outcome in ("failed", "error"):
            outcome, message = "failed", rang + "\n" + message
        self.stream.result(nodeid, outcome, seconds, message)

    def pytest_sessionfinish(self, exitstatus):
        for nodeid, (outcome, seconds, message) in list(self.reports.items()):
            if (outcome, message) == ("skipped", ""):  # it was only set up, and running when the session ended
                if nodeid not in self.rang:
                    continue  # who reads the stream sees that it has no result
                self.reports[nodeid] = ("failed", seconds, message)
            self._finish(nodeid)
        if self.first:
            self.stream.write(end=int(exitstatus))


def outcome_of(report):
    """What this phase says about the test; None when it says nothing."""
    if report.failed:
        return "failed" if report.when == "call" else "error"
    if report.skipped:
        return "skipped"
    return "passed" if report.when == "call" else None


def message_of(report):
    reason = getattr(report, "wasxfail", None)
    if reason is not None:
        return ("expected to fail: " + str(reason)).rstrip(": ")
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return report.longreprtext


def plain(nodeid):
    """The id without memory addresses, as the harness knows it."""
    return re.sub(r"0x[0-9a-fA-F]{6,}", "0x", nodeid)


def file_of(nodeid):
    return nodeid.split("::")[0]


def number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
