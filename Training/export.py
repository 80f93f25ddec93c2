"""Make a model bundle from a checkpoint: ONNX, description and card; or a smaller one from a bundle."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jsonargparse import Namespace

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.bundle import (
    DESCRIPTION_FILE,
    NETWORK_FILE,
    SCHEMA_VERSION,
    Bundle,
    InputContract,
    PostProcessing,
    load_bundle,
)
from MISTKDSegmentLib.model.labels import Label
from Training.bundle.description import write_description
from Training.bundle.half_precision import store_in_half
from Training.bundle.onnx_file import to_onnx
from Training.bundle.parity import check_parity
from Training.cli.command import run_command
from Training.cli.options import Parser, parse
from Training.cli.scan_options import add_scan_options, labelled_scans
from Training.cli.script_parser import script_parser
from Training.data.files import check_folder, make_folder
from Training.data.prepared import Case, load_cases, read_manifest
from Training.data.scans import Scan, counted
from Training.engine.checkpoints import Trained, read_trained
from Training.evaluation.inference_cost import cost_lines, measure, size_line
from Training.evaluation.pictures import CURVES
from Training.evaluation.scores import mean_dice, score_cases

# Mean Dice that a smaller form may cost.
LARGEST_LOSS = 0.002
# Height and width of the slice that operations are told of where no scan is at hand, rounded up to the multiple.
PIXELS = 256


def export_trained(
    trained: Trained,
    folder: Path,
    *,
    name: str,
    version: str,
    licence: str | None = None,
    prepared_case: Case | None = None,
    run: Path | None = None,
) -> Bundle:
    """Write the bundle of a trained network: `model.onnx`, `model.json` and its card `README.md`.

    Args:
        trained: what `read_trained` gave.
        folder: for the bundle; made if missing.
        name, version: of the model.
        licence: of the weights; None says that the data's holds.
        prepared_case: a case on whose slices onnxruntime must agree with PyTorch; None compares nothing.
        run: folder of the training, whose learning curves go with the bundle.

    Returns:
        The bundle, read back and verified.

    Raises:
        InputError: if a logit differs by more than 1e-4.
        OutputError: if a file cannot be written.
    """
    content = to_onnx(trained.network, len(trained.contract.context_offsets_mm))
    provenance = dict(trained.provenance)
    if prepared_case is not None:
        difference = check_parity(trained.network, content, prepared_case, trained.contract)
        provenance["export"] = {"case": prepared_case.name, "largest_logit_difference": difference}
    make_folder(folder)
    if run is not None:
        copy_curves(run, folder)
    return write_bundle(folder, content, name=name, version=version, labels=trained.labels, contract=trained.contract,
                        licence=licence or _licence(provenance), provenance=provenance)


def write_bundle(
    folder: Path,
    content: bytes,
    *,
    name: str,
    version: str,
    labels: Sequence[Label],
    contract: InputContract,
    licence: str,
    provenance: Mapping[str, Any],
    postprocessing: Mapping[str, PostProcessing] | None = None,
) -> Bundle:
    """Write a network and what it wants to see as a bundle without results.

    Args:
        folder: for the bundle; made if missing.
        content: the ONNX model.
        name, version, licence: of the model.
        labels: organs in the order of the output channels 1, 2, …
        contract: what the network wants to see.
        provenance: how it was trained.
        postprocessing: clean-up per organ name.

    Returns:
        The bundle, read back and verified.

    Raises:
        OutputError: if a file cannot be written.
    """
    make_folder(folder)
    with atomic_path(folder / NETWORK_FILE) as temporary:
        temporary.write_bytes(content)
    write_description(folder, {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "version": version,
        "licence": licence,
        "sha256": hashlib.sha256(content).hexdigest(),
        "input": asdict(contract),
        "labels": [asdict(label) for label in labels],
        "postprocessing": {organ: asdict(rule) for organ, rule in (postprocessing or {}).items()},
        "provenance": _without_paths(provenance),
        "results": {},
    })
    return load_bundle(folder)


def halve_bundle(bundle: Bundle, folder: Path, scans: Sequence[Scan], *, threads: int = 0) -> Bundle:
    """Write a bundle whose weights are stored in 16 bits, if that costs nearly nothing.

    Args:
        bundle: in 32 bits.
        folder: for the smaller bundle; may be that of `bundle`.
        scans: labelled; both forms segment them through the code that ships.
        threads: of onnxruntime; 0 lets it choose.

    Returns:
        The smaller bundle; it says what it lost. Results recorded for the larger one are not carried over.

    Raises:
        InputError: if the mean Dice falls by 0.002 or more, or cannot be measured.
        OutputError: if a file cannot be written.
    """
    content = store_in_half(bundle.network)
    smaller = replace(bundle, network=content, sha256=hashlib.sha256(content).hexdigest())
    before, after = (mean_dice(score_cases(scans, one, threads=threads)) for one in (bundle, smaller))
    if not before - after < LARGEST_LOSS:
        raise InputError(f"storing {bundle.folder} in 16 bits costs {before - after:.4f} mean Dice on "
                         f"{counted(len(scans), 'case')}, and {LARGEST_LOSS} is too much: keep the 32-bit form.")
    measured = {"of_sha256": bundle.sha256, "bytes_before": len(bundle.network), "bytes_after": len(content),
                "dice_before": before, "dice_after": after, "cases": [scan.name for scan in scans]}
    make_folder(folder)
    copy_curves(bundle.folder, folder)
    return write_bundle(folder, content, name=bundle.name, version=bundle.version, labels=bundle.labels,
                        contract=bundle.input, licence=bundle.licence, postprocessing=bundle.postprocessing,
                        provenance={**bundle.provenance, "half_precision": measured})


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    arguments = parse(_parser(), argv)
    return run_command("export", lambda: _export(arguments))


def _export(arguments: Namespace) -> None:
    check_folder(arguments.out)
    if (arguments.out / DESCRIPTION_FILE).exists() and not arguments.replace:
        raise InputError(f"{arguments.out} holds a model bundle, whose results and clean-up would be lost: name "
                         "another folder, or add --replace.")
    source = _source(arguments.source)
    if isinstance(source, Bundle) and not arguments.half:
        raise InputError(f"{arguments.source} is a bundle already: add --half, or name a checkpoint.")
    scans = _scans_for_half(arguments, source.labels) if arguments.half else []
    case = _middle_case(arguments.prepared, source) if arguments.prepared and isinstance(source, Trained) else None
    if arguments.dry_run:
        for line in _costs(source, case, scans, arguments):
            print(line)
        return
    bundle = _exported(source, case, arguments.out, arguments)
    if arguments.half:
        bundle = halve_bundle(bundle, arguments.out, scans, threads=arguments.threads)
    _report(bundle)


def _exported(source: Trained | Bundle, case: Case | None, folder: Path, arguments: Namespace) -> Bundle:
    if isinstance(source, Bundle):
        return source
    return export_trained(source, folder, name=arguments.name, version=arguments.version, licence=arguments.licence,
                          prepared_case=case, run=arguments.source.parent)


def _costs(source: Trained | Bundle, case: Case | None, scans: Sequence[Scan], arguments: Namespace) -> list[str]:
    """What an export costs and gives; it is done in a folder that is gone afterwards, but for the scans."""
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        bundle = _exported(source, case, Path(folder), arguments)
        seconds = time.perf_counter() - start
        cost = measure(scans[0], bundle, threads=arguments.threads) if scans else None
    side = -(-PIXELS // bundle.input.multiple) * bundle.input.multiple
    lines = [size_line(bundle.network, cost.size if cost else (side, side), len(bundle.input.context_offsets_mm))]
    if isinstance(source, Trained):
        lines.append(f"{arguments.source} can be exported, in {seconds:.1f} s.")
    if cost:
        lines.append(f"Stored in 16 bits it takes {len(store_in_half(bundle.network)) / 1e6:.1f} MB.")
        lines += cost_lines(cost, scans, times=2)
    return lines


def _source(path: Path) -> Trained | Bundle:
    return load_bundle(path) if path.is_dir() else read_trained(path)


def _scans_for_half(arguments: Namespace, labels: Sequence[Label]) -> list[Scan]:
    if arguments.data is None:
        raise InputError("--half is offered only where its loss is measured: name labelled scans with --data.")
    return labelled_scans(arguments, labels)


def _middle_case(prepared: Path, trained: Trained) -> Case:
    """A case that was not trained on, where there is one."""
    names = [case.name for case in read_manifest(prepared).cases]
    validation = trained.provenance.get("data", {}).get("validation", ())
    return load_cases([prepared], [next((name for name in names if name in validation), names[0])])[0]


def _licence(provenance: Mapping[str, Any]) -> str:
    data = provenance.get("data", {}).get("licence", "not stated")
    return f"{data} (that of the training data). Research use only. Not a medical device."


def _without_paths(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """A provenance for other people: where files lay here tells them nothing; `start` has the checksum."""
    recipe = {key: Path(value).name if key.endswith("_start") and value else value
              for key, value in provenance.get("recipe", {}).items()}
    return {**provenance, **({"recipe": recipe} if recipe else {})}


def copy_curves(source: Path, folder: Path) -> bool:
    """Copy the learning curves of a run or bundle, where it has some, into a bundle; returns whether there are.

    Raises:
        OutputError: if they cannot be written.
    """
    # No example pictures: they show slices of the data set, and the licences of many forbid passing those on.
    curves, target = source / CURVES, folder / CURVES
    if curves.is_file() and curves.resolve() != target.resolve():
        with atomic_path(target) as temporary:
            shutil.copyfile(curves, temporary)
    return curves.is_file()


def _report(bundle: Bundle) -> None:
    print(f"Bundle: {bundle.folder} ({len(bundle.network) / 1e6:.1f} MB)")
    parity, half = (bundle.provenance.get(key) for key in ("export", "half_precision"))
    if parity:
        print(f"PyTorch and onnxruntime differ by at most {parity['largest_logit_difference']:.1g} on slices of "
              f"{parity['case']}.")
    if half:
        print(f"Mean Dice {half['dice_before']:.4f} in 32 bits and {half['dice_after']:.4f} stored in 16, on "
              f"{counted(len(half['cases']), 'case')}; {half['bytes_before'] / 1e6:.1f} MB before.")


def _parser() -> Parser:
    parser = script_parser("export", __doc__, "SOURCE --out FOLDER",
                           dry_run="parameters, FLOPs, size of the file, memory and time")
    parser.add_argument("source", type=Path, metavar="SOURCE",
                        help="checkpoint (.ckpt) of a training run; with --half also a bundle")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the bundle")
    parser.add_argument("--replace", action="store_true", help="write over the bundle that the folder holds")
    parser.add_argument("--name", default="student", help="of the model")
    parser.add_argument("--version", default="0.1.0", help="of the model")
    parser.add_argument("--licence", help="of the weights; left out, that of the training data")
    parser.add_argument("--prepared", type=Path, metavar="FOLDER",
                        help="prepared cases, on one of which onnxruntime is compared with PyTorch")
    parser.add_argument("--half", action="store_true",
                        help="store the weights in 16 bits, if that costs less than 0.002 mean Dice on --data")
    add_scan_options(parser, required=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
