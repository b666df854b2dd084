"""The weights of Silero's speech detector, as the PyPI package ``silero-vad`` carries them.

1.2 MB, under the MIT licence. The package itself is not imported: it would set torch's threads to one.

Source: https://github.com/snakers4/silero-vad
"""

from seqdocs.models.speech_detector import SpeechDetector
from seqdocs.weights.data_package import data_file, read_safetensors

DISTRIBUTION = "silero-vad"
FILE = "silero_vad/data/silero_vad_16k.safetensors"


def load_silero() -> SpeechDetector:
    """The detector with its weights, fp32, on the CPU.

    Raises:
        WeightsError: if ``silero-vad`` or safetensors is not installed.
    """
    net = SpeechDetector()
    net.load_state_dict(read_safetensors(data_file(DISTRIBUTION, FILE)))
    return net.requires_grad_(False)
