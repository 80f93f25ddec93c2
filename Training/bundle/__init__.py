"""From a checkpoint to a model bundle."""
