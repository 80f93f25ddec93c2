"""Scans from files and DICOM folders; whatever is not a usable CT is refused in one sentence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Optional

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError, check_name
from MISTKDSegmentLib.geometry.checks import check_geometry, check_spacing, sheared
from MISTKDSegmentLib.geometry.orientation import direction_of
from MISTKDSegmentLib.geometry.sitk_image import to_volume
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.hu_checks import check_scan
from MISTKDSegmentLib.io.console import captured_stderr
from MISTKDSegmentLib.io.metaimage import check_metaimage, voxels_of_metaimage
from MISTKDSegmentLib.io.nifti import check_nifti
from MISTKDSegmentLib.io.nrrd import check_nrrd, voxels_of_nrrd
from MISTKDSegmentLib.io.payload import StoredVoxels, check_is_file
from MISTKDSegmentLib.io.signature import check_signature

# The reader is named, because ITK would otherwise try all it has, and some of them print to the console.
_IMAGE_IO = {".nii.gz": "NiftiImageIO", ".nii": "NiftiImageIO", ".nrrd": "NrrdImageIO",
             ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
SUFFIXES = tuple(_IMAGE_IO)
_CHECKS = {"NiftiImageIO": check_nifti, "NrrdImageIO": check_nrrd, "MetaImageIO": check_metaimage}


def files_of(path: Path) -> tuple[Path, ...]:
    """The file and, where its voxels lie in another one, that as well.

    Raises:
        InputError: a header is damaged, or the other file is not there.
        OSError: it cannot be read.
    """
    find = {".mhd": voxels_of_metaimage, ".nhdr": voxels_of_nrrd}.get(path.suffix.lower())
    return tuple(dict.fromkeys((path, find(path)))) if find else (path,)


def read_volume(path: Path, files: Sequence[str] = (), orientation: Optional[str] = None) -> Volume:
    """Read a CT scan.

    Args:
        path: NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd) file, or a folder with one
            DICOM series.
        files: names of that series' slices, where the folder holds other files as well.
        orientation: how the voxels of a file lie in the patient, whatever its header says; see `direction_of`. DICOM
            slices have their own.

    Returns:
        HU, int16 where all values are integers that fit, else float32; named after the file or folder.

    Raises:
        InputError: missing, damaged or unsupported file, unusable geometry, or values that no CT has.
    """
    volume = _read(Path(path), files, orientation)
    check_scan(path, volume)
    return replace(volume, voxels=_compact(volume.voxels))


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


def _read(path: Path, files: Sequence[str] = (), orientation: Optional[str] = None) -> Volume:
    if not os.path.exists(path):
        raise InputError(f"{path} does not exist; check the spelling of the path.")
    check_name(path, InputError)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    volume = _read_folder(path, files) if path.is_dir() else _read_file(path, orientation)
    check_geometry(path, volume)
    return volume


def _read_folder(path: Path, files: Sequence[str]) -> Volume:
    from MISTKDSegmentLib.io.dicom.folder import read_dicom_folder  # files do without

    try:
        return replace(read_dicom_folder(path, files), name=path.resolve().name or "volume")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error


def _read_file(path: Path, orientation: Optional[str]) -> Volume:
    check_is_file(path)
    suffix = _suffix(path)
    try:
        check_signature(path, suffix)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    stored = _CHECKS[_IMAGE_IO[suffix]](path, orientation is not None)
    volume = _read_voxels(path, suffix, stored)
    return volume if orientation is None else replace(volume, direction=direction_of(orientation))


def _read_voxels(path: Path, suffix: str, stored: StoredVoxels) -> Volume:
    """The volume as ITK reads it, if it is what the file says; its voxels are decompressed once where that is sure."""
    seal = stored.seal
    if seal is None or not seal.has_length():
        stored.check()
        return _volume_of_file(path, suffix, stored.unwanted_shift)
    try:
        volume = _volume_of_file(path, suffix, stored.unwanted_shift)
    except InputError:
        stored.check()  # which knows better why
        raise
    if not seal.fits(volume.voxels):
        stored.check()
    return volume


def _volume_of_file(path: Path, suffix: str, unwanted_shift: float) -> Volume:
    read = _read_metaimage if suffix in (".mha", ".mhd") else _read_image
    image = read(path, _IMAGE_IO[suffix])
    name = path.name[:-len(suffix)]
    name = name[:-len(".seg")] if name.lower().endswith(".seg") else name
    volume = to_volume(image, name or "volume")
    if unwanted_shift:
        volume = volume.with_voxels(volume.voxels - np.float32(unwanted_shift))
    return volume


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
    more = image.GetDimension() - 3
    return image[(slice(None),) * 3 + (0,) * more] if more else image  # indexing copies


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


def _compact(voxels: np.ndarray) -> np.ndarray:
    limits = np.iinfo(np.int16)
    if voxels.dtype == np.int16:
        return voxels
    if voxels.min() < limits.min or voxels.max() > limits.max:
        return voxels.astype(np.float32)
    integers = voxels.astype(np.int16)
    return integers if np.array_equal(integers, voxels) else voxels.astype(np.float32, copy=False)
