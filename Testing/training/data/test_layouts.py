"""The layouts: what each finds in its folders, and what it refuses."""

import json

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Testing.training import raw_data
from Testing.training.raw_data import BOXES, NAMES, body, ours, reference, write
from Training.data.layouts.registry import open_dataset
from Training.data.preparation import prepare
from Training.data.prepared import IGNORE

ORGANS = ABDOMEN_LABELS


def scan_of(folder, name=None, **options):
    dataset = open_dataset(folder, ORGANS, **options)
    return dataset.scans[name] if name else next(iter(dataset.scans.values()))


def read(scan):
    return scan.read_reference(scan.read_volume())


def refused(folder, message, **options):
    with pytest.raises(InputError, match=message) as caught:
        read(scan_of(folder, **options))
    assert str(caught.value).count("\n") == 0 and str(caught.value).endswith(".")


class TestNnunet:
    @pytest.mark.parametrize("ending", [".nii", ".nrrd", ".mha"])
    def test_any_file_ending(self, tmp_path, ending):
        scan = scan_of(raw_data.nnunet(tmp_path, "a", ending=ending))
        np.testing.assert_array_equal(read(scan), reference(ours()))

    def test_unlabelled_and_test_cases(self, tmp_path):
        raw_data.nnunet(tmp_path, "a")
        write(tmp_path / "imagesTr" / "b_0000.nii.gz", body())
        write(tmp_path / "imagesTs" / "c_0000.nii.gz", body())
        write(tmp_path / "imagesTs" / "d_0000.nii.gz", body())
        write(tmp_path / "labelsTs" / "d.nii.gz", reference(ours()))
        scans = open_dataset(tmp_path, ORGANS).scans
        assert {name: (bool(scan.annotated), scan.is_test) for name, scan in scans.items()} == {
            "a": (True, False), "b": (False, False), "c": (False, False), "d": (True, True)}
        assert not read(scans["b"]).any()

    def test_decathlon(self, tmp_path):
        write(tmp_path / "imagesTr" / "liver_1.nii.gz", body())
        write(tmp_path / "labelsTr" / "liver_1.nii.gz", reference({"liver": 1}))
        write(tmp_path / "imagesTs" / "liver_2.nii.gz", body())
        (tmp_path / "imagesTr" / "._liver_1.nii.gz").write_bytes(b"left by a Mac")
        labels = {"0": "background", "1": "liver", "2": "cancer"}
        description = {"labels": labels, "modality": {"0": "CT"}, "licence": "CC-BY-SA 4.0", "name": "Liver"}
        (tmp_path / "dataset.json").write_text(json.dumps(description))
        dataset = open_dataset(tmp_path, ORGANS)
        assert (dataset.source, dataset.licence, dataset.unused) == ("Liver", "CC-BY-SA 4.0", ("cancer",))
        assert [scan.annotated for scan in dataset.scans.values()] == [("liver",), ()]
        np.testing.assert_array_equal(read(dataset.scans["liver_1"]), reference({"liver": 5}))

    def test_numbers_in_names_are_no_channels(self, tmp_path):
        """AMOS as it is distributed: amos_0001.nii.gz for image and label map."""
        for name in ("amos_0001", "amos_0002"):
            write(tmp_path / "imagesTr" / f"{name}.nii.gz", body())
        write(tmp_path / "labelsTr" / "amos_0001.nii.gz", reference({"aorta": 8}))
        (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"0": "background", "8": "aorta"}}))
        assert list(open_dataset(tmp_path, ORGANS).scans) == ["amos_0001", "amos_0002"]

    def test_ct_among_channels(self, tmp_path):
        raw_data.nnunet(tmp_path, channel_names={"0": "PET", "1": "CT"})
        write(tmp_path / "imagesTr" / "a_0000.nii.gz", body(1))
        write(tmp_path / "imagesTr" / "a_0001.nii.gz", body(2))
        write(tmp_path / "labelsTr" / "a.nii.gz", reference(ours()))
        (scan,) = open_dataset(tmp_path, ORGANS).scans.values()
        np.testing.assert_array_equal(scan.read_volume().voxels, body(2))
        raw_data.nnunet(tmp_path, channel_names={"0": "T1", "1": "T2"})
        refused(tmp_path, "has the channels T1, T2; name the one that is CT so")

    def test_regions_and_the_ignore_label(self, tmp_path):
        values = {"liver": 1, "spleen": 2, "stomach": 3}
        declared = {"background": 0, "liver": [1, 2], "tumor": 2, "ignore": 3}
        scan = scan_of(raw_data.nnunet(tmp_path, "a", values=values, declared=declared))
        np.testing.assert_array_equal(read(scan), reference({"liver": 5, "spleen": 5, "stomach": IGNORE}))
        assert scan.annotated == ("liver",)

    @pytest.mark.parametrize(
        ("declared", "message"),
        [({"background": 0, "liver": 5}, r"has the label values 1, 2, 3, 4, 6, 7, 8, which the data set does not"),
         ({"background": 0, "organ": 5}, r"\(background, organ\) give none of the organs .*; write a label map"),
         ({"background": 0, "liver": 300}, "value 300; give one from 0 to 255"),
         ({"background": 0, "liver": "five"}, "value 'five'; give an integer"),
         (7, 'has no "labels"')],
    )
    def test_misfit_labels_are_refused(self, tmp_path, declared, message):
        refused(raw_data.nnunet(tmp_path, "a", declared=declared), message)

    def test_other_grid_is_refused(self, tmp_path):
        raw_data.nnunet(tmp_path, "a")
        path = tmp_path / "labelsTr" / "a.nii.gz"
        write(path, reference(ours()), origin_mm=(0.0, 3.0, 0.0))
        refused(tmp_path, "differ in spacing, origin or direction")
        # 79 voxels further the corners are 0.79 mm apart.
        write(path, reference(ours()), spacing_mm=(1.51, 1.5, 5.0))
        refused(tmp_path, "differ in spacing, origin or direction")
        write(path, reference(ours())[1:])
        refused(tmp_path, r"has shape \(7, 60, 80\) but .* has \(8, 60, 80\)")

    def test_label_map_without_image(self, tmp_path):
        raw_data.nnunet(tmp_path, "a")
        write(tmp_path / "labelsTr" / "b.nii.gz", reference(ours()))
        refused(tmp_path, r"b.nii.gz has no image; put it at .*imagesTr/b_0000.nii.gz")

    def test_one_name_twice_is_refused(self, tmp_path):
        raw_data.nnunet(tmp_path, "a")
        write(tmp_path / "imagesTs" / "a_0000.nii.gz", body())
        refused(tmp_path, "are both named a; rename one")

    @pytest.mark.parametrize(
        ("text", "message"),
        [("{", "is not valid JSON"), ("[]", 'has no "labels"'),
         ('{"labels": {"liver": 1}, "file_ending": ".png"}', "has the file ending .png; convert")])
    def test_bad_description_is_refused(self, tmp_path, text, message):
        (raw_data.nnunet(tmp_path, "a") / "dataset.json").write_text(text)
        refused(tmp_path, message)

    def test_values_must_be_numbers(self, tmp_path):
        voxels = body().astype(np.float32)
        voxels[0, 0, 0] = np.nan
        write(raw_data.nnunet(tmp_path, "a") / "imagesTr" / "a_0000.nii.gz", voxels)
        refused(tmp_path, "a_0000.nii.gz has 1 ")


class TestBtcv:
    @pytest.mark.parametrize(
        ("images", "labels"),
        [(".", "."), ("img", "label"), ("RawData/Training/img", "RawData/Training/label"),
         ("averaged-training-images", "averaged-training-labels")],
    )
    def test_numbers_become_ours(self, tmp_path, images, labels):
        scan = scan_of(raw_data.btcv(tmp_path, (5,), images=images, labels=labels), "case0005")
        np.testing.assert_array_equal(read(scan), reference(ours()))

    def test_test_scans_are_unlabelled(self, tmp_path):
        write(raw_data.btcv(tmp_path) / "Testing" / "img" / "img0061.nii.gz", body())
        dataset = open_dataset(tmp_path, ORGANS)
        assert [(name, bool(scan.annotated)) for name, scan in dataset.scans.items()] == [
            ("case0001", True), ("case0061", False)]
        assert "esophagus" in dataset.unused and "liver" not in dataset.unused

    def test_label_map_without_image(self, tmp_path):
        write(raw_data.btcv(tmp_path) / "Training" / "label" / "label0002.nii.gz", reference(ours()))
        refused(tmp_path, "has no image; put img0002 beside it")

    def test_one_number_twice_is_refused(self, tmp_path):
        raw_data.btcv(raw_data.btcv(tmp_path), images="img", labels="label")
        refused(tmp_path, "have one number")


class TestTransUNet:
    def test_slices_become_scans_in_hu(self, tmp_path):
        raw_data.transunet(tmp_path, test_case="case0001")
        spacing = tmp_path / "spacing.yaml"
        spacing.write_text("case0001: [1.5, 1.5, 5]\n")
        dataset = open_dataset(tmp_path, ORGANS, spacing=spacing)
        for name, spacing_mm, is_test in (("case0001", (1.5, 1.5, 5.0), True),
                                          ("case0005", (0.9062, 0.9062, 3.0), False)):
            scan = dataset.scans[name]
            volume = scan.read_volume()
            assert volume.spacing_mm == spacing_mm and scan.is_test is is_test
            np.testing.assert_allclose(volume.voxels, np.clip(body(), -125, 275), atol=1e-3)
            np.testing.assert_array_equal(scan.read_reference(volume), reference(ours()))

    def test_same_as_the_volume(self, tmp_path, monkeypatch):
        # So few pixels of the case's true size make no body.
        monkeypatch.setattr("MISTKDSegmentLib.inference.body.NARROWEST_MM", 10.0)
        raw = raw_data.nnunet(tmp_path / "nifti", "case0009")
        spacing = (0.9766, 0.9766, 2.5)
        write(raw / "imagesTr" / "case0009_0000.nii.gz", np.clip(body(), -125, 275), spacing_mm=spacing)
        write(raw / "labelsTr" / "case0009.nii.gz", reference(ours()), spacing_mm=spacing)
        prepare(raw, tmp_path / "a")
        prepare(raw_data.transunet(tmp_path / "transunet", "case0009"), tmp_path / "b")
        with np.load(tmp_path / "a" / "case0009.npz") as a, np.load(tmp_path / "b" / "case0009.npz") as b:
            np.testing.assert_array_equal(a["labels"], b["labels"])
            assert np.abs(a["image"].astype(int) - b["image"]).max() <= 1

    def test_unknown_spacing_is_refused(self, tmp_path):
        raw_data.transunet(tmp_path, "case0099")
        refused(tmp_path, r"case0099 is not known .* YAML file with \"case0099: \[i, j, k\]")

    def test_missing_slice(self, tmp_path):
        (raw_data.transunet(tmp_path) / "train_npz" / "case0005_slice003.npz").unlink()
        refused(tmp_path, "lacks slice 3 of case0005")

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [({"image": np.full((80, 60), 2.0), "label": np.zeros((80, 60))}, "has values outside 0 to 1"),
         ({"image": np.full((80, 60), np.nan), "label": np.zeros((80, 60))}, "has values outside 0 to 1"),
         ({"image": np.zeros((80, 60)), "label": np.full((80, 60), 0.5)}, "no integers from 0 to 255"),
         ({"image": np.zeros((80, 60)), "label": np.full((80, 60), 9)}, "has the label values 9"),
         ({"image": np.zeros((80, 60))}, "holds no label of case0005"),
         ({"image": np.zeros((79, 60)), "label": np.zeros((80, 60))}, "holds no image of case0005")],
    )
    def test_bad_arrays_are_refused(self, tmp_path, arrays, message):
        raw_data.transunet(tmp_path)
        np.savez(tmp_path / "train_npz" / "case0005_slice002.npz", **arrays)
        refused(tmp_path, message)

    def test_a_damaged_volume_is_refused(self, tmp_path):
        (tmp_path / "case0005.npy.h5").write_bytes(b"no such thing")
        refused(tmp_path, "case0005.npy.h5 holds no image of case0005")

    @pytest.mark.parametrize("text", ["- 1", "case0005: 3", "case0005: [1, 2]", "case0005: [0, 1, 1]",
                                      "case0005: [a, 1, 1]"])
    def test_bad_spacings_are_refused(self, tmp_path, text):
        path = tmp_path / "spacing.yaml"
        path.write_text(text)
        refused(raw_data.transunet(tmp_path / "raw"), r"spacing\.yaml", spacing=path)


class TestTotalSegmentator:
    def test_missing_masks(self, tmp_path):
        raw_data.totalsegmentator(tmp_path, "s0000", "s0001")
        (tmp_path / "s0001" / "segmentations" / "kidney_left.nii.gz").unlink()
        write(tmp_path / "s0002" / "ct.nii.gz", body())
        scans = open_dataset(tmp_path, ORGANS).scans
        assert [len(scan.annotated) for scan in scans.values()] == [8, 7, 0]
        assert "left_kidney" not in scans["s0001"].annotated
        expected = {name: value for name, value in ours().items() if name != "left_kidney"}
        np.testing.assert_array_equal(read(scans["s0001"]), reference(expected))

    def test_masks_of_any_value_count(self, tmp_path):
        raw_data.totalsegmentator(tmp_path, "s0000")
        write(tmp_path / "s0000" / "segmentations" / "liver.nii.gz", reference({"liver": 255}))
        np.testing.assert_array_equal(read(scan_of(tmp_path)), reference(ours()))

    def test_sliver_belongs_to_neither(self, tmp_path):
        raw_data.totalsegmentator(tmp_path, "s0000")
        mask = reference({"spleen": 1})
        mask[4, 14, 12:20] = 1  # 8 of the liver's 896 voxels; the spleen has 360
        write(tmp_path / "s0000" / "segmentations" / "spleen.nii.gz", mask)
        refused(tmp_path, "has 8 voxels of spleen that belong to liver too; correct these masks")
        mask[4, 14, 15:20] = 0  # 3 are less than 1 % of 363
        write(tmp_path / "s0000" / "segmentations" / "spleen.nii.gz", mask)
        labels = read(scan_of(tmp_path))
        assert (labels == IGNORE).sum() == 3 and (labels[4, 14, 12:15] == IGNORE).all()

    def test_several_masks_make_one_organ(self, tmp_path):
        raw_data.totalsegmentator(tmp_path, "s0000", "s0001")
        (tmp_path / "s0001" / "segmentations" / "spleen.nii.gz").unlink()
        path = tmp_path / "map.yaml"
        path.write_text("organs: {liver: [liver, spleen], stomach: stomach}\nignore: aorta\n")
        scans = open_dataset(tmp_path, ORGANS, label_map=path).scans
        assert [scan.annotated for scan in scans.values()] == [("liver", "stomach"), ("stomach",)]
        expected = {"liver": 5, "spleen": 5, "stomach": 8, "aorta": IGNORE}
        np.testing.assert_array_equal(read(scans["s0000"]), reference(expected))
        np.testing.assert_array_equal(read(scans["s0001"]), reference({"stomach": 8, "aorta": IGNORE}))

    def test_mask_of_both_sides(self, tmp_path):
        raw_data.totalsegmentator(tmp_path, "s0000", missing=["left_kidney", "right_kidney"])
        mask = reference({"left_kidney": 1, "right_kidney": 1})
        write(tmp_path / "s0000" / "segmentations" / "kidney.nii.gz", mask)
        path = tmp_path / "map.yaml"
        path.write_text("organs: {liver: liver}\nsides: [{labels: kidney, left: left_kidney, right: right_kidney}]\n")
        scan = scan_of(tmp_path, label_map=path)
        np.testing.assert_array_equal(read(scan), reference({"liver": 5, "left_kidney": 3, "right_kidney": 4}))
        assert scan.annotated == ("left_kidney", "right_kidney", "liver")
        mask[BOXES["liver"]] = 1
        write(tmp_path / "s0000" / "segmentations" / "kidney.nii.gz", mask)
        refused(tmp_path, "has 896 voxels of kidney that belong to liver too", label_map=path)

    def test_mask_on_another_grid(self, tmp_path):
        raw_data.totalsegmentator(tmp_path, "s0000")
        write(tmp_path / "s0000" / "segmentations" / "liver.nii.gz", reference({})[:5])
        refused(tmp_path, r"liver.nii.gz has shape \(5, 60, 80\)")


class TestScans:
    def test_files_and_dicom_folders(self, tmp_path):
        write(tmp_path / "a.nrrd", body())
        write(tmp_path / "b.nii.gz", body())
        (tmp_path / "notes.txt").write_text("not a scan")
        for series in ("patient/study/series", "other"):
            (tmp_path / series).mkdir(parents=True)
            (tmp_path / series / "1").write_bytes(bytes(128) + b"DICM")
        scans = open_dataset(tmp_path, ORGANS).scans
        assert list(scans) == ["a", "b", "other", "patient_study_series"]
        assert not any(scan.annotated for scan in scans.values())
        assert not read(scans["a"]).any()

    def test_one_dicom_series(self, tmp_path):
        folder = tmp_path / "series"
        folder.mkdir()
        (folder / "1.dcm").write_bytes(b"")
        assert list(open_dataset(folder, ORGANS).scans) == ["series"]

    def test_two_files_of_one_name_are_refused(self, tmp_path):
        write(tmp_path / "a.nrrd", body())
        write(tmp_path / "a.nii.gz", body())
        refused(tmp_path, "have one name; remove one of them")


class TestPrepared:
    def test_window_on_the_training_grid(self, tmp_path):
        prepare(raw_data.nnunet(tmp_path / "raw", "a"), tmp_path / "out")
        scan = scan_of(tmp_path / "out")
        volume = scan.read_volume()
        assert volume.spacing_mm == (1.5, 1.5, 5.0) and scan.annotated == tuple(NAMES)
        assert (volume.voxels.min(), volume.voxels.max()) == (-125, 275)
        assert np.abs(np.median(volume.voxels[BOXES["liver"]]) - 150) < 1
        labels = scan.read_reference(volume)
        box = BOXES["liver"]
        assert (labels == 5).sum() == (reference({"liver": 1})[box]).sum()

    def test_organs_become_those_asked_for(self, tmp_path):
        prepare(raw_data.totalsegmentator(tmp_path / "raw", "s0000", missing=["spleen"]), tmp_path / "out")
        scan = open_dataset(tmp_path / "out", (ABDOMEN_LABELS[6], ABDOMEN_LABELS[4])).scans["s0000"]
        assert scan.annotated == ("liver",)
        assert set(np.unique(read(scan))) == {0, 2}
