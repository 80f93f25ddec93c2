"""The module as 3D Slicer sees it (touches slicer); the work is done in MISTKDSegmentLib."""

from __future__ import annotations

import sys
from typing import Any, Optional

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

from MISTKDSegmentLib.slicer.panel import logic
from MISTKDSegmentLib.slicer.panel.about import CITATION
from MISTKDSegmentLib.slicer.panel.sample_data import register_sample_data

__all__ = ["MISTKDSegment", "MISTKDSegmentLogic", "MISTKDSegmentTest", "MISTKDSegmentWidget"]


class MISTKDSegment(ScriptedLoadableModule):
    """What the module is called and where it is found."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        parent.title = _("MISTKD Segment")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = []
        parent.contributors = ["The MISTKDSegment authors"]
        parent.helpText = _("Segments the organs of the abdomen in CT volumes with a small transformer that was "
                            "taught by a large one. Load a CT volume and click “Segment abdomen”. Research use only, "
                            "not a medical device.")
        parent.acknowledgementText = _("The method is that of: {citation}").format(citation=CITATION)
        slicer.app.connect("startupCompleted()", register_sample_data)


class MISTKDSegmentWidget(ScriptedLoadableModuleWidget):
    """The panel's place in Slicer."""

    def __init__(self, parent: Any = None) -> None:
        self.panel: Optional[Any] = None
        super().__init__(parent)

    def setup(self) -> None:
        """Build the panel; called once, when the module is opened for the first time."""
        # Only now is every node class there that the parameters name.
        from MISTKDSegmentLib.slicer.panel.widget import Panel

        super().setup()
        widget = slicer.util.loadUI(self.resourcePath("UI/MISTKDSegment.ui"))
        self.layout.addWidget(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.ui = slicer.util.childWidgetVariables(widget)
        self.logic = MISTKDSegmentLogic()
        self.panel = Panel(self.ui, self.logic)
        self.panel.open()
        # Slicer calls enter() after this, but not when it reloads a module that is shown.
        if getattr(self.parent, "isEntered", False):
            self.panel.enter()

    def enter(self) -> None:
        """The module is opened."""
        if self.panel:
            self.panel.enter()

    def exit(self) -> None:
        """Another module is opened."""
        if self.panel:
            self.panel.exit()

    def cleanup(self) -> None:
        """The widget is about to go: Slicer quits or the module is reloaded."""
        if self.panel:
            self.panel.cleanup()
            self.panel = None

    def onReload(self) -> None:
        """Reload the library too, for developers."""
        self.cleanup()
        for name in [name for name in sys.modules if name.partition(".")[0] == "MISTKDSegmentLib"]:
            del sys.modules[name]
        super().onReload()


class MISTKDSegmentLogic(logic.MISTKDSegmentLogic):
    """What the module can do, for scripts too: see `segment`."""

    def getParameterNode(self) -> Any:
        """The panel's choices, which the scene keeps."""
        from MISTKDSegmentLib.slicer.panel.parameters import MISTKDSegmentParameters

        wrapper: Any = MISTKDSegmentParameters
        return wrapper(super().getParameterNode())


class MISTKDSegmentTest(ScriptedLoadableModuleTest):
    """The module's own test: no download, a few seconds."""

    def setUp(self) -> None:
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run every check."""
        from MISTKDSegmentLib.slicer.panel.self_test import run_checks

        self.setUp()
        run_checks(self)
