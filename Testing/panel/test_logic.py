"""The logic: models, one run at a time, and the call that scripts use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib import SegmentOptions, load_model
from MISTKDSegmentLib.child.messages import Failed, encode
from MISTKDSegmentLib.errors import BundleError, OutputError, SegmentError
from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.inference.progress import Progress
from Testing.host import open_host
from Testing.panel.children import (
    DONE,
    HANG,
    KILL_ITSELF,
    STARTED,
    nothing_left,
    processes_in,
    real_python,
)
from Testing.panel.patients import Observer, add_patient, add_slice_views, labels_on_grid, look_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is left")


@pytest.fixture
def host():
    """Slicer without the panel."""
    with open_host(None) as opened:
        yield opened


@pytest.fixture
def logic(host, temporary, tmp_path, monkeypatch):
    from MISTKDSegmentLib.slicer.panel.logic import MISTKDSegmentLogic

    logic = MISTKDSegmentLogic()
    monkeypatch.setattr(MISTKDSegmentLogic, "modelFolders", (logic.modelFolders[0], tmp_path / "settings" / "Models"))
    yield logic
    logic.cleanup()
    host.pump(until=lambda: not processes_in(temporary))


def moved_by_mm(*xyz) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = xyz
    return matrix


def parameters(volume_node, tiny_bundle):
    from MISTKDSegmentLib.slicer.panel.logic import RunParameters

    return RunParameters(volumeNode=volume_node, bundle=tiny_bundle)


def test_one_call_gives_the_segmentation(host, logic, volume_node, tiny_bundle, temporary, tmp_path, monkeypatch):
    real_python(tmp_path, monkeypatch)
    node = logic.segment(volume_node, organs=["spleen"], model=tiny_bundle, threads=1)
    assert node.GetSegmentation().GetSegmentIDs() == ("spleen",)
    assert labels_on_grid(node, volume_node, "spleen")[4:9, 40:48, 47:56].all()
    assert host.scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0 and nothing_left(temporary)


def test_one_organ_may_be_named_without_a_list(logic, volume_node, tiny_bundle, tmp_path, monkeypatch):
    real_python(tmp_path, monkeypatch)
    node = logic.segment(volume_node, organs="spleen", model=tiny_bundle, threads=1)
    assert node.GetSegmentation().GetSegmentIDs() == ("spleen",)


def test_one_call_takes_what_the_call_in_python_takes(logic):
    from inspect import signature

    from MISTKDSegmentLib import segment

    # A volume node states its own orientation.
    ours = {"onProgress" if name == "on_progress" else name for name in signature(segment).parameters}
    assert ours - {"scan", "orientation"} <= set(signature(logic.segment).parameters)


def test_one_call_obeys_the_options_and_what_is_named_beside_them(logic, volume_node, tiny_bundle, tmp_path,
                                                                  monkeypatch):
    real_python(tmp_path, monkeypatch)
    upper_half = Region(np.diag([1 / 1000, 1 / 1000, 1 / 20, 1.0]) @ moved_by_mm(0, 0, -140))
    options = SegmentOptions(organs=["liver", "spleen"], threads=1, region=upper_half)
    node = logic.segment(volume_node, model=load_model(tiny_bundle), options=options)
    assert node.GetSegmentation().GetSegmentIDs() == ("liver", "spleen")
    found = labels_on_grid(node, volume_node, "liver")
    assert found[4:8, 17:33, 12:28].all() and not found[:4].any()
    node = logic.segment(volume_node, organs="spleen", model=tiny_bundle, options=options)
    assert node.GetSegmentation().GetSegmentIDs() == ("spleen",)


def test_one_call_tells_how_far_it_is(logic, volume_node, tiny_bundle, tmp_path, monkeypatch):
    real_python(tmp_path, monkeypatch)
    told = []
    logic.segment(volume_node, model=tiny_bundle, threads=1, onProgress=told.append)
    assert [type(progress) for progress in told] == [Progress] * len(told)
    assert (told[0].slices_done, told[-1].slices_done, told[-1].slices_total) == (0, 10, 10)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_the_callback_raises_ends_the_run_and_is_raised(host, logic, volume_node, tiny_bundle, temporary, child,
                                                             error):
    def raising(progress):
        raise error("enough")

    child(STARTED + HANG)
    before = look_of(host.scene)
    with pytest.raises(error, match="enough"):
        logic.segment(volume_node, model=tiny_bundle, onProgress=raising)
    assert nothing_left(temporary) and look_of(host.scene) == before


def test_a_lone_name_that_the_model_does_not_know_is_named_whole(logic, volume_node, tiny_bundle):
    with pytest.raises(BundleError, match="brain"):
        logic.segment(volume_node, organs="brain", model=tiny_bundle)


def test_one_call_updates_the_nodes_that_it_is_given(host, logic, volume_node, tiny_bundle, tmp_path, monkeypatch):
    real_python(tmp_path, monkeypatch)
    segmentation = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    table = host.scene.AddNewNodeByClass("vtkMRMLTableNode", "mine")
    assert logic.segment(volume_node, segmentation, model=str(tiny_bundle), threads=1, tableNode=table) is segmentation
    assert table.GetNumberOfRows() == 2 and segmentation.GetSegmentation().GetNumberOfSegments() == 2


@pytest.mark.parametrize(("body", "words"), [
    (KILL_ITSELF, "memory ran out"),
    (f"print({encode(Failed('input', 'CTLiver has no HU.', ''))!r}, flush=True)", "CTLiver has no HU"),
])
def test_one_call_raises_the_sentence_when_it_fails(logic, volume_node, tiny_bundle, temporary, child, body, words):
    child(STARTED + body)
    with pytest.raises(SegmentError, match=words):
        logic.segment(volume_node, model=tiny_bundle)
    assert nothing_left(temporary)


def test_one_call_ends_when_the_scene_is_closed_meanwhile(host, logic, volume_node, tiny_bundle, temporary, child):
    from MISTKDSegmentLib.slicer.panel.timer import Timer

    child(STARTED + HANG)
    Timer(300, host.close_scene, once=True)
    with pytest.raises(SegmentError, match="The scene was closed"):
        logic.segment(volume_node, model=tiny_bundle)
    assert nothing_left(temporary)


def test_an_interrupt_during_the_one_call_leaves_nothing(host, logic, volume_node, tiny_bundle, temporary, child,
                                                         monkeypatch):
    from MISTKDSegmentLib.slicer.panel import segmentation_run

    def interrupted(seconds):
        monkeypatch.undo()
        raise KeyboardInterrupt

    child(STARTED + HANG)
    before = look_of(host.scene)
    monkeypatch.setattr(segmentation_run.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        logic.segment(volume_node, model=tiny_bundle)
    assert nothing_left(temporary) and look_of(host.scene) == before


def test_a_second_start_is_refused_and_the_first_goes_on(host, logic, volume_node, tiny_bundle, temporary, child):
    child(STARTED + HANG)
    observer = Observer()
    run = logic.start(parameters(volume_node, tiny_bundle), observer)
    host.pump(until=lambda: observer.progress)
    for again in (lambda: logic.start(parameters(volume_node, tiny_bundle)), lambda: logic.segment(volume_node)):
        with pytest.raises(SegmentError, match="already under way"):
            again()
    assert run.isRunning and len(processes_in(temporary)) == 1 and len(list(temporary.iterdir())) == 1
    run.cancel()
    child(STARTED + DONE)
    logic.start(parameters(volume_node, tiny_bundle), observer)
    host.pump(until=lambda: observer.finished)


def test_the_next_run_can_be_started_from_the_end_of_the_last(host, logic, volume_node, tiny_bundle, child):
    child(STARTED + DONE)
    observer = Observer()

    class Again(Observer):
        def onFinished(self, run):
            logic.start(parameters(volume_node, tiny_bundle), observer)

    logic.start(parameters(volume_node, tiny_bundle), Again())
    host.pump(until=lambda: observer.finished)


def test_reloading_the_module_ends_the_run(host, logic, volume_node, tiny_bundle, temporary, child):
    child(STARTED + HANG)
    observer = Observer()
    logic.start(parameters(volume_node, tiny_bundle), observer)
    host.pump(until=lambda: observer.progress)
    before = look_of(host.scene)
    logic.cleanup()
    assert observer.cancelled == ["The module was reloaded."] and look_of(host.scene) == before
    assert nothing_left(temporary)


def test_without_onnxruntime_nothing_starts_and_the_sentence_says_how_to_get_it(
        logic, volume_node, tiny_bundle, temporary, monkeypatch):
    monkeypatch.setattr(logic.onnxRuntime, "state", lambda: "missing")
    with pytest.raises(SegmentError, match=r"onnxRuntime\.install\(\).*onnxruntime-\*-cp"):
        logic.segment(volume_node, model=tiny_bundle)
    assert not list(temporary.iterdir())


def test_what_a_window_left_that_was_switched_off_is_swept_away(host, logic, volume_node, tiny_bundle, temporary,
                                                                child):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    leftover = temporary / f"mistkd-segment-{gone.pid}-left"
    leftover.mkdir()
    child(HANG)
    logic.start(parameters(volume_node, tiny_bundle))
    type(logic)()
    assert not leftover.exists() and len(list(temporary.iterdir())) == 1


def test_a_full_disk_is_one_sentence_and_leaves_nothing(logic, volume_node, tiny_bundle, temporary):
    import resource
    import signal

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(SegmentError, match=r"cannot be written .* make room for 1 MB there"):
            logic.segment(volume_node, model=tiny_bundle)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert nothing_left(temporary)


def test_the_model_that_ships_is_there_and_an_added_one_beside_it(logic, tiny_bundle):
    assert [model.name for model in logic.models()] == ["synapse-abdomen"]
    folder = logic.addModel(tiny_bundle / "model.json")
    assert folder.parent == logic.modelFolders[1]
    assert {model.name: model.problem for model in logic.models()} == {"synapse-abdomen": "", "tiny": ""}
    assert logic.modelFolder() == logic.modelFolders[0] / "synapse-abdomen"
    assert logic.modelFolder("tiny") == folder and logic.modelFolder(tiny_bundle) == tiny_bundle


def test_added_models_go_beside_the_settings(host):
    import slicer

    from MISTKDSegmentLib.slicer.panel.logic import MISTKDSegmentLogic

    folder = MISTKDSegmentLogic().modelFolders[1]
    assert folder == Path(slicer.app.slicerUserSettingsFilePath).parent / "MISTKDSegment" / "Models"


def test_an_unknown_model_is_named_with_those_that_are_known(logic):
    with pytest.raises(BundleError, match=r"no model brain; .*synapse-abdomen"):
        logic.modelFolder("brain")


def test_a_damaged_model_is_not_added(logic, tiny_bundle):
    (tiny_bundle / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(BundleError, match="checksum"):
        logic.addModel(tiny_bundle)
    assert len(logic.models()) == 1


def test_settings_that_cannot_be_written_are_one_sentence(logic, tiny_bundle):
    logic.modelFolders[1].parent.parent.mkdir(exist_ok=True)
    logic.modelFolders[1].parent.write_text("a file where the folder should be")
    with pytest.raises(OutputError, match=r"cannot be written .*was not added"):
        logic.addModel(tiny_bundle)
    assert len(logic.models()) == 1


@pytest.mark.parametrize("preview", [False, True], ids=["run", "preview"])
@pytest.mark.parametrize("happens", ["reload", "quit"])
def test_reloading_the_module_and_quitting_slicer_leave_nothing_of_what_is_under_way(
        tmp_path, tiny_bundle, child, happens, preview):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    child(STARTED + HANG)
    with open_host() as host:
        host.app.temporaryPath = str(temporary)
        from MISTKDSegmentLib.slicer.panel.preview import SlicePreview

        add_slice_views(host.scene)
        node = add_patient(host.scene)
        if preview:
            SlicePreview(host.logic, node, tiny_bundle).start()
        else:
            host.logic.start(parameters(node, tiny_bundle))
        host.pump(until=lambda: len(processes_in(temporary)) == 1)
        host.reload() if happens == "reload" else host.quit()
        assert nothing_left(temporary)
