"""DALL-E 2 as a whole: sentence, embedding, picture."""

import pytest
import torch

from lecture_utils.generative.unclip.unclip import UnCLIP
from tests.good_calls.latent_painting import latent, prior

pytestmark = pytest.mark.system("S16.4")
WORDS, TEXT = torch.randn(3, 4, 8), torch.randn(3, 5)


def model():
    torch.manual_seed(0)
    both = UnCLIP(prior(), latent()).eval()
    with torch.no_grad():
        for value in both.decoder.net.parameters():
            value.add_(0.3 * torch.randn(value.shape))
    return both


def test_the_decoder_paints_what_the_prior_draws():
    both = model()
    image = both.prior.sample(WORDS, TEXT, tries=2, seed=4, steps=3, scale=2.0)
    want = both.decoder.sample(image, steps=3, scale=1.5, seed=4)
    got = both(WORDS, TEXT, steps=3, prior_scale=2.0, scale=1.5, seed=4)
    assert torch.equal(got, want) and got.shape == (3, 3, 8, 8)
    other = both(WORDS, TEXT + 1, steps=3, prior_scale=2.0, scale=1.5, seed=4)
    assert float((got - other).abs().max()) > 1e-3, "what is painted depends on the sentence"


def test_variations_share_the_embedding_and_differ_in_noise():
    both = model()
    made = both.variations(TEXT[0], 4, steps=2, seed=1)
    assert torch.equal(made, both.decoder.sample(TEXT[:1].repeat(4, 1), steps=2, scale=3.0, seed=1))
    assert all(not torch.allclose(made[0], one, atol=1e-3) for one in made[1:])
    with pytest.raises(ValueError, match="image: got"):
        both.variations(TEXT, 2)
    with pytest.raises(ValueError, match="count: got 0"):
        both.variations(TEXT[0], 0)
