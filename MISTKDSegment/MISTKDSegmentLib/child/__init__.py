"""The process that Slicer starts, and what passes between the two."""
