"""Provenance of a network: data, split, recipe, commit, versions and hardware."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from MISTKDSegmentLib.errors import InputError
from Training.data.manifest import Manifest
from Training.engine.recipe import Recipe
from Training.engine.split import Split
from Training.engine.trainer_settings import TrainerSettings
from Training.system.files import file_sha256, write_json

METHOD = "MISTKD (doi 10.1145/3596286.3596292): transformer student distilled from a transformer teacher"
PACKAGES = ("torch", "lightning", "numpy", "jsonargparse")
RUN_FILE = "run.json"


def provenance_of(recipe: Recipe, manifest: Manifest, split: Split, settings: TrainerSettings) -> dict[str, Any]:
    """Entries, in plain types, that a checkpoint and a bundle have about their making."""
    return {
        "method": METHOD,
        "data": {
            "source": manifest.source,
            "licence": manifest.licence,
            "window_hu": list(manifest.window_hu),
            "pixel_spacing_mm": manifest.pixel_spacing_mm,
            **{part: list(names) for part, names in split._asdict().items()},
            "sha256": {case.name: case.sha256 for case in manifest.cases},
            "content_sha256": {case.name: case.content_sha256 for case in manifest.cases},
        },
        "recipe": recipe.as_plain(),
        "commit": commit(),
        "versions": {"python": platform.python_version(), **{name: package_version(name) for name in PACKAGES}},
        "hardware": hardware(settings),
    }


def start_checksums(recipe: Recipe) -> dict[str, str]:
    """Checksums of the files of weights that a recipe names as starts, as far as they are there."""
    named = {name: Path(start) for name in ("teacher_start", "student_start") if (start := getattr(recipe, name))}
    # Of the folder of a SegFormer checkpoint, the weights alone.
    files = {name: [start] if start.is_file() else sorted([*start.glob("*.safetensors"), *start.glob("*.bin")])
             for name, start in named.items()}
    return {name: " ".join(file_sha256(file) for file in found) for name, found in files.items() if found}


def seen_by(provenance: Mapping[str, Any]) -> dict[str, str]:
    """The cases, labelled or not, that the networks behind a provenance were trained on.

    Args:
        provenance: of a checkpoint or a bundle; what it does not say adds nothing.

    Returns:
        Checksum of the prepared image (`content_sha256`) -> name of the case; where no checksum is known, the name
        stands for it.
    """
    seen: dict[str, str] = {}
    for part in ("start", "teacher"):
        seen |= provenance.get(part, {}).get("seen", {})
    data = provenance.get("data", {})
    checksums = data.get("content_sha256", {})
    trained = [*data.get("training", ()), *data.get("unlabelled", ())]
    return seen | {checksums.get(name, name): name for name in trained}


def trained_among(names: Iterable[str], provenance: Mapping[str, Any]) -> list[str]:
    """Those of some cases, by name, that the networks behind a provenance were trained on."""
    return sorted({*names} & {*seen_by(provenance).values()})


def read_facts(folder: Path) -> dict[str, Any]:
    """Read `run.json` of a run folder; empty where there is none.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return dict(json.loads((folder / RUN_FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{folder / RUN_FILE} cannot be read ({error}): name a new --out.") from None


def starts(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Commit, versions and hardware of each start of a run: those before, and this one."""
    this = {"time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            **{key: now[key] for key in ("commit", "versions", "hardware")}}
    return [*before.get("starts", []), this]


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Write `run.json` of a run folder.

    Raises:
        OutputError: if it cannot be written.
    """
    write_json(folder / RUN_FILE, facts)


def commit() -> str:
    """The commit of this source tree, marked where files were changed since; "unknown" outside git."""
    here = Path(__file__).resolve().parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def hardware(settings: TrainerSettings) -> str:
    """Devices that a run computes on, in words."""
    if settings.uses_gpu:
        return f"{settings.processes} x {torch.cuda.get_device_name()}, {settings.precision}"
    processes = "1 process" if settings.processes == 1 else f"{settings.processes} processes"
    return f"{processes} of {torch.get_num_threads()} threads on a CPU ({platform.machine()}), {settings.precision}"


def package_version(package: str) -> str | None:
    """Version of an installed package; None where it is not known."""
    try:
        return version(package)
    except PackageNotFoundError:  # e.g. a build of onnxruntime under another distribution name
        return getattr(sys.modules.get(package), "__version__", None)
