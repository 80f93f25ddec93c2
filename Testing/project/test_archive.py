"""The archives for "Install from file": unpacked as Slicer's extension manager does it, they hold the whole module."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from MISTKDSegmentLib import __version__
from Resources import slicer_archive
from Resources.slicer_archive import (
    REVISIONS,
    SUFFIXES,
    PackageError,
    archive_name,
    build_archive,
    commit,
    description,
    listed_files,
)
from Testing.host import NEEDS_HOST

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600  # a busy machine
NAME = "MISTKDSegment"
EVERY_ARCHIVE = [(slicer, platform) for slicer in REVISIONS for platform in SUFFIXES]
# What Slicer on Windows puts before our paths, and the longest path that Windows takes.
WINDOWS_FOLDER = r"C:\Users\{user}\AppData\Local\slicer.org\3D Slicer 5.12.3\slicer.org\Extensions-34627\MISTKDSegment"
WINDOWS_LIMIT = 259


def members(archive: bytes) -> dict[str, bytes]:
    """Regular files in the order of the archive; a link counts as the file that it leads to."""
    if zipfile.is_zipfile(io.BytesIO(archive)):
        unzipped = zipfile.ZipFile(io.BytesIO(archive))
        return {name: unzipped.read(name) for name in unzipped.namelist()}
    with tarfile.open(fileobj=io.BytesIO(archive)) as untarred:
        found = {}
        for entry in untarred:
            file = untarred.extractfile(entry)
            assert file is not None, f"{entry.name} is no file"
            found[entry.name] = file.read()
        return found


def install_as_slicer_does(archive: bytes, extensions: Path, revision: int, *, mac: bool = False) -> Path:
    """`qSlicerExtensionsManagerModel::installExtension` and `extractExtensionArchive`, step by step."""
    found = members(archive)
    name = next(Path(path).stem for path in found if path.endswith(".s4ext"))
    for path, content in found.items():
        (extensions / name / path).parent.mkdir(parents=True, exist_ok=True)
        (extensions / name / path).write_bytes(content)
    first = Path(next(iter(found)))
    assert len(first.parts) > 1, "Slicer takes the folder of the first entry for the extension"
    source = extensions / name / first.parts[0]
    inner = source / "Slicer.app" / "Contents" / f"Extensions-{revision}" / name if mac else source
    shutil.copytree(inner, extensions / f"{name}-XXXXXX")
    shutil.copytree(extensions / f"{name}-XXXXXX", extensions / name, dirs_exist_ok=True)
    shutil.rmtree(extensions / f"{name}-XXXXXX")
    shutil.rmtree(source)
    return extensions / name


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def expected_files(slicer: str) -> set[str]:
    scripted = {f"lib/Slicer-{slicer}/qt-scripted-modules/{name}" for name in listed_files()}
    return scripted | {f"share/Slicer-{slicer}/{NAME}.s4ext", f"share/Slicer-{slicer}/LICENSE"}


@pytest.mark.parametrize(("slicer", "platform"), EVERY_ARCHIVE)
def test_slicer_finds_every_listed_file_and_no_other(slicer: str, platform: str, tmp_path: Path) -> None:
    archive = build_archive(slicer, platform)
    for revision in REVISIONS[slicer]:
        extensions = tmp_path / str(revision)
        installed = install_as_slicer_does(archive, extensions, revision, mac=platform == "macosx")
        assert files_in(installed) == expected_files(slicer)
        assert [path.name for path in extensions.iterdir()] == [NAME]


def test_what_is_installed_is_what_lies_in_the_repository(tmp_path: Path) -> None:
    installed = install_as_slicer_does(build_archive("5.12", "linux"), tmp_path, 34627)
    scripted = installed / "lib" / "Slicer-5.12" / "qt-scripted-modules"
    assert all((scripted / name).read_bytes() == (ROOT / NAME / name).read_bytes() for name in listed_files())


def test_no_test_and_no_cache_is_packed() -> None:
    names = members(build_archive("5.12", "windows"))
    assert [name for name in names if "__pycache__" in name or "Testing" in name or name.endswith(".pyc")] == []


@pytest.mark.parametrize("platform", SUFFIXES)
def test_slicer_s_own_unpacker_reads_the_archive(platform: str, tmp_path: Path) -> None:
    archives = pytest.importorskip("slicer", reason="slicer-core is not installed here").vtkArchive
    path, folder = tmp_path / archive_name("5.12", platform), tmp_path / "unpacked"
    path.write_bytes(build_archive("5.12", platform))
    folder.mkdir()
    listed: list[str] = []
    assert archives.ListArchive(str(path), listed) and archives.UnZip(str(path), str(folder))
    assert files_in(folder) == set(listed)
    assert {found: (folder / found).read_bytes() for found in listed} == members(path.read_bytes())


def test_slicer_on_a_mac_finds_nothing_under_another_revision(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Extensions-34999"):
        install_as_slicer_does(build_archive("5.12", "macosx"), tmp_path, 34999, mac=True)


def test_a_revision_that_is_not_known_yet_can_be_named(tmp_path: Path) -> None:
    installed = install_as_slicer_does(build_archive("5.12", "macosx", (34999,)), tmp_path, 34999, mac=True)
    assert files_in(installed) == expected_files("5.12")


@pytest.mark.parametrize("platform", SUFFIXES)
def test_the_same_commit_gives_the_same_bytes_at_any_time_and_place(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_archive("5.10", platform)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    assert build_archive("5.10", platform) == first


def test_the_archive_for_macs_holds_the_network_once() -> None:
    sizes = {platform: len(build_archive("5.12", platform)) for platform in SUFFIXES}
    assert max(sizes.values()) < 1.05 * min(sizes.values()) < 20e6


def test_paths_stay_short_enough_for_windows() -> None:
    before = len(WINDOWS_FOLDER.format(user="x" * 20))
    longest = max(members(build_archive("5.12", "windows")), key=len)
    assert before + 1 + len(longest) + len("__pycache__/.cpython-312") <= WINDOWS_LIMIT, longest


def read_description(text: str) -> dict[str, str]:
    """As `qSlicerExtensionsManagerModel::parseExtensionDescriptionFile`: key, then words."""
    return {line.split(" ")[0]: " ".join(line.split()[1:]) for line in text.splitlines() if line[0] != "#"}


def test_the_description_says_what_the_extensions_manager_shows() -> None:
    shown = read_description(description())
    assert shown["category"] == "Segmentation"
    assert shown["depends"] == "NA" and shown["enabled"] == "1"
    assert "abdominal organs" in shown["description"] and "not a medical device" in shown["description"]
    assert shown["scmrevision"] == commit()


def test_the_description_links_to_no_placeholder() -> None:
    assert "OWNER" not in description()


def test_a_file_that_is_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slicer_archive, "listed_files", lambda: ["MISTKDSegmentLib/lost.py"])
    with pytest.raises(PackageError, match=r"lost\.py cannot be packed .*; bring it back or take it off the list"):
        build_archive("5.12", "linux")


def test_without_git_the_version_stands_for_the_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(slicer_archive, "_git", lambda *arguments: "")
    assert commit() == __version__
    assert slicer_archive.commit_time_s() == slicer_archive.NO_COMMIT_TIME_S


@pytest.fixture(scope="module")
def installed_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    extensions = tmp_path_factory.mktemp("Extensions-33241")
    installed = install_as_slicer_does(build_archive("5.8", "windows"), extensions, 33241)
    return installed / "lib" / "Slicer-5.8" / "qt-scripted-modules"


def run_there(library: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in a folder of its own, with nothing of this repository before the installed extension."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", timeout=PATIENCE_S,
                          cwd=folder, env={**environment, "PYTHONPATH": str(library), "PYTHONIOENCODING": "utf-8"})


def test_the_library_is_imported_from_where_slicer_put_it(installed_library: Path, tmp_path: Path) -> None:
    script = "import MISTKDSegmentLib, MISTKDSegmentLib.model.bundle as b; " \
             "print(MISTKDSegmentLib.__file__); print(b.load_bundle(b.default_bundle_folder()).folder)"
    done = run_there(installed_library, tmp_path, "-c", script)
    assert done.returncode == 0, done.stderr
    assert all(Path(line).resolve().is_relative_to(installed_library.resolve()) for line in done.stdout.splitlines())


SEGMENT_BY_THE_CHILD = """
import subprocess, sys
from pathlib import Path
from MISTKDSegmentLib.child.job import Job, Order
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.model.bundle import default_bundle_folder
from MISTKDSegmentLib.phantom.abdomen import make_phantom
volume, _ = make_phantom(spacing_mm=(3.0, 3.0, 5.0))
job = Job.create(volume, Order(default_bundle_folder(), SegmentOptions("liver", threads=1)), inside=Path())
said = subprocess.check_output(job.command(sys.executable), text=True)
print('"Done"' in said, set(job.labels.ravel().tolist()), (job.labels == 5).sum() * volume.voxel_ml)
"""


def test_a_scan_is_segmented_from_there(installed_library: Path, tmp_path: Path) -> None:
    done = run_there(installed_library, tmp_path, "-c", SEGMENT_BY_THE_CHILD)
    assert done.returncode == 0, done.stderr
    said, volume_ml = done.stdout.rsplit(maxsplit=1)
    assert said == "True {0, 5}" and 500 < float(volume_ml) < 4000


def test_the_front_door_is_not_there_and_says_where_else_to_go(installed_library: Path, tmp_path: Path) -> None:
    done = run_there(installed_library, tmp_path, "-c", "from MISTKDSegmentLib import segment")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: MISTKDSegmentLib.segment does not come with the Slicer extension; use ")


OPEN_THE_MODULE = """
import sys
from pathlib import Path
from Testing.host import open_host
installed = Path(sys.argv[1])
sys.path.insert(0, str(installed))
with open_host(installed / "MISTKDSegment.py") as host:
    import MISTKDSegmentLib
    print(Path(MISTKDSegmentLib.__file__).parents[1] == installed, host.find("segmentButton").text,
          [model.name for model in host.logic.models()])
"""


@NEEDS_HOST
def test_the_module_opens_its_panel_from_where_slicer_put_it(installed_library: Path) -> None:
    done = subprocess.run([sys.executable, "-c", OPEN_THE_MODULE, str(installed_library)], capture_output=True,
                          encoding="utf-8", timeout=PATIENCE_S, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "True Segment abdomen ['synapse-abdomen']"
