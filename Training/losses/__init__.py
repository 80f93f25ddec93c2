"""Losses: segmentation, and the terms that tie a student to its teacher."""
