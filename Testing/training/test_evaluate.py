"""Evaluation as a command: a made-up data set, a model whose mistakes are known, and the files written."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from MISTKDSegmentLib.errors import BundleError, InputError, OutputError
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.training.made_up_scans import (
    AORTA,
    AORTA_BOX,
    AORTA_HU,
    LIVER,
    LIVER_BOX,
    LIVER_HU,
    LIVER_NEXT_SLICE,
    SPLEEN,
    add_case,
    made_up_voxels,
    segment_by_hu,
    write_dataset_json,
    write_nifti,
)
from Testing.training.tiny_network import write_tiny_checkpoint
from Training import evaluate
from Training.bundle.description import update_description
from Training.evaluate import main, opened_model
from Training.evaluation import scores
from Training.evaluation.metrics import dice

SCRIPT = Path(evaluate.__file__)


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
    write_dataset_json(folder, Aorta=7, liver=3, duodenum=9)
    return folder


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A bundle folder, and the shipped reader and runner replaced by the "model" whose mistakes are known."""
    folder = tmp_path / "model"
    folder.mkdir()
    bundle = SimpleNamespace(name="madeup", version="1.2.3", sha256="c0ffee", labels=(AORTA, LIVER, SPLEEN),
                             provenance={"data": {"training": ["miss", "other"]}},
                             input=SimpleNamespace(window_hu=(-125.0, 275.0)))
    monkeypatch.setattr(evaluate, "opened_model", lambda _: nullcontext(bundle))
    monkeypatch.setattr(scores, "segment", segment_by_hu)
    return folder


def run(data, model, out, *options):
    return main(["--model", str(model), "--data", str(data), "--out", str(out), *options])


def read_rows(path):
    with open(path, newline="") as file:
        return {(row["case"], row["organ"], row["protocol"], row["metric"]): row["value"]
                for row in csv.DictReader(file)}


def test_results_say_which_model_on_which_machine_and_what_it_scored(data, model, tmp_path):
    assert run(data, model, tmp_path / "out") == 0
    document = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert document["bundle"] == {"name": "madeup", "version": "1.2.3", "sha256": "c0ffee"}
    assert (document["data"], document["layout"]) == ("Dataset001_Madeup", "nnunet")
    assert document["host"]["cores"] >= 1
    assert document["versions"]["numpy"] == np.__version__
    assert document["versions"]["onnxruntime"]
    assert document["cases"]["miss"]["organs"]["aorta"]["presence"] == "missed"
    honest = document["summary"]["millimetre"]
    assert honest["organs"]["aorta"]["dice"] == pytest.approx(0.5)
    assert honest["organs"]["liver"]["dice"] == pytest.approx(0.75)
    assert honest["mean"]["dice"] == pytest.approx(0.625)
    assert document["summary"]["transunet"]["mean"]["dice"] == pytest.approx((0.5 + 0.375) / 2)


def test_the_table_names_organs_means_and_what_is_not_scored(data, model, tmp_path, capsys):
    assert run(data, model, tmp_path / "out") == 0
    printed = capsys.readouterr().out
    for word in ("aorta", "liver", "mean", "0.750", "0.625", "spleen, duodenum", "95 %"):
        assert word in printed


def test_simulated_contrast_phases_are_scored_beside_the_scans_as_they_are(data, model, tmp_path, capsys):
    assert run(data, model, tmp_path / "out", "--phases", "--pictures") == 0
    # The liver's 110 HU, by which this model knows it, change in both phases; the aorta's 300 lie above the window.
    assert (tmp_path / "out" / "phases.md").read_text(encoding="utf-8").splitlines() == [
        "| organ | plain | non-contrast | arterial |", "| --- | --- | --- | --- |",
        "| aorta | 0.500 | 0.500 | 0.500 |", "| liver | 0.750 | 0.000 | 0.000 |", "| mean | 0.625 | 0.250 | 0.250 |"]
    for folder, phase in (("", None), ("non-contrast", "non-contrast"), ("arterial", "arterial")):
        document = json.loads((tmp_path / "out" / folder / "results.json").read_text(encoding="utf-8"))
        assert document.get("simulated_phase") == phase and set(document["cases"]) == {"hit", "miss"}
    assert json.loads((tmp_path / "out" / "phases.json").read_text(encoding="utf-8"))["dice"]["plain"]["mean"] == 0.625
    assert "plain 0.625, non-contrast 0.250, arterial 0.250" in capsys.readouterr().out


def test_each_case_is_a_line_where_nobody_looks(data, model, tmp_path, capsys):
    assert run(data, model, tmp_path / "out") == 0
    hit, miss = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"hit \(1 of 2\): mean Dice 0\.875, \d+\.\d s", hit)
    assert miss.startswith("miss (2 of 2): mean Dice 0.000, ")


def test_training_cases_among_the_scored_ones_are_said(data, model, tmp_path, capsys):
    assert run(data, model, tmp_path / "out") == 0
    assert "\nIt was trained on miss, where it was measured as well.\n" in capsys.readouterr().out
    assert run(data, model, tmp_path / "out", "--cases", "hit") == 0
    assert "trained on" not in capsys.readouterr().out


def test_only_the_named_cases_are_run(data, model, tmp_path):
    assert run(data, model, tmp_path / "out", "--cases", "hit") == 0
    assert {key[0] for key in read_rows(tmp_path / "out" / "results.csv")} == {"hit"}


def test_the_split_file_chooses_the_cases(data, model, tmp_path):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"training": ["hit"], "validation": ["miss"]}))
    assert run(data, model, tmp_path / "out", "--split", str(split)) == 0
    assert {key[0] for key in read_rows(tmp_path / "out" / "results.csv")} == {"miss"}


def test_options_may_come_from_a_file(data, model, tmp_path):
    (tmp_path / "evaluate.yaml").write_text(f"model: {model}\ndata: {data}\ncases: [miss]\nout: {tmp_path / 'out'}\n")
    assert main(["--config", str(tmp_path / "evaluate.yaml"), "--cases", "hit"]) == 0
    assert {key[0] for key in read_rows(tmp_path / "out" / "results.csv")} == {"hit"}


def test_a_picture_of_each_case_is_made_when_asked_for(data, model, tmp_path):
    assert run(data, model, tmp_path / "out", "--pictures") == 0
    pictures = sorted((tmp_path / "out" / "pictures").iterdir())
    assert [path.name for path in pictures] == ["hit.png", "miss.png"]
    assert pictures[0].read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "failures.png").read_bytes().startswith(b"\x89PNG")


def error_line(data, model, out, capsys, *options):
    """Run, expect failure, and return its one line."""
    assert run(data, model, out, *options) == InputError.exit_code
    assert not (out / "results.json").exists()
    lines = [line for line in capsys.readouterr().err.strip().splitlines() if "mean Dice" not in line]
    assert len(lines) == 1
    return lines[0]


def test_a_folder_that_is_no_data_set_is_said_to_be_none(model, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    assert "is no folder" in error_line(tmp_path / "gone", model, tmp_path / "out", capsys)
    assert run(tmp_path / "none", model, tmp_path / "out") == InputError.exit_code
    assert "none is no data set" in capsys.readouterr().err


def test_a_case_that_does_not_exist_is_one_line_that_lists_what_does(data, model, tmp_path, capsys):
    line = error_line(data, model, tmp_path / "out", capsys, "--cases", "hit", "case9999")
    assert "case9999" in line
    assert "hit, miss" in line


def test_a_damaged_scan_is_one_line_that_names_the_case(data, model, tmp_path, capsys):
    (data / "imagesTr" / "miss_0000.nii.gz").write_bytes(b"broken")
    line = error_line(data, model, tmp_path / "out", capsys)
    assert "Case miss:" in line
    assert "miss_0000.nii.gz" in line


def test_a_label_map_on_another_grid_is_one_line_that_names_the_case(data, model, tmp_path, capsys):
    write_nifti(data / "labelsTr" / "hit.nii.gz", np.ones((5, 20, 24), np.uint8))
    assert "Case hit:" in error_line(data, model, tmp_path / "out", capsys)


def test_an_output_folder_that_is_a_file_is_one_line(data, model, tmp_path, capsys):
    (tmp_path / "out").write_text("in the way")
    assert run(data, model, tmp_path / "out") == OutputError.exit_code
    assert "out cannot be written to" in capsys.readouterr().err


@pytest.fixture
def never_segment(monkeypatch):
    def fail(*_, **__):
        pytest.fail("a case was segmented")
    monkeypatch.setattr(evaluate, "score_case", fail)


@pytest.mark.parametrize("options", [("--cases", "hit", "case9999"), ("--split", "no.json"),
                                     ("--label-map", "no.yaml"), ("--layout", "btcv")])
def test_what_is_not_there_is_found_before_the_first_case(data, model, tmp_path, capsys, never_segment, options):
    error_line(data, model, tmp_path / "out", capsys, *options)


def test_a_missing_file_is_found_before_the_first_case(data, model, tmp_path, capsys, never_segment):
    (data / "labelsTr" / "miss.nii.gz").unlink()
    (data / "labelsTr" / "miss.nii.gz").symlink_to("gone.nii.gz")
    assert "miss.nii.gz cannot be read" in error_line(data, model, tmp_path / "out", capsys)


def test_an_output_folder_is_found_wanting_before_the_first_case(data, model, tmp_path, never_segment):
    (tmp_path / "file").write_text("in the way")
    assert run(data, model, tmp_path / "file" / "out") == OutputError.exit_code


def test_a_dry_run_tells_parameters_operations_memory_and_time_and_writes_nothing(data, tiny_bundle, tmp_path, capsys):
    assert run(data, tiny_bundle, tmp_path / "out", "--dry-run", "--pictures", "--record") == 0
    printed = capsys.readouterr().out
    # 6 slices of 5 mm are all run; 20 x 24 voxels of 2 x 0.5 mm are at most 24 x 8 pixels of 2 mm.
    for words in ("12 parameters", "The coarse heads of the training are left out and norms merged.",
                  "GFLOPs for a slice of", "x 8 pixels", "hit, miss", "6 of the 6 slices",
                  "GiB of memory", "Cases: 2, together 2.0 times as large on disk as hit", "about 1 min"):
        assert words in printed
    assert not (tmp_path / "out").exists()
    assert load_bundle(tiny_bundle).results == {}


def test_a_dry_run_tells_with_how_many_parameters_the_network_was_trained(data, tiny_bundle, tmp_path, capsys):
    update_description(tiny_bundle, provenance={"parameters": {"teacher": 9000, "student": 1652}})
    assert run(data, tiny_bundle, tmp_path / "out", "--dry-run") == 0
    assert "It was trained with 1,652: coarse heads of the training are left out" in capsys.readouterr().out


def test_a_dry_run_of_a_checkpoint_is_one_of_its_bundle(data, checkpoint, tmp_path, capsys):
    assert run(data, checkpoint, tmp_path / "out", "--dry-run", "--cases", "hit") == 0
    assert "last.ckpt" in capsys.readouterr().out


def test_a_wrong_option_is_one_line(data, model, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(data, model, tmp_path / "out", "--thraeds", "1")
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.count("\n") == 1 and "--thraeds" in error


def test_cases_and_split_together_are_refused(data, model, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        run(data, model, tmp_path / "out", "--cases", "hit", "--split", "split.json")
    assert stopped.value.code == 2


def test_negative_threads_are_refused(data, model, tmp_path):
    with pytest.raises(SystemExit):
        run(data, model, tmp_path / "out", "--threads", "-1")


LARGE_BOX = np.s_[1:5, 5:13, 5:17]


def test_a_real_bundle_is_scored_on_what_the_shipped_runner_gives(data, tiny_bundle, tmp_path):
    add_case(data, "large", found={LIVER_HU: LARGE_BOX}, real={3: LARGE_BOX})
    assert run(data, tiny_bundle, tmp_path / "out", "--cases", "large", "--threads", "1") == 0
    volume = read_volume(data / "imagesTr" / "large_0000.nii.gz")
    labels = np.zeros(volume.voxels.shape, np.uint8)
    for _ in segment(volume, load_bundle(tiny_bundle), labels, SegmentOptions(threads=1)):
        pass
    reference = np.zeros(labels.shape, bool)
    reference[LARGE_BOX] = True
    expected = dice(labels == LIVER.value, reference)
    assert expected > 0.8
    rows = read_rows(tmp_path / "out" / "results.csv")
    assert float(rows["large", "liver", "millimetre", "dice"]) == expected


def test_the_means_are_recorded_in_the_bundle_and_its_card_when_asked_for(data, tiny_bundle, tmp_path):
    add_case(data, "large", found={LIVER_HU: LARGE_BOX}, real={3: LARGE_BOX})
    arguments = [data, tiny_bundle, tmp_path / "out", "--cases", "large", "--threads", "1"]
    assert run(*arguments) == 0
    assert load_bundle(tiny_bundle).results == {}
    assert run(*arguments, "--record") == 0
    recorded = load_bundle(tiny_bundle).results
    assert recorded["cases"] == ["large"]
    assert recorded["transunet"]["organs"]["liver"]["dice"] > 0.8
    card = (tiny_bundle / "README.md").read_text(encoding="utf-8")
    assert f"{recorded['transunet']['organs']['liver']['dice']:.3f}" in card


def test_recorded_figures_are_the_network_s_own_whosever_they_were(data, tiny_bundle, tmp_path):
    add_case(data, "large", found={LIVER_HU: LARGE_BOX}, real={3: LARGE_BOX})
    parts = {"training": ["large"], "unlabelled": [], "validation": []}
    measured = {"sha256": "f" * 64, "data": parts | {"training": ["other"]}}
    update_description(tiny_bundle, provenance={"data": parts, "measured": measured})
    assert run(data, tiny_bundle, tmp_path / "out", "--cases", "large", "--record") == 0
    card = (tiny_bundle / "README.md").read_text(encoding="utf-8")
    assert "It was trained on large, where it was measured as well." in card
    assert "figures of the network" not in card and "measured" not in load_bundle(tiny_bundle).provenance


def test_failures_are_recorded_with_what_they_were_compared_with(data, tiny_bundle, tmp_path):
    arguments = [data, tiny_bundle, tmp_path / "out", "--cases", "hit"]
    assert run(*arguments, "--record-failures", "a program's output") == 0
    bundle = load_bundle(tiny_bundle)
    assert bundle.provenance["failures"] == {"reference": "a program's output"} and bundle.results == {}
    assert (tiny_bundle / "failures.png").read_bytes() == (tmp_path / "out" / "failures.png").read_bytes()
    assert "a program's output above, prediction below." in (tiny_bundle / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_tiny_checkpoint(tmp_path_factory.mktemp("run") / "student" / "last.ckpt")


def test_a_checkpoint_is_scored_as_the_bundle_that_it_would_become(data, checkpoint, tmp_path):
    add_case(data, "large", found={LIVER_HU: LARGE_BOX}, real={3: LARGE_BOX})
    assert run(data, checkpoint, tmp_path / "out", "--cases", "large") == 0
    document = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert document["bundle"]["name"] == "student/last.ckpt"
    assert set(document["cases"]["large"]["organs"]) == {"liver"}


def test_the_bundle_of_a_checkpoint_is_gone_afterwards(checkpoint):
    with opened_model(checkpoint) as bundle:
        assert bundle.folder.is_dir()
    assert not bundle.folder.exists()


def test_nothing_is_recorded_in_a_checkpoint(data, checkpoint, tmp_path, capsys):
    for options in (["--record"], ["--record-failures", "reference"]):
        assert "checkpoint" in error_line(data, checkpoint, tmp_path / "out", capsys, *options)


def test_a_damaged_checkpoint_is_one_line(data, tmp_path, capsys):
    (tmp_path / "bad.ckpt").write_bytes(b"broken")
    assert "bad.ckpt" in error_line(data, tmp_path / "bad.ckpt", tmp_path / "out", capsys)


def test_scans_without_reference_are_left_out_and_refused_when_named(data, model, tmp_path, capsys):
    write_nifti(data / "imagesTr" / "blank_0000.nii.gz", made_up_voxels())
    assert "blank" in error_line(data, model, tmp_path / "out", capsys, "--cases", "blank")
    assert run(data, model, tmp_path / "out") == 0
    assert {key[0] for key in read_rows(tmp_path / "out" / "results.csv")} == {"hit", "miss"}


def test_the_folder_of_a_run_is_one_line_that_names_its_bundle(data, tiny_bundle, tmp_path, capsys):
    tiny_bundle.rename(tmp_path / "bundle")
    line = error_line(data, tmp_path, tmp_path / "out", capsys)
    assert f"name its bundle, {tmp_path / 'bundle'}." in line


def test_a_missing_bundle_is_one_line(data, tmp_path, capsys):
    assert run(data, tmp_path / "nothing", tmp_path / "out") == BundleError.exit_code
    assert "model.json" in capsys.readouterr().err


def test_it_runs_as_a_script():
    command = [sys.executable, str(SCRIPT), "--help"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr
    for option in ("--model", "--data", "--cases", "--split", "--out", "--threads", "--pictures"):
        assert option in result.stdout
