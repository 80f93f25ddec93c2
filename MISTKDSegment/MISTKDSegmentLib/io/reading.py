"""Scans from files and DICOM folders; whatever is not a usable CT is refused in one sentence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Union

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError, check_name
from MISTKDSegmentLib.geometry.checks import check_geometry, check_spacing, sheared
from MISTKDSegmentLib.geometry.sitk_image import to_volume
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io.console import captured_stderr
from MISTKDSegmentLib.io.dicom.folder import read_dicom_folder
from MISTKDSegmentLib.io.metaimage import check_metaimage, voxels_of_metaimage
from MISTKDSegmentLib.io.nifti import check_nifti, not_numbers
from MISTKDSegmentLib.io.nrrd import check_nrrd, voxels_of_nrrd
from MISTKDSegmentLib.io.payload import check_is_file

# The reader is named, because ITK would otherwise try all it has, and some of them print to the console.
_IMAGE_IO = {".nii.gz": "NiftiImageIO", ".nii": "NiftiImageIO", ".nrrd": "NrrdImageIO",
             ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
SUFFIXES = tuple(_IMAGE_IO)
_CHECKS = {"NiftiImageIO": check_nifti, "NrrdImageIO": check_nrrd, "MetaImageIO": check_metaimage}
# Every abdominal CT has fat (about -100 HU) and nearly all have air, also when clipped to a soft-tissue
# window such as [-125, 275] HU; MR, PET and pictures have no negative values but traces from resampling.
_FAT_OR_AIR_HU = -50.0
_MIN_FAT_OR_AIR = 0.001
_MIN_RANGE_HU = 200.0
_TISSUE_HU = -200.0


def files_of(path: Path) -> tuple[Path, ...]:
    """The file and, where its voxels lie in another one, that as well.

    Raises:
        InputError: a header is damaged, or the other file is not there.
        OSError: it cannot be read.
    """
    find = {".mhd": voxels_of_metaimage, ".nhdr": voxels_of_nrrd}.get(path.suffix.lower())
    return tuple(dict.fromkeys((path, find(path)))) if find else (path,)


def read_volume(path: Path, files: Sequence[str] = ()) -> Volume:
    """Read a CT scan.

    Args:
        path: NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd) file, or a folder with one
            DICOM series.
        files: names of that series' slices, where the folder holds other files as well.

    Returns:
        HU, int16 where all values are integers that fit, else float32; named after the file or folder.

    Raises:
        InputError: missing, damaged or unsupported file, unusable geometry, or values that no CT has.
    """
    volume = _read(Path(path), files)
    check_hu(path, volume.voxels)
    return replace(volume, voxels=_compact(volume.voxels))


def check_hu(name: Union[Path, str], voxels: np.ndarray) -> None:
    """Refuse voxels that are not those of a CT in HU.

    Args:
        name: for the message.
        voxels: (k, j, i).

    Raises:
        InputError: no voxels, no numbers, or values that no CT has.
    """
    _check_values(name, voxels)
    _check_is_ct(name, voxels)


def read_label_map(path: Path) -> Volume:
    """Read a label map, e.g. a reference segmentation.

    Args:
        path: file as in `read_volume`.

    Returns:
        uint8 labels on the file's grid.

    Raises:
        InputError: as in `read_volume`, or a value that is no integer from 0 to 255.
    """
    volume = _read(Path(path))
    with np.errstate(invalid="ignore"):
        labels = volume.voxels.astype(np.uint8)
    if not np.array_equal(labels, volume.voxels):
        raise InputError(f"{path} is not a label map of integers from 0 to 255; pass a segmentation.")
    return replace(volume, voxels=labels)


def _read(path: Path, files: Sequence[str] = ()) -> Volume:
    if not os.path.exists(path):
        raise InputError(f"{path} does not exist; check the spelling of the path.")
    check_name(path, InputError)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    volume = _read_folder(path, files) if path.is_dir() else _read_file(path)
    check_geometry(path, volume)
    return volume


def _read_folder(path: Path, files: Sequence[str]) -> Volume:
    try:
        return replace(read_dicom_folder(path, files), name=path.resolve().name or "volume")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error


def _read_file(path: Path) -> Volume:
    check_is_file(path)
    suffix = _suffix(path)
    try:
        open(path, "rb").close()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    _CHECKS[_IMAGE_IO[suffix]](path)
    read = _read_metaimage if suffix in (".mha", ".mhd") else _read_image
    image = read(path, _IMAGE_IO[suffix])
    name = path.name[:-len(suffix)]
    name = name[:-len(".seg")] if name.lower().endswith(".seg") else name
    return to_volume(image, name or "volume")


def _suffix(path: Path) -> str:
    for suffix in _IMAGE_IO:
        if path.name.lower().endswith(suffix):
            return suffix
    if path.suffix.lower() in (".dcm", ".ima") or _is_dicom(path):
        raise InputError(f"{path} is a single DICOM file; pass the folder of its series.")
    known = ", ".join(_IMAGE_IO)
    raise InputError(f"{path} has an unknown file type; pass a {known} file or a DICOM folder.")


def _is_dicom(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error


def _read_image(path: Path, image_io: str) -> sitk.Image:
    reader = sitk.ImageFileReader()
    reader.SetImageIO(image_io)
    reader.SetFileName(os.fspath(path))
    try:
        reader.ReadImageInformation()
        _check_header(path, reader)
        image = reader.Execute()
    except RuntimeError as error:
        raise _translated(path, str(error)) from error
    return image[(slice(None),) * 3 + (0,) * (image.GetDimension() - 3)]


def _read_metaimage(path: Path, image_io: str) -> sitk.Image:
    # ITK prints its reasons to the console here, and takes broken compressed data for voxels after saying so.
    with captured_stderr() as printed:
        image = _read_image(path, image_io)
        printed.seek(0)
        if b"Uncompress failed" in printed.read():
            raise _translated(path, "")
    return image


def _translated(path: Path, itk_message: str) -> InputError:
    if "orthonormal" in itk_message or "determinant" in itk_message:
        return sheared(path)
    if "FieldCheck_spacings" in itk_message:
        return InputError(f"{path} has an impossible spacing in its header; correct it or export again.")
    return InputError(f"{path} is damaged, truncated or no {_suffix(path)} file; copy or export it again.")


def _check_header(path: Path, reader: sitk.ImageFileReader) -> None:
    size = reader.GetSize()
    if len(size) < 3:
        raise InputError(f"{path} is a 2-D picture without slice thickness and patient orientation; save it "
                         "as a 3-D volume of one slice.")
    if max(size[3:], default=1) > 1:
        raise InputError(f"{path} is {len(size)}-D (sizes {size}), a CT is 3-D; save one volume of it.")
    if reader.GetNumberOfComponents() > 1:
        raise InputError(f"{path} has {reader.GetNumberOfComponents()} values per voxel (colour, vector or "
                         "complex), not one; pass the CT itself.")
    # Here and not after reading: while reading, ITK turns a negative spacing into a mirrored volume.
    check_spacing(path, reader.GetSpacing()[:3])


def _check_values(path: Union[Path, str], voxels: np.ndarray) -> None:
    if voxels.size == 0:
        raise InputError(f"{path} has no voxels; export it again.")
    broken = 0 if np.isfinite(voxels.sum(dtype=np.float64)) else int((~np.isfinite(voxels)).sum())
    if broken:
        raise not_numbers(path, broken)
    if voxels.min() == voxels.max():
        raise InputError(f"{path} is empty: every voxel is {voxels.min():g}; choose another scan.")


def _check_is_ct(path: Union[Path, str], voxels: np.ndarray) -> None:
    low, high = float(voxels.min()), float(voxels.max())
    values = f"values from {low:g} to {high:g}"
    if low >= 0 and high <= 255:
        raise InputError(f"{path} looks already windowed or like a picture ({values}); choose the CT in HU.")
    if high - low < _MIN_RANGE_HU:
        raise InputError(f"{path} is no CT in HU but perhaps normalised ({values}); choose the CT in HU.")
    if np.count_nonzero(voxels < _FAT_OR_AIR_HU) < _MIN_FAT_OR_AIR * voxels.size:
        raise InputError(f"{path} is no CT in HU ({values}, hardly any below {_FAT_OR_AIR_HU:g}, where fat "
                         "and air lie) but perhaps MR, or CT without rescale intercept; choose the CT in HU.")
    if high < _TISSUE_HU:
        raise InputError(f"{path} shows nothing but air ({values} HU); choose a scan of the abdomen.")


def _compact(voxels: np.ndarray) -> np.ndarray:
    limits = np.iinfo(np.int16)
    if voxels.min() < limits.min or voxels.max() > limits.max:
        return voxels.astype(np.float32)
    integers = voxels.astype(np.int16)
    return integers if np.array_equal(integers, voxels) else voxels.astype(np.float32, copy=False)
