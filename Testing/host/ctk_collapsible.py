"""Stand-ins for ctkCollapsibleButton and ctkCollapsibleGroupBox: a header that folds what is below it."""

from __future__ import annotations

from typing import Any, Optional

from PySide6 import QtCore, QtGui, QtWidgets

from Testing.host.qt_property import computed, stored

HEADER_PX = 24


class Folding:
    """Hides the children while folded and remembers which of them wanted to be seen."""

    def _fold(self, folded: bool) -> None:
        self._folding = True
        for child in self.children():  # type: ignore[attr-defined]
            if isinstance(child, QtWidgets.QWidget) and not child.isWindow():
                if folded:
                    child.setProperty("hostWanted", not child.isHidden())
                    child.hide()
                else:
                    wanted = child.property("hostWanted")
                    child.setVisible(wanted is None or bool(wanted))
        self._folding = False

    def _keep_folded(self, child: Any, event: QtCore.QEvent) -> None:
        """A child that is shown or hidden by code while folded stays hidden; the wish is kept."""
        if self.__dict__.get("_folding") or not self._is_folded():  # type: ignore[attr-defined]
            return
        if event.type() == QtCore.QEvent.Type.ShowToParent:
            self._folding = True
            child.hide()
            self._folding = False
            child.setProperty("hostWanted", True)
        elif event.type() == QtCore.QEvent.Type.HideToParent:
            child.setProperty("hostWanted", False)


class ctkCollapsibleButton(Folding, QtWidgets.QAbstractButton):
    """The grey bar with a triangle; checked means open."""

    contentsCollapsed = QtCore.Signal(bool)
    collapsedHeight = stored("int", 10)
    flat = stored("bool", False)
    contentsFrameShape = stored("int", 0)
    contentsFrameShadow = stored("int", 16)
    contentsLineWidth = stored("int", 1)
    contentsMidLineWidth = stored("int", 0)
    buttonTextAlignment = stored("int", 1)
    indicatorAlignment = stored("int", 1)

    def __init__(self, *args: Any) -> None:
        text, parent = _text_and_parent(args)
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Minimum, QtWidgets.QSizePolicy.Policy.Preferred)
        self.setContentsMargins(0, HEADER_PX, 0, 0)
        self.toggled.connect(self.onToggled)

    def _is_folded(self) -> bool:
        return not self.isChecked()

    def _set_collapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = computed("bool", _is_folded, _set_collapsed)

    def collapse(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    def onToggled(self, checked: bool = True) -> None:
        self._fold(not checked)
        self.updateGeometry()
        self.contentsCollapsed.emit(not checked)

    def settle(self) -> None:
        """Folds what a .ui file put in after it had said `collapsed`."""
        if self._is_folded():
            self._fold(True)

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        if event.type() == QtCore.QEvent.Type.ChildAdded:
            event.child().installEventFilter(self)
        super().childEvent(event)

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        if isinstance(event, QtCore.QEvent):
            self._keep_folded(watched, event)
        return False

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return position.y() < HEADER_PX

    def sizeHint(self) -> QtCore.QSize:
        width = self.fontMetrics().horizontalAdvance(self.text()) + 40
        if self.isChecked() and self.layout() is not None:
            hint = self.layout().totalSizeHint()
            return QtCore.QSize(max(width, hint.width()), max(HEADER_PX, hint.height()))
        return QtCore.QSize(width, HEADER_PX)

    def minimumSizeHint(self) -> QtCore.QSize:
        if self.isChecked() and self.layout() is not None:
            return self.layout().totalMinimumSize()
        return QtCore.QSize(0, HEADER_PX)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        palette = self.palette()
        header = QtCore.QRect(0, 0, self.width(), HEADER_PX - 1)
        shade = QtGui.QLinearGradient(0, 0, 0, HEADER_PX)
        shade.setColorAt(0, palette.color(QtGui.QPalette.ColorRole.Button).lighter(106))
        shade.setColorAt(1, palette.color(QtGui.QPalette.ColorRole.Button).darker(104))
        painter.setPen(QtGui.QPen(palette.color(QtGui.QPalette.ColorRole.Mid)))
        painter.setBrush(shade)
        painter.drawRoundedRect(header.adjusted(0, 0, -1, -1), 2, 2)
        _triangle(painter, self.isChecked(), palette.color(QtGui.QPalette.ColorRole.ButtonText))
        role = QtGui.QPalette.ColorGroup.Normal if self.isEnabled() else QtGui.QPalette.ColorGroup.Disabled
        painter.setPen(palette.color(role, QtGui.QPalette.ColorRole.ButtonText))
        painter.drawText(header.adjusted(24, 0, -4, 0), QtCore.Qt.AlignmentFlag.AlignVCenter, self.text())
        painter.end()


class ctkCollapsibleGroupBox(Folding, QtWidgets.QGroupBox):
    """A group box whose title folds it."""

    collapsedHeight = stored("int", 14)

    def __init__(self, *args: Any) -> None:
        text, parent = _text_and_parent(args)
        super().__init__(text, parent)
        self.setCheckable(True)
        self.toggled.connect(lambda checked: self._fold(not checked))

    def _is_folded(self) -> bool:
        return not self.isChecked()

    def _set_collapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = computed("bool", _is_folded, _set_collapsed)

    def expand(self, expanded: bool) -> None:
        self.setChecked(expanded)

    def settle(self) -> None:
        if self._is_folded():
            self._fold(True)

    def sizeHint(self) -> QtCore.QSize:
        hint = super().sizeHint()
        return QtCore.QSize(hint.width(), 20) if self._is_folded() else hint


def _triangle(painter: QtGui.QPainter, opened: bool, color: QtGui.QColor) -> None:
    middle = HEADER_PX / 2 - 0.5
    points = [(8, middle - 3), (16, middle - 3), (12, middle + 3)] if opened else [
        (9, middle - 4), (15, middle), (9, middle + 4)]
    painter.save()
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    painter.setPen(QtCore.Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(x, y) for x, y in points]))
    painter.restore()


def _text_and_parent(args: tuple) -> tuple[str, Optional[QtWidgets.QWidget]]:
    text = next((a for a in args if isinstance(a, str)), "")
    return text, next((a for a in args if isinstance(a, QtWidgets.QWidget)), None)
