"""Glossary entries: the header's schema, the reader and the checker. Needs neither torch nor Sphinx."""
