"""onnxruntime, the one package that Slicer lacks: whether it is there, and getting it (touches slicer)."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Callable, Optional

import slicer
from slicer.i18n import tr as _

from MISTKDSegmentLib.errors import SegmentError
from MISTKDSegmentLib.model.network_file import OLDEST_ONNXRUNTIME

REQUIREMENT = "onnxruntime>=" + ".".join(map(str, OLDEST_ONNXRUNTIME))
# All of them bring the package `onnxruntime`; a second one beside the first would break it.
_DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")
_REQUESTER = "MISTKDSegment"
_log = logging.getLogger(__name__)


class InstallationError(SegmentError):
    """onnxruntime is missing and cannot be installed, or does not work."""


class OnnxRuntime:
    """The onnxruntime of Slicer's Python; it is never imported in this process."""

    def state(self) -> str:
        """"ready", "missing" or "too old"."""
        importlib.invalidate_caches()
        version = self.version()
        if version is None:
            return "ready" if importlib.util.find_spec("onnxruntime") else "missing"
        return "ready" if _numbers(version) >= OLDEST_ONNXRUNTIME else "too old"

    def version(self) -> Optional[str]:
        """The version that is installed; None where that is not known."""
        for name in _DISTRIBUTIONS:
            try:
                return importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                pass
        return None

    def ensure(self, ask: Callable[[str], bool]) -> bool:
        """See to it that onnxruntime is there, after asking once.

        Args:
            ask: shows a question and returns whether the answer is yes.

        Returns:
            Whether it is there; False when the answer was no.

        Raises:
            InstallationError: it could not be installed.
        """
        state = self.state()
        if state == "ready":
            return True
        if not ask(self.question(state)):
            return False
        self.install()
        return True

    def question(self, state: str) -> str:
        """What to ask before it is installed."""
        if state == "too old":
            return _("The network runs on onnxruntime {oldest} or newer, and version {version} is installed. Update "
                     "it now (a download of about 30 MB)?").format(
                         oldest=_dotted(OLDEST_ONNXRUNTIME), version=self.version())
        return _("The network runs on the Python package onnxruntime, which is not installed yet. Install it now (a "
                 "download of about 30 MB, once)?")

    def install(self) -> None:
        """Download and install it, with progress shown.

        Raises:
            InstallationError: that failed.
        """
        failure = _("onnxruntime could not be downloaded and installed (is this computer offline or behind a proxy, "
                    "or Slicer's folder write-protected?); {remedy}")
        self._install([REQUIREMENT], failure.format(remedy=remedy()))

    def install_from_file(self, path: Path) -> None:
        """Install it from a wheel file on disk, for computers that are not online.

        Args:
            path: a file such as `remedy` describes.

        Raises:
            InstallationError: the file is not one for this Slicer, or installing it failed.
        """
        path = Path(path)
        self._check_wheel(path)
        failure = _("{file} could not be installed (the Python log has the reason); {remedy}")
        # What it requires beside numpy is for exporting and inspecting models, and pip would look for it online.
        self._install(["--no-deps", str(path)], failure.format(file=path, remedy=remedy()))

    def refused(self) -> str:
        """What to say when the answer was no: one sentence."""
        return _("Without onnxruntime nothing can be segmented; start again to be asked again, or {remedy}").format(
            remedy=remedy())

    def _check_wheel(self, path: Path) -> None:
        if not path.is_file():
            raise InstallationError(_("{file} is not there; {remedy}").format(file=path, remedy=remedy()))
        if not re.fullmatch(r"onnxruntime(_\w+)?-\d[^-]*-.*\.whl", path.name):
            raise InstallationError(_("{file} is no wheel of onnxruntime; {remedy}").format(file=path,
                                                                                            remedy=remedy()))
        if f"-{_python_tag()}-" not in path.name:
            raise InstallationError(_("{file} is made for another Python than the {python} of this Slicer; "
                                      "{remedy}").format(file=path, python=_python_tag(), remedy=remedy()))

    def _install(self, arguments: list[str], failure: str) -> None:
        try:
            _pip_install(arguments)
        except (subprocess.CalledProcessError, RuntimeError, OSError) as error:
            _log.exception("pip could not install %s.", arguments[-1])
            raise InstallationError(failure) from error
        if self.state() != "ready":
            raise InstallationError(failure)


def remedy() -> str:
    """The end of a sentence: how to install it without a connection."""
    return _("on a computer that is online, download {pattern} (Python Package Index, project onnxruntime) and "
             "install it here with “Install onnxruntime from a wheel file…” under About.").format(
                 pattern=wheel_pattern())


def wheel_pattern() -> str:
    """What the name of a wheel file for this Slicer looks like, e.g. "onnxruntime-*-cp312-*-win_amd64.whl"."""
    if sys.platform == "darwin":
        ending = "macosx_*"  # of this processor or universal2, which differs from version to version
    elif sys.platform == "win32":
        ending = sysconfig.get_platform().replace("-", "_")
    else:
        ending = f"manylinux*_{platform.machine()}"
    return f"onnxruntime-*-{_python_tag()}-*-{ending}.whl"


def cannot_be_loaded(reason: str) -> str:
    """What to say when the child process could not use it: one sentence.

    Args:
        reason: the child's own sentence.
    """
    return _("{reason}; restart Slicer, or {remedy}").format(reason=reason.rstrip(".;"), remedy=remedy())


def _pip_install(arguments: list[str]) -> None:
    # A list is handed to pip as it is; a string would be split at the blanks in a path.
    try:
        from slicer.packaging import pip_install
    except ImportError:
        _pip_install_before_5_12(arguments)
    else:
        pip_install(arguments, requester=_REQUESTER)


def _pip_install_before_5_12(arguments: list[str]) -> None:
    dialog = slicer.util.createProgressDialog(labelText=_("Installing onnxruntime…"), maximum=0)
    try:
        slicer.app.processEvents()
        slicer.util.pip_install(arguments)
    finally:
        dialog.close()


def _python_tag() -> str:
    return f"cp{sys.version_info[0]}{sys.version_info[1]}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
