"""Stand-ins for slicer.modules, the module manager and the place where a scripted module's panel lives."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, Optional

from PySide6 import QtCore, QtWidgets

from Testing.host import api as api_module
from Testing.host import mrml_widgets
from Testing.host.proxy import wrap
from Testing.host.qt_property import computed


class ModuleManager(QtCore.QObject):
    """Knows the modules of the host."""

    moduleAboutToBeUnloaded = QtCore.Signal(str)
    moduleLoaded = QtCore.Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.by_name: dict[str, Any] = {}

    def module(self, name: str) -> Any:
        return self.by_name.get(name)

    def modulesNames(self) -> list[str]:
        return list(self.by_name)

    def isLoaded(self, name: str) -> bool:
        return name in self.by_name

    def factoryManager(self) -> ModuleManager:
        return self

    def loadedModuleNames(self) -> list[str]:
        return list(self.by_name)


class LoadableModule:
    """A module that is written in C++: here only its logic."""

    def __init__(self, name: str, logic: Any) -> None:
        self.name = self.title = name
        self._logic = logic

    def logic(self) -> Any:
        return self._logic

    def widgetRepresentation(self) -> Any:
        raise NotImplementedError(f"This emulated host has no panel of the module {self.name}.")


class ScriptedModule:
    """A module that is written in Python: the `parent` of ScriptedLoadableModule."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = str(path), path.stem
        self.title, self.helpText, self.acknowledgementText = path.stem, "", ""
        self.categories: list[str] = []
        self.dependencies: list[str] = []
        self.contributors: list[str] = []
        self.icon: Any = None
        self.hidden = False
        self.index = -1
        self.associatedNodeTypes: list[str] = []
        self._representation: Optional[Any] = None

    def logic(self) -> Any:
        return None

    def widgetRepresentation(self) -> Any:
        """Made on first use: this is when Slicer calls `setup`."""
        if self._representation is None:
            self._representation = ScriptedModuleWidget(self)
            self._representation.fill()
        return wrap(self._representation)

    createNewWidgetRepresentation = widgetRepresentation


class ScriptedModuleWidget(mrml_widgets.qMRMLWidget):
    """qSlicerScriptedLoadableModuleWidget: the frame around the panel of a scripted module."""

    def __init__(self, module: ScriptedModule) -> None:
        super().__init__()
        self._module = module
        self._python: Any = None
        self._is_entered = False
        layout = QtWidgets.QVBoxLayout(self)
        layout.setAlignment(QtCore.Qt.AlignmentFlag.AlignTop)

    def fill(self) -> None:
        import slicer
        python = sys.modules[self._module.name]
        self._python = getattr(python, self._module.name + "Widget")(wrap(self))
        setattr(slicer.modules, self._module.name + "Widget", self._python)
        self.setMRMLScene(slicer.mrmlScene)
        self._python.setup()

    def reload(self) -> None:
        """Makes the Python side anew, after slicer.util.reloadScriptedModule has cleaned up."""
        self.fill()

    isEntered = computed("bool", lambda self: self._is_entered)

    def enter(self) -> None:
        """The module is opened; this comes after `setup`."""
        self._is_entered = True
        self._tell("enter")

    def exit(self) -> None:
        """Another module is opened."""
        self._is_entered = False
        self._tell("exit")

    def _tell(self, name: str) -> None:
        function = getattr(self._python, name, None)
        if function is not None:
            function()

    def python(self) -> Any:
        return self._python


def representation_api() -> api_module.ClassApi:
    """qSlicerScriptedLoadableModuleWidget is not in the API file; this is qMRMLWidget with what util.py calls."""
    base = api_module.class_api("slicer.qMRMLWidget")
    assert base is not None
    properties = {**base.properties, "isEntered": "bool"}
    return api_module.ClassApi("slicer.qSlicerScriptedLoadableModuleWidget", properties, base.signals, base.slots,
                               base.other | {"self", "reload"})


def load_python(path: Path) -> Any:
    """Runs the module's file under its own name, its folder first on sys.path."""
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    python = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = python
    spec.loader.exec_module(python)
    return python


class Modules:
    """slicer.modules: attributes in small letters; a name that Slicer 5.12 has and this host has not says so."""

    def __getattr__(self, name: str) -> Any:
        if name in {known.lower() for known in api_module.load()["modules"]}:
            raise NotImplementedError(f"slicer.modules.{name} exists in Slicer, but this emulated host has "
                                      "it not.")
        raise AttributeError(f"slicer.modules has no attribute named '{name}' in Slicer 5.12.")
