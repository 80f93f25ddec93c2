"""Training of the MISTKD teacher and student outside Slicer, ending in a model bundle."""
