"""Slicer's real scene with its real logics, in the order that they need."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import slicer

from Testing.host import observers

LOGICS = {
    "Colors": "vtkSlicerColorLogic", "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic", "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic", "Markups": "vtkSlicerMarkupsLogic",
    "Tables": "vtkSlicerTablesLogic", "Sequences": "vtkSlicerSequencesLogic", "Models": "vtkSlicerModelsLogic",
    "Transforms": "vtkSlicerTransformLogic", "Texts": "vtkSlicerTextsLogic", "Plots": "vtkSlicerPlotsLogic",
    "Units": "vtkSlicerUnitsLogic", "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "Annotations": "vtkSlicerAnnotationModuleLogic", "Cameras": "vtkSlicerCamerasModuleLogic",
}
# Classes whose nodes Slicer's plugins put into the subject hierarchy by themselves.
_IN_HIERARCHY = ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLMarkupsNode", "vtkMRMLModelNode",
                 "vtkMRMLTableNode", "vtkMRMLTextNode", "vtkMRMLTransformNode", "vtkMRMLPlotChartNode",
                 "vtkMRMLPlotSeriesNode", "vtkMRMLSequenceBrowserNode")


def new_scene(cache_folder: str) -> tuple[Any, Any, dict[str, Any]]:
    """A scene, its application logic and its module logics: each knows the application before the scene."""
    scene, application_logic = slicer.vtkMRMLScene(), slicer.vtkSlicerApplicationLogic()
    application_logic.SetMRMLScene(scene)
    scene.host_data_io = _data_io(scene, cache_folder)
    logics = {}
    with _quiet():
        for name, class_name in LOGICS.items():
            logic = getattr(slicer, class_name)()
            logic.SetMRMLApplicationLogic(application_logic)
            logic.SetMRMLScene(scene)
            application_logic.SetModuleLogic(name, logic)
            logics[name] = logic
        application_logic.SetColorLogic(logics["Colors"])
    return scene, application_logic, logics


def follow_hierarchy(owner: Any, scene: Any) -> None:
    """Does what Slicer's Qt plugins do, which slicer-core does not have: an item for each node."""
    observers.observe(owner, scene, slicer.vtkMRMLScene.NodeAddedEvent, lambda _o, node: _add_item(scene, node))
    observers.observe(owner, scene, slicer.vtkMRMLScene.NodeAboutToBeRemovedEvent,
                      lambda _o, node: _remove_item(scene, node))
    for event in (slicer.vtkMRMLScene.EndImportEvent, slicer.vtkMRMLScene.EndBatchProcessEvent):
        observers.observe(owner, scene, event, lambda _o, _n: _add_all(scene))


def close(scene: Any, application_logic: Any, logics: dict[str, Any]) -> None:
    """Empties the scene and parts it from its logics; singletons stay until the scene itself goes."""
    scene.Clear(0)
    with _quiet():
        for logic in reversed(list(logics.values())):
            logic.SetMRMLScene(None)
            logic.SetMRMLApplicationLogic(None)
        application_logic.SetMRMLScene(None)


def _data_io(scene: Any, cache_folder: str) -> Any:
    """Reading .mrb files unpacks them into the cache of the scene's input and output manager."""
    cache, manager, logic = slicer.vtkCacheManager(), slicer.vtkDataIOManager(), slicer.vtkMRMLRemoteIOLogic()
    logic.SetMRMLScene(scene)
    logic.AddDataIOToScene()
    logic.GetCacheManager().SetRemoteCacheDirectory(cache_folder)
    return cache, manager, logic


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """slicer-core has no colour and terminology files: its complaints about them say nothing about a test."""
    warned = slicer.vtkMRMLScene.GetGlobalWarningDisplay()
    slicer.vtkMRMLScene.SetGlobalWarningDisplay(0)
    try:
        yield
    finally:
        slicer.vtkMRMLScene.SetGlobalWarningDisplay(warned)


def _wanted(node: Any) -> bool:
    return node is not None and not node.GetHideFromEditors() and any(node.IsA(kind) for kind in _IN_HIERARCHY)


def _add_item(scene: Any, node: Any) -> None:
    if not _wanted(node) or scene.IsBatchProcessing():
        return
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    if hierarchy is not None and not hierarchy.GetItemByDataNode(node):
        hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)


def _remove_item(scene: Any, node: Any) -> None:
    if not _wanted(node) or scene.IsClosing():
        return
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
    if item:
        hierarchy.RemoveItem(item, False, False)


def _add_all(scene: Any) -> None:
    if scene.IsBatchProcessing() or scene.IsClosing():
        return
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    for node in nodes:
        _add_item(scene, node)
