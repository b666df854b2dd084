"""Queues: arrivals, closed forms, exact recursions and engines that really serve."""
