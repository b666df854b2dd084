r"""A small causal language model: blocks of attention and feedforward layers that predict the next token.

Letters: B batch · T time · D width · V vocabulary.

::

    x = E[token] + P[position];   x = x + attention(norm(x));   x = x + mlp(norm(x));   logits = norm(x) Eᵀ

Generating is sequential: token t+1 is chosen from the output at token t. *Prefill* reads the whole prompt in
one go and fills the KV cache; each *decode* step then reads one token per sequence and the cache. Both give
what the model gives without a cache.

Conventions: normalisation before each layer ("pre-norm"), GELU, head tied to the embedding unless asked
otherwise. Unless asked otherwise, too: LayerNorm, learned absolute positions, as many heads of keys as of
queries, no window. Prompts of different lengths are filled up on the *left*, so that all end side by side.

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

from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from seqdocs import checks
from seqdocs.models import language_model_lean as lean
from seqdocs.models.attention import CausalSelfAttention, Distance
from seqdocs.models.kv_cache import Cache
from seqdocs.models.normalisation import LayerNorm, RMSNorm
from seqdocs.models.positional import LearnedPositions, SinusoidalPositions

Positions = Literal["learned", "sinusoidal", "rotary", "alibi", "none"]
Norm = Literal["layer", "rms"]
Method = Literal["blocks", "lean"]
NORMS: dict[Norm, type[LayerNorm | RMSNorm]] = {"layer": LayerNorm, "rms": RMSNorm}
IN_ATTENTION: dict[Positions, Distance] = {"rotary": "rotary", "alibi": "alibi"}  # the others are added


class Block(nn.Module):
    """Attention mixes positions, then a two-layer network works on each position alone."""

    def __init__(self, width: int, attention: CausalSelfAttention, norm: type[LayerNorm | RMSNorm]) -> None:
        super().__init__()
        self.norm1 = norm(width)
        self.attention = attention
        self.norm2 = norm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """(B, T, D) to (B, T, D); the positions of ``x`` follow those in the cache."""
        x = x + self.attention(self.norm1(x), cache)
        x = x + self.mlp(self.norm2(x))
        return x


class CausalLM(nn.Module):
    """A GPT of any size, randomly initialised.

    Args:
        vocabulary: V, number of tokens.
        context: most positions it can read. Only "learned" positions have parameters for each.
        width: D; divisible by ``heads``.
        layers: number of blocks.
        heads: attention heads in a block.
        tied: use the token embedding as output head too.
        positions: "learned" or "sinusoidal", added to the tokens; "rotary" or "alibi", in attention; "none".
        norm: "layer" or "rms".
        key_value_heads: heads of keys and values; as many as ``heads`` if omitted.
        window: how many positions a position sees in one block; all before it if omitted.

    Raises:
        ValueError: if a size is not positive, numbers of heads do not divide, or ``positions`` or ``norm`` is
            unknown.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        context: int,
        width: int,
        layers: int,
        heads: int,
        tied: bool = True,
        positions: Positions = "learned",
        norm: Norm = "layer",
        key_value_heads: int | None = None,
        window: int | None = None,
    ) -> None:
        super().__init__()
        _check_options(positions, norm)
        checks.whole(1, vocabulary=vocabulary, context=context, width=width, layers=layers)
        make_norm, distance = NORMS[norm], IN_ATTENTION.get(positions, "none")
        self.context = context
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions: nn.Module | None = None
        if positions == "learned":
            self.positions = LearnedPositions(context, width)
        elif positions == "sinusoidal":
            self.positions = SinusoidalPositions()
        reader = partial(CausalSelfAttention, width, heads, key_value_heads, distance=distance, window=window)
        self.blocks = nn.ModuleList(Block(width, reader(), make_norm) for _ in range(layers))
        self.norm = make_norm(width)
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
            ValueError: if ``tokens`` is not integers of shape (B, T) below V, or longer than the context.
        """
        logits: Tensor = self.head(self._hidden(tokens, None))
        return logits

    @torch.no_grad()
    def prefill(
        self,
        tokens: Tensor,
        capacity: int | None = None,
        lengths: Tensor | None = None,
        method: Method = "lean",
    ) -> tuple[Tensor, list[Cache]]:
        """Read a prompt in one go.

        Args:
            tokens: (B, T), T ≥ 1.
            capacity: positions to reserve in the cache, prompt included; the whole context if omitted.
            lengths: if the prompts differ in length, (B,), 1 … T: the *last* ``lengths[b]`` tokens of row b
                are its prompt, and what fills it up on the left is not read; all T if omitted.
            method: "blocks", module after module; or "lean", the same without detours where that can be done
                (:mod:`seqdocs.models.language_model_lean`).

        Returns:
            The logits after the last position, (B, V), and the cache, one for each layer.

        Raises:
            ValueError: as :meth:`forward`; also if a prompt is empty or does not fit ``capacity``, or
                ``method`` is unknown.
        """
        checks.one_of("method", method, *get_args(Method))
        _check_prompt(tokens, lengths)
        capacity = self.context if capacity is None else capacity
        cache = self.new_cache(len(tokens), capacity)
        if lengths is not None:
            for layer in cache:
                layer.filler = tokens.shape[1] - lengths
        if method == "lean" and lean.fits(self, tokens, cache):
            return lean.Reader(self, cache).prefill(tokens), cache
        return self._last_logits(tokens, cache), cache

    @torch.no_grad()
    def decode(self, token: Tensor, cache: list[Cache], method: Method = "lean") -> Tensor:
        """Read one more token of each sequence.

        Args:
            token: (B,).
            cache: from :meth:`prefill`; grows by one position, in place.
            method: as in :meth:`prefill`.

        Returns:
            The logits after it, (B, V).

        Raises:
            ValueError: if ``token`` is not (B,) integers below V, the cache is full or another model's, or
                ``method`` is unknown.
        """
        checks.one_of("method", method, *get_args(Method))
        checks.tokens("token", token, "(B,)")
        if len(cache) != len(self.blocks):
            raise ValueError(f"`cache` holds {len(cache)} layers; the model has {len(self.blocks)}")
        if method == "lean" and lean.fits(self, token, cache):
            return lean.Reader(self, cache).decode(token)
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
        checks.whole(0, new_tokens=new_tokens)
        if T + new_tokens > self.context + 1:
            room = max(0, self.context + 1 - T)
            raise ValueError(
                f"`new_tokens` is {new_tokens}; after a prompt of {T} there is room for {room} at most"
            )
        tokens = torch.cat((prompt, prompt.new_empty(len(prompt), new_tokens)), dim=1)
        if cached and new_tokens:
            first, later = self._reader(prompt, self.new_cache(len(prompt), T + new_tokens - 1))
        for end in range(T, T + new_tokens):
            if not cached:
                logits = self(tokens[:, :end])[:, -1]
            else:
                logits = first(prompt) if end == T else later(tokens[:, end - 1])
            tokens[:, end] = logits.argmax(-1)
        return tokens

    def _reader(self, prompt: Tensor, cache: list[Cache]) -> tuple[lean.Map, lean.Map]:
        """How to read a prompt and then token after token: leanly, where that can be done."""
        if lean.fits(self, prompt, cache):
            reader = lean.Reader(self, cache)
            return reader.prefill, reader.decode
        return partial(self._last_logits, cache=cache), partial(self.decode, cache=cache)

    def new_cache(self, B: int, capacity: int) -> list[Cache]:
        """Empty caches for B sequences of ``capacity`` positions, one for each layer."""
        return [block.attention.new_cache(B, capacity) for block in self.each_block()]

    def _last_logits(self, tokens: Tensor, cache: list[Cache]) -> Tensor:
        """Only the last position goes through the head: the others' V numbers each would be thrown away."""
        logits: Tensor = self.head(self._hidden(tokens, cache)[:, -1])
        return logits

    def _hidden(self, tokens: Tensor, cache: list[Cache] | None) -> Tensor:
        checks.tokens("tokens", tokens)
        start = cache[0].length if cache else 0
        end = start + tokens.shape[1]
        if end > self.context:
            raise ValueError(f"`tokens` would reach position {end}; the context is {self.context} positions")
        x = checks.looked_up("tokens", tokens, self.tokens.weight)
        if self.positions is not None:
            x = self.positions(x, start, cache[0].filler if cache else None)
        for i, block in enumerate(self.each_block()):
            x = block(x, cache[i] if cache else None)
        normed: Tensor = self.norm(x)
        return normed

    def each_block(self) -> list[Block]:
        """The blocks, from the first on."""
        return [block for block in self.blocks if isinstance(block, Block)]  # typed, which ModuleList is not


def _check_prompt(tokens: Tensor, lengths: Tensor | None = None) -> None:
    if tokens.ndim != 2 or tokens.shape[1] == 0:
        raise ValueError(f"the prompt has shape {tuple(tokens.shape)}; it is (B, T) with T ≥ 1")
    if lengths is None:
        return
    B, T = tokens.shape
    if lengths.shape != (B,) or lengths.is_floating_point():
        got = f"{lengths.dtype} of shape {tuple(lengths.shape)}"
        raise ValueError(f"`lengths` is {got}; it is integers, (B,) = ({B},)")
    if B and not 1 <= int(lengths.min()) <= int(lengths.max()) <= T:
        got = f"from {int(lengths.min())} to {int(lengths.max())}"
        raise ValueError(f"`lengths` reaches {got}; a prompt has 1 to {T} tokens")


def _check_options(positions: str, norm: str) -> None:
    for name, got, known in (("positions", positions, get_args(Positions)), ("norm", norm, get_args(Norm))):
        if got not in known:
            raise ValueError(f"`{name}` is {got!r}; it is one of {', '.join(known)}")
