"""Options that name labelled scans, and the scans that they name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import NonNegativeInt

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.labels import Label
from Training.data.layouts.registry import LAYOUTS, open_dataset
from Training.data.scans import Dataset, Scan, select_scans


def add_scan_options(parser: ArgumentParser, *, required: bool = True) -> None:
    """Add the options that `labelled_scans` reads."""
    parser.add_argument("--data", type=Path, required=required, metavar="FOLDER", help="labelled scans of any layout")
    parser.add_argument("--layout", choices=LAYOUTS, help="of the data; left out, it is found out")
    parser.add_argument("--label-map", type=Path, metavar="FILE",
                        help="which of the data's labels become which organs; left out, they are matched by name")
    parser.add_argument("--spacing", type=Path, metavar="FILE",
                        help="YAML with voxel spacings (i, j, k) in mm, for data that does not tell them")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--cases", nargs="+", metavar="CASE", help="cases to use; left out, all labelled ones")
    which.add_argument("--split", type=Path, metavar="FILE",
                       help='JSON with a list "validation" of case names, or nnU-Net\'s splits_final.json')
    parser.add_argument("--threads", type=NonNegativeInt, default=0, metavar="N",
                        help="CPU threads of onnxruntime; 0 lets it choose")


def labelled_dataset(arguments: Namespace, organs: Sequence[Label]) -> Dataset:
    """The data set that the options name.

    Raises:
        InputError: it cannot be used.
    """
    return open_dataset(arguments.data, organs, layout=arguments.layout, label_map=arguments.label_map,
                        spacing=arguments.spacing)


def chosen_scans(dataset: Dataset, arguments: Namespace) -> list[Scan]:
    """The scans that the options name; all that have a reference where they name none.

    Raises:
        InputError: a scan or one of its files is not there, or it has no reference.
    """
    names = read_split(arguments.split) if arguments.split else arguments.cases
    if names is None:
        names = [name for name, scan in dataset.scans.items() if scan.annotated]
        if not names:
            raise InputError(f"{arguments.data} has no scan with a reference: name labelled data.")
    scans = select_scans(dataset, names)
    without = [scan.name for scan in scans if not scan.annotated]
    if without:
        raise InputError(f"{', '.join(without)} in {arguments.data} has no reference: name labelled cases.")
    for scan in scans:
        scan.check()
    return scans


def labelled_scans(arguments: Namespace, organs: Sequence[Label]) -> list[Scan]:
    """The chosen scans of the data set that the options name.

    Raises:
        InputError: the data set cannot be used, a scan is not in it, a file is missing, or it has no reference.
    """
    return chosen_scans(labelled_dataset(arguments, organs), arguments)


def read_split(path: Path) -> list[str]:
    """Read the names of the validation cases in a split file.

    Args:
        path: JSON object with "validation" (or "val"), or nnU-Net's `splits_final.json`, whose fold 0 counts.

    Raises:
        InputError: the file cannot be read or has no such list.
    """
    try:
        split = json.loads(path.read_text(encoding="utf-8"))
        fold = split[0] if isinstance(split, list) else split
        names = fold["validation"] if "validation" in fold else fold["val"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f'{path} is no readable split; give JSON with a list "validation".') from error
    if not isinstance(names, list):
        raise InputError(f'"validation" in {path} is not a list of case names; make it one.')
    return [str(name) for name in names]
