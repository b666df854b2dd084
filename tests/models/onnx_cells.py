"""ONNX's own reference implementation of its recurrent operators, as an oracle."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor


def run_node(operator: str, inputs: dict[str, Tensor | None], **attributes: Any) -> list[Tensor]:
    """Outputs Y (T, 1, B, H) and Y_h (1, B, H) of one node; an empty name is an input left out."""
    onnx = pytest.importorskip("onnx", reason="ONNX's reference implementation is the oracle")
    from onnx.reference import ReferenceEvaluator

    given = {name: value for name, value in inputs.items() if value is not None}
    kinds = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None) for name in given]
    outs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None) for name in ("Y", "Y_h")]
    node = onnx.helper.make_node(operator, list(inputs), ["Y", "Y_h"], **attributes)
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "one", kinds, outs))
    with np.errstate(all="raise"):
        found = ReferenceEvaluator(model).run(None, {name: value.numpy() for name, value in given.items()})
    return [torch.as_tensor(value) for value in found]
