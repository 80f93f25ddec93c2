"""A run: its result, and that the scene, the processes and the folder are clean however it ends."""

from __future__ import annotations

import logging
import re
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.child.messages import Done, Failed, encode
from MISTKDSegmentLib.errors import SegmentError
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.progress import Filled, Progress
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.table import OrganRow
from Testing.host import open_host
from Testing.panel.children import (
    DONE,
    HALF_DONE,
    HANG,
    KILL_ITSELF,
    STARTED,
    idle,
    nothing_left,
    processes_in,
    real_python,
)
from Testing.panel.patients import LIVER, SHAPE, Observer, add_patient, labels_on_grid, look_of
from Testing.scene.refusal import refuse_imports

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is left")

# Liver in the first four slices, and word of it.
FOUR_SLICES = (f"labels = open(folder + '/labels.npy', 'r+b'); labels.seek(-{np.prod(SHAPE)}, 2)\n"
               f"labels.write(bytes([{LIVER}]) * {4 * SHAPE[1] * SHAPE[2]}); labels.flush()\n") + HALF_DONE


@pytest.fixture
def host():
    """Slicer without the panel."""
    with open_host(None) as opened:
        yield opened


def says(*messages) -> str:
    return "".join(f"print({encode(message)!r}, flush=True)\n" for message in messages)


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
def start(host, temporary, volume_node, tiny_bundle, observer):
    from MISTKDSegmentLib.slicer.panel.run_parameters import RunParameters
    from MISTKDSegmentLib.slicer.panel.segmentation_run import Run

    runs = []

    def start(observer=observer, **parameters) -> Run:
        names = [field.name for field in fields(SegmentOptions) if field.name in parameters]
        options = SegmentOptions(**{name: parameters.pop(name) for name in names})
        given = {"volumeNode": volume_node, "bundle": tiny_bundle, "options": options, **parameters}
        runs.append(Run(RunParameters(**given), observer))
        return runs[-1]

    yield start
    for run in runs:
        run.cancel()


@pytest.fixture
def live(monkeypatch):
    """What is shown of a run that is under way: slabs, with the time of each."""
    from MISTKDSegmentLib.slicer.panel import segmentation_run as run

    shown = []

    class Recorder(run.LiveLabels):
        def update(self, labels, filled):
            shown.append((time.monotonic(), filled))
            super().update(labels, filled)

    monkeypatch.setattr(run, "LiveLabels", Recorder)
    return shown


def layers(scene) -> set:
    count = scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")
    return {scene.GetNthNodeByClass(n, "vtkMRMLSliceCompositeNode").GetLabelVolumeID() for n in range(count)}


def test_the_result_is_one_segmentation_and_one_table_and_nothing_else_is_left(
        host, start, observer, volume_node, temporary, tmp_path, monkeypatch):
    real_python(tmp_path, monkeypatch)
    nodes_before, layers_before, _ = look_of(host.scene)
    run = start(organs=["liver", "spleen"], threads=1)
    host.pump(until=lambda: observer.ended, timeout_s=60)
    assert observer.failed == [] and observer.finished == [run] and not run.isRunning
    nodes, layers_after, _ = look_of(host.scene)
    added = {host.scene.GetNodeByID(node_id).GetClassName() for node_id in set(nodes) - set(nodes_before)}
    assert {"vtkMRMLSegmentationNode", "vtkMRMLTableNode"} <= added
    assert not any("LabelMap" in name or "ColorTable" in name for name in added)
    assert layers_after == layers_before and nothing_left(temporary)
    found = labels_on_grid(run.segmentationNode, volume_node, "liver")
    assert found[2:8, 17:33, 12:28].all() and not found[:, :14].any()
    assert labels_on_grid(run.segmentationNode, volume_node, "spleen")[4:9, 40:48, 47:56].all()
    assert [row.label.name for row in run.rows] == ["liver", "spleen"] and run.rows[0].voxels == found.sum()
    assert run.tableNode.GetNumberOfRows() == 2


def test_progress_goes_from_none_to_all_slices(host, start, observer, tmp_path, monkeypatch):
    real_python(tmp_path, monkeypatch)
    run = start(threads=1)
    assert (run.slicesDone, run.slicesTotal) == (0, 0)
    host.pump(until=lambda: observer.ended, timeout_s=60)
    assert observer.progress[0] == (0, 10) and observer.progress[-1] == (10, 10)
    assert observer.progress == sorted(set(observer.progress))


def test_options_reach_the_child(host, start, observer, volume_node, tmp_path, monkeypatch):
    real_python(tmp_path, monkeypatch)
    roi = host.scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "box")
    roi.SetCenter(0.0, 0.0, 120.0)
    roi.SetSize(400.0, 400.0, 21.0)
    run = start(organs=["liver"], threads=1, slice_step_mm=5.0, postprocess=False, roiNode=roi, writeTable=False)
    host.scene.RemoveNode(roi)
    host.pump(until=lambda: observer.ended, timeout_s=60)
    assert observer.failed == []
    assert run.segmentationNode.GetSegmentation().GetSegmentIDs() == ("liver",) and run.tableNode is None
    found = labels_on_grid(run.segmentationNode, volume_node, "liver")
    assert found[2:7, 17:33, 12:28].all() and not found[7:].any()


def test_the_voxels_are_handed_over_without_a_copy(host, start, volume_node, child, monkeypatch):
    import slicer

    from MISTKDSegmentLib.child.job import Job

    child(HANG)
    seen, fill = [], Job.fill
    monkeypatch.setattr(Job, "fill", lambda job, volume, options: (seen.append(volume), fill(job, volume, options))[1])
    start()
    assert np.shares_memory(seen[0].voxels, slicer.util.arrayFromVolume(volume_node))


def test_slices_fill_in_while_it_runs_and_cancel_leaves_the_scene_as_it_was(
        host, start, observer, child, temporary, live):
    import slicer

    child(STARTED + FOUR_SLICES + HANG)
    before = look_of(host.scene)
    run = start()
    host.pump(until=lambda: live)
    (label_map,) = {host.scene.GetNodeByID(node_id) for node_id in layers(host.scene)}
    shown = slicer.util.arrayFromVolume(label_map)
    assert (shown[:4] == LIVER).all() and not shown[4:].any()
    assert (run.slicesDone, run.slicesTotal) == (4, 10)
    assert processes_in(temporary)
    begun = time.monotonic()
    run.cancel()
    assert time.monotonic() - begun < 0.5
    assert look_of(host.scene) == before
    assert observer.cancelled == [""] and observer.ended == 1 and not run.isRunning
    assert nothing_left(temporary)
    run.cancel()
    idle(host, 0.1)
    assert observer.ended == 1


def test_slabs_that_come_fast_are_shown_together(host, start, child, live):
    child(STARTED + says(*(Progress(k + 1, 10, Filled(0, k, k + 1)) for k in range(5))) + "time.sleep(0.6)\n"
          + says(Progress(6, 10, Filled(0, 5, 6)), Progress(8, 10, Filled(0, 6, 8))) + HANG)
    start()
    host.pump(until=lambda: len(live) == 2)
    assert [filled for _, filled in live] == [Filled(0, 0, 5), Filled(0, 5, 8)]
    assert live[1][0] - live[0][0] > 0.2


def test_a_scan_that_cannot_be_shown_meanwhile_is_segmented_all_the_same(host, start, observer, child, monkeypatch):
    from MISTKDSegmentLib.slicer.panel import segmentation_run as run

    def broken(*args):
        raise RuntimeError("no views")

    monkeypatch.setattr(run, "LiveLabels", broken)
    child(STARTED + FOUR_SLICES + "time.sleep(0.6)\n" + DONE)
    start()
    host.pump(until=lambda: observer.ended)
    assert len(observer.finished) == 1


def test_it_says_whether_the_organs_appear_as_they_are_found(host, start, volume_node, child, monkeypatch):
    from MISTKDSegmentLib.slicer.panel import segmentation_run as run

    child(STARTED + FOUR_SLICES + "time.sleep(0.6)\n" + DONE)
    assert start().showsProgress
    assert not start(showProgress=False).showsProgress
    volume_node.SetIJKToRASDirections(0.0, -1.0, 0.0, -0.9, 0.0, 0.43589, -0.43589, 0.0, -0.9)
    assert not start().showsProgress
    volume_node.SetIJKToRASDirections(-1, 0, 0, 0, -1, 0, 0, 0, 1)
    monkeypatch.setattr(run, "LiveLabels", lambda *_: 1 / 0)
    cannot = start()
    assert cannot.showsProgress
    host.pump(until=lambda: not cannot.isRunning)
    assert not cannot.showsProgress and cannot.parameters.showProgress


@pytest.mark.parametrize(("happens", "sentence"), [
    (lambda host, node: host.scene.RemoveNode(node), "The volume CTLiver was removed."),
    (lambda host, node: host.close_scene(), "The scene was closed."),
    (lambda host, node: host.app.aboutToQuit.emit(), "The application is quitting."),
])
@pytest.mark.parametrize("when", ["loading", "half done"])
def test_what_ends_it_from_outside_cancels_it_with_a_sentence(
        host, start, observer, volume_node, child, temporary, live, happens, sentence, when):
    child(HANG if when == "loading" else STARTED + FOUR_SLICES + HANG)
    start()
    host.pump(until=lambda: live if when == "half done" else processes_in(temporary))
    before = set(look_of(host.scene)[0])
    happens(host, volume_node)
    assert observer.cancelled == [sentence] and observer.ended == 1
    assert nothing_left(temporary)
    idle(host, 0.1)
    assert observer.ended == 1
    left = [host.scene.GetNthNode(n) for n in range(host.scene.GetNumberOfNodes())]
    assert not any(node.IsA("vtkMRMLLabelMapVolumeNode") or node.IsA("vtkMRMLSegmentationNode") for node in left)
    assert {node.GetID() for node in left} <= before and layers(host.scene) <= {None}


@pytest.mark.parametrize(("body", "words"), [
    (KILL_ITSELF, "memory ran out"), ("os.abort()", "crashed"), ("sys.exit(1)", "without a result"),
    ("os.write(1, b'\\0\\xff' * 100000)", "without a result"), ("import shutil; shutil.rmtree(folder)", "was deleted"),
])
def test_a_child_that_dies_fails_it_with_one_sentence(
        host, start, observer, child, temporary, live, body, words):
    before = look_of(host.scene)
    child(STARTED + FOUR_SLICES + "time.sleep(0.4)\n" + body)
    start()
    host.pump(until=lambda: observer.ended)
    assert len(live) == 1 and look_of(host.scene) == before
    assert observer.ended == 1 and words in observer.failed[0]
    assert nothing_left(temporary)


def test_a_missing_pythonslicer_fails_it_with_one_sentence(host, start, observer, temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    start()
    host.pump(until=lambda: observer.ended)
    assert "PythonSlicer could not be started" in observer.failed[0] and nothing_left(temporary)


def test_a_child_that_says_nothing_any_more_is_ended(host, start, observer, child, temporary, monkeypatch):
    from MISTKDSegmentLib.slicer.panel import segmentation_run as run

    monkeypatch.setattr(run, "SILENCE_LIMIT_S", 2.0)
    child(STARTED + HANG)
    start()
    host.pump(until=lambda: observer.ended)
    assert observer.progress == [(0, 10)] and "said nothing" in observer.failed[0] and nothing_left(temporary)


@pytest.mark.parametrize("last", [DONE, says(Failed("input", "CTLiver has no HU.", ""))], ids=["done", "failed"])
def test_a_child_that_does_not_end_after_its_last_word_is_ended(
        host, start, observer, child, temporary, last, monkeypatch):
    from MISTKDSegmentLib.slicer.panel import segmentation_run as run

    monkeypatch.setattr(run, "END_LIMIT_S", 0.4)
    child(STARTED + last + HANG)
    start()
    host.pump(until=lambda: observer.ended, timeout_s=5)
    assert len(observer.finished) == (last == DONE) and nothing_left(temporary)


@pytest.mark.parametrize(("kind", "logged"), [("input", False), ("unexpected", True)])
def test_what_the_child_reports_is_told_and_its_detail_logged_without_the_name_of_the_volume(
        host, start, observer, child, temporary, caplog, kind, logged):
    detail = "Traceback (most recent call last):\n  File deep inside\nInputError: Miller^Anna has no HU."
    child(says(Failed(kind, "Miller^Anna has no HU.", detail)) + "sys.exit(1)")
    start()
    host.pump(until=lambda: observer.ended)
    assert observer.failed == ["Miller^Anna has no HU."] and nothing_left(temporary)
    assert "deep inside" in caplog.text and ("Miller" in caplog.text) == logged


def test_an_onnxruntime_that_does_not_load_comes_with_the_remedy(host, start, observer, child):
    child(says(Failed("onnxruntime", "onnxruntime cannot be loaded (DLL load failed); install it again.", "")))
    start()
    host.pump(until=lambda: observer.ended)
    assert "DLL load failed" in observer.failed[0] and "onnxruntime-*-cp" in observer.failed[0]


@pytest.mark.parametrize("name", ["onProgress", "onFinished", "onCancelled", "onFailed"])
def test_an_observer_that_raises_breaks_nothing(host, start, observer, child, temporary, caplog, name, monkeypatch):
    def raising(*args):
        record(*args)
        raise ValueError("observer is broken")

    record = getattr(observer, name)
    monkeypatch.setattr(observer, name, raising)
    child(STARTED + {"onFailed": "sys.exit(1)", "onCancelled": HANG}.get(name, FOUR_SLICES + DONE))
    run = start()
    if name == "onCancelled":
        host.pump(until=lambda: observer.progress)
        run.cancel()
    host.pump(until=lambda: observer.ended)
    assert "observer is broken" in caplog.text and not run.isRunning and nothing_left(temporary)
    assert (run.segmentationNode is not None) == (name in ("onProgress", "onFinished"))


def test_an_observer_need_not_listen_to_everything(host, start, child, temporary):
    child(STARTED + FOUR_SLICES + DONE)
    run = start(observer=object())
    host.pump(until=lambda: not run.isRunning)
    assert run.segmentationNode is not None and nothing_left(temporary)


def test_it_can_be_cancelled_from_its_own_progress(host, start, observer, child, temporary, monkeypatch):
    before = look_of(host.scene)
    monkeypatch.setattr(observer, "onProgress", lambda run: run.cancel())
    child(STARTED + FOUR_SLICES + DONE)
    start()
    host.pump(until=lambda: observer.ended)
    idle(host, 0.1)
    assert observer.cancelled == [""] and observer.ended == 1 and look_of(host.scene) == before
    assert nothing_left(temporary)


def liver_row() -> OrganRow:
    label = next(label for label in ABDOMEN_LABELS if label.name == "liver")
    return OrganRow(label, 12.5, 150.0, 625, False)


@pytest.mark.parametrize("deleted", ["segmentationNode", "tableNode"])
def test_an_output_that_is_deleted_meanwhile_gets_a_successor_and_a_sentence(
        host, start, observer, child, deleted):
    nodes = {"segmentationNode": host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine"),
             "tableNode": host.scene.AddNewNodeByClass("vtkMRMLTableNode", "mine")}
    child(STARTED + FOUR_SLICES + "time.sleep(0.3)\n" + says(Done((liver_row(),))))
    run = start(**nodes)
    host.pump(until=lambda: run.slicesDone)
    host.scene.RemoveNode(nodes[deleted])
    host.pump(until=lambda: observer.ended)
    assert observer.finished == [run] and "mine was deleted" in run.sentence
    for name, node in nodes.items():
        assert (getattr(run, name) is node) == (name != deleted)
        assert getattr(run, name).GetScene() is host.scene


@pytest.mark.parametrize("when", ["at once", "half done", "at the end"])
@pytest.mark.parametrize("how", ["other voxels", "an edit"])
def test_voxels_that_change_end_it(host, start, observer, child, volume_node, temporary, live, when, how):
    import slicer

    child(STARTED + FOUR_SLICES + ("time.sleep(0.1)\n" + DONE if when == "at the end" else HANG))
    other = add_patient(host.scene, "other", np.zeros(SHAPE, np.int16))
    before = look_of(host.scene)
    run = start()
    if when == "half done":
        host.pump(until=lambda: live)
    elif when == "at the end":
        host.pump(until=lambda: not run._child.isRunning)
    assert run.isRunning
    if how == "an edit":
        slicer.util.arrayFromVolume(volume_node)[2] = 40
        slicer.util.arrayFromVolumeModified(volume_node)
    else:
        volume_node.SetAndObserveImageData(other.GetImageData())
    assert observer.cancelled == ["The voxels of CTLiver were changed; start again."] and observer.ended == 1
    assert look_of(host.scene) == before and nothing_left(temporary)


@pytest.mark.parametrize(("change", "harm"), [
    (lambda node: node.SetSpacing(2.0, 2.0, 6.0), True),
    (lambda node: node.SetIJKToRASDirections(1, 0, 0, 0, -1, 0, 0, 0, 1), True),
    (lambda node: node.SetOrigin(0.0, 0.0, 0.0), False),
], ids=["stretched", "mirrored", "shifted"])
def test_a_volume_that_is_stretched_or_turned_gets_no_labels_of_the_old_one(
        host, start, observer, child, volume_node, temporary, change, harm):
    child(STARTED + FOUR_SLICES + "time.sleep(0.3)\n" + DONE)
    start()
    host.pump(until=lambda: observer.progress)
    change(volume_node)
    host.pump(until=lambda: observer.ended)
    assert len(observer.finished) == (not harm)
    assert not harm or "CTLiver was turned or stretched" in observer.failed[0]
    assert nothing_left(temporary)


def test_the_result_is_made_in_several_turns_of_the_event_loop(host, start, observer, child, volume_node, monkeypatch):
    from MISTKDSegmentLib.slicer.panel import turns
    from MISTKDSegmentLib.slicer.panel.timer import Timer

    monkeypatch.setattr(turns, "TURN_S", 0.0)  # one step a turn
    child(STARTED + FOUR_SLICES + DONE)
    run = start()
    host.pump(until=lambda: not run._child.isRunning)
    others = []
    timer = Timer(0, lambda: others.append(host.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")))
    host.pump(until=lambda: observer.ended)
    timer.stop()
    assert others.count(0) > 10
    assert run.segmentationNode.GetScene() is host.scene


def test_it_can_be_cancelled_while_the_result_is_made(host, start, observer, child, temporary, monkeypatch):
    from MISTKDSegmentLib.slicer.panel import turns

    monkeypatch.setattr(turns, "TURN_S", 0.0)
    child(STARTED + FOUR_SLICES + DONE)
    before = look_of(host.scene)
    run = start()
    host.pump(until=lambda: not run._child.isRunning)
    run.cancel()
    idle(host, 0.2)
    assert observer.cancelled == [""] and observer.ended == 1
    assert look_of(host.scene) == before and nothing_left(temporary)


def test_what_is_doubtful_is_kept_with_the_table(host, start, observer, child):
    from MISTKDSegmentLib.slicer.scene.organ_table_node import doubts_of

    doubts = (("HU shifted", "Air is at 0 HU, where a CT has -1000."),)
    child(STARTED + FOUR_SLICES + says(Done((liver_row(),), doubts)))
    run = start()
    host.pump(until=lambda: observer.ended)
    assert doubts_of(run.tableNode) == doubts


def test_waiting_keeps_the_application_alive_until_the_end(host, start, observer, child):
    from MISTKDSegmentLib.slicer.panel.timer import Timer

    child(STARTED + FOUR_SLICES + "time.sleep(0.2)\n" + DONE)
    turns = []
    timer = Timer(10, lambda: turns.append(1))
    run = start()
    run.wait()
    timer.stop()
    assert observer.finished == [run] and len(turns) > 5


def test_a_child_that_is_ready_is_taken(host, temporary, volume_node, tiny_bundle, observer, child):
    from MISTKDSegmentLib.slicer.panel.ready_child import ReadyChild
    from MISTKDSegmentLib.slicer.panel.run_parameters import RunParameters
    from MISTKDSegmentLib.slicer.panel.segmentation_run import Run

    child(STARTED + FOUR_SLICES + DONE)
    ready = ReadyChild()
    ready.prepare()
    host.pump(until=lambda: processes_in(temporary))
    waiting = processes_in(temporary)
    Run(RunParameters(volumeNode=volume_node, bundle=tiny_bundle), observer, ready)
    assert processes_in(temporary) == waiting and not ready.isWaiting
    host.pump(until=lambda: observer.ended)
    assert len(observer.finished) == 1 and nothing_left(temporary)


def test_a_result_that_cannot_be_written_fails_it(host, start, observer, child, temporary, monkeypatch, caplog):
    from MISTKDSegmentLib.slicer.panel import segmentation_run as run

    def broken(*args, **keywords):
        raise RuntimeError("no room in the scene")

    monkeypatch.setattr(run, "write_result", broken)
    child(STARTED + FOUR_SLICES + DONE)
    start()
    host.pump(until=lambda: observer.ended)
    assert "could not be written" in observer.failed[0] and "no room in the scene" in caplog.text
    assert nothing_left(temporary)


@pytest.mark.parametrize("broken", ["segmentation", "table"])
@pytest.mark.parametrize("into", ["new nodes", "nodes of an earlier run"])
def test_a_result_that_can_be_written_in_part_leaves_the_scene_as_it_was(
        host, start, observer, child, volume_node, monkeypatch, broken, into):
    from MISTKDSegmentLib.slicer.scene import organ_table_node, segmentation_node

    child(STARTED + FOUR_SLICES + says(Done((liver_row(),))))
    nodes = {}
    if into == "nodes of an earlier run":
        first = start()
        host.pump(until=lambda: observer.ended)
        nodes = {"segmentationNode": first.segmentationNode, "tableNode": first.tableNode}
        child(STARTED + FOUR_SLICES.replace("4, 10", "5, 10") + says(Done(())))
    if broken == "segmentation":
        refuse_imports(monkeypatch, segmentation_node)
    else:
        monkeypatch.setattr(organ_table_node, "put_beside", lambda *_: 1 / 0)
    before = look_of(host.scene)[:2]
    run = start(**nodes)
    host.pump(until=lambda: len(observer.failed))
    assert look_of(host.scene)[:2] == before
    assert (run.segmentationNode, run.tableNode, run.rows) == (None, None, ())
    if nodes:
        assert labels_on_grid(nodes["segmentationNode"], volume_node, "liver")[:4].all()
        assert nodes["tableNode"].GetNumberOfRows() == 1


def test_one_undo_takes_segmentation_and_table_back(host, start, observer, child):
    host.scene.SetUndoOn()
    for name in ("vtkMRMLSegmentationNode", "vtkMRMLSegmentationDisplayNode", "vtkMRMLTableNode"):
        default = host.scene.CreateNodeByClass(name)
        default.UnRegister(None)
        default.SetUndoEnabled(True)
        host.scene.AddDefaultNode(default)
    child(STARTED + FOUR_SLICES + says(Done((liver_row(),))))
    before = look_of(host.scene)
    start()
    host.pump(until=lambda: observer.ended)
    assert len(observer.finished) == 1 and host.scene.GetNumberOfUndoLevels() == 1
    host.scene.Undo()
    assert look_of(host.scene) == before


def test_a_second_run_updates_the_segmentation(host, start, observer, child):
    child(STARTED + FOUR_SLICES + says(Done((liver_row(),))))
    first = start()
    host.pump(until=lambda: observer.ended)
    before = look_of(host.scene)[0]
    second = start(segmentationNode=first.segmentationNode, tableNode=first.tableNode)
    host.pump(until=lambda: observer.ended == 2)
    assert second.segmentationNode is first.segmentationNode and look_of(host.scene)[0] == before


def test_time_and_part_are_told_from_the_first_moment_on(host, start, child):
    child("time.sleep(0.3)\n" + STARTED + says(Progress(2, 10)) + "time.sleep(0.3)\n" + says(Progress(6, 10)) + HANG)
    run = start()
    assert run.secondsLeft > 1.0 and run.fraction < 0.1
    parts = []
    for slices in (2, 6):
        host.pump(until=lambda slices=slices: run.slicesDone == slices)
        parts.append(run.fraction)
    assert 0.0 < parts[0] < parts[1] < 1.0
    run.cancel()
    assert run.secondsLeft == 0.0


def test_a_run_makes_the_next_forecast_better(host, start, observer, child):
    child(STARTED + FOUR_SLICES + DONE)
    first = start().secondsLeft
    host.pump(until=lambda: observer.ended)
    assert start().secondsLeft < first


@pytest.mark.parametrize("what", ["no bundle", "no such organ", "no organ", "label map", "no volume",
                                  "no temporary folder", "negative step", "negative threads", "wrong node", "no node"])
def test_what_cannot_start_says_why_and_changes_nothing(host, start, volume_node, temporary, tmp_path, what):
    label_map = host.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    if what == "no temporary folder":
        host.app.temporaryPath = str(tmp_path / "nowhere")
    parameters = {"no bundle": {"bundle": tmp_path / "no"}, "no such organ": {"organs": ["brain"]},
                  "no organ": {"organs": []}, "label map": {"volumeNode": label_map},
                  "no volume": {"volumeNode": None}, "negative step": {"slice_step_mm": -1.0},
                  "negative threads": {"threads": -3}, "wrong node": {"segmentationNode": volume_node},
                  "no node": {"roiNode": "R"}}.get(what, {})
    before = look_of(host.scene)
    with pytest.raises(SegmentError):
        start(**parameters)
    assert look_of(host.scene) == before and not list(temporary.iterdir()) and not processes_in(temporary)


def memory_mb(process: object, what: str) -> float:
    """VmRSS is what a process has in memory now, mapped files included; VmHWM the most that it has had; 0 if gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else 0.0


def child_peak_mb(host, folder: Path, over) -> float:
    """The most that the child has in memory until something is over."""
    peaks = [0.0]

    def is_over() -> bool:
        peaks.extend(memory_mb(process, "VmHWM") for process in processes_in(folder))
        return over()

    host.pump(until=is_over, timeout_s=60)
    return max(peaks)


def test_2000_slices_come_bit_by_bit_and_take_the_room_of_a_few_scans(
        host, start, observer, temporary, live, tmp_path, monkeypatch):
    monkeypatch.setattr("MISTKDSegmentLib.slicer.panel.segmentation_run.REFRESH_MS", 50)
    real_python(tmp_path, monkeypatch)
    start(threads=1)  # a short one before, so that all code is loaded
    short_mb = child_peak_mb(host, temporary, lambda: observer.ended)
    live.clear()
    voxels = np.zeros((2000, 64, 64), np.int16)
    voxels[:, :, :4], voxels[300:1700, 12:42, 10:40] = -1000, 150
    volume_node, scan_mb = add_patient(host.scene, "long", voxels), voxels.nbytes / 1e6
    del voxels
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the most that was
    before_mb = memory_mb("self", "VmRSS")
    observer.progress.clear()
    run = start(volumeNode=volume_node, threads=1)
    long_mb = child_peak_mb(host, temporary, lambda: observer.ended == 2)
    assert len(observer.finished) == 2 and run.rows[0].voxels == 1400 * 30 * 30
    assert len(observer.progress) > 100 and observer.progress[-1] == (2000, 2000)
    slabs = [filled for _, filled in live]
    assert len(slabs) > 4 and all(slab.axis == 0 and slab.stop - slab.start < 1000 for slab in slabs)
    assert [slab.start for slab in slabs] == [0, *(slab.stop for slab in slabs[:-1])]
    assert memory_mb("self", "VmHWM") - before_mb < 2 * scan_mb
    assert long_mb - short_mb < 4 * scan_mb


def test_the_network_is_never_loaded_into_the_window(host, start, observer, tmp_path, monkeypatch):
    real_python(tmp_path, monkeypatch)
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    start(threads=1)
    host.pump(until=lambda: observer.ended, timeout_s=60)
    assert len(observer.finished) == 1 and "onnxruntime" not in sys.modules


@pytest.fixture(autouse=True)
def quiet_log(caplog):
    caplog.set_level(logging.INFO)
