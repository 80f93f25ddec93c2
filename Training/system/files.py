"""Folders and text files: whether they can be written, found out before the work; and which file it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import yaml

from MISTKDSegmentLib.errors import InputError, OutputError
from MISTKDSegmentLib.io.atomic import atomic_path


def make_folder(folder: Path) -> None:
    """Make a folder where it is missing, and find out whether files can be written into it.

    Raises:
        OutputError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror}); choose another folder.") from None
    check_folder(folder)


def check_folder(folder: Path) -> None:
    """Find out whether files can be written into a folder, or into the one where it would be made; none is left.

    Raises:
        OutputError: they cannot.
    """
    try:
        nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        with TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to ({error.strerror}); choose another folder.") from None


def write_json(path: Path, document: Any) -> None:
    """Write a document as JSON, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        InputError: it cannot be read or is no YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is not valid YAML ({reason}); correct it.") from error


def file_sha256(path: Path) -> str:
    """Checksum of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): name a file that can.") from None
