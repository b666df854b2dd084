"""Engines that really serve: one interface, from one request at a time to continuous batching."""
