"""Evaluation of a bundle: a made-up data set, a model whose mistakes are known, and the files written."""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.bundle import load_bundle
from MISTKDSegmentLib.errors import BundleError, InputError
from MISTKDSegmentLib.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.reading import read_volume
from MISTKDSegmentLib.runner import segment
from Training import evaluate
from Training.dataset import find_cases, match_organs, read_dataset, read_split, select_cases
from Training.evaluate import CaseScores, bootstrap_interval, evaluate_case, main, summarise
from Training.metrics import dice

AORTA, LIVER, SPLEEN = (next(label for label in ABDOMEN_LABELS if label.name == name)
                        for name in ("aorta", "liver", "spleen"))
SPACING_MM = (0.5, 2.0, 5.0)
SCRIPT = Path(evaluate.__file__)
# In the made-up scans the organ is painted in HU where the "model" will find it.
AORTA_HU, LIVER_HU = 300, 110


def write_nifti(path, voxels, spacing_mm=SPACING_MM):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing_mm)
    sitk.WriteImage(image, str(path))


def made_up_scan():
    """Air around a body of 40 HU with noise, shape (6, 20, 24)."""
    scan = np.full((6, 20, 24), -1000, np.int16)
    scan[:, 3:17, 3:21] = 40 + np.random.default_rng(0).integers(-20, 20, (6, 14, 18))
    return scan


def add_case(folder, name, *, found, real):
    """Write a case: `found` HU -> box that the model will find, `real` value -> box in the reference."""
    scan = made_up_scan()
    labels = np.zeros(scan.shape, np.uint8)
    for hu, box in found.items():
        scan[box] = hu
    for value, box in real.items():
        labels[box] = value
    write_nifti(folder / "imagesTr" / f"{name}_0000.nii.gz", scan)
    write_nifti(folder / "labelsTr" / f"{name}.nii.gz", labels)


AORTA_BOX = np.s_[0:4, 10:12, 10:12]
LIVER_BOX = np.s_[0:4, 4:8, 4:8]
LIVER_NEXT_SLICE = np.s_[1:5, 4:8, 4:8]


@pytest.fixture
def data(tmp_path):
    """Two cases whose reference numbers differ from the bundle's: aorta 7, liver 3, duodenum 9.

    Case "hit" finds the aorta exactly and the liver one slice (5 mm) too low; case "miss" misses the aorta,
    invents no liver, and has none.
    """
    folder = tmp_path / "Dataset001_Madeup"
    add_case(folder, "hit", found={AORTA_HU: AORTA_BOX, LIVER_HU: LIVER_BOX},
             real={7: AORTA_BOX, 3: LIVER_NEXT_SLICE})
    add_case(folder, "miss", found={}, real={7: AORTA_BOX})
    labels = {"background": 0, "Aorta": 7, "liver": 3, "duodenum": 9}
    dataset = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 2, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(dataset))
    return folder


def segment_by_hu(volume, bundle, out, **_):
    """The "model": one label per painted HU, in two steps of progress."""
    slices = len(out)
    yield SimpleNamespace(slices_done=slices // 2, slices_total=slices)
    out[volume.voxels == AORTA_HU] = AORTA.value
    out[volume.voxels == LIVER_HU] = LIVER.value
    yield SimpleNamespace(slices_done=slices, slices_total=slices)


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A bundle folder, and the shipped reader and runner replaced by the "model" whose mistakes are known."""
    folder = tmp_path / "model"
    folder.mkdir()
    bundle = SimpleNamespace(name="madeup", version="1.2.3", sha256="c0ffee", labels=(AORTA, LIVER, SPLEEN))
    monkeypatch.setattr(evaluate, "load_bundle", lambda _: bundle)
    monkeypatch.setattr(evaluate, "segment", segment_by_hu)
    return SimpleNamespace(folder=folder, bundle=bundle)


def run(data, model, out, *options):
    folder = getattr(model, "folder", model)
    return main(["--model", str(folder), "--data", str(data), "--out", str(out), *options])


def read_rows(path):
    with open(path, newline="") as file:
        return {(row["case"], row["organ"], row["protocol"], row["metric"]): row["value"]
                for row in csv.DictReader(file)}


def test_a_case_is_scored_by_organ_name_in_both_protocols(data, model):
    organs = match_organs(model.bundle.labels, read_dataset(data)["labels"])
    scores = evaluate_case(find_cases(data)["hit"], model.bundle, organs)
    assert scores.presence == {"aorta": "both", "liver": "both"}
    assert scores.scores["aorta"]["transunet"] == {"dice": 1.0, "hd95_voxels": 0.0}
    # Four slices against the same box one slice further: 3 of 4 shared.
    assert scores.scores["liver"]["transunet"] == {"dice": 0.75, "hd95_voxels": 1.0}
    assert scores.scores["liver"]["millimetre"]["dice"] == 0.75
    assert scores.scores["liver"]["millimetre"]["hd95_mm"] == pytest.approx(5.0)
    # 4 x 4 x 4 voxels of 0.5 x 2 x 5 mm.
    assert scores.scores["liver"]["millimetre"]["reference_ml"] == pytest.approx(0.32)
    assert scores.shape_kji == (6, 20, 24)
    assert scores.spacing_mm == pytest.approx(SPACING_MM)


def test_progress_of_the_runner_is_passed_on(data, model):
    organs = match_organs(model.bundle.labels, read_dataset(data)["labels"])
    heard = []
    evaluate_case(find_cases(data)["hit"], model.bundle, organs, advance=lambda *steps: heard.append(steps))
    assert heard == [(3, 6), (6, 6)]


def test_results_csv_has_one_row_per_case_organ_protocol_and_metric(data, model, tmp_path):
    assert run(data, model, tmp_path / "out") == 0
    rows = read_rows(tmp_path / "out" / "results.csv")
    assert len(rows) == 2 * 2 * (2 + 5)
    assert float(rows["hit", "liver", "transunet", "dice"]) == 0.75
    assert float(rows["miss", "aorta", "millimetre", "dice"]) == 0.0
    assert rows["miss", "aorta", "millimetre", "hd95_mm"] == ""
    assert rows["miss", "liver", "millimetre", "dice"] == ""
    assert float(rows["miss", "liver", "transunet", "dice"]) == 0.0


def test_results_json_says_which_model_on_which_machine_and_what_it_scored(data, model, tmp_path):
    assert run(data, model, tmp_path / "out") == 0
    document = json.loads((tmp_path / "out" / "results.json").read_text())
    assert document["bundle"] == {"name": "madeup", "version": "1.2.3", "sha256": "c0ffee"}
    assert document["host"]["cores"] >= 1
    assert document["versions"]["numpy"] == np.__version__
    assert document["versions"]["onnxruntime"]
    assert document["cases"]["hit"]["seconds"] >= 0
    assert document["cases"]["miss"]["organs"]["aorta"]["presence"] == "missed"
    assert document["cases"]["miss"]["organs"]["aorta"]["millimetre"]["hd95_mm"] is None
    assert document["cases"]["hit"]["mean"]["transunet"]["dice"] == pytest.approx(0.875)
    honest = document["summary"]["millimetre"]
    assert honest["organs"]["aorta"]["dice"] == pytest.approx(0.5)
    assert honest["organs"]["liver"]["dice"] == pytest.approx(0.75)
    assert honest["mean"]["dice"] == pytest.approx(0.625)
    assert honest["counts"]["liver"] == {"both": 1, "missed": 0, "invented": 0, "absent": 1}
    assert document["summary"]["transunet"]["mean"]["dice"] == pytest.approx((0.5 + 0.375) / 2)


def test_the_figure_is_a_png(data, model, tmp_path):
    assert run(data, model, tmp_path / "out") == 0
    assert (tmp_path / "out" / "dice.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_names_organs_means_and_the_organ_that_is_not_scored(data, model, tmp_path, capsys):
    assert run(data, model, tmp_path / "out") == 0
    printed = capsys.readouterr().out
    for word in ("aorta", "liver", "mean", "0.750", "0.625", "spleen, duodenum", "95 %"):
        assert word in printed


def test_only_the_named_cases_are_run(data, model, tmp_path):
    assert run(data, model, tmp_path / "out", "--cases", "hit") == 0
    assert {key[0] for key in read_rows(tmp_path / "out" / "results.csv")} == {"hit"}


def test_the_split_file_chooses_the_cases(data, model, tmp_path):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"training": ["hit"], "validation": ["miss"]}))
    assert run(data, model, tmp_path / "out", "--split", str(split)) == 0
    assert {key[0] for key in read_rows(tmp_path / "out" / "results.csv")} == {"miss"}


def test_a_split_is_read_from_nnunets_file_too(tmp_path):
    path = tmp_path / "splits_final.json"
    path.write_text(json.dumps([{"train": ["a"], "val": ["b", "c"]}, {"train": ["b"], "val": ["a"]}]))
    assert read_split(path) == ["b", "c"]


@pytest.mark.parametrize("text", ["not json", "[]", "{}", '{"validation": 3}', "5"])
def test_a_split_without_a_list_of_cases_is_refused_by_name(tmp_path, text):
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"split\.json"):
        read_split(path)


def test_cases_keep_the_order_asked_for_and_count_once(data):
    chosen = select_cases(find_cases(data), ["miss", "hit", "miss"])
    assert [case.name for case in chosen] == ["miss", "hit"]


def test_a_region_of_several_values_is_one_organ():
    (organ,) = match_organs([LIVER], {"background": 0, "liver": [3, 4]})
    assert organ.reference_values == (3, 4)


def test_names_match_whatever_their_case_and_separator():
    label = next(label for label in ABDOMEN_LABELS if label.name == "left_kidney")
    (organ,) = match_organs([label], {"Left Kidney": 2})
    assert organ.reference_values == (2,)


def error_line(data, model, out, capsys, *options):
    """Run, expect failure, and return its one line."""
    assert run(data, model, out, *options) == InputError.exit_code
    assert not (out / "results.json").exists()
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_a_data_set_without_dataset_json_is_one_line(model, tmp_path, capsys):
    assert "dataset.json" in error_line(tmp_path, model, tmp_path / "out", capsys)


def test_a_damaged_dataset_json_is_one_line(data, model, tmp_path, capsys):
    (data / "dataset.json").write_text('{"labels": ')
    assert "dataset.json is not valid JSON" in error_line(data, model, tmp_path / "out", capsys)


def test_a_case_that_does_not_exist_is_one_line_that_lists_what_does(data, model, tmp_path, capsys):
    line = error_line(data, model, tmp_path / "out", capsys, "--cases", "hit", "case9999")
    assert "case9999" in line
    assert "hit, miss" in line


def test_labels_that_name_none_of_the_organs_are_one_line_with_both_lists(data, model, tmp_path, capsys):
    (data / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "tumour": 1}}))
    line = error_line(data, model, tmp_path / "out", capsys)
    assert "tumour" in line
    assert "aorta, liver, spleen" in line


def test_labels_of_nnunet_version_1_are_one_line(data, model, tmp_path, capsys):
    (data / "dataset.json").write_text(json.dumps({"labels": {"0": "background", "5": "liver"}}))
    assert "rename" in error_line(data, model, tmp_path / "out", capsys)


def test_a_label_value_that_is_no_number_is_one_line(data, model, tmp_path, capsys):
    (data / "dataset.json").write_text(json.dumps({"labels": {"liver": "five"}}))
    assert "'five'" in error_line(data, model, tmp_path / "out", capsys)


def test_a_label_map_without_image_is_one_line(data, model, tmp_path, capsys):
    (data / "imagesTr" / "hit_0000.nii.gz").unlink()
    assert "hit_0000.nii.gz" in error_line(data, model, tmp_path / "out", capsys)


def test_a_label_map_of_another_shape_is_one_line(data, model, tmp_path, capsys):
    write_nifti(data / "labelsTr" / "hit.nii.gz", np.ones((5, 20, 24), np.uint8))
    assert "(5, 20, 24)" in error_line(data, model, tmp_path / "out", capsys)


def test_a_label_map_with_another_spacing_is_one_line(data, model, tmp_path, capsys):
    write_nifti(data / "labelsTr" / "hit.nii.gz", np.ones((6, 20, 24), np.uint8), spacing_mm=(0.5, 2.0, 4.9))
    assert "spacing" in error_line(data, model, tmp_path / "out", capsys)


def test_an_output_folder_that_is_a_file_is_one_line(data, model, tmp_path, capsys):
    (tmp_path / "out").write_text("in the way")
    assert run(data, model, tmp_path / "out") != 0
    assert "--out" in capsys.readouterr().err


def test_cases_and_split_together_are_refused(data, model, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        run(data, model, tmp_path / "out", "--cases", "hit", "--split", "split.json")
    assert stopped.value.code == 2


def scores_of(name, **dice_of):
    """Scores with the given Dice in both protocols; None stands for an organ absent from both."""
    def both(value):
        known = math.nan if value is None else value
        return {"transunet": {"dice": 0.0 if value is None else value, "hd95_voxels": 4.0},
                "millimetre": {"dice": known, "reference_ml": 1.0}}
    presence = {organ: "absent" if value is None else "both" for organ, value in dice_of.items()}
    return CaseScores(name, 1.0, (1, 1, 1), (1.0, 1.0, 1.0), presence,
                      {organ: both(value) for organ, value in dice_of.items()})


def test_each_organ_counts_the_same_in_the_mean_however_often_it_is_there():
    summary = summarise([scores_of("a", liver=0.9, spleen=None), scores_of("b", liver=0.7, spleen=0.4)])
    assert summary["millimetre"]["organs"]["spleen"]["dice"] == pytest.approx(0.4)
    assert summary["millimetre"]["mean"]["dice"] == pytest.approx((0.8 + 0.4) / 2)
    assert summary["transunet"]["mean"]["dice"] == pytest.approx((0.8 + 0.2) / 2)
    assert summary["millimetre"]["counts"]["spleen"] == {"both": 1, "missed": 0, "invented": 0, "absent": 1}


def test_volumes_are_not_averaged_over_organs():
    assert "reference_ml" not in summarise([scores_of("a", liver=0.9)])["millimetre"]["mean"]


def test_an_organ_that_no_case_has_is_undefined_and_leaves_the_mean_alone():
    honest = summarise([scores_of("a", liver=0.9, spleen=None)])["millimetre"]
    assert math.isnan(honest["organs"]["spleen"]["dice"])
    assert honest["mean"]["dice"] == pytest.approx(0.9)


def test_the_interval_of_equal_cases_is_a_point():
    assert bootstrap_interval(np.full((5, 2), 0.8)) == pytest.approx((0.8, 0.8))


def test_the_interval_of_two_cases_reaches_from_one_to_the_other():
    # Each of the two extremes is drawn in a quarter of the resamples, far more than 2.5 %.
    assert bootstrap_interval(np.array([[0.2], [0.6]])) == pytest.approx((0.2, 0.6))


def test_the_interval_draws_whole_cases():
    # Organs drawn separately would also give means other than 0.5.
    assert bootstrap_interval(np.array([[0.0, 1.0], [1.0, 0.0]])) == pytest.approx((0.5, 0.5))


def test_the_interval_of_many_cases_is_that_of_the_normal_approximation():
    scores = np.random.default_rng(1).normal(0.7, 0.1, (400, 1))
    error = 1.96 * scores.std() / 20
    expected = (scores.mean() - error, scores.mean() + error)
    assert bootstrap_interval(scores) == pytest.approx(expected, abs=8e-4)


def test_the_interval_is_the_same_each_time():
    scores = np.random.default_rng(1).uniform(size=(6, 3))
    assert bootstrap_interval(scores) == bootstrap_interval(scores)
    assert bootstrap_interval(scores, seed=1) != bootstrap_interval(scores, seed=2)


def test_the_interval_is_that_of_the_mean_over_organs_of_the_means_over_cases():
    # Organ 1 scores 1 everywhere; organ 2 is in one case of six, at 0. Draws with that case give 0.5 however
    # often it was drawn (two in three draws), one without it 1.
    scores = np.array([[1.0, np.nan]] * 5 + [[1.0, 0.0]])
    assert bootstrap_interval(scores) == pytest.approx((0.5, 1.0))


def test_one_case_has_no_interval():
    assert all(math.isnan(end) for end in bootstrap_interval(np.array([[0.9, 0.8]])))


def test_the_interval_of_nothing_is_undefined():
    assert all(math.isnan(end) for end in bootstrap_interval(np.full((3, 2), np.nan)))


def test_a_real_bundle_is_scored_on_what_the_shipped_runner_gives(data, tiny_bundle, tmp_path):
    box = np.s_[1:5, 5:13, 5:17]
    add_case(data, "large", found={LIVER_HU: box}, real={3: box})
    assert run(data, tiny_bundle, tmp_path / "out", "--cases", "large", "--threads", "1") == 0
    volume = read_volume(data / "imagesTr" / "large_0000.nii.gz")
    labels = np.zeros(volume.voxels.shape, np.uint8)
    for _ in segment(volume, load_bundle(tiny_bundle), labels, threads=1):
        pass
    reference = np.zeros(labels.shape, bool)
    reference[box] = True
    expected = dice(labels == LIVER.value, reference)
    assert expected > 0.8
    rows = read_rows(tmp_path / "out" / "results.csv")
    assert float(rows["large", "liver", "millimetre", "dice"]) == expected


def test_the_means_are_recorded_in_the_bundle_when_asked_for(data, tiny_bundle, tmp_path):
    box = np.s_[1:5, 5:13, 5:17]
    add_case(data, "large", found={LIVER_HU: box}, real={3: box})
    arguments = [data, tiny_bundle, tmp_path / "out", "--cases", "large", "--threads", "1"]
    assert run(*arguments) == 0
    assert load_bundle(tiny_bundle).results == {}
    assert run(*arguments, "--record") == 0
    recorded = load_bundle(tiny_bundle).results
    assert recorded["cases"] == ["large"]
    assert recorded["transunet"]["organs"]["liver"]["dice"] > 0.8


def test_a_missing_bundle_is_one_line(data, tmp_path, capsys):
    assert run(data, tmp_path / "nothing", tmp_path / "out") == BundleError.exit_code
    assert "model.json" in capsys.readouterr().err


def test_it_runs_as_a_script():
    command = [sys.executable, str(SCRIPT), "--help"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr
    for option in ("--model", "--data", "--cases", "--split", "--out", "--threads"):
        assert option in result.stdout
