"""The panel: shows the parameters and the run, and follows the scene (touches slicer, vtk and qt widgets).

A click goes from here to the logic (`logic.py`), which starts a run (`segmentation_run.py`), which starts a process
(`child_process.py`). What comes back comes as signals: none of the parts below knows the panel.
"""

from __future__ import annotations

from typing import Any, Optional

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.slicer.panel import outputs, sentences
from MISTKDSegmentLib.slicer.panel.about import about
from MISTKDSegmentLib.slicer.panel.controls import Controls
from MISTKDSegmentLib.slicer.panel.default_volume import default_volume
from MISTKDSegmentLib.slicer.panel.files import ask_for_model, ask_for_wheel
from MISTKDSegmentLib.slicer.panel.guard import guarded
from MISTKDSegmentLib.slicer.panel.logic import MISTKDSegmentLogic, Run, RunParameters
from MISTKDSegmentLib.slicer.panel.model_list import ModelList
from MISTKDSegmentLib.slicer.panel.organ_list import OrganList
from MISTKDSegmentLib.slicer.panel.preview_switch import PreviewSwitch, Wanted
from MISTKDSegmentLib.slicer.panel.results import Results
from MISTKDSegmentLib.slicer.panel.roi_box import new_roi
from MISTKDSegmentLib.slicer.panel.run_display import RunDisplay
from MISTKDSegmentLib.slicer.panel.scene_follower import SceneFollower
from MISTKDSegmentLib.slicer.panel.state import Situation, status_when_idle, why_disabled, why_no_preview, why_not
from MISTKDSegmentLib.slicer.panel.status_line import StatusLine
from MISTKDSegmentLib.slicer.panel.timer import Later
from MISTKDSegmentLib.slicer.scene.volume_node import why_not_a_ct

# Nobody clicks sooner, and data that is being loaded has the computer to itself.
_GET_READY_MS = 1000
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
        self._status, self._outputs = StatusLine(), outputs.OutputsFollower()
        self._get_ready = Later(_GET_READY_MS, logic.getReady)
        self.controls, self.organs, self.models = Controls(ui), OrganList(ui.organList), ModelList(ui.modelComboBox)
        self.results, self.running = Results(ui), RunDisplay(ui.progressBar)
        self.preview = PreviewSwitch(logic, self.ensure_onnxruntime)
        self._follower = SceneFollower()
        self._connect()
        self.models.fill(logic.models())

    def _connect(self) -> None:
        ui, follower = self.ui, self._follower
        for signal, slot in (
            (self.organs.changed, self._keep_organs), (self.models.changed, self._keep_model),
            (self.results.said, self.say), (self.running.said, self.controls.say),
            (self.running.ended, self._run_ended),
            (self.preview.said, self.say), (self.preview.ended, self._untick_preview),
            (follower.changes, lambda: self.use(None)), (follower.settled, self._scene_settled),
            (follower.node_leaves, self._let_go), (follower.undone, lambda: self.say("")),
        ):
            signal.connect(slot)
        for button, clicked in (
            (ui.segmentButton, self.segment_or_cancel), (ui.addModelButton, self.add_model),
            (ui.allOrgansButton, lambda: self.organs.tick(True)), (ui.noOrgansButton, lambda: self.organs.tick(False)),
            (ui.newRoiButton, self.new_roi), (ui.installButton, self.install),
        ):
            button.connect("clicked()", clicked)

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
        self._get_ready.forget()
        self.preview.stop()
        self.results.show_all_alike()

    def cleanup(self) -> None:
        """The widgets are about to go."""
        self._follower.stop()
        self.running.abandon()
        self.use(None)
        self._get_ready.forget()
        self.controls.disconnect()
        self.removeObservers()
        self.logic.cleanup()

    def use(self, parameters: Any) -> None:
        """Show these parameters and keep changes in them; None lets go of the present ones.

        While nodes come and go, selectors choose others by themselves; that is not to be kept.
        """
        if self.parameters is not None:
            self.preview.stop()
            self.results.show(None, None)
            self.controls.pause()
            self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self._parameters_modified)
        self.parameters = None if parameters is None else self.controls.connect(parameters)
        if self.parameters is not None:
            self._outputs.begin(self.parameters)
            self.addObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self._parameters_modified)
        self._follow_nodes()
        self.refresh()

    def pick_volume(self) -> None:
        """Choose the volume of the run; without a run, what a person most likely wants, unless a CT is chosen."""
        if self.parameters is None:
            return
        if self.running.run is not None:
            # A scene that was read meanwhile has brought the choices of another day.
            self.parameters.inputVolume = self.running.run.parameters.volumeNode
        elif why_not_a_ct(self.parameters.inputVolume):
            self.parameters.inputVolume = default_volume(slicer.mrmlScene) or self.parameters.inputVolume
        self.refresh()

    def refresh(self) -> None:
        """Bring every control in line with the parameters and the run."""
        if self.parameters is None:
            return
        missing = self.models.choose(self.parameters.model)
        model = self.models.chosen()
        self.organs.show(model.labels if model else (), self.parameters.leftOutOrgans)
        self.results.show(self.parameters.organTable, self.parameters.segmentation)
        situation = self._situation(missing or (model.problem if model else "") or None)
        self.controls.apply(why_disabled(situation))
        self.ui.aboutLabel.text = about(model)
        self.ui.segmentButton.text = _("Cancel") if situation.running else _("Segment abdomen")
        self.running.show()
        if not situation.running:
            self.controls.say(self._status.sentence(self._state(situation)) or status_when_idle(situation))
        self.preview.follow(self._wanted_preview(situation))
        if self.is_entered and not situation.running and why_not(situation) is None:
            self._get_ready.ask()
        else:
            self._get_ready.forget()

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line until something is changed; "" says what can be done next."""
        self._status.say(sentence)
        self.refresh()

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

    @guarded
    def segment_or_cancel(self) -> None:
        """Start a run, or end the one that is under way."""
        if self.running.run is not None:
            self.running.run.cancel()
        elif self.ensure_onnxruntime():
            self._untick_preview()
            self._start()

    @guarded
    def add_model(self) -> None:
        """Add the model that a person chooses, and choose it."""
        path = ask_for_model()
        if path is not None:
            folder = self.logic.addModel(path)
            models = self.logic.models()
            self.models.fill(models)
            added = next(model for model in models if model.folder == folder)
            self.parameters.model = added.key
            self.say(_("The model {name} was added.").format(name=added.key))

    @guarded
    def new_roi(self) -> None:
        """Make a box around the volume, and choose it."""
        self.parameters.roi = new_roi(self.parameters.inputVolume)

    @guarded
    def install(self) -> None:
        """Install onnxruntime from the file that a person chooses."""
        path = ask_for_wheel()
        if path is not None:
            self.logic.readyChild.drop()  # Windows replaces no file that is in use
            self.logic.onnxRuntime.install_from_file(path)
            self.say(_("onnxruntime was installed."))

    def _start(self) -> None:
        parameters, segmentation, remark = self.parameters, self.parameters.segmentation, ""
        if outputs.is_of_another(segmentation, parameters.inputVolume):
            remark = sentences.spared(segmentation.GetName())
            segmentation = None
        self.results.show_all_alike()
        options = SegmentOptions(self.organs.ticked(), parameters.threads, parameters.sliceStepMm or None,
                                 parameters.postprocess)
        self.running.start(self.logic, RunParameters(
            volumeNode=parameters.inputVolume, bundle=self.models.folder(), options=options,
            segmentationNode=segmentation, roiNode=parameters.roi if parameters.useRoi else None,
            tableNode=parameters.organTable if segmentation is not None else None), remark)
        self.refresh()

    def _run_ended(self, run: Run, sentence: str) -> None:
        if run.segmentationNode is not None:
            outputs.remember(run.segmentationNode, run.tableNode)
            # While a scene is read the panel shows none; the scene keeps them all the same.
            parameters = self.parameters or self.logic.getParameterNode()
            with slicer.util.NodeModify(parameters.parameterNode):
                parameters.inputVolume = run.parameters.volumeNode
                parameters.segmentation, parameters.organTable = run.segmentationNode, run.tableNode
        self.say(sentence)

    def _state(self, situation: Situation) -> tuple[object, ...]:
        """All that makes what was said before old news when it is changed."""
        parameters = self.parameters
        volume = parameters.inputVolume
        return (situation, volume.GetID() if volume is not None else "", parameters.model,
                tuple(parameters.leftOutOrgans))

    def _situation(self, model_problem: Optional[str]) -> Situation:
        parameters, ticked, view = self.parameters, len(self.organs.ticked()), self.results.view
        return Situation(
            volume_problem=why_not_a_ct(parameters.inputVolume), model_problem=model_problem,
            organs_ticked=ticked, organs_known=ticked + len(self.organs.left_out()),
            use_roi=parameters.useRoi, has_roi=parameters.roi is not None, running=self.running.run is not None,
            has_rows=view.has_rows, has_segments=view.has_segments)

    def _wanted_preview(self, situation: Situation) -> Optional[Wanted]:
        parameters = self.parameters
        if not (parameters.preview and self.is_entered) or situation.running or why_no_preview(situation):
            return None
        return Wanted(parameters.inputVolume.GetID(), self.models.folder(), self.organs.ticked(), parameters.threads)

    def _untick_preview(self) -> None:
        self.preview.stop()
        if self.parameters is not None:
            self.parameters.preview = False

    def _keep_organs(self) -> None:
        if self.parameters is not None:
            self.parameters.leftOutOrgans = self.organs.left_out()

    def _keep_model(self) -> None:
        model = self.models.chosen()
        if self.parameters is not None and model is not None:
            self.parameters.model = model.key

    def _scene_settled(self) -> None:
        if self.is_entered or self.running.run is not None:
            self.open()
        else:
            self.pick_volume()

    def _let_go(self, node: Any) -> None:
        """Let go of a node before its selector does, which would choose the next one in its place."""
        for name in _NODES if self.parameters is not None else ():
            if getattr(self.parameters, name) is node:
                setattr(self.parameters, name, None)
        self._follow_nodes()

    def _follow_nodes(self) -> None:
        parameters = self.parameters
        self._follower.follow(parameters.inputVolume if parameters is not None else None,
                              parameters.segmentation if parameters is not None else None)

    def _parameters_modified(self, caller: Any, event: Any) -> None:
        if self.parameters is None or slicer.mrmlScene.IsBatchProcessing():
            return
        self._outputs.follow(self.parameters)
        self._follow_nodes()
        self.refresh()
