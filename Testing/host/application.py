"""Stand-in for `slicer.app`: the one QApplication with what Slicer's own application adds."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

VERSION = (5, 12, 3)
REVISION = "34627"
DOCK_FRAME_PX, DOCK_HEIGHT_PX = 3, 900


def qt_application() -> QtWidgets.QApplication:
    """The process's one application object; made offscreen unless somebody made it before."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    running = QtWidgets.QApplication.instance()
    if isinstance(running, QtWidgets.QApplication):
        return running
    _keep_none_alive()
    QtCore.qInstallMessageHandler(_message)
    return QtWidgets.QApplication(["Slicer"])


def _keep_none_alive() -> None:
    """Before Python 3.12 None counts its references, and PySide6 6.12 takes one away with each void call.

    After some thousand calls the interpreter would abort ("none_dealloc").
    """
    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40


def _message(_kind: Any, _context: Any, text: str) -> None:
    if "propagateSizeHints" not in text:
        sys.stderr.write(text + "\n")


# Window and text, what one types into, every other row, selection and the text on it, links, text that is greyed out.
_LIGHT = ("#f0f0f0", "#1f1f1f", "white", "#f7f7f7", "#3a7ecf", "white", "#1a5fb4", "#9a9a9a")
_DARK = ("#2d2d2d", "#e6e6e6", "#1b1b1b", "#242424", "#3a7ecf", "white", "#7db4f0", "#7a7a7a")


def make_it_look_like_slicer(application: QtWidgets.QApplication, dark: bool = False) -> None:
    """Slicer's light or dark style, and a font that is there on every machine."""
    window, text, base, other, chosen, chosen_text, link, disabled = map(QtGui.QColor, _DARK if dark else _LIGHT)
    role, palette = QtGui.QPalette.ColorRole, QtGui.QPalette(window)
    for name, color in ((role.Base, base), (role.AlternateBase, other), (role.Highlight, chosen),
                        (role.HighlightedText, chosen_text), (role.Link, link), (role.LinkVisited, link),
                        (role.ToolTipBase, base), (role.ToolTipText, text)):
        palette.setColor(name, color)
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(name, text)
        palette.setColor(QtGui.QPalette.ColorGroup.Disabled, name, disabled)
    application.setStyle("Fusion")
    application.setPalette(palette)
    application.setFont(QtGui.QFont("DejaVu Sans", 9))


class SlicerApplication(QtCore.QObject):
    """Holds the scene, its logics and the folders of one host."""

    aboutToQuit = QtCore.Signal()
    startupCompleted = QtCore.Signal()
    mrmlSceneChanged = QtCore.Signal(object)
    urlReceived = QtCore.Signal(str)
    usageEventLogged = QtCore.Signal(str, str)

    applicationName = "Slicer"
    applicationVersion = "5.12.3"
    organizationName = "NA-MIC"
    organizationDomain = "www.na-mic.org"
    mainApplicationName = mainApplicationDisplayName = "Slicer"
    majorVersion, minorVersion = VERSION[:2]
    mainApplicationMajorVersion, mainApplicationMinorVersion, mainApplicationPatchVersion = VERSION
    revision = repositoryRevision = mainApplicationRevision = REVISION
    isInstalled, releaseType, isCustomMainApplication = True, "Stable", False
    documentationBaseUrl = "https://slicer.readthedocs.io/"
    documentationVersion, documentationLanguage = "5.12", "en"
    intDir = ""

    def __init__(self, folder: Path, testing: bool) -> None:
        super().__init__()
        self._testing = testing
        self._folder = folder
        self.exit_codes: list[int] = []
        for name in ("tmp", "cache", "NA-MIC", "home/bin", "home/share/Slicer-5.12", "extensions"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.temporaryPath, self.cachePath = str(folder / "tmp"), str(folder / "cache")
        self.slicerHome = str(folder / "home")
        self.slicerSharePath = "share/Slicer-5.12"
        self.extensionsInstallPath = str(folder / "extensions")
        self.defaultScenePath = self.startupWorkingPath = str(folder)
        self.slicerUserSettingsFilePath = str(folder / "NA-MIC" / "Slicer.ini")
        self.slicerRevisionUserSettingsFilePath = str(folder / "NA-MIC" / f"Slicer-{REVISION}.ini")
        self.platform, self.os = f"{platform.system().lower()}-amd64", platform.system().lower()
        self.arch = "amd64"
        self.launcherExecutableFilePath = str(folder / "home" / "Slicer")
        self._settings = QtCore.QSettings(self.slicerUserSettingsFilePath, QtCore.QSettings.Format.IniFormat)
        self._revision_settings = QtCore.QSettings(self.slicerRevisionUserSettingsFilePath,
                                                   QtCore.QSettings.Format.IniFormat)
        self.scene: Any = None
        self.logic: Any = None
        self.views: Any = None
        self.managers: dict[str, Any] = {}
        self._option = CommandOptions()

    def __getattr__(self, name: str) -> Any:
        return getattr(QtWidgets.QApplication.instance(), name)

    def mrmlScene(self) -> Any:
        return self.scene

    def applicationLogic(self) -> Any:
        return self.logic

    def moduleLogic(self, name: str) -> Any:
        return self.logic.GetModuleLogic(name)

    def layoutManager(self) -> Any:
        return self.views

    def coreIOManager(self) -> Any:
        return self.managers["io"]

    ioManager = coreIOManager

    def moduleManager(self) -> Any:
        return self.managers["modules"]

    def commandOptions(self) -> CommandOptions:
        return self._option

    def userSettings(self) -> QtCore.QSettings:
        return self._settings

    settings = userSettings

    def revisionUserSettings(self) -> QtCore.QSettings:
        return self._revision_settings

    def testingEnabled(self) -> bool:
        return self._testing

    def translate(self, context: str, text: str, *_rest: Any) -> str:
        return QtCore.QCoreApplication.translate(context, text)

    def moduleDocumentationUrl(self, name: str) -> str:
        return f"{self.documentationBaseUrl}en/latest/user_guide/modules/{name.lower()}.html"

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        return QtCore.QProcessEnvironment.systemEnvironment()

    def environment(self) -> QtCore.QProcessEnvironment:
        return QtCore.QProcessEnvironment.systemEnvironment()

    def topLevelWidgets(self) -> list:
        return [w for w in QtWidgets.QApplication.topLevelWidgets() if not w.property("hostClosed")]

    def pauseRender(self) -> None:
        """Nothing is drawn on screen, so nothing is held back."""

    resumeRender = pauseRender

    def setRenderPaused(self, paused: bool) -> None:
        """Nothing is drawn on screen, so nothing is held back."""

    def exit(self, status: int = 0) -> None:
        """Written down; the host's `quit()` is what ends it."""
        self.exit_codes.append(status)

    quit = exit

    def restart(self) -> None:
        self.exit_codes.append(-1)

    def executable(self) -> str:
        return sys.executable


class CommandOptions:
    """What Slicer's command line said: nothing."""

    runPythonAndExit = False
    noMainWindow = False
    testingEnabled = False
    verboseModuleDiscovery = False


class ModuleSelector(QtCore.QObject):
    """The list of modules in the toolbar, as far as code uses it."""

    moduleSelected = QtCore.Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.selectedModule = ""

    def selectModule(self, name: str) -> None:
        if name != self.selectedModule:
            self.selectedModule = name
            self.moduleSelected.emit(name)


class SlicerMainWindow(QtWidgets.QMainWindow):
    """The window that dialogs have as parent, that shows status messages, and whose dock holds the module's panel."""

    initialWindowShown = QtCore.Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        self.setWindowTitle("3D Slicer 5.12.3")
        self.statusBar()
        self._area = QtWidgets.QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._selector = ModuleSelector()
        self.setCentralWidget(self._area)

    def moduleSelector(self) -> ModuleSelector:
        return self._selector

    def show_panel(self, panel: QtWidgets.QWidget) -> None:
        self._area.setWidget(panel)
        self.fit_dock()

    def fit_dock(self) -> None:
        """Make the dock as wide as the panel's hint says and three pixels more, each time the module is opened."""
        self.resize(self._area.widget().sizeHint().width() + DOCK_FRAME_PX, DOCK_HEIGHT_PX)

    def take_panel(self) -> QtWidgets.QWidget:
        return self._area.takeWidget()
