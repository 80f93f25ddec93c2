"""The picture of a result: axial, coronal and sagittal views with the organs drawn over the CT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Optional, Union

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from MISTKDSegmentLib.geometry.box import bounding_box
from MISTKDSegmentLib.geometry.canonical_frame import CanonicalFrame, canonical_frame
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.preprocess import body_box, window
from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.labels import Label

WIDTH_PX, MARGIN_PX, GAP_PX, HEADER_PX = 1400, 40, 56, 116
MAX_VIEW_HEIGHT_PX = 900
WINDOW_HU = (-160.0, 240.0)
ORGAN_MARGIN_MM = 120.0
FILL_OPACITY = 0.28
NAME_FITS = 0.75  # share of a name that must lie on its organ
DOT_PX = 6  # length of a dot of an outline and of the gap after it, in the enlarged views
OVERSAMPLING = 2  # views are drawn twice as large and reduced, which smooths the outlines
BACKGROUND, TEXT, DIM = (14, 16, 20), (232, 234, 238), (138, 144, 154)

_Color = tuple[int, int, int]
_NONE: Mapping[str, str] = MappingProxyType({})
_Font = Union[ImageFont.FreeTypeFont, ImageFont.ImageFont]


@dataclass(frozen=True)
class _View:
    """One plane: HU and labels with rows down and columns to the right of the picture, pixel size in mm."""

    title: str
    hu: np.ndarray
    labels: np.ndarray
    row_mm: float
    column_mm: float
    letters: str  # at the left, right, upper and lower border

    @property
    def size_mm(self) -> tuple[float, float]:
        return self.hu.shape[1] * self.column_mm, self.hu.shape[0] * self.row_mm


def write_overlay(path: Path, volume: Volume, labels: np.ndarray, label_table: Sequence[Label],
                  unsure: Mapping[str, str] = _NONE) -> None:
    """Write the picture of `draw_overlay` as PNG, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    picture = draw_overlay(volume, labels, label_table, unsure)
    with atomic_path(Path(path)) as temporary:
        picture.save(temporary, format="PNG")


def draw_overlay(volume: Volume, labels: np.ndarray, label_table: Sequence[Label],
                 unsure: Mapping[str, str] = _NONE) -> Image.Image:
    """Draw three views at one common scale, as radiologists look at them.

    The patient's right is on the left of the axial and coronal views, anterior on the left of the sagittal
    one and superior up, whatever the orientation of the input. Each view shows its slice with most organ.

    Args:
        volume: the scan in HU, voxels of shape (k, j, i).
        labels: uint8 label map of the same shape.
        label_table: the organs to draw; other labels are passed over.
        unsure: names of organs that are to be looked at, and the word for each: their outline is dotted.

    Returns:
        RGB picture, 1400 pixels wide.

    Raises:
        ValueError: the shapes differ.
    """
    if labels.shape != volume.voxels.shape:
        raise ValueError(f"labels has shape {labels.shape}; {volume.name} has {volume.voxels.shape}")
    frame = canonical_frame(volume)
    organs = _canonical_labels(frame, labels, label_table)
    box = bounding_box(organs > 0)
    found = [] if box is None else [label for label in label_table if (organs[box] == label.value).any()]
    views = _views(frame.volume, organs, found)
    widths, heights = zip(*(view.size_mm for view in views))
    free_px = WIDTH_PX - 2 * MARGIN_PX - (len(views) - 1) * GAP_PX
    px_per_mm = min(free_px / sum(widths), MAX_VIEW_HEIGHT_PX / max(heights))
    view_height = round(max(heights) * px_per_mm)
    legend = _legend(found, [label for label in label_table if label not in found], unsure)
    picture = Image.new("RGB", (WIDTH_PX, HEADER_PX + view_height + 84 + legend.height), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    draw.text((MARGIN_PX, 20), _shortened(volume.name, 70), TEXT, _font(26))
    _place_views(picture, draw, views, found, unsure, px_per_mm, view_height)
    _scale_bar(draw, (MARGIN_PX, HEADER_PX + view_height + 58), px_per_mm, widths[0])
    picture.paste(legend, (0, picture.height - legend.height))
    return picture


def _canonical_labels(frame: CanonicalFrame, labels: np.ndarray, label_table: Sequence[Label]) -> np.ndarray:
    """The labels of the table on the canonical grid."""
    seen = frame.canonical_labels(labels)
    kept = np.zeros(256, np.uint8)
    for label in label_table:
        kept[label.value] = label.value
    return kept[seen]


def _views(volume: Volume, organs: np.ndarray, found: Sequence[Label]) -> list[_View]:
    """The three planes with most organ, cropped to the patient."""
    k, j, i = _best_slices(organs, found)
    rows, columns = body_box(volume)
    slices = _slices_near_organs(organs, volume.spacing_mm[2])
    right_left, front_back, bottom_top = volume.spacing_mm
    x, y, z = (volume.ijk_to_lps @ (i, j, k, 1))[:3]
    axial, coronal, sagittal = (k, rows, columns), (slices, j, columns), (slices, rows, i)
    hu, up = volume.voxels, slice(None, None, -1)
    return [
        _View(f"Axial   {_position(z, 'S', 'I')}", hu[axial], organs[axial], front_back, right_left, "RLAP"),
        _View(f"Coronal   {_position(y, 'P', 'A')}", hu[coronal][up], organs[coronal][up],
              bottom_top, right_left, "RLSI"),
        _View(f"Sagittal   {_position(x, 'L', 'R')}", hu[sagittal][up], organs[sagittal][up],
              bottom_top, front_back, "APSI"),
    ]


def _best_slices(organs: np.ndarray, found: Sequence[Label]) -> list[int]:
    """Along each axis, the slice with most organ area; the square root keeps the liver from outvoting all others."""
    if not found:
        return [size // 2 for size in organs.shape]
    roots = [np.zeros(size) for size in organs.shape]
    for label in found:
        mask = organs == label.value
        box = bounding_box(mask)
        assert box is not None  # it was found
        for axis, part in enumerate(box):
            areas = np.count_nonzero(mask[box], axis=tuple(n for n in range(3) if n != axis))
            roots[axis][part] += np.sqrt(areas)
    return [int(root.argmax()) for root in roots]


def _slices_near_organs(organs: np.ndarray, spacing_mm: float) -> slice:
    """A whole-body scan is shown only around the organs; an abdomen whole."""
    occupied = np.flatnonzero(organs.any(axis=(1, 2)))
    if not occupied.size:
        return slice(0, len(organs))
    margin = int(ORGAN_MARGIN_MM / spacing_mm)
    return slice(max(0, int(occupied[0]) - margin), int(occupied[-1]) + margin + 1)


def _position(mm: float, positive: str, negative: str) -> str:
    return f"{positive if mm >= 0 else negative} {abs(mm):.0f} mm"


def _place_views(picture: Image.Image, draw: ImageDraw.ImageDraw, views: Sequence[_View],
                 found: Sequence[Label], unsure: Mapping[str, str], px_per_mm: float, view_height: int) -> None:
    sizes = [tuple(max(2, round(mm * px_per_mm)) for mm in view.size_mm) for view in views]
    left = (WIDTH_PX - sum(width for width, _ in sizes) - (len(views) - 1) * GAP_PX) // 2
    for view, (width, height) in zip(views, sizes):
        top = HEADER_PX + (view_height - height) // 2
        picture.paste(_render(view, found, unsure, (width, height)), (left, top))
        middle, centre = left + width / 2, top + height / 2
        draw.text((left, top - 40), view.title, DIM, _font(15))
        for letter, place, anchor in zip(view.letters, ((left - 8, centre), (left + width + 8, centre),
                                                        (middle, top - 6), (middle, top + height + 6)),
                                         ("rm", "lm", "md", "ma")):
            draw.text(place, letter, TEXT, _font(18), anchor=anchor)
        left += width + GAP_PX


def _render(view: _View, found: Sequence[Label], unsure: Mapping[str, str], size: tuple[int, int]) -> Image.Image:
    """CT with translucent organs, outlines, dotted where the model is unsure, and the organs' names."""
    large = (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING)
    gray = Image.fromarray((window(view.hu, WINDOW_HU) * 255).astype(np.uint8))
    gray = gray.resize(large, Image.Resampling.BICUBIC)
    picture = np.repeat(np.asarray(gray, np.float32)[:, :, None], 3, axis=2)
    organs = _smooth_labels(view.labels, found, large)
    dots = np.add.outer(*(np.arange(length) // DOT_PX for length in organs.shape)) % 2 == 0
    for label in found:
        box = bounding_box(organs == label.value)
        if box is None:
            continue
        mask, colors = organs[box] == label.value, picture[box]
        outline = mask & ~_eroded(mask, OVERSAMPLING + 1)
        if label.name in unsure:
            outline &= dots[box]
        for where, opacity in ((mask, FILL_OPACITY), (outline, 1.0)):
            colors[where] += opacity * (np.array(label.color, np.float32) - colors[where])
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).resize(size, Image.Resampling.LANCZOS)
    _write_names(ImageDraw.Draw(image), organs[::OVERSAMPLING, ::OVERSAMPLING], found)
    return image


def _write_names(draw: ImageDraw.ImageDraw, organs: np.ndarray, found: Sequence[Label]) -> None:
    """Names where they fit, because the usual anatomical colours of some organs are hard to tell apart."""
    for label in found:
        mask = organs == label.value
        place = _deepest(mask)
        box = draw.textbbox(place, label.title, _font(12), "mm")
        left, top, right, bottom = (max(0, int(edge)) for edge in box)
        if mask[top:bottom, left:right].sum() > NAME_FITS * (bottom - top) * (right - left):
            draw.text(place, label.title, TEXT, _font(12), "mm", stroke_width=1, stroke_fill=BACKGROUND)


def _deepest(mask: np.ndarray) -> tuple[int, int]:
    """The (x, y) that is left to the last when the mask loses its border again and again."""
    box = bounding_box(mask)
    if box is None:
        return 0, 0
    mask = mask[box]
    core = mask
    while mask.any():
        core, mask = mask, _eroded(mask, 1)
    rows, columns = np.nonzero(core)
    return box[1].start + int(columns[len(rows) // 2]), box[0].start + int(rows[len(rows) // 2])


def _smooth_labels(labels: np.ndarray, found: Sequence[Label], size: tuple[int, int]) -> np.ndarray:
    """Enlarge labels without stairs: each organ's mask is interpolated, and the strongest one wins."""
    best, winner = np.full(size[::-1], 0.5, np.float32), np.zeros(size[::-1], np.uint8)
    scale = labels.shape[0] / size[1], labels.shape[1] / size[0]
    for label in found:
        mask = labels == label.value
        box = bounding_box(mask)
        if box is None:
            continue
        down, across = (_reached(part, each, length) for part, each, length in zip(box, scale, best.shape))
        strength = np.asarray(Image.fromarray(mask.astype(np.float32)).resize(
            (across.stop - across.start, down.stop - down.start), Image.Resampling.BILINEAR,
            (across.start * scale[1], down.start * scale[0], across.stop * scale[1], down.stop * scale[0])))
        wins = strength > best[down, across]
        winner[down, across][wins] = label.value
        best[down, across][wins] = strength[wins]
    return winner


def _reached(part: slice, scale: float, length: int) -> slice:
    """Enlarged pixels, of `length` in a row, in which those of a part of the row are seen; one is `scale` of them."""
    reach = 1 + int(scale)
    return slice(max(0, int((part.start - reach) / scale)), min(length, int((part.stop + reach) / scale) + 1))


def _eroded(mask: np.ndarray, pixels: int) -> np.ndarray:
    for _ in range(pixels):
        padded = np.pad(mask, 1)
        mask = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask


def _scale_bar(draw: ImageDraw.ImageDraw, place: tuple[int, int], px_per_mm: float, width_mm: float) -> None:
    length_mm = next((mm for mm in (100, 50, 20, 10, 5, 2) if mm <= width_mm / 3), 1)
    x, y = place
    end = x + length_mm * px_per_mm
    draw.line((x, y, end, y), TEXT, 3)
    for tip in (x, end):
        draw.line((tip, y - 5, tip, y + 5), TEXT, 3)
    draw.text((end + 14, y), f"{length_mm} mm in all views", DIM, _font(15), anchor="lm")


def _legend(found: Sequence[Label], missing: Sequence[Label], unsure: Mapping[str, str]) -> Image.Image:
    """Organs with their colours, which to look at, what was not found, and what the picture is not meant for."""
    entries: list[tuple[str, Optional[_Color]]] = [
        (f"{label.title} ({unsure[label.name]})" if label.name in unsure else label.title, label.color)
        for label in found]
    entries = entries or [("No organ found", None)]
    rows = _wrapped([44 + _font(17).getlength(text) + 26 for text, _ in entries], WIDTH_PX - 2 * MARGIN_PX)
    picture = Image.new("RGB", (WIDTH_PX, 34 * (max(row for row, _ in rows) + 1) + 66), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    for (text, color), (row, offset) in zip(entries, rows):
        x, y = MARGIN_PX + offset, 18 + 34 * row
        if color:
            draw.rounded_rectangle((x, y - 9, x + 28, y + 9), 4, tuple(int(c * 0.5) for c in color), color, 2)
        draw.text((x + (38 if color else 0), y), text, TEXT, _font(17), anchor="lm")
    absent = "Not found: " + ", ".join(label.title.lower() for label in missing) if found and missing else ""
    y = picture.height - 34
    draw.text((MARGIN_PX, y), _shortened(absent, 110), DIM, _font(15), "lm")
    draw.text((WIDTH_PX - MARGIN_PX, y), "Research use only. Not for diagnosis.", DIM, _font(13), "rm")
    return picture


def _wrapped(widths: Sequence[float], limit: float) -> list[tuple[int, float]]:
    """Row and offset of each entry of a text that breaks at `limit`."""
    places, row, offset = [], 0, 0.0
    for width in widths:
        if offset and offset + width > limit:
            row, offset = row + 1, 0.0
        places.append((row, offset))
        offset += width
    return places


def _font(size: int) -> _Font:
    return ImageFont.load_default(size=size)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit - 1] + "…"
