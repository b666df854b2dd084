"""Serve one request with a language model, for engines that run requests one by one: tokens as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from seqdocs.models.language_model import CausalLM
from seqdocs.queues.engines.request import Request


def kv_bytes_per_position(model: CausalLM) -> int:
    """Bytes that the keys and values of one position take, in all layers."""
    weight = model.tokens.weight
    attentions = [block.attention for block in model.each_block()]
    width = sum(one.key_value_heads * (weight.shape[1] // one.heads) for one in attentions)
    return 2 * width * weight.element_size()


def decoder(model: CausalLM) -> Callable[[Request], Iterator[int]]:
    """Return a function that continues a prompt greedily, one request at a time.

    Its KV cache is contiguous and as long as the request can become.

    >>> import torch
    >>> from seqdocs.queues.engines.serial import SerialEngine
    >>> _ = torch.manual_seed(0)
    >>> model = CausalLM(vocabulary=10, context=8, width=16, layers=2, heads=2)
    >>> with SerialEngine(decoder(model)) as engine:
    ...     answer = engine.submit(Request((1, 2, 3), max_new_tokens=4)).result()
    >>> answer == model.generate(torch.tensor([[1, 2, 3]]), 4)[0, 3:].tolist()
    True
    """

    def serve(request: Request) -> Iterator[int]:
        device = model.tokens.weight.device
        logits, cache = model.prefill(torch.tensor([request.prompt], device=device), request.positions)
        for generated in range(1, request.max_new_tokens + 1):
            token = logits.argmax(-1)
            yield (last := int(token))
            if request.ends(generated, last):
                break
            logits = model.decode(token, cache)

    return serve
