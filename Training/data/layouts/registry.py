"""The layouts of data sets, and the one that a folder has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.labels import Label
from Training.data.label_map import find_label_map, read_label_map_file
from Training.data.layouts import btcv, nnunet, plain, prepared, totalsegmentator, transunet
from Training.data.layouts.base import DatasetRequest
from Training.data.scans import Dataset
from Training.system.words import listed

_MODULES: dict[str, ModuleType] = {
    layout.NAME: layout for layout in (nnunet, btcv, transunet, totalsegmentator, prepared, plain)
}
LAYOUTS = tuple(_MODULES)


def open_dataset(
    folder: Path,
    organs: Sequence[Label],
    *,
    layout: str | None = None,
    label_map: Path | None = None,
    spacing: Path | None = None,
) -> Dataset:
    """Find the scans of a data set; nothing large is read yet.

    Args:
        folder: of the data set.
        organs: the organs asked for; the channel number of each is its position + 1.
        layout: one of `LAYOUTS`; None finds out from what lies in the folder.
        label_map: a label map file, or the name of one that comes with the program; None matches labels by name.
        spacing: YAML file, case -> [i, j, k] in mm, for the layout that has no spacing of its own.

    Raises:
        InputError: the folder is no data set of that layout, or its labels cannot become the organs.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give the folder of a data set.")
    given = None if label_map is None else read_label_map_file(find_label_map(label_map))
    found = find_layout(folder, layout)
    if spacing is not None and found is not transunet:
        raise InputError(f"{folder} is of the layout {found.NAME}, whose files tell the spacing; leave {spacing} out.")
    return found.read(folder, DatasetRequest(tuple(organs), given, spacing))


def find_layout(folder: Path, name: str | None) -> ModuleType:
    """The module of a layout.

    Args:
        folder: of the data set.
        name: of the layout; None finds out from what lies in the folder.

    Raises:
        InputError: there is no such layout, or the folder has none or several of them.
    """
    if name is not None:
        if name not in _MODULES:
            raise InputError(f"{name} is no layout; name one of {listed(LAYOUTS)}.")
        return _MODULES[name]
    found = [layout for layout in _MODULES.values() if layout is not plain and layout.matches(folder)]
    if not found and plain.matches(folder):
        return plain
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{folder} could be any of {listed(layout.NAME for layout in found)}; say which (layout).")
    layouts = "\n".join(f"  {layout.NAME}: {layout.WHAT}" for layout in _MODULES.values())
    raise InputError(f"{folder} is no data set of a known layout; check the folder, which may hold one of:\n{layouts}")
