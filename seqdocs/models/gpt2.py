r"""GPT-2's weights in our language model, and ours in GPT-2's: the same numbers under other names.

Letters: D width · V vocabulary.

Hugging Face's ``GPT2LMHeadModel`` keeps its matrices as (inputs, outputs), ours are (outputs, inputs) as in
``torch.nn.Linear``; queries, keys and values stand side by side in both. So every matrix of a block is
transposed on its way, and nothing else changes.

Convention: our GELU is the exact one. A ``GPT2Config`` with ``activation_function="gelu"`` gives the same
logits; the published GPT-2 approximates it by tanh ("gelu_new"), so its logits are close, not the same.

>>> import torch
>>> model = CausalLM(vocabulary=10, context=8, width=16, layers=2, heads=2)
>>> again = load_gpt2(gpt2_weights(model), heads=2)
>>> tokens = torch.tensor([[1, 2, 3]])
>>> torch.equal(model(tokens), again(tokens))
True

Source: Radford et al., "Language models are unsupervised multitask learners" (GPT-2), 2019, section 2.3; the
names are those of https://github.com/huggingface/transformers, models/gpt2.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.language_model import CausalLM

# GPT-2's name: ours. Those of a block stand after "h.<i>." and "blocks.<i>."; the marked ones are transposed.
AROUND = {
    "wte.weight": "tokens.weight",
    "wpe.weight": "positions.weight",
    "ln_f.weight": "norm.weight",
    "ln_f.bias": "norm.bias",
}
BLOCK = {
    "ln_1.weight": "norm1.weight",
    "ln_1.bias": "norm1.bias",
    "attn.c_attn.weight": "attention.in_proj_weight",
    "attn.c_attn.bias": "attention.in_proj_bias",
    "attn.c_proj.weight": "attention.out_proj.weight",
    "attn.c_proj.bias": "attention.out_proj.bias",
    "ln_2.weight": "norm2.weight",
    "ln_2.bias": "norm2.bias",
    "mlp.c_fc.weight": "mlp.0.weight",
    "mlp.c_fc.bias": "mlp.0.bias",
    "mlp.c_proj.weight": "mlp.2.weight",
    "mlp.c_proj.bias": "mlp.2.bias",
}
TRANSPOSED = {name for name in BLOCK if ".c_" in name and name.endswith("weight")}


def gpt2_weights(model: CausalLM) -> dict[str, Tensor]:
    """The parameters of a ``GPT2LMHeadModel`` that computes what ``model`` does.

    Args:
        model: with learned positions, LayerNorm, a tied head, as many heads of keys as of queries, no window.

    Returns:
        Its state dict: copies of the weights, under GPT-2's names.

    Raises:
        ValueError: if ``model`` has parameters that GPT-2 has not, or lacks some.
    """
    ours = model.state_dict()
    wanted = {own for _, own, _ in _names(len(model.blocks))} | {"head.weight"}
    attention = [part for part in model.modules() if isinstance(part, CausalSelfAttention)]
    plain = all(one.heads == one.key_value_heads and one.window is None for one in attention)
    if set(ours) != wanted or not plain or model.head.weight is not model.tokens.weight:
        raise ValueError(
            "`model` is no GPT-2: that has learned positions, LayerNorm, a tied head, as many heads of keys "
            "as of queries, and no window"
        )
    theirs = {
        f"transformer.{name}": (ours[own].mT if turned else ours[own]).clone()
        for name, own, turned in _names(len(model.blocks))
    }
    return theirs | {"lm_head.weight": theirs["transformer.wte.weight"]}


def load_gpt2(state_dict: Mapping[str, Tensor], heads: int) -> CausalLM:
    """A language model with the weights of a ``GPT2LMHeadModel`` or ``GPT2Model``.

    Args:
        state_dict: its parameters, by name; buffers are left out, and so is the head, which is the embedding.
        heads: attention heads in a block, which the shapes do not tell.

    Returns:
        The model; its sizes are those of the weights, its dtype theirs.

    Raises:
        ValueError: if a weight is missing, or ``heads`` does not divide the width.
    """
    theirs = {name.removeprefix("transformer."): weight for name, weight in state_dict.items()}
    numbers = [re.match(r"h\.(\d+)\.", name) for name in theirs]
    layers = 1 + max((int(number[1]) for number in numbers if number), default=-1)
    ours = {}
    for name, own, turned in _names(layers):
        if name not in theirs:
            raise ValueError(f"`state_dict` has no {name!r}; it holds the parameters of a GPT2LMHeadModel")
        ours[own] = theirs[name].mT if turned else theirs[name]
    (vocabulary, width), context = ours["tokens.weight"].shape, len(ours["positions.weight"])
    model = CausalLM(vocabulary=vocabulary, context=context, width=width, layers=layers, heads=heads)
    model = model.to(ours["tokens.weight"].dtype)
    model.load_state_dict(ours | {"head.weight": ours["tokens.weight"]})
    return model


def _names(layers: int) -> list[tuple[str, str, bool]]:
    """Their name, our name and whether one is the other's transpose, of every parameter but the head."""
    blocks = [
        (f"h.{i}.{name}", f"blocks.{i}.{own}", name in TRANSPOSED)
        for i in range(layers)
        for name, own in BLOCK.items()
    ]
    return [(name, own, False) for name, own in AROUND.items()] + blocks
