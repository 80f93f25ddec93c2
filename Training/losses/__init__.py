"""What is minimised: the segmentation loss, and the terms that tie a student to its teacher."""
