"""The models that a person can choose from: those that ship, and those that were added."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from MISTKDSegmentLib.errors import BundleError, OutputError
from MISTKDSegmentLib.model.bundle import DESCRIPTION_FILE, MAX_FILE_BYTES, NETWORK_FILE, Bundle, load_bundle
from MISTKDSegmentLib.model.labels import Label

CARD_FILE = "README.md"
_FILES = (DESCRIPTION_FILE, NETWORK_FILE, CARD_FILE)


@dataclass(frozen=True)
class Model:
    """A model that is installed.

    Attributes:
        folder: its bundle.
        name, version, labels, licence: as the bundle says; of a damaged one, the name of its folder and nothing.
        mean_dice: of its validation, where it says so.
        problem: why it cannot be used, or "".
        sha256: of its description, which holds that of the network: it stands for all of the bundle.
        key: name and version, and, where another model has the same, the beginning of the checksum.
    """

    folder: Path
    name: str
    version: str = ""
    labels: tuple[Label, ...] = ()
    licence: str = ""
    mean_dice: Optional[float] = None
    problem: str = ""
    sha256: str = ""
    key: str = ""


def installed_models(folders: Sequence[Path]) -> list[Model]:
    """The models in some folders, each in a folder of its own, in the order of their names.

    Args:
        folders: those that do not exist or cannot be read are passed over.
    """
    models: dict[str, Model] = {}
    for model in (_model(entry) for folder in folders for entry in _bundles_in(folder)):
        key = f"{model.name} {model.version}".strip()
        key = f"{key} ({model.sha256[:8] or model.folder.name})" if key in models else key
        models[key] = replace(model, key=key)
    return list(models.values())


def add_model(source: Path, into: Path, others: Sequence[Path] = ()) -> Path:
    """Verify a model and keep a copy of it.

    Args:
        source: its folder, a zip file of it, or its `model.json` or `model.onnx`.
        into: folder of the added models; made where it does not exist.
        others: folders with further models; what is there already is not added again.

    Returns:
        The folder of the copy; of the one that was there where the same model is installed already.

    Raises:
        BundleError: it is no model, or is damaged.
        OutputError: the copy cannot be written.
    """
    with _opened(source) as folder:
        bundle = _verified(folder, source)
        sha256 = bundle.description_sha256
        same = [model.folder for model in installed_models([*others, into]) if model.sha256 == sha256]
        if same:
            return same[0]
        for entry in (into / _folder_name(bundle), into / f"{_folder_name(bundle)}-{sha256[:8]}"):
            if not entry.exists():
                _copy(folder, entry)
            if _is_copy(entry, sha256):
                return entry
    raise OutputError(f"{into} holds another model of this name that cannot be read; remove {entry} first.")


def _bundles_in(folder: Path) -> list[Path]:
    try:
        return [entry for entry in sorted(folder.iterdir())
                if (entry / DESCRIPTION_FILE).is_file() and not entry.name.startswith(".")]
    except OSError:
        return []


def _model(folder: Path) -> Model:
    try:
        bundle = load_bundle(folder)
    except BundleError as error:
        return Model(folder, folder.name, problem=str(error))
    return Model(folder, bundle.name, bundle.version, bundle.labels, bundle.licence, mean_dice(bundle),
                 sha256=bundle.description_sha256)


def mean_dice(bundle: Bundle) -> Optional[float]:
    """The mean Dice that a bundle says it reached on its validation cases in `transunet`, if it says so."""
    try:
        return float(bundle.results["transunet"]["mean"]["dice"])
    except (KeyError, TypeError, ValueError):
        return None


@contextmanager
def _opened(source: Path) -> Iterator[Path]:
    """The folder of a bundle, however it is given."""
    if source.suffix.lower() == ".zip":
        with tempfile.TemporaryDirectory() as folder:
            _unpack(source, Path(folder))
            yield Path(folder)
    else:
        yield source.parent if source.name in _FILES else source


def _unpack(archive: Path, folder: Path) -> None:
    """Take the bundle's own files out of a zip, wherever they lie in it; nothing else is written."""
    try:
        with zipfile.ZipFile(archive) as opened:
            for name in _FILES:
                _unpack_file(opened, name, folder)
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError) as error:
        raise BundleError(f"{archive} is no readable zip file ({error}); copy it again.") from None


def _unpack_file(archive: zipfile.ZipFile, name: str, folder: Path) -> None:
    entries = [entry for entry in archive.infolist() if Path(entry.filename).name == name]
    if len(entries) > 1:
        raise BundleError(f"{archive.filename} holds {len(entries)} files {name}; add its models one by one.")
    if entries and entries[0].file_size > MAX_FILE_BYTES:
        raise BundleError(f"{archive.filename} holds a {name} that is too large; it is not a model of this kind.")
    for entry in entries:
        with archive.open(entry) as packed, open(folder / name, "wb") as file:
            shutil.copyfileobj(packed, file)


def _folder_name(bundle: Bundle) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{bundle.name}-{bundle.version}").strip(".-") or "model"


def _verified(folder: Path, source: Path) -> Bundle:
    try:
        return load_bundle(folder)
    except BundleError as error:
        if folder in (source, source.parent):
            raise
        # Of a zip, the user knows the file and not the folder that it was unpacked into.
        raise BundleError(str(error).replace(str(folder), str(source))) from None


def _copy(folder: Path, entry: Path) -> None:
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=entry.parent, prefix=".") as temporary:
            copy = Path(temporary, "model")
            copy.mkdir()
            for name in _FILES:
                if (folder / name).is_file():
                    shutil.copyfile(folder / name, copy / name)
            copy.rename(entry)
    except OSError as error:
        raise OutputError(f"{entry.parent} cannot be written ({error.strerror or error}), so the model was not added; "
                          "make the folder writable.") from error


def _is_copy(entry: Path, sha256: str) -> bool:
    try:
        return load_bundle(entry).description_sha256 == sha256
    except BundleError:
        return False
