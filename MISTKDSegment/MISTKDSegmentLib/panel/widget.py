"""The panel: shows the parameters and the run, and follows the scene (touches slicer, vtk and qt widgets)."""

from __future__ import annotations

from typing import Any, Optional

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from MISTKDSegmentLib.panel import outputs
from MISTKDSegmentLib.panel.about import about
from MISTKDSegmentLib.panel.actions import Actions
from MISTKDSegmentLib.panel.controls import Controls
from MISTKDSegmentLib.panel.default_volume import default_volume
from MISTKDSegmentLib.panel.logic import MISTKDSegmentLogic
from MISTKDSegmentLib.panel.model_list import ModelList, key_of
from MISTKDSegmentLib.panel.organ_list import OrganList
from MISTKDSegmentLib.panel.preview_switch import PreviewSwitch
from MISTKDSegmentLib.panel.results_view import ResultsView
from MISTKDSegmentLib.panel.running import Running
from MISTKDSegmentLib.panel.sentences import breakable
from MISTKDSegmentLib.panel.state import Situation, status_when_idle, why_disabled
from MISTKDSegmentLib.panel.timer import Timer
from MISTKDSegmentLib.scene.volume_node import why_not_a_ct

_PATIENCE_MS = 200


class Panel(VTKObservationMixin):
    """What is between the widgets, the parameters in the scene, and the logic.

    Args:
        ui: the widgets of MISTKDSegment.ui by their names.
        logic: does the work.
    """

    def __init__(self, ui: Any, logic: MISTKDSegmentLogic) -> None:
        super().__init__()
        self.ui, self.logic = ui, logic
        # A MISTKDSegmentParameters, to which its wrapper adds methods; None while there is no scene to keep it.
        self.parameters: Any = None
        self.is_entered = False
        self._gui_tag: Optional[int] = None
        self._said: tuple[object, str] = (None, "")
        self._volume_id, self._segmentation_id = "", ""
        self._controls = Controls(ui)
        self.organs = OrganList(ui.organList, self._keep_organs)
        self.models = ModelList(ui.modelComboBox)
        self.results = ResultsView(ui.resultsTable)
        self.running = Running(self)
        self.preview = PreviewSwitch(self)
        self._actions = Actions(self)
        self._later: Optional[Timer] = None
        ui.modelComboBox.connect("currentIndexChanged(int)", self._keep_model)
        self._observe_scene()
        self.models.fill(logic.models())

    def _observe_scene(self) -> None:
        scene = slicer.mrmlScene
        for event in (scene.StartCloseEvent, scene.StartImportEvent):
            self.addObserver(scene, event, self._scene_changes)
        for event in (scene.EndCloseEvent, scene.EndImportEvent, scene.NodeAddedEvent):
            self.addObserver(scene, event, self._scene_changed)

    def enter(self) -> None:
        """The module is shown."""
        self.is_entered = True
        # Slicer never forgets a wrapper that was connected: no new one with each visit.
        if self.parameters is None or self.parameters.parameterNode.GetScene() is None:
            self.use(self.logic.getParameterNode())
        self.pick_volume()

    def exit(self) -> None:
        """Another module is shown; a run goes on."""
        self.is_entered = False
        self.preview.stop()

    def cleanup(self) -> None:
        """The widgets are about to go."""
        self._forget_later()
        self.running.abandon()
        self.use(None)
        self.removeObservers()
        self.logic.cleanup()

    def use(self, parameters: Any) -> None:
        """Show these parameters and keep changes in them; None lets go of the present ones."""
        if self.parameters is not None:
            self.preview.stop()
            self.parameters.disconnectGui(self._gui_tag)
            self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self._parameters_modified)
        self.parameters = parameters
        if parameters is not None:
            self._volume_id, self._segmentation_id = _id(parameters.inputVolume), _id(parameters.segmentation)
            # Not connectGui: Slicer 5.8's does not say what disconnectGui wants to know.
            self._gui_tag = parameters.connectParametersToGui(self._widgets_of_parameters())
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self._parameters_modified)
        self.refresh()

    def _widgets_of_parameters(self) -> dict[str, Any]:
        named = ((widget.property("SlicerParameterName"), widget) for widget in vars(self.ui).values())
        return {name: widget for name, widget in named if name}

    def pick_volume(self) -> None:
        """Choose the volume that a person most likely wants, unless the chosen one may be a CT."""
        if self.parameters is None:
            return
        if not self.running.run and why_not_a_ct(self.parameters.inputVolume):
            self.parameters.inputVolume = default_volume(slicer.mrmlScene) or self.parameters.inputVolume
        self.refresh()

    def refresh(self) -> None:
        """Bring every control in line with the parameters and the run."""
        if self.parameters is None:
            return
        missing = self.models.choose(self.parameters.model)
        model = self.models.chosen()
        self.organs.show(model.labels if model else (), self.parameters.leftOutOrgans)
        had_rows = self.results.has_rows
        self.results.show(self.parameters.organTable, self.parameters.segmentation)
        if self.results.has_rows and not had_rows:
            self.ui.resultsCollapsibleButton.collapsed = False
        situation = self._situation(missing or (model.problem if model else "") or None)
        self._controls.apply(why_disabled(situation))
        self.ui.aboutLabel.text = about(model)
        self.ui.segmentButton.text = _("Cancel") if situation.running else _("Segment abdomen")
        self.ui.show3dButton.checked = self.results.has_surfaces
        self.running.show()
        if not situation.running:
            self.ui.statusLabel.text = breakable(self._sentence(situation))
        self.preview.follow(situation)

    def ensure_onnxruntime(self) -> bool:
        """Ask to install onnxruntime where it is missing; return whether it is there.

        Raises:
            InstallationError: it could not be installed.
        """
        runtime = self.logic.onnxRuntime
        there = runtime.ensure(
            lambda question: slicer.util.confirmOkCancelDisplay(question, windowTitle=_("Install onnxruntime")))
        if not there:
            self.say(runtime.refused())
        return there

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line until something is changed."""
        self._said = (None, sentence)
        self.refresh()

    def _sentence(self, situation: Situation) -> str:
        parameters = self.parameters
        now = (situation, _id(parameters.inputVolume), parameters.model, tuple(parameters.leftOutOrgans))
        then, sentence = self._said
        if then is None:
            self._said = (now, sentence)
        return sentence if sentence and then in (None, now) else status_when_idle(situation)

    def _situation(self, model_problem: Optional[str]) -> Situation:
        parameters, ticked = self.parameters, len(self.organs.ticked())
        return Situation(
            volume_problem=why_not_a_ct(parameters.inputVolume), model_problem=model_problem,
            organs_ticked=ticked, organs_known=ticked + len(self.organs.left_out()),
            use_roi=parameters.useRoi, has_roi=parameters.roi is not None, running=self.running.run is not None,
            has_rows=self.results.has_rows, has_segments=self.results.has_segments)

    def _keep_organs(self) -> None:
        if self.parameters is not None:
            self.parameters.leftOutOrgans = self.organs.left_out()

    def _keep_model(self, row: int) -> None:
        model = self.models.chosen()
        if self.parameters is not None and model is not None:
            self.parameters.model = key_of(model)

    def _scene_changes(self, caller: Any, event: Any) -> None:
        # While nodes come and go, selectors choose others by themselves; that is not to be kept.
        self.use(None)

    def _scene_changed(self, caller: Any, event: Any) -> None:
        # A volume gets its voxels after it has come into the scene, and selectors get to know of it in their own time.
        if self._later is None:
            self._later = Timer(0, self._scene_settled, once=True)

    def _scene_settled(self) -> None:
        self._later = None
        if slicer.mrmlScene.IsBatchProcessing():
            self._later = Timer(_PATIENCE_MS, self._scene_settled, once=True)
        elif self.parameters is None and self.is_entered:
            self.enter()
        else:
            self.pick_volume()

    def _forget_later(self) -> None:
        if self._later is not None:
            self._later.stop()
            self._later = None

    def _parameters_modified(self, caller: Any, event: Any) -> None:
        if self.parameters is None or slicer.mrmlScene.IsBatchProcessing():
            return
        self._follow_volume()
        self._follow_segmentation()
        self.refresh()

    def _follow_volume(self) -> None:
        """Leave the segmentation of another volume when the volume changes, and come back to it."""
        volume, segmentation = self.parameters.inputVolume, self.parameters.segmentation
        if _id(volume) == self._volume_id:
            return
        self._volume_id = _id(volume)
        if segmentation is None or outputs.volume_of(segmentation) not in (None, volume):
            self.parameters.segmentation = outputs.segmentation_of(volume, slicer.mrmlScene)

    def _follow_segmentation(self) -> None:
        """Show the results of the segmentation that is chosen."""
        if _id(self.parameters.segmentation) != self._segmentation_id:
            self._segmentation_id = _id(self.parameters.segmentation)
            self.parameters.organTable = outputs.table_of(self.parameters.segmentation)


def _id(node: Optional[slicer.vtkMRMLNode]) -> str:
    return node.GetID() or "" if node is not None else ""
