"""Pictures of the views."""

from __future__ import annotations

import numpy as np

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


def _volume(name="CT"):
    import slicer
    voxels = np.full((20, 30, 30), -1000, np.int16)
    voxels[5:15, 8:22, 8:22] = 60
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=np.diag([-5.0, -5.0, 5.0, 1.0]), name=name)


def test_the_views_show_the_volume_and_the_segmentation(bare, tmp_path):
    import slicer
    from PIL import Image
    node = _volume()
    node.CreateDefaultDisplayNodes()
    labels = slicer.util.addVolumeFromArray((slicer.util.arrayFromVolume(node) > 0).astype(np.uint8), name="L",
                                            ijkToRAS=np.diag([-5.0, -5.0, 5.0, 1.0]),
                                            nodeClassName="vtkMRMLLabelMapVolumeNode")
    segmentation = bare.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.CreateDefaultDisplayNodes()
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labels, segmentation)
    segmentation.GetSegmentation().GetNthSegment(0).SetColor(1, 0, 0)
    segmentation.CreateClosedSurfaceRepresentation()
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    pixels = np.asarray(Image.open(bare.render_views(tmp_path / "views.png")).convert("RGB")).astype(int)
    red = (pixels[..., 0] > 120) & (pixels[..., 0] > pixels[..., 1] + 60)
    half = pixels.shape[0] // 2
    quarters = [red[20:half, :half], red[20:half, half:], red[half + 20:, :half], red[half + 20:, half:]]
    assert all(quarter.sum() > 200 for quarter in quarters)
