# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 20b · People from pictures
#
# **What did the camera throw away, and who puts it back?**
#
# Part a built a body: 82 numbers that make a person in a pose. Now the other way round. A picture is given, and somebody wants the 82 numbers. A picture has lost the depth of every point, and most of the body hides behind itself or behind others. What is missing has to come from somewhere else: from what bodies look like, from what a network has seen before, or from the next frame.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **See** which poses one picture cannot tell apart.
# 2. **Fit** a body to detected joints by an energy of your own: SMPLify.
# 3. **Train** a network that guesses the body, with the fit as its teacher: SPIN.
# 4. **Separate** two people who cross in a video, by layers that know what is in front: MultiPly, in small.
# 5. **Find** the body of a man in a photograph from twelve clicks.
#
# **You need** part a: rotations, forward kinematics, SMPL. From chapter 01: training a network. From chapter 18: cameras, and adding up light along a ray.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · One picture, many poses | 30 | 6 · Claims, measured | 12 |
# | 2 · SMPLify | 60 | 7 · Paper and toy | 5 |
# | 3 · SPIN | 40 | 8 · Break it | 15 |
# | 4 · Several people, one video | 40 | 9 · Lab | 40 |
# | 5 · Put together, and evaluate | 15 | 10–11 · Real, summary | 10 |
#
# **A GPU** is not needed: everything here runs on two processor cores.

# %% tags=["skip"]
import torch
from torch import Tensor, nn

from lecture_utils import plotting, runtime, zoo
from lecture_utils.body.skeleton import JOINTS, joint_index
from lecture_utils.chapters.ch20 import people_figures as figures
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.plotting.display import show_photographs
from lecture_utils.widgets.present import present

start("20")

# %% [markdown] tags=["slide"]
# ## Result first
#
# Four people of the toy world, whom nobody has measured. A detector of joints (chapter 10) reports where in the picture it found their 24 joints: a few pixels off, and some it is not sure of. From these alone, bodies are fitted.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.body.smplify.capsules import Capsules, fit_capsules
from lecture_utils.body.smplify.fit import smplify
from lecture_utils.data.toyworld.people import placed, render_people, sample_people
from lecture_utils.plotting.fits import fit_gallery

body, prior = zoo.load("people_body"), zoo.load("people_pose_prior")
scene = sample_people(1, 0, body, split="test", count=8, size=(192, 144))
views = render_people(scene, body)
truth = placed(body, scene)  # vertices (8, V, 3) and joints (8, 24, 3), in the world
pixels, sure = figures.detected(views.joints_pixel[:, 0])  # (8, 24, 2) and (8, 24): where, and how sure
fit = smplify(body, pixels, sure, views.cameras, prior=prior, capsules=fit_capsules(body))
with torch.no_grad():
    own = body(fit.shape, fit.pose, fit.translation)
figure = fit_gallery(views.image[:4], views.cameras[:4], own.vertices[:4], body.faces, truth.vertices[:4],
                     joints=pixels[:4], size=1.8, suptitle="All four are right in the picture")
show_photographs(figure, "Four people with joints, fitted bodies over them, and both bodies from the side.",
                 quality=55, scale=1.15)

# %% [markdown]
# **How to read it.** Over the picture, all four fits look right. From the side, you see what was a guess. Three bodies are about the true ones, a decimetre or two nearer to the camera. The fourth sits in the air: its thighs point at the camera, where the man stands with his legs apart. No joint in the picture contradicts it.
#
# Why care? People are at the centre of what machines look at: how they hold things, how they deal with each other, when they are about to step into the road, where they are in a headset's room. A studio measures bodies with scanners or dozens of cameras. Everyone else has one picture.

# %% [markdown] tags=["slide"]
# ## 1 · One picture, many poses
#
# A bone of known length that looks shorter than it is points towards the camera, or away from it. Both look the same (Lee and Chen 1985). A body has 23 bones: up to $2^{23}$, eight million skeletons for one picture. Choosing the wrong one is a **depth flip**. Move the arm through the picture's plane, and watch the error in the picture.

# %%
from lecture_utils.chapters.ch20.widgets.depth_flip import depth_flip

present(depth_flip())

# %% [markdown]
# **How to read it.** Two valleys with a hill between them: to get from one to the other, a fit that walks downhill would have to walk up. For the leg, the body itself helps, since no hip turns so far back.
#
# ### Where does the person stand?
#
# The camera of chapter 18 keeps its lens at the origin, so the body needs a **translation** $t$: a point $X$ of the body is seen at $K(X + t)$, divided by its depth. (A 2 × 3 matrix in place of this is *weak perspective*, the same depth for the whole body. The network of section 3 says its camera so; the fit of section 2 does not.)
#
# How far away? By **similar triangles**: a length of $L$ metres, seen side on, covers $\ell = fL/z$ pixels at depth $z$. The body model knows how long a trunk is.
#
# A second running example is a real photograph. We clicked twelve joints of this man by hand, and wrote down how sure we were of each. (Photograph: L. Varshney, CC0.)

# %%
from lecture_utils.chapters.ch20.clicks import clicks
from lecture_utils.data import photographs

man, clicked = photographs.load("camera", 512), clicks()
show_photographs(figures.clicked_figure(man, clicked, "Twelve joints, clicked by hand"),
                 "A man with a camera, and twelve joints clicked on him: his legs are outside.",
                 quality=60, scale=1.2)

# %%
predict("20.9")

# %% [markdown]
# Write the projection, and the translation by similar triangles. ($L$ is a length in space, by x, y and z; $f$ is `K[0, 0]`.) It is the first guess of everything that follows.

# %% tags=["exercise:20.6"]
def place(
    joints: Tensor, pixels: Tensor, confidence: Tensor, intrinsics: Tensor, bones: Tensor
) -> tuple[Tensor, Tensor]:
    """Where a person stands, (3,) to be added to the joints, and which pixels the joints then have, (J, 2).

    Joints (J, 3) are in metres and in the camera's axes (x right, y down, z forward), about the person's own
    origin. Depth comes from similar triangles: the lengths of `bones` (T, 2), pairs of joints, are to their
    lengths in pixels as the depth is to the focal length, all bones together, each weighted by the product of
    its joints' confidence (J,). The joints' mean, weighted by confidence, is put at that depth, where it is
    seen at the weighted mean of `pixels` (J, 2). Pixels of joints with confidence 0 may be NaN.
    """
    ...


place = check("20.6", place)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.fitting_solutions.place

# %%
from lecture_utils.body.smplify.joints import RestJoints, posed_joints
from lecture_utils.chapters.ch20.lab_fit import stance

rest = RestJoints.of(body)  # joints at rest are linear in the shape: a fit to joints needs no skin
standing = torch.zeros(1, 24, 3)
standing[0, 0] = stance(90.0)  # upright before the camera, facing the picture's right edge
joints, _ = posed_joints(rest, torch.zeros(1, 10), standing)
for focal in (1000.0, 2000.0):
    lens = clicked.intrinsics.clone()
    lens[[0, 1], [0, 1]] = focal
    moved, _ = place(joints[0], clicked.pixels, clicked.confidence, lens, clicked.bones)
    print(f"focal length {focal:.0f} pixels: the man stands {moved[2]:.2f} m away")

# %% [markdown]
# So a depth from one picture is as good as the focal length that one was told. Which way each bone points is another matter. That is section 2.

# %% [markdown] tags=["slide"]
# ## 2 · SMPLify
#
# **SMPLify** (Bogo et al. 2016) works from two sides. From below a detector says where joints are. From above a body model says where joints *would be*, for some pose θ, shape β and place. In between stands an energy, to be made small:
#
# $$E(\theta, \beta, t) = \underbrace{\sum_i w_i\,\rho\big(\Pi(J_i(\theta,\beta) + t) - x_i\big)}_{\text{the picture}} + \lambda_\theta E_\theta + \lambda_a E_a + \lambda_{sp} E_{sp} + \lambda_\beta E_\beta$$
#
# $\Pi$ projects, $J_i$ are the model's joints and $x_i$ the detected ones. The other four terms are **priors**: what is known before one has seen the picture. They are about poses, about elbows and knees, about limbs that may not pass through each other, and about shapes.
#
# ### What the picture says
#
# $w_i$ is how sure the detector is of joint $i$, from 0 to 1 (a weight, no mask). And ρ must forgive: a detector takes a chair leg for a shin now and then. **Geman and McClure's error** (1987) of a joint that is $e$ pixels off is
#
# $$\rho(e) = \frac{\sigma^2 e^2}{\sigma^2 + e^2}$$

# %%
predict("20.10")

# %% tags=["exercise:20.7"]
def data_term(projected: Tensor, pixels: Tensor, confidence: Tensor, sigma_px: float) -> Tensor:
    """How far projected joints (…, J, 2) are from where they were seen, (…): Geman and McClure's ρ.

    Of a joint that is e pixels off, ρ = σ² e² / (σ² + e²): e² near 0, and never more than σ². Joints are
    added up, each times its confidence (…, J). Of a joint with confidence 0 the pixel may be NaN.
    """
    ...


data_term = check("20.7", data_term)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.fitting_solutions.data_term

# %%
off = torch.linspace(0, 320, 321).requires_grad_()  # pixels
there = torch.stack([off, torch.zeros(321)], dim=1)[:, None]  # (321, 1, 2): one joint, ever farther off
rho = data_term(there, torch.zeros(321, 1, 2), torch.ones(321, 1), 50.0)  # yours
pull = torch.autograd.grad(rho.sum(), off)[0]
print(f"pull of a joint 20 pixels off: {pull[20]:.2f}; 300 pixels off: {pull[300]:.2f}")
figure = figures.robust_figure(off.detach(), rho.detach(), pull, 50.0)
plotting.show(figure, "The robust error and its slope against the distance; the slope goes back to nothing.")

# %% [markdown]
# **How to read it.** Near 0 it is the square. Beyond σ it levels off, and what is level does not pull. So one wrong joint costs a fixed sum, and the other 23 decide.
#
# And joints that nobody has seen? The man's legs have $w_i = 0$: about them the picture says nothing at all. Let the whole of SMPLify fit him.

# %%
predict("20.11")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.ops.camera import Cameras

lens = Cameras(torch.eye(3)[None], torch.zeros(1, 3), clicked.intrinsics[None], (512, 512))
found = smplify(body, clicked.pixels[None], clicked.confidence[None], lens, prior=prior)
with torch.no_grad():
    skin = body(found.shape, found.pose, found.translation).vertices[0]  # in the camera's axes: y down
figure = figures.man_figure(man, {"SMPLify": skin}, body.faces, lens, "Legs from nowhere")
show_photographs(figure, "The photograph, the fitted body over it, and the body from the side, with legs.",
                 quality=60, scale=1.2)

# %% [markdown]
# **How to read it.** The legs are no measurement. They are what goes with such a trunk in the poses that the prior has seen: plausible, like a well-told lie.
#
# ### What poses are like
#
# Which of eight million skeletons? The one that people take. Give each pose a probability, by a **mixture of Gaussians** over the 69 angles (all but the root's). One Gaussian is a cloud of similar poses, such as sitting, with a mean $\mu_m$ and a covariance; a mixture adds up several, each with a weight $g_m$. The energy of a pose would be $-\log \sum_m g_m N_m(\theta)$. The sum inside the logarithm is awkward, so SMPLify takes the largest part alone:
#
# $$E_\theta = \min_m \big(-\log g_m N_m(\theta)\big)$$

# %%
predict("20.12")

# %% [markdown]
# $P_m$, the **precision**, is the inverse of the covariance: large where the poses of a component hardly differ.

# %% tags=["exercise:20.8"]
def gmm_prior(pose: Tensor, means: Tensor, precisions: Tensor, weights: Tensor) -> Tensor:
    """How unlikely poses (B, D) are under a mixture of M Gaussians, (B,): -log of its likeliest component.

    Component m has weight g_m, mean μ_m (M, D) and precision P_m (M, D, D), the inverse of its covariance. It
    says -log g_m + ½ (θ - μ_m)ᵀ P_m (θ - μ_m) - ½ log det P_m. The smallest of these counts; the constant
    D/2 log 2π, which moves nothing, is left out.
    """
    ...


gmm_prior = check("20.8", gmm_prior)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.fitting_solutions.gmm_prior

# %%
angle = torch.linspace(-90, 90, 181)[:, None]  # degrees: how far the left leg lies over the right one
two = {"means": torch.tensor([[-40.0], [40.0]]), "precisions": torch.full((2, 1, 1), 1 / 15**2)}
smallest = gmm_prior(angle, **two, weights=torch.tensor([0.5, 0.5]))  # yours
mean = sum(gmm_prior(angle, two["means"][[m]], two["precisions"][[m]], torch.ones(1)) for m in (0, 1)) / 2
lines = {"the smallest": (angle[:, 0], smallest), "their mean": (angle[:, 0], mean)}
title = "Two ways to sit, and one that nobody does"
figure = plotting.curves(lines, "left leg over right, degrees", "energy", title)
plotting.show(figure, "Energies of a pose between two ways to sit: two valleys, or one where nobody sits.")

# %% [markdown]
# The toy world's prior has eight such clouds, fitted to 8,000 poses (the paper's eight to motion capture). Here are their means.

# %%
from lecture_utils.chapters.ch20.lab_fit import mixture_of
from lecture_utils.plotting.bodies import body_views

mixture = mixture_of(prior)  # means (8, 69), precisions (8, 69, 69), weights (8,)
clouds = torch.cat([torch.zeros(8, 1, 3), mixture.means.view(8, 23, 3)], dim=1)
with torch.no_grad():
    skins = body(torch.zeros(8, 10), clouds).vertices
figure = body_views(skins, body.faces, [f"{g:.0%}" for g in mixture.weights], columns=8, size=1.0,
                    suptitle="Eight kinds of poses, and how common each is")
plotting.show(figure, "The mean poses of the prior's eight Gaussians: standing, walking, sitting, bending.")

# %% [markdown]
# And how unlikely is a knee that bends forward?

# %%
poses = clouds[[6]].repeat(4, 1, 1)  # the seventh cloud's mean: somebody stands
poses[0] = 0  # the rest pose: arms straight out
poses[2, joint_index("left_knee"), 0] -= 1.2  # a knee bends about +x: this is the wrong way
poses[3, joint_index("neck"), 1] += 2.2  # about y: the head looks back
energies = gmm_prior(poses[:, 1:].flatten(1), *mixture)  # yours
with torch.no_grad():
    skins = body(torch.zeros(4, 10), poses).vertices
names = ("the rest pose", "a mean pose", "a knee forward", "the head back")
titles = [f"{name}: {energy:+.0f}" for name, energy in zip(names, energies - energies[1], strict=True)]
figure = body_views(skins, body.faces, titles, view=(-25.0, 10.0), columns=4, size=1.5,
                    suptitle="Energy more than the mean pose has")
plotting.show(figure, "Four poses with their energies: at rest, a mean pose, and two that nobody has.")

# %% [markdown]
# **How to read it.** Nobody looks back over the spine, and the prior knows. It finds the rest pose odd, too: few people stand with their arms straight out. But a knee bent forward costs it little. It has seen poses, no limits, and knees vary much in what it has seen. So SMPLify adds two things that need no data. Elbows and knees are hinges with one way to bend: $E_a = \sum \exp(\theta_i)$ over the four, with $\theta_i$ positive where the bend is unnatural.
#
# And limbs have a thickness. Each part is a **capsule**, a cylinder with round ends, and for the error is filled with balls; balls of parts that ought not to meet cost the more, the deeper they are in each other: $E_{sp}$. (The authors took capsules, as testing 7,000 vertices against each other is slow, and hard to differentiate.)

# %% tags=["show"]
# show: lecture_utils.body.smplify.capsules.overlap_residuals

# %%
poses = clouds[[6, 6]].clone()
poses[1, joint_index("left_hip"), 2] -= 0.35  # inwards
poses[1, joint_index("right_hip"), 2] += 0.3
capsules = fit_capsules(body)
placed_joints, _ = posed_joints(rest, torch.zeros(2, 10), poses)
overlap = overlap_residuals(capsules, placed_joints, torch.zeros(2, 10)).square().sum(1)
figure = figures.capsule_figure(body, capsules, poses, [f"E = {e:.1f}" for e in overlap])
plotting.show(figure, "Two bodies as balls: one stands free, in one the legs go through each other.")

# %% [markdown]
# ### The fit
#
# Now put it together. Your three functions, and the joint limits, make the energy. To weigh centimetres against priors whatever the camera is, pixels are turned into centimetres at the person's depth.

# %%
from typing import NamedTuple

from lecture_utils.body.smplify.bending import bending_residuals
from lecture_utils.body.smplify.data_term import project_joints
from lecture_utils.body.smplify.objective import Stage


class Seen(NamedTuple):
    """What is known of B pictures: pixels (B, 24, 2), confidence (B, 24), K (B, 3, 3), bones (T, 2)."""

    pixels: Tensor
    confidence: Tensor
    intrinsics: Tensor
    bones: Tensor


def energy(pelvis: Tensor, pose: Tensor, shape: Tensor, seen: Seen, stage: Stage) -> Tensor:
    """E (B,) of bodies in the camera's axes: the picture, in square centimetres, and the priors."""
    joints, _ = posed_joints(rest, shape, pose, pelvis)  # (B, 24, 3)
    cm = (100 * pelvis[:, 2].detach() / seen.intrinsics[:, 0, 0])[:, None, None]  # of a pixel, there
    projected = project_joints(joints, seen.intrinsics)
    e = data_term(cm * projected, cm * seen.pixels, seen.confidence, 30.0)
    e = e + stage.pose * gmm_prior(pose[:, 1:].flatten(1), *mixture)
    return e + stage.limits * bending_residuals(pose).square().sum(1) + stage.shape * shape.square().sum(1)

# %% [markdown]
# A fit begins at the prior's mean pose, where your similar triangles put it, facing one of four ways. (From the side nobody can tell whether a shadow looks left or right of the camera's line; the paper tries two, where the shoulders look narrow.) First the priors weigh much, so that the body moves as a whole; then less. The start with the least energy is kept.

# %%
def begin(seen: Seen, turn_deg: float) -> list[Tensor]:
    """Where fits begin: pelvis (B, 3), pose (B, 24, 3), shape (B, 10)."""
    count = len(seen.pixels)
    mean = (mixture.weights @ mixture.means).view(23, 3)
    pose = torch.cat([stance(turn_deg)[None], mean]).repeat(count, 1, 1)
    shape = torch.zeros(count, 10)
    joints, _ = posed_joints(rest, shape, pose, torch.zeros(count, 3))  # about the pelvis
    given = zip(joints, seen.pixels, seen.confidence, seen.intrinsics, strict=True)
    return [torch.stack([place(*one, seen.bones)[0] for one in given]), pose, shape]

# %% tags=["system:S20.4"]
STAGES = tuple(Stage(pose=weight, shape=weight, limits=10.0, steps=60) for weight in (30.0, 12.0))


def fit_bodies(seen: Seen, stages: tuple[Stage, ...] = STAGES, turns=(0, 90, 180, 270)) -> list[Tensor]:
    """Fit from each heading; of each picture the one with the least energy: pelvis, pose, shape."""
    ends = []
    for turn_deg in turns:
        x = [part.requires_grad_() for part in begin(seen, turn_deg)]
        adam = torch.optim.Adam(x, lr=0.05)
        for stage in stages:
            for _ in range(stage.steps):
                e = energy(*x, seen, stage)  # (B,)
                adam.zero_grad()
                e.sum().backward()
                adam.step()
        ends.append([e.detach(), *(part.detach() for part in x)])
    best = torch.stack([end[0] for end in ends]).argmin(0)  # (B,)
    rows = torch.arange(len(best))
    return [torch.stack(part)[best, rows] for part in list(zip(*ends, strict=True))[1:]]

# %%
predict("20.13")

# %% [markdown]
# First the eight people, then the man.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.metrics.pose_3d import mpjpe_mm
from lecture_utils.ops.camera import world_to_cam

sides = [[f"{side}_hip", f"{side}_shoulder"] for side in ("left", "right")]
trunk = torch.tensor([[joint_index(name) for name in side] for side in sides])
seen = Seen(pixels, sure, views.cameras.intrinsics, trunk)
true_joints = world_to_cam(truth.joints, views.cameras)  # (8, 24, 3), in each camera's axes
rows = []
for name, left_out in (("with priors", ()), ("without those of pose", ("pose", "limits"))):
    pelvis, pose, shape = fit_bodies(seen, tuple(stage.without(*left_out) for stage in STAGES))
    joints, _ = posed_joints(rest, shape, pose, pelvis)
    projected = project_joints(joints, seen.intrinsics)
    off = [(projected - x).norm(dim=-1).mean() for x in (pixels, views.joints_pixel[:, 0])]
    errors = mpjpe_mm(joints, true_joints)  # (8,)
    from_four = errors if not left_out else from_four  # for section 8
    rows.append((name, *(f"{x:.1f}" for x in off), f"{errors.mean():.0f}"))
show_table(rows, ["your fit", "pixels from the detected joints", "from the true ones", "mm in space"])

# %% [markdown]
# **How to read it.** Without the priors of pose, joints come nearer to where they were *detected*, and farther from where they *are*, in the picture too. They fit the detector's noise. The last column is **MPJPE**, the mean distance per joint with the pelvises laid over each other.
#
# Twelve centimetres are a lot, and are what your fit gets from one picture without any network; two of the eight (section 8: 211 and 219 mm) are wrong altogether. The package's fit is 78 mm off in the mean of 240 people (C20.2).
#
# The package's solver takes steps in closed form, and begins at the mean of every cloud; the rest is the same energy, with the capsules. Here it is, step by step.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch20.widgets.fit_steps import fit_steps

present(fit_steps())

# %% [markdown]
# **How to read it.** Compare the two ends. Both bodies cover their joints; only one of them could stand up.
#
# Back to the photograph. Yours fits the man, once with the prior of poses and once without it.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
man_seen = Seen(clicked.pixels[None], clicked.confidence[None], clicked.intrinsics[None], clicked.bones)
skins = {}
for name, left_out in (("with the prior", ()), ("without it", ("pose", "limits"))):
    pelvis, pose, shape = fit_bodies(man_seen, tuple(s.without(*left_out) for s in STAGES), turns=(90,))
    with torch.no_grad():
        skin = body(shape, pose, pelvis - rest.at(shape)[:, 0])
    pixel = project_joints(skin.joints, man_seen.intrinsics)[0]
    off = (clicked.confidence * (pixel - clicked.pixels).norm(dim=1)).nansum() / clicked.confidence.sum()
    skins[f"{name}: {off:.0f} pixels off"] = skin.vertices[0]
figure = figures.man_figure(man, skins, body.faces, lens, "Nearer to the clicks, and no nearer to the man")
show_photographs(figure, "Bodies fitted to the man with the pose prior and without, and both from the side.",
                 quality=60, scale=1.2)

# %% [markdown]
# **How to read it.** Without the prior the clicks are met to 6 pixels in place of 13. From the side both men could stand so, more or less, and neither has his hands where the photograph shows them, at the face. The elbows tell: in the lab you measure them, 76° beyond what an elbow does in such a fit. A small error in pixels is no proof of a good fit.
#
# ### Where it fails
#
# Eight fits were made at the beginning. Here are three of the failures, the worst of each kind, and a fourth: a frame in which somebody walks behind another person. There the detector has seen joints of the wrong person, as detectors do.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch20.smplify_failures import gallery, kinds
from lecture_utils.data.toyworld.people import crossing

told = figures.as_detected(scene, views, truth, pixels, sure)
worst = gallery(kinds(body, told, fit))  # "turned", "flipped", "feet", "hands": the number of a fit each
pair = crossing(0, body, split="test", frames=24, fps=60.0, size=(192, 144))[9]
pair_views = render_people(pair, body)
mixed, doubt = figures.mixed_up(pair_views)  # joints of person 0 as a detector may tell them
behind = smplify(body, mixed, doubt, pair_views.cameras, prior=prior, capsules=fit_capsules(body))
figure = figures.failures_figure(
    body, {"a leg flipped": worst["flipped"], "feet": worst["feet"], "heading": worst["turned"]},
    (views, truth.vertices, own.vertices, pixels), ("two people", pair, pair_views, mixed, behind))
show_photographs(figure, "Four failures of SMPLify, over their pictures and from the side of each.",
                 quality=55, scale=1.15)

# %% [markdown]
# **How to read it.** *A leg flipped*: both ways are likely poses, and the energy of the wrong one came out lower. *Feet*: below the ankle one joint is all there is, and no term knows the floor. *Heading*: seen from behind or bent, a trunk of four joints says little. *Two people*: half of the joints are somebody else's. That takes a method that knows of both: section 4.
#
# A network that has seen many pictures could help with the first three. It sees more than 24 points: toes, faces, shadows.

# %% [markdown] tags=["slide"]
# ## 3 · SPIN
#
# A fit takes a second here (under a minute in the paper), begins blind, and looks at 24 points. A network looks at the whole picture, once. **HMR** (Human Mesh Recovery; Kanazawa et al. 2018) made it say SMPL's numbers directly.
#
# A **regressor** is a network whose answer is numbers. A pose is 24 rotations at once, and hard to hit in one go, so the regressor corrects itself: it starts at the mean pose, looks at its features φ *and* at its own guess $\Theta_k$, and adds a correction, three times:
#
# $$\Theta_{k+1} = \Theta_k + \Delta\Theta(\phi, \Theta_k)$$
#
# This is **iterative error feedback**. Rotations are the six numbers of part a.

# %% tags=["show"]
from lecture_utils.body.spin.regressor import Estimate

# show: lecture_utils.body.spin.regressor.Regressor.iterates

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch20 import regressor_figures
from lecture_utils.recipes import _people_regressor as shared
from lecture_utils.recipes._people_crops import people, views as crop_views

train_people, test_people = people(128, "train", seed=1), people(48, "test")  # crops of 64 × 64 pixels
expert = zoo.load("people_spin")  # trained in the loop of this section, for longer
one = test_people.images[:1].float() / 255
with torch.no_grad():
    guesses = expert.iterates(expert.encoder(one))  # four Estimates: rotations, shape, camera
figure = regressor_figures.iterates_figure(body, test_people.images[0], guesses, crop_views(1))
plotting.show(figure, "One crop, and four guesses over it: the mean pose, and after each correction.")

# %% [markdown]
# **How to read it.** Each correction goes part of the way, most plainly in place and size; the legs are still wrong at the end. (SPIN's features come from ResNet-50, which has seen a million pictures. Ours come from a small network that has learned to find the joints in 2,000 crops of the toy world, and is held fixed here.)
#
# ### Who teaches it?
#
# For pictures outside studios nobody knows the 3-D pose. People can click 2-D joints. So a first idea: project what the network says, and compare it with the clicks.

# %%
from lecture_utils.body.spin.losses import parameter_losses, picture_loss
from lecture_utils.training.one_cycle import one_cycle

lenses = crop_views(64)  # one camera for all crops: nobody knows the true ones


def joints_alone(network: nn.Module, batch: tuple, _: None) -> Tensor:
    """Compare projected joints with detected ones, and nothing else."""
    crops, features = batch
    guess = network.iterates(features)[-1]
    return picture_loss(guess, shared.joints(), crops.joints2d, crops.confidence, lenses)


def trained(loss, steps: int, rate: float, label: str, network: nn.Module | None = None) -> nn.Module:
    """Train a new regressor, or a given one, on the 128 crops; the encoder stays as it is."""
    network = network or shared.fresh(0)
    optimizer = torch.optim.AdamW([*network.mlp.parameters(), *network.correction.parameters()], rate)
    batches = shared.feature_batches(train_people, seed=0)
    one_cycle(network, batches, loss=loss, optimizer=optimizer, steps=steps, warm_up=0.15, label=label)
    return network

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
flat = trained(joints_alone, runtime.pick(quick=300, full=3000), 3e-3, "2-D joints alone")
print(f"off in space by {shared.score(flat, train_people)['mpjpe_mm']:.0f} mm, on crops that it has learned")
title = "Taught by 2-D joints alone: near in the picture, wrong from the side"
figure = regressor_figures.guesses_figure(body, train_people, flat, [0, 1, 2, 3], crop_views(128), title,
                                          split=("train", 1))
show_photographs(figure, "Four training crops; bodies over them fit roughly, and from the side bend wrongly.",
                 quality=55, scale=1.15)

# %% [markdown]
# **How to read it.** These are crops that it was trained on. Over the picture, trunk and arms are about right; heads and feet are not, after so few steps. From the side knees bend too far, trunks twist, and arms point where no arm was. Nothing in the loss minded. (HMR minded by a *discriminator*, a network that tells real poses from made-up ones. SPIN has a simpler idea.)
#
# ### The loop
#
# Section 2 has a teacher that minds: the fit. It knows priors, but starts blind. The network knows where to start, but nothing of depth. Let each help the other (Kolotouros et al. 2019), and store a fit for each training picture.

# %%
predict("20.14")

# %% [markdown]
# Once round the loop:
#
# 1. the network looks at a crop: $\Theta_{reg}$;
# 2. SMPLify starts *there*, and fits to the 2-D joints: $\Theta_{opt}$;
# 3. a dictionary keeps, for each training picture, the best fit ever found;
# 4. the network learns from that: $\lVert \Theta_{reg} - \Theta_{opt} \rVert^2$.
#
# **SPIN** is *SMPL optimisation in the loop*. The optimiser is there for training alone: at test time the network answers by itself. (It is not an optimiser put on top of SMPLify.)

# %% tags=["exercise:20.9"]
def keep_best(
    fits: Tensor, errors: Tensor, rows: Tensor, new_fits: Tensor, new_errors: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """SPIN's dictionary after a batch: fits (N, D), errors (N,), and what the batch learns from, (B, D).

    Picture `rows[b]`, each at most once, has been fitted anew: `new_fits` (B, D) with `new_errors` (B,). A
    new fit takes the old one's place where its error is smaller; an error that is NaN is not. The dictionary
    that comes in is left as it is. The network learns from the best fit there now is of each picture of the
    batch.
    """
    ...


keep_best = check("20.9", keep_best)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.fitting_solutions.keep_best

# %%
kept = {"fits": torch.zeros(1, 2), "errors": torch.tensor([6.0])}  # a stored fit, 6 pixels off
fits, errors, teacher = keep_best(**kept, rows=torch.tensor([0]), new_fits=torch.ones(1, 2),
                                  new_errors=torch.tensor([9.0]))  # yours
print(f"stored: off by {errors[0]:.0f} pixels; the network learns from {teacher[0].tolist()}, the stored fit")

# %% [markdown]
# ### Train in the loop
#
# The four steps, in code. A fit is ten steps of Adam from where the network stands. Your dictionary begins empty, with errors of infinity. (SPIN's begins with fits from the mean pose, and so does that of section 6.) Fits more than three pixels off teach nothing.

# %% tags=["system:S20.5"]
from lecture_utils.body.spin.fits import Fit
from lecture_utils.body.spin.loop import fitted, unmirrored
from lecture_utils.ops.rotation import axis_angle_to_matrix

fitter, MOST_PX = shared.loop_fit(), 3.0
memory = {"fits": torch.zeros(128, 72 + 10 + 3), "errors": torch.full((128,), torch.inf)}
diary = []  # of each step: mean error of the latest fits, and of the best ones so far


def spin_loss(network: nn.Module, batch: tuple, _: None) -> Tensor:
    """Once round the loop."""
    crops, features = batch
    guess = network.iterates(features)[-1]  # 1
    fit = unmirrored(fitted(crops, guess, shared.joints(), lenses, fitter), crops.mirrored)  # 2
    new = torch.cat([fit.pose.flatten(1), fit.shape, fit.translation], dim=1)
    memory["fits"], memory["errors"], best = keep_best(**memory, rows=crops.rows, new_fits=new,
                                                       new_errors=fit.error_px)  # 3: yours
    diary.append((fit.error_px.mean(), memory["errors"][crops.rows].mean()))
    usable = memory["errors"][crops.rows] <= MOST_PX
    pose, shape, place_m = best.split([72, 10, 3], dim=1)
    best = unmirrored(Fit(pose.unflatten(1, (24, 3)), shape, place_m, fit.error_px), crops.mirrored)
    turned, shaped = parameter_losses(guess, axis_angle_to_matrix(best.pose), best.shape, usable)  # 4
    return joints_alone(network, batch, None) + turned + 0.01 * shaped

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
yours = trained(spin_loss, runtime.pick(quick=80, full=800), 3e-3, "in the loop")
usable = memory["errors"] <= MOST_PX
print(f"{usable.float().mean():.0%} of the training crops have a fit to learn from")
lines = dict(zip(("the latest fits", "the best so far"), torch.tensor(diary).T, strict=True))
title = "Newer is not better: the dictionary only improves"
figure = plotting.curves(lines, "step", "pixels off, mean of a batch", title)
plotting.show(figure, "Errors of the latest and of the best fits over the steps of the loop; both fall.")

# %% [markdown]
# **How to read it.** At first a fit from the network's guess seldom succeeds: ten steps are few, and the guess is the mean pose. As guesses improve, so do the fits. Had the network learned from the latest ones, it would have learned the upper curve. (The lower one wobbles: each step is another batch. No single picture ever gets worse.)
#
# Both teachers: the same network, the same crops, and more steps for the 2-D joints (a step of the loop has a fit in it). And the package's networks, which had 2,000 crops and more steps. The one from 2-D joints has SMPLify's priors in its loss besides.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
networks = {"untrained: about the mean pose": shared.fresh(0),
            "yours, 2-D joints alone": flat, "yours, in the loop": yours,
            "shipped, 2-D joints and priors": zoo.load("people_hmr2d"), "shipped, in the loop": expert}
rows = []
for name, network in networks.items():
    learned = shared.score(network, train_people)["mpjpe_mm"] if name.startswith("yours") else None
    held = shared.score(network, test_people)
    numbers = [f"{held[key]:.0f}" for key in ("mpjpe_mm", "pa_mpjpe_mm")]
    rows.append((name, f"{learned:.0f}" if learned else "", *numbers))
show_table(rows, ["teacher", "MPJPE on its crops, mm", "held out, mm", "held out, aligned, mm"])

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
said = shared.joints().of(shared.estimates(expert, test_people), crop_views(48))
errors = mpjpe_mm(said, test_people.joints_m)
order = errors.argsort().tolist()
some = [order[0], order[12], order[36], order[-1]]  # the best, two between, the worst
title = "Trained in the loop, held-out people"
names = [f"{errors[k]:.0f} mm" for k in some]
figure = regressor_figures.guesses_figure(body, test_people, expert, some, crop_views(48), title, names)
show_photographs(figure, "Four held-out crops, from the best to the worst, and the network's bodies.",
                 quality=55, scale=1.15)

# %% [markdown]
# **How to read it.** *Aligned* means after the turn, shift and scale that fit best. These are bad numbers. On held-out people yours are more than a quarter of a metre off, and the shipped ones 234 and 248 mm: three times as far as SMPLify in C20.2 (78 mm, on joints that a good detector might give). Nearly no answer, the first row, is 316 mm off. Teachers make a difference of 10 to 26 mm, and 48 people do not prove it: see section 6.
#
# SMPLify was given the joints; these were given 64 × 64 pixels, and have seen few people. The worst one takes somebody who bends over for somebody who squats.

# %% [markdown] tags=["slide"]
# ## 4 · Several people, one video
#
# When people stand before one another, each method so far goes wrong in its own way: joints are taken from the wrong person, and masks run together. **MultiPly** (Jiang et al. 2024) fits all people of a video *together*, with what is behind them. Who hides whom is then part of the model, and not a disturbance.
#
# ### What is in front
#
# Give each person a **layer**: what a camera would see of that person alone. How are layers put together?

# %%
predict("20.15")

# %% [markdown]
# Along each ray stand samples, each with a colour, an opacity α and a depth, as in chapter 18. Sort the samples of *all* people together, nearest first, and add up. A sample's weight is its α times what passes those before it. One person's weights, added up, are that person's share of the pixel: an instance mask, which knows who is hidden and has a gradient.

# %%
predict("20.16")

# %% tags=["exercise:20.10"]
def composite_layers(
    colours: Tensor, alphas: Tensor, depths: Tensor, background: Tensor
) -> tuple[Tensor, Tensor]:
    """What rays see of several people, (R, 3), and which share of each ray is whose, (R, P).

    Each of P people has S samples on each of R rays: colours (P, R, S, 3), opacities (P, R, S) and depths
    (P, R, S), in no order. All samples of a ray are blended together, the nearest first, whoever they belong
    to; what passes them all comes from the background (R, 3). A person's share is the weights of their
    samples, added up.
    """
    ...


composite_layers = check("20.10", composite_layers)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.fitting_solutions.composite_layers

# %%
one_ray = {"colours": torch.ones(2, 1, 1, 3), "alphas": torch.tensor([[[0.6]], [[0.5]]]),
           "depths": torch.tensor([[[2.0]], [[3.0]]]), "background": torch.ones(1, 3)}
_, shares = composite_layers(**one_ray)  # yours
print(f"Anna {shares[0, 0]:.1f}, Ben {shares[0, 1]:.1f}, background {1 - shares.sum():.1f}")

# %% [markdown]
# To draw people with it, each needs samples. MultiPly's person is a network that says a signed distance and a colour. Ours is a cloud of Gaussians (chapter 18) on the body's surface, so on each ray each Gaussian is one sample.

# %%
from lecture_utils.body.multiply.avatar import Avatar, Cloud
from lecture_utils.chapters.ch20 import crowd_figures as crowds
from lecture_utils.ops.camera import pixel_grid
from lecture_utils.rendering.gaussians.projection import project_gaussians


def layers(clouds: list[Cloud], camera: Cameras, behind: Tensor) -> tuple[Tensor, Tensor]:
    """Draw people in one frame before a picture `behind` (3, H, W): (3, H, W), and their shares (P, H, W)."""
    at = pixel_grid(camera.size).view(-1, 1, 2)  # (R, 1, 2)
    samples = []
    for one in clouds:
        round_ones = one.radii_m[:, None, None] ** 2 * torch.eye(3)
        splats = project_gaussians(one.points, round_ones, camera)
        off = at - splats.means  # (R, N, 2)
        power = torch.einsum("rni,nij,rnj->rn", off, torch.linalg.inv(splats.covariances), off)
        alpha = (one.opacities * (-power / 2).exp()).clamp(max=0.99)
        samples.append((one.colours.expand(*power.shape, 3), alpha, splats.depth_m.expand_as(power)))
    given = [torch.stack(part) for part in zip(*samples, strict=True)]
    picture, shares = composite_layers(*given, behind.flatten(1).T)  # yours
    return picture.T.unflatten(1, camera.size), shares.T.unflatten(1, camera.size)

# %% [markdown]
# Two people hug, each with the arms around the other.

# %%
camera, anna, ben, white = crowds.hug(body)  # two clouds of 500 Gaussians each
with torch.no_grad():
    a_last, _ = layers([anna], camera, layers([ben], camera, white)[0])  # Anna laid over Ben
    b_last, _ = layers([ben], camera, layers([anna], camera, white)[0])
    together, shares = layers([anna, ben], camera, white)
titles = ["Anna laid over Ben", "Ben laid over Anna", "all samples sorted"]
pictures = [crowds.cut(x) for x in (a_last, b_last, together)]
title = "No order of whole people is right"
figure = plotting.image_grid(pictures, titles, columns=3, size=2.5, suptitle=title)
plotting.show(figure, "Two people who hug: laid over each other in both orders, and with all samples sorted.")

# %% [markdown]
# **How to read it.** Anna's arm lies before Ben, and Ben's before Anna. Laid over Ben as a whole, Anna hides his arm; the other way round his head cuts her arm in two. Sorted sample by sample, both arms are nearly whole.
#
# ### A person once, for all frames
#
# An **avatar** is a person at rest, in **canonical space**: place, size, colour and opacity of each Gaussian are learned there, once. SMPL's skinning carries them into every frame's pose. So a frame in which the person is hidden still gets a whole body, from the other frames.

# %% tags=["show"]
# show: lecture_utils.body.multiply.avatar.Avatar.forward

# %% [markdown]
# ### Which frames can be trusted?
#
# Poses and people are learned in turn. A wrong pose, learned from, spoils the avatar for all frames. So MultiPly asks each frame for its **confidence**: the layers' masks (which come from poses) are compared with masks that the picture has corrected. The corrector is a promptable segmenter, SAM (chapter 11), asked with the bodies' joints as points. (Here stands a smaller one that goes by colours.) The worse half of the frames may move its poses, and may not touch the avatars.

# %% tags=["show"]
# show: lecture_utils.body.multiply.confidence.mask_agreement

# %% tags=["show"]
# show: lecture_utils.body.multiply.confidence.reliable_frames

# %% [markdown]
# The video: 24 frames of two people who pass each other, a fit of some ten seconds. Poses begin as a tracker might give them: the truth, with noise that drifts, and grows while a person is hidden. Four frames are held out.

# %%
import time

from lecture_utils.body.multiply.fit import FitSettings, fit_people
from lecture_utils.body.multiply.people import People
from lecture_utils.recipes import _people_video as videos



@torch.no_grad()
def drawn(crowd: People) -> list[tuple[Tensor, Tensor]]:
    """Six frames in layers, by your function."""
    clouds = crowd.clouds()
    return [layers([c.frame(f) for c in clouds], video.camera, crowd.background) for f in crowds.FRAMES]


# %% tags=["system:S20.6", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
video = videos.people_video(0, body, split="test")  # 24 frames of 64 × 80 pixels
poses = videos.rough_start(video, 0, angle=0.06, place_m=0.02, worse=2.0)
empty = video.images[~video.held_out].median(dim=0).values  # who moves is mostly gone from it
crowd = People([Avatar(body, 300, seed=p) for p in range(2)], *poses, empty)
begun = videos.measured(crowd, video)
first = drawn(crowd)
settings = FitSettings(rounds=3, frames=3)
told = fit_people(crowd, video.images, video.camera, settings, held_out=video.held_out,
                  clock=time.thread_time)
ended = videos.measured(crowd, video)
print(f"fitted in {told.seconds:.0f} seconds of one core")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
title = "Grey bodies become people, and each keeps its own mask"
figure = crowds.video_figure(video, first, drawn(crowd), title)
show_photographs(figure, "Six frames: the video, layers at first and at the end, and masks, true and fitted.",
                 quality=55, scale=1.15)
names = {"mpjpe": "joints, mm", "mpjpe_hidden": "joints of who is hidden, mm", "iou": "IoU of masks",
         "iou_hidden": "IoU of who is hidden", "psnr": "held-out frames, PSNR in dB",
         "switches": "identity switches"}
rows = [(words, f"{begun[key]:.2f}", f"{ended[key]:.2f}") for key, words in names.items()]
show_table(rows, ["", "at first", "fitted"], caption="Two people who cross")

# %% [markdown]
# **How to read it.** Rows two and three are drawn by your function, and so are the masks of the last one. At first everyone is grey, and both are off: 7 cm in the mean, 14 where hidden. (The ghosts between them are the median's: where people stand in half of the frames, they remain. The background is learned on.)
#
# Fitted, each has a shirt, and keeps it behind the other. In frame 9 half of one person is hidden; the rest of that body is known from other frames. The held-out frames 9, 15 and 21 were never looked at.
#
# No identity is switched, neither at first nor at the end: this table cannot tell that the method helps with that. (A switch: the mask that fits a person best is another than before.) And fitted alone each would have done as well: C20.4.
#
# Which frames were trusted?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
used = (~video.held_out).nonzero()[:, 0]
agreement = told.masks[-1].agreement  # (20, 2), of the last round
figure = crowds.trust_figure(used, agreement, video.hidden[used].amax(1), told.reliable[-1][used])
plotting.show(figure, "Agreement of both masks by frame, low where one is hidden; trusted frames marked.")

# %% [markdown]
# **How to read it.** Frames 10 to 14, in which a third to three quarters of one person are hidden, all fall out. But half of the frames always has to go (the authors' code has it so): 0, 7, 16, 22 and 23 go as well, where hardly anybody is hidden, and frame 8 stays. It needs no truth: both masks are the method's own.
#
# Is this real time? No. The authors optimise each video at length, on a GPU; our toy takes some ten seconds for 24 frames of 64 × 80 pixels. And it does more than poses and tracks: surface and appearance come out as well.

# %% [markdown] tags=["slide"]
# ## 5 · Put together, and evaluate
#
# Three ways from pixels to bodies. What goes in, and what comes out?

# %% tags=["nbval-ignore-output", "why:times-differ-between-machines"]
def seconds_of(run, count: int) -> str:
    """Seconds of one core for each of `count` people."""
    begun = time.thread_time()
    run()
    return f"{(time.thread_time() - begun) / count:.3f}"


numbers = sum(p.numel() for p in expert.parameters())
rows = [
    ("SMPLify", "24 joints, a focal length", "82 numbers and a place", 0,
     seconds_of(lambda: smplify(body, pixels[:2], sure[:2], views.cameras[:2], prior=prior), 2)),
    ("SPIN's network", "a crop, (3, 64, 64)", "24 × 6 + 10 + 3 numbers", numbers,
     seconds_of(lambda: shared.estimates(expert, test_people), len(test_people))),
    ("MultiPly, in small", "24 frames, rough poses", "poses, masks, two avatars",
     sum(p.numel() for p in crowd.parameters()), f"{told.seconds / 2:.1f}"),
]
show_table(rows, ["", "in", "out", "numbers learned", "seconds a person"])

# %% [markdown]
# A network answers hundreds of times faster, and sees the whole picture; a fit is more exact where joints are good.
#
# **Successes**: three of the four of the gallery; the man's arms, in the picture; two people drawn in the right order, each with an own shirt. **Failures**: depth flips, feet, headings, joints of the wrong person (section 2); poses that a small network does not see (section 3); and in section 4 shirts that smear where the poses stay wrong.

# %% [markdown] tags=["slide"]
# ## 6 · Claims, measured
#
# Each has a rule that was written before its runs.
#
# ### C20.2 · Priors cut the depth flips of SMPLify
# 48 people a seed; a bone counts if both its ends are right in the picture.

# %% tags=["claim:C20.2"]
from lecture_utils.chapters.ch20 import fitting_claim_figures as claim_figures
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim

show_claim("C20.2")

# %%
figure = claim_figures.arms_figure([own["scores"] for own in ledger.load("C20.2").figures],
                             "The prior of poses does nearly all of it")
plotting.show(figure, "Depth flips and joint errors of SMPLify with all priors and without each, five seeds.")

# %% [markdown]
# **How to read it.** *C20.2 holds.* With all priors 2 % of the bones are flipped, without them 22 %: a tenth is left (interval 1 to 18 %). With noise of 4 pixels 30 % of the flips are left.
#
# Joint limits and capsules hardly matter here: no pose of the toy world goes beyond the ranges of joints, so a prior of its poses says nearly all that they say. (*no priors* still has the prior of shapes; *reprojection only* has nothing but the picture.) Trying both headings matters as much as half of the prior.
#
# The prior knows the toy world's own poses, though half of the people measured here combine legs and arms as no pose of its training does. On people who do what nobody in the training did, it would help less.
#
# ### C20.3 · The loop teaches better than 2-D joints
# Three seeds; all networks read the same held encoder, and differ in their teacher.

# %% tags=["claim:C20.3"]
show_claim("C20.3")

# %%
figure = claim_figures.teachers_figure([own["scores"] for own in ledger.load("C20.3").figures],
                                 "Teachers differ by little, good joints by a factor of two")
plotting.show(figure, "MPJPE on held-out people by teacher, and of SMPLify on found and on good joints.")

# %% [markdown]
# **How to read it.** *C20.3 is not reproduced at our scale.* The loop's network is 207 mm off, in the mean of three seeds. From 2-D joints and priors it is 231 mm at as many steps, and 215 mm at three times as many, which is what the rule compares with: the loop is ahead by 6 to 10 mm (interval 3 to 12). SMPLify on joints found in the same pictures is 226 mm off: the loop is ahead by 13 to 31 mm.
#
# Each gain is above 0 on each seed, but the second one differs so much that its interval, -6 to 45 mm, reaches below 0. The rule asked for both, so the claim is not reproduced. Where an interval comes so near its bound, the course's own rule asks for ten seeds. Two more were run before time ran out, and are not in the record: their gains were 7.0 and 4.0 mm, and 11.2 and 12.4 mm. Ten are owed.
#
# Two hundred millimetres are bad: a fifth of a metre a joint. The last row is the boundary: SMPLify on joints as good as those of the training is 106 mm off, half of what every network is. And the teacher was as good: the dictionary's fits are 101 mm off the truth on the training crops. The networks do not get there, so the bottleneck is not the teacher, but what a small encoder, held fixed, reads from 64 × 64 pixels (the paper's is a ResNet-50).
#
# Nor did the loop better its teacher here: the dictionary went from 100.9 to 100.5 mm in 600 steps. That the loop's network is 6 mm ahead of one taught by the first fits (-1, 8 and 12 mm) may therefore be chance.
#
# ### C20.4 · Together beats one at a time
# A video a seed, two people, one of whom is hidden for a while. Alone means: each is fitted by the same code as if there were no other.

# %% tags=["claim:C20.4"]
show_claim("C20.4")

# %% [markdown]
# **How to read it.** *C20.4 is not reproduced; on these videos it goes the other way.* Where somebody is hidden, joints begin 148 mm off. Fitted together they end at 105 mm, fitted alone at 93 mm: together is 12 mm *worse* (interval from 26 mm worse to 2 mm better), on each of five seeds. Masks of who is hidden are 0.02 of IoU worse together (0.08 worse to 0.03 better). Over all frames joints differ by 2 mm at most, either way.
#
# What together is better at is the picture: held-out frames by 0.04 to 0.5 dB, on each of five seeds. No rule was written for that, so it is no claim. And no identity was ever switched, by either.
#
# One reading: alone, nothing is seen of a hidden person, and the pose follows the neighbouring frames, which is no bad guess for a walk of under a second. Together, a thin strip of shirt beside the other person pulls at the pose, and in 64 × 80 pixels a strip tells little. We have not tested this reading. The paper's videos are longer, its pictures larger, and its people meet in ways that no neighbour frame foretells.
#
# The hug of section 4 shows what layers are for, but there the bodies are known, and only drawn. A case where fitting *together* finds better poses is what this chapter does not have.

# %% [markdown] tags=["slide"]
# ## 7 · Paper and toy
#
# | | The papers | Here | What it costs |
# |---|---|---|---|
# | Body | SMPL, from thousands of scans | a procedural one of the same layout | faces, hands, realism |
# | Joints | DeepCut's, 14 (SMPLify); annotated ones, and OpenPose's (SPIN) | the truth with noise, 24 | a detector's habits |
# | Pose prior | eight Gaussians over motion capture | eight over the toy world's poses | knows our poses too well |
# | Optimiser | Powell's dogleg; SPIN: Adam | Adam in the open, Levenberg–Marquardt (second-order steps) in the package | not measured |
# | SPIN's network | ResNet-50, pictures of 224 × 224 from several data sets | a small one that finds joints, 2,000 crops of 64 × 64 | not comparable: other pictures |
# | MultiPly's avatar | a signed distance field and a colour field | 300 Gaussians a person | surface, detail |
# | Masks | SAM, by points | colours on both sides of an edge | fails on like clothes |
# | Time | a long optimisation a video | seconds, 64 × 80 pixels | sharpness |

# %% [markdown] tags=["slide"]
# ## 8 · Break it
#
# ### Squares for ρ
# A detector takes something at the right edge for the man's left elbow. Put the wrong click in, and fit once with your robust error, once with plain squares (which is σ without end). Guess first: where does the arm go, and does anything else move?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
wrong = clicked.pixels.clone()
elbow = joint_index("left_elbow")
wrong[elbow] = torch.tensor([480.0, 120.0])  # in the sky
others = [j for j in range(24) if clicked.confidence[j] > 0 and j != elbow]
robust, skins = data_term, {}
for name, sigma in (("robust", 30.0), ("squares", 1e4)):
    def data_term(projected, pixels, confidence, _, sigma=sigma):
        return robust(projected, pixels, confidence, sigma)

    spoilt = man_seen._replace(pixels=wrong[None])
    pelvis, pose, shape = fit_bodies(spoilt, turns=(90,))
    with torch.no_grad():
        skin = body(shape, pose, pelvis - rest.at(shape)[:, 0])
    off = (project_joints(skin.joints, man_seen.intrinsics)[0] - clicked.pixels)[others].norm(dim=1).mean()
    skins[f"{name}: others {off:.0f} pixels off"] = skin.vertices[0]
data_term = robust
figure = figures.man_figure(man, skins, body.faces, lens, "One wrong click, and who listens to it")
show_photographs(figure, "The man with one wrong click, fitted with the robust error and with squares.",
                 quality=60, scale=1.2)

# %% [markdown]
# **How to read it.** With squares the arm reaches for the sky, and the man leans after it. The others are 36 pixels off in place of 17: one joint far off outweighs all that fit.
#
# ### One heading
# Fit the eight people again, but begin with all of them facing the camera.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
pelvis, pose, shape = fit_bodies(seen, turns=(0,))
joints, _ = posed_joints(rest, shape, pose, pelvis)
for name, each in (("four headings", from_four), ("one", mpjpe_mm(joints, true_joints))):
    print(f"{name}: {each.mean():.0f} mm; one by one {each.round().int().tolist()}")

# %% [markdown]
# That costs 10 mm in the mean of eight; in C20.2, 78 mm become 120. A fit walks downhill. The first man looks away: he begins on the wrong side of a hill, and stays there. (The third is luckier so: of his four ends, that of least energy was not the best.) SPIN's network is there to begin on the right side.

# %% [markdown] tags=["slide"]
# ## 9 · Lab
#
# **A body for the man behind the camera.** Twelve clicks, no depth, no legs.
#
# ### Step 1: assemble
# Write the fit as a class: what it learns, where it begins, one step. `skeleton(shape, pose)` gives the joints (J, 3) of one body, without translation; `clicks` is (pixels, confidence, intrinsics, bones), in the order that `place` wants them in; `prior` is `mixture`: means, precisions, weights.
#
# Keep what is learned as `self.pose` (J, 3), the root first, `self.shape` (10,) and `self.translation` (3,): the cells below read them. Your `place`, `data_term` and `gmm_prior` do the rest.

# %% tags=["exercise:20.L1"]
class Fit:
    """A person found from clicked joints: pose, shape and place, by Adam with a rate of 0.02.

    It begins in the mixture's mean pose, weights · means, its root turned by `stance`; with shape 0 (10
    numbers); and where `place` puts these joints.
    """

    def __init__(self, skeleton, clicks, prior, turn_deg: float) -> None: ...

    def projected(self) -> Tensor:
        """Where the joints fall in the picture now, (J, 2) pixels."""
        ...

    def step(self, weight: float) -> float:
        """Make one step; return the energy before it.

        The energy is the data term with σ = 50 pixels, plus `weight` times what the priors say: the mixture
        of the pose without its root, and the sum of squares of the shape.
        """
        ...


Fit = check("20.L1", Fit)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.lab_fit.Fit

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch20 import lab_debug, lab_interpret
from lecture_utils.chapters.ch20.lab_fit import Skeleton


def skin_of(made) -> Tensor:
    """The skin (V, 3) of a fit, in the camera's axes."""
    with torch.no_grad():
        return body(made.shape[None], made.pose[None], made.translation[None]).vertices[0]


skeleton = Skeleton.of(body)
made = lab_debug.fitted(skeleton, clicked, mixture, 90.0, (30.0, 10.0, 5.0), fit=Fit)  # yours, 3 × 80 steps
told = lab_debug.symptoms(made)
figure = figures.man_figure(man, {f"off by {told.error_px:.1f} pixels": skin_of(made)}, body.faces, lens,
                            "Yours")
show_photographs(figure, "The photograph, your fitted body over it, and the body from the side.",
                 quality=60, scale=1.2)

# %% [markdown]
# ### Step 2: debug
# A colleague has clicked the same joints in a plotting window, and reads them with this function. The fit comes out strange.

# %% tags=["show"]
# show: lecture_utils.chapters.ch20.lab_debug.read_clicks_faulty

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
rows_of_file = lab_debug.exported(clicked)  # (24, 3): x, y, how sure


def told_by(read) -> None:
    """What a fit to a colleague's clicks looks like."""
    pixels, confidence = read(rows_of_file, (512, 512))
    theirs = clicked._replace(pixels=pixels, confidence=confidence)
    fit = lab_debug.fitted(skeleton, theirs, mixture, 90.0, (30.0, 10.0, 5.0), fit=Fit)
    told = lab_debug.symptoms(fit)
    head = [float(x[joint_index("head"), 1]) for x in (pixels, clicked.pixels)]
    print(f"off by {told.error_px:.0f} pixels; chest towards the camera {told.chest:+.2f}; "
          f"head at v = {head[0]:.0f}, clicked at {head[1]:.0f}")


told_by(read_clicks_faulty)

# %% [markdown]
# The man looks to the right, and shows the camera his right side and some of his chest. (The chest: 1 is straight to the camera, -1 the back.) Which line is wrong, and which one is missing? `MIRROR` of `lecture_utils.body.skeleton` says where each joint's other side stands.

# %% tags=["exercise:20.L2"]
def read_clicks(rows: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return pixels (24, 2) and confidence (24,) of the joints that a colleague's file (24, 3) tells.

    A row is one joint, in the order of `JOINTS`: x and y as shares of the picture's width and height, from
    its lower left corner, and how sure the colleague was. The file's left and right are those of who looks at
    the picture. `size` is (height, width). A joint of confidence 0 has NaN, NaN.
    """
    ...


read_clicks = check("20.L2", read_clicks)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.lab_debug.read_clicks

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
told_by(read_clicks)

# %% [markdown]
# ### Step 3: interpret
# Many bodies have these pixels. Choose the three weights of the prior, 80 steps each, and say how many metres each hand (right, left) is farther away than the head; `None` says nothing. What does the picture show that no joint tells? To reach: at most 6 pixels off, no joint more than 15° beyond what joints can do, and both hands, in depth, where the picture shows them to be, to 20 cm.

# %%
def found_of(weights: tuple, right_hand_m: float | None = None, left_hand_m: float | None = None) -> tuple:
    """What is found of a fit, as a row, and its skin."""
    fit = lab_interpret.tried(weights, right_hand_m, left_hand_m)
    own = lab_interpret.findings(fit)
    words = (f"{own.error_px:.1f}", f"{own.beyond_deg:.0f}° ({own.worst})", f"{own.right_hand_m:+.2f}",
             f"{own.left_hand_m:+.2f}")
    return words, skin_of(fit)


columns = ["weights", "pixels off", "beyond its range", "right hand, m", "left hand, m"]

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
rows = [(str(weights), *found_of(weights)[0]) for weights in ((30.0, 10.0, 5.0), (0.0, 0.0, 0.0))]
show_table(rows, columns, caption="Nobody has told the depth of a hand")

# %% tags=["exercise:20.L3"]
# Three weights and two depths, such as (30.0, 10.0, 10.0, None, 0.3)
choice = None

choice = check("20.L3", choice)

# %% [markdown]
# <details><summary><b>Solution</b></summary>
#
# `(30.0, 10.0, 5.0, 0.0, 0.0)`. From strong to weak, and never to nothing: the prior first brings the whole body into order, then lets the clicks decide. And both hands are about as far away as the head: one touches his chin, the other holds the camera that he looks into. No joint says so. You do, because you know what it means to look through a camera.
#
# </details>

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
before, after = found_of((30.0, 10.0, 5.0)), found_of(choice[:3], *choice[3:])
show_table([("no depth told", *before[0]), ("yours", *after[0])], columns)
figure = figures.man_figure(man, {"no depth told": before[1], "yours": after[1]}, body.faces, lens,
                            "The same pixels, another man")
show_photographs(figure, "The man fitted without depths and with yours: the hands are elsewhere.",
                 quality=60, scale=1.2)

# %% [markdown]
# Defend it: which of the four numbers would you trust if you had to dress this man?

# %% [markdown] tags=["slide"]
# ## 10 · With real weights, and real pictures
#
# With SMPL's file from its authors (free for research, behind a registration) everything here runs on real people's shapes: the loader of part a reads it safely. And your own picture needs nothing but clicks. Write the joints down as `clicks.py` does: name, u, v, how sure.

# %% tags=["nbval-ignore-output", "why:depends-on-what-is-installed"]
from pathlib import Path

from lecture_utils.body.smpl_file import load_smpl

file = Path("SMPL_NEUTRAL.npz")  # put yours here
if file.exists():
    licensed = load_smpl(file)
    fit = smplify(licensed, clicked.pixels[None], clicked.confidence[None], lens, prior=prior)
    with torch.no_grad():
        skin = licensed(fit.shape, fit.pose, fit.translation).vertices[0]
    figure = figures.man_figure(man, {"SMPL": skin}, licensed.faces, lens, "The published body")
    show_photographs(figure, "The man with SMPL's own body over him.", quality=60, scale=1.2)
else:
    print(f"With {file} beside the notebook, the published body is fitted to the man.")

# %% [markdown]
# Where this leads: hands and faces join in (SMPLify-X; Pavlakos et al. 2019), large networks read bodies from video at once, and virtual people learn to act in scanned scenes: to sit on the chair, and not in it.

# %% [markdown] tags=["slide"]
# ## 11 · Summary in five sentences
#
# 1. A picture loses depth, and a skeleton seen in one has millions of poses with the same pixels.
# 2. SMPLify makes an energy of what was seen, weighed by how sure it is and forgiving, and of what bodies are like, and walks down from several starts.
# 3. A network taught by 2-D joints alone is righter in the picture than in space.
# 4. SPIN lets the network start the fit, and the best fit so far teach the network.
# 5. MultiPly sorts the samples of all people along each ray, so that occlusion is explained, and lets only trusted frames teach the avatars.
#
# ### Further exercises
#
# 1. Add a floor to your energy: no vertex below it, and at least one on it. How far does it mend the feet?
# 2. Click the joints of a picture of your own, and find out which of its depths you had to know.
#
# ### References
#
# - F. Bogo et al., "Keep it SMPL: Automatic Estimation of 3D Human Pose and Shape from a Single Image", ECCV 2016. [arXiv:1607.08128](https://arxiv.org/abs/1607.08128)
# - S. Geman, D. McClure, "Statistical Methods for Tomographic Image Reconstruction", Bulletin of the ISI, 1987.
# - Z. Jiang et al., "MultiPly: Reconstruction of Multiple People from Monocular Video in the Wild", CVPR 2024. [arXiv:2406.01595](https://arxiv.org/abs/2406.01595)
# - A. Kanazawa et al., "End-to-end Recovery of Human Shape and Pose", CVPR 2018. [arXiv:1712.06584](https://arxiv.org/abs/1712.06584)
# - N. Kolotouros et al., "Learning to Reconstruct 3D Human Pose and Shape via Model-Fitting in the Loop", ICCV 2019. [arXiv:1909.12828](https://arxiv.org/abs/1909.12828)
# - H.-J. Lee, Z. Chen, "Determination of 3D Human Body Postures from a Single View", Computer Vision, Graphics, and Image Processing, 1985.
# - M. Loper et al., "SMPL: A Skinned Multi-Person Linear Model", ACM Transactions on Graphics, 2015.
# - G. Pavlakos et al., "Expressive Body Capture: 3D Hands, Face, and Body from a Single Image", CVPR 2019. [arXiv:1904.05866](https://arxiv.org/abs/1904.05866)
#
# ### What comes next
#
# Chapter 19 goes the other way: from words to shapes, with no picture at all.

# %%
progress("20")
