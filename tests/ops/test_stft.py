"""The short-time Fourier transform: torch's values and gradients, the way back, its conditions."""

import itertools
import math

import pytest
import torch

from lecture_utils.ops import stft as own
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.3")

WINDOWS = {
    "hann 64": own.hann(64).double(),
    "hann 63": own.hann(63).double(),
    "hamming 40": torch.hamming_window(40, dtype=torch.float64),
    "lopsided 32": torch.linspace(0.1, 1.0, 32, dtype=torch.float64),
}
SETTINGS = list(itertools.product(WINDOWS, (1, 7, 16), (True, False)))


def sound(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def theirs(x: torch.Tensor, window: torch.Tensor, hop: int, centre: bool = True) -> torch.Tensor:
    return torch.stft(x, len(window), hop, window=window, center=centre, return_complex=True)


@pytest.mark.parametrize(("name", "hop", "centre"), SETTINGS)
@pytest.mark.parametrize("length", [211, 128])
def test_values_and_gradients_are_those_of_torch(name, hop, centre, length):
    window = WINDOWS[name]
    x, y = (sound(2, length).requires_grad_() for _ in range(2))
    ours, want = own.stft(x, window, hop, centre=centre), theirs(y, window, hop, centre)
    torch.testing.assert_close(ours, want, rtol=0, atol=1e-11)
    weights = sound(*want.shape, seed=1)
    (ours.real * weights + ours.imag.square()).sum().backward()
    (want.real * weights + want.imag.square()).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("name", "hop"), [(name, hop) for name in WINDOWS for hop in (1, 7, 16)])
def test_the_way_back_is_that_of_torch_also_for_what_is_no_transform(name, hop):
    window = WINDOWS[name]
    spectrum = torch.complex(sound(3, len(window) // 2 + 1, 9), sound(3, len(window) // 2 + 1, 9, seed=2))
    spectrum[:, 0].imag.zero_()
    spectrum[:, -1].imag.zero_()
    want = torch.istft(spectrum, len(window), hop, window=window)
    torch.testing.assert_close(own.istft(spectrum, window, hop), want, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize(("length", "hop"), [(200, 16), (211, 7), (33, 5), (40, 1)])
@pytest.mark.parametrize("pad", ["reflect", "constant"])
def test_there_and_back_is_the_same_sound(name, length, hop, pad):
    window, x = WINDOWS[name], sound(2, 3, length)
    again = own.istft(own.stft(x, window, hop, pad=pad), window, hop, length=length)
    torch.testing.assert_close(again, x, rtol=0, atol=1e-10)


def test_without_an_axis_for_the_batch_and_in_single_precision():
    x, window = sound(300).float(), own.hann(64)
    assert own.stft(x, window, 16).shape == (33, 19)
    torch.testing.assert_close(own.istft(own.stft(x, window, 16), window, 16, length=300), x)


@pytest.mark.parametrize("length", [1, 2, 7, 16, 400])
def test_the_matrix_is_the_transform(length):
    x = sound(3, length).float()
    want = torch.fft.rfft(x)
    torch.testing.assert_close(
        x.to(torch.complex64) @ own.dft_matrix(length).T, want, rtol=1e-5, atol=1e-5 * math.sqrt(length)
    )


@pytest.mark.parametrize("length", [2, 9, 64])
def test_hann_is_torchs_and_sums_to_1(length):
    torch.testing.assert_close(own.hann(length), torch.hann_window(length))
    if length % 2 == 0:
        torch.testing.assert_close(own.hann(length) + own.hann(length).roll(length // 2), torch.ones(length))


@pytest.mark.parametrize(
    "fault",
    [
        ("rfft(window * cut)", "rfft(cut)"),
        ("ends = (length // 2, length // 2)", "ends = (length // 2 - 1, length // 2 + 1)"),
        ("mode=pad)", "mode='replicate')"),
        ("rfft(window * cut)", "rfft(window.flip(0) * cut)"),
    ],
)
def test_a_fault_on_the_way_there_is_seen(fault):
    window = WINDOWS["lopsided 32"]
    x = sound(2, 128)
    assert (
        planted("lecture_utils.ops.stft", fault).stft(x, window, 16) - theirs(x, window, 16)
    ).abs().max() > 0.01


@pytest.mark.parametrize(
    "fault",
    [
        ("irfft(spectrum.mT, size) * window", "irfft(spectrum.mT, size)"),
        ("window.square().expand", "window.expand"),
        ("return total / weight", "return total"),
        ("total[..., first : first + most]", "total[..., first - 1 : first + most - 1]"),
    ],
)
def test_a_fault_on_the_way_back_is_seen(fault):
    window, x = WINDOWS["lopsided 32"], sound(2, 160)
    again = planted("lecture_utils.ops.stft", fault).istft(own.stft(x, window, 8), window, 8)
    assert (again - x[:, : again.shape[1]]).abs().max() > 0.01


def test_a_tone_stands_in_its_own_bin():
    rate, hertz = 16_000, 1_000
    x = torch.sin(2 * math.pi * hertz * torch.arange(rate) / rate)
    loudest = own.spectrogram(x, own.hann(400), 160).mean(dim=1).argmax()
    assert loudest * rate / 400 == hertz


def test_the_nearest_sound_of_an_altered_spectrum():
    """Equation 6 is a least-squares solution: no other sound has a nearer transform."""
    window, hop = own.hann(16).double(), 4
    x = sound(60)
    target = own.stft(x, window, hop, pad="constant") * torch.rand(9, 16, generator=torch.manual_seed(0))
    best = own.istft(target, window, hop, length=60)

    def distance(y: torch.Tensor) -> float:
        both = torch.full((9,), 2.0)
        both[[0, -1]] = 1.0  # the frequencies between stand for two
        gap = (own.stft(y, window, hop, pad="constant") - target).abs().square()
        return float((both[:, None] * gap).sum())

    least = distance(best)
    for seed in range(5):
        assert distance(best + 1e-3 * sound(60, seed=seed)) > least


def test_no_window_over_a_sample_is_refused():
    window = own.hann(16)
    with pytest.raises(ValueError, match="NOLA"):
        own.istft(own.stft(torch.randn(200), window, 20), window, 20)
    with pytest.raises(ValueError, match="sample 0 under no window"):
        own.istft(own.stft(torch.randn(200), window, 4, centre=False), window, 4, centre=False)


def test_decibels():
    power = torch.tensor([1.0, 100.0, 0.0, 1e-4])
    torch.testing.assert_close(own.decibels(power), torch.tensor([0.0, 20.0, -100.0, -40.0]))
    torch.testing.assert_close(own.decibels(power, 100.0, depth_db=30.0), torch.tensor([-20.0, 0, -30, -30]))


def test_resolution_of_a_gaussian_is_gabors_least_and_others_are_above():
    least = 1000 / (4 * math.pi)
    n = torch.arange(2001, dtype=torch.float64) - 1000
    gauss = own.resolution(torch.exp(-0.25 * (n / 100) ** 2), 8_000)
    assert gauss.milliseconds == pytest.approx(100 / 8, rel=1e-6)
    assert gauss.milliseconds * gauss.hertz == pytest.approx(least, rel=1e-6)
    for length in (64, 400, 1024):
        hann = own.resolution(own.hann(length), 16_000)
        assert least < hann.milliseconds * hann.hertz < 1.1 * least
        assert hann.milliseconds == pytest.approx(0.1414 * length / 16, rel=0.01)  # σ_t = 0.1414 N


def test_two_tones_part_as_the_window_grows():
    """A Hann window's main lobe is 4 bins wide: tones 100 Hz apart part at N > 4 rate / 100."""
    rate = 8_000
    time = torch.arange(4 * rate, dtype=torch.float64) / rate
    x = torch.sin(2 * math.pi * 1000 * time) + torch.sin(2 * math.pi * 1100 * time)

    def dip(length: int) -> float:
        wide = torch.nn.functional.pad(own.hann(length).double(), (0, 8000 - length))
        mean = own.spectrogram(x, wide, 997, centre=False).mean(dim=1)
        return float(mean[1050] / mean[[1000, 1100]].mean())

    assert dip(480) < 0.01
    assert dip(120) > 0.5


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: own.stft(torch.randn(20), own.hann(64), 16), "got 20 samples, want 33 or more"),
        (lambda: own.stft(torch.randn(200), own.hann(64).double(), 16), "the type of x"),
        (lambda: own.stft(torch.randn(200), torch.zeros(64), 16), "zeros alone"),
        (lambda: own.stft(torch.randn(200) / 0, own.hann(64), 16), "NaN or infinite"),
        (lambda: own.stft(torch.arange(200), own.hann(64), 16), "want floating point"),
        (lambda: own.stft(torch.randn(200), own.hann(64), 0), "hop"),
        (lambda: own.istft(torch.randn(33, 5), own.hann(64), 16), "want complex"),
        (lambda: own.istft(torch.randn(32, 5) + 0j, own.hann(64), 16), r"want complex \(…, 33, T\)"),
        (lambda: own.istft(torch.randn(33, 5) + 0j, own.hann(64), 16, length=500), "which 5 frames cover"),
        (lambda: own.decibels(torch.tensor([-1.0])), "want 0 or more"),
    ],
)
def test_what_does_not_fit_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        bad()


def test_the_gradient_of_the_way_back():
    window = own.hann(8).double()
    x = sound(24).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda s: own.istft(own.stft(s, window, 2) * 0.5j, window, 2, length=24), (x,)
    )
