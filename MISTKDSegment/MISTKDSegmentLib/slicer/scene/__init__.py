"""What comes from and goes into the scene: touches slicer and vtk, never qt; for the main thread alone."""
