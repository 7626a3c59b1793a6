"""Fitting people to a video, poses and persons in turn; MultiPly (S20.6).

Jiang et al., "MultiPly", CVPR 2024, section 3. A round:

1. render the layers of all frames, make points from them, refine the masks (section 3.3);
2. say which frames are reliable (section 3.4);
3. shape and appearance: reliable frames alone, poses held;
4. poses: all frames, the people held.

The result of a round makes the next one's masks better. Simplified: the paper moves the poses of reliable
frames together with the person, and takes long; here the two alternate strictly. The body's shape β belongs
to the person, so it moves in step 3. The poses begin where another method left them.

Shapes: P people, F frames, J joints, H and W height and width.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from lecture_utils.body.multiply.avatar import Cloud
from lecture_utils.body.multiply.confidence import reliable_frames
from lecture_utils.body.multiply.layers import render_layers
from lecture_utils.body.multiply.objectives import calm_loss, mask_loss, order_loss, picture_loss, room_loss
from lecture_utils.body.multiply.people import People
from lecture_utils.body.multiply.refine import ColourRefiner, MaskRefiner
from lecture_utils.body.multiply.segment import Masks, segment
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_choice, check_images, check_number, check_tensor, check_whole


@dataclass(frozen=True)
class FitSettings:
    """How to fit.

    Attributes
    ----------
    rounds : int
        Of the four parts.
    person_steps, pose_steps : int
        In each round.
    frames : int
        That a step renders.
    unreliable : float
        The share of frames that only have their poses updated; 0: all frames update the people.
    pose_rate, place_rate, person_rate, offset_rate, shape_rate, background_rate : float
        Adam's, in radians, metres, logits, metres, standard deviations, units of colour.
    mask, order, room, calm, stay, build : float
        Weights beside the picture's 1: masks, order in depth, room, steadiness, staying near the first poses,
        and near the body model's skin and mean shape.
    """

    rounds: int = 3
    person_steps: int = 20
    pose_steps: int = 25
    frames: int = 4
    unreliable: float = 0.5
    pose_rate: float = 0.02
    place_rate: float = 0.01
    person_rate: float = 0.1
    offset_rate: float = 2e-3
    shape_rate: float = 0.05
    background_rate: float = 0.01
    mask: float = 1.0
    order: float = 1.0
    room: float = 1.0
    calm: float = 2.0
    stay: float = 2e-3
    build: float = 0.03

    def __post_init__(self) -> None:
        for name in ("rounds", "frames"):
            check_whole(getattr(self, name), name)
        for name in ("person_steps", "pose_steps"):
            check_whole(getattr(self, name), name, 0)
        check_number(self.unreliable, "unreliable", 0, 1 - 1e-9)
        for item in fields(self):
            if item.type == "float" or item.type is float:
                check_number(getattr(self, item.name), item.name, 0)


@dataclass
class FitHistory:
    """What happened: losses by step, the reliable frames (F,) and the masks of each round, the seconds."""

    person_losses: list[float] = field(default_factory=list)
    pose_losses: list[float] = field(default_factory=list)
    reliable: list[Tensor] = field(default_factory=list)
    masks: list[Masks] = field(default_factory=list)
    seconds: float = 0.0


def person_loss(people: People, clouds: list[Cloud], frames: list[int], given: "Given") -> Tensor:
    """Step 3: the pictures and the masks of some frames; skin and shape stay near the body model's."""
    loss = given.settings.build * torch.stack([avatar.strayed() for avatar in people.persons]).sum()
    for frame in frames:
        layers = render_layers([c.frame(frame) for c in clouds], given.cameras, people.background)
        seen = picture_loss(layers, given.images[frame])
        masks = mask_loss(layers, given.refined[frame], given.known[frame])
        loss = loss + (seen + given.settings.mask * masks) / len(frames)
    return loss


def pose_loss(people: People, clouds: list[Cloud], frames: list[int], given: "Given") -> Tensor:
    """Step 4: the same, the order in depth, and what a body's motion is like."""
    s, avatars = given.settings, people.persons
    loss = s.stay * (people.poses - given.first_poses).square().mean(dim=(1, 2, 3)).sum()
    for p, one in enumerate(clouds):
        loss = loss + s.calm * calm_loss(one.joints)
        for q in range(p):
            a, b = avatars[p], avatars[q]
            apart = room_loss(one.joints, clouds[q].joints, a.bone_radii_m, b.bone_radii_m, a.parents)
            loss = loss + s.room * apart
    for frame in frames:
        own = [c.frame(frame) for c in clouds]
        layers, refined = render_layers(own, given.cameras, people.background), given.refined[frame]
        seen = picture_loss(layers, given.images[frame]) + s.mask * mask_loss(
            layers, refined, given.known[frame]
        )
        loss = loss + (seen + s.order * order_loss(own, layers, refined, given.cameras)) / len(frames)
    return loss


@dataclass
class Given:
    """What the losses read: pictures, camera, refined masks and which count, first poses, weights."""

    images: Tensor
    cameras: Cameras
    refined: Tensor
    known: Tensor
    first_poses: Tensor
    settings: FitSettings


def adams(people: People, settings: FitSettings) -> tuple[torch.optim.Adam, torch.optim.Adam]:
    """Return two optimizers: of what belongs to the people and the place, and of the poses."""
    s, avatars = settings, people.persons
    looks = [x for a in avatars for x in (a.colour_logits, a.opacity_logits, a.log_radii)]
    person = [
        {"params": looks, "lr": s.person_rate},
        {"params": [a.offsets for a in avatars], "lr": s.offset_rate},
        {"params": [a.shape for a in avatars], "lr": s.shape_rate},
        {"params": [people.background], "lr": s.background_rate},
    ]
    pose = [
        {"params": [people.poses], "lr": s.pose_rate},
        {"params": [people.translations], "lr": s.place_rate},
    ]
    return torch.optim.Adam(person), torch.optim.Adam(pose)


def fit_step(
    people: People, kind: str, adam: torch.optim.Optimizer, frames: list[int], given: Given
) -> float:
    """Move the people, poses held ("person"), or the poses, people held ("pose"); return the loss."""
    check_choice(kind, "kind", "person", "pose")
    moved = {id(x) for group in adam.param_groups for x in group["params"]}
    for value in people.parameters():
        value.requires_grad_(id(value) in moved)
    loss = (person_loss if kind == "person" else pose_loss)(people, people.clouds(), frames, given)
    adam.zero_grad()
    loss.backward()
    adam.step()
    people.requires_grad_(True)
    return loss.item()


def drawn(allowed: Tensor, count: int, generator: torch.Generator) -> list[int]:
    """Draw `count` different frames, or all where there are fewer."""
    check_whole(count, "count")
    return allowed[torch.randperm(len(allowed), generator=generator)[:count]].tolist()


def fit_people(
    people: People,
    images: Tensor,
    cameras: Cameras,
    settings: FitSettings | None = None,
    *,
    refiner: MaskRefiner | None = None,
    held_out: Tensor | None = None,
    seed: int = 0,
    after_step: Callable[[int], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> FitHistory:
    """Fit people to a video, in place.

    Parameters
    ----------
    people : People
        P people, with the poses to begin with.
    images : Tensor
        (F, 3, H, W) in [0, 1].
    cameras : Cameras
        One, which stands still.
    settings : FitSettings, optional
        The schedule.
    refiner : MaskRefiner, optional
        The promptable segmenter; `ColourRefiner` if omitted.
    held_out : Tensor, optional
        (F,) bool: frames whose pictures nothing may read. Their poses follow the neighbours'.
    seed : int
        Of the order of the frames, and of the negative points.
    after_step : callable, optional
        ``after_step(step)``, from 0.
    clock : callable
        What the seconds are taken from; ``time.thread_time`` on a machine that others use too.

    Returns
    -------
    FitHistory
        Losses, reliable frames and masks of each round, seconds.

    Raises
    ------
    ValueError
        If the pictures are not the camera's, or not as many as there are poses, or all are held out.
    """
    settings, refiner = settings or FitSettings(), refiner or ColourRefiner()
    check_images(images, 3, unit_range=True)
    check_tensor(images, "images", people.poses.shape[1], 3, *cameras.size)
    check_whole(seed, "seed", None)
    held_out = torch.zeros(len(images), dtype=torch.bool) if held_out is None else held_out
    check_tensor(held_out, "held_out", len(images), kind="bool")
    if bool(held_out.all()):
        raise ValueError("held_out: got all frames, want one to fit to at least")
    history, start, generator = FitHistory(), clock(), torch.Generator().manual_seed(seed)
    used = (~held_out).nonzero()[:, 0]  # (U,) the frames to fit to
    nothing = images.new_zeros(0)
    given = Given(images, cameras, nothing, nothing, people.poses.detach().clone(), settings)
    person_adam, pose_adam = adams(people, settings)
    for _ in range(settings.rounds):
        found = segment(people, images[used], cameras, refiner, generator, frames=used)
        reliable = reliable_frames(found.agreement, unreliable=settings.unreliable)
        given.refined = images.new_zeros(len(images), *found.refined.shape[1:])
        given.refined[used] = found.refined
        given.known = torch.zeros(given.refined.shape[:2], dtype=torch.bool)
        given.known[used] = found.agreement > 0
        for kind, adam, steps, allowed in (
            ("person", person_adam, settings.person_steps, used[reliable]),
            ("pose", pose_adam, settings.pose_steps, used),
        ):
            losses = history.person_losses if kind == "person" else history.pose_losses
            for _step in range(steps):
                losses.append(fit_step(people, kind, adam, drawn(allowed, settings.frames, generator), given))
                if after_step:
                    after_step(len(history.person_losses) + len(history.pose_losses) - 1)
        history.masks.append(found)
        history.reliable.append(torch.zeros_like(held_out).index_fill(0, used[reliable], True))
        for adam in (person_adam, pose_adam):
            for group in adam.param_groups:
                group["lr"] *= 0.7
    history.seconds = clock() - start
    return history
