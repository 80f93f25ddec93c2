"""Stand-ins for slicer.i18n, slicer.packaging, slicer.testing and SampleData."""

from __future__ import annotations

import importlib.metadata
import inspect
import logging
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import slicer

from Testing.host.qt_classes import CheckedModule


def i18n() -> types.ModuleType:
    made = CheckedModule("slicer.i18n")
    for function in (tr, translate, getContext):
        setattr(made, function.__name__, function)
    return made


def translate(context: str, text: str) -> str:
    return str(slicer.app.translate(context, text))


def getContext(sourceFile: str) -> str:
    """Package and file, or the file alone where there is no package."""
    path = Path(sourceFile)
    if path.is_file() and (path.parent / "__init__.py").is_file():
        return f"{path.parent.name}.{path.stem}"
    return path.name.replace(".py", "")


def tr(text: str) -> str:
    """A translation is taken only when it has the same {placeholders}."""
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    translated = translate(getContext(frame.f_back.f_code.co_filename), text)
    return translated if _placeholders(translated) == _placeholders(text) else text


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"(?<!\{)\{([^{}]+)\}(?!\})", text))


class Packaging:
    """slicer.packaging: what would be installed is written down; a test says how it ends.

    Attributes:
        installed: Requirements in the order in which they were asked for.
        outcome: Called with the requirement instead of pip; raise from it to let an installation fail.
        checks: Answers of pip_check by name of the package; others are looked up in this Python.
    """

    def __init__(self) -> None:
        self.installed: list[str] = []
        self.outcome: Optional[Callable[[str], None]] = None
        self.checks: dict[str, bool] = {}

    def module(self) -> types.ModuleType:
        made = CheckedModule("slicer.packaging")
        for function in (self.pip_install, self.pip_uninstall, self.pip_check, self.pip_ensure,
                         self.isPipInstallInProgress):
            setattr(made, function.__name__, function)
        return made

    def isPipInstallInProgress(self) -> bool:
        return False

    def pip_install(self, requirements: Any, constraints: Any = None, no_deps_requirements: Any = None,
                    skip_packages: Any = None, blocking: bool = True, show_progress: bool = True,
                    requester: Any = None, parent: Any = None, logCallback: Any = None,
                    completedCallback: Any = None) -> Optional[list]:
        for requirement in _as_list(requirements):
            self.installed.append(requirement)
            if self.outcome is not None:
                self.outcome(requirement)
        if completedCallback is not None:
            completedCallback(0)
        return None

    def pip_uninstall(self, requirements: Any, blocking: bool = True, logCallback: Any = None,
                      completedCallback: Any = None) -> None:
        self.installed = [known for known in self.installed if known not in _as_list(requirements)]

    def pip_check(self, req: Any, _seen: Any = None) -> bool:
        return all(self._there(one) for one in _as_list(req))

    def pip_ensure(self, requirements: Any, constraints: Any = None, skip_packages: Any = None,
                   prompt_install: bool = True, prompt_restart: bool = True, requester: Any = None,
                   skip_in_testing: bool = True, show_progress: bool = True) -> Optional[list]:
        missing = [one for one in _as_list(requirements) if not self.pip_check(one)]
        if not missing or (skip_in_testing and slicer.app.testingEnabled()):
            return []
        if prompt_install and not slicer.util.confirmOkCancelDisplay(
                f"{requester or 'A module'} requires: {', '.join(missing)}", "Install Python packages"):
            raise RuntimeError("User declined package installation")
        self.pip_install(missing)
        return []

    def _there(self, requirement: str) -> bool:
        name = re.split(r"[<>=!~\[; ]", requirement.strip())[0]
        if name in self.checks:
            return self.checks[name]
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return False
        return True


def _as_list(requirements: Any) -> list[str]:
    if isinstance(requirements, str):
        return requirements.split("\n") if "\n" in requirements else [requirements]
    return [str(one) for one in requirements]


def testing(exits: list[int]) -> types.ModuleType:
    made = CheckedModule("slicer.testing")
    made.exitSuccess = lambda: exits.append(0)  # type: ignore[attr-defined]

    def exitFailure(message: str = "") -> None:
        logging.error(message)
        exits.append(1)
    made.exitFailure = exitFailure  # type: ignore[attr-defined]
    return made


class SampleSources:
    """SampleData: registrations are written down in `registered`, nothing is downloaded."""

    def __init__(self) -> None:
        self.registered: list[dict[str, Any]] = []

    def module(self) -> types.ModuleType:
        made = CheckedModule("SampleData")
        sources = self

        class SampleDataLogic:
            """Where modules register their sample data."""

            @staticmethod
            def registerCustomSampleDataSource(category: str = "Custom", sampleName: Any = None,
                                               uris: Any = None, fileNames: Any = None, nodeNames: Any = None,
                                               customDownloader: Any = None, thumbnailFileName: Any = None,
                                               loadFileType: Any = None, loadFiles: Any = None,
                                               loadFileProperties: Any = None, checksums: Any = None,
                                               sampleDescription: Any = None, loadFileTypes: Any = None) -> None:
                given = {key: value for key, value in locals().items() if key != "sources" and value is not None}
                sources.registered.append(given)

            @staticmethod
            def isSampleDataSourceRegistered(category: str, sampleDataSource: Any) -> bool:
                return any(known["category"] == category and known.get("sampleName") == sampleDataSource.sampleName
                           for known in sources.registered)

            def downloadSample(self, sampleName: str) -> None:
                raise NotImplementedError("This emulated host downloads nothing.")

            downloadSamples = downloadFromURL = downloadCTChest = downloadSample

        class SampleDataSource:
            """One sample, as SampleDataLogic keeps it."""

            def __init__(self, sampleName: Any = None, sampleDescription: Any = None, uris: Any = None,
                         fileNames: Any = None, nodeNames: Any = None, checksums: Any = None, loadFiles: Any = None,
                         customDownloader: Any = None, thumbnailFileName: Any = None, loadFileTypes: Any = None,
                         loadFileProperties: Any = None, loadFileType: Any = None) -> None:
                self.__dict__.update({key: value for key, value in locals().items() if key != "self"})

        made.SampleDataLogic = SampleDataLogic  # type: ignore[attr-defined]
        made.SampleDataSource = SampleDataSource  # type: ignore[attr-defined]
        return made
