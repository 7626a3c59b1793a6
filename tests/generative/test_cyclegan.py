"""CycleGAN's losses by hand, its buffer, and one round of the game against one that is written out."""

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.generative.cyclegan import cyclegan, image_buffer, losses
from lecture_utils.generative.cyclegan.cyclegan import CycleGAN, Game
from lecture_utils.generative.cyclegan.image_buffer import ImageBuffer
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.6")


def invert(x: Tensor) -> Tensor:
    """Its own inverse."""
    return 1 - x


def first(x: Tensor) -> Tensor:
    """A map of scores: the first channel."""
    return x[:, :1]


def lighter(x: Tensor) -> Tensor:
    """Moves every picture by the same amount."""
    return x + 0.25


# --- losses -----------------------------------------------------------------------------------------
def check_losses(module: ModuleType) -> None:
    real, fake = torch.tensor([[[[1.0, 0.5]]]]), torch.tensor([[[[0.0, -0.5]]]])
    # ½ · mean(0, ¼) + ½ · mean(0, ¼), and mean(1, 2¼)
    assert module.least_squares_discriminator(real, fake).item() == pytest.approx(0.125)
    assert module.least_squares_discriminator(fake, real).item() == pytest.approx((1.625 + 0.625) / 2)
    assert module.least_squares_generator(fake).item() == pytest.approx(1.625)
    a, b = torch.full((2, 3, 4, 4), 0.2), torch.full((3, 3, 4, 4), 0.9)
    assert module.cycle_loss(a, b, invert, invert).item() == pytest.approx(0, abs=1e-6)
    assert module.cycle_loss(a, b, lighter, invert).item() == pytest.approx(0.35 + 0.55)
    assert module.identity_loss(a, b, lighter, invert).item() == pytest.approx(0.25 + 0.6)
    assert module.distance(a, a + 0.3).item() == pytest.approx(0.3)
    terms, fake_b, fake_a = module.generator_objective(
        a, b, lighter, invert, lambda x: 2 * x[:, :1], first, cycle=10, identity=5
    )
    # Of B 0.45, which scores 0.45; of A 0.1, which scores 0.2.
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {"adversarial": 0.3025 + 0.64, "cycle": 9.0, "identity": 4.25, "loss": 14.1925}
    )
    torch.testing.assert_close(fake_b, lighter(a))
    torch.testing.assert_close(fake_a, invert(b))


def test_losses_by_hand() -> None:
    check_losses(losses)


GAME = "(real - 1).square().mean() + fake.square().mean()) / 2"
CYCLE = "distance(to_a(to_b(a)), a) + distance(to_b(to_a(b)), b)"


@pytest.mark.parametrize(
    "fault",
    [
        (GAME, "real.square().mean() + fake.square().mean()) / 2"),
        (GAME, "(real - 1).square().mean() + fake.square().mean())"),
        ("return (fake - 1).square().mean()", "return fake.square().mean()"),
        (CYCLE, "distance(to_b(to_a(a)), a) + distance(to_a(to_b(b)), b)"),
        ("distance(to_b(b), b) + distance(to_a(a), a)", "distance(to_b(a), a) + distance(to_a(b), b)"),
        ("(images - target).abs().mean()", "(images - target).square().mean()"),
        ("distance(to_a(fake_b), a)", "distance(fake_b, a)"),
        ("discriminator_b(fake_b)", "discriminator_a(fake_b)"),
        ("identity * identity_loss", "cycle * identity_loss"),
    ],
    ids=lambda fault: fault[1][:40],
)
def test_a_fault_in_the_losses_is_seen(fault: tuple[str, str]) -> None:
    with pytest.raises(AssertionError):
        check_losses(planted(losses.__name__, fault))


def test_terms_of_weight_0_are_not_computed() -> None:
    a = torch.rand(2, 3, 4, 4)

    def never(x: Tensor) -> Tensor:
        calls.append(x)
        return x

    calls: list[Tensor] = []
    terms, *_ = losses.generator_objective(a, a, never, never, first, first, cycle=0, identity=0)
    assert set(terms) == {"adversarial", "loss"} and len(calls) == 2


def test_losses_refuse() -> None:
    a = torch.rand(2, 3, 4, 4)
    for call, message in (
        (lambda: losses.distance(a, a[:1]), "want the same shape"),
        (lambda: losses.distance(a[0], a[0]), "for one image use"),
        (lambda: losses.least_squares_generator(a[:0, :1]), "scores: got"),
        (lambda: losses.least_squares_generator(a[:, :1].long()), "scores: got"),
        (
            lambda: losses.generator_objective(a, a, invert, invert, first, first, cycle=-1.0),
            "cycle: got -1",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# --- buffer -----------------------------------------------------------------------------------------
def numbered(first: int, count: int) -> Tensor:
    """Pictures whose every value is their number."""
    return torch.arange(first, first + count).float().reshape(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def check_buffer(module: ModuleType) -> None:
    buffer = module.ImageBuffer(50, seed=3)
    assert torch.equal(buffer.swap(numbered(0, 50)), numbered(0, 50))  # it fills first
    assert len(buffer) == 50
    held, old, places = set(range(50)), 0, set()
    for n in range(50, 1050):
        before = [int(x[0, 0, 0]) for x in buffer.kept]
        assert set(before) == held
        (shown,) = {int(v) for v in buffer.swap(numbered(n, 1)).flatten()}
        after = [int(x[0, 0, 0]) for x in buffer.kept]
        if shown == n:
            assert after == before
        else:  # what comes out was put in, and the new one took its place
            old += 1
            places.add(before.index(shown))
            assert after == [n if x == shown else x for x in before]
            held = held - {shown} | {n}
    # Half of 1,000, within four standard deviations of √(1000 · ¼) = 15.8; every place was used.
    assert abs(old - 500) < 4 * 15.8
    assert places == set(range(50))


def test_buffer_fills_and_then_shows_an_old_picture_half_the_time() -> None:
    check_buffer(image_buffer)


@pytest.mark.parametrize(
    "fault",
    [
        ("generator=self.generator) < 0.5", "generator=self.generator) < 0.3"),
        ("self.kept[place], image = image.clone(), self.kept[place]", "image = self.kept[place]"),
        ("self.kept[place], image = image.clone(), self.kept[place]", "self.kept[place] = image.clone()"),
        ("torch.randint(self.size,", "torch.randint(self.size - 1,"),
        ("len(self.kept) < self.size", "len(self.kept) <= self.size"),
    ],
    ids=lambda fault: fault[1][:40],
)
def test_a_fault_in_the_buffer_is_seen(fault: tuple[str, str]) -> None:
    with pytest.raises(AssertionError):
        check_buffer(planted(image_buffer.__name__, fault))


def test_buffer_is_the_same_for_the_same_seed_and_not_for_another() -> None:
    def run(seed: int) -> Tensor:
        buffer = ImageBuffer(4, seed=seed)
        return torch.cat([buffer.swap(numbered(4 * i, 4)) for i in range(10)])

    assert torch.equal(run(0), run(0)) and not torch.equal(run(0), run(1))


def test_buffer_of_size_0_hands_on_and_keeps_no_graph() -> None:
    x = torch.rand(3, 3, 4, 4, requires_grad=True)
    empty, buffer = ImageBuffer(0), ImageBuffer(2)
    assert torch.equal(empty.swap(x), x) and len(empty) == 0
    assert not buffer.swap(x).requires_grad and not any(kept.requires_grad for kept in buffer.kept)
    with torch.no_grad():
        x.zero_()
    assert float(buffer.kept[0].abs().sum()) > 0  # it keeps copies


def test_buffer_refuses() -> None:
    buffer = ImageBuffer(2)
    buffer.swap(torch.rand(1, 3, 4, 4))
    for call, message in (
        (lambda: buffer.swap(torch.rand(1, 3, 8, 8)), "want the same shape"),
        (lambda: buffer.swap(torch.rand(3, 4, 4)), "for one image use"),
        (lambda: ImageBuffer(-1), "size: got -1"),
        (lambda: ImageBuffer(2, seed=-1), "seed"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# --- the game ---------------------------------------------------------------------------------------
def nets() -> list[nn.Module]:
    """To B, to A, and the discriminators of A and of B: one convolution each, in float64."""
    torch.manual_seed(0)
    return [nn.Conv2d(3, out, 3, padding=1).double() for out in (3, 3, 1, 1)]


def pictures() -> tuple[Tensor, Tensor]:
    """Other numbers of pictures in both domains."""
    return torch.rand(2, 3, 6, 6, dtype=torch.float64), torch.rand(3, 3, 6, 6, dtype=torch.float64)


def written_out(rounds: int) -> list[nn.Module]:
    """The game for new pictures alone, term by term as the paper has it, with four optimizers."""
    to_b, to_a, tell_a, tell_b = all_nets = nets()
    adams = [torch.optim.Adam(net.parameters(), lr=0.01, betas=(0.5, 0.999)) for net in all_nets]
    for _ in range(rounds):
        a, b = pictures()
        loss = ((tell_b(to_b(a)) - 1) ** 2).mean() + ((tell_a(to_a(b)) - 1) ** 2).mean()
        loss = loss + 10 * ((to_a(to_b(a)) - a).abs().mean() + (to_b(to_a(b)) - b).abs().mean())
        loss = loss + 5 * ((to_b(b) - b).abs().mean() + (to_a(a) - a).abs().mean())
        fake_b, fake_a = to_b(a).detach(), to_a(b).detach()
        slopes = torch.autograd.grad(loss, [*to_b.parameters(), *to_a.parameters()])
        for p, slope in zip([*to_b.parameters(), *to_a.parameters()], slopes, strict=True):
            p.grad = slope
        adams[0].step()
        adams[1].step()
        for net, real, fake, adam in ((tell_a, a, fake_a, adams[2]), (tell_b, b, fake_b, adams[3])):
            adam.zero_grad()
            (0.5 * ((net(real) - 1) ** 2).mean() + 0.5 * (net(fake) ** 2).mean()).backward()
            adam.step()
    return all_nets


def check_game(module: ModuleType) -> None:
    want = written_out(4)
    ours = nets()
    game = module.Game(module.CycleGAN(*ours[:2]), *ours[2:], rate=0.01, buffer=0)
    for _ in range(4):
        said = game.play(*pictures())
    assert set(said) == {"adversarial", "cycle", "identity", "loss", "discriminator"}
    for net, other in zip(ours, want, strict=True):
        for p, q in zip(net.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(p, q, atol=1e-9, rtol=0)
    assert all(p.requires_grad for net in ours for p in net.parameters())


def test_four_rounds_equal_those_that_are_written_out() -> None:
    check_game(cyclegan)


@pytest.mark.parametrize(
    "fault",
    [
        ("(0.5, 0.999)", "(0.9, 0.999)"),
        ('self.tell_apart("b", b, fake_b)', 'self.tell_apart("b", b, fake_a)'),
        ('self.tell_apart("a", a, fake_a)', 'self.tell_apart("a", b, fake_a)'),
        ("self.model.to_b, self.model.to_a,", "self.model.to_a, self.model.to_b,"),
        ("step(self.discriminator_optimizer, loss)", "step(self.generator_optimizer, loss)"),
        ("    optimizer.zero_grad()\n", ""),
        ("self.discriminators.requires_grad_(True)", "pass"),
        ("identity=self.identity)", "identity=self.cycle)"),
    ],
    ids=lambda fault: fault[1][:40],
)
def test_a_fault_in_the_game_is_seen(fault: tuple[str, str]) -> None:
    with pytest.raises((AssertionError, RuntimeError)):
        check_game(planted(cyclegan.__name__, fault))


def test_the_discriminators_are_shown_what_is_in_the_buffers() -> None:
    to_b, to_a, tell_a, tell_b = nets()
    seen: dict[str, list[Tensor]] = {"a": [], "b": []}
    for name, net in (("a", tell_a), ("b", tell_b)):
        net.register_forward_hook(lambda m, x, y, name=name: seen[name].append(x[0].detach()))
    game = Game(CycleGAN(to_b, to_a), tell_a, tell_b, buffer=2, seed=1)
    for _ in range(12):
        a, b = torch.rand(2, 1, 3, 6, 6, dtype=torch.float64)
        game.play(a, b)
    for name, images in seen.items():
        made, shown = images[0::3], images[2::3]  # by the generators' loss, then real, then the buffer's
        past = [any(torch.equal(s, m) for m in made[:i]) for i, s in enumerate(shown)]
        assert sum(past) >= 2, f"{name}: no old picture was shown"
        assert all(any(torch.equal(s, m) for m in made[: i + 1]) for i, s in enumerate(shown))
        assert len(game.memory[name]) == 2


def test_there_and_back() -> None:
    class Move(nn.Module):
        def __init__(self, by: float) -> None:
            super().__init__()
            self.by = by

        def forward(self, x: Tensor) -> Tensor:
            return x + self.by

    model, x = CycleGAN(Move(0.2), Move(-0.1)), torch.rand(2, 3, 4, 4)
    for cycle, there, back in ((model(x), 0.2, 0.1), (model.from_b(x), -0.1, 0.1)):
        torch.testing.assert_close(cycle.start, x)
        torch.testing.assert_close(cycle.there, x + there)
        torch.testing.assert_close(cycle.back, x + back)
    with pytest.raises(ValueError, match="want two nn"):
        CycleGAN(invert, invert)  # type: ignore[arg-type]
    refuse: Callable[[Tensor], object]
    for refuse in (model, model.from_b):
        with pytest.raises(ValueError, match="for one image use"):
            refuse(x[0])
