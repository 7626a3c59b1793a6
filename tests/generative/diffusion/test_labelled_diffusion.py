"""A labelled diffusion model put together: its loss, its samples, what guidance and labels change."""

import pytest
import torch
from torch import nn

from lecture_utils.generative.diffusion.condition import LabelTokens
from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas
from lecture_utils.generative.diffusion.slim_unet import SlimUNet

pytestmark = pytest.mark.system("S16.2")
DARK_OR_BRIGHT = torch.tensor([0.2, 0.7])
T = 50


class Knowing(nn.Module):
    """The perfect network for pictures of one grey value a label: it reads the value off the tokens."""

    def __init__(self, schedule, kind):
        super().__init__()
        self.schedule, self.kind = schedule, kind

    def forward(self, x, t, context):
        x0 = (2 * context[:, 0, 0] - 1)[:, None, None, None].expand_as(x)
        alpha_bar = self.schedule.at(t, x)
        epsilon = (x - alpha_bar.sqrt() * x0) / (1 - alpha_bar).sqrt()
        v = alpha_bar.sqrt() * epsilon - (1 - alpha_bar).sqrt() * x0
        return {"epsilon": epsilon, "sample": x0, "v": v}[self.kind]


def knowing(kind="v", **more):
    schedule, tokens = NoiseSchedule(cosine_betas(T)), LabelTokens((2,), 3)
    with torch.no_grad():
        tokens.tables[0].weight[:, 0] = DARK_OR_BRIGHT
        tokens.null[0, 0] = 0.45
    return LabelledDiffusion(Knowing(schedule, kind), tokens, schedule, (1, 4, 6), kind=kind, **more)


LABELS = torch.tensor([[0], [1], [1]])


@pytest.mark.parametrize("kind", ["epsilon", "sample", "v"])
@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_the_perfect_network_makes_what_the_label_says(kind, sampler):
    made = knowing(kind).sample(LABELS, sampler=sampler, steps=10)
    want = DARK_OR_BRIGHT[LABELS[:, 0]][:, None, None, None].expand(3, 1, 4, 6)
    torch.testing.assert_close(made, want, atol=2e-3, rtol=0)


def test_guidance_exaggerates_and_zero_forgets_the_label():
    model = knowing("sample")
    means = {w: model.sample(LABELS, scale=w, steps=5).mean((1, 2, 3)) for w in (0.0, 1.0, 1.5)}
    torch.testing.assert_close(means[0.0], torch.full((3,), 0.45))
    torch.testing.assert_close(means[1.5], 1.5 * means[1.0] - 0.5 * means[0.0])


@pytest.mark.parametrize("kind", ["epsilon", "sample", "v"])
def test_the_loss_of_the_perfect_network_is_zero_and_what_is_not_told_costs(kind):
    images = DARK_OR_BRIGHT[LABELS[:, 0]][:, None, None, None].expand(3, 1, 4, 6)
    draw = torch.Generator().manual_seed(0)
    assert knowing(kind, drop=0.0).loss(images, LABELS, draw=draw) < 1e-10
    assert knowing(kind, drop=1.0).loss(images, LABELS, draw=draw) > 1e-3
    assert knowing(kind, drop=0.0).loss(1 - images, LABELS, draw=draw) > 1e-3


def test_a_seed_gives_the_same_pictures_and_every_step_is_kept():
    torch.manual_seed(0)
    net = SlimUNet(1, (8, 16), context=3, heads=2, embedding=16)
    nn.init.normal_(net.leave.weight, std=0.1)
    model = LabelledDiffusion(net, LabelTokens((2,), 3), NoiseSchedule(cosine_betas(T)), (1, 8, 8)).eval()
    kept = []
    a, b, c = (model.sample(LABELS, steps=4, scale=2.0, seed=s, keep=kept) for s in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c) and len(kept) == 12
    assert torch.equal((kept[3] + 1) / 2, a)
    assert model.drop == 0.1  # the share that guidance needs unless another is asked for
    wrong = torch.tensor([[2]]), torch.zeros(3, 1, 8, 9)
    for labels, bad in ((wrong[0], {}), (LABELS, {"noise": wrong[1]}), (LABELS, {"sampler": "x"})):
        with pytest.raises(ValueError, match=r"got .*want"):
            model.sample(labels, **bad)
