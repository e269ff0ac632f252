"""Which of a peer's own tests signet takes part in, and which of those may fail."""

import pytest

FAILURES = (AssertionError, KeyError)  # KeyError: there is no such header


class Applied:
    """A pytest plugin. `differences`: the tests that have to fail, and why.

    A test is applied when signet was asked something while it ran. The others
    are not counted, but have to pass as well.
    """

    def __init__(self, differences, minimum):
        self.differences = differences
        self.minimum = minimum
        self.running = None
        self.applied = set()
        self.passed = set()

    def note(self):
        """The running test has asked signet something."""
        self.applied.add(self.running)

    def pytest_collection_modifyitems(self, items):
        collected = {item.nodeid: item for item in items}
        for name, reason in self.differences.items():
            if name not in collected:
                raise pytest.UsageError(f"a listed difference is not among the tests: {name}")
            # Strict: one that passes after all fails the run.
            # An error in the plugin or the program is no difference.
            mark = pytest.mark.xfail(strict=True, raises=FAILURES, reason=reason)
            collected[name].add_marker(mark)

    def pytest_runtest_setup(self, item):
        self.running = item.nodeid

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def pytest_sessionfinish(self, session):
        if len(self.applied) < self.minimum:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        passed = len(self.passed & self.applied)
        if len(self.applied) < self.minimum:
            terminalreporter.write_line(f"FAILED: at least {self.minimum} should be applied")
        terminalreporter.write_line(f"applied: {passed} of {len(self.applied)} passed")
