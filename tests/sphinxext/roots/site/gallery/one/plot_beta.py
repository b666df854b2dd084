"""
Beta, drawn
===========

Nothing is measured here.
"""

import matplotlib.pyplot as plt
import toyhelp
from seqdocs.toy import double

with toyhelp.LOG.open("a") as log:
    log.write("beta\n")
fig, ax = plt.subplots()
ax.bar([1], [double(2)])
fig.seqdocs_alt = "One bar of height four."
