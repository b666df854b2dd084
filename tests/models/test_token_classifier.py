"""A classifier of tokens is an embedding, a core with a path past it, and a readout."""

import pytest
import torch
from torch import nn

from seqdocs.models.catalogue import CATALOGUE
from seqdocs.models.gru import GRU
from seqdocs.models.positional import sinusoidal
from seqdocs.models.reservoir import EchoState
from seqdocs.models.token_classifier import TokenClassifier

D, V, C = 8, 5, 3
TOKENS = torch.tensor([[0, 4, 1, 1], [2, 2, 3, 0]])


class Silent(nn.Module):
    """A core that says nothing of its input, and otherwise what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor, say: float = 0.0) -> tuple[torch.Tensor, None]:
        return self.weight * x + say, None


def classifier(core: nn.Module, **options: object) -> TokenClassifier:
    torch.manual_seed(0)
    return TokenClassifier(core, D, vocabulary=V, classes=C, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_model_of_the_catalogue_becomes_a_classifier(name: str) -> None:
    model = CATALOGUE[name]
    assert classifier(model.make(D), options=model.fast)(TOKENS).shape == (2, 4, C)


def test_a_token_passes_a_core_that_says_nothing() -> None:
    net = classifier(Silent())
    torch.testing.assert_close(net(TOKENS), net.readout(net.embedding(TOKENS)))


def test_what_the_core_says_is_added() -> None:
    net = classifier(GRU(D, D))
    x = net.embedding(TOKENS)
    torch.testing.assert_close(net(TOKENS), net.readout(x + net.core(x)[0]))


def test_the_core_is_called_with_the_options() -> None:
    net = classifier(Silent(), options={"say": 2.0})
    torch.testing.assert_close(net(TOKENS), net.readout(net.embedding(TOKENS) + 2.0))


def test_positions_are_added_to_the_tokens() -> None:
    plain, placed = classifier(Silent()), classifier(Silent(), positions=True)
    wanted = plain.readout(plain.embedding(TOKENS) + sinusoidal(4, D))
    torch.testing.assert_close(placed(TOKENS), wanted)
    assert not torch.allclose(placed(TOKENS), plain(TOKENS))


def test_around_a_reservoir_the_readout_alone_is_learned() -> None:
    def learned(net: nn.Module) -> set[str]:
        return {name.partition(".")[0] for name, weight in net.named_parameters() if weight.requires_grad}

    assert learned(classifier(EchoState(D, D))) == {"readout"}
    assert learned(classifier(GRU(D, D))) == {"embedding", "core", "readout"}
