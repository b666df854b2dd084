r"""Sequence to sequence: one recurrent net reads a source, another writes a target.

Letters: B batch · S length of the source · T of the target · D width of a token's vector · H hidden ·
V target vocabulary.

::

    h[s] = GRU(x[s], h[s-1])          the encoder; h_S is all that the plain decoder ever gets
    none:      z[t] = GRU(y[t], z[t-1]);                       logits = W z[t]
    additive:  c[t] = read(z[t-1]); z[t] = GRU([y[t]; c[t]], z[t-1]);   logits = W [z[t]; c[t]]
    others:    z[t] = GRU(y[t], z[t-1]); c[t] = read(z[t]);    logits = W tanh(W_c [c[t]; z[t]])

with z[0] = h[S]. Without attention a source of any length must pass through H numbers, the *fixed-vector
bottleneck*. With it, every step of the decoder looks at all of h[1] … h[S] and weighs them.

Bahdanau's decoder looks *before* its step, with the state before, and feeds what it read into the step: each
step waits. Luong's looks *after*, with the state after, so that all steps of a known target are taken first
and look together: ``method="hoisted"``.

Conventions: ``target`` is what the decoder *reads*: the begin token and then the target, one place later
(teacher forcing). Filling of the source is on the right and hidden by ``lengths``. One layer, the encoder
reads in one direction (Bahdanau's reads in both), and the output is a plain product where his has a maxout
layer. Luong's optional input feeding is left out.

>>> import torch
>>> net = Seq2Seq(source_vocabulary=9, target_vocabulary=7, width=4, hidden_size=8, attention="dot")
>>> source, target = torch.randint(9, (2, 5)), torch.randint(7, (2, 3))
>>> logits, weights = net(source, target)
>>> logits.shape, weights.shape
(torch.Size([2, 3, 7]), torch.Size([2, 3, 5]))
>>> net.greedy(source, steps=4, begin=0).shape
torch.Size([2, 4])

Sources: Sutskever, Vinyals & Le, "Sequence to sequence learning with neural networks", NeurIPS 2014,
section 2, https://arxiv.org/abs/1409.3215 (with LSTMs); Bahdanau, Cho & Bengio, ICLR 2015, section 3.1 (the
fixed vector: section 1), https://arxiv.org/abs/1409.0473; Luong, Pham & Manning, EMNLP 2015, section 3,
https://arxiv.org/abs/1508.04025
"""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from seqdocs import checks
from seqdocs.models.additive_attention import AdditiveAttention
from seqdocs.models.gru import GRU
from seqdocs.models.masks import padding
from seqdocs.models.multiplicative_attention import MultiplicativeAttention

Attention = Literal["none", "additive", "dot", "general", "concat"]
SeqMethod = Literal["loop", "hoisted"]


class Source(NamedTuple):
    """What the encoder leaves: its states (B, S, H), which are tokens (B, 1, S), the last one (1, B, H)."""

    states: Tensor
    seen: Tensor
    last: Tensor


class Seq2Seq(nn.Module):
    """Encoder and decoder.

    Args:
        source_vocabulary: tokens of the source.
        target_vocabulary: V.
        width: D.
        hidden_size: H.
        attention: how the decoder looks back: "none", "additive", "dot", "general" or "concat".

    Raises:
        ValueError: if ``attention`` is unknown, or a size is not positive.
    """

    def __init__(
        self,
        *,
        source_vocabulary: int,
        target_vocabulary: int,
        width: int,
        hidden_size: int,
        attention: Attention = "none",
    ) -> None:
        super().__init__()
        if attention not in get_args(Attention):
            raise ValueError(f"`attention` is {attention!r}; it is one of {', '.join(get_args(Attention))}")
        checks.whole(1, source_vocabulary=source_vocabulary, target_vocabulary=target_vocabulary)
        checks.whole(1, width=width, hidden_size=hidden_size)
        H = hidden_size
        self.kind: Attention = attention
        self.source_tokens = nn.Embedding(source_vocabulary, width)
        self.target_tokens = nn.Embedding(target_vocabulary, width)
        self.encoder = GRU(width, H)
        self.decoder = GRU(width + H if attention == "additive" else width, H)
        self.attention: nn.Module | None = None
        self.mixed: nn.Linear | None = None
        if attention == "additive":
            self.attention = AdditiveAttention(H, H, H)
        elif attention != "none":
            self.attention = MultiplicativeAttention(attention, H, H, H if attention == "concat" else None)
            self.mixed = nn.Linear(2 * H, H, bias=False)
        self.output = nn.Linear(2 * H if attention == "additive" else H, target_vocabulary)

    def forward(
        self, source: Tensor, target: Tensor, lengths: Tensor | None = None, method: SeqMethod = "loop"
    ) -> tuple[Tensor, Tensor | None]:
        """Logits of the next target token after each that is read: for training.

        Args:
            source: integers, (B, S).
            target: integers, (B, T): what the decoder reads.
            lengths: tokens of each source, (B,), 0 … S; all S if omitted.
            method: "loop" over the decoder's steps; or "hoisted", all steps, then all looks. Not for
                "additive", whose steps wait for their looks.

        Returns:
            Logits, (B, T, V), and how much each step read of each source token, (B, T, S); None without
            attention.

        Raises:
            ValueError: if shapes or numbers do not fit, or ``method`` is unknown or impossible.
        """
        checks.one_of("method", method, "loop", "hoisted")
        if method == "hoisted" and self.kind == "additive":
            raise ValueError(
                '`method` is "hoisted"; with additive attention each step waits for what it reads'
            )
        checks.tokens("target", target)
        read = self.encode(source, lengths)
        if len(target) != len(source):
            raise ValueError(f"`target` has {len(target)} sequences and `source` {len(source)}; both have B")
        known = checks.looked_up("target", target, self.target_tokens.weight)
        if not target.shape[1]:
            nothing = read.states.new_zeros
            unread = None if self.attention is None else nothing(len(source), 0, source.shape[1])
            return nothing(len(source), 0, self.output.out_features), unread
        if method == "hoisted":
            z, _ = self.decoder(known, read.last, method="hoisted")
            return self._answer(z, read)
        state, steps = read.last, []
        for token in target.unbind(1):
            logits, state, weights = self.step(token, state, read)
            steps.append((logits, weights))
        looked = [weights for _, weights in steps if weights is not None]
        return torch.stack([logits for logits, _ in steps], 1), torch.stack(looked, 1) if looked else None

    def encode(self, source: Tensor, lengths: Tensor | None = None) -> Source:
        """Read the source; arguments as in :meth:`forward`."""
        checks.tokens("source", source)
        B, S = source.shape
        lengths = torch.full((B,), S, device=source.device) if lengths is None else lengths
        if len(lengths) != B:
            raise ValueError(f"`lengths` has {len(lengths)} numbers; there are {B} sequences")
        seen = padding(lengths, S)[:, 0]
        known = checks.looked_up("source", source, self.source_tokens.weight)
        states, last = self.encoder(known, method="hoisted", lengths=lengths)
        return Source(states, seen, last)

    def step(self, token: Tensor, state: Tensor, read: Source) -> tuple[Tensor, Tensor, Tensor | None]:
        """Write one more token.

        Args:
            token: the last one written, or the begin token, (B,).
            state: z before, (1, B, H); at first ``read.last``.
            read: from :meth:`encode`.

        Returns:
            Logits (B, V), z after (1, B, H), and the weights (B, S), None without attention.

        Raises:
            ValueError: if ``token`` is not (B,) integers below V, or ``state`` is none of this model.
        """
        checks.tokens("token", token, "(B,)")
        y = checks.looked_up("token", token, self.target_tokens.weight).unsqueeze(1)
        if self.kind == "additive" and self.attention is not None:
            c, weights = self.attention(state.transpose(0, 1), read.states, read.seen)
            z, state = self.decoder(torch.cat((y, c), -1), state)
            return self.output(torch.cat((z, c), -1))[:, 0], state, weights[:, 0]
        z, state = self.decoder(y, state)
        logits, looked = self._answer(z, read)
        return logits[:, 0], state, None if looked is None else looked[:, 0]

    @torch.no_grad()
    def greedy(self, source: Tensor, steps: int, begin: int, lengths: Tensor | None = None) -> Tensor:
        """Write the likeliest token ``steps`` times, the first one after ``begin``: (B, steps).

        Raises:
            ValueError: if ``begin`` is no token, ``steps`` is negative, or the source does not fit.
        """
        checks.whole(0, steps=steps, begin=begin)
        V = self.target_tokens.num_embeddings
        checks.number("begin", begin, begin < V, f"a token, below {V}")
        read = self.encode(source, lengths)
        token, state = source.new_full((len(source),), begin), read.last
        written = source.new_empty(len(source), steps)
        for t in range(steps):
            logits, state, _ = self.step(token, state, read)
            token = written[:, t] = logits.argmax(-1)
        return written

    def _answer(self, z: Tensor, read: Source) -> tuple[Tensor, Tensor | None]:
        """What is said after the states z, (B, T, H), of a decoder that looks after its steps, or never."""
        if self.attention is None or self.mixed is None:
            return self.output(z), None
        c, weights = self.attention(z, read.states, read.seen)
        return self.output(torch.tanh(self.mixed(torch.cat((c, z), -1)))), weights
