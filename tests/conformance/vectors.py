"""The node test vectors inside the ``onnx`` wheel: one model of one node, its inputs and expected outputs."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Vector:
    """One case: the node's attributes, and its inputs and outputs by the operator's own order.

    What the case leaves out is None, up to the operator's last input.
    """

    attributes: dict[str, Any]
    inputs: list[Tensor | None]
    outputs: dict[int, Tensor]

    def input(self, number: int) -> Tensor | None:
        return self.inputs[number] if number < len(self.inputs) else None

    def given(self, *numbers: int) -> list[Tensor]:
        """Inputs that every case of the operator has."""
        found = [self.inputs[number] for number in numbers]
        assert all(one is not None for one in found)
        return found  # type: ignore[return-value]


def folder() -> Path | None:
    """Where the vectors are, or None without the wheel."""
    spec = importlib.util.find_spec("onnx")
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent / "backend/test/data/node"
    return found if found.is_dir() else None


def names(*operators: str) -> list[str]:
    """Base cases, by the beginnings of their names, without those that are spelled out in other nodes."""
    root = folder()
    found = [path.name.removeprefix("test_") for path in root.iterdir()] if root else []
    return sorted(name for name in found if name.startswith(operators) and "_expanded" not in name)


def load(name: str) -> Vector:
    """Read one case."""
    import onnx
    from onnx import helper, numpy_helper

    root = folder()
    assert root is not None
    where = root / f"test_{name}"
    graph = onnx.load(where / "model.onnx").graph
    (node,) = graph.node

    def read(kind: str, number: int) -> Tensor:
        proto = onnx.TensorProto()
        proto.ParseFromString((where / f"test_data_set_0/{kind}_{number}.pb").read_bytes())
        return torch.from_numpy(numpy_helper.to_array(proto).copy())

    given = {value.name: read("input", n) for n, value in enumerate(graph.input)}
    wanted = {value.name: read("output", n) for n, value in enumerate(graph.output)}
    return Vector(
        {a.name: helper.get_attribute_value(a) for a in node.attribute},
        [given.get(one) for one in node.input],
        {n: wanted[one] for n, one in enumerate(node.output) if one in wanted},
    )
