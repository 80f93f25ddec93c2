"""DICOM SEG: read back by hand from its raw attributes, it says of each organ what was found, and where."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.cli import segment as cli
from MISTKDSegmentLib.errors import InputError, OutputError
from MISTKDSegmentLib.io.dicom.segmentation import write_dicom_seg
from MISTKDSegmentLib.io.reading import read_label_map, read_volume
from MISTKDSegmentLib.model.bundle import load_bundle
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Testing.lib.dicom_files import write_slice

pytest.importorskip("highdicom", reason="writing DICOM SEG needs the extra dicom")
pydicom = pytest.importorskip("pydicom")

REAL = Path(__file__).parents[5] / "shared" / "ct" / "acrin_flt_breast_001"
SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
FRAME_OF_REFERENCE = "1.2.826.0.1.3680043.2.1125.1.77"
OBLIQUE = ((1, 0, 0), (0, 0.8, 0.6))
PATIENT = {"0010|0020": "ID7", "0010|0030": "19700102", "0010|0040": "F", "0008|0050": "A3", "0020|0010": "S4",
           "0008|0020": "20200103", "0008|0030": "101112", "0020|0052": FRAME_OF_REFERENCE, "0008|0090": "Doctor^A"}


def ct_values(k):
    hu = np.full((6, 8), -100)
    hu[:2] = -1000
    return hu + k


def write_ct(folder, axes=((1, 0, 0), (0, 1, 0))):
    folder.mkdir()
    for k in range(4):
        position = tuple(2.5 * k * np.cross(*axes) + (-10, -20, 30))
        write_slice(folder / f"{99 - k}.dcm", k, position, values=ct_values(k), axes=axes, **PATIENT)
    return folder


def organs():
    """Liver in slices 1 and 2, left kidney in 2 and 3; nothing in slice 0."""
    labels = np.zeros((4, 6, 8), np.uint8)
    labels[1:3, 3:5, 1:3] = 5
    labels[2:4, 2:3, 5:8] = 3
    return labels


def written(tmp_path, tiny_bundle, folder, labels, label_table=ABDOMEN_LABELS):
    path = tmp_path / "out ü.seg.dcm"
    write_dicom_seg(path, read_volume(folder), labels, label_table, load_bundle(tiny_bundle), folder)
    return pydicom.dcmread(path)


def frames(seg):
    """(segment number, position, pixels) of each frame, from the attributes and bits alone."""
    count, rows, columns = int(seg.NumberOfFrames), seg.Rows, seg.Columns
    bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")[:count * rows * columns]
    for item, pixels in zip(seg.PerFrameFunctionalGroupsSequence, bits.reshape(count, rows, columns)):
        yield (int(item.SegmentIdentificationSequence[0].ReferencedSegmentNumber),
               np.array(item.PlanePositionSequence[0].ImagePositionPatient, float), pixels, item)


def rebuilt(seg, volume):
    """Label map on the volume's grid; segments by their titles."""
    value = {segment.SegmentNumber: label.value for segment in seg.SegmentSequence
             for label in ABDOMEN_LABELS if label.title == segment.SegmentLabel}
    labels = np.zeros(volume.voxels.shape, np.uint8)
    for number, position, pixels, _ in frames(seg):
        i, j, k = np.linalg.solve(volume.ijk_to_lps, [*position, 1])[:3]
        assert (round(i), round(j)) == (0, 0) and abs(k - round(k)) < 1e-3
        labels[round(k)][pixels > 0] = value[number]
    return labels


@pytest.mark.parametrize("axes", [((1, 0, 0), (0, 1, 0)), OBLIQUE])
def test_an_independent_reading_gives_back_every_voxel_at_its_place(tmp_path, tiny_bundle, axes):
    folder = write_ct(tmp_path / "ct", axes)
    seg = written(tmp_path, tiny_bundle, folder, organs())
    np.testing.assert_array_equal(rebuilt(seg, read_volume(folder)), organs())
    shared = seg.SharedFunctionalGroupsSequence[0]
    assert [float(mm) for mm in shared.PixelMeasuresSequence[0].PixelSpacing] == [0.9, 0.7]
    np.testing.assert_allclose(shared.PlaneOrientationSequence[0].ImageOrientationPatient, np.ravel(axes))


def test_an_independent_reader_sees_the_same_frames(tmp_path, tiny_bundle):
    """GDCM, through SimpleITK, shares no code with the packages that wrote the file."""
    written(tmp_path, tiny_bundle, write_ct(tmp_path / "ct"), organs())
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out ü.seg.dcm"), imageIO="GDCMImageIO")) > 0
    expected = [organs()[k] == value for value, slices in ((3, (2, 3)), (5, (1, 2))) for k in slices]
    np.testing.assert_array_equal(found, expected)


def test_empty_frames_and_organs_are_left_out(tmp_path, tiny_bundle):
    seg = written(tmp_path, tiny_bundle, write_ct(tmp_path / "ct"), organs())
    assert [(s.SegmentNumber, s.SegmentLabel) for s in seg.SegmentSequence] == [(1, "Left kidney"), (2, "Liver")]
    assert seg.NumberOfFrames == 4 and all(pixels.any() for _, _, pixels, _ in frames(seg))


def test_organs_that_are_not_asked_for_are_left_out(tmp_path, tiny_bundle):
    liver = [label for label in ABDOMEN_LABELS if label.name == "liver"]
    seg = written(tmp_path, tiny_bundle, write_ct(tmp_path / "ct"), organs(), liver)
    assert [s.SegmentLabel for s in seg.SegmentSequence] == ["Liver"] and seg.NumberOfFrames == 2


def test_segments_carry_their_codes_and_the_models_name_and_version(tmp_path, tiny_bundle):
    kidney = written(tmp_path, tiny_bundle, write_ct(tmp_path / "ct"), organs()).SegmentSequence[0]

    def code(item):
        return item.CodingSchemeDesignator, item.CodeValue, item.CodeMeaning

    kind = kidney.SegmentedPropertyTypeCodeSequence[0]
    assert code(kidney.SegmentedPropertyCategoryCodeSequence[0]) == ("SCT", "123037004", "Anatomical Structure")
    assert code(kind) == ("SCT", "64033007", "Kidney")
    assert code(kind.SegmentedPropertyTypeModifierCodeSequence[0]) == ("SCT", "7771000", "Left")
    algorithm = kidney.SegmentationAlgorithmIdentificationSequence[0]
    assert (kidney.SegmentAlgorithmType, algorithm.AlgorithmName, algorithm.AlgorithmVersion) == (
        "AUTOMATIC", "tiny", "1.0")
    # 3 x 16 bits of CIELab; the kidney's yellow (240, 190, 60) has L* = 79.8 of 100.
    assert kidney.RecommendedDisplayCIELabValue[0] == pytest.approx(0.798 * 65535, rel=0.01)


@pytest.mark.parametrize(("title", "expected"), [("腹部 ü", "腹部 ü"), ("a\\b", "a/b"), ("x" * 80, "x" * 64)])
def test_odd_names_are_those_of_segments_and_the_patients_stays_as_it_is(tmp_path, tiny_bundle, title, expected):
    folder = write_ct(tmp_path / "ct")
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        header.SpecificCharacterSet, header.PatientName = "ISO_IR 100", "Müller^Jörg"
        header.save_as(path)
    bundle = replace(load_bundle(tiny_bundle), name=title, version=title)
    label_table = [replace(label, title=title) for label in ABDOMEN_LABELS if label.name == "liver"]
    write_dicom_seg(tmp_path / "a.dcm", read_volume(folder), organs(), label_table, bundle, folder)
    seg = pydicom.dcmread(tmp_path / "a.dcm")
    algorithm = seg.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert [seg.SegmentSequence[0].SegmentLabel, seg.ManufacturerModelName, algorithm.AlgorithmName,
            algorithm.AlgorithmVersion, seg.PatientName] == [*[expected] * 4, "Müller^Jörg"]


def test_patient_study_and_frame_of_reference_are_the_scans_and_the_series_is_new(tmp_path, tiny_bundle):
    folder = write_ct(tmp_path / "ct")
    source = pydicom.dcmread(folder / "99.dcm")
    seg = written(tmp_path, tiny_bundle, folder, organs())
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID",
                    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "FrameOfReferenceUID"):
        assert seg[keyword].value == source[keyword].value != "", keyword
    assert seg.SOPClassUID == SEGMENTATION_STORAGE == seg.file_meta.MediaStorageSOPClassUID
    assert seg.ContentCreatorName == ""  # type 2: must be there
    assert (seg.Modality, seg.SegmentationType, seg.Manufacturer) == ("SEG", "BINARY", "MISTKDSegment")
    assert seg.SeriesInstanceUID != source.SeriesInstanceUID


def test_each_frame_refers_to_its_slice(tmp_path, tiny_bundle):
    folder = write_ct(tmp_path / "ct")
    sources = {source.SOPInstanceUID: source for source in map(pydicom.dcmread, folder.iterdir())}
    seg = written(tmp_path, tiny_bundle, folder, organs())
    for _, position, _, item in frames(seg):
        uid = item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        np.testing.assert_allclose(sources[uid].ImagePositionPatient, position)
    series = seg.ReferencedSeriesSequence[0]
    assert {one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence} <= set(sources)
    assert series.SeriesInstanceUID == next(iter(sources.values())).SeriesInstanceUID


def test_an_anonymised_series_is_enough(tmp_path, tiny_bundle):
    folder = write_ct(tmp_path / "ct")
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "StudyID", "StudyDate", "AccessionNumber"):
            del header[keyword]
        header.PatientSex = "FEMALE"
        header.save_as(path)
    seg = written(tmp_path, tiny_bundle, folder, organs())
    assert (seg.PatientID, seg.PatientSex) == ("", "") and seg.NumberOfFrames == 4


@pytest.mark.parametrize(("character_set", "name"), [
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"), ("GB18030", "Wang^XiaoDong=王^小东"),
    (["ISO 2022 IR 100", "ISO 2022 IR 126"], "Müller^Jörg"), ("ISO_IR 144", "Люкceмбypг"),
    ("ISO_IR 192", "Ångström^Ü"), (None, "Plain^Name"), ("", "Plain^Name")])
def test_names_of_every_script_arrive_in_utf_8(tmp_path, tiny_bundle, capfd, character_set, name):
    folder = write_ct(tmp_path / "ct")
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        if character_set is not None:
            header.SpecificCharacterSet = character_set
        header.PatientName, header.StudyDescription = name, name.split("^")[0][:30]
        header.save_as(path)
    seg = written(tmp_path, tiny_bundle, folder, organs())
    assert (seg.SpecificCharacterSet, seg.PatientName) == ("ISO_IR 192", name)
    assert seg.StudyDescription == name.split("^")[0][:30]
    assert capfd.readouterr() == ("", "")


def test_dates_and_a_sex_that_break_the_standard_are_left_empty(tmp_path, tiny_bundle):
    folder = write_ct(tmp_path / "ct")
    for path in folder.iterdir():
        content = path.read_bytes()
        for right, wrong in ((b"19700102", b"19700230"), (b"101112", b"99:99 "), (b"20200103", b"00000000")):
            assert right in content
            content = content.replace(right, wrong)
        path.write_bytes(content)
    seg = written(tmp_path, tiny_bundle, folder, organs())
    assert (seg.PatientBirthDate, seg.StudyDate, seg.StudyTime) == ("", "", "") and seg.PatientID == "ID7"


def test_slices_without_a_preamble_are_referred_to_as_well(tmp_path, tiny_bundle):
    folder = write_ct(tmp_path / "ct")
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        header.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        header.save_as(path, implicit_vr=True, little_endian=True)
        content = path.read_bytes()
        path.write_bytes(content[content.index(b"\x08\0\x08\0"):])
    assert written(tmp_path, tiny_bundle, folder, organs()).NumberOfFrames == 4


def test_other_images_in_the_folder_are_not_referred_to(tmp_path, tiny_bundle):
    folder = write_ct(tmp_path / "ct")
    write_slice(folder / "scout", 0, (0, 0, 100), image_type="ORIGINAL\\PRIMARY\\LOCALIZER", **PATIENT)
    np.testing.assert_array_equal(rebuilt(written(tmp_path, tiny_bundle, folder, organs()), read_volume(folder)),
                                  organs())


def test_slices_with_a_series_uid_each_are_refused_for_that_reason(tmp_path, tiny_bundle):
    folder = write_ct(tmp_path / "ct")
    for k, path in enumerate(folder.iterdir()):
        header = pydicom.dcmread(path)
        header.SeriesInstanceUID = f"1.2.3.{k}"
        header.save_as(path)
    with pytest.raises(InputError, match="different SeriesInstanceUIDs"):
        written(tmp_path, tiny_bundle, folder, organs())


def test_a_series_that_lacks_what_must_be_referred_to_is_named_with_the_attribute(tmp_path, tiny_bundle):
    folder = write_ct(tmp_path / "ct")
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        del header.StudyInstanceUID
        header.save_as(path)
    with pytest.raises(InputError, match=f"{re.escape(str(folder))} lacks StudyInstanceUID"):
        written(tmp_path, tiny_bundle, folder, organs())
    assert not list(tmp_path.glob("*.dcm"))


def test_nothing_found_is_one_sentence_and_no_file(tmp_path, tiny_bundle):
    with pytest.raises(OutputError, match="no organ was found"):
        written(tmp_path, tiny_bundle, write_ct(tmp_path / "ct"), np.zeros((4, 6, 8), np.uint8))
    assert not list(tmp_path.glob("*.dcm"))


@pytest.mark.parametrize("arguments", [[], ["a.nii.gz"]])
def test_what_is_no_dicom_folder_is_refused_before_the_run(tmp_path, tiny_bundle, capsys, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    Path("a.nii.gz").touch()
    assert cli.main([*arguments, "--model", str(tiny_bundle), "--format", "dcm"]) == 3
    assert "is no DICOM folder" in capsys.readouterr().err.splitlines()[-1]


def test_without_highdicom_the_command_says_what_to_install(tmp_path, tiny_bundle, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main([str(tmp_path), "--model", str(tiny_bundle), "--format", "dcm"]) == 2
    error = capsys.readouterr().err
    assert "needs the Python package highdicom" in error and "pip install" in error and "[dicom]" in error


@pytest.mark.skipif(not REAL.is_dir(), reason="the real series is not here")
def test_a_real_series_gives_the_same_voxels_as_seg_nrrd_and_keeps_the_patient_off_the_console(
    tmp_path, tiny_bundle, capfd
):
    folder = tmp_path / "scan"
    folder.mkdir()
    for path in sorted(REAL.glob("*.dcm"), key=lambda path: pydicom.dcmread(path, True).ImagePositionPatient[2])[:6]:
        shutil.copy(path, folder)
    arguments = [str(folder), "--model", str(tiny_bundle), "--output", str(tmp_path), "--threads", "1", "--no-picture"]
    for suffix in ("dcm", "nii.gz"):
        assert cli.main([*arguments, "--format", suffix]) == 0
    seg = pydicom.dcmread(tmp_path / "scan.seg.dcm")
    expected = read_label_map(tmp_path / "scan.seg.nii.gz")
    np.testing.assert_array_equal(rebuilt(seg, expected), expected.voxels)
    assert "ACRIN" in str(seg.PatientName) and "ACRIN" not in "".join(capfd.readouterr())
