"""The prior as a diffusion model, where pictures' embeddings given a sentence's are a known Gaussian."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas
from lecture_utils.generative.unclip import prior
from lecture_utils.generative.unclip.decoder import EmbeddingTokens
from lecture_utils.generative.unclip.prior import DiffusionPrior
from lecture_utils.generative.unclip.prior_transformer import PriorTransformer
from tests.mutants import planted

pytestmark = pytest.mark.system("S16.4")
T, DIM, LENGTH, WORDS = 200, 2, 3, 4
TURN = torch.tensor(
    [[0.8, -0.3], [0.4, 0.5]]
)  # a picture's embedding is TURN · text + SHIFT + SPREAD · noise
SHIFT, SPREAD = torch.tensor([0.7, -1.2]), torch.tensor([0.3, 0.6])


class Exact(nn.Module):
    """E[x_0 | x_t, text], in the prior's normalised numbers: what a perfect network would say."""

    def __init__(self, schedule):
        super().__init__()
        self.schedule, self.owner = schedule, []

    def forward(self, x, t, words, text):
        (prior,) = self.owner
        alpha_bar = self.schedule.at(t, x)
        variance = (SPREAD / prior.std).square()
        mean = (text @ TURN.T + SHIFT - prior.mean) / prior.std
        gain = variance * alpha_bar.sqrt() / (alpha_bar * variance + 1 - alpha_bar)
        return mean + gain * (x - alpha_bar.sqrt() * mean)


def pairs(n, seed=0):
    draw = torch.Generator().manual_seed(seed)
    text = torch.randn(n, DIM, generator=draw)
    image = text @ TURN.T + SHIFT + SPREAD * torch.randn(n, DIM, generator=draw)
    return image, torch.zeros(n, LENGTH, WORDS), text


def exact(module=prior, *, drop=0.0, steps=T):
    net = Exact(NoiseSchedule(cosine_betas(steps)))
    model = module.DiffusionPrior(net, net.schedule, dim=DIM, words=WORDS, length=LENGTH, drop=drop)
    net.owner.append(model)
    model.measure(pairs(4000)[0])
    return model


def test_measured_embeddings_have_mean_0_and_deviation_1():
    image, model = pairs(4000)[0], exact()
    normal = model.normalised(image)
    torch.testing.assert_close(normal.mean(0), torch.zeros(DIM), atol=1e-5, rtol=0)
    torch.testing.assert_close(normal.std(0, correction=0), torch.ones(DIM))


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_drawn_embeddings_have_the_mean_and_spread_that_the_sentence_leaves(sampler):
    n = 4000
    text = torch.tensor([[1.0, -0.5]]).expand(n, -1)
    found = exact().draw(torch.zeros(n, LENGTH, WORDS), text, steps=T, sampler=sampler, seed=1)
    want = text[0] @ TURN.T + SHIFT
    assert bool(((found.mean(0) - want).abs() < 4 * SPREAD / n**0.5 + 0.01).all())
    torch.testing.assert_close(found.std(0), SPREAD, rtol=0.06, atol=0)  # 4 / √(2 n) and T steps
    assert abs(float(torch.corrcoef(found.T)[0, 1])) < 0.07


def test_the_loss_of_the_exact_answer_is_the_variance_that_is_left():
    model = exact()
    image, words, text = pairs(20_000, seed=1)
    alpha_bar = model.schedule.alpha_bar[1:, None]
    variance = (SPREAD / model.std).square()
    left = (variance * (1 - alpha_bar) / (alpha_bar * variance + 1 - alpha_bar)).mean()  # over steps
    got = model.loss(image, words, text, torch.Generator().manual_seed(0)).item()
    assert got == pytest.approx(float(left), rel=0.03)
    wrong = float(model.loss(image, words, text + 0.5, torch.Generator().manual_seed(0)))
    assert wrong > 1.1 * got


def network(*, drop=0.1):
    torch.manual_seed(0)
    net = PriorTransformer(DIM, words=WORDS, length=LENGTH, width=16, heads=2, layers=1)
    model = DiffusionPrior(
        net, NoiseSchedule(cosine_betas(T)), dim=DIM, words=WORDS, length=LENGTH, drop=drop
    )
    model.measure(pairs(4000)[0])
    return model


def test_a_transformer_learns_nearly_the_exact_answer():
    """After a second of training it leaves at most a third more than what must be left; untold, far more."""
    model, best = network(drop=0.0), exact()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.0)
    for step in range(200):
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * (1 - step / 200)
        loss = model.loss(*pairs(64, seed=10 + step), torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    image, words, text = pairs(5000, seed=2)
    with torch.no_grad():
        got, least, untold = (
            float(net.loss(image, words, told, torch.Generator().manual_seed(0)))
            for net, told in ((model, text), (best, text), (model, torch.zeros_like(text)))
        )
    assert least * 0.98 < got < least * 4 / 3 < untold


def test_a_share_of_the_sentences_is_dropped():
    seen = []
    model = network(drop=0.25)
    model.net.forward = lambda x, t, words, text: (seen.append(text), x)[1]
    for i in range(20):
        model.loss(*pairs(100, seed=i), torch.Generator().manual_seed(i))
    dropped = (torch.cat(seen) == model.null_text).all(1).float().mean()
    assert float(dropped) == pytest.approx(0.25, abs=4 * (0.19 / 2000) ** 0.5)


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
def test_guidance_mixes_the_answers_with_and_without_the_sentence(scale):
    model = network()
    _, words, text = pairs(3)
    nothing = model.null_words.detach().expand(3, -1, -1), model.null_text.detach().expand(3, -1)
    x = torch.randn(3, DIM, generator=torch.Generator().manual_seed(7))
    t = torch.full((3,), T)
    with torch.no_grad():
        given, without = model(x, t, words, text), model(x, t, *nothing)
    want = (without + scale * (given - without)) * model.std + model.mean
    torch.testing.assert_close(model.draw(words, text, steps=1, scale=scale, seed=7), want)
    assert not torch.allclose(given, without, atol=1e-3)


def test_of_several_draws_the_one_nearest_to_the_sentence_is_kept():
    model = exact()
    _, words, text = pairs(50)
    tried = [model.draw(words, text, steps=5, seed=3 + 1000 * i) for i in range(3)]
    near = torch.stack([F.cosine_similarity(one, text) for one in tried])  # (3, 50)
    kept = model.sample(words, text, tries=3, seed=3, steps=5)
    torch.testing.assert_close((kept * F.normalize(text, dim=1)).sum(1), near.amax(0))
    torch.testing.assert_close(kept.norm(dim=1), torch.ones(50))
    assert len(near.argmax(0).unique()) == 3, "now one, now another is best"


FAULTS = [
    ("(embeddings - self.mean) / self.std", "embeddings - self.mean"),
    ("x * self.std + self.mean", "x"),
    ('schedule, x, times, kind="sample"', 'schedule, x, times, kind="epsilon"'),
    ('x0, t, noise, kind="sample"', 'x0, t, noise, kind="v"'),
    (".sum(-1).argmax(dim=0)", ".sum(-1).argmin(dim=0)"),
]


def red(check, *arguments):
    try:
        check(*arguments)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_diffusion_prior_is_seen(fault, monkeypatch):
    right, wrong = exact, planted(prior.__name__, fault)
    monkeypatch.setitem(globals(), "exact", lambda **more: right(wrong, **more))
    assert any(
        red(*check)
        for check in (
            (test_measured_embeddings_have_mean_0_and_deviation_1,),
            (test_the_loss_of_the_exact_answer_is_the_variance_that_is_left,),
            (test_drawn_embeddings_have_the_mean_and_spread_that_the_sentence_leaves, "ddim"),
            (test_of_several_draws_the_one_nearest_to_the_sentence_is_kept,),
        )
    )


def test_an_embedding_becomes_tokens_by_its_direction_alone():
    torch.manual_seed(0)
    tokens = EmbeddingTokens(5, 6, tokens=4)
    z = torch.randn(2, 5)
    context = tokens(z)
    assert context.shape == (2, 4, 6)
    torch.testing.assert_close(context, tokens(3 * z))
    unit = 5**0.5 * z / z.norm(dim=1, keepdim=True)
    torch.testing.assert_close(context.flatten(1), unit @ tokens.project.weight.T + tokens.project.bias)
    half = tokens(z, torch.tensor([True, False]))
    torch.testing.assert_close(half, torch.stack([tokens.null, context[1]]))
    with pytest.raises(ValueError, match="want a direction"):
        tokens(torch.zeros(1, 5))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda m, w, z: m.draw(w, z[:1]), "text: got"),
        (lambda m, w, z: m.draw(w[:, :2], z), "words: got"),
        (lambda m, w, z: m.draw(w, z, sampler="euler"), "sampler: got"),
        (lambda m, w, z: m.sample(w, z, tries=0), "tries: got 0"),
        (lambda m, w, z: m.measure(z[:1]), "embeddings, N: got 1"),
        (lambda m, w, z: m.told(w, z, torch.ones(3)), "dropped: got"),
    ],
)
def test_bad_calls_of_the_prior_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call(network(), torch.zeros(3, LENGTH, WORDS), torch.ones(3, DIM))
