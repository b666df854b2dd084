"""The site's machinery: one component per module."""
