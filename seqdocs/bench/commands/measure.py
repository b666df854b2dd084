"""``bench run``: measure what has no record."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from pathlib import Path

from seqdocs.bench.commands.common import NAMES
from seqdocs.bench.runner import Summary, run_all


def add_options(parser: argparse.ArgumentParser) -> None:
    """Names, the device, and where the records go."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=NAMES)
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="only this one; all of this machine if omitted"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="put the records there, such as records/ to commit"
    )
    parser.add_argument("--force", action="store_true", help="measure although there is a record")
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="on the machines of a Ray cluster that runs: host:port, auto, or ray://…",
    )


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Measure, and say how many."""
    measure: Callable[..., Summary] = run_all
    if arguments.ray is not None:
        from seqdocs.bench.cluster import run_on_cluster

        measure = functools.partial(run_on_cluster, arguments.ray)
    summary = measure(
        root, names=arguments.names, device=arguments.device, out=arguments.out, force=arguments.force
    )
    print(summary)
    return summary.status
