"""What a person sees and what a click leads to: the files of this package touch slicer and qt."""
