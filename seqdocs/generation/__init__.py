"""Generation: strategies that choose the next token, over any model with ``prefill`` and ``decode``."""
