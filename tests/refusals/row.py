"""A row of the tables of bad input: what is called, how, and the sentence that it answers."""

from collections.abc import Callable
from typing import Any

import torch

Row = tuple[Any, Callable[[], object], str]
META = torch.device("meta")  # a device without memory, which every machine has
AWAY = "`x` is on meta but the parameters are on cpu; move one of them"
