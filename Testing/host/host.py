"""The emulated Slicer as tests use it: clicks, pictures, scenes, and a module's stages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Optional, Union

import slicer
from PySide6 import QtCore, QtTest, QtWidgets

from Testing.host import application, events, pictures, rendering, stand_ins
from Testing.host.io_manager import write_node
from Testing.host.open_slicer import HostError, OpenSlicer
from Testing.host.proxy import wrap

MODULE_FILE = Path(__file__).resolve().parents[2] / "MISTKDSegment" / "MISTKDSegment.py"


class Host(OpenSlicer):
    """One emulated Slicer with one scripted module.

    Attributes:
        scene: The real vtkMRMLScene (`slicer.mrmlScene`).
        widget: The module's widget object (`MISTKDSegmentWidget`); None until a module is opened.
        module: The module's Python module.
        dialogs: The script of dialogs, see `dialogs.Dialogs`.
        packaging: What slicer.packaging was asked to install, see `small_modules.Packaging`.
        sample_data: `sample_data.registered` lists what was registered.
        exits: Exit codes that code asked for.
        slot_errors: Tracebacks of exceptions in slots and observers; must be empty when the host closes.
    """

    @property
    def logic(self) -> Any:
        return self.widget.logic

    @property
    def ui(self) -> Any:
        return self.widget.ui

    @property
    def slot_errors(self) -> list[str]:
        return events.errors

    @property
    def exits(self) -> list[int]:
        return self.app.exit_codes

    def find(self, name: str) -> Any:
        """The widget (as PythonQt shows it) of that object name in the panel.

        Raises:
            LookupError: None of that name.
        """
        found = self.panel.findChildren(QtCore.QObject, name)
        if not found:
            raise LookupError(f"The panel has no widget named '{name}'.")
        # After a reload the old widgets are still there, hidden, before the new ones.
        return wrap(found[-1])

    def click(self, name: str) -> None:
        """Clicks a button as a user would: it has to be enabled and in an unfolded part of the panel."""
        button = self.find(name)._inner
        if not button.isEnabled():
            raise HostError(f"'{name}' cannot be clicked: it is disabled ({button.toolTip()!r}).")
        if not button.isVisibleTo(self.panel):
            raise HostError(f"'{name}' cannot be clicked: it is not visible.")
        button.click()
        self.pump()

    def choose(self, name: str, choice: Any) -> None:
        """Picks a line of a combo box (its text), or a node (or None) of a node selector, as a user would."""
        box = self.find(name)._inner
        if not box.isEnabled():
            raise HostError(f"'{name}' cannot be used: it is disabled ({box.toolTip()!r}).")
        if isinstance(box, stand_ins.MRML["qMRMLNodeComboBox"]):
            box.activate(choice) if isinstance(choice, str) else box.setCurrentNode(choice)
        else:
            index = box.findText(choice)
            if index < 0:
                raise HostError(f"'{name}' has no line '{choice}', only "
                                f"{[box.itemText(i) for i in range(box.count())]}.")
            box.setCurrentIndex(index)
            box.activated.emit(index)
        self.pump()

    def type(self, name: str, text: str) -> None:
        """Types into a line edit or spin box, replacing what is there."""
        field = self.find(name)._inner
        field.setFocus()
        field.selectAll()
        QtTest.QTest.keyClicks(field, text) if hasattr(QtTest, "QTest") else field.setText(text)
        self.pump()

    @property
    def panel(self) -> QtWidgets.QWidget:
        """The module's whole panel (a PySide6 widget)."""
        return self._manager.by_name[self._name]._representation

    def screenshot(self, path: Union[str, Path], dock_px: Optional[int] = None) -> Path:
        """Writes a picture of the whole panel in a dock of that width; by default of the one that Slicer gives it."""
        width_px = self.panel.sizeHint().width() if dock_px is None else dock_px - application.DOCK_FRAME_PX
        return pictures.panel(self.panel, Path(path), width_px, self.window)

    def use_style(self, dark: bool) -> None:
        """Slicer's light or dark style, as if Slicer had been started in it."""
        application.make_it_look_like_slicer(self.qt_application, dark)
        for label in self.panel.findChildren(QtWidgets.QLabel):
            text = label.text()  # a label takes the colour of its links when it is given its text
            label.setText("")
            label.setText(text)
        self.pump()

    def render_views(self, path: Union[str, Path]) -> Path:
        """Writes a picture of the axial, coronal, sagittal and 3-D view of the scene, rendered by VTK."""
        return rendering.write(self.scene, self.layout_manager, self.app.logic, Path(path))

    def close_scene(self) -> None:
        """File > Close scene."""
        self.scene.Clear(0)
        self.pump()

    def save_scene(self, path: Union[str, Path]) -> Path:
        """Saves as .mrml (with the data beside it) or .mrb."""
        path = Path(path)
        if path.suffix == ".mrml":
            self._write_nodes(path.parent)
        if not slicer.util.saveScene(str(path)):
            raise HostError(f"The scene could not be saved as {path}.")
        return path

    def load_scene(self, path: Union[str, Path]) -> None:
        """Closes the scene and loads another one in its place."""
        slicer.util.loadScene(str(path), {"clear": True})
        self.pump()

    def reload(self) -> Any:
        """The "Reload" button of developer mode."""
        self.widget.onReload()
        self.pump()
        self.module = sys.modules[self._name]
        self.widget = getattr(self.modules, self._name + "Widget")
        self._raise_slot_errors()
        return self.widget

    @property
    def selected_module(self) -> str:
        """The name of the module that is open."""
        return self.window.moduleSelector().selectedModule

    def leave_module(self) -> None:
        """Opens another module."""
        self.window.moduleSelector().selectModule("Data")
        self.pump()

    def return_to_module(self) -> None:
        self.window.moduleSelector().selectModule(self._name)
        self.pump()

    def run_module_test(self) -> None:
        """Runs the module's own test (`MISTKDSegmentTest.runTest`) as "Reload and Test" does."""
        slicer.selfTests[self._name](msec=0)
        self._raise_slot_errors()

    def quit(self) -> None:
        """File > Exit: aboutToQuit, modules unloaded, scene closed. The host is closed after it."""
        self.close()

    def _write_nodes(self, folder: Path) -> None:
        """What the save dialog does for a .mrml file: each node's data into a file beside it."""
        for index in range(self.scene.GetNumberOfNodes()):
            node = self.scene.GetNthNode(index)
            if node.IsA("vtkMRMLStorableNode") and node.GetSaveWithScene() and not node.GetHideFromEditors():
                write_node(node, folder)


def open_host(module_file: Optional[Union[str, Path]] = MODULE_FILE, *, testing: bool = False,
              folder: Optional[Path] = None) -> Host:
    """Opens an emulated Slicer with a scripted module in it.

    Args:
        module_file: The module's .py file; None opens Slicer without one.
        testing: What slicer.app.testingEnabled() says. False lets dialogs come up, so that tests see them.
        folder: Where settings and temporary files go; a private one that is deleted if None.
    """
    return Host(Path(module_file) if module_file is not None else None, testing=testing, folder=folder)
