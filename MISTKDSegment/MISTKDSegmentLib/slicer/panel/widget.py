"""The panel: shows the parameters and the run, and follows the scene (touches slicer, vtk and qt widgets)."""

from __future__ import annotations

from typing import Any, Optional

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from MISTKDSegmentLib.slicer.panel import outputs
from MISTKDSegmentLib.slicer.panel.about import about
from MISTKDSegmentLib.slicer.panel.actions import Actions
from MISTKDSegmentLib.slicer.panel.controls import Controls
from MISTKDSegmentLib.slicer.panel.default_volume import default_volume
from MISTKDSegmentLib.slicer.panel.logic import MISTKDSegmentLogic
from MISTKDSegmentLib.slicer.panel.model_list import ModelList
from MISTKDSegmentLib.slicer.panel.organ_list import OrganList
from MISTKDSegmentLib.slicer.panel.preview_switch import PreviewSwitch
from MISTKDSegmentLib.slicer.panel.results_view import ResultsView
from MISTKDSegmentLib.slicer.panel.run_display import Running
from MISTKDSegmentLib.slicer.panel.state import Situation, status_when_idle, why_disabled
from MISTKDSegmentLib.slicer.panel.timer import Timer
from MISTKDSegmentLib.slicer.scene.volume_node import why_not_a_ct

_PATIENCE_MS = 200
_NODES = ("inputVolume", "segmentation", "organTable", "roi")


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
        self._said: tuple[object, str] = (None, "")
        self._volume_id, self._segmentation_id = "", ""
        self._nodes: tuple[Any, Any] = (None, None)
        self._heard: list[tuple[Any, int]] = []
        self.controls = Controls(ui)
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
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self._node_leaves)

    def enter(self) -> None:
        """The module is shown."""
        self.is_entered = True
        self.open()

    def open(self) -> None:
        """Show the parameters that the scene keeps, unless they are shown already."""
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
        self.controls.disconnect()
        self.removeObservers()
        self.logic.cleanup()

    def use(self, parameters: Any) -> None:
        """Show these parameters and keep changes in them; None lets go of the present ones."""
        if self.parameters is not None:
            self.preview.stop()
            self.controls.pause()
            self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self._parameters_modified)
        self.parameters = None if parameters is None else self.controls.connect(parameters)
        if self.parameters is not None:
            self._volume_id = _id(self.parameters.inputVolume)
            self._segmentation_id = _id(self.parameters.segmentation)
            self.addObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self._parameters_modified)
        self._follow_nodes()
        self.refresh()

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
        self.controls.apply(why_disabled(situation))
        self.ui.aboutLabel.text = about(model)
        self.ui.segmentButton.text = _("Cancel") if situation.running else _("Segment abdomen")
        self.ui.show3dButton.checked = self.results.has_surfaces
        self.running.show()
        if not situation.running:
            self.controls.say(self._sentence(situation))
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
        # Once something was changed, it is over: not even changing it back makes it news again.
        self._said = (now, sentence if then in (None, now) else "")
        return self._said[1] or status_when_idle(situation)

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
            self.parameters.model = model.key

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
        elif self.is_entered or self.running.run is not None:
            self.open()
        else:
            self.pick_volume()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_leaves(self, caller: Any, event: Any, node: Any) -> None:
        """Let go of a node before its selector does, which would choose the next one in its place."""
        for name in _NODES if self.parameters is not None else ():
            if getattr(self.parameters, name) is node:
                setattr(self.parameters, name, None)
        self._follow_nodes()

    def _follow_nodes(self) -> None:
        """Hear of it when voxels arrive, or when segments change elsewhere."""
        parameters = self.parameters
        nodes = (parameters.inputVolume, parameters.segmentation) if parameters is not None else (None, None)
        if nodes == self._nodes:
            return
        # Not addObserver: it would keep the voxels of a deleted volume in memory.
        for node, tag in self._heard:
            node.RemoveObserver(tag)
        self._nodes = nodes
        self._heard = [(node, node.AddObserver(event, self._scene_changed))
                       for node, events in zip(nodes, _events()) if node is not None for event in events]

    def _forget_later(self) -> None:
        if self._later is not None:
            self._later.stop()
            self._later = None

    def _parameters_modified(self, caller: Any, event: Any) -> None:
        if self.parameters is None or slicer.mrmlScene.IsBatchProcessing():
            return
        self._follow_volume()
        self._follow_segmentation()
        self._follow_nodes()
        self.refresh()

    def _follow_volume(self) -> None:
        """Leave the segmentation of another volume when the volume changes, and come back to it."""
        volume, segmentation = self.parameters.inputVolume, self.parameters.segmentation
        if _id(volume) == self._volume_id:
            return
        self._volume_id = _id(volume)
        if segmentation is None or outputs.is_of_another(segmentation, volume):
            self.parameters.segmentation = outputs.segmentation_of(volume, slicer.mrmlScene)

    def _follow_segmentation(self) -> None:
        """Show the results of the segmentation that is chosen."""
        if _id(self.parameters.segmentation) != self._segmentation_id:
            self._segmentation_id = _id(self.parameters.segmentation)
            self.parameters.organTable = outputs.table_of(self.parameters.segmentation)


def _events() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What is shown of a volume and of a segmentation has changed."""
    segmentation = slicer.vtkSegmentation
    return ((slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,),
            (segmentation.SegmentAdded, segmentation.SegmentRemoved, segmentation.SegmentModified,
             segmentation.ContainedRepresentationNamesModified))


def _id(node: Optional[slicer.vtkMRMLNode]) -> str:
    return node.GetID() or "" if node is not None else ""
