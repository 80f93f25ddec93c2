"""Scans in, results out: the files that people have and want."""
