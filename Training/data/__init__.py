"""Data sets, prepared cases, and the slices that a network learns from."""
