"""Chapter 15: Pix2Pix beside its task: label maps that nobody rendered, and statistics that are not its own.

Shapes: N maps, S their side.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils.data import toyworld
from lecture_utils.generative.pix2pix.generator import Generator
from lecture_utils.generative.pix2pix.patchgan import PatchGAN
from lecture_utils.generative.pix2pix.training_round import play_round
from lecture_utils.nn.init import he_init_
from lecture_utils.recipes._shared import SIZE
from lecture_utils.recipes._translated import one_hot

FLAT = torch.tensor([[0.30, 0.60, 0.20], [0.20, 0.40, 0.80], [0.85, 0.75, 0.45]])  # of grass, water, sand
HORIZON = 12  # row at which the ground begins in hand-made maps


def plain_map(ground: str = "grass", *, size: int = SIZE) -> Tensor:
    """A label map (S, S) int64 of sky above one kind of ground."""
    labels = torch.full((size, size), toyworld.SEMANTIC.index("sky"))
    labels[HORIZON * size // SIZE :] = toyworld.SEMANTIC.index(ground)
    return labels


def disc(labels: Tensor, name: str, row: float, column: float, radius: float) -> Tensor:
    """The map with a disc of one class laid over it; places and radius in pixels."""
    y, x = torch.meshgrid(*(torch.arange(side) for side in labels.shape), indexing="ij")
    inside = (y - row) ** 2 + (x - column) ** 2 <= radius**2
    return torch.where(inside, torch.tensor(toyworld.SEMANTIC.index(name)), labels)


def odd_maps() -> dict[str, Tensor]:
    """Maps (S, S) that training never met, by what is odd about them."""
    many = plain_map("sand")
    for i in range(8):
        many = disc(many, "ball", 18 + 8 * (i % 2), 4 + 3.5 * i, 3.2)
    upside = plain_map("water").flip(0)
    stripes = plain_map("sky")
    for i, ground in enumerate(("grass", "water", "sand", "grass", "water", "sand")):
        stripes[:, 6 * i : 6 * i + 6] = toyworld.SEMANTIC.index(ground)
    whole = torch.full((SIZE, SIZE), toyworld.SEMANTIC.index("star"))
    return {
        "eight objects": many,
        "a ball in the sky": disc(plain_map("grass"), "ball", 7, 16, 6),
        "sky below": disc(upside, "heart", 10, 16, 6),
        "ground in columns": stripes,
        "star everywhere": whole,
    }


def with_stored_statistics(model: Generator, labels: Tensor) -> Generator:
    """A copy that normalises by the mean statistics over these maps (N, S, S), not by each picture's own.

    What batch norm's moving averages do at test time, and what section 3.3 of the paper does not do.
    """
    stored: dict[str, tuple[Tensor, Tensor]] = {}

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0]  # (N, U, h, w)
            stored[name] = x.mean((0, 2, 3)), x.var((2, 3), correction=0).mean(0)

        return hook

    norms = {name: part for name, part in model.named_modules() if isinstance(part, nn.InstanceNorm2d)}
    hooks = [part.register_forward_pre_hook(note(name)) for name, part in norms.items()]
    with torch.no_grad():
        model(one_hot(labels), torch.Generator().manual_seed(0))
    for hook in hooks:
        hook.remove()
    twin = copy.deepcopy(model)
    for name, part in norms.items():
        norm = nn.BatchNorm2d(part.num_features, eps=part.eps).eval()
        norm.load_state_dict(part.state_dict(), strict=False)  # scale and shift
        mean, variance = stored[name]
        norm.running_mean, norm.running_var = mean, variance
        parent, _, last = name.rpartition(".")
        setattr(twin.get_submodule(parent), last, norm)
    return twin.requires_grad_(False)


def flat_game(sees_input: bool, seed: int, *, steps: int = 600) -> Tensor:
    """Play the game without L1 on flat pictures of three grounds, from random weights.

    The input names the ground, the real picture has that ground's colour (and a little noise). Generator and
    discriminator are convolutions of 1 × 1, the latter a PixelGAN that sees the input or does not.

    Returns
    -------
    Tensor
        (3, 3) colours (RGB) that are painted for grass, water and sand; `FLAT` has the real ones.
    """
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Conv2d(16, 3, 1), nn.Sigmoid())
    judge = PatchGAN(3, 3 if sees_input else 0, layers=0, width=24, norm="none")
    he_init_(judge)
    adam_g = torch.optim.Adam(net.parameters(), 2e-3, betas=(0.5, 0.999))
    adam_d = torch.optim.Adam(judge.parameters(), 4e-3, betas=(0.5, 0.999))
    adams = {"generator_optimizer": adam_g, "discriminator_optimizer": adam_d}
    for _ in range(steps):
        ground = torch.randint(3, (32,))
        given = torch.eye(3)[ground][:, :, None, None].expand(-1, -1, 2, 2)  # (B, 3, 2, 2)
        real = FLAT[ground][:, :, None, None] + 0.03 * torch.randn(32, 3, 2, 2)
        play_round(net, judge, given, real, weight=0.0, r1=0.05, **adams)
    with torch.no_grad():
        return net(torch.eye(3)[:, :, None, None])[:, :, 0, 0]


def named_rightly(colours: Tensor) -> float:
    """The share of three painted colours (3, 3) whose nearest real one is that of their own ground."""
    return (torch.cdist(colours, FLAT).argmin(1) == torch.arange(3)).float().mean().item()
