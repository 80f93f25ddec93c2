"""The one way from a volume to its labels."""
