"""Stand-ins for CTK's sliders and spin boxes."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtWidgets

from Testing.host.qt_property import computed, stored

STEPS = 10000


class ctkDoubleSpinBox(QtWidgets.QDoubleSpinBox):
    """A spin box with CTK's extra properties, which change nothing here."""

    decimalsChanged = QtCore.Signal(int)
    decimalsOption = stored("int", 0)
    setMode = stored("int", 0)
    invertedControls = stored("bool", False)
    sizeHintPolicy = stored("int", 0)
    isSettingValue = stored("bool", False)

    def setValueIfDifferent(self, value: float) -> None:
        self.setValue(value)

    setValueAlways = setValueIfDifferent


class qMRMLSpinBox(ctkDoubleSpinBox):
    """A ctkDoubleSpinBox that would follow the scene's units."""

    quantity = stored("QString", "")
    unitAwareProperties = stored("int", 0)

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene

    def mrmlScene(self) -> Any:
        return self.__dict__.get("_scene")


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider and a spin box side by side that show one number."""

    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)
    decimalsChanged = QtCore.Signal(int)
    synchronizeSiblings = stored("int", 1)
    spinBoxAlignment = stored("int", 2)
    tracking = stored("bool", True)
    popupSlider = stored("bool", False)
    invertedAppearance = stored("bool", False)
    invertedControls = stored("bool", False)
    tickInterval = stored("double", 0.0)
    tickPosition = stored("int", 0)
    pageStep = stored("double", 10.0)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self)
        self._slider.setRange(0, STEPS)
        self._box = QtWidgets.QDoubleSpinBox(self)
        self._box.setRange(0.0, 99.0)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for part in (self._slider, self._box):
            part.setProperty("hostPrivate", True)
            row.addWidget(part)
        self._slider.valueChanged.connect(self._slid)
        self._box.valueChanged.connect(self._typed)

    def _typed(self, value: float) -> None:
        self._show()
        self.valueIsChanging.emit(value)
        self.valueChanged.emit(value)

    def _slid(self, position: int) -> None:
        span = self._box.maximum() - self._box.minimum()
        step = self._box.singleStep()
        value = self._box.minimum() + span * position / STEPS
        self._box.setValue(round((value - self._box.minimum()) / step) * step + self._box.minimum() if step else value)

    def _show(self) -> None:
        span = self._box.maximum() - self._box.minimum()
        self._slider.blockSignals(True)
        self._slider.setValue(round(STEPS * (self._box.value() - self._box.minimum()) / span) if span else 0)
        self._slider.blockSignals(False)

    def _of_box(name: str, kind: str) -> Any:  # type: ignore[misc]
        def getter(self: Any) -> Any:
            return getattr(self._box, name)()

        def setter(self: Any, value: Any) -> None:
            getattr(self._box, "set" + name[0].upper() + name[1:])(value)
            self._show()
        return computed(kind, getter, setter)

    value = _of_box("value", "double")
    minimum = _of_box("minimum", "double")
    maximum = _of_box("maximum", "double")
    singleStep = _of_box("singleStep", "double")
    decimals = _of_box("decimals", "int")
    prefix = _of_box("prefix", "QString")
    suffix = _of_box("suffix", "QString")

    def setValue(self, value: float) -> None:
        self.value = value

    def setDecimals(self, decimals: int) -> None:
        self.decimals = decimals

    def setMinimum(self, minimum: float) -> None:
        self.minimum = minimum

    def setMaximum(self, maximum: float) -> None:
        self.maximum = maximum

    def setRange(self, minimum: float, maximum: float) -> None:
        self._box.setRange(minimum, maximum)
        self._show()

    def _box_visible(self) -> bool:
        return not self._box.isHidden()

    def setSpinBoxVisible(self, visible: bool) -> None:
        self._box.setVisible(visible)

    spinBoxVisible = computed("bool", _box_visible, setSpinBoxVisible)

    def startChanging(self) -> None:
        """Nothing to wait for: every change is told at once."""

    stopChanging = startChanging


class qMRMLSliderWidget(ctkSliderWidget):
    """A ctkSliderWidget that would follow the scene's units."""

    quantity = stored("QString", "")
    unitAwareProperties = stored("int", 0)
    orientation = stored("int", 1)

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene

    def mrmlScene(self) -> Any:
        return self.__dict__.get("_scene")


class ctkRangeWidget(QtWidgets.QWidget):
    """Two spin boxes for a range; the slider between them is left out."""

    minimumValueChanged = QtCore.Signal(float)
    maximumValueChanged = QtCore.Signal(float)
    valuesChanged = QtCore.Signal(float, float)
    prefix = stored("QString", "")
    suffix = stored("QString", "")
    tracking = stored("bool", True)
    tickInterval = stored("double", 1.0)
    symmetricMoves = stored("bool", False)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._low, self._high = QtWidgets.QDoubleSpinBox(self), QtWidgets.QDoubleSpinBox(self)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for box in (self._low, self._high):
            box.setProperty("hostPrivate", True)
            row.addWidget(box)
        self._high.setValue(99.0)
        self._low.valueChanged.connect(self._changed)
        self._high.valueChanged.connect(self._changed)

    def _changed(self, value: float) -> None:
        (self.minimumValueChanged if self.sender() is self._low else self.maximumValueChanged).emit(value)
        self.valuesChanged.emit(self._low.value(), self._high.value())

    def setValues(self, low: float, high: float) -> None:
        self._low.setValue(low)
        self._high.setValue(high)

    def setRange(self, minimum: float, maximum: float) -> None:
        for box in (self._low, self._high):
            box.setRange(minimum, maximum)

    def setMinimumValue(self, value: float) -> None:
        self._low.setValue(value)

    def setMaximumValue(self, value: float) -> None:
        self._high.setValue(value)

    minimumValue = computed("double", lambda self: self._low.value(), setMinimumValue)
    maximumValue = computed("double", lambda self: self._high.value(), setMaximumValue)
    minimum = computed("double", lambda self: self._low.minimum(),
                       lambda self, value: self.setRange(value, self._low.maximum()))
    maximum = computed("double", lambda self: self._low.maximum(),
                       lambda self, value: self.setRange(self._low.minimum(), value))

    def setDecimals(self, decimals: int) -> None:
        for box in (self._low, self._high):
            box.setDecimals(decimals)

    def _set_step(self, step: float) -> None:
        for box in (self._low, self._high):
            box.setSingleStep(step)

    decimals = computed("int", lambda self: self._low.decimals(), setDecimals)
    singleStep = computed("double", lambda self: self._low.singleStep(), _set_step)
