"""Train a teacher, distil a student of at most one eighth of its parameters, and export it as a model bundle."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning
import torch

from MISTKDSegmentLib.bundle import Bundle, InputContract
from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.labels import ABDOMEN_LABELS
from Training.augment import NO_AUGMENTATION, view
from Training.command import run_command
from Training.data import Case, SliceDataset, read_manifest
from Training.export import export_bundle, largest_difference, to_onnx
from Training.fit import LAST, fit, load_weights
from Training.networks import Segmenter, parameter_count
from Training.options import (
    add_run_options,
    add_schedule_options,
    load_split,
    recipe_of,
    start_run,
)
from Training.recipe import Recipe
from Training.tasks import DistillationTask
from Training.train_teacher import CLASSES, train_teacher

LARGEST_SHARE = 1 / 8
# Of PyTorch's logits from onnxruntime's.
LARGEST_DIFFERENCE = 1e-4


def distill(
    recipe: Recipe, teacher: Segmenter, training: Sequence[Case], validation: Sequence[Case], folder: Path
) -> Segmenter:
    """Train a student beside its teacher, or go on training the one in `folder`.

    Args:
        recipe: the run.
        teacher: the trained teacher; it is not changed.
        training, validation: prepared cases.
        folder: for checkpoints and logs.

    Returns:
        The student with its averaged weights.

    Raises:
        InputError: if the student has more than one eighth of the teacher's parameters.
    """
    student = Segmenter(len(recipe.context_offsets_mm), CLASSES, recipe.student)
    check_share(student, teacher)
    task = DistillationTask(student, teacher, recipe, recipe.student_schedule, training[0].pixel_spacing_mm)
    fit(task, training, validation, folder)
    return load_weights(student, folder / LAST)


def check_share(student: Segmenter, teacher: Segmenter) -> None:
    """Refuse a student that breaks the rule of the paper.

    Raises:
        InputError: if it has more than one eighth of the teacher's parameters.
    """
    ours, theirs = parameter_count(student), parameter_count(teacher)
    if ours > LARGEST_SHARE * theirs:
        raise InputError(
            f"The student has {ours:,} parameters and the teacher {theirs:,}: make the student at most an eighth."
        )


def read_teacher(recipe: Recipe, checkpoint: Path) -> Segmenter:
    """A teacher from a checkpoint of `train_teacher`.

    Raises:
        InputError: if the file is missing or holds another network.
    """
    network = Segmenter(len(recipe.context_offsets_mm), CLASSES, recipe.teacher)
    try:
        return load_weights(network, checkpoint)
    except FileNotFoundError:
        raise InputError(f"{checkpoint} does not exist: name a checkpoint of Training/train_teacher.py.") from None
    except (OSError, RuntimeError, KeyError, EOFError, UnpicklingError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{checkpoint} does not hold the recipe's teacher ({reason}): train it anew.") from None


def export_student(
    student: Segmenter, recipe: Recipe, folder: Path, name: str, version: str, provenance: dict[str, Any]
) -> Bundle:
    """Export a student with the recipe's input contract, under the licence of its training data."""
    contract = InputContract(
        window_hu=tuple(provenance["data"]["window_hu"]),
        pixel_spacing_mm=recipe.pixel_spacing_mm,
        multiple=32,
        context_offsets_mm=recipe.context_offsets_mm,
        slice_step_mm=recipe.slice_step_mm,
    )
    return export_bundle(
        student, folder, name=name, version=version, labels=ABDOMEN_LABELS, contract=contract,
        licence=f"{provenance['data']['licence']} (that of the training data). Not a medical device.",
        provenance=provenance,
    )


def provenance_of(
    recipe: Recipe, teacher: Segmenter, student: Segmenter, data: Path, minutes: float
) -> dict[str, Any]:
    """How a student was made: method, data, split, recipe, commit, versions and hardware."""
    manifest = read_manifest(data)
    names = [entry["name"] for entry in manifest["cases"]]
    return {
        "method": "MISTKD (doi 10.1145/3596286.3596292): transformer student distilled from a transformer teacher",
        "parameters": {"teacher": parameter_count(teacher), "student": parameter_count(student)},
        "data": {
            "source": manifest["source"],
            "licence": manifest["licence"],
            "window_hu": manifest["window_hu"],
            "training": [name for name in names if name not in recipe.validation],
            "validation": list(recipe.validation),
            "sha256": {entry["name"]: entry["sha256"] for entry in manifest["cases"]},
        },
        "recipe": asdict(recipe),
        "commit": _commit(),
        "versions": {"torch": torch.__version__, "lightning": lightning.__version__},
        "hardware": f"{_device()}, {torch.get_num_threads()} CPU threads",
        "minutes_since_last_start": round(minutes, 1),
    }


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU {platform.machine()}"


def _commit() -> str:
    here = Path(__file__).resolve().parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def check_export(student: Segmenter, case: Case, recipe: Recipe) -> float:
    """Compare PyTorch with onnxruntime on the four middle slices of a case.

    Returns:
        The largest difference of a logit.

    Raises:
        InputError: if it is above 1e-4.
    """
    dataset = SliceDataset([case], recipe.context_offsets_mm)
    middle = len(dataset) // 2
    slices = [dataset[k] for k in range(max(0, middle - 2), min(len(dataset), middle + 2))]
    image, labels = (torch.stack(part) for part in zip(*slices, strict=True))
    zoom = recipe.pixel_spacing_mm / case.pixel_spacing_mm
    pixels = view(image, labels, recipe.view, zoom, NO_AUGMENTATION)[0].numpy()
    difference = largest_difference(student, to_onnx(student, pixels.shape[1]), pixels)
    if difference > LARGEST_DIFFERENCE:
        raise InputError(f"PyTorch and onnxruntime differ by {difference:.2g} on {case.name}: update both.")
    return difference


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_options(parser)
    parser.add_argument("--teacher", type=Path, metavar="CHECKPOINT", help="use this teacher instead of training one")
    parser.add_argument("--bundle", type=Path, help="folder for the model bundle (default: OUT/bundle)")
    parser.add_argument("--name", default="student", help="of the model (default: %(default)s)")
    parser.add_argument("--version", default="0.1.0", help="of the model (default: %(default)s)")
    add_schedule_options(parser, "teacher", Recipe().teacher_schedule)
    add_schedule_options(parser, "student", Recipe().student_schedule)
    args = parser.parse_args(argv)
    return run_command("distill", lambda: _run(args))


def _run(args: argparse.Namespace) -> None:
    recipe = recipe_of(args)
    training, validation = load_split(args.data, recipe)
    start_run(args, recipe)
    if args.teacher:
        teacher = read_teacher(recipe, args.teacher)
    else:
        teacher = train_teacher(recipe, training, validation, args.out / "teacher")
    start = time.monotonic()
    student = distill(recipe, teacher, training, validation, args.out / "student")
    provenance = provenance_of(recipe, teacher, student, args.data, (time.monotonic() - start) / 60)
    difference = check_export(student, training[0], recipe)
    bundle = export_student(student, recipe, args.bundle or args.out / "bundle", args.name, args.version, provenance)
    print(f"Bundle: {bundle.folder} (PyTorch and onnxruntime differ by at most {difference:.1g})")


if __name__ == "__main__":
    sys.exit(main())
