"""The emulated Slicer, for every test of the panel."""

from pathlib import Path

import pytest

from Testing.host import host, open_host
from Testing.panel.children import python_slicer

__all__ = ["host", "quiet_host"]


@pytest.fixture(scope="module")
def quiet_host():
    """One emulated Slicer, with no module in it, for a whole file of tests that change nothing there."""
    with open_host(None) as opened:
        yield opened


@pytest.fixture
def temporary(host, tmp_path: Path) -> Path:
    """Slicer's folder for temporary files, to see what is left in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    host.app.temporaryPath = str(folder)
    return folder


@pytest.fixture
def volume_node(host):
    """A small CT in a scene with slice views."""
    from Testing.panel.patients import add_patient, add_slice_views

    add_slice_views(host.scene)
    return add_patient(host.scene)


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Makes PythonSlicer a program with another body."""
    return lambda body: python_slicer(tmp_path, monkeypatch, body)
