"""The model bundle: `model.onnx` and a `model.json` that says everything inference needs."""

from __future__ import annotations

import hashlib
import json
import reprlib
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Optional

from MISTKDSegmentLib.errors import BundleError
from MISTKDSegmentLib.model.confidence import Confidence, parse_confidence
from MISTKDSegmentLib.model.json_values import flag, number, table, text, whole
from MISTKDSegmentLib.model.labels import Code, Label
from MISTKDSegmentLib.model.network_file import check_network

SCHEMA_VERSION = 1
DESCRIPTION_FILE = "model.json"
NETWORK_FILE = "model.onnx"
DEFAULT_BUNDLE = "synapse-abdomen"
_MAX_DESCRIPTION_BYTES = 4 << 20
MAX_FILE_BYTES = 1 << 30


@dataclass(frozen=True)
class InputContract:
    """What the network wants to see.

    Attributes:
        window_hu: HU that become 0 and 1.
        pixel_spacing_mm: size of its square pixels.
        multiple: height and width are multiples of this many pixels.
        context_offsets_mm: slices shown together, by distance from the one that is segmented.
        slice_step_mm: slices closer together than this need not all be run.
        slice_smoothing_mm: distance within which the class probabilities of slices are averaged; see `smooth`.
    """

    window_hu: tuple[float, float]
    pixel_spacing_mm: float
    multiple: int
    context_offsets_mm: tuple[float, ...]
    slice_step_mm: float
    slice_smoothing_mm: float = 0.0


@dataclass(frozen=True)
class PostProcessing:
    """What is done for one organ after the network, as chosen on validation data.

    Attributes:
        largest_component: keep the largest connected part alone.
        minimum_ml: drop connected parts smaller than this, but for the largest.
        fill_holes: fill what the organ encloses on all sides, where that is background.
        logit_offset: added to the organ's logits (logit adjustment, Menon et al. 2021): above 0, a pixel is the
            organ's even where the network thinks something else a little more likely.
    """

    largest_component: bool = False
    minimum_ml: float = 0.0
    fill_holes: bool = False
    logit_offset: float = 0.0


@dataclass(frozen=True)
class Bundle:
    """A verified model bundle.

    Attributes:
        folder: where it lies.
        name, version: of the model.
        labels: organs in the order of the network's output channels 1, 2, …; channel 0 is the background.
        input: what the network wants to see.
        postprocessing: per organ name.
        network: content of `model.onnx`.
        sha256: of that content.
        description_sha256: of `model.json`, which holds the other one: it stands for all of the bundle.
        licence: of the weights.
        provenance, results: how it was trained and what it scores, for people.
        confidence: how good each organ is likely to be; None where nobody calibrated that.
    """

    folder: Path
    name: str
    version: str
    labels: tuple[Label, ...]
    input: InputContract
    postprocessing: Mapping[str, PostProcessing]
    network: bytes = field(repr=False)
    sha256: str
    description_sha256: str
    licence: str
    provenance: Mapping[str, Any] = field(repr=False)
    results: Mapping[str, Any] = field(repr=False)
    confidence: Optional[Confidence] = field(default=None, repr=False)

    def label(self, name: str) -> Label:
        """The organ of that name.

        Raises:
            BundleError: if the model does not know it.
        """
        for label in self.labels:
            if label.name == name:
                return label
        known = ", ".join(label.name for label in self.labels)
        raise BundleError(f"The model {self.name} has no organ {name!r}: choose from {known}.")

    def labels_named(self, names: Optional[Sequence[str]]) -> tuple[Label, ...]:
        """The organs of these names, in their order; all where it is None.

        Raises:
            BundleError: if the model does not know one.
        """
        return self.labels if names is None else tuple(self.label(name) for name in names)


def default_bundle_folder() -> Path:
    """The bundle that ships: beside the library in the source tree and in Slicer, inside it in a wheel."""
    library = Path(__file__).resolve().parents[1]
    candidates = [root / "Resources" / "Models" / DEFAULT_BUNDLE for root in (library.parent, library)]
    return next((folder for folder in candidates if folder.is_dir()), candidates[0])


def load_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle.

    Args:
        folder: holds `model.json` and `model.onnx`.

    Raises:
        BundleError: if a file is missing, too large, damaged or not of this schema, or if the network is more than
            data (see `check_network`).
    """
    content = _read_bounded(folder / DESCRIPTION_FILE, _MAX_DESCRIPTION_BYTES)
    description = _read_description(folder / DESCRIPTION_FILE, content)
    network = _read_bounded(folder / NETWORK_FILE, MAX_FILE_BYTES)
    try:
        bundle = _parse(folder, description, network, hashlib.sha256(content).hexdigest())
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        what = f"entry {error} is missing" if isinstance(error, KeyError) else str(error)
        raise BundleError(f"{folder / DESCRIPTION_FILE} is not a valid model description ({what}): "
                          "export the model anew.") from None
    if hashlib.sha256(network).hexdigest() != bundle.sha256:
        raise BundleError(f"{folder / NETWORK_FILE} does not match the checksum in {DESCRIPTION_FILE}: "
                          "copy the bundle again.")
    check_network(folder / NETWORK_FILE, network, context=len(bundle.input.context_offsets_mm),
                  classes=len(bundle.labels) + 1)
    return bundle


def _read_bounded(path: Path, limit: int) -> bytes:
    try:
        status = path.stat()
        # Reading a pipe or a device would not end.
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path} is no regular file: name the folder of a model bundle.")
        if status.st_size > limit:
            raise BundleError(f"{path} is larger than {limit >> 20} MiB: it is not a model of this kind.")
        with open(path, "rb") as file:
            return file.read(status.st_size)
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}): name the folder of a model bundle.") from None


def _read_description(path: Path, content: bytes) -> dict:
    try:
        description = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BundleError(f"{path} is not valid JSON: export the model anew.") from None
    version = description.get("schema_version") if isinstance(description, dict) else None
    if version != SCHEMA_VERSION:
        raise BundleError(f"{path} has schema version {reprlib.repr(version)}, this program reads {SCHEMA_VERSION}: "
                          "use a matching program or export the model anew.")
    return description


def _parse(folder: Path, description: Mapping[str, Any], network: bytes, description_sha256: str) -> Bundle:
    labels = tuple(parse_label(entry) for entry in description["labels"])
    _check_labels(labels)
    contract, rules = table(description, "input"), table(description, "postprocessing")
    for known, entry in ((InputContract, contract), *((PostProcessing, rule) for rule in rules.values())):
        _check_known(folder / DESCRIPTION_FILE, entry, known)
    return Bundle(
        folder=folder,
        name=text(description, "name"),
        version=text(description, "version"),
        labels=labels,
        input=_parse_input(contract),
        postprocessing={name: _parse_postprocessing(rule) for name, rule in rules.items()},
        network=network,
        sha256=text(description, "sha256"),
        description_sha256=description_sha256,
        licence=text(description, "licence"),
        provenance=table(description, "provenance"),
        results=table(description, "results"),
        confidence=parse_confidence(table(description, "confidence")) if description.get("confidence") else None,
    )


def _check_known(path: Path, entry: Mapping[str, Any], known: type) -> None:
    """Refuse what a newer program would do and this one would silently leave out."""
    unknown = sorted(entry.keys() - {one.name for one in fields(known)})
    if unknown:
        raise BundleError(f"{path} asks for {', '.join(map(reprlib.repr, unknown[:3]))}, which this program does not "
                          "know: use a newer program or another model.")


def _parse_input(entry: Mapping[str, Any]) -> InputContract:
    low, high = (number(value) for value in entry["window_hu"])
    contract = InputContract(
        window_hu=(low, high),
        pixel_spacing_mm=number(entry["pixel_spacing_mm"]),
        multiple=whole(entry["multiple"]),
        context_offsets_mm=tuple(number(offset) for offset in entry["context_offsets_mm"]),
        slice_step_mm=number(entry["slice_step_mm"]),
        # Descriptions written before slices were averaged do not speak of it.
        slice_smoothing_mm=number(entry.get("slice_smoothing_mm", 0.0)),
    )
    _check_input(contract)
    return contract


def _parse_postprocessing(entry: Mapping[str, Any]) -> PostProcessing:
    minimum_ml = number(entry["minimum_ml"])
    if minimum_ml < 0:
        raise ValueError(f"minimum_ml is {minimum_ml:g}")
    # Older descriptions speak neither of holes nor of offsets.
    logit_offset = number(entry.get("logit_offset", 0.0))
    if not -10 <= logit_offset <= 10:
        raise ValueError(f"logit_offset is {logit_offset:g}")
    return PostProcessing(flag(entry["largest_component"]), minimum_ml, flag(entry.get("fill_holes", False)),
                          logit_offset)


def _check_input(contract: InputContract) -> None:
    low, high = contract.window_hu
    if not -4096 <= low < high <= 65536:
        raise ValueError(f"window_hu is {low} to {high}")
    if not 0.1 <= contract.pixel_spacing_mm <= 20:
        raise ValueError(f"pixel_spacing_mm is {contract.pixel_spacing_mm}")
    if not 1 <= contract.multiple <= 512:
        raise ValueError(f"multiple is {contract.multiple}")
    if not 0.1 <= contract.slice_step_mm <= 100:
        raise ValueError(f"slice_step_mm is {contract.slice_step_mm}")
    if not 0 <= contract.slice_smoothing_mm <= 100:
        raise ValueError(f"slice_smoothing_mm is {contract.slice_smoothing_mm}")
    offsets = contract.context_offsets_mm
    if not 1 <= len(offsets) <= 64 or any(not -1000 <= offset <= 1000 for offset in offsets):
        raise ValueError(f"context_offsets_mm is {list(offsets)}")


def _check_labels(labels: tuple[Label, ...]) -> None:
    if not 1 <= len(labels) <= 255:
        raise ValueError(f"there are {len(labels)} labels")
    for what in ("value", "name"):
        seen = [getattr(label, what) for label in labels]
        if len(set(seen)) < len(seen):
            raise ValueError(f"two labels have the same {what}")


def parse_label(entry: Mapping[str, Any]) -> Label:
    """A label from its `asdict` form, as JSON keeps it.

    Raises:
        KeyError, TypeError, ValueError: something is missing or makes no sense.
    """
    value, name = whole(entry["value"]), text(entry, "name")
    red, green, blue = (whole(channel) for channel in entry["color"])
    if not 1 <= value <= 255 or not all(0 <= channel <= 255 for channel in (red, green, blue)):
        raise ValueError(f"label {name!r} has value {value} and colour {red}, {green}, {blue}")
    modifier = _code(entry, "modifier") if entry.get("modifier") else None
    return Label(value, name, text(entry, "title"), (red, green, blue), _code(entry, "category"),
                 _code(entry, "type"), modifier, _plausible_ml(name, entry.get("plausible_ml")))


def _code(entry: Mapping[str, Any], key: str) -> Code:
    code = table(entry, key)
    return Code(text(code, "scheme"), text(code, "value"), text(code, "meaning"))


def _plausible_ml(name: str, entry: Optional[Sequence[float]]) -> Optional[tuple[float, float]]:
    if entry is None:
        return None
    low, high = (number(volume) for volume in entry)
    if not 0 <= low < high:
        raise ValueError(f"label {name!r} has plausible_ml {low:g} to {high:g}")
    return low, high
