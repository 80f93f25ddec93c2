"""Cross-validation at toy size: networks blind to their fold, some folds now and the rest later, one table."""

from __future__ import annotations

import json

import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.phantom.abdomen import make_phantom
from Testing.training.toy import write_config
from Training import prepare
from Training.crossvalidate import main
from Training.engine.checkpoints import read_trained


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Three phantoms as an nnU-Net raw data set, and prepared."""
    folder = tmp_path_factory.mktemp("crossvalidate")
    for seed in range(3):
        volume, labels = make_phantom(seed=seed, spacing_mm=(4.0, 4.0, 25.0))
        for name, array in ((f"imagesTr/p{seed}_0000", volume.voxels), (f"labelsTr/p{seed}", labels)):
            image = sitk.GetImageFromArray(array)
            image.SetSpacing(volume.spacing_mm)
            image.SetOrigin(volume.origin_mm)
            path = folder / "raw" / f"{name}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(image, str(path))
    names = {"background": 0} | {label.name: label.value for label in ABDOMEN_LABELS}
    (folder / "raw" / "dataset.json").write_text(json.dumps({"labels": names, "file_ending": ".nii.gz"}))
    assert prepare.main([str(folder / "raw"), str(folder / "prepared")]) == 0
    return folder


@pytest.fixture
def command(scans, tmp_path):
    (tmp_path / "folds.yaml").write_text("folds: [[p0], [p1], [p2]]")
    return [str(scans / "prepared"), "--config", str(write_config(tmp_path / "toy.yaml")), "--scans",
            str(scans / "raw"), "--folds-file", str(tmp_path / "folds.yaml"), "--out", str(tmp_path / "out")]


@pytest.mark.slow
def test_some_folds_now_and_the_rest_later_make_one_table(command, tmp_path, capsys):
    out, document = tmp_path / "out", tmp_path / "document"
    assert main([*command, "--folds", "2", "0"]) == 0
    assert "2 of 3 patients: folds 0, 2 of 0 to 2" in (out / "crossvalidation.md").read_text(encoding="utf-8")
    for number, seen in ((0, ["p1", "p2"]), (2, ["p0", "p1"])):
        for network in ("teacher", "student"):
            provenance = read_trained(out / f"fold{number}" / network / "last.ckpt").provenance
            assert provenance["data"]["training"] == seen and provenance["data"]["validation"] == [f"p{number}"]
    capsys.readouterr()
    assert main([*command, "--document", str(document)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("done before") == 2 and "fold 1 (p1): begins" in printed
    pooled = json.loads((document / "crossvalidation.json").read_text(encoding="utf-8"))
    assert pooled["done"] == [0, 1, 2] and sorted(pooled["cases"]) == ["p0", "p1", "p2"]
    for network in ("teacher", "student"):
        folds = [json.loads((out / f"fold{n}" / "scores" / network / "results.json").read_text()) for n in range(3)]
        liver = [fold["summary"]["millimetre"]["organs"]["liver"]["dice"] for fold in folds]
        assert pooled["summary"][network]["millimetre"]["organs"]["liver"]["dice"] == pytest.approx(sum(liver) / 3)
    text = (document / "crossvalidation.md").read_text(encoding="utf-8")
    assert "Every one of 3 patients, in 3 folds." in text and text.count("| liver |") == 1
    assert "4 steps" in text and "![Dice of every patient](crossvalidation.png)" in text
    assert (document / "crossvalidation.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_folds_of_other_recipes_files_or_data_are_not_pooled(command, tmp_path, capsys):
    assert main([*command, "--folds", "0"]) == 0
    assert main([*command, "--folds", "1", "--student-schedule.steps", "5"]) == 3
    assert "begun with another recipe (student_schedule), and every fold needs the same" in capsys.readouterr().err
    # Blind to fold 0, but not to fold 1: refused before fold 0 is trained.
    start = tmp_path / "out" / "fold0" / "student" / "last.ckpt"
    other = [*command[:-1], str(tmp_path / "other"), "--student-start", str(start), "--folds", "0", "1"]
    assert main(other) == 3
    assert "was trained on p1, which --validation names" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
    (tmp_path / "folds.yaml").write_text("folds: [[p0], [p2], [p1]]")
    assert main([*command, "--folds", "1"]) == 3
    assert "was begun with other folds" in capsys.readouterr().err
    assert not (tmp_path / "out" / "fold1").exists()


@pytest.mark.parametrize(("folds", "options", "said"), [
    ("folds: [[p0], [p9]]", [], "names p9 that the prepared data do not have"),
    ("folds: [[p0, p1], [p1]]", [], "names p1 twice"),
    (None, ["--folds", "3"], "--folds names 3: name some of 0 to 2"),
    (None, ["--student-network.widths", "[16, 32, 40, 48]"], "make the student at most an eighth"),
    (None, ["--scans", "/nowhere"], "/nowhere"),
    (None, ["--teacher-start", "none.ckpt"], "none.ckpt does not exist"),
])
def test_what_cannot_work_is_refused_before_any_training(command, tmp_path, capsys, folds, options, said):
    if folds:
        (tmp_path / "folds.yaml").write_text(folds)
    assert main([*command, *options]) == 3
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_a_dry_run_tells_what_the_waiting_folds_cost(command, tmp_path, capsys):
    assert main([*command, "--folds", "0", "2", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "teacher" in printed and "student" in printed and "2 of 3 folds wait" in printed
    assert not (tmp_path / "out").exists()
