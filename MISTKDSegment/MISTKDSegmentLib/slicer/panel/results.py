"""The Results section: what was found, and what a person does with it (touches slicer and qt widgets)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import slicer
from slicer.i18n import tr as _

from MISTKDSegmentLib.slicer.panel.doubts_line import DoubtsLine
from MISTKDSegmentLib.slicer.panel.files import export_table
from MISTKDSegmentLib.slicer.panel.guard import guarded
from MISTKDSegmentLib.slicer.panel.outputs import volume_of
from MISTKDSegmentLib.slicer.panel.results_view import ResultsView
from MISTKDSegmentLib.slicer.panel.signal import Signal
from MISTKDSegmentLib.slicer.scene.navigation import go_to, organ_centre, to_world
from MISTKDSegmentLib.slicer.scene.organ_display import let_shine, set_opacity, shining_organ, show_alike, show_organ
from MISTKDSegmentLib.slicer.scene.organ_table_node import doubts_of, rows_as_text
from MISTKDSegmentLib.slicer.scene.placement import in_scene
from MISTKDSegmentLib.slicer.scene.segment_editor import choose_in_editor
from MISTKDSegmentLib.slicer.scene.segmentation_node import show_3d


class Results:
    """Shows a segmentation and its table, and lets a person look at the organs.

    Args:
        ui: the widgets of MISTKDSegment.ui by their names.

    Attributes:
        said: emitted with a sentence for the status line.
        view: shows the table.
    """

    def __init__(self, ui: Any) -> None:
        self.said = Signal()
        self.say = self.said.emit
        self.view = ResultsView(ui.resultsTable, ui.opacitySlider)
        self._ui, self._doubts = ui, DoubtsLine(ui.doubtsLabel)
        self._table: Any = None
        self._segmentation: Any = None
        self.view.clicked.connect(self.go_to)
        self.view.unsure_clicked.connect(self.go_to_unsure)
        self.view.ticked.connect(self.tick)
        self.view.opacity_chosen.connect(self.set_opacity)
        for button, slot in ((ui.show3dButton, self.show_3d), (ui.editButton, self.edit), (ui.copyButton, self.copy),
                             (ui.exportButton, self.export)):
            button.connect("clicked()", slot)
        ui.resultsCollapsibleButton.connect("contentsCollapsed(bool)", lambda collapsed: self._doubts.refresh())

    def show(self, table: Optional[Any], segmentation: Optional[Any]) -> None:
        """Show a vtkMRMLTableNode and a vtkMRMLSegmentationNode; None shows none."""
        if segmentation is not self._segmentation and in_scene(self._segmentation):
            show_alike(self._segmentation)
        self._table, self._segmentation = table, segmentation
        had_rows = self.view.has_rows
        self.view.show(table, segmentation)
        self._doubts.show(doubts_of(table))
        self._ui.show3dButton.checked = self.view.has_surfaces
        if self.view.has_rows and not had_rows:
            self._ui.resultsCollapsibleButton.collapsed = False

    def show_all_alike(self) -> None:
        """Let no organ shine."""
        if in_scene(self._segmentation):
            show_alike(self._segmentation)
        self._show_again()

    @guarded
    def go_to(self, segment_id: str) -> None:
        """Bring the views to an organ and let it shine; where it shines already, show all alike."""
        if segment_id == shining_organ(self._segmentation):
            show_alike(self._segmentation)
        else:
            show_organ(self._segmentation, segment_id, True)
            let_shine(self._segmentation, segment_id)
            centre = organ_centre(self._segmentation, segment_id)
            if centre is not None:
                go_to(self._segmentation.GetScene(), centre.tolist())
        self._show_again()

    @guarded
    def go_to_unsure(self, segment_id: str, place_lps: Sequence[float]) -> None:
        """Bring the views to where an organ is least sure, and let it shine where it was found."""
        if segment_id:
            show_organ(self._segmentation, segment_id, True)
            let_shine(self._segmentation, segment_id)
        x, y, z = place_lps
        go_to(self._table.GetScene(), to_world((-x, -y, z), self._segmentation))
        self._show_again()

    @guarded
    def tick(self, segment_id: str, shown: bool) -> None:
        """Show or hide an organ."""
        show_organ(self._segmentation, segment_id, shown)

    @guarded
    def set_opacity(self, opacity: float) -> None:
        """Make the organs more or less opaque, 0 to 1."""
        if self._segmentation is not None:
            set_opacity(self._segmentation, opacity)

    @guarded
    def show_3d(self) -> None:
        """Make the surfaces of the organs, or remove them."""
        # The cursor lets events through, which may bring the button back to what is shown now.
        shown = self._ui.show3dButton.checked
        with slicer.util.WaitCursor():
            show_3d(self._segmentation, shown)
        self._show_again()

    @guarded
    def edit(self) -> None:
        """Open the segmentation in the Segment Editor, with the organ that shines."""
        segmentation, segment_id = self._segmentation, shining_organ(self._segmentation)
        self.show_all_alike()
        choose_in_editor(segmentation, volume_of(segmentation), segment_id)
        slicer.util.selectModule("SegmentEditor")

    @guarded
    def copy(self) -> None:
        """Copy the table to the clipboard."""
        slicer.app.clipboard().setText(rows_as_text(self._table))
        self.say(_("The table was copied."))

    @guarded
    def export(self) -> None:
        """Write the table to a file."""
        path = export_table(self._table)
        if path is not None:
            self.say(_("The table was written to {path}.").format(path=path))

    def _show_again(self) -> None:
        self.show(self._table, self._segmentation)
