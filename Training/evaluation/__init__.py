"""Quality and cost of a model."""
