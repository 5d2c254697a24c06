"""What the clients' tests share beside the platform."""

import pytest
from callers import operator


@pytest.fixture(scope="session")
def administrator(platform):
    """The operator's access token."""
    return operator(platform)
