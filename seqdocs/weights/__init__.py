"""Real weights, from data packages, in models of this library (the extra ``weights``)."""
