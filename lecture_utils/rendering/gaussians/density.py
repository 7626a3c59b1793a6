"""How many Gaussians, and where: clone, split, prune, reset; part of 3D Gaussian splatting (S18.5).

Kerbl et al., "3D Gaussian Splatting", SIGGRAPH 2023, section 5.2. Where the picture's error pulls hard at a
Gaussian's place, the scene there is not yet described. A small Gaussian is cloned (too few), a large one is
split into two that are 1.6 times smaller (too coarse). What has become almost transparent is pruned; and now
and then all opacities are set low, so that only what the pictures need comes back.

A clone lies where its original lies, as in the authors' code (the paper moves it along the gradient): what
tells the two apart is that Adam's moments of a new Gaussian begin at 0. Simplified: Gaussians that are large
in the picture are not pruned, those that are large in the world are where `largest_m` is given.

Shapes: N Gaussians before, M after.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_number, check_tensor, check_whole
from lecture_utils.ops.rotation import quaternion_to_matrix
from lecture_utils.rendering.gaussians.gaussians import NAMES, Gaussians, View

SHRINK = 1.6  # of a split
RESET_OPACITY = 0.01


@dataclass(frozen=True)
class Change:
    """What one round of density control did."""

    cloned: int
    split: int
    pruned: int
    count: int  # Gaussians afterwards


class DensityControl:
    """Watches the gradients of places, and adds and removes Gaussians.

    Parameters
    ----------
    gaussians : Gaussians
        Changed in place.
    optimizer : torch.optim.Optimizer
        Whose groups hold one of the scene's parameters each; its state follows the Gaussians.
    gradient_threshold : float
        Mean length of ∂L/∂(u, v) that asks for more, with u and v from -1 to 1 over the picture (the
        paper's 0.0002).
    size_threshold_m : float
        The largest standard deviation up to which a Gaussian is small.
    least_opacity : float
        What has less is pruned.
    largest_m : float
        What is larger is pruned.
    most : int
        No clone or split goes beyond so many Gaussians: those with the largest gradients come first.
    generator : torch.Generator, optional
        For the places of split Gaussians.

    Raises
    ------
    ValueError
        For numbers that are not positive, or an optimizer of other parameters.
    """

    def __init__(
        self,
        gaussians: Gaussians,
        optimizer: torch.optim.Optimizer,
        *,
        gradient_threshold: float = 2e-4,
        size_threshold_m: float = 0.03,
        least_opacity: float = 0.005,
        largest_m: float = math.inf,
        most: int = 100_000,
        generator: torch.Generator | None = None,
    ) -> None:
        self.gradient_threshold = check_number(gradient_threshold, "gradient_threshold", 0)
        self.size_threshold_m = check_number(size_threshold_m, "size_threshold_m", 0, above=True)
        self.least_opacity = check_number(least_opacity, "least_opacity", 0, 1)
        self.largest_m = largest_m if largest_m == math.inf else check_number(largest_m, "largest_m", 0)
        self.most = check_whole(most, "most")
        check_groups(gaussians, optimizer)
        self.gaussians, self.optimizer, self.generator = gaussians, optimizer, generator
        self.history: list[Change] = []
        self.forget()

    def forget(self) -> None:
        """Begin a new mean of the gradients."""
        self.pull = torch.zeros(len(self.gaussians))  # sum of the lengths
        self.seen = torch.zeros(len(self.gaussians))  # in how many views

    @torch.no_grad()
    def observe(self, view: View) -> None:
        """Note the gradients of a view's places, after `backward`.

        Raises
        ------
        ValueError
            If the view's places have no gradient: call ``view.means.retain_grad()`` before.
        """
        if not view.means.retains_grad or view.means.grad is None:
            raise ValueError("view.means.grad: got none, want view.means.retain_grad() before backward()")
        height, width = view.left.shape
        half = torch.tensor([width / 2, height / 2]).to(view.means)  # pixels in one unit of -1 … 1
        self.pull.index_add_(0, view.chosen, (view.means.grad * half).norm(dim=1))
        self.seen[view.chosen] += 1

    @torch.no_grad()
    def densify_and_prune(self) -> Change:
        """Clone, split and prune once, by the gradients since the last time; say and record what it did."""
        pull = self.pull / self.seen.clamp_min(1)  # (N,)
        small = self.gaussians.log_scales.exp().amax(dim=1) <= self.size_threshold_m
        wanted = within(pull >= self.gradient_threshold, pull, self.most - len(self.gaussians))
        clone, split = (wanted & small).nonzero()[:, 0], (wanted & ~small).nonzero()[:, 0]
        kept = (~(wanted & ~small)).nonzero()[:, 0]
        values = {name: getattr(self.gaussians, name).detach() for name in NAMES}
        halves = split_in_two({name: value[split] for name, value in values.items()}, self.generator)
        source = torch.cat([kept, clone])  # where each row comes from; -1 after these: from nowhere
        rows = {name: torch.cat([values[name][source], halves[name]]) for name in NAMES}
        source = torch.cat([kept, torch.full((len(clone) + 2 * len(split),), -1)])
        alive = self.worth_keeping(rows)
        rows = {name: value[alive] for name, value in rows.items()}
        replace_rows(self.gaussians, self.optimizer, rows, source[alive])
        pruned = int((~alive).sum())
        self.history.append(Change(len(clone), len(split), pruned, len(self.gaussians)))
        self.forget()
        return self.history[-1]

    def worth_keeping(self, rows: dict[str, Tensor]) -> Tensor:
        """Return which Gaussians are opaque enough and not too large; the most opaque one always stays."""
        opacities = rows["opacity_logits"].sigmoid()
        alive = (opacities >= self.least_opacity) & (rows["log_scales"].exp().amax(1) <= self.largest_m)
        alive[opacities.argmax()] = True  # a scene without any cannot be rendered
        return alive

    @torch.no_grad()
    def reset_opacities(self, opacity: float = RESET_OPACITY) -> None:
        """Set all opacities to at most `opacity`, and Adam's moments of them to 0."""
        check_number(opacity, "opacity", 1e-6, 1 - 1e-6)
        logits = self.gaussians.opacity_logits
        logits.clamp_(max=math.log(opacity / (1 - opacity)))
        for value in self.optimizer.state.get(logits, {}).values():
            if isinstance(value, Tensor) and value.shape == logits.shape:
                value.zero_()


def within(wanted: Tensor, pull: Tensor, room: int) -> Tensor:
    """Return which of the `wanted` (N,) fit into the room: those that are pulled the hardest."""
    check_tensor(wanted, "wanted", "N", kind="bool")
    check_tensor(pull, "pull", len(wanted), finite=True)
    count = min(int(wanted.sum()), max(room, 0))
    chosen = torch.where(wanted, pull, -1.0).topk(count).indices
    return torch.zeros_like(wanted).index_fill_(0, chosen, True)


def split_in_two(rows: dict[str, Tensor], generator: torch.Generator | None = None) -> dict[str, Tensor]:
    """Return two smaller Gaussians for each of N, (2 N, …): their means are drawn from it."""
    doubled = {name: value.repeat(2, *[1] * (value.ndim - 1)) for name, value in rows.items()}
    along = torch.randn(doubled["means"].shape, generator=generator).to(rows["means"])
    step = along * doubled["log_scales"].exp()  # in the Gaussian's own axes
    turned = (quaternion_to_matrix(doubled["quaternions"]) @ step[:, :, None])[:, :, 0]
    doubled["means"] = doubled["means"] + turned
    doubled["log_scales"] = doubled["log_scales"] - math.log(SHRINK)
    return doubled


@torch.no_grad()
def replace_rows(
    gaussians: Gaussians, optimizer: torch.optim.Optimizer, rows: dict[str, Tensor], source: Tensor
) -> None:
    """Give a scene other Gaussians, and let the optimizer's state follow.

    Parameters
    ----------
    gaussians : Gaussians
        N of them; changed in place.
    optimizer : torch.optim.Optimizer
        Its state of one number for each parameter (Adam's moments) is carried along.
    rows : dict of str to Tensor
        For each name in `NAMES` the values of all M.
    source : Tensor
        (M,) long: whose state each takes over; -1 for none, so that its moments begin at 0.

    Raises
    ------
    ValueError
        For an optimizer of other parameters.
    """
    groups = check_groups(gaussians, optimizer)
    check_tensor(source, "source", "M", kind="int", some=True)
    taken = source >= 0
    for name in NAMES:
        old, new = getattr(gaussians, name), nn.Parameter(rows[name].clone())
        check_tensor(new, name, len(source), *old.shape[1:])
        setattr(gaussians, name, new)
        groups[name]["params"][0] = new
        for key, value in (state := optimizer.state.pop(old, {})).items():
            if isinstance(value, Tensor) and value.shape == old.shape:
                moved = torch.zeros_like(new)
                moved[taken] = value[source[taken]]
                state[key] = moved
        if state:
            optimizer.state[new] = state


def check_groups(gaussians: Gaussians, optimizer: torch.optim.Optimizer) -> dict[str, dict[str, Any]]:
    """Return the optimizer's group of each parameter; raise ValueError unless each has one for itself."""
    found = {}
    for name in NAMES:
        own = [
            g
            for g in optimizer.param_groups
            if [id(p) for p in g["params"]] == [id(getattr(gaussians, name))]
        ]
        if len(own) != 1:
            raise ValueError(f"optimizer: got {len(own)} groups with {name} alone, want one")
        found[name] = own[0]
    return found
