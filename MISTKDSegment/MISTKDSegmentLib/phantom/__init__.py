"""The made-up abdomen."""
