r"""A small causal language model: blocks of attention and feedforward layers that predict the next token.

Letters: B batch · T time · D width · V vocabulary.

::

    x = E[token] + P[position];   x = x + attention(norm(x));   x = x + mlp(norm(x));   logits = norm(x) Eᵀ

Generating is sequential: token t+1 is chosen from the output at token t. *Prefill* reads the whole prompt in
one go and fills the KV cache; each *decode* step then reads one token per sequence and the cache. Both give
what the model gives without a cache.

Conventions: normalisation before each layer ("pre-norm"), learned absolute positions, GELU, head tied to the
embedding unless asked otherwise. All sequences of a batch have the same length: there is no padding.

>>> import torch
>>> _ = torch.manual_seed(0)
>>> model = CausalLM(vocabulary=10, context=8, width=16, layers=2, heads=2)
>>> prompt = torch.tensor([[1, 2, 3]])
>>> logits, cache = model.prefill(prompt)
>>> logits.shape, cache[0].length
(torch.Size([1, 10]), 3)
>>> torch.equal(model.generate(prompt, 5), model.generate(prompt, 5, cached=False))
True

Sources: Radford et al., "Language models are unsupervised multitask learners" (GPT-2), 2019, section 2.3;
Press & Wolf, "Using the output embedding to improve language models", EACL 2017 (the tied head).
"""

import torch
from torch import Tensor, nn

from seqdocs.models.attention import CausalSelfAttention, KVCache


class Block(nn.Module):
    """Attention mixes positions, then a two-layer network works on each position alone."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = CausalSelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, cache: KVCache | None = None) -> Tensor:
        """(B, T, D) to (B, T, D); the positions of ``x`` follow those in the cache."""
        x = x + self.attention(self.norm1(x), cache)
        x = x + self.mlp(self.norm2(x))
        return x


class CausalLM(nn.Module):
    """A GPT of any size, randomly initialised.

    Args:
        vocabulary: V, number of tokens.
        context: most positions it can read.
        width: D; divisible by ``heads``.
        layers: number of blocks.
        heads: attention heads in a block.
        tied: use the token embedding as output head too.
    """

    def __init__(
        self, *, vocabulary: int, context: int, width: int, layers: int, heads: int, tied: bool = True
    ) -> None:
        super().__init__()
        self.context = context
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token after every position, without a cache: for training.

        Args:
            tokens: integers below V, (B, T), T ≤ context.

        Returns:
            (B, T, V).

        Raises:
            ValueError: if ``tokens`` is not integers of shape (B, T), or longer than the context.
        """
        logits: Tensor = self.head(self._hidden(tokens, None))
        return logits

    @torch.no_grad()
    def prefill(self, tokens: Tensor, capacity: int | None = None) -> tuple[Tensor, list[KVCache]]:
        """Read a prompt in one go.

        Args:
            tokens: (B, T), T ≥ 1.
            capacity: positions to reserve in the cache, prompt included; the whole context if omitted.

        Returns:
            The logits after the last position, (B, V), and the cache, one for each layer.

        Raises:
            ValueError: as :meth:`forward`; also if the prompt is empty or does not fit ``capacity``.
        """
        _check_prompt(tokens)
        capacity = self.context if capacity is None else capacity
        cache = [block.attention.new_cache(len(tokens), capacity) for block in self._blocks()]
        return self._last_logits(tokens, cache), cache

    @torch.no_grad()
    def decode(self, token: Tensor, cache: list[KVCache]) -> Tensor:
        """Read one more token of each sequence.

        Args:
            token: (B,).
            cache: from :meth:`prefill`; grows by one position, in place.

        Returns:
            The logits after it, (B, V).

        Raises:
            ValueError: if ``token`` is not (B,), or the cache is full.
        """
        if token.ndim != 1:
            raise ValueError(
                f"`token` has shape {tuple(token.shape)}; it is (B,), one token for each sequence"
            )
        return self._last_logits(token[:, None], cache)

    @torch.no_grad()
    def generate(self, prompt: Tensor, new_tokens: int, cached: bool = True) -> Tensor:
        """Append the likeliest next token, again and again (greedy decoding).

        Args:
            prompt: (B, T), T ≥ 1.
            new_tokens: how many to append; the last one is not read, so T + new_tokens ≤ context + 1.
            cached: with False every step reads the whole sequence again, the slow reference.

        Returns:
            Prompt and new tokens, (B, T + new_tokens).

        Raises:
            ValueError: as :meth:`prefill`, before anything is generated.
        """
        _check_prompt(prompt)
        T = prompt.shape[1]
        if new_tokens < 0 or T + new_tokens > self.context + 1:
            room = max(0, self.context + 1 - T)
            raise ValueError(
                f"`new_tokens` is {new_tokens}; after a prompt of {T} there is room for {room} at most"
            )
        tokens, cache = prompt, None
        for _ in range(new_tokens):
            if not cached:
                logits = self(tokens)[:, -1]
            elif cache is None:
                logits, cache = self.prefill(tokens, capacity=T + new_tokens - 1)
            else:
                logits = self.decode(tokens[:, -1], cache)
            tokens = torch.cat((tokens, logits.argmax(-1, keepdim=True)), dim=1)
        return tokens

    def _last_logits(self, tokens: Tensor, cache: list[KVCache]) -> Tensor:
        """Only the last position goes through the head: the others' V numbers each would be thrown away."""
        logits: Tensor = self.head(self._hidden(tokens, cache)[:, -1])
        return logits

    def _hidden(self, tokens: Tensor, cache: list[KVCache] | None) -> Tensor:
        if tokens.ndim != 2 or tokens.is_floating_point():
            raise ValueError(
                f"`tokens` is {tokens.dtype} of shape {tuple(tokens.shape)}; it is integers, (B, T)"
            )
        start = cache[0].length if cache else 0
        end = start + tokens.shape[1]
        if end > self.context:
            raise ValueError(f"`tokens` would reach position {end}; the context is {self.context} positions")
        x = self.tokens(tokens) + self.positions.weight[start:end]
        for i, block in enumerate(self._blocks()):
            x = block(x, cache[i] if cache else None)
        normed: Tensor = self.norm(x)
        return normed

    def _blocks(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]  # typed, which ModuleList is not


def _check_prompt(tokens: Tensor) -> None:
    if tokens.ndim != 2 or tokens.shape[1] == 0:
        raise ValueError(f"the prompt has shape {tuple(tokens.shape)}; it is (B, T) with T ≥ 1")
