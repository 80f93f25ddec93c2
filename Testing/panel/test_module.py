"""The shell that Slicer loads."""

import subprocess
import sys
from pathlib import Path

SHELL = Path(__file__).resolve().parents[2] / "MISTKDSegment" / "MISTKDSegment.py"


def test_the_shell_stays_thin():
    assert SHELL.stat().st_size < 5000


def test_slicer_starts_without_onnxruntime_and_without_a_network_library(host):
    import MISTKDSegmentLib.slicer.panel.logic  # noqa: F401
    loaded = ("import sys; sys.modules['onnxruntime'] = None; "
              "import MISTKDSegmentLib.child.job, MISTKDSegmentLib.model.catalogue")
    subprocess.run([sys.executable, "-c", loaded], check=True, timeout=60, cwd=SHELL.parent)


def test_the_module_says_what_it_is(host):
    assert host.module.MISTKDSegment.__doc__
    assert host.widget.moduleName == "MISTKDSegment"
    assert host.logic.moduleName == "MISTKDSegment"


def test_reloading_reloads_the_library_and_keeps_the_choices(host):
    host.widget.panel.parameters.threads = 3
    library, widget = sys.modules["MISTKDSegmentLib.slicer.panel.widget"], host.widget
    host.reload()
    assert sys.modules["MISTKDSegmentLib.slicer.panel.widget"] is not library
    assert host.widget is not widget
    assert host.widget.ui.threadsSpinBox.value == 3


def test_cleaning_up_twice_is_harmless(host):
    host.widget.cleanup()
    host.widget.cleanup()
    host.widget.enter()
    host.widget.exit()


def test_the_acknowledgement_is_the_citation_of_the_panel(host):
    from MISTKDSegmentLib.slicer.panel.about import CITATION
    assert CITATION in host._manager.by_name["MISTKDSegment"].acknowledgementText


def test_only_a_module_that_is_opened_counts_as_open(host):
    host.leave_module()
    host.reload()
    assert host.widget.panel.parameters is not None
    assert not host.widget.panel.is_entered
    host.return_to_module()
    assert host.widget.panel.is_entered


def test_reloading_a_module_that_is_open_leaves_it_open(host):
    host.reload()
    assert host.widget.panel.is_entered


def test_setting_up_starts_no_preview_that_a_saved_scene_asks_for(host):
    from Testing.panel.children import idle
    from Testing.panel.made_up_nodes import ct_node
    ct_node()
    host.pump()
    host.widget.panel.parameters.preview = True
    host.leave_module()
    host.reload()
    idle(host, 0.6)
    assert host.widget.panel.preview._wanted is None
    assert host.widget.panel.parameters.preview
