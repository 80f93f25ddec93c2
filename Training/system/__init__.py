"""Helpers that know neither images nor networks: words, files, Markdown, ranges, memory, processes."""
