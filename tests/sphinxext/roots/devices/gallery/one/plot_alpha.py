"""
Alpha, drawn
============

On every device.
"""

import toyhelp
from seqdocs.toy import double

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment


@experiment(devices=("cpu", "cuda"))
def timing(device):
    return {"time": double(1)}


@experiment
def memory(device):
    return {"most": double(2)}


with toyhelp.LOG.open("a") as log:
    log.write("alpha\n")

# %%
# Two figures for every device.
for run in timing():
    fig, axes = figures.figure(f"A line up to {run['time']['value']}.", "Time for $x$ steps.", run=run)
    axes.plot([1, 2], [0, run["time"]["value"]])
    fig, axes = figures.figure(f"A bar of height {run['time']['value']}.", "The same as a bar.", run=run)
    axes.bar([1], [run["time"]["value"]])

# %%
# One figure for the only device that has it.
for run in memory():
    fig, axes = figures.figure(f"A bar of height {run['most']['value']}.", "Memory.", run=run)
    axes.bar([1], [run["most"]["value"]])

# %%
# One figure of all devices, and one that is not measured.
runs = timing()
fig, axes = figures.figure("A bar for every device.", "All devices.", run=runs)
axes.bar(range(len(runs)), [run["time"]["value"] for run in runs])
fig, axes = figures.figure("A line.", "A drawing.")
axes.plot([1, 2], [1, 2])
