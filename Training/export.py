"""Make a model bundle from a checkpoint: ONNX, description and card; or a smaller one from a bundle."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from jsonargparse import Namespace

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.box import round_up
from MISTKDSegmentLib.model.bundle import DESCRIPTION_FILE, Bundle, load_bundle
from MISTKDSegmentLib.model.labels import Label
from Training.bundle.export import export_trained
from Training.bundle.half_precision import LARGEST_LOSS, halve_bundle, store_in_half
from Training.cli.command import Parser, parse, run_command, script_parser
from Training.cli.scan_options import add_scan_options, labelled_scans
from Training.data.manifest import read_manifest
from Training.data.prepared import PreparedCase, load_cases
from Training.data.scans import Scan
from Training.engine.checkpoints import Trained, read_trained
from Training.evaluation.inference_cost import cost_lines, measure_inference, size_line
from Training.system.files import check_folder
from Training.system.words import counted

# Height and width of the slice that operations are told of where no scan is at hand, rounded up to the multiple.
PIXELS = 256


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    arguments = parse(_parser(), argv)
    return run_command("mistkd export", lambda: _export(arguments))


def _export(arguments: Namespace) -> None:
    check_folder(arguments.out)
    if (arguments.out / DESCRIPTION_FILE).exists() and not arguments.replace:
        raise InputError(f"{arguments.out} holds a model bundle, whose results and post-processing would be lost: "
                         "name another folder, or add --replace.")
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


def _exported(source: Trained | Bundle, case: PreparedCase | None, folder: Path, arguments: Namespace) -> Bundle:
    if isinstance(source, Bundle):
        return source
    return export_trained(source, folder, name=arguments.name, version=arguments.version, licence=arguments.licence,
                          prepared_case=case, run=arguments.source.parent)


def _costs(source: Trained | Bundle, case: PreparedCase | None, scans: Sequence[Scan], arguments: Namespace
           ) -> list[str]:
    """Sentences about what an export costs; it is done in a folder that is gone afterwards, but for the scans."""
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        bundle = _exported(source, case, Path(folder), arguments)
        seconds = time.perf_counter() - start
        cost = measure_inference(scans[0], bundle, threads=arguments.threads) if scans else None
    side = round_up(PIXELS, bundle.input.multiple)
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


def _middle_case(prepared: Path, trained: Trained) -> PreparedCase:
    """A case that was not trained on, where there is one."""
    names = [case.name for case in read_manifest(prepared).cases]
    validation = trained.provenance.get("data", {}).get("validation", ())
    return load_cases([prepared], [next((name for name in names if name in validation), names[0])])[0]


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
    parser = script_parser("mistkd export", __doc__, "SOURCE --out FOLDER",
                           dry_run="parameters, FLOPs, size of the file, memory and time")
    parser.add_argument("source", type=Path, metavar="SOURCE",
                        help="checkpoint (.ckpt) of a training run; with --half also a bundle")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the bundle")
    parser.add_argument("--replace", action="store_true", help="write over the bundle that the folder holds")
    parser.add_argument("--name", default="student", help="of the model")
    parser.add_argument("--version", default="0.1.0", help="of the model")
    parser.add_argument("--licence", help="of the weights; left out, for research only, with the licences of the "
                        "training data beside")
    parser.add_argument("--prepared", type=Path, metavar="FOLDER",
                        help="prepared cases, on one of which onnxruntime is compared with PyTorch")
    parser.add_argument("--half", action="store_true",
                        help=f"store the weights in 16 bits, if that costs less than {LARGEST_LOSS} mean Dice on "
                        "--data")
    add_scan_options(parser, required=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
