"""Synthetic tasks and small corpora: pure functions of a seed. No model is known here."""
