"""The table of organs as a table node (touches slicer and vtk)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Optional

import vtk

from MISTKDSegmentLib.report.quality import Quality
from MISTKDSegmentLib.report.table import OrganRow
from MISTKDSegmentLib.slicer.scene.all_or_nothing import all_or_nothing
from MISTKDSegmentLib.slicer.scene.placement import in_scene, put_beside
from MISTKDSegmentLib.slicer.scene.translation import _

_DOUBTS, _ORGANS, _QUALITY = "MISTKDSegment.doubts", "MISTKDSegment.organs", "MISTKDSegment.quality"


def write_table_node(rows: Sequence[OrganRow], tableNode: Optional[Any], name: str, volumeNode: Any,
                     doubts: Sequence[tuple[str, str]] = ()) -> Any:
    """Write organ, volume, mean HU, number of voxels and flags into a table, whose former content is lost.

    Where the model says how good the organs are likely to be, that is written as well.
    Where anything fails, a new table is removed again and one that was there keeps what it had.

    Args:
        rows: one per organ.
        tableNode: what to overwrite; None, or a node that is no longer in the scene, means a new one.
        name: of a new table.
        volumeNode: the volume that was measured, in a scene; a new table goes beside it in the subject hierarchy.
        doubts: what makes the result as a whole doubtful: each a few words, and their explanation.

    Returns:
        The table node. The mean HU of an organ that was not found is not a number.
    """
    scene = volumeNode.GetScene()
    updated = tableNode if in_scene(tableNode) else None
    with all_or_nothing(scene, updated):
        node = _new_table_node(scene, name) if updated is None else updated
        node.SetAndObserveTable(_table(rows))
        # Columns have no title but their name, which is then the header.
        node.SetUseColumnTitleAsColumnHeader(True)
        node.SetAttribute(_ORGANS, json.dumps([row.label.name for row in rows]))
        node.SetAttribute(_DOUBTS, json.dumps(list(doubts)) if doubts else None)
        qualities = [row.quality and asdict(row.quality) for row in rows]
        node.SetAttribute(_QUALITY, json.dumps(qualities) if any(qualities) else None)
        put_beside(node, volumeNode)
    return node


def doubts_of(tableNode: Optional[Any]) -> tuple[tuple[str, str], ...]:
    """What `write_table_node` was told to be doubtful; nothing for a table of somebody else's."""
    try:
        return tuple((str(short), str(why)) for short, why in _kept(tableNode, _DOUBTS))
    except (TypeError, ValueError):
        return ()


def qualities_of(tableNode: Optional[Any]) -> tuple[Optional[Quality], ...]:
    """How good the organs are likely to be, row by row; nothing where the model did not say, or for other tables."""
    try:
        return tuple(Quality.from_plain(plain) for plain in _kept(tableNode, _QUALITY))
    except (KeyError, TypeError):
        return ()


def organs_of(tableNode: Optional[Any]) -> tuple[str, ...]:
    """The names of the organs, row by row; nothing for a table of somebody else's."""
    return tuple(map(str, _kept(tableNode, _ORGANS)))


def _kept(table_node: Optional[Any], attribute: str) -> list[Any]:
    try:
        kept = json.loads(table_node.GetAttribute(attribute) or "[]") if table_node is not None else []
    except ValueError:
        return []
    return kept if isinstance(kept, list) else []


def rows_as_text(tableNode: Any) -> str:
    """A table with its header for the clipboard: tabs between cells, nothing where there is no number."""
    columns = range(tableNode.GetNumberOfColumns())
    lines = [[tableNode.GetColumnName(column) for column in columns]]
    for row in range(tableNode.GetNumberOfRows()):
        lines.append([_cell(tableNode.GetTable().GetValue(row, column).ToString()) for column in columns])
    return "".join("\t".join(line) + "\n" for line in lines)


def _new_table_node(scene: Any, name: str) -> Any:
    return scene.AddNewNodeByClass("vtkMRMLTableNode", scene.GenerateUniqueName(name))


def _table(rows: Sequence[OrganRow]) -> Any:
    table = vtk.vtkTable()
    for column in _columns(rows):
        table.AddColumn(column)
    return table


def _columns(rows: Sequence[OrganRow]) -> list[Any]:
    mean_hu = (math.nan if row.mean_hu is None else round(row.mean_hu, 1) for row in rows)
    return [
        _column(vtk.vtkStringArray(), _("Organ"), (row.label.title for row in rows)),
        _column(vtk.vtkDoubleArray(), _("Volume (mL)"), (round(row.volume_ml, 2) for row in rows)),
        _column(vtk.vtkDoubleArray(), _("Mean HU"), mean_hu),
        _column(vtk.vtkIntArray(), _("Voxels"), (row.voxels for row in rows)),
        _column(vtk.vtkStringArray(), _("Flag"), (", ".join(map(_flag_text, row.flags)) for row in rows)),
        *(_quality_columns([row.quality for row in rows]) if any(row.quality for row in rows) else ()),
    ]


def _quality_columns(qualities: Sequence[Optional[Quality]]) -> list[Any]:
    dice = (quality.score if quality and quality.is_found else math.nan for quality in qualities)
    absence = (math.nan if quality is None or quality.is_found else quality.score for quality in qualities)
    return [
        _column(vtk.vtkStringArray(), _("Quality"), (quality_text(quality.word) if quality else ""
                                                     for quality in qualities)),
        _column(vtk.vtkDoubleArray(), _("Predicted Dice"), (round(score, 2) for score in dice)),
        _column(vtk.vtkDoubleArray(), _("Probability of absence"), (round(score, 2) for score in absence)),
    ]


def quality_text(word: str) -> str:
    """The word of a quality in the user's language."""
    return {"good": _("good"), "look": _("look"), "poor": _("poor")}[word]


def reason_text(reason: str) -> str:
    """One of the reasons of a quality in the user's language."""
    counted = re.fullmatch(r"border unclear on (\d+) of (\d+) slices", reason)
    if counted:
        return _("border unclear on {some} of {all} slices").format(some=counted[1], all=counted[2])
    return {
        "border unclear": _("border unclear"),
        "changes from slice to slice": _("changes from slice to slice"),
        "may belong to the organs beside it": _("may belong to the organs beside it"),
        "unusually bright or dark beside the others": _("unusually bright or dark beside the others"),
        "less of it than usual": _("less of it than usual"),
        "smaller than on the other side": _("smaller than on the other side"),
        "may be there all the same": _("may be there all the same"),
    }[reason]


def _flag_text(flag: str) -> str:
    """One of `table.FLAGS` in the user's language."""
    return {
        "not found": _("not found"),
        "cut by the field of view": _("cut by the field of view"),
        "cut by the region": _("cut by the region"),
        "cut by missing data": _("cut by missing data"),
        "implausibly small": _("implausibly small"),
        "implausibly large": _("implausibly large"),
    }[flag]


def _column(array: Any, name: str, values: Iterable[object]) -> Any:
    array.SetName(name)
    for value in values:
        array.InsertNextValue(value)
    return array


def _cell(text: str) -> str:
    return "" if text == "nan" else text
