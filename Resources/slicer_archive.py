"""The archives that 3D Slicer installs from a file, in the layout that its own packaging gives extensions."""

from __future__ import annotations

import subprocess
from pathlib import Path

from Resources.cmake_values import cmake_values
from Resources.packed import packed_tar, packed_zip

EXTENSION = "MISTKDSegment"
ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / EXTENSION
# The revisions of the releases, as Help > About shows them: Slicer on macOS looks for a folder of its own revision.
REVISIONS = {"5.8": (33216, 33241), "5.10": (34045,), "5.12": (34621, 34624, 34625, 34627)}
SUFFIXES = {"linux": ".tar.gz", "windows": ".zip", "macosx": ".tar.gz"}
# Until the repository has an address, a link to nowhere helps less than none.
NO_ADDRESS = "/OWNER/"
NO_COMMIT_TIME_S = 946684800


class PackageError(Exception):
    """An archive cannot be made; the message is one sentence with the remedy."""


def archive_name(slicer: str, platform: str) -> str:
    """Name of an archive, e.g. "MISTKDSegment-0.1.0-Slicer-5.12-linux.tar.gz"."""
    return f"{EXTENSION}-{version()}-Slicer-{slicer}-{platform}{SUFFIXES[platform]}"


def build_archive(slicer: str, platform: str, further: tuple[int, ...] = ()) -> bytes:
    """The content of an archive: the same bytes for the same commit.

    Args:
        slicer: version, one of `REVISIONS`.
        platform: one of `SUFFIXES`.
        further: revisions of Slicer besides those of the known releases; they matter on macOS alone.

    Raises:
        PackageError: a CMake list names a file that is not there.
    """
    pack = packed_zip if SUFFIXES[platform] == ".zip" else packed_tar
    folders = folders_in_archive(platform, REVISIONS[slicer] + further)
    return pack(extension_files(slicer), folders, commit_time_s())


def extension_files(slicer: str) -> dict[str, bytes]:
    """Everything that Slicer finds in the extension's folder once it is installed.

    Returns:
        Content by path below that folder, the description first.

    Raises:
        PackageError: a CMake list names a file that is not there.
    """
    scripted = f"lib/Slicer-{slicer}/qt-scripted-modules"
    shared = f"share/Slicer-{slicer}"
    files = {f"{shared}/{EXTENSION}.s4ext": description().encode(), f"{shared}/LICENSE": _content(ROOT / "LICENSE")}
    return files | {f"{scripted}/{name}": _content(MODULE / name) for name in listed_files()}


def listed_files() -> list[str]:
    """The module's files, as its CMake lists name them, relative to its folder."""
    values = cmake_values(MODULE / "CMakeLists.txt")
    return sorted(values["MODULE_PYTHON_SCRIPTS"] + values["MODULE_PYTHON_RESOURCES"])


def folders_in_archive(platform: str, revisions: tuple[int, ...]) -> list[str]:
    """Where the extension's folder lies in the archive; on macOS once for each revision of Slicer."""
    top = f"{EXTENSION}-{version()}"
    if platform != "macosx":
        return [top]
    return [f"{top}/Slicer.app/Contents/Extensions-{revision}/{EXTENSION}" for revision in revisions]


def version() -> str:
    """The version that the library states."""
    for line in _content(MODULE / "MISTKDSegmentLib" / "__init__.py").decode().splitlines():
        if line.startswith("__version__"):
            return line.split('"')[1]
    raise PackageError("MISTKDSegmentLib/__init__.py states no __version__; put it back")


def description() -> str:
    """The extension description (.s4ext): one key and its value a line."""
    values = cmake_values(ROOT / "CMakeLists.txt")
    shown = {name.lower(): " ".join(values[f"EXTENSION_{name}"]) for name in (
        "DEPENDS", "HOMEPAGE", "CONTRIBUTORS", "CATEGORY", "ICONURL", "DESCRIPTION", "SCREENSHOTURLS", "KEYWORDS")}
    source = {"scm": "git", "scmurl": f"{shown['homepage']}.git", "scmrevision": commit(), "build_subdirectory": "."}
    lines = {**source, **shown, "enabled": "1"}
    return "".join(f"{key} {value}\n" for key, value in lines.items() if NO_ADDRESS not in value)


def commit() -> str:
    """The commit that is packed, with "-dirty" behind it where files differ; the version where git knows none."""
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or version()


def commit_time_s() -> int:
    """When that commit was made, in seconds since 1970; a fixed time where git knows none."""
    return int(_git("log", "-1", "--format=%ct") or NO_COMMIT_TIME_S)


def _git(*arguments: str) -> str:
    # Without its own .git, git would answer for whatever repository this folder happens to lie in.
    if not (ROOT / ".git").exists():
        return ""
    try:
        return subprocess.check_output(["git", "-C", str(ROOT), *arguments], encoding="utf-8",
                                       stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PackageError(f"{path} cannot be packed ({error.strerror}); bring it back or take it off the list in "
                           f"{MODULE / 'CMakeLists.txt'}") from error
