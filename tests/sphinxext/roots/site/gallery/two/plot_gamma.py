"""
Gamma, drawn
============

Nothing is measured here.
"""

import matplotlib.pyplot as plt
from seqdocs.toy import double

fig, ax = plt.subplots()
ax.bar([1], [double(2)])
fig.seqdocs_alt = "One bar of height four."
