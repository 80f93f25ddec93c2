"""Runs the tests of MISTKDSegmentLib as the oldest and the newest Slicer would: their Python, numpy and onnxruntime.

    python3 Testing/slicer_pythons.py
    python3 Testing/slicer_pythons.py --python 5.8=/path/to/python3.9 -- -k runner

The interpreters are `python3.9` and `python3.12`, where no option names others. Each gets an environment of its own in
the user's cache folder (or the one that --environments names), about 400 MB; what stands after -- goes to pytest.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
LIBRARY_NEEDS = ("SimpleITK>=2.3", "rich>=13.0", "pillow>=10.1")
TESTS_NEED = ("pytest>=8.4", "hypothesis>=6.141", "pydicom>=2.4", "onnx>=1.17")


class Slicer(NamedTuple):
    """A release of Slicer: its Python, and what it has or offers of the packages that the library stands on."""

    python: str
    packages: tuple[str, ...]


SLICERS = {"5.8": Slicer("3.9", ("numpy==1.26.4", "onnxruntime==1.19.2")),
           "5.12": Slicer("3.12", ("numpy==2.4.*", "onnxruntime>=1.23"))}


class NotReady(Exception):
    """The tests cannot be run; the message is one sentence with the remedy."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs the tests for each Slicer and says at the end for which they failed."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = make_parser().parse_args(arguments[:end])
    named = dict(options.python)
    failed = []
    for version, slicer in SLICERS.items():
        try:
            python = environment(options.environments / f"slicer-{version}", version, named.get(version))
        except NotReady as error:
            print(f"slicer_pythons.py: error: {error}", file=sys.stderr)
            return 1
        print(f"== Slicer {version}: Python {slicer.python}, {', '.join(slicer.packages)}", flush=True)
        if run_tests(python, arguments[end + 1:]):
            failed.append(version)
    print("Failed for Slicer " + " and ".join(failed) if failed else "All tests passed for " + ", ".join(SLICERS))
    return 1 if failed else 0


def make_parser() -> argparse.ArgumentParser:
    """The options, as `--help` shows them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", type=_interpreter, default=[], metavar="SLICER=PATH",
                        help="an interpreter, e.g. 5.8=/path/to/python3.9")
    parser.add_argument("--environments", type=Path, default=CACHE / "mistkdsegment", metavar="FOLDER")
    return parser


def _interpreter(text: str) -> tuple[str, str]:
    version, _, path = text.partition("=")
    if version not in SLICERS or not path:
        raise argparse.ArgumentTypeError(f"'{text}' is none of {', '.join(f'{known}=PATH' for known in SLICERS)}")
    return version, path


def environment(folder: Path, version: str, named: Optional[str]) -> Path:
    """Makes or updates the environment for a Slicer.

    Args:
        folder: of the environment.
        version: of Slicer.
        named: interpreter that the user names, or None to look for the usual name.

    Returns:
        Its interpreter.

    Raises:
        NotReady: there is no interpreter of that version, or pip failed.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        run([find_python(version, named), "-m", "venv", str(folder)])
    packages = [*SLICERS[version].packages, *LIBRARY_NEEDS, *TESTS_NEED]
    run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
    return python


def find_python(version: str, named: Optional[str]) -> str:
    """The interpreter of a Slicer's Python version.

    Raises:
        NotReady: there is none, or it is of another version.
    """
    wanted = SLICERS[version].python
    path = shutil.which(named or f"python{wanted}")
    command = [str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    # A version manager may put a program of that name on the path that only says what it could install.
    if path and subprocess.run(command, capture_output=True, encoding="utf-8").stdout.strip() == wanted:
        return path
    raise NotReady(f"{named or f'python{wanted}'} is no Python {wanted}; name one with --python {version}=PATH")


def run(command: list[str]) -> None:
    """Runs a step of the set-up.

    Raises:
        NotReady: it failed.
    """
    if subprocess.call(command):
        raise NotReady(f"'{' '.join(command[:4])} …' failed; mend what it says above and run the same command again")


def run_tests(python: Path, pytest_options: list[str]) -> int:
    """Runs the library's tests without installing the project: the source tree is what Slicer would load."""
    paths = os.pathsep.join([str(ROOT / "MISTKDSegment"), str(ROOT)])
    command = [str(python), "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "Testing/lib", *pytest_options]
    return subprocess.call(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths})


if __name__ == "__main__":
    sys.exit(main())
