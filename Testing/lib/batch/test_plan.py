"""What is a case and what it is called."""

import os
import sys
from pathlib import Path

import pytest

from MISTKDSegmentLib.batch.case import Case
from MISTKDSegmentLib.batch.plan import make_plan
from Testing.lib.small_scans import write_ct_series


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(*inputs):
    return [case.name for case in make_plan(inputs).cases]


def test_names_mirror_the_folders_of_a_tree(tmp_path):
    touch(*(tmp_path / one for one in ("a/ct.nii.gz", "b/ct.NII.GZ", "b/c/ct.v2.nrrd", "top.mha")))
    assert names(tmp_path) == ["a/ct", "b/c/ct.v2", "b/ct", "top"]


def test_several_inputs_are_named_below_the_folder_that_holds_them_all(tmp_path):
    touch(*(tmp_path / one for one in ("a/ct.nii.gz", "b/x/ct.nii.gz", "b/x/other.nii.gz")))
    assert names(tmp_path / "a" / "ct.nii.gz", tmp_path / "b") == ["a/ct", "b/x/ct", "b/x/other"]
    assert names(tmp_path / "b/x/ct.nii.gz", tmp_path / "b/x/other.nii.gz") == ["ct", "other"]


def test_files_that_differ_in_type_or_in_case_alone_have_names_that_differ_everywhere(tmp_path):
    touch(*(tmp_path / one for one in ("ct.nii.gz", "ct.nrrd", "ct.mha", "summary.nii")))
    assert names(tmp_path) == ["ct", "ct-2", "ct-3", "summary-2"]
    if sys.platform == "linux":
        touch(tmp_path / "CT.nii")
        assert names(tmp_path) == ["CT", "ct-2", "ct-3", "ct-4", "summary-2"]


def test_an_input_named_twice_is_one_case(tmp_path):
    touch(tmp_path / "a" / "ct.nii.gz")
    assert names(tmp_path / "a", tmp_path / "a/ct.nii.gz", tmp_path / "a/../a/ct.nii.gz") == ["a/ct"]


@pytest.mark.parametrize("name", ["a.seg.nrrd", "a.seg.nii.gz", "a-label.nrrd", "a_seg.nii.gz", "a_mask.nii.gz",
                                  "labels.nii.gz", "a.segmentation.mha"])
def test_label_maps_are_left_out_and_said_so(tmp_path, name):
    touch(tmp_path / name, tmp_path / "a.nii.gz")
    for inputs in ([tmp_path], [tmp_path / name, tmp_path / "a.nii.gz"]):
        plan = make_plan(inputs)
        assert [case.name for case in plan.cases] == ["a"]
        assert plan.left_out_sentences() == [f"Left out, named like a label map: {tmp_path / name}"]


@pytest.mark.parametrize("name", ["chestnut.nii.gz", "mask_of_zorro.nii.gz", "labelled.nrrd", "segway.mha"])
def test_scans_with_such_words_in_their_names_stay(tmp_path, name):
    touch(tmp_path / name)
    assert len(make_plan([tmp_path]).cases) == 1


def test_hidden_files_and_folders_and_other_files_are_no_cases(tmp_path):
    touch(*(tmp_path / one for one in ("._a.nii.gz", ".cache/a.nii.gz", "a.csv", "a.png", "a.mistkd")))
    assert make_plan([tmp_path]).cases == ()


def test_what_is_named_and_no_scan_is_said_and_what_is_missing_is_a_case_that_will_fail(tmp_path):
    touch(tmp_path / "a.csv")
    plan = make_plan([tmp_path / "a.csv", tmp_path / "gone.nii.gz"])
    assert [case.name for case in plan.cases] == ["gone"]
    assert plan.left_out_sentences() == [f"Left out, no scan by its name: {tmp_path / 'a.csv'}"]


def test_series_of_a_study_are_named_after_folder_and_number(tmp_path):
    study = tmp_path / "study"
    for number in (3, 12):
        write_ct_series(study / "mixed", number, slices=2)
    write_ct_series(study / "mixed", 4, slices=1, modality="MR")
    write_ct_series(study / "alone", 5, slices=2)
    plan = make_plan([study])
    assert [case.name for case in plan.cases] == ["alone", "mixed-series12", "mixed-series3"]
    assert [case.files for case in plan.cases][1] == ("s12-0.dcm", "s12-1.dcm")
    assert plan.left_out_sentences() == [f"Left out, of modality MR: {study / 'mixed'} (series 4)"]


def test_one_sentence_names_three_places_of_many(tmp_path):
    touch(*(tmp_path / f"{k}_seg.nii" for k in range(5)))
    sentence, = make_plan([tmp_path]).left_out_sentences()
    assert sentence.endswith("2_seg.nii and 2 more") and sentence.count("_seg.nii") == 3


def test_a_folder_of_one_series_is_read_as_one_scan_and_a_tree_is_not(tmp_path):
    alone = write_ct_series(tmp_path / "alone", slices=2)
    touch(alone / "alone.seg.nrrd", alone / "alone.csv")
    assert make_plan([alone]).only_scan(alone) == Case(alone, files=("s1-0.dcm", "s1-1.dcm"))
    assert make_plan([tmp_path]).only_scan(tmp_path) is None
    (tmp_path / "empty").mkdir()
    assert make_plan([tmp_path / "empty"]).only_scan(tmp_path / "empty") == Case(tmp_path / "empty")
    write_ct_series(alone, 2, slices=1, modality="MR")
    assert make_plan([alone]).only_scan(alone) is None


def test_a_series_in_several_folders_is_one_case_of_the_folder_that_holds_them(tmp_path):
    study = tmp_path / "study"
    write_ct_series(study / "x", slices=4)
    for k in range(4):
        (study / f"D{k // 2}").mkdir(exist_ok=True)
        (study / "x" / f"s1-{k}.dcm").rename(study / f"D{k // 2}" / f"{k}")
    files = ("D0/0", "D0/1", "D1/2", "D1/3")
    for inputs in ([tmp_path], [study], [study / "D0", study / "D1"]):
        plan = make_plan(inputs)
        assert [(case.name, case.source, tuple(Path(file).as_posix() for file in case.files)) for case in plan.cases] \
            == [("study", study, files)]
    assert make_plan([study]).only_scan(study) is not None


@pytest.mark.skipif(os.name != "posix", reason="makes symbolic links")
def test_links_are_followed_once_and_never_round_in_circles(tmp_path):
    touch(tmp_path / "elsewhere" / "ct.nii.gz")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(tmp_path / "elsewhere")
    (tree / "up").symlink_to(tree)
    assert names(tree) == ["link/ct"]


def test_sources_do_not_depend_on_the_working_folder(tmp_path, monkeypatch):
    touch(tmp_path / "a.nii", tmp_path / "b.nii")
    monkeypatch.chdir(tmp_path)
    assert [case.source for case in make_plan([Path("a.nii"), Path("b.nii")]).cases] == [tmp_path / "a.nii",
                                                                                     tmp_path / "b.nii"]


@pytest.mark.skipif(os.name != "posix", reason="makes a pipe")
def test_a_pipe_in_a_tree_is_passed_over_and_not_waited_for(tmp_path):
    write_ct_series(tmp_path / "study", slices=2)
    os.mkfifo(tmp_path / "study" / "pipe")
    case, = make_plan([tmp_path]).cases
    assert case.files == ("s1-0.dcm", "s1-1.dcm")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
@pytest.mark.parametrize("is_slice", [False, True])
def test_a_file_whose_name_is_no_utf_8_belongs_to_a_series_if_it_is_dicom(tmp_path, is_slice):
    write_ct_series(tmp_path / "study", slices=2)
    odd = Path(os.fsdecode(os.fsencode(tmp_path / "study") + b"/B\xe4uche"))
    odd.write_bytes((tmp_path / "study" / "s1-0.dcm").read_bytes() if is_slice else b"notes")
    case, = make_plan([tmp_path]).cases
    assert case.files == ("s1-0.dcm", "s1-1.dcm", *([odd.name] if is_slice else []))


def test_a_folder_that_cannot_be_opened_is_a_case_that_will_fail(tmp_path, monkeypatch):
    def refused(folder, scandir=os.scandir):
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    touch(tmp_path / "a.nii.gz", tmp_path / "closed" / "b.nii.gz")
    monkeypatch.setattr(os, "scandir", refused)
    plan = make_plan([tmp_path])
    assert [(case.name, case.source.name) for case in plan.cases] == [("a", "a.nii.gz"), ("closed", "closed")]
    assert plan.left_out == ()
