"""The only folder that imports slicer: the scene, and the panel."""
