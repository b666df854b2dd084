"""Closed forms: what a line will do, from rates alone; one module per kind of queue."""
