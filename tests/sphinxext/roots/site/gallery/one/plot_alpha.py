"""
Alpha, drawn
============

See :term:`Beta`.
"""

import matplotlib.pyplot as plt
import toyhelp
from seqdocs.toy import double

from seqdocs.bench.experiment import experiment


@experiment
def timing(device):
    return {"time": double(1)}


# %%
# The figure.
with toyhelp.LOG.open("a") as log:
    log.write("alpha\n")
runs = timing()
fig, ax = plt.subplots(layout="constrained")
ax.plot([1, 2], [runs[0]["time"]["value"], 2.0], color="black")
ax.set(xlabel="step", ylabel="time (s)")
fig.seqdocs_alt = "A line that rises from the measured time to two seconds."
fig.seqdocs_caption = "Time for $x$ steps."
