"""The preview: which view it follows, which request wins, and how it switches itself off."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.child.messages import Failed, Started, encode
from MISTKDSegmentLib.errors import SegmentError
from Testing.host import open_host
from Testing.panel.children import HANG, KILL_ITSELF, idle, nothing_left, processes_in, real_python
from Testing.panel.patients import LIVER, SPLEEN, add_patient, add_slice_views, look_of, slice_view

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is left")

READY = f"print({encode(Started(0))!r}, flush=True)\n"
# Answers each request after a while, and writes the heights that it was asked for into the folder above.
SLOW = READY + """
import json
seen = None
while True:
    time.sleep(0.02)
    try:
        request = json.load(open(folder + '/request.json'))
    except OSError:
        continue
    if request['number'] != seen:
        seen = request['number']
        open(folder + '/../../asked', 'a').write('%g\\n' % request['position_lps'][2])
        time.sleep(0.3)
        print(json.dumps({'mistkd': 'SliceDone', 'number': seen, 'filled': None}), flush=True)
"""


@pytest.fixture
def host():
    """Slicer without the panel."""
    with open_host(None) as opened:
        yield opened


@pytest.fixture
def volume_node(host):
    add_slice_views(host.scene)
    node = add_patient(host.scene)
    slice_view(host.scene, "Red").SetSliceOffset(120.0)
    return node


@pytest.fixture
def logic(host, temporary):
    from MISTKDSegmentLib.slicer.panel.logic import MISTKDSegmentLogic

    logic = MISTKDSegmentLogic()
    yield logic
    logic.cleanup()
    host.pump(until=lambda: not processes_in(temporary))


class Preview:
    """A preview with what it said."""

    def __init__(self, logic, volume_node, bundle, **options) -> None:
        from MISTKDSegmentLib.slicer.panel.preview import SlicePreview

        self.said, self.stopped = [], []
        self.it = SlicePreview(logic, volume_node, bundle, onStatus=self.said.append, onStopped=self.stopped.append,
                               **options)


@pytest.fixture
def preview(logic, volume_node, tiny_bundle) -> Preview:
    return Preview(logic, volume_node, tiny_bundle, threads=1)


def asked(tmp_path: Path) -> list[float]:
    path = tmp_path / "asked"
    return [float(line) for line in path.read_text(encoding="utf-8").split()] if path.exists() else []


def shown_labels(host) -> np.ndarray:
    import slicer

    node = host.scene.GetFirstNodeByClass("vtkMRMLLabelMapVolumeNode")
    return np.zeros((10, 1, 1)) if node is None else slicer.util.arrayFromVolume(node)


def test_the_slice_that_is_visible_is_segmented_and_the_next_one_when_the_view_moves(
        host, preview, temporary, tmp_path, monkeypatch):
    real_python(tmp_path, monkeypatch)
    before = look_of(host.scene)
    preview.it.start()
    host.pump(until=lambda: shown_labels(host).any(), timeout_s=60)
    labels = shown_labels(host)
    assert (labels[4, 17:33, 12:28] == LIVER).all() and (labels[4, 40:48, 47:56] == SPLEEN).all()
    assert not labels[:4].any() and not labels[5:].any()
    slice_view(host.scene, "Red").SetSliceOffset(111.0)
    host.pump(until=lambda: shown_labels(host)[2].any())
    assert not shown_labels(host)[3].any()
    assert preview.said == ["Starting the model…", ""]
    preview.it.stop()
    slice_view(host.scene, "Red").SetSliceOffset(120.0)
    assert look_of(host.scene) == before and nothing_left(temporary) and preview.stopped == []


def test_a_volume_that_was_moved_as_a_whole_is_met_where_it_is_seen(host, preview, volume_node, tmp_path, monkeypatch):
    import slicer

    real_python(tmp_path, monkeypatch)
    transform = host.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "shift")
    matrix = np.eye(4)
    matrix[:3, 3] = 10.0, 20.0, 50.0
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    volume_node.SetAndObserveTransformNodeID(transform.GetID())
    slice_view(host.scene, "Red").SetSliceOffset(165.0)
    preview.it.start()
    host.pump(until=lambda: shown_labels(host).any(), timeout_s=60)
    assert np.flatnonzero(shown_labels(host).any((1, 2))).tolist() == [3]


def test_while_an_answer_is_under_way_only_the_newest_slice_is_waiting(host, preview, child, tmp_path):
    child(SLOW)
    preview.it.start()
    host.pump(until=lambda: asked(tmp_path))
    for height in (121.0, 122.0, 123.0, 124.0):
        slice_view(host.scene, "Red").SetSliceOffset(height)
    host.pump(until=lambda: len(asked(tmp_path)) == 2)
    idle(host, 0.5)
    assert asked(tmp_path) == [120.0, 124.0]


def test_panning_and_zooming_ask_for_nothing(host, preview, child, tmp_path):
    child(SLOW)
    preview.it.start()
    host.pump(until=lambda: host.scene.GetFirstNodeByClass("vtkMRMLLabelMapVolumeNode"))
    slice_view(host.scene, "Red").SetFieldOfView(100.0, 100.0, 1.0)
    slice_view(host.scene, "Red").SetXYZOrigin(5.0, 5.0, 0.0)
    idle(host, 0.4)
    assert asked(tmp_path) == [120.0]


def test_the_view_that_is_axial_is_followed_when_red_is_not(host, preview, child, tmp_path):
    child(SLOW)
    slice_view(host.scene, "Red").SetOrientation("Coronal")
    slice_view(host.scene, "Green").SetOrientation("Axial")
    slice_view(host.scene, "Green").SetSliceOffset(115.0)
    preview.it.start()
    host.pump(until=lambda: asked(tmp_path))
    slice_view(host.scene, "Yellow").SetSliceOffset(3.0)
    slice_view(host.scene, "Green").SetSliceOffset(130.0)
    host.pump(until=lambda: len(asked(tmp_path)) == 2)
    assert asked(tmp_path) == [115.0, 130.0]


def test_without_an_axial_view_it_says_so_and_goes_on_when_there_is_one(host, preview, child, tmp_path):
    child(SLOW)
    slice_view(host.scene, "Red").SetOrientation("Coronal")
    preview.it.start()
    host.pump(until=lambda: any("No slice view is axial" in sentence for sentence in preview.said))
    assert preview.it.isOn and not asked(tmp_path)
    slice_view(host.scene, "Red").SetOrientation("Axial")
    slice_view(host.scene, "Red").SetSliceOffset(125.0)
    host.pump(until=lambda: asked(tmp_path))
    assert preview.said[-1] == ""


@pytest.mark.parametrize(("happens", "words"), [
    (lambda host, node, logic: host.scene.RemoveNode(node), "CTLiver was removed"),
    (lambda host, node, logic: host.close_scene(), "scene was closed"),
    (lambda host, node, logic: host.app.aboutToQuit.emit(), "quitting"),
    (lambda host, node, logic: node.GetImageData().GetPointData().GetScalars().Modified() or
     node.GetImageData().Modified(), "CTLiver were changed"),
])
def test_it_switches_itself_off_with_a_sentence(
        host, preview, logic, volume_node, child, temporary, tmp_path, happens, words):
    child(SLOW)
    preview.it.start()
    host.pump(until=lambda: host.scene.GetFirstNodeByClass("vtkMRMLLabelMapVolumeNode"))
    happens(host, volume_node, logic)
    assert not preview.it.isOn and len(preview.stopped) == 1 and words in preview.stopped[0]
    assert host.scene.GetFirstNodeByClass("vtkMRMLLabelMapVolumeNode") is None
    assert nothing_left(temporary)


@pytest.mark.parametrize(("body", "words"), [
    (READY + KILL_ITSELF, "memory ran out"),
    (f"print({encode(Failed('model', 'The model is damaged.', ''))!r}, flush=True)", "The model is damaged."),
    ("sys.exit(2)", "without a result"),
])
def test_a_child_that_ends_switches_it_off(host, preview, child, temporary, body, words):
    before = look_of(host.scene)
    child(body)
    preview.it.start()
    host.pump(until=lambda: preview.stopped)
    assert len(preview.stopped) == 1 and words in preview.stopped[0] and not preview.it.isOn
    assert look_of(host.scene) == before and nothing_left(temporary)


def test_a_run_switches_it_off_and_shows_its_own_slices(host, preview, logic, volume_node, tiny_bundle, child,
                                                        temporary):
    from MISTKDSegmentLib.slicer.panel.logic import RunParameters

    child(READY + HANG)
    preview.it.start()
    logic.start(RunParameters(volumeNode=volume_node, bundle=tiny_bundle))
    assert "segmentation was started" in preview.stopped[0]
    host.pump(until=lambda: len(processes_in(temporary)) == 1)


def test_a_second_preview_takes_the_place_of_the_first(host, preview, logic, volume_node, tiny_bundle, child,
                                                       temporary):
    child(READY + HANG)
    preview.it.start()
    second = Preview(logic, volume_node, tiny_bundle, organs=["liver"])
    second.it.start()
    assert not preview.it.isOn and second.it.isOn and preview.stopped == []
    host.pump(until=lambda: len(processes_in(temporary)) == 1)


def test_switching_on_twice_is_switching_on_once(host, preview, child, temporary):
    child(READY + HANG)
    preview.it.start()
    preview.it.start()
    assert preview.it.isOn and len(list(temporary.iterdir())) == 1


def test_what_cannot_be_previewed_says_why_and_changes_nothing(host, logic, temporary, tiny_bundle):
    label_map = host.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    before = look_of(host.scene)
    with pytest.raises(SegmentError, match="label map"):
        Preview(logic, label_map, tiny_bundle).it.start()
    assert look_of(host.scene) == before and not list(temporary.iterdir())


def test_a_listener_that_raises_breaks_nothing(host, logic, volume_node, tiny_bundle, child, temporary, caplog):
    from MISTKDSegmentLib.slicer.panel.preview import SlicePreview

    def broken(sentence):
        raise ValueError("listener is broken")

    child(READY + KILL_ITSELF)
    preview = SlicePreview(logic, volume_node, tiny_bundle, onStatus=broken, onStopped=broken)
    preview.start()
    host.pump(until=lambda: not preview.isOn)
    assert "listener is broken" in caplog.text and nothing_left(temporary)
