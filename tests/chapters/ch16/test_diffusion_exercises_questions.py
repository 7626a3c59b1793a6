"""Chapter 16: what the prediction questions say is so, where no record of a claim or of weights says it."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lecture_utils import zoo
from lecture_utils.chapters.ch16 import denoising_study, solutions, steps_study, unclip_study
from lecture_utils.data import digits
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT
from lecture_utils.exercises.questions import questions
from lecture_utils.generative.diffusion.labelled import LabelledDiffusion
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.diffusion.prediction import to_sample
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas, linear_betas
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.recipes._judged import digit_fidelity, digits_named, judged
from lecture_utils.recipes._latent_diffusion import ids_of

LINEAR, COSINE = NoiseSchedule(linear_betas()), NoiseSchedule(cosine_betas())
RING = "a photo of a red ring on grass"


def writer() -> LabelledDiffusion:
    """The network that writes digits."""
    model = zoo.load("digits_ddpm")
    assert isinstance(model, LabelledDiffusion)
    return model


def painter() -> LatentDiffusion:
    """The network that paints sentences."""
    model = zoo.load("shapes_latent_diffusion")
    assert isinstance(model, LatentDiffusion)
    return model


def test_each_question_has_four_options() -> None:
    asked_of = {id: q for id, q in questions().items() if id.startswith("16.")}
    assert list(asked_of) == [f"16.{number}" for number in range(1, 21)]
    assert all(len(question["answers"]) == 4 for question in asked_of.values())


def test_question_1_without_shrinking_the_noise_is_more_than_three_times_as_wide() -> None:
    assert 10 < float(LINEAR.beta.sum()) < 10.1
    assert float(LINEAR.beta.sum()) ** 0.5 > 3


def test_question_2_two_steps_are_one_in_distribution() -> None:
    beta = LINEAR.beta[1:501]
    kept, variance = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for b in beta:
        kept, variance = kept * (1 - b).sqrt(), (1 - b) * variance + b
    assert float(kept) == pytest.approx(float(LINEAR.alpha_bar[500].sqrt()))
    assert float(variance) == pytest.approx(1 - float(LINEAR.alpha_bar[500]))


def test_question_3_what_is_left_half_way_and_later() -> None:
    assert float(LINEAR.alpha_bar[500]) == pytest.approx(0.08, abs=0.005)
    assert float(COSINE.alpha_bar[500]) == pytest.approx(0.5, abs=0.02)
    assert 0.002 < float(LINEAR.alpha_bar[750]) < 0.005


@torch.no_grad()
def first_belief(digit: int | None) -> Tensor:
    """The clean picture (16, 1, 16, 16) that the network believes in, shown 16 pure noises."""
    model, t = writer(), torch.full((16,), 1000)
    noise = torch.randn(16, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    labels = torch.full((16, 1), 0 if digit is None else digit)
    dropped = torch.full((16,), digit is None)
    context = model.condition(labels, dropped=dropped)
    return to_sample(model.schedule, model.net(noise, t, context), noise, t, kind=model.kind)


def test_questions_4_and_5_the_first_belief_is_a_mean_of_all_or_of_all_threes() -> None:
    images, labels = digits.load(16, "train")
    images = 2 * images - 1
    for digit, some in ((None, images), (3, images[labels == 3])):
        off = (first_belief(digit) - some.mean(0)).square().mean()
        spread = (some - some.mean(0)).square().mean()  # of single digits about their mean
        assert float(off) < 0.15 * float(spread), digit
    apart = (images[:500] - images[500:1000]).square().mean()
    assert float(apart) == pytest.approx(2 * float((images - images.mean(0)).square().mean()), rel=0.1)


@torch.no_grad()
def test_question_6_ddim_gives_one_digit_whatever_the_steps_and_ddpm_does_not() -> None:
    model, asked = writer(), torch.arange(10)[:, None]

    def apart(sampler: str) -> float:
        a, b = (model.sample(asked, steps=n, sampler=sampler, seed=0) for n in (20, 50))
        return float((a - b).square().mean())

    assert apart("ddim") < 0.2 * apart("ddpm")


def test_question_7_with_five_steps_the_large_variance_is_farthest_and_the_others_can_be_read() -> None:
    """On the notebook's digits, walked as there."""
    made = denoising_study.sheets((5,), steps_study.SAMPLERS, n=200, spacing="leading")
    ddim, small, large = (made[how, 5] for how in steps_study.SAMPLERS)
    assert large[1] > 1.1 * ddim[1] and large[1] > 1.1 * small[1]
    edge = [float(images[..., :2].std()) for images, _ in (ddim, small, large)]
    assert edge[2] > 2 * max(edge[:2]), "noise where no pen was"
    for images, _ in (ddim, small):
        assert float((digits_named(images) == torch.arange(10).repeat(20)).float().mean()) > 0.85


def test_question_8_the_velocity_at_both_ends() -> None:
    x0, noise = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(solutions.Rotation.velocity(x0, noise, torch.tensor(1.0)), noise)
    torch.testing.assert_close(solutions.Rotation.velocity(x0, noise, torch.tensor(0.0)), -x0)


@torch.no_grad()
def test_question_9_without_a_wish_any_digit_and_a_loud_wish_makes_them_alike() -> None:
    model, asked = writer(), torch.full((60, 1), 3)
    made = {w: model.sample(asked, steps=10, scale=float(w), seed=2).clamp(0, 1) for w in (0, 1, 8)}
    right = {w: float((digits_named(x) == 3).float().mean()) for w, x in made.items()}
    assert right[0] < 0.4 and right[1] > 0.85 and right[8] > 0.95
    assert float(made[8].std(0).mean()) < float(made[1].std(0).mean())


class Early(nn.Module):
    """A network that is told the step before."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """Of x_t, told t - 1."""
        return self.net(x, t - 1, context)


@torch.no_grad()
def test_question_10_of_four_faults_one_shows_nothing() -> None:
    fine, asked = writer(), torch.arange(10).repeat(10)
    faulty = {name: copy.copy(fine) for name in ("linear", "epsilon", "sample", "early")}
    faulty["linear"].schedule = LINEAR
    faulty["epsilon"].kind, faulty["sample"].kind = "epsilon", "sample"
    modules = dict(fine._modules)
    faulty["early"]._modules = modules | {"net": Early(fine.net)}
    found, right = {}, {}
    for name, model in (faulty | {"fine": fine}).items():
        made = model.sample(asked[:, None], steps=20, seed=1).clamp(0, 1)
        found[name] = digit_fidelity(made)["frechet_digits"]
        right[name] = float((digits_named(made) == asked).float().mean())
    assert found["early"] == pytest.approx(found["fine"], rel=0.05)
    assert right["early"] == pytest.approx(right["fine"], abs=0.02)
    assert all(found[name] > 2 * found["fine"] for name in ("linear", "epsilon", "sample"))
    assert 0.7 < right["linear"] < 0.9 and 0.7 < right["epsilon"] < 0.9 and right["sample"] < 0.3


def test_question_11_the_price_of_a_call_goes_by_the_places() -> None:
    def operations(channels: int, side: int) -> int:
        net = SlimUNet(channels, (64, 72), fold=1, context=64, attention=2, embedding=96)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(torch.zeros(1, channels, side, side), torch.tensor([500]), torch.zeros(1, 17, 64))
        return counter.get_total_flops()

    assert operations(3, 32) / operations(4, 8) == pytest.approx(20, rel=0.1)


@torch.no_grad()
def test_question_12_a_half_of_a_code_is_a_half_of_the_picture() -> None:
    coder, image = painter().autoencoder, captioned(12, seed=1, split="test").image
    code = coder.encode(image)[0]
    made = coder.decode(torch.cat([code[:6, :, :, :4], code[6:, :, :, 4:]], dim=-1))
    off = (made - image[:6]).square().mean((0, 1, 2)), (made - image[6:]).square().mean((0, 1, 2))
    assert float(off[0][:11].mean()) < 0.1 * float(off[0][21:].mean())
    assert float(off[1][21:].mean()) < 0.1 * float(off[1][:11].mean())


def test_question_13_a_code_of_deviation_5_5_is_drowned_far_later() -> None:
    kept = COSINE.alpha_bar
    ratio = kept / (1 - kept)
    assert float(ratio[800]) < 0.15, "hardly anything of deviation 1"
    assert float(5.5**2 * ratio[800]) > 2, "more picture than noise"


@torch.no_grad()
def test_question_14_the_token_grass_tells_the_colour_that_it_has_read_and_little_of_its_own_word() -> None:
    told = painter().condition
    others = (RING.replace("red", "blue"), RING.replace("grass", "sand"), RING + " under a clear sky")
    one, blue, sand, longer = (told(ids_of([text]))[0] for text in (RING, *others))

    def moved(other: Tensor) -> Tensor:
        """By how much of its length each token changes."""
        return (one - other).norm(dim=-1) / one.norm(dim=-1)

    grass, end = 8, 9  # after start, a, photo, of, a, red, ring, on
    assert float(moved(blue)[grass]) > 1, "it has read the colour"
    assert 1e-3 < float(moved(sand)[grass]) < 0.4, "of its own word it tells little"
    assert float(moved(sand)[end]) > 0.5, "the end token tells the ground"
    padding = moved(sand)[end + 1 : 16]  # behind it stands the box
    assert int((padding > 0.5).sum()) > len(padding) / 2, "and most of the padding"
    assert bool((moved(blue)[:5] < 1e-5).all()), "what stands before the colour"
    assert bool((moved(longer)[: grass + 1] < 1e-4).all()), "nothing that follows"


@torch.no_grad()
def test_question_15_the_ring_walks_and_the_rest_stays() -> None:
    model, across = painter(), torch.linspace(0, 0.55, 4)
    boxes = torch.stack([across, torch.full((4,), 0.4), across + 0.45, torch.full((4,), 0.85)], 1)
    noise = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    there = torch.zeros(4, 32, 32, dtype=torch.bool)
    for mask, (x1, y1, x2, y2) in zip(there, (32 * boxes).round().long().tolist(), strict=True):
        mask[max(y1 - 2, 0) : y2 + 2, max(x1 - 2, 0) : x2 + 2] = True

    def change(start: Tensor) -> tuple[float, float]:
        """From the first to the last picture: where one of both boxes is, and where neither is."""
        made = model.sample(
            ids_of([RING] * 4), boxes[:, None], torch.full((4, 1), 6), noise=start, scale=3.0, steps=10
        )
        off = (made[0] - made[3]).abs().mean(0)
        return float(off[there[0] ^ there[3]].mean()), float(off[~(there[0] | there[3])].mean())

    inside, outside = change(noise[:1].expand(4, -1, -1, -1))
    assert inside > 3 * outside
    assert change(noise)[1] > 2 * outside, "another noise is another ground"


def test_question_17_no_picture_of_the_training_has_a_red_square() -> None:
    assert (CLASSES.index("square"), COLOURS.index("red")) in [tuple(pair) for pair in HELD_OUT]


def test_question_18_variations_keep_class_colour_and_ground_and_no_place() -> None:
    found = unclip_study.what_stays(8, 3)
    for name in ("class", "colour", "ground"):
        own, others = found[name]
        assert own > 0.85 and own > others + 0.3, name
    own, others = found["box, IoU"]
    assert abs(own - others) < 0.15


def test_question_20_not_red_is_red_and_no_caption_says_not() -> None:
    words = {word for text in captioned(300, seed=0).text for word in text.split()}
    assert not words & {"not", "that", "no", "without"}
    model = painter()
    made = model.sample(ids_of(["a photo of a ring that is not red"] * 16), scale=3.0, seed=1, steps=10)
    assert float((judged(made).colour_id == COLOURS.index("red")).float().mean()) > 0.6
