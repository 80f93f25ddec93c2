"""The front door for Python: what `MISTKDSegmentLib` itself exports."""
