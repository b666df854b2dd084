"""Measuring: experiments, their records, comparisons that deserve belief, and the figures drawn from them."""
