"""Our detector and the package's own network, given the same weights, hear the same."""

from __future__ import annotations

import re
import warnings
from importlib import metadata

import pytest
import torch

from seqdocs.models.speech_detector import SpeechDetector
from seqdocs.weights import silero
from seqdocs.weights.data_package import WeightsError, data_file
from tests.weights.voice import voice

THEIRS = {  # in the TorchScript network: in ours
    "stft.forward_basis_buffer": "stft_conv.weight",
    **{
        f"encoder.{i}.reparam_conv.{part}": f"conv{i + 1}.{part}"
        for i in range(4)
        for part in ("weight", "bias")
    },
    **{
        f"decoder.rnn.{name}": f"lstm_cell.{name}"
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    },
    **{f"decoder.decoder.2.{part}": f"final_conv.{part}" for part in ("weight", "bias")},
}


@pytest.fixture
def ours() -> SpeechDetector:
    pytest.importorskip("safetensors", reason="the extra `weights` is not installed")
    _package()
    return silero.load_silero()


@pytest.fixture
def theirs() -> torch.jit.ScriptModule:
    """The package's network as it ships it, compiled: none of our code, and no Python of the package."""
    _package()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit.load, which this file needs
        return torch.jit.load(str(data_file("silero-vad", "silero_vad/data/silero_vad.jit"))).eval()


def _package() -> None:
    try:
        metadata.distribution(silero.DISTRIBUTION)
    except metadata.PackageNotFoundError:
        pytest.skip(f"the data package {silero.DISTRIBUTION} is not installed")


def heard(network: torch.jit.ScriptModule, x: torch.Tensor) -> torch.Tensor:
    """Chunk by chunk; the network keeps its own state."""
    network.reset_states()
    with torch.no_grad():
        return torch.cat([network(chunk, 16_000) for chunk in x.split(512, 1)], 1)


@pytest.mark.parametrize("method", ["loop", "hoisted"])
def test_the_packages_network_with_the_packages_weights_hears_the_same(ours, theirs, method):
    own = ours.state_dict()
    theirs._model.load_state_dict({name: own[mine] for name, mine in THEIRS.items()})
    x = voice(2, 60 * 512)
    p, _ = ours(x, method=method)
    assert p.max() > 0.9  # it does hear something,
    assert p.min() < 0.1  # and not always
    torch.testing.assert_close(p, heard(theirs, x), rtol=0, atol=1e-5)


def test_our_network_with_the_weights_of_the_compiled_file_hears_the_same(theirs):
    """The two files of the package hold two trainings; both fit."""
    given = theirs._model.state_dict()
    net = SpeechDetector().requires_grad_(False)
    net.load_state_dict({mine: given[name] for name, mine in THEIRS.items()})
    x = voice(2, 60 * 512)
    torch.testing.assert_close(net(x)[0], heard(theirs, x), rtol=0, atol=1e-5)


def test_the_loaded_front_end_is_a_short_fourier_transform(ours):
    torch.testing.assert_close(ours.stft_conv.weight, SpeechDetector().stft_conv.weight, rtol=0, atol=1e-6)


def test_it_hears_a_voice_and_no_silence(ours):
    assert ours(voice(1, 60 * 512))[0].max() > 0.9
    assert ours(torch.zeros(1, 60 * 512))[0].max() < 0.1


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(silero, "DISTRIBUTION", "no-such-package")
    words = "no-such-package is not installed: pip install --no-deps no-such-package"
    with pytest.raises(WeightsError, match="^" + re.escape(words) + "$"):
        silero.load_silero()
