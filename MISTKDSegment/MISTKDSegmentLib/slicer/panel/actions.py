"""What the buttons of the panel do (touches slicer and qt)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import qt
import slicer
from slicer.i18n import tr as _

from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.slicer.panel import outputs, sentences
from MISTKDSegmentLib.slicer.panel.csv_file import file_name, with_suffix, write_csv
from MISTKDSegmentLib.slicer.panel.guard import guarded
from MISTKDSegmentLib.slicer.panel.logic import RunParameters
from MISTKDSegmentLib.slicer.panel.roi_box import new_roi
from MISTKDSegmentLib.slicer.scene.organ_table_node import rows_as_text
from MISTKDSegmentLib.slicer.scene.segmentation_node import show_3d

if TYPE_CHECKING:
    from MISTKDSegmentLib.slicer.panel.widget import Panel


class Actions:
    """A slot for each button.

    Args:
        panel: where the buttons are.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel, self.say = panel, panel.say
        ui = panel.ui
        for button, slot in (
            (ui.addModelButton, self.add_model), (ui.segmentButton, self.segment_or_cancel),
            (ui.allOrgansButton, self.tick_all), (ui.noOrgansButton, self.tick_none),
            (ui.copyButton, self.copy), (ui.exportButton, self.export), (ui.show3dButton, self.show_3d),
            (ui.newRoiButton, self.new_roi), (ui.installButton, self.install),
        ):
            button.connect("clicked()", slot)

    @guarded
    def segment_or_cancel(self) -> None:
        if self._panel.running.run is not None:
            self._panel.running.run.cancel()
        elif self._panel.ensure_onnxruntime():
            self._panel.preview.switch_off()
            self._start()

    @guarded
    def add_model(self) -> None:
        path = qt.QFileDialog.getOpenFileName(
            slicer.util.mainWindow(), _("Add a model"), "", _("Model") + " (*.zip model.json)")
        if path:
            folder = self._panel.logic.addModel(Path(path))
            models = self._panel.logic.models()
            self._panel.models.fill(models)
            added = next(model for model in models if model.folder == folder)
            self._panel.parameters.model = added.key
            self.say(_("The model {name} was added.").format(name=added.key))

    @guarded
    def tick_all(self) -> None:
        self._panel.organs.tick(True)

    @guarded
    def tick_none(self) -> None:
        self._panel.organs.tick(False)

    @guarded
    def copy(self) -> None:
        slicer.app.clipboard().setText(rows_as_text(self._panel.parameters.organTable))
        self.say(_("The table was copied."))

    @guarded
    def export(self) -> None:
        table = self._panel.parameters.organTable
        path = qt.QFileDialog.getSaveFileName(
            slicer.util.mainWindow(), _("Export the table"), str(_export_folder() / file_name(table)),
            _("Table") + " (*.csv)")
        if path:
            written = with_suffix(path)
            write_csv(table, written)
            self.say(_("The table was written to {path}.").format(path=written))

    @guarded
    def show_3d(self) -> None:
        # The cursor lets events through, which may bring the button back to what is shown now.
        shown = self._panel.ui.show3dButton.checked
        with slicer.util.WaitCursor():
            show_3d(self._panel.parameters.segmentation, shown)
        self._panel.refresh()

    @guarded
    def new_roi(self) -> None:
        self._panel.parameters.roi = new_roi(self._panel.parameters.inputVolume)

    @guarded
    def install(self) -> None:
        path = qt.QFileDialog.getOpenFileName(
            slicer.util.mainWindow(), _("Install onnxruntime"), "", _("Wheel of onnxruntime") + " (onnxruntime*.whl)")
        if path:
            self._panel.logic.onnxRuntime.install_from_file(Path(path))
            self.say(_("onnxruntime was installed."))

    def _start(self) -> None:
        segmentation, remark = self._panel.parameters.segmentation, ""
        if outputs.is_of_another(segmentation, self._panel.parameters.inputVolume):
            remark = sentences.spared(segmentation.GetName())
            segmentation = None
        self._panel.running.start(self._run_parameters(segmentation), remark)

    def _run_parameters(self, segmentation: Optional[slicer.vtkMRMLSegmentationNode]) -> RunParameters:
        parameters = self._panel.parameters
        options = SegmentOptions(self._panel.organs.ticked(), parameters.threads, parameters.sliceStepMm or None,
                                 parameters.postprocess)
        return RunParameters(
            volumeNode=parameters.inputVolume, bundle=self._panel.models.folder(), options=options,
            segmentationNode=segmentation, roiNode=parameters.roi if parameters.useRoi else None,
            tableNode=parameters.organTable if segmentation is not None else None)


def _export_folder() -> Path:
    """Where the scene is kept; the user's documents while it has not been saved."""
    folder = Path(slicer.mrmlScene.GetRootDirectory() or "")
    if folder.is_absolute() and folder.is_dir():
        return folder
    return Path(qt.QStandardPaths.writableLocation(qt.QStandardPaths.DocumentsLocation))
