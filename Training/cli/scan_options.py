"""How scripts are told which labelled scans to use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import NonNegativeInt

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.labels import Label
from Training.data.files import check_scan
from Training.data.scans import LAYOUTS, Dataset, Scan, open_dataset, select_scans
from Training.data.split_file import read_split


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
        names = [name for name, scan in dataset.scans.items() if scan.known]
        if not names:
            raise InputError(f"{arguments.data} has no scan with a reference: name labelled data.")
    scans = select_scans(dataset, names)
    without = [scan.name for scan in scans if not scan.known]
    if without:
        raise InputError(f"{', '.join(without)} in {arguments.data} has no reference: name labelled cases.")
    for scan in scans:
        check_scan(scan)
    return scans


def labelled_scans(arguments: Namespace, organs: Sequence[Label]) -> list[Scan]:
    """The chosen scans of the data set that the options name.

    Raises:
        InputError: as of `labelled_dataset` and `chosen_scans`.
    """
    return chosen_scans(labelled_dataset(arguments, organs), arguments)
