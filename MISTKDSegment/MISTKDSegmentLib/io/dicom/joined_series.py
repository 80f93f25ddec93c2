"""What makes one series, whatever its files' folders and numbers: copies, pieces, and a series UID for each slice."""

from __future__ import annotations

import filecmp
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from MISTKDSegmentLib.io.dicom.header import Header
from MISTKDSegmentLib.io.dicom.passes import passes
from MISTKDSegmentLib.io.dicom.stack import heights_mm, is_stack

_Item = TypeVar("_Item")
# Two lie equally far apart wherever they lie.
_FEWEST_SLICES = 3


def of_folders(images: Iterable[Header]) -> list[list[Header]]:
    """Put pieces of a series together that lie in several folders.

    Copies of it stay apart, copies of a part of it are left out, and of files with the same content one is taken.

    Args:
        images: of one patient, study and series UID, placed and parallel.
    """
    folders = _without_parts([_without_copies(folder) for folder in grouped(images, lambda image: image.path.parent)])
    # The first, second … copy of every piece make the first, second … copy of the series.
    versions: dict[int, list[list[Header]]] = defaultdict(list)
    for copies in grouped(folders, _identity):
        for number, folder in enumerate(copies):
            versions[number].append(folder)
    return _without_parts([one for pieces in versions.values() for one in _joined(pieces)])


def _identity(images: Iterable[Header]) -> frozenset[Any]:
    return frozenset((image.instance_uid or image.path, image.position) for image in images)


def _without_parts(series: Sequence[list[Header]]) -> list[list[Header]]:
    """What is no part of another one."""
    identities = [_identity(one) for one in series]
    return [one for one, identity in zip(series, identities) if not any(identity < other for other in identities)]


def _joined(folders: Sequence[list[Header]]) -> list[list[Header]]:
    """One series, or one for each folder where they hold different things under one UID."""
    whole = _without_copies([image for folder in folders for image in folder])
    if len(folders) == 1 or any(_identity(one) & _identity(other) for one, other in combinations(folders, 2)):
        return [whole]
    are_counted = all(map(_are_counted, folders))
    # A folder with a stray slice does not keep the others apart; with it, reading finds what is wrong.
    pieces = [image for folder in folders if len(folder) >= _FEWEST_SLICES for image in folder]
    if any(all(is_stack(part) and _are_counted(part) >= are_counted for part in passes(images))
           for images in (whole, pieces) if images):
        return [whole]
    # Pieces with a gap between them are joined too, so that the gap is found; their numbers differ.
    return _chained(folders, lambda one, other: _are_apart(one, other) and _are_counted(one + other) >= are_counted)


def _are_counted(images: Sequence[Header]) -> bool:
    """Whether every image has an instance number of its own."""
    numbers = {image.instance_number for image in images}
    return len(numbers) == len(images) and not any(map(math.isnan, numbers))


def _without_copies(images: Sequence[Header]) -> list[Header]:
    """The images without those whose files have the content of another one's."""
    kept: list[Header] = []
    for same in grouped(images, lambda image: (image.instance_uid, image.position)):
        first, *others = same
        kept += [first, *(other for other in others if not _same_content(first.path, other.path))]
    return kept


def _same_content(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def rejoined(series: Iterable[list[Header]]) -> list[list[Header]]:
    """Put series together that are one by all but their UIDs: pieces, or slices with a UID each.

    Args:
        series: placed and parallel images each.
    """
    result = []
    for alike in grouped(series, lambda images: (_sort(images[0]), images[0].study_uid, images[0].series_number,
                                                 images[0].frame_of_reference_uid)):
        singles = [image for images in alike if len(images) == 1 for image in images]
        if len(alike) == len(singles) or len(singles) >= _FEWEST_SLICES:
            # All of them, so that reading finds it where one lies wrong.
            result.append(singles)
            alike = [images for images in alike if len(images) > 1]
        result += _chained(alike, _goes_on)
    # Some programs make up every number that would tell slices of one scan from those of others.
    single = [images for images in result if len(images) == 1]
    result = [images for images in result if len(images) > 1]
    for alike in grouped(single, lambda images: _sort(images[0])):
        whole = [image for images in alike for image in images]
        are_close = len({image.path.parent for image in whole}) == 1 or len({image.study_uid for image in whole}) == 1
        result += [whole] if len(whole) >= _FEWEST_SLICES and (are_close or is_stack(whole)) else alike
    return result


def _chained(series: Iterable[list[Header]], fits: Callable[[list[Header], list[Header]], bool]) -> list[list[Header]]:
    """Join each to the first one before it that it fits."""
    chains: list[list[Header]] = []
    for images in sorted(series, key=lambda images: (images[0].acquisition_number, images[0].position)):
        for chain in chains:
            if fits(chain, images):
                chain += images
                break
        else:
            chains.append(list(images))
    return chains


def _goes_on(one: list[Header], other: list[Header]) -> bool:
    """Whether a stack with another UID goes on where the first ends."""
    return one[0].series_uid != other[0].series_uid and _are_apart(one, other) and is_stack(one + other)


def _are_apart(one: list[Header], other: list[Header]) -> bool:
    """Whether one lies beyond the other along the normal of the first image."""
    heights = heights_mm(one + other)
    first, second = heights[: len(one)], heights[len(one) :]
    return bool(first.max() < second.min() or second.max() < first.min())


def _sort(image: Header) -> tuple[Any, ...]:
    return (image.patient, image.image_type, image.size, tuple(round(mm, 4) for mm in image.spacing_mm),
            tuple(round(part, 2) + 0.0 for part in image.axes), image.thickness_mm, image.kernel)


def grouped(items: Iterable[_Item], key: Callable[[_Item], Any]) -> list[list[_Item]]:
    """Lists of the items that share a key, in the order of their first ones."""
    groups: dict[Any, list[_Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())
