"""How an emulated Slicer comes up and goes down, without leaving anything behind."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import shiboken6
import slicer
from PySide6 import QtCore

from Testing.host import (
    api,
    application,
    dialogs,
    events,
    installation,
    io_manager,
    module_manager,
    mrml,
    object_methods,
    observers,
    parameter_nodes,
    qt_classes,
    scripted_module,
    small_modules,
    stand_ins,
    temporary_folder,
    views,
)
from Testing.host.object_methods import OBJECT
from Testing.host.proxy import Registry, make_class, wrap

_ALL_EVENTS = QtCore.QEventLoop.ProcessEventsFlag.AllEvents
_open: list[OpenSlicer] = []


class HostError(AssertionError):
    """Something went wrong inside the emulated Slicer: an exception in a slot, an unannounced dialog."""


class OpenSlicer:
    """One emulated Slicer: what is opened, what is closed, and in which order."""

    def __init__(self, module_file: Optional[Path] = None, *, testing: bool = False,
                 folder: Optional[Path] = None) -> None:
        if _open:
            raise HostError("An emulated Slicer is open already: close it before the next one.")
        self._own_folder = folder is None
        self.folder = folder or temporary_folder.make()
        self.dialogs = dialogs.Dialogs()
        self.packaging, self.sample_data = small_modules.Packaging(), small_modules.SampleSources()
        self.module: Any = None
        self.widget: Any = None
        self._name = ""
        self._representation: Any = None
        self._installation = installation.Installation()
        self._closed = self._leaving = False
        self._excepthook = sys.excepthook
        sys.excepthook = self._uncaught
        _open.append(self)
        events.errors.clear()
        object_methods.started.clear()
        dialogs.use(self.dialogs)
        try:
            self._start(testing)
            if module_file is not None:
                self.open_module(module_file)
        except BaseException:
            self._take_down()
            raise

    def open_module(self, path: Path) -> Any:
        """Loads a scripted module, opens its panel (setup, enter) and returns the widget object."""
        self._name = path.stem
        scripted = module_manager.ScriptedModule(path)
        self.modules.__dict__[self._name.lower()] = scripted
        self._manager.by_name[self._name] = scripted
        self.module = module_manager.load_python(path)
        instance = getattr(self.module, self._name)(scripted)
        self.modules.__dict__[self._name + "Instance"] = instance
        self.app.startupCompleted.emit()
        representation = scripted.widgetRepresentation()
        self._representation = representation._inner
        self.widget = getattr(self.modules, self._name + "Widget")
        self.window.show_panel(self._representation)
        self.window.moduleSelector().selectModule(self._name)
        self.pump()
        self._raise_slot_errors()
        return self.widget

    def pump(self, until: Optional[Callable[[], Any]] = None, timeout_s: float = 30.0) -> Any:
        """Handles events: those that are there, or one turn of the event loop after another until `until()` is true.

        Raises:
            TimeoutError: `until()` was still false after `timeout_s` seconds.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            if until is None:
                self.qt_application.processEvents(_ALL_EVENTS, 20)
            else:
                was_busy = QtCore.QAbstractEventDispatcher.instance().processEvents(_ALL_EVENTS)
            self.qt_application.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
            value = until() if until is not None else True
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError(f"Nothing came of it within {timeout_s:g} s.")
            if not was_busy:
                time.sleep(0.005)

    def close(self) -> None:
        """Takes the emulated Slicer down.

        Raises:
            HostError: An exception in a slot, or a dialog that nobody announced.
        """
        if self._closed:
            return
        problems = []
        try:
            self._shut_down()
            problems = self._problems()
        finally:
            self._take_down()
        if problems:
            raise HostError("\n".join(problems))

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, *_rest: Any) -> None:
        if kind is None:
            self.close()
            return
        try:
            self.close()
        except HostError as error:
            logging.error("%s", error)

    def _start(self, testing: bool) -> None:
        self.qt_application = application.qt_application()
        application.make_it_look_like_slicer(self.qt_application)
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
        QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, str(self.folder))
        self.qt_application.setOrganizationName("NA-MIC")
        self.qt_application.setApplicationName("Slicer")
        qt, ctk = qt_classes.qt_module(), qt_classes.stand_in_module("ctk", stand_ins.CTK)
        self._installation.module("qt", qt)
        self._installation.module("ctk", ctk)
        self.scene, application_logic, self._logics = mrml.new_scene(str(self.folder / "cache"))
        self.app = application.SlicerApplication(self.folder, testing)
        self.app.scene, self.app.logic = self.scene, application_logic
        mrml.follow_hierarchy(self.app, self.scene)
        self.layout_manager = views.LayoutManager(self.scene, application_logic)
        self.app.views = self.layout_manager
        self._manager = module_manager.ModuleManager()
        self.app.managers = {"modules": self._manager,
                             "io": io_manager.IOManager(self.scene, application_logic, self._logics)}
        self.window = application.SlicerMainWindow()
        self.window.statusBar().messageChanged.connect(self._status_message)
        self._extend_slicer()
        self.window.moduleSelector().moduleSelected.connect(self._module_selected)
        self.window.show()

    def _extend_slicer(self) -> None:
        install = self._installation
        python_slicer = installation.write_python_slicer(self.folder / "home" / "bin")
        install.path_first(python_slicer.parent)
        util = installation.checked_util(slicer.util)
        for name in [n for n in vars(slicer) if hasattr(slicer.util, n) and not n.startswith("_") and n != "util"]:
            install.hide(slicer, name)
        install.attribute(slicer, "util", util)
        install.module("slicer.util", util)
        for name, inner in stand_ins.MRML.items():
            install.attribute(slicer, name, qt_classes.stand_in_class(f"slicer.{name}", inner))
        install.attribute(slicer, "qSlicerScriptedLoadableModuleWidget", _representation_class())
        install.attribute(slicer, "qSlicerScriptedLoadableModule", module_manager.ScriptedModule)
        install.attribute(slicer, "mrmlScene", self.scene)
        install.attribute(slicer, "app", wrap_special(self.app, "app"))
        self.modules = module_manager.Modules()
        for name, logic in self._logics.items():
            loadable = module_manager.LoadableModule(name, logic)
            self.modules.__dict__[name.lower()] = loadable
            self._manager.by_name[name] = loadable
        install.attribute(slicer, "modules", self.modules)
        install.attribute(slicer, "selfTests", {})
        wrap_special(self.layout_manager, "layoutManager")
        wrap_special(self.window, "mainWindow")
        _wrap_manager(self.window.moduleSelector(), "moduleSelector")
        _wrap_manager(self._manager, "moduleManager")
        _wrap_manager(self.app.managers["io"], "coreIOManager")
        self._install_modules()

    def _install_modules(self) -> None:
        for name, module in (("i18n", small_modules.i18n()), ("packaging", self.packaging.module()),
                             ("testing", small_modules.testing(self.app.exit_codes)),
                             ("parameterNodeWrapper", parameter_nodes.module()),
                             ("ScriptedLoadableModule", scripted_module.module())):
            self._installation.module(f"slicer.{name}", module)
            self._installation.attribute(slicer, name, module)
        self._installation.module("SampleData", self.sample_data.module())

    def _shut_down(self) -> None:
        self._leaving = True
        self.app.aboutToQuit.emit()
        self.pump()
        if self._representation is not None and self._representation.isEntered:
            self._representation.exit()
        if self._name:
            self._manager.moduleAboutToBeUnloaded.emit(self._name)
        self.pump()
        self.scene.Clear(0)
        self.pump()
        with contextlib.suppress(TimeoutError):
            self.pump(until=lambda: not _running(), timeout_s=3.0)

    def _take_down(self) -> None:
        self._closed = True
        try:
            self._take_apart()
        finally:
            if self._own_folder:
                temporary_folder.remove(self.folder)

    def _take_apart(self) -> None:
        events.forget_all()
        parameter_nodes.forget_all()
        for process in _running():
            process.kill()
            process.waitForFinished(2000)
        if hasattr(self, "window"):
            self.window.setProperty("hostClosed", True)
            self.window.take_panel()
            self.window.close()
            self.window.deleteLater()
        if hasattr(self, "layout_manager"):
            self.layout_manager.shut()
        observers.release_all()
        if hasattr(self, "scene"):
            mrml.close(self.scene, self.app.logic, self._logics)
        sys.excepthook = self._excepthook
        self._installation.remove(("MISTKDSegmentLib", self._name or "MISTKDSegment"))
        dialogs.forget(self.dialogs)
        _open.remove(self)
        self.widget = self.module = self._representation = None
        if hasattr(self, "qt_application"):
            self.qt_application.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
        gc.collect()

    def _problems(self) -> list[str]:
        found = [f"An exception in a slot or observer:\n{error}" for error in events.errors]
        found += [f"A dialog that the test did not announce: {shown}" for shown in self.dialogs.unexpected]
        found += [f"A child process that is still running: {process.program()} {process.arguments()}"
                  for process in _running()] if self._leaving else []
        return found

    def _module_selected(self, name: str) -> None:
        """Another module is opened, ours or one that the host knows by name only."""
        if name != self._name and name not in api.load()["modules"]:
            raise HostError(f"Slicer 5.12 has no module named '{name}'.")
        if self._representation is None:
            return
        if name == self._name:
            self.window.fit_dock()
            self._representation.enter()
        elif self._representation.isEntered:
            self._representation.exit()

    def _raise_slot_errors(self) -> None:
        problems = self._problems()
        if problems:
            raise HostError("\n".join(problems))

    def _uncaught(self, kind: Any, error: Any, trace: Any) -> None:
        """What VTK and Qt print of an exception in one of their callbacks."""
        events.errors.append("".join(traceback.format_exception(kind, error, trace)))
        self._excepthook(kind, error, trace)

    def _status_message(self, text: str) -> None:
        if text:
            self.dialogs.status_messages.append(text)


def _running() -> list[QtCore.QProcess]:
    stopped = QtCore.QProcess.ProcessState.NotRunning
    return [process for process in object_methods.started
            if shiboken6.isValid(process) and process.state() != stopped]


def wrap_special(inner: Any, name: str) -> Any:
    """slicer.app, the layout manager and the main window: each has its own entry in the API file."""
    if type(inner) not in Registry:
        class_api = api.class_api(name)
        assert class_api is not None
        make_class(name, type(inner), class_api, methods=dict(OBJECT))
    return wrap(inner)


def _wrap_manager(inner: Any, name: str) -> None:
    """Managers that the API file leaves out show what their stand-ins have."""
    if type(inner) in Registry:
        return
    names = {n for n in vars(type(inner)) if not n.startswith("_")} | set(OBJECT)
    signals = qt_classes.signal_signatures(type(inner))
    make_class(name, type(inner), api.ClassApi(name, {}, signals, (), frozenset(names)), methods=dict(OBJECT))


def _representation_class() -> Any:
    inner = module_manager.ScriptedModuleWidget
    if inner not in Registry:
        methods = {**OBJECT, "self": lambda proxy: proxy._inner.python()}
        make_class("slicer.qSlicerScriptedLoadableModuleWidget", inner, module_manager.representation_api(),
                   methods=methods)
    return Registry[inner]
