"""What the module can do, for its panel and for scripts (touches slicer)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Optional, Union

import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from MISTKDSegmentLib.child.job import sweep_leftovers
from MISTKDSegmentLib.errors import BundleError, SegmentError
from MISTKDSegmentLib.inference.options import DEFAULTS, SegmentOptions
from MISTKDSegmentLib.inference.progress import Progress
from MISTKDSegmentLib.model.bundle import Bundle, default_bundle_folder
from MISTKDSegmentLib.model.catalogue import Model, add_model, installed_models
from MISTKDSegmentLib.slicer.panel.installation import InstallationError, OnnxRuntime, remedy
from MISTKDSegmentLib.slicer.panel.preview import SlicePreview
from MISTKDSegmentLib.slicer.panel.ready_child import ReadyChild
from MISTKDSegmentLib.slicer.panel.run_parameters import RunParameters
from MISTKDSegmentLib.slicer.panel.segmentation_run import Run

__all__ = ["MISTKDSegmentLogic", "Run", "RunParameters"]


class MISTKDSegmentLogic(ScriptedLoadableModuleLogic):
    """Segments abdominal CT volumes with a small transformer.

    Examples:
        Three volumes, one after the other, in the Python console, a notebook or `Slicer --python-script`:

        >>> logic = MISTKDSegmentLogic()
        >>> for volumeNode in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        ...     segmentationNode = logic.segment(volumeNode, organs=["liver", "spleen"])
        ...     slicer.util.saveNode(segmentationNode, f"{volumeNode.GetName()}.seg.nrrd")
    """

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleLogic.__init__(self, parent)
        self.onnxRuntime, self.readyChild = OnnxRuntime(), ReadyChild()
        self._run: Optional[Run] = None
        self._preview: Optional[SlicePreview] = None
        # Before the first run: what a Slicer left that crashed may be the scan of a patient.
        sweep_leftovers(Path(slicer.app.temporaryPath))

    @property
    def modelFolders(self) -> tuple[Path, Path]:
        """Folder of the models that ship, and of those that the user added."""
        settings = Path(slicer.app.slicerUserSettingsFilePath).parent
        return default_bundle_folder().parent, settings / "MISTKDSegment" / "Models"

    def models(self) -> list[Model]:
        """All models that are installed; damaged ones say so in `problem`."""
        return installed_models(self.modelFolders)

    def addModel(self, path: Union[str, Path]) -> Path:
        """Verify a model and keep a copy of it.

        Args:
            path: its folder, a zip file of it, or its `model.json` or `model.onnx`.

        Returns:
            The folder of the copy.

        Raises:
            BundleError: it is no model, or is damaged.
            OutputError: the settings folder cannot be written.
        """
        return add_model(Path(path), self.modelFolders[1], self.modelFolders[:1])

    def start(self, parameters: RunParameters, observer: object = None) -> Run:
        """Start to segment and return at once; a preview that is on is switched off.

        Args:
            parameters: what to segment and where to put it.
            observer: see `Run`.

        Returns:
            The run.

        Raises:
            SegmentError: it cannot start, or another run is under way; nothing has changed then.
        """
        if self._run is not None and self._run.isRunning:
            raise SegmentError(_("A segmentation is already under way; wait until it has ended or cancel it."))
        self.checkRuntime()
        if self._preview is not None:
            self._preview.switchOff(_("A segmentation was started."))
        self._run = Run(parameters, observer, self.readyChild)
        return self._run

    def getReady(self) -> None:
        """Start what a run needs most time for, so that the next one begins at once; it is given up if none comes."""
        if self.onnxRuntime.state() == "ready" and not (self._run is not None and self._run.isRunning):
            self.readyChild.prepare()

    def segment(self, volumeNode: Any, segmentationNode: Any = None,
                organs: Union[str, Sequence[str], None] = None, model: Union[str, Path, Bundle, None] = None,
                threads: Optional[int] = None, sliceStepMm: Optional[float] = None, postprocess: Optional[bool] = None,
                roi: Any = None, tableNode: Any = None, onProgress: Optional[Callable[[Progress], object]] = None,
                options: SegmentOptions = DEFAULTS) -> Any:
        """Segment a volume and wait for the result, while the application stays alive.

        It takes what `MISTKDSegmentLib.segment` takes; nodes stand for scan, region and results.

        Args:
            volumeNode: abdominal CT, a vtkMRMLScalarVolumeNode.
            segmentationNode: is updated; None makes a new one, beside the volume.
            organs: names of those wanted, e.g. ["liver", "left_kidney"], or of one, e.g. "liver"; None means those
                of `options`.
            model: name of an installed model, the folder of any, or what `load_model` gave; None means the one that
                ships.
            threads: for the network, 0 for as many as there are cores; None means those of `options`.
            sliceStepMm: run slices at most this far apart and interpolate between them; None means as `options` say.
            postprocess: whether organs are post-processed as the model says; None means as `options` say.
            roi: markups ROI; nothing outside of it is labelled. None means the region of `options`.
            tableNode: gets volume and mean HU of each organ; None leaves that out.
            onProgress: is called after each batch of slices with `slices_done` and `slices_total`; an exception that
                it raises ends the run and is raised again.
            options: all that can be chosen; volume nodes state their own orientation.

        Returns:
            The vtkMRMLSegmentationNode.

        Raises:
            SegmentError: it failed or was cancelled; its text is one sentence that says why and what to do.

        Examples:
            >>> segmentationNode = MISTKDSegmentLogic().segment(volumeNode, organs=["liver"])
            >>> segmentationNode.GetSegmentation().GetSegment("liver").GetName()
            'Liver'
        """
        wanted: dict[str, Any] = {"organs": organs, "threads": threads, "slice_step_mm": sliceStepMm,
                                  "postprocess": postprocess}
        options = replace(options, **{name: value for name, value in wanted.items() if value is not None})
        caller = _Caller(onProgress)
        run = self.start(RunParameters(
            volumeNode=volumeNode, bundle=self.modelFolder(model), segmentationNode=segmentationNode, options=options,
            roiNode=roi, tableNode=tableNode, writeTable=tableNode is not None, showProgress=False), caller)
        try:
            run.wait()
        finally:
            run.cancel()  # where Ctrl-C or an interrupted notebook ended the waiting
        if caller.problem is not None:
            raise caller.problem
        return run.segmentationNode

    def modelFolder(self, model: Union[str, Path, Bundle, None] = None) -> Path:
        """The folder of a model.

        Args:
            model: its name (of several with that name, the one that was added last), its name and version as the panel
                shows them, its folder, or what `load_model` gave; None means the one that ships.

        Raises:
            BundleError: there is none of that name.
        """
        if model is None:
            return default_bundle_folder()
        if isinstance(model, Bundle):
            return model.folder
        models = self.models()
        named = [installed.folder for installed in models if installed.name == str(model)]
        named += [installed.folder for installed in models if installed.key == str(model)]
        if not named and not Path(model).is_dir():
            known = ", ".join(installed.key for installed in models)
            raise BundleError(_("There is no model {name}; name the folder of one, or choose from {known}.").format(
                name=model, known=known))
        return named[-1] if named else Path(model)

    def checkRuntime(self) -> None:
        """Find out whether onnxruntime is there, without importing it.

        Raises:
            InstallationError: it is not; the sentence says how to get it.
        """
        if self.onnxRuntime.state() != "ready":
            raise InstallationError(_("onnxruntime is missing or too old; open the module and start there to install "
                                      "it, call onnxRuntime.install() of the module's logic, or {remedy}").format(
                                          remedy=remedy()))

    def registerPreview(self, preview: SlicePreview) -> None:
        """Note that a preview is on, in place of the one that was: there is one label layer in the views."""
        if self._preview is not None:
            self._preview.stop()
        self._preview = preview

    def cleanup(self) -> None:
        """End what is under way, for when the module is reloaded or its widget goes."""
        self.readyChild.drop()
        if self._preview is not None:
            self._preview.stop()
        if self._run is not None:
            self._run.cancel(_("The module was reloaded."))


class _Caller:
    """Tells who called `segment` how far the run is, and remembers what it is to raise at the end."""

    def __init__(self, on_progress: Optional[Callable[[Progress], object]]) -> None:
        self.problem: Optional[BaseException] = None
        self._on_progress = on_progress

    def onProgress(self, run: Run) -> None:
        if self._on_progress is None:
            return
        try:
            self._on_progress(Progress(run.slicesDone, run.slicesTotal))
        except BaseException as error:  # Ctrl-C as well: inside a signal, nobody else would hear of it
            self.problem = error
            run.cancel()

    def onCancelled(self, run: Run) -> None:
        self.problem = self.problem or SegmentError(run.sentence or _("The segmentation was cancelled."))

    def onFailed(self, run: Run, sentence: str) -> None:
        self.problem = SegmentError(sentence)
