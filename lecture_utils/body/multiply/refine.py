"""From a coarse mask and points to a better mask; part of MultiPly (S20.6).

Jiang et al., "MultiPly", CVPR 2024, section 3.3: the layers' masks are as good as the poses, so the picture
has a say. A promptable segmenter gets the picture, the layers' mask and points: the person's own joints where
they are seen, and as negatives the others'. Its masks supervise the next round, whose layers prompt it
better.

THE PAPER'S SEGMENTER IS SAM (Kirillov et al., ICCV 2023). `MaskRefiner` stands where it has its place, and
the course's own SAM (S11.5) takes it once chapter 11 is there: it answers the same call. Until then
`ColourRefiner` fills it, which has learned from no other picture: GrabCut's idea (C. Rother, V. Kolmogorov,
A. Blake, SIGGRAPH 2004) that either side of an edge has its own colours, with the colours' densities by
Parzen windows instead of mixtures, and with mean-field steps instead of a graph cut. It fails where SAM would
not: on two people in the same clothes.

Shapes: P people, J joints, H and W height and width, M pixels of the box.
"""

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor, check_whole

SEEN = 0.5  # of a mask: from here on a pixel is the person's
RANDOM_NEGATIVES = 10  # as in the authors' code


class Prompt(NamedTuple):
    """Points in pixels u, v: `positive` (N, 2) on the person, `negative` (M, 2) beside."""

    positive: Tensor
    negative: Tensor


class MaskRefiner(Protocol):
    """What finds a person by a prompt: SAM in the paper, S11.5 in this course, `ColourRefiner` meanwhile."""

    def __call__(self, image: Tensor, coarse: Tensor, prompt: Prompt) -> Tensor:
        """Picture (3, H, W) in [0, 1], coarse mask (H, W) in [0, 1], points → mask (H, W) in [0, 1]."""
        ...


def at_pixels(values: Tensor, points: Tensor) -> Tensor:
    """Read maps (P, H, W) at points (N, 2) u, v in pixels: (P, N), 0 outside the picture and for NaN."""
    check_tensor(values, "values", "P", "H", "W", kind="any", finite=True)
    check_tensor(points, "points", "N", 2)
    h, w = values.shape[1:]
    u, v = points.nan_to_num(-1.0).floor().long().unbind(1)
    inside = (u >= 0) & (u < w) & (v >= 0) & (v < h)
    return values[:, v.clamp(0, h - 1), u.clamp(0, w - 1)] * inside


def make_prompts(
    joints_px: Tensor, masks: Tensor, *, generator: torch.Generator | None = None
) -> list[Prompt]:
    """Make points from the bodies in one frame.

    Positive: a person's joints that fall where this person is seen. Negative: the others' joints that fall
    where they are seen and this person is not, and ten places drawn from what is not near this person.

    Parameters
    ----------
    joints_px : Tensor
        (P, J, 2), u, v in pixels; NaN where a joint is behind the camera.
    masks : Tensor
        (P, H, W) in [0, 1], of `render_layers`.
    generator : torch.Generator, optional
        Of the places drawn.

    Returns
    -------
    list of Prompt
        P of them.
    """
    check_tensor(joints_px, "joints_px", "P", "J", 2)
    check_tensor(masks, "masks", len(joints_px), "H", "W", finite=True)
    shown = torch.stack([at_pixels(masks, own) > SEEN for own in joints_px])  # (P, P, J): whose joint, where
    away = F.max_pool2d(masks[:, None], 7, stride=1, padding=3)[:, 0] < SEEN  # (P, H, W)
    prompts = []
    for p, own in enumerate(joints_px):
        negative = [other[shown[q, q] & ~shown[q, p]] for q, other in enumerate(joints_px) if q != p]
        free = away[p].nonzero().flip(1).to(own) + 0.5  # (…, 2) u, v
        drawn = torch.randint(max(len(free), 1), (RANDOM_NEGATIVES,), generator=generator)
        negative.append(free[drawn] if len(free) else free)
        prompts.append(Prompt(own[shown[p, p]], torch.cat(negative)))
    return prompts


class ColourRefiner:
    """Refine a mask by the colours on either side of its edge.

    Parameters
    ----------
    rounds : int
        How often the colours are learned anew from the mask.
    colour_width, place_width : float
        Standard deviations of the Parzen windows: in units of colour, in pixels.
    trust : float
        The weight of the coarse mask's logit against the colours'.
    smooth : float
        How strongly neighbours of like colour agree.
    margin : int
        Pixels around the coarse mask that may still be the person's.
    """

    def __init__(
        self,
        *,
        rounds: int = 3,
        colour_width: float = 0.06,
        place_width: float = 12.0,
        trust: float = 0.25,
        smooth: float = 2.0,
        margin: int = 6,
    ) -> None:
        self.rounds = check_whole(rounds, "rounds")
        self.colour_width = check_number(colour_width, "colour_width", 0, above=True)
        self.place_width = check_number(place_width, "place_width", 0, above=True)
        self.trust = check_number(trust, "trust", 0)
        self.smooth = check_number(smooth, "smooth", 0)
        self.margin = check_whole(margin, "margin", 0)

    @torch.no_grad()
    def __call__(self, image: Tensor, coarse: Tensor, prompt: Prompt) -> Tensor:
        """As `MaskRefiner`; nothing where the coarse mask shows nobody."""
        check_tensor(image, "image", 3, "H", "W", finite=True)
        check_tensor(coarse, "coarse", *image.shape[1:], finite=True)
        check_tensor(prompt.positive, "positive", "N", 2)
        check_tensor(prompt.negative, "negative", "M", 2)
        out = torch.zeros_like(coarse)
        rows, columns = (coarse > SEEN).nonzero(as_tuple=True)
        if not len(rows):
            return out
        top, left = (max(int(x.min()) - self.margin, 0) for x in (rows, columns))
        bottom, right = (int(x.max()) + self.margin + 1 for x in (rows, columns))
        box = (slice(top, bottom), slice(left, right))
        corner = torch.tensor([left, top]).to(image)
        moved = Prompt(prompt.positive - corner, prompt.negative - corner)
        out[box] = self.in_box(image[:, *box], coarse[box], moved)
        return out

    def in_box(self, image: Tensor, coarse: Tensor, prompt: Prompt) -> Tensor:
        """The same for a cut-out around the person."""
        prior = self.trust * coarse.clamp(0.02, 0.98).logit() + seeds(prompt, coarse)  # (h, w)
        alike = windows(image, self.colour_width, self.place_width)  # (M, M)
        mask = coarse
        for _ in range(self.rounds):
            inner = mask.flatten()
            inside, outside = alike @ inner / inner.sum(), alike @ (1 - inner) / (1 - inner).sum()
            odds = (inside + 1e-6).log() - (outside + 1e-6).log()  # (M,): this colour, here: in or out?
            mask = agree(prior + odds.clamp(-4, 4).view_as(prior), image, self.smooth)
        return mask


def seeds(prompt: Prompt, like: Tensor, *, strength: float = 4.0) -> Tensor:
    """Turn points into logits of the shape of `like` (H, W): ± `strength` where there is a point, else 0."""
    check_tensor(like, "like", "H", "W")
    check_number(strength, "strength", 0)
    marks = torch.zeros_like(like)
    for points, sign in ((prompt.negative, -1), (prompt.positive, 1)):
        u, v = points.floor().long().unbind(1)
        inside = (u >= 0) & (u < like.shape[1]) & (v >= 0) & (v < like.shape[0])
        marks[v[inside], u[inside]] = sign * strength
    return marks


def windows(image: Tensor, colour_width: float, place_width: float) -> Tensor:
    """Return how alike any two pixels are in colour and place, exp(-½ d²), (M, M)."""
    check_tensor(image, "image", 3, "H", "W", finite=True, some=True)
    check_number(colour_width, "colour_width", 0, above=True)
    check_number(place_width, "place_width", 0, above=True)
    h, w = image.shape[1:]
    v, u = torch.meshgrid(torch.arange(h).to(image), torch.arange(w).to(image), indexing="ij")
    features = torch.cat([image / colour_width, torch.stack([u, v]) / place_width]).flatten(1).T  # (M, 5)
    return (-torch.cdist(features, features).square() / 2).clamp_min(-30).exp()


def agree(logits: Tensor, image: Tensor, smooth: float, *, steps: int = 8) -> Tensor:
    """Let pixels hear their four neighbours, the more the more alike: mean-field steps; (H, W) in [0, 1]."""
    check_tensor(logits, "logits", "H", "W", finite=True)
    check_tensor(image, "image", 3, *logits.shape, finite=True)
    check_number(smooth, "smooth", 0)
    check_whole(steps, "steps", 0)
    down = (image[:, 1:] - image[:, :-1]).square().sum(0)  # (H - 1, W)
    across = (image[:, :, 1:] - image[:, :, :-1]).square().sum(0)  # (H, W - 1)
    scale = 2 * torch.cat([down.flatten(), across.flatten()]).mean().clamp_min(1e-8)
    down, across = (smooth * (-d / scale).exp() for d in (down, across))
    mask = logits.sigmoid()
    for _ in range(steps):
        vote = 2 * mask - 1
        heard = F.pad(down * vote[1:], (0, 0, 0, 1)) + F.pad(down * vote[:-1], (0, 0, 1, 0))
        heard = heard + F.pad(across * vote[:, 1:], (0, 1)) + F.pad(across * vote[:, :-1], (1, 0))
        mask = (logits + heard).sigmoid()
    return mask
