"""Queues that no recursion describes, event by event on SimPy (the extra ``simulation``)."""
