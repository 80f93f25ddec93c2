"""Stand-ins for CTK's buttons, combo boxes, path fields and texts."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from Testing.host import dialogs
from Testing.host.qt_property import computed, stored


class ctkComboBox(QtWidgets.QComboBox):
    """A combo box with a text for "nothing chosen"."""

    returnRelease = QtCore.Signal()
    defaultText = stored("QString", "", "_show_default")
    defaultIcon = stored("QIcon", None)
    forceDefault = stored("bool", False)
    elideMode = stored("int", 0)
    scrollWheelEffect = stored("int", 0)

    def _show_default(self) -> None:
        self.setPlaceholderText(self.defaultText)

    def setCurrentUserDataAsString(self, data: str) -> None:
        self.setCurrentIndex(self.findData(data))

    currentUserDataAsString = computed("QString", lambda self: str(self.currentData() or ""),
                                       setCurrentUserDataAsString)


class ctkPushButton(QtWidgets.QPushButton):
    """A push button whose text can be aligned."""

    buttonTextAlignment = stored("int", 132)
    iconAlignment = stored("int", 129)
    elideMode = stored("int", 3)


class ctkCheckablePushButton(ctkPushButton):
    """A push button with a check box in front."""

    checkBoxToggled = QtCore.Signal(bool)
    checkStateChanged = QtCore.Signal(object)
    indicatorAlignment = stored("int", 129)
    checkBoxControlsButton = stored("bool", True)
    checkBoxControlsButtonToggleState = stored("bool", True)
    checkBoxUserCheckable = stored("bool", True)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._state = QtCore.Qt.CheckState.Unchecked

    def checkState(self) -> Any:
        return self._state

    def setCheckState(self, state: Any) -> None:
        self._state = QtCore.Qt.CheckState(state)
        self.checkStateChanged.emit(self._state)
        self.checkBoxToggled.emit(self._state == QtCore.Qt.CheckState.Checked)


class ctkMenuButton(QtWidgets.QPushButton):
    """A push button with an arrow that opens a menu."""


class ctkExpandButton(QtWidgets.QToolButton):
    """A tool button with an arrow that turns."""

    mirrorOnExpand = stored("bool", False)
    orientation = stored("int", 1)


class ctkColorPickerButton(QtWidgets.QPushButton):
    """A button that shows and picks a colour."""

    colorChanged = QtCore.Signal(QtGui.QColor)
    colorNameChanged = QtCore.Signal(str)
    displayColorName = stored("bool", True)
    dialogOptions = stored("int", 0)
    colorName = stored("QString", "")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._color = QtGui.QColor("black")

    def _get_color(self) -> QtGui.QColor:
        return self._color

    def setColor(self, color: QtGui.QColor) -> None:
        if color != self._color:
            self._color = color
            self.colorChanged.emit(color)

    color = computed("QColor", _get_color, setColor)


class ctkSearchBox(QtWidgets.QLineEdit):
    """A line edit with a magnifying glass."""

    showSearchIcon = stored("bool", True)
    searchIcon = stored("QIcon", None)
    clearIcon = stored("QIcon", None)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.setClearButtonEnabled(True)
        self.setPlaceholderText("Search...")


class ctkFittedTextBrowser(QtWidgets.QTextBrowser):
    """A text browser as high as its text."""

    disableMouseScroll = stored("bool", True)
    collapsed = stored("bool", True)
    showDetailsText = stored("QString", "")
    hideDetailsText = stored("QString", "")

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.setVerticalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.document().contentsChanged.connect(self.updateGeometry)

    def sizeHint(self) -> QtCore.QSize:
        self.document().setTextWidth(max(self.width(), 200))
        return QtCore.QSize(200, int(self.document().size().height()) + 4)

    def setCollapsibleText(self, text: str) -> None:
        self.setText(text)

    setCollapsibleHtml = setCollapsibleText


class ctkMessageBox(QtWidgets.QMessageBox):
    """A message box with "Don't show again"."""

    dontShowAgain = stored("bool", False)
    dontShowAgainVisible = stored("bool", False)
    dontShowAgainSettingsKey = stored("QString", "")
    dontShowAgainButtonRoles = stored("QVariantList", [])


class ctkPathLineEdit(QtWidgets.QWidget):
    """A path with a button that asks for one."""

    currentPathChanged = QtCore.Signal(str)
    validInputChanged = QtCore.Signal(bool)
    label = stored("QString", "")
    filters = stored("int", 0)
    options = stored("int", 0)
    settingKey = stored("QString", "")
    nameFilters = stored("QStringList", [])
    showBrowseButton = stored("bool", True)
    showHistoryButton = stored("bool", True)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._line, self._button = QtWidgets.QLineEdit(self), QtWidgets.QToolButton(self)
        self._button.setText("…")
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for part in (self._line, self._button):
            part.setProperty("hostPrivate", True)
            row.addWidget(part)
        self._line.textChanged.connect(self.currentPathChanged)
        self._button.clicked.connect(self.browse)

    def _path(self) -> str:
        return self._line.text()

    def setCurrentPath(self, path: str) -> None:
        self._line.setText(path)

    currentPath = computed("QString", _path, setCurrentPath)

    def browse(self) -> None:
        path = dialogs.current().file("getOpenFileName", self.label or "Select a file", self._path())
        if path:
            self.setCurrentPath(path)

    def addCurrentPathToHistory(self) -> None:
        """The host keeps no history of paths."""


class ctkDirectoryButton(QtWidgets.QPushButton):
    """A button that shows a folder and asks for another."""

    directoryChanged = QtCore.Signal(str)
    directorySelected = QtCore.Signal(str)
    acceptMode = stored("int", 0)
    caption = stored("QString", "")
    elideMode = stored("int", 0)
    options = stored("int", 0)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.clicked.connect(self.browse)

    def _directory(self) -> str:
        return self.text()

    def setDirectory(self, directory: str) -> None:
        if directory != self.text():
            self.setText(directory)
            self.directoryChanged.emit(directory)

    directory = computed("QString", _directory, setDirectory)

    def browse(self) -> None:
        chosen = dialogs.current().file("getExistingDirectory", self.caption or "Select a folder", self.text())
        if chosen:
            self.setDirectory(chosen)
            self.directorySelected.emit(chosen)


class ctkCheckableComboBox(ctkComboBox):
    """A combo box whose items have check boxes."""

    checkedIndexesChanged = QtCore.Signal()

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.model().rowsInserted.connect(self._checkable)
        self.model().dataChanged.connect(lambda *_: self.checkedIndexesChanged.emit())

    def _checkable(self, _parent: Any, first: int, last: int) -> None:
        for row in range(first, last + 1):
            item = self.model().item(row)
            item.setCheckable(True)
            item.setCheckState(QtCore.Qt.CheckState.Unchecked)

    def checkableModel(self) -> Any:
        return self.model()

    def checkState(self, index: QtCore.QModelIndex) -> Any:
        return QtCore.Qt.CheckState(self.model().data(index, QtCore.Qt.ItemDataRole.CheckStateRole) or 0)

    def setCheckState(self, index: QtCore.QModelIndex, state: Any) -> None:
        self.model().setData(index, QtCore.Qt.CheckState(state), QtCore.Qt.ItemDataRole.CheckStateRole)

    def checkedIndexes(self) -> list:
        rows = range(self.count())
        return [self.model().index(row, 0) for row in rows
                if self.model().item(row).checkState() == QtCore.Qt.CheckState.Checked]

    def allChecked(self) -> bool:
        return self.count() == len(self.checkedIndexes())

    def noneChecked(self) -> bool:
        return not self.checkedIndexes()
