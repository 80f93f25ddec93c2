"""What a segmentation gives: labels, the table of organs, a picture, and files of all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional, Union

from MISTKDSegmentLib.errors import OutputError
from MISTKDSegmentLib.extras import require
from MISTKDSegmentLib.inference.options import DEFAULTS, SegmentOptions

# As in `segment`: what brings numpy or SimpleITK is imported where it is used.
if TYPE_CHECKING:

    import numpy as np
    import SimpleITK as sitk

    from MISTKDSegmentLib.geometry.volume import Volume
    from MISTKDSegmentLib.inference.signals import Signals
    from MISTKDSegmentLib.model.bundle import Bundle
    from MISTKDSegmentLib.model.labels import Label
    from MISTKDSegmentLib.report.table import OrganRow

ENDINGS = (".seg.nrrd", ".nrrd", ".nii.gz", ".dcm", ".csv", ".png")


class TableRow(NamedTuple):
    """One organ in the table of a result.

    Attributes:
        organ: its name, such as "left_kidney".
        label: its value in `Result.labels`.
        volume_ml: its volume in millilitres; 0 where it was not found.
        mean_hu: its mean HU; None where it was not found.
        voxels: number of its voxels.
        flags: what to beware of, such as "cut by the field of view"; see `report.table.FLAGS`.
        quality: "good", "look" or "poor"; "" where the model does not say.
        predicted_dice: how good it is likely to be, 0 to 1; None where it was not found or the model does not say.
        absence_probability: of an organ that was not found, how likely it is not there; else None.
    """

    organ: str
    label: int
    volume_ml: float
    mean_hu: Optional[float]
    voxels: int
    flags: tuple[str, ...]
    quality: str = ""
    predicted_dice: Optional[float] = None
    absence_probability: Optional[float] = None


class OrganTable(tuple[TableRow, ...]):
    """The rows of a result, which print as a table; `pandas.DataFrame` takes them."""

    def __str__(self) -> str:
        heads = ("organ", "volume (mL)", "mean HU", "quality", "flags")
        lines: list[tuple[str, ...]] = [heads]
        lines += ((row.organ, f"{row.volume_ml:.1f}", "-" if row.mean_hu is None else f"{row.mean_hu:.0f}",
                   row.quality, ", ".join(row.flags)) for row in self)
        if not any(row.quality for row in self):
            lines = [(*cells, flags) for *cells, _, flags in lines]
        widths = [max(map(len, column)) for column in zip(*lines)]
        return "\n".join("  ".join(cell.rjust(width) if column in (1, 2) else cell.ljust(width)
                                   for column, (cell, width) in enumerate(zip(cells, widths))).rstrip()
                         for cells in lines)

    __repr__ = __str__


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """A segmented scan. In a notebook it shows itself as a picture.

    Attributes:
        volume: the scan: voxels (k, j, i) in HU, and where they lie in the patient.
        labels: uint8 (k, j, i) on the scan's own grid: 0, or the value of an organ.
        model: what segmented it.
        options: how it was segmented.
        source: the file or DICOM folder that it was read from; None where it was in memory.
        files: names of the scan's slices, where the folder holds other files as well; empty means all.
        signals: what the network says besides the labels; None where the model does not say how good they are.

    Examples:
        >>> from MISTKDSegmentLib import segment
        >>> result = segment("my_ct.nii.gz", organs=["liver"])
        >>> result.labels.shape == result.volume.voxels.shape, result.labels.dtype
        (True, dtype('uint8'))
        >>> liver = result.table[0]
        >>> liver.organ, liver.label, 1000 < liver.volume_ml < 2500
        ('liver', 5, True)
        >>> int(result.mask("liver").sum()) == liver.voxels
        True
        >>> result.doubts
        ()
    """

    volume: Volume
    labels: np.ndarray
    model: Bundle
    options: SegmentOptions = DEFAULTS
    source: Optional[Path] = None
    files: tuple[str, ...] = ()
    signals: Optional[Signals] = None

    @property
    def organs(self) -> tuple[Label, ...]:
        """What was asked for, with value, name, title, colour and codes."""
        return self.model.labels_named(self.options.organs)

    @cached_property
    def rows(self) -> tuple[OrganRow, ...]:
        """What was measured of each organ, and how good it is likely to be."""
        from MISTKDSegmentLib.report.judgement import judged
        from MISTKDSegmentLib.report.table import measure

        return judged(measure(self.volume, self.labels, self.organs, self.options.region), self.model, self.signals)

    @property
    def table(self) -> OrganTable:
        """The organs, found or not, in the model's order or that of `options.organs`."""
        return OrganTable(map(_table_row, self.rows))

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """What speaks against the result as a whole, a sentence each; empty where nothing does."""
        from MISTKDSegmentLib.inference.mirror_check import looks_mirrored
        from MISTKDSegmentLib.report.doubts import find_doubts

        return find_doubts(self.volume, self.labels, self.rows, self.options.region,
                           lambda: looks_mirrored(self.volume, self.model, self.labels, self.options.threads))

    @property
    def _unsure(self) -> dict[str, str]:
        return {row.organ: row.quality for row in self.table if row.quality not in ("", "good")}

    def mask(self, organ: str) -> np.ndarray:
        """Where an organ is: bool (k, j, i).

        Args:
            organ: its name.

        Raises:
            BundleError: the model does not know it.
        """
        return self.labels == self.model.label(organ).value

    def image(self) -> sitk.Image:
        """The labels as a SimpleITK image."""
        from MISTKDSegmentLib.geometry.sitk_image import to_image

        return to_image(self.volume.with_voxels(self.labels))

    def save(self, path: Union[str, os.PathLike[str]]) -> Path:
        """Write the result; the file appears whole or not at all.

        Args:
            path: its ending says what is written: `.seg.nrrd` (segmentation of 3D Slicer, with names, colours and
                codes), `.nrrd` or `.nii.gz` (label map), `.dcm` (DICOM SEG, where the scan is a DICOM folder), `.csv`
                (table) or `.png` (picture). A file of that name is replaced.

        Returns:
            The path.

        Raises:
            OutputError: the ending is unknown, the file cannot be written, or it is the scan itself.
            InputError: the scan's DICOM headers lack what a segmentation refers to.
            ExtraError: `.dcm` needs the package highdicom.
        """
        path = Path(path)
        self._check_is_not_the_scan(path)
        name = path.name
        if name.endswith(".dcm"):
            self._save_dicom(path)
        elif name.endswith(".csv"):
            from MISTKDSegmentLib.report.table import write_csv

            write_csv(path, self.rows, self.doubts)
        elif name.endswith(".png"):
            from MISTKDSegmentLib.report.overlay import write_overlay

            write_overlay(path, self.volume, self.labels, self.organs, self._unsure)
        elif name.endswith(ENDINGS):
            from MISTKDSegmentLib.io.writing import write_segmentation

            write_segmentation(path, self.volume, self.labels, self.organs)
        else:
            raise OutputError(f"{path} has an unknown file type; use a name ending in "
                              f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.")
        return path

    def _check_is_not_the_scan(self, path: Path) -> None:
        if self.source is not None and os.path.exists(path) and path.samefile(self.source):
            raise OutputError(f"{path} is the scan itself; choose another name.")

    def _save_dicom(self, path: Path) -> None:
        if self.source is None or not self.source.is_dir():
            raise OutputError(f"{path} is not written because {self.source or 'the scan'} is no DICOM folder, and a "
                              "DICOM segmentation refers to one; choose .seg.nrrd or .nii.gz.")
        require("highdicom", "dicom", f"To write {path.name}")
        from MISTKDSegmentLib.io.dicom.segmentation import write_dicom_seg

        write_dicom_seg(path, self.volume, self.labels, self.organs, self.model, self.source, self.files)

    def __repr__(self) -> str:
        found = [row for row in self.rows if row.voxels]
        return (f"<Result: {self.volume.name}, {len(found)} of {len(self.rows)} organs found"
                f"{': ' if found else ''}{', '.join(f'{row.label.name} {row.volume_ml:.1f} mL' for row in found)}>")

    def _repr_png_(self) -> bytes:
        """The picture, as IPython and Jupyter ask for it."""
        from MISTKDSegmentLib.report.overlay import draw_overlay

        file = BytesIO()
        draw_overlay(self.volume, self.labels, self.organs, self._unsure).save(file, format="PNG")
        return file.getvalue()


def _table_row(row: OrganRow) -> TableRow:
    measured = row.label.name, row.label.value, row.volume_ml, row.mean_hu, row.voxels, row.flags
    if row.quality is None:
        return TableRow(*measured)
    score = row.quality.score
    return TableRow(*measured, row.quality.word, *((score, None) if row.quality.is_found else (None, score)))
