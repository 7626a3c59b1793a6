"""The widgets of chapter 13 show what the package computes."""

import pytest
import torch

from lecture_utils.chapters.ch13.widgets import (
    bpe_merges,
    similarity_matrix,
    spectrogram_window,
    word_arithmetic,
    zero_shot_words,
)
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.recipes._clip import build_clip

pytestmark = pytest.mark.system("S13.4")


def said(fig) -> str:
    """All words of a figure."""
    axes = [text.get_text() for ax in fig.axes for text in ax.texts]
    return " | ".join([text.get_text() for text in fig.texts] + axes)


def test_more_merges_fewer_tokens_and_none_is_lost():
    words = Tokenizer.train(["a red ball", "a red star"] * 3, 12)
    none, some = (said(bpe_merges.merged("a red ball", count, words)) for count in (0, 99))
    assert "10 bytes → 10 tokens, 0 merges known" in none
    assert f"{len(words.encode('a red ball'))} tokens" in some
    assert "␣red" in some
    assert "E2 98 83" not in said(bpe_merges.merged("☃", 3, words))  # three tokens, a byte each
    assert "E2" in said(bpe_merges.merged("☃", 3, words))


def test_arithmetic_finds_the_sum_and_leaves_the_words_out():
    vectors = torch.eye(10)[:, :4] + 0.01 * torch.rand(10, 4, generator=torch.Generator().manual_seed(0))
    words = [f"w{i}" for i in range(10)]
    vectors[9] = vectors[0] - vectors[1] + vectors[2]
    found = word_arithmetic.nearest(vectors, words, "w1", "w0", "w2")
    assert found[0][0] == "w9"
    assert not {"w0", "w1", "w2"} & {word for word, _ in found}


def test_a_short_window_parts_the_clicks_and_a_long_one_the_tones():
    from lecture_utils.data.toyworld.sound import RATE
    from lecture_utils.ops.stft import hann, spectrogram

    x = spectrogram_window.sound(spectrogram_window.SOUNDS[0])

    def dips(window_ms: int) -> tuple[float, float]:
        """How deep the power falls between the two clicks, and between the two tones: 1 is not at all."""
        window = hann(round(window_ms * RATE / 1000))
        power = spectrogram(x, window, 16)  # (F, T): a frame each millisecond
        click = power[power.shape[0] // 2 :, 140:175].mean(0)
        tone = power[:, 600]
        middle = round(1500 / RATE * len(window))
        near = tone[
            max(0, middle - round(60 / RATE * len(window))) : middle + round(60 / RATE * len(window)) + 1
        ]
        return float(click[14:18].min() / click.max()), float(tone[middle] / near.max())

    assert dips(8)[0] < 0.1 < dips(64)[0]
    assert dips(64)[1] < 0.1


def test_the_matrix_says_how_many_find_their_caption():
    pairs = similarity_matrix.watched(4)
    assert len(set(zip(pairs.class_id.tolist(), pairs.colour_id.tolist(), strict=True))) == 4
    moments = [similarity_matrix.Snapshot(k, torch.eye(4)) for k in range(6)]
    assert "4 of 4" in said(similarity_matrix.matrix(0, pairs=pairs, snapshots=moments))
    moments[1] = similarity_matrix.Snapshot(1, torch.eye(4)[[1, 0, 2, 3]])
    assert "2 of 4" in said(similarity_matrix.matrix(1, pairs=pairs, snapshots=moments))
    with pytest.raises(ValueError, match="got 3, want 6"):
        similarity_matrix.similarity_matrix(pairs, moments[:3])


def test_a_snapshot_leaves_the_model_in_its_mode():
    clip, pairs = build_clip().train(), similarity_matrix.watched(3)
    kept = similarity_matrix.snapshot(clip, pairs, 0)
    assert clip.training and kept.cosine.shape == (3, 3)
    assert float(kept.cosine.abs().max()) <= 1 + 1e-5


def test_words_that_clip_cannot_read_are_refused_by_their_number():
    clip = build_clip().eval()
    with pytest.raises(ValueError, match="tokens, want"):
        zero_shot_words.found("x" * 100, clip)
    assert "tokens: a  photo" in said(zero_shot_words.found("a photo of a ball", clip))
