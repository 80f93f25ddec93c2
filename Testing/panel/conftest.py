"""The emulated Slicer, for every test of the panel."""

import pytest

from Testing.host import host, open_host

__all__ = ["host", "quiet_host"]


@pytest.fixture(scope="module")
def quiet_host():
    """One emulated Slicer, with no module in it, for a whole file of tests that change nothing there."""
    with open_host(None) as opened:
        yield opened
