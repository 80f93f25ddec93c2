"""From a trained network to a model bundle: `model.onnx`, `model.json` and its card `README.md`."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.bundle import (
    NETWORK_FILE,
    SCHEMA_VERSION,
    Bundle,
    InputContract,
    PostProcessing,
    load_bundle,
)
from MISTKDSegmentLib.model.labels import Label
from Training.bundle.description import write_description
from Training.bundle.onnx_file import check_parity, to_onnx
from Training.data.prepared import PreparedCase
from Training.engine.checkpoints import Trained
from Training.evaluation.pictures import CURVES
from Training.system.files import make_folder


def export_trained(
    trained: Trained,
    folder: Path,
    *,
    name: str,
    version: str,
    licence: str | None = None,
    prepared_case: PreparedCase | None = None,
    run: Path | None = None,
) -> Bundle:
    """Write the bundle of a trained network: `model.onnx`, `model.json` and its card `README.md`.

    Args:
        trained: what `read_trained` gave.
        folder: for the bundle; made if missing.
        name, version: of the model.
        licence: of the weights; None says research only, and which licences the scans have.
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
        copy_picture(run, folder)
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
        postprocessing: post-processing per organ name.

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


def copy_picture(source: Path, folder: Path, name: str = CURVES) -> bool:
    """Copy a picture of a run or bundle, where it has it, into a bundle; returns whether there is one.

    Args:
        source: folder of the run or bundle.
        folder: of the other bundle.
        name: of the picture; by default the learning curves.

    Raises:
        OutputError: if they cannot be written.
    """
    # No example pictures: they show slices of the data set, and the licences of many forbid passing those on.
    picture, target = source / name, folder / name
    if picture.is_file() and picture.resolve() != target.resolve():
        with atomic_path(target) as temporary:
            shutil.copyfile(picture, temporary)
    return picture.is_file()


def _licence(provenance: Mapping[str, Any]) -> str:
    data = provenance.get("data", {}).get("licence", "not stated")
    return ("Research use only. Not a medical device. Licence of the scans that it learnt from, none of which it "
            f"contains: {data}.")


def _without_paths(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """A provenance for other people: where files lay here tells them nothing; `start` has the checksum."""
    recipe = {key: Path(value).name if key.endswith("_start") and value else value
              for key, value in provenance.get("recipe", {}).items()}
    return {**provenance, **({"recipe": recipe} if recipe else {})}
