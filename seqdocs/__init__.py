"""Sequential processing in machine learning: implementations that are tested, measured and explained.

Import from the rooms: ``seqdocs.scan``, ``seqdocs.models.<name>``, ``seqdocs.queues.<name>``,
``seqdocs.bench.<name>``.
This file imports nothing, so that a measurement depends on the modules it reaches and on no others.
"""
