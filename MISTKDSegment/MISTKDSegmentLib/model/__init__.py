"""The model bundle, its labels, and the models to choose from."""
