"""Optional packages: asked for before a long run and not in its midst, with the command that installs them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Optional

from MISTKDSegmentLib.errors import SegmentError

DISTRIBUTION = "mistkdsegment"
_PROJECTS = {"PIL": "pillow"}  # where they are called otherwise


class ExtraError(SegmentError):
    """An option needs a package that is not installed."""

    exit_code = 2


def require(package: str, extra: str, what: str) -> None:
    """Find out whether an optional package is there.

    Args:
        package: that is needed.
        extra: of this project that installs it.
        what: needs it, for the message.

    Raises:
        ExtraError: it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise ExtraError(f"{what} needs the Python package {package} (Python 3.10 or newer); install it with "
                         f"`{pip_command(extra, package)}`.")


def pip_command(extra: str, package: str) -> str:
    """The command that installs what is missing.

    Args:
        extra: of this project, installed from where the project itself came; "" where there is none, as in a Slicer
            that has the source alone.
        package: that is missing.
    """
    what = f"{_source_folder() or DISTRIBUTION}[{extra}]" if extra else _PROJECTS.get(package, package)
    return f'"{sys.executable}" -m pip install "{what}"'


def _source_folder() -> Optional[Path]:
    """The folder of this project's source: the one that this file lies in, or that pip installed from."""
    clone = Path(__file__).resolve().parents[2]
    if (clone / "pyproject.toml").is_file():
        return clone
    # Here, where something is missing: together they take longer than the rest of the program's start.
    import json
    from importlib import metadata
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        # https://packaging.python.org/en/latest/specifications/direct-url/
        origin = json.loads(metadata.distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return None
    url = urlsplit(origin.get("url", ""))
    folder = Path(url2pathname(url.path))
    return folder if url.scheme == "file" and folder.is_dir() else None
