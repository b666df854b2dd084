import pytest
import torch

from seqdocs.queues.engines.decoder import decoder
from seqdocs.queues.engines.request import Request
from tests.queues.engines.test_paged_model import language_model, prompt


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("new", [1, 2, 26])
def test_it_says_what_generate_says_until_the_stop_token(length, new):
    model = language_model()
    asked = prompt(length, 3)
    whole = model.generate(torch.tensor([asked]), new)[0, length:].tolist()
    assert list(decoder(model)(Request(tuple(asked), new))) == whole
    stop = whole[len(whole) // 2]
    stopped = list(decoder(model)(Request(tuple(asked), new, stop)))
    assert stopped == whole[: whole.index(stop) + 1]
