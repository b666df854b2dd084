"""The tiny package."""
