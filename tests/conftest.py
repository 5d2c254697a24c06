"""What the tests from outside share: one running platform for the session."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from running_platform import Platform  # noqa: E402


@pytest.fixture(scope="session")
def platform():
    with Platform() as running:
        yield running
