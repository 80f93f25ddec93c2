"""The shell that Slicer loads."""

import subprocess
import sys
from pathlib import Path

SHELL = Path(__file__).resolve().parents[2] / "MISTKDSegment" / "MISTKDSegment.py"


def test_the_shell_stays_thin():
    assert SHELL.stat().st_size < 5000


def test_slicer_starts_without_onnxruntime_and_without_a_network_library(host):
    import MISTKDSegmentLib.panel.logic  # noqa: F401
    loaded = "import sys; sys.modules['onnxruntime'] = None; import MISTKDSegmentLib.job, MISTKDSegmentLib.models"
    subprocess.run([sys.executable, "-c", loaded], check=True, timeout=60, cwd=SHELL.parent)


def test_the_module_says_what_it_is(host):
    assert host.module.MISTKDSegment.__doc__
    assert host.widget.moduleName == "MISTKDSegment"
    assert host.logic.moduleName == "MISTKDSegment"


def test_reloading_reloads_the_library_and_keeps_the_choices(host):
    host.widget.panel.parameters.threads = 3
    library, widget = sys.modules["MISTKDSegmentLib.panel.widget"], host.widget
    host.reload()
    assert sys.modules["MISTKDSegmentLib.panel.widget"] is not library
    assert host.widget is not widget
    assert host.widget.ui.threadsSpinBox.value == 3


def test_cleaning_up_twice_is_harmless(host):
    host.widget.cleanup()
    host.widget.cleanup()
    host.widget.enter()
    host.widget.exit()
