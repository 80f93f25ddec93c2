"""A small good series, and functions that break it the ways in which people reported theirs to be broken.

Each takes the folder with the good series in it. Names of the slices are IM00, IM01, … from the lowest up.
"""

import gzip
import random
import shutil

import numpy as np
import pydicom
from pydicom.uid import UID as Uid
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from Testing.lib.dicom_files import UID, change, no_image, write_slice

COUNT, STEP_MM = 12, 5.0
SAGITTAL = ((0, 1, 0), (0, 0, -1))
HTJ2KLossless = Uid("1.2.840.10008.1.2.4.201")
CLASSES = "1.2.840.10008.5.1.4.1.1."
CAPTURE, ENHANCED_CT, CONTOURS, REPORT, DISPLAY = (CLASSES + end for end in ("7", "2.1", "481.3", "88.67", "11.1"))


def hu(count=COUNT, more=0):
    """Fat in air with organs in it, another shade of them in each slice; 288 mm wide."""
    values = np.full((count, 24, 24), -1000, np.int16)
    values[:, 2:22, 2:22] = -100
    values[:, 4:12, 4:10] = 100 + more
    values[:, 14:18, 12:20] = 40 + np.arange(count, dtype=np.int16)[:, None, None]
    return values


GOOD = hu()


def write(folder, values=GOOD, first_mm=0.0, step_mm=STEP_MM, *, prefix="IM", first_number=1, compressor="",
          **attributes):
    """A series with what a scanner writes."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, one in enumerate(values):
        path = folder / f"{prefix}{k:02}"
        write_slice(path, k, (0, 0, first_mm + step_mm * k), values=one, spacing=(12.0, 12.0), compressor=compressor)
        usual = {
            "SeriesNumber": 2, "InstanceNumber": first_number + k, "AcquisitionNumber": 1, "PatientID": "0",
            "StudyInstanceUID": UID + "7", "FrameOfReferenceUID": UID + "6",
            "SOPInstanceUID": f"{UID}9.{first_number}.{k}", "AcquisitionDate": "20000101", "AcquisitionTime": "120000"}
        change(path, **{name: value for name, value in {**usual, **attributes}.items() if value is not None})


def slices(folder):
    return sorted(path for path in folder.iterdir() if path.name.startswith("IM"))


def put(only=range(COUNT), **attributes):
    """Change attributes of some slices; what is callable gets the number of the slice."""
    def fault(folder):
        for k, path in enumerate(slices(folder)):
            if k in only:
                change(path, **{name: value(k) if callable(value) else value for name, value in attributes.items()})
    return fault


def both(*faults):
    def fault(folder):
        for one in faults:
            one(folder)
    return fault


def stored_otherwise(only=range(COUNT), slope=1, intercept=0, signed=True, bits=16, photometric="MONOCHROME2"):
    """The same HU by other stored values."""
    def fault(folder):
        for k in only:
            path = slices(folder)[k]
            stored = np.rint((GOOD[k].astype(float) - intercept) / slope).astype(np.int64)
            change(path, RescaleSlope=slope, RescaleIntercept=intercept, PixelRepresentation=int(signed),
                   BitsStored=bits, HighBit=bits - 1, PhotometricInterpretation=photometric,
                   PixelData=(stored & (1 << bits) - 1).astype("<u2").tobytes())
    return fault


def rewritten(compressor):
    def fault(folder):
        shutil.rmtree(folder)
        write(folder, compressor=compressor)
    return fault


def in_syntax(syntax):
    def fault(folder):
        for path in slices(folder):
            header = pydicom.dcmread(path)
            if syntax.is_encapsulated:
                header.compress(RLELossless)
            header.file_meta.TransferSyntaxUID = syntax
            header.save_as(path, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    return fault


def without_preamble(folder):
    in_syntax(ImplicitVRLittleEndian)(folder)
    for path in slices(folder):
        content = path.read_bytes()
        path.write_bytes(content[content.index(b"\x08\0\x08\0"):])


def in_folders(place):
    """Spread the slices over folders by their numbers."""
    def fault(folder):
        for k, path in enumerate(slices(folder)):
            (folder / place(k)).mkdir(parents=True, exist_ok=True)
            path.rename(folder / place(k) / path.name)
    return fault


def renamed(name):
    def fault(folder):
        for k, path in enumerate(slices(folder)):
            path.rename(folder / name(k))
    return fault


def uid_per_slice(*keywords):
    return put(**{keyword: (lambda k: f"{UID}5.{k}") if keyword.endswith("UID") else (lambda k: 100 + k)
                  for keyword in keywords})


def beside(name="other", position=(0, 0, 30), axes=((1, 0, 0), (0, 1, 0)), values=GOOD[0], **attributes):
    """One more image in the folder."""
    def fault(folder):
        write_slice(folder / name, 0, position, axes=axes, values=values, spacing=(12.0, 12.0))
        change(folder / name, SeriesNumber=2, StudyInstanceUID=UID + "7", FrameOfReferenceUID=UID + "6",
               PatientID="0", **attributes)
    return fault


def second_pass(first_mm=2.5, values=None, without=(), **attributes):
    """A second series of slices in the same series."""
    def fault(folder):
        write(folder, hu(more=50) if values is None else values, first_mm, prefix="second", first_number=101,
              **attributes)
        for k in without:
            (folder / f"second{k:02}").unlink()
    return fault


def at_random(**attributes):
    order = random.Random(1).sample(range(1, COUNT + 1), COUNT)
    return put(**{name: lambda k, form=form: form(order[k]) for name, form in attributes.items()})


def removed(*numbers):
    def fault(folder):
        for path in [slices(folder)[k] for k in numbers]:
            path.unlink()
    return fault


def content(only, change_bytes):
    def fault(folder):
        path = slices(folder)[only]
        path.write_bytes(change_bytes(path.read_bytes()))
    return fault


def packed(folder):
    path = slices(folder)[-1]
    path.with_name(f"{path.name}.dcm.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def short(folder):
    """A slice whose last rows are not there, with a header that says so of its length."""
    change(slices(folder)[3], PixelData=GOOD[3, :20].tobytes())


def damaged_report(folder):
    path = no_image(folder / "report", REPORT, SOPClassUID=REPORT, PatientComments="x" * 500)
    path.write_bytes(path.read_bytes()[:300])


def colour(folder):
    for path in slices(folder):
        change(path, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, BitsAllocated=8,
               BitsStored=8, HighBit=7, PixelRepresentation=0, PixelData=bytes(24 * 24 * 3))


def many_frames(folder):
    first, *others = slices(folder)
    for path in others:
        path.unlink()
    change(first, NumberOfFrames=2, SOPClassUID=ENHANCED_CT, PixelData=GOOD[:2].tobytes())


AS_GOOD = {
    "nothing": lambda folder: None,
    # Values.
    "MONOCHROME1, signed": stored_otherwise(photometric="MONOCHROME1"),
    "MONOCHROME1, 12 bits": stored_otherwise(intercept=-1024, signed=False, bits=12, photometric="MONOCHROME1"),
    "MONOCHROME1, half units": stored_otherwise(slope=0.5, intercept=-1000, photometric="MONOCHROME1"),
    "MONOCHROME1 in one slice": stored_otherwise([4], photometric="MONOCHROME1"),
    "other slopes and intercepts in some slices": both(stored_otherwise([2, 5], slope=0.5),
                                                       stored_otherwise([7], intercept=-1000)),
    "signed and unsigned slices": stored_otherwise([1, 2, 3], intercept=-1024, signed=False),
    "RescaleType HU": put(RescaleType="HU"),
    "RescaleType unspecified": put(RescaleType="US"),
    # Forms of storage.
    "JPEG 2000": rewritten("JPEG2000"), "JPEG lossless": rewritten("JPEG"), "RLE": in_syntax(RLELossless),
    "deflated": in_syntax(DeflatedExplicitVRLittleEndian), "implicit VR": in_syntax(ImplicitVRLittleEndian),
    "no preamble": without_preamble,
    "names with endings": renamed("slice ({}).DCM".format),
    "names against the order": renamed(lambda k: f"{99 - k}"),
    # What belongs together.
    "a series UID for each slice": uid_per_slice("SeriesInstanceUID"),
    "UIDs of study and series for each slice": uid_per_slice("SeriesInstanceUID", "StudyInstanceUID",
                                                             "FrameOfReferenceUID"),
    "a series UID and number for each slice": uid_per_slice("SeriesInstanceUID", "SeriesNumber"),
    "a series UID and folder for each slice": both(uid_per_slice("SeriesInstanceUID"), in_folders(lambda k: f"S{k}")),
    "no series UID": put(SeriesInstanceUID=None), "no frame of reference": put(FrameOfReferenceUID=None),
    "two halves with a UID each": put(range(6), SeriesInstanceUID=UID + "5"),
    "three folders": in_folders(lambda k: f"D{k // 5}"),
    "every third slice in another folder": in_folders(lambda k: f"D{k % 3}"),
    "nested folders": in_folders(lambda k: "a" if k < 4 else "a/b" if k < 8 else "a/b/c/d"),
    "three folders without numbers": both(put(InstanceNumber=None), in_folders(lambda k: f"D{k // 5}")),
    "copies of files": lambda folder: [shutil.copy(path, folder / f"copy of {path.name}") for path in slices(folder)],
    "a rotation for each slice": put(AcquisitionNumber=lambda k: k, AcquisitionTime=lambda k: f"1200{59 - 2 * k:02}"),
    "two rotations, one beyond the other": put(range(6), AcquisitionNumber=2, AcquisitionTime="120010"),
    "instance numbers at random": at_random(InstanceNumber=int),
    "times at random": at_random(AcquisitionTime=lambda n: f"1200{n:02}"),
    "no numbers": put(InstanceNumber=None, AcquisitionNumber=None, AcquisitionTime=None, AcquisitionDate=None),
    "no acquisition number in some": put([2, 7], AcquisitionNumber=None),
    "no modality": put(Modality=None),
    # What lies beside.
    "a localizer": beside(position=(100, 0, 60), axes=SAGITTAL, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
    "a localizer of another name": beside(position=(100, 0, 60), axes=SAGITTAL),
    "an axial localizer": beside(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
    "a screenshot": beside(SOPClassUID=CAPTURE, ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"],
                           ImagePositionPatient=None, ImageOrientationPatient=None),
    "a dose report as CT": beside(ImageType=["DERIVED", "SECONDARY", "DOSE_INFO"], ImagePositionPatient=None),
    "a projection of all slices": beside(ImageType=["DERIVED", "SECONDARY", "AXIAL", "MIP"]),
    "a coronal reformat": both(*(beside(f"cor{k}", (0, 12 * k, 60), ((1, 0, 0), (0, 0, -1)),
                                        ImageType=["DERIVED", "SECONDARY", "MPR"]) for k in range(20))),
    "another modality": beside(Modality="PT", SeriesInstanceUID=UID + "8.9"),
    "a media directory": lambda folder: no_image(folder / "DIRFILE", "1.2.840.10008.1.3.10", FileSetID="X"),
    "a report, contours and a display": lambda folder: [
        no_image(folder / f"x{n}.dcm", kind, SOPClassUID=kind) for n, kind in enumerate((REPORT, CONTOURS, DISPLAY))],
    "a damaged report": damaged_report,
    "notes": lambda folder: (folder / "README.txt").write_text("hello"),
}

LATE = {"AcquisitionNumber": 2, "AcquisitionTime": "120130"}
TOLD_BY = ("InstanceNumber", "AcquisitionNumber", "AcquisitionTime")
# Each gives the good scan and another one.
SEVERAL = {
    "two acquisitions": second_pass(**LATE),
    "two acquisitions without a number": both(
        put(AcquisitionNumber=None), second_pass(AcquisitionNumber=None, AcquisitionTime="120130")),
    "two acquisitions that the order of the slices alone tells": second_pass(),
    "two phases of the same places": second_pass(0.0, **LATE),
    "two phases by their temporal position": both(
        put(TemporalPositionIdentifier=1, InstanceNumber=None),
        second_pass(0.0, InstanceNumber=None, TemporalPositionIdentifier=2)),
    "two phases by their cardiac phase": both(
        put(NominalPercentageOfCardiacPhase=30, InstanceNumber=lambda k: 2 * k),
        second_pass(0.0, NominalPercentageOfCardiacPhase=70)),
    "a pass that begins within the other": second_pass(42.5, **LATE),
    "a pass that ends within the other": second_pass(-27.5, **LATE),
    "a pass of other slice distance": second_pass(1.0, hu(7, 50), step_mm=9.0, ConvolutionKernel="B70"),
    "two kernels": both(put(ConvolutionKernel="B30"), second_pass(0.0, ConvolutionKernel="B70")),
    "two tube voltages": both(put(KVP="80", InstanceNumber=None), second_pass(0.0, KVP="140", InstanceNumber=None)),
    "originals and what is derived from them": second_pass(2.5, ImageType=["DERIVED", "SECONDARY", "REFORMATTED"]),
    "two series": second_pass(0.0, SeriesInstanceUID=UID + "8.9", SeriesNumber=3),
}

REFUSED = {
    # Values.
    "no rescale": (put(RescaleSlope=None, RescaleIntercept=None), "12 of 12 images", "RescaleSlope"),
    "no intercept in one slice": (put([7], RescaleIntercept=None), "1 of 12 images (first: IM07)", "RescaleIntercept"),
    "no slope in one slice": (put([7], RescaleSlope=None), "1 of 12 images (first: IM07)", "RescaleSlope"),
    "a slope of zero": (put(RescaleSlope=0), "12 of 12 images", "RescaleSlope"),
    "an empty intercept": (put([0], RescaleIntercept=""), "1 of 12 images (first: IM00)", "RescaleIntercept"),
    "an intercept for one slice that contradicts its neighbours": (
        put([5], RescaleIntercept=0), "different RescaleSlope or RescaleIntercept", "IM05 is 1024 HU off IM04"),
    "one slice in mg/mL": (put([3], RescaleType="MGML"), "1 of 12 images (first: IM03)", "MGML"),
    # Places.
    "no pixel spacing": (put(PixelSpacing=None), "12 of 12 images", "PixelSpacing"),
    "no pixel spacing in one slice": (put([2], PixelSpacing=None), "1 of 12 images (first: IM02)", "PixelSpacing"),
    "another pixel spacing in one slice": (put([2], PixelSpacing=[11, 11]), "first: IM02", "another pixel spacing"),
    "a pixel spacing of zero": (put(PixelSpacing=[0, 0]), "12 of 12 images", "PixelSpacing"),
    "no position": (put([6], ImagePositionPatient=None), "1 of 12 images (first: IM06)", "ImagePositionPatient"),
    "no orientation": (put(ImageOrientationPatient=None), "12 of 12 images", "ImageOrientationPatient"),
    "an orientation of zeros": (put(ImageOrientationPatient=[0] * 6), "12 of 12 images", "ImageOrientationPatient"),
    "one slice turned a little": (put([4], ImageOrientationPatient=[1, 0, 0, 0, 0.9988, 0.0488]), "IM04", "oriented"),
    "one slice turned in its plane": (put([4], ImageOrientationPatient=[-1, 0, 0, 0, -1, 0]), "IM04", "oriented"),
    "a slice of another size": (beside(position=(0, 0, 60), values=GOOD[0, :16]), "1 of 13 images (first: other)",
                                "24 x 24 pixels"),
    "a gap": (removed(4, 5), "about 2 slices missing", "between 15.00 and 30.00 mm"),
    "a gap and a UID for each slice": (
        both(removed(4), uid_per_slice("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")),
        "about 1 slices missing"),
    "a gap between folders": (both(removed(5, 6), in_folders(lambda k: f"D{k // 5}")), "about 2 slices missing"),
    "unequal distances": (put([8], ImagePositionPatient=[0, 0, 41.5]), "irregular slice distances"),
    "gantry tilt": (put(ImagePositionPatient=lambda k: [0, 5 * np.tan(np.radians(10)) * k, 5 * k]),
                    "gantry tilt of 10.0 degrees"),
    "a slice twice": (beside(values=GOOD[0] + 9), "place of another one", "IM06"),
    "two frames of reference": (put(range(6), FrameOfReferenceUID=UID + "6.2"), "2 frames of reference"),
    "two acquisitions that nothing tells apart": (
        both(put(**dict.fromkeys(TOLD_BY)),
             second_pass(values=np.roll(hu(more=50), 3, axis=1), **dict.fromkeys(TOLD_BY))),
        "slices of 2 passes over the body among each other"),
    "two acquisitions, one with a gap": (second_pass(without=[5], **LATE), "acquisitions 1 and 2"),
    # Files.
    "an empty file": (content(11, lambda data: b""), "IM11 is empty"),
    "a slice that is no DICOM": (content(11, lambda data: bytes(len(data))), "IM11", "no DICOM file"),
    "a packed slice": (packed, "IM11.dcm.gz", "packed"),
    "a truncated slice": (content(11, lambda data: data[:-100]), "IM11 is damaged or truncated"),
    "a truncated header": (content(0, lambda data: data[:400]), "IM00 is damaged or truncated"),
    "missing rows": (short, "IM03 is damaged or truncated"),
    "a compression that is not decoded": (in_syntax(HTJ2KLossless), "IM00", "transfer syntax 1.2.840.10008.1.2.4.201"),
    "many frames": (many_frames, "multi-frame", "NIfTI"),
    # Nothing but what is no scan.
    "colour": (colour, "colour pictures"),
    "screenshots": (put(SOPClassUID=CAPTURE), "secondary captures"),
    "another class": (put(SOPClassUID=CLASSES + "128"), "SOP class"),
    "projections": (put(ImageType=["DERIVED", "SECONDARY", "AXIAL", "MIP"]), "computed, not scanned (MIP"),
    "localizers": (put(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizers"),
    "another modality": (put(Modality="MR"), "of modality MR"),
    "repeated pictures of one place": (put(ImagePositionPatient=[0, 0, 5]), "repeated pictures of one place"),
    "iodine": (put(RescaleType="MGML"), "not in HU but in MGML"),
    "effective atomic numbers": (put(ImageType=["DERIVED", "PRIMARY", "AXIAL", "EFF_ATOMIC_NUM"]), "EFF_ATOMIC_NUM"),
}
