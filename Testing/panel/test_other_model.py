"""A really different model in the panel: other organs and pixels, trained here, from *Add model…* to the result."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS

# Lungs of -850 HU and a spine of 350 HU in a body of 40 HU.
WINDOW_HU, PIXELS_MM = (-1000.0, 400.0), 3.0
HU = {"lungs": -850.0, "spine": 350.0, "": 40.0}
SHAPE = (6, 64, 96)
LUNGS = replace(ABDOMEN_LABELS[0], name="lungs", title="Lungs", color=(10, 200, 240), plausible_ml=None)
SPINE = replace(ABDOMEN_LABELS[1], name="spine", title="Spine", color=(250, 240, 180), plausible_ml=None)


def chest(seed):
    """HU and labels (k, j, i) of a made-up chest; no two are alike."""
    random = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.uint8)
    row, column = random.integers(4, 12, 2)
    labels[1:, row:row + 28, column:column + 24] = labels[1:, row:row + 28, column + 44:column + 68] = 1
    labels[:, row + 34:row + 46, column + 28:column + 40] = 2
    hu = np.choose(labels, [HU[""], HU["lungs"], HU["spine"]]) + random.normal(0, 15, SHAPE)
    return hu.astype(np.int16), labels


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A student of 60 steps beside its teacher, exported by the training's own program."""
    pytest.importorskip("lightning", reason="the training package is not installed")
    from Testing.training.toy import SCHEDULE, write_config
    from Training import distill
    from Training.data.augmentation import NO_AUGMENTATION
    from Training.data.manifest import CaseEntry, Manifest, write_manifest

    folder = tmp_path_factory.mktemp("chest")
    cases = []
    for seed, name in enumerate("abc"):
        hu, labels = chest(seed)
        image = np.clip((hu - WINDOW_HU[0]) / (WINDOW_HU[1] - WINDOW_HU[0]) * 255, 0, 255).astype(np.uint8)
        np.savez_compressed(folder / f"{name}.npz", image=image, labels=labels)
        cases.append(CaseEntry(
            name=name, slices=SHAPE[0], slice_spacing_mm=5.0, annotated=("lungs", "spine"),
            sha256=hashlib.sha256((folder / f"{name}.npz").read_bytes()).hexdigest(),
            content_sha256=hashlib.sha256(image.tobytes()).hexdigest(),
            voxels={"lungs": int((labels == 1).sum()), "spine": int((labels == 2).sum())}))
    write_manifest(folder, Manifest("made up", "none", WINDOW_HU, PIXELS_MM, (LUNGS, SPINE), tuple(cases)))
    schedule = replace(SCHEDULE, steps=60, batch_size=4, learning_rate=1e-2, ema_decay=0.8, checkpoint_steps=60)
    config = write_config(folder / "chest.yaml", pixel_spacing_mm=PIXELS_MM, view=(64, 96), teacher_schedule=schedule,
                          student_schedule=schedule, augmentation=NO_AUGMENTATION)
    out = folder / "run"
    assert distill.main([str(folder), "--config", str(config), "--out", str(out), "--name", "chest"]) == 0
    return out / "bundle"


@pytest.mark.slow
def test_a_model_of_other_organs_is_added_and_segments_them(bundle, host):
    import slicer

    hu, labels = chest(7)
    spacing_mm = (2.0, 2.0, 5.0)
    ijk_to_ras = slicer.util.vtkMatrixFromArray(np.diag([-spacing_mm[0], -spacing_mm[1], spacing_mm[2], 1.0]))
    zoomed = [array.repeat(2, axis=1).repeat(2, axis=2)[:, ::1] for array in (hu, labels)]
    volume = slicer.util.addVolumeFromArray(zoomed[0], ijk_to_ras, "chest CT")
    ui, panel = host.widget.ui, host.widget.panel
    host.pump(until=lambda: ui.segmentButton.enabled)
    ui.advancedCollapsibleButton.collapsed = False
    host.dialogs.expect("Add a model", str(bundle / "model.json"))
    host.click("addModelButton")
    assert ui.modelComboBox.currentText.startswith("chest ")
    assert [ui.organList.item(0, column).text() for column in range(2)] == ["Lungs", "Spine"]
    assert (ui.organList.rowCount, ui.statusLabel.text) == (1, f"The model {ui.modelComboBox.currentText} was added.")
    host.click("segmentButton")
    host.pump(until=lambda: panel.running.run is None, timeout_s=300)
    assert ui.statusLabel.text.startswith("Done in ")
    segmentation = panel.parameters.segmentation.GetSegmentation()
    assert list(segmentation.GetSegmentIDs()) == ["lungs", "spine"]
    assert segmentation.GetSegment("lungs").GetColor() == pytest.approx([channel / 255 for channel in LUNGS.color])
    for name, value in (("lungs", 1), ("spine", 2)):
        found = slicer.util.arrayFromSegmentBinaryLabelmap(panel.parameters.segmentation, name, volume) > 0
        truth = zoomed[1] == value
        assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.8, name
    assert [ui.resultsTable.item(row, 1).text() for row in range(ui.resultsTable.rowCount)
            if not ui.resultsTable.item(row, 1).text().startswith("⚠")] == ["Lungs", "Spine"]
