"""Renders the slice views and the 3-D view of a real scene with Slicer's own logics and displayable managers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from PIL import Image, ImageDraw
from vtk.util.numpy_support import vtk_to_numpy

VIEW_PX = 420
_COLORS = {"Red": (237, 88, 79), "Green": (109, 176, 76), "Yellow": (237, 214, 76), "3D": (150, 150, 230)}
_SLICE_MANAGERS = ("vtkMRMLSegmentationsDisplayableManager2D", "vtkMRMLMarkupsDisplayableManager")
_THREE_D_MANAGERS = ("vtkMRMLSegmentationsDisplayableManager3D", "vtkMRMLModelDisplayableManager",
                     "vtkMRMLMarkupsDisplayableManager")


def write(scene: Any, layout_manager: Any, application_logic: Any, path: Path) -> Path:
    """Four views in Slicer's arrangement: red and 3-D above, green and yellow below."""
    slices = {name: _slice(layout_manager.sliceWidget(name).sliceLogic(), application_logic)
              for name in ("Red", "Green", "Yellow")}
    slices["3D"] = _three_d(scene, application_logic)
    sheet = Image.new("RGB", (2 * VIEW_PX + 6, 2 * VIEW_PX + 6), "#303030")
    for name, place in (("Red", (0, 0)), ("3D", (1, 0)), ("Green", (0, 1)), ("Yellow", (1, 1))):
        corner = (2 + place[0] * (VIEW_PX + 2), 2 + place[1] * (VIEW_PX + 2))
        sheet.paste(_titled(Image.fromarray(slices[name]), name), corner)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
    return path


def _titled(picture: Image.Image, name: str) -> Image.Image:
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, VIEW_PX, 14), fill=_COLORS[name])
    label = {"Red": "R", "Green": "G", "Yellow": "Y", "3D": "1"}[name]
    draw.text((4, 2), label, fill="black")
    return picture


def _slice(logic: Any, application_logic: Any) -> np.ndarray:
    node = logic.GetSliceNode()
    before = node.GetDimensions()
    node.SetDimensions(VIEW_PX, VIEW_PX, 1)
    logic.ResizeSliceNode(VIEW_PX, VIEW_PX)
    logic.UpdatePipeline()
    renderer = vtk.vtkRenderer()
    connection = logic.GetImageDataConnection()
    if connection is not None:
        renderer.AddViewProp(_picture(connection))
    try:
        return _rendered(renderer, node, _SLICE_MANAGERS, application_logic)
    finally:
        node.SetDimensions(before)


def _picture(connection: Any) -> vtk.vtkActor2D:
    mapper = vtk.vtkImageMapper()
    mapper.SetInputConnection(connection)
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    actor = vtk.vtkActor2D()
    actor.SetMapper(mapper)
    actor.SetLayerNumber(0)
    return actor


def _three_d(scene: Any, application_logic: Any) -> np.ndarray:
    renderer = vtk.vtkRenderer()
    renderer.GradientBackgroundOn()
    renderer.SetBackground(0.756, 0.764, 0.909)
    renderer.SetBackground2(0.454, 0.470, 0.745)
    node = scene.GetFirstNodeByClass("vtkMRMLViewNode")
    if node is None:
        return np.zeros((VIEW_PX, VIEW_PX, 3), dtype=np.uint8)
    return _rendered(renderer, node, _THREE_D_MANAGERS, application_logic, look_from_front=True)


def _rendered(renderer: Any, node: Any, managers: tuple[str, ...], application_logic: Any,
              look_from_front: bool = False) -> np.ndarray:
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetSize(VIEW_PX, VIEW_PX)
    window.SetMultiSamples(0)
    window.AddRenderer(renderer)
    interactor = vtk.vtkGenericRenderWindowInteractor()
    interactor.SetRenderWindow(window)
    group = _managed(renderer, node, managers, application_logic)
    if look_from_front:
        _look_from_front(renderer)
    window.Render()
    picture = _pixels(window)
    group.SetMRMLDisplayableNode(None)
    window.Finalize()
    return picture


def _managed(renderer: Any, node: Any, managers: tuple[str, ...], application_logic: Any) -> Any:
    group = slicer.vtkMRMLDisplayableManagerGroup()
    group.SetRenderer(renderer)
    for name in managers:
        manager = getattr(slicer, name)()
        manager.SetMRMLApplicationLogic(application_logic)
        group.AddDisplayableManager(manager)
    group.SetMRMLDisplayableNode(node)
    return group


def _look_from_front(renderer: Any) -> None:
    camera = renderer.GetActiveCamera()
    camera.SetPosition(0.0, 500.0, 60.0)
    camera.SetFocalPoint(0.0, 0.0, 0.0)
    camera.SetViewUp(0.0, 0.0, 1.0)
    renderer.ResetCamera()
    renderer.ResetCameraScreenSpace(0.85)
    renderer.ResetCameraClippingRange()


def _pixels(window: Any) -> np.ndarray:
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(window)
    grabber.ReadFrontBufferOff()
    grabber.Update()
    image = grabber.GetOutput()
    width, height, _ = image.GetDimensions()
    pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)
    return np.ascontiguousarray(pixels[::-1, :, :3])
