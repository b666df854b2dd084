"""A series of observations: a column of a table in a file, and batches of "which value comes next?".

Letters: B batch · T time.

Yule's sunspots, for example, lie in the wheel of ``statsmodels`` as ``statsmodels/datasets/sunspots/
sunspots.csv``: the yearly counts since 1700. The file is read as a file; no code of the package runs.

>>> column("YEAR,ACTIVITY\\n1700,5\\n1701,11\\n1702,16\\n", "ACTIVITY").tolist()
[5.0, 11.0, 16.0]

Source: Yule, "On a method of investigating periodicities in disturbed series, with special reference to
Wolfer's sunspot numbers", Philosophical Transactions of the Royal Society A 226, 1927
"""

import csv
import io

import torch
from torch import Tensor

from seqdocs.tasks.batch import Batch, Seed, check_sizes, generator


def column(text: str, name: str) -> Tensor:
    """One column of a table in CSV, as numbers in double precision, (T,).

    Raises:
        ValueError: if there is no such column, or a cell of it is no number.
    """
    rows = csv.DictReader(io.StringIO(text))
    there = rows.fieldnames or []
    if name not in there:
        raise ValueError(f"the table has no column {name!r}; it has {', '.join(there) or 'none'}")
    numbers = []
    for row in rows:
        try:
            numbers.append(float(row[name]))
        except (TypeError, ValueError):
            raise ValueError(f"line {rows.line_num}: {name} is {row[name]!r}; it is a number") from None
    return torch.tensor(numbers, dtype=torch.float64)


def next_value(series: Tensor, batch: int, length: int, seed: Seed) -> Batch:
    """Cut random pieces from a series; the answer to each value is the one after it.

    Args:
        series: (N,), longer than ``length``.
        batch: B.
        length: T, values of a piece.
        seed: a number or a generator.

    Returns:
        Values, (B, T, 1), and answers, (B, T), in the dtype of the series; every step counts.

    Raises:
        ValueError: if a size is too small, or the series too short.
    """
    check_sizes(batch=batch, length=length)
    if series.ndim != 1 or len(series) <= length:
        raise ValueError(
            f"`series` has shape {tuple(series.shape)}; pieces of {length} need (N,) with N > {length}"
        )
    starts = torch.randint(len(series) - length, (batch, 1), generator=generator(seed))
    pieces = series[starts + torch.arange(length + 1)]
    return Batch(pieces[:, :-1, None], pieces[:, 1:], torch.ones(batch, length, dtype=torch.bool))
