"""Sequence models, one method per file, written to be read."""
