"""Small DICOM series for tests, made with GDCM's writer, and changed with pydicom."""

import math
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.io.dicom.header import Header

UID = "1.2.826.0.1.3680043.2.1125.1."
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
AXIAL = ((1, 0, 0), (0, 1, 0))
NUMBERS = ("acquisition_number", "instance_number", "frames", "thickness_mm", "bits_allocated", "bits_stored",
           "pixel_representation", "slope", "intercept")


def slice_values(k, rows=4, columns=5):
    """HU of slice k: different for each voxel of the volume."""
    return np.arange(rows * columns, dtype=np.int16).reshape(rows, columns) + 100 * k - 1000


def write_slice(path, k, position, *, series=1, modality="CT", axes=AXIAL, intercept=-1024, slope=1,
                image_type="ORIGINAL\\PRIMARY\\AXIAL", values=None, spacing=(0.7, 0.9), compressor="", **tags):
    """One file with `values` HU, by default slice_values(k), which GDCM stores through the rescale given."""
    hu = slice_values(k) if values is None else values
    image = sitk.GetImageFromArray(hu.astype(np.int16 if slope == 1 else np.float32))
    image.SetSpacing(spacing)
    header = {"0008|0060": modality, "0008|0016": CT_STORAGE,
              "0008|0018": f"{UID}9.{series}.{abs(hash(path))}",
              "0020|000d": UID + "7", "0020|000e": f"{UID}8.{series}", "0020|0011": str(series),
              "0020|0032": "\\".join(f"{x:.6f}" for x in position), "0008|0008": image_type,
              "0020|0037": "\\".join(str(x) for axis in axes for x in axis), "0010|0010": "SECRET^NAME",
              "0028|0100": "16", "0028|0101": "16", "0028|0102": "15", "0028|0103": "1",
              "0028|1052": str(intercept), "0028|1053": str(slope), **tags}
    for tag, value in header.items():
        image.SetMetaData(tag, value)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    writer.SetImageIO("GDCMImageIO")
    writer.SetUseCompression(bool(compressor))
    writer.SetCompressor(compressor)
    writer.SetFileName(str(path))
    writer.Execute(image)


def write_series(folder, slices=6, step=2.5, prefix="a", **options):
    """Axial slices whose file names run against their order in space."""
    folder.mkdir(exist_ok=True)
    for k in range(slices):
        write_slice(folder / f"{prefix}{99 - k}.dcm", k, (-10, -20, 30 + step * k), **options)
    return folder


def change(path, **attributes):
    """Set attributes of a file by their keywords; None takes one away."""
    import pydicom

    header = pydicom.dcmread(path)
    for keyword, value in attributes.items():
        if value is None:
            delattr(header, keyword)
        else:
            setattr(header, keyword, value)
    if "SOPClassUID" in attributes:
        header.file_meta.MediaStorageSOPClassUID = attributes["SOPClassUID"]
    header.save_as(path)


def no_image(path, sop_class, **attributes):
    """A DICOM file without pixels: a report, contours, a presentation state, a media directory."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID, header.file_meta.MediaStorageSOPInstanceUID = sop_class, UID + "3"
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    header.save_as(path, enforce_file_format=True)
    return path


def made_up_header(z=0.0, **changes):
    """The header of an axial slice at a height in mm, without a file."""
    fields = {**dict.fromkeys(Header._fields, ""), **dict.fromkeys(NUMBERS, math.nan)}
    fields.update(path=Path(f"scan/{z}"), size=(4, 4), components=1, modality="CT", spacing_mm=(1.0, 1.0),
                  position=(0.0, 0.0, z), axes=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), slope=1.0, intercept=-1024.0)
    return Header(**{**fields, **changes})
