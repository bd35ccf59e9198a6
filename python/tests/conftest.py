"""What holds for all tests."""

import signal

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Lets Ctrl-C reach what the tests start: a runner in the background ignores it, and so would they."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
