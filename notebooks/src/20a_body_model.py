# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 20a · A body model
#
# **How many numbers is a person?**
#
# People are what cameras see most, and what machines have to understand best: who reaches for what, who steps off the kerb, whose arm a pair of glasses should draw over. A film studio gets a person into a computer with a room full of cameras, a scanner, and weeks of work by hand. From a picture that cannot be had.
#
# And bodies are hard. Limbs hide one another, clothes hide limbs, a dark sleeve lies on a dark coat; people do handstands; and the camera throws depth away. What helps is to know beforehand what a body can look like, and to know it in few numbers.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Turn** things by three numbers, and by six, and see why it matters which.
# 2. **Move** a skeleton of 24 joints, and **hang** a skin of 7,000 points on it.
# 3. **Learn** the shapes of people from forty of them.
# 4. **Put together** SMPL from your five functions, and hold it against the package's.
# 5. **Open** a model file from the web, and **export** a person who walks.
#
# **You need** matrices, and principal components (chapter 04). From chapter 01: training a network. Part b finds such bodies in pictures.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · Rotations | 36 | 6 · Put together | 10 |
# | 2 · A tree of joints | 16 | 7 · Evaluate | 12 |
# | 3 · Skinning | 24 | 8 · Claims, measured | 6 |
# | 4 · SMPL | 40 | 9–10 · Paper and toy; break it | 14 |
# | 5 · Files | 14 | 11–12 · Real; summary | 8 |
#
# **A GPU** is not needed: everything here runs on two processor cores.

# %% tags=["skip"]
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import plotting, runtime, zoo
from lecture_utils.body.skeleton import JOINTS, PARENTS, joint_index
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.plotting.bodies import body_orbit, body_views, error_views
from lecture_utils.plotting.display import show_photographs
from lecture_utils.widgets.present import present

start("20")

# %% [markdown] tags=["slide"]
# ## Result first
#
# A **body model** is a function from a few numbers to a surface. Here is the finished one of this notebook. Each row is a person, ten numbers. Each column is a pose, 72 numbers.

# %% tags=["system:S20.3"]
from lecture_utils.chapters.ch20.body_figures import people_grid
from lecture_utils.data.toyworld.people import sample_poses, sample_shapes

JPEG = {"quality": 52, "scale": 1.15}  # how pictures of bodies are kept
body = zoo.load("people_body")
shapes = torch.zeros(3, 10)
shapes[0, :3] = torch.tensor([2.0, 0.0, -2.5])  # three persons by their first numbers
shapes[2, :3] = torch.tensor([-2.0, 0.0, 2.5])
poses = sample_poses(40)[[0, 3, 7, 10, 11]]  # (5, 24, 3): five of forty, chosen to differ
figure = people_grid(body, shapes, poses, size=1.55,
                     suptitle="Along a row one person, down a column one pose")
show_photographs(figure, "Three persons, one in each row, in the same five poses.", **JPEG)

# %% [markdown]
# Turn one of them with the mouse.

# %%
one = body(shapes[:1], poses[1:2])
body_orbit(one.vertices[0], body.faces, alt="A person who can be turned.")

# %%
vertices = len(body.template)
numbers = shapes.shape[1] + poses[0].numel()
print(f"{numbers} numbers in; {vertices:,} vertices, {3 * vertices:,} coordinates out")
print(f"that is {3 * vertices / numbers:.0f} coordinates for each number")

# %% [markdown]
# **How to read it.** Down a column the pose stays, along a row the person stays: the two groups of numbers do not mix. SMPL, the model that the field uses (Loper et al. 2015), has 6,890 vertices, which are 20,670 *coordinates*. Its *parameters* are 72 of pose and 10 of shape.
#
# Such a model fits to data, as it has few numbers; it has a derivative, so that a fit can roll downhill; and game engines know skeletons and skins. Where do the 7,000 vertices come from?

# %% [markdown] tags=["slide"]
# ## 1 · Rotations
#
# All that moves in a body are joints, and all that a joint does is to turn. A rotation is a matrix $R$ of nine numbers, but few matrices are rotations: the columns must have length 1 and stand at right angles, and $\det R = 1$. That leaves three degrees of freedom. An optimiser that may change all nine soon has a matrix that stretches the arm.
#
# Three numbers do it: the **axis-angle** vector $v$. Its direction is the axis, its length $\theta$ the angle in radians. With $[v]_\times$, the matrix for which $[v]_\times u = v \times u$, it is, after Rodrigues (1840),
#
# $$R = I + \frac{\sin\theta}{\theta}\,[v]_\times + \frac{1 - \cos\theta}{\theta^2}\,[v]_\times^2 .$$
#
# $I$ is the identity. At rest $\theta = 0$, and both fractions are 0/0. They have limits, 1 and ½. Many fits begin at rest, so value *and gradient* must be finite there.

# %% tags=["exercise:20.1", "system:S20.1"]
def rodrigues(vector: Tensor) -> Tensor:
    """Axis-angle vectors (…, 3), lengths in radians -> rotations (…, 3, 3).

    Value and gradient are finite everywhere, also at the zero vector.
    """
    ...


rodrigues = check("20.1", rodrigues)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.solutions.rodrigues

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
some = rodrigues(torch.randn(1000, 3, generator=torch.Generator().manual_seed(0)))
print(f"R Rᵀ differs from I by at most {(some @ some.mT - torch.eye(3)).abs().max():.0e}")
at_rest = torch.zeros(3, requires_grad=True)
slope = torch.autograd.grad(rodrigues(at_rest)[2, 1], at_rest)[0]
print(f"at rest, the entry in row 3, column 2 changes by {slope.tolist()} with v")

# %% [markdown]
# Is it what others compute? `scipy` has rotations of its own, in double precision.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from scipy.spatial.transform import Rotation

vectors = 3 * torch.randn(1000, 3, generator=torch.Generator().manual_seed(1))
theirs = torch.from_numpy(Rotation.from_rotvec(vectors.double().numpy()).as_matrix())
print(f"yours and scipy's differ by at most {(rodrigues(vectors) - theirs).abs().max():.0e}")

# %%
predict("20.1")

# %%
half, other = (rodrigues(torch.tensor([0.0, y, 0.0])) for y in (torch.pi - 0.01, -torch.pi + 0.01))
print(f"turns by 179.4° and -179.4°: vectors {2 * (torch.pi - 0.01):.2f} apart, "
      f"matrices at most {(half - other).abs().max():.2f}")

# %% [markdown]
# **How to read it.** Two people who turn by 179.4° and −179.4° end up looking nearly the same way. Their vectors are as far apart as two vectors of at most 180° can be. There is a seam in the numbers at 180°, and none in the rotations.

# %%
from lecture_utils.ops.rotation import rotation_mean

pose = torch.zeros(4, 24, 3)
pose[:2, 0, 1] = torch.deg2rad(torch.tensor([170.0, -170.0]))  # joint 0, the whole body, about y
pose[2] = pose[:2].mean(0)  # the mean of the numbers
turns = rodrigues(pose)  # (4, 24, 3, 3)
turns[3, 0] = rotation_mean(turns[:2, 0])  # the rotation that is nearest to both
skins = body(torch.zeros(4, 1), turns).vertices
titles = ["170°", "−170°", "mean of the numbers", "mean of the rotations"]
figure = body_views(skins, body.faces, titles, view="front", suptitle="Two who turned away, and two means")
show_photographs(figure, "Two bodies from behind; one mean looks at us, the other one away.", **JPEG)

# %% [markdown]
# **How to read it.** Never average axis-angle vectors, nor poses made of them, if turns may be large. The mean of the *matrices* is no rotation either, but the rotation next to it is found by a singular value decomposition, as `rotation_mean` does.

# %% tags=["show"]
# show: lecture_utils.ops.rotation.rotation_mean

# %% [markdown]
# The way from one pose to another has the same trouble. A *quaternion* names a rotation by four numbers of length 1: $\cos\frac\theta2$, and $\sin\frac\theta2$ times the axis. They lie on a sphere, and the arc between two of them is a turn at a steady rate: **slerp**, spherical linear interpolation (Shoemake 1985). Both $q$ and $-q$ name the same rotation; the nearer one is taken.

# %% tags=["show"]
# show: lecture_utils.ops.rotation.quaternion_to_matrix

# %% tags=["show"]
# show: lecture_utils.ops.rotation.slerp

# %%
from lecture_utils.ops.rotation import matrix_to_quaternion, quaternion_to_matrix

steps = torch.linspace(0, 1, 5)
straight = torch.lerp(pose[0], pose[1], steps[:, None, None])  # the numbers, along a line
ends = [matrix_to_quaternion(turns[k]).expand(5, 24, 4) for k in (0, 1)]
along_arc = quaternion_to_matrix(slerp(*ends, steps[:, None].expand(5, 24)))
both = torch.cat([rodrigues(straight), along_arc])
skins = body(torch.zeros(10, 1), both).vertices
titles = [f"{name}, {step:.0%}" for name in ("numbers", "slerp") for step in steps.tolist()]
figure = body_views(skins, body.faces, titles, view="front", columns=5, size=1.5,
                    suptitle="From 170° to −170°: all the way round, or 20°")
show_photographs(figure, "Above a body turns all the way round, below it hardly turns.", **JPEG)

# %% [markdown]
# **How to read it.** Above, the numbers run from 170° through 0° to −170°. Below, the arc takes the 20° between.
#
# ### Six numbers for networks
#
# Networks that say how a body is turned often say *six* numbers a joint (Zhou et al. 2019). They stand for the first two columns of a matrix; any two vectors will do that are not parallel. Straighten them, after Gram and Schmidt: scale the first to length 1; take from the second what lies along the first, and scale it; the third follows from both.

# %% tags=["exercise:20.2"]
def rotation_from_6d(six: Tensor) -> Tensor:
    """Six numbers (…, 6), two columns one after the other, not parallel -> rotations (…, 3, 3)."""
    ...


rotation_from_6d = check("20.2", rotation_from_6d)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.solutions.rotation_from_6d
#
# ### Train a network to say a rotation
#
# A small network sees where four points went, and says the rotation: in three numbers, in four, or in six. All else is the same.

# %%
from lecture_utils.ops.rotation import rotation_angle_deg
from lecture_utils.training.one_cycle import one_cycle

forms = {"axis-angle": (3, rodrigues), "quaternion": (4, quaternion_to_matrix), "6-D": (6, rotation_from_6d)}
points = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def all_kinds(count: int, generator: torch.Generator) -> Tensor:
    """Rotations of all kinds, evenly spread, (count, 3, 3)."""
    return quaternion_to_matrix(torch.randn(count, 4, generator=generator))


def moved(R: Tensor) -> Tensor:
    """Where the four points go, (count, 12): what the network sees."""
    return (points @ R.mT).flatten(1)

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
def regressor(form: str, steps: int = runtime.pick(quick=1200, full=6000)) -> nn.Module:
    size, to_matrix = forms[form]
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(12, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, size))
    draw = torch.Generator().manual_seed(1)
    drawn = ((all_kinds(256, draw), None) for _ in range(steps))

    def loss(net, R, _):
        return (to_matrix(net(moved(R))) - R).square().sum((1, 2)).mean()

    return one_cycle(net, drawn, loss=loss, optimizer=torch.optim.Adam(net.parameters(), 3e-3), steps=steps,
                     warm_up=0.1, label=form)[0]


networks = {form: regressor(form) for form in forms}

# %%
predict("20.2")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
tried = all_kinds(4000, torch.Generator().manual_seed(2))
angle = rotation_angle_deg(tried, torch.eye(3))
bins = torch.arange(30, 181, 10)
rows, lines = [], {}
for form, (_, to_matrix) in forms.items():
    with torch.inference_mode():
        said = to_matrix(networks[form](moved(tried)))
    error = rotation_angle_deg(said, tried)
    figures = (error.median(), error.mean(), error.quantile(0.99), error.max())
    rows.append((form, *(f"{x:.1f}°" for x in figures)))
    lines[form] = (bins - 5, [error[(angle > b - 10) & (angle <= b)].mean() for b in bins.tolist()])
show_table(rows, ["what the network says", "median error", "mean", "one in a hundred above", "worst"])
figure = plotting.curves(lines, "true angle in degrees", "mean error in degrees",
                         "Three numbers fail near 180°")
plotting.show(figure, "Mean error against the true angle: three numbers fail near 180°, six do not.")

# %% [markdown]
# **How to read it.** One training each. Six numbers are better in the median, and far better in the tail. At the seam three numbers jump, and a network is continuous: on the way from one side to the other it says wrong things.
#
# Four numbers jump too, as $q$ and $-q$ are one rotation; but where the network puts that jump is an accident, so that it shows in the column *worst* and not in this curve. No three or four numbers name all rotations continuously; that needs five at least (Zhou et al.). Part b's networks say six.

# %% [markdown] tags=["slide"]
# ## 2 · A tree of joints
#
# Lift the knee, and the foot goes along. The skeleton is a tree: `PARENTS[j]` is the joint before $j$, up to the pelvis, the root. Each joint's rotation $R_j$ is told *relative to its parent*. **Forward kinematics** walks from the root outwards. With $t_j$ the joint's place at rest and $p$ its parent,
#
# $$W_j = W_p R_j, \qquad s_j = s_p + W_p\,(t_j - t_p).$$
#
# $W_j$ is the joint's rotation in the world, and $s_j$ is where it is now. Mind the $W_p$ in the second equation: a bone turns with the joint *before* it.

# %%
predict("20.3")

# %% tags=["exercise:20.3", "system:S20.2"]
def forward_kinematics(rotations: Tensor, joints: Tensor, parents) -> tuple[Tensor, Tensor]:
    """Rotations (B, J, 3, 3) relative to the parents', places at rest (B, J, 3), the tree.

    -> places (B, J, 3) and rotations in the world (B, J, 3, 3). The parent of a joint comes before it; the
    root, joint 0, has parent -1 and stays where it is.
    """
    ...


forward_kinematics = check("20.3", forward_kinematics)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.solutions.forward_kinematics

# %%
from lecture_utils.chapters.ch20.joint_figures import moved_joints, skeletons_figure

rest_skin, rest_joints = body.shaped(torch.zeros(1, 1))  # the mean person, at rest: section 4 tells how
pose = torch.zeros(1, 24, 3)
pose[0, joint_index("left_elbow"), 2] = torch.deg2rad(torch.tensor(60.0))  # about z, which comes to the front
placed, _ = forward_kinematics(rodrigues(pose), rest_joints, PARENTS)
print("elsewhere:", ", ".join(moved_joints(rest_joints[0], placed[0])))
figure = skeletons_figure(rest_joints[0], placed[0], PARENTS, "The left elbow turned by 60°")
plotting.show(figure, "A skeleton of 24 joints at rest, and with its left forearm raised.")

# %% [markdown]
# **How to read it.** A body's own frame has y up, z to the front and x to its left, so that its left is on your right. These are the 24 joints of SMPL. There are none for fingers.

# %% [markdown] tags=["slide"]
# ## 3 · Skinning
#
# A skeleton is no person. Hang the skin on it: a joint carries what is around it along, as one rigid piece. Joint $j$ would take the vertex $x$ to $W_j (x - t_j) + s_j$. If each vertex followed one joint, the elbow's skin would be torn: one row of triangles has to stretch across. So a vertex has **skinning weights** $w_j$, shares that add up to 1, and goes to the mean of what its joints say:
#
# $$x' = \sum_j w_j \bigl( W_j (x - t_j) + s_j \bigr).$$
#
# That is **linear blend skinning** (LBS; Magnenat-Thalmann et al. 1988), the workhorse of computer games. Move the slider, and see who has what.

# %%
from lecture_utils.chapters.ch20.widgets.skin_weights import skin_weights

present(skin_weights())

# %% tags=["exercise:20.4"]
def skin(vertices: Tensor, joints: Tensor, posed: Tensor, world: Tensor, weights: Tensor) -> Tensor:
    """Skin at rest (B, V, 3), joints at rest and now (B, J, 3), their rotations in the world (B, J, 3, 3)
    and weights (V, J) -> skin now (B, V, 3).
    """
    ...


skin = check("20.4", skin)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.solutions.skin

# %%
from lecture_utils.chapters.ch20.joint_figures import closeups
from lecture_utils.plotting.bodies import READING, weight_colours


def skinned(pose: Tensor, weights: Tensor = body.weights) -> Tensor:
    """The mean person in poses (B, 24, 3), by your functions: (B, V, 3)."""
    joints = rest_joints.expand(len(pose), -1, -1)
    posed, world = forward_kinematics(rodrigues(pose), joints, PARENTS)
    return skin(rest_skin.expand(len(pose), -1, -1), joints, posed, world, weights)


elbow, wrist = joint_index("left_elbow"), joint_index("left_wrist")
pose = torch.zeros(1, 24, 3)
pose[0, elbow, 1] = -torch.deg2rad(torch.tensor(90.0))
one_each = F.one_hot(body.weights.argmax(1), 24).float()  # each vertex follows one joint
skins = [skinned(pose, own)[0] for own in (one_each, body.weights)]
tints = [weight_colours(own, elbow) for own in (one_each, body.weights)]
figure = closeups(body, skins, elbow, ["one joint a vertex", "shared"], colours=tints, flat=READING, size=3.2,
                  view=(-150, 20), suptitle="An elbow bent by 90°: blue follows the elbow joint")
show_photographs(figure, "An elbow with a stretched row of triangles, and one whose skin is smooth.", **JPEG)

# %% [markdown]
# **How to read it.** With one joint a vertex, one row of triangles has to bridge the gap. (The hand is pale, as it follows the wrist.) Shared weights spread the fold over a few centimetres. But the mean of two places lies on the straight line between them, and flesh does not. Where the two places are far apart, that must show.

# %%
predict("20.4")

# %%
degrees = torch.tensor([0.0, 60.0, 120.0, 180.0])
pose = torch.zeros(4, 24, 3)
pose[:, wrist, 0] = torch.deg2rad(degrees)  # about the arm's own axis
twisted = skinned(pose)
ring = (body.weights[:, [wrist, elbow]] - 0.5).abs().sum(1) < 0.12  # half and half
radius = (twisted[:, ring, 1:] - rest_joints[0, wrist, 1:]).norm(dim=2).mean(1)
for angle, now in zip(degrees.tolist(), radius, strict=True):
    rule = torch.cos(torch.deg2rad(torch.tensor(angle / 2))).abs()
    print(f"{angle:3.0f}°: {now / radius[0]:4.0%} of the radius is left; cos(θ / 2) says {rule:4.0%}")
titles = [f"{angle:.0f}°" for angle in degrees.tolist()]
tint = weight_colours(body.weights, wrist)
figure = closeups(body, list(twisted), wrist, titles, view=(-70, 25), room=0.17, flat=READING, colours=tint,
                  suptitle="A hand twisted about the arm's axis, by skinning alone")
show_photographs(figure, "A wrist that is twisted more and more, until it has no thickness.", **JPEG)

# %% [markdown]
# **How to read it.** A candy in its paper looks like that: the **candy wrapper** artefact. It is no fault in your function. The mean of two rotations is no rotation (section 1 again), and linear blend skinning takes it all the same, because it is fast. (At 180° a little is left, as not all shares are exactly half.) The cure comes in the next section.
#
# The weights themselves were learned, or rather spread: each bone's share of the nearest flesh flows over the skin like heat for a while, and the four largest of a vertex are kept (after Baran & Popović 2007). SMPL refines such weights from scans in many poses.

# %% [markdown] tags=["slide"]
# ## 4 · SMPL: what is learned
#
# So far the skin at rest was given. SMPL learns it. Its makers registered one mesh to thousands of laser scans of people (the CAESAR survey, Robinette et al. 2002): vertex 1,234 is the tip of the same elbow in each. We have no scanner, but a generator: people of some hundred soft pieces, of heights as in a survey of some 6,000 soldiers (Gordon et al. 2014). The other eleven measures are our assumption. Their true surface is known in every pose.
#
# ### Shape
# Some of them (forty, or two hundred with the full budget) stand in the same pose, registered. Their mean is the *template* $\bar T$. PCA of all coordinates at once gives directions $S_k$, scaled to one standard deviation. A person is
#
# $$\bar T + \sum_k \beta_k S_k .$$

# %%
from lecture_utils.data.toyworld.people.figure_measures import MEASURES, sample_measures
from lecture_utils.recipes._people_measured import template_of
from lecture_utils.recipes._people_registration import registrations

first_skin, mean_figure = template_of(body)  # the mesh that is laid on people, and who it fits at rest


def scans(count: int, split: str) -> Tensor:
    """Registered people at rest, (count, V, 3)."""
    measures = sample_measures(count, 0, split)
    skins, _ = registrations(first_skin, body.faces.numpy(), mean_figure, measures)  # and their joints
    return torch.tensor(skins).float()


people = scans(runtime.pick(quick=40, full=200), "train")
template = people.mean(0)
_, sizes, directions = torch.linalg.svd((people - template).flatten(1), full_matrices=False)
directions *= (directions @ template.flatten()).sign()[:, None]  # so that + is larger
S = sizes[:, None] * directions / (len(people) - 1) ** 0.5  # (people, 3 V), metres a deviation

# %%
predict("20.5")

# %%
own = (people - template).flatten(1) @ directions[:3].T  # each person's first three numbers
told = sample_measures(len(people), 0, "train")  # what each was built to
for k in range(3):
    match = torch.corrcoef(torch.cat([own[:, k : k + 1], told], dim=1).T)[0, 1:]
    best = match.abs().topk(2).indices.tolist()
    print(f"component {k + 1} goes with", ", ".join(f"{MEASURES[m]} ({match[m]:+.2f})" for m in best))
bodies = [template + (sign * 3 * S[k]).view(-1, 3) for sign in (-1, 1) for k in range(3)]
titles = [f"component {k}, {sign}3 σ" for sign in ("−", "+") for k in (1, 2, 3)]
figure = body_views(bodies, body.faces, titles, columns=3, size=2.5,
                    suptitle="Your first three components, at −3 and +3 standard deviations")
show_photographs(figure, "Three components of shape, each at minus and plus three deviations.", **JPEG)

# %% [markdown]
# **How to read it.** In brackets is the correlation with a measure that the generator was given; the components were not told. That the first is size follows from variance. The second is how long the legs are for that size, the third a mixture. (PCA leaves signs open; the code takes + as the larger body.) Sex goes with the first, as men are larger here.
#
# Later components depend on whom you happened to scan. At ±3 you see caricatures: were it a bell curve, three people of a thousand would be as far out.
#
# How many are enough? Take twelve strangers, and give each the best numbers.

# %%
predict("20.6")

# %%
strangers = scans(12, "test")


def errors_mm(directions: Tensor, mean: Tensor) -> list[float]:
    """Mean distance of strangers' vertices, with 0, 1, 2, … orthonormal directions (K, 3 V), in mm."""
    off, found = (strangers - mean).flatten(1), []
    for k in range(len(directions) + 1):
        left = off - off @ directions[:k].T @ directions[:k]
        found.append(1000 * float(left.view(12, -1, 3).norm(dim=2).mean()))
    return found

# %%
lines = {}
for count in (10, 20, len(people)):  # the first so many of them
    mean = people[:count].mean(0)
    _, _, found = torch.linalg.svd((people[:count] - mean).flatten(1), full_matrices=False)
    lines[f"of {count} people"] = errors_mm(found[: min(count - 1, 20)], mean)
heads = [f"{k} component{'s' * (k != 1)}" for k in (0, 1, 2, 5, 9)]
show_table([(name, *(f"{own[k]:.1f} mm" for k in (0, 1, 2, 5, 9))) for name, own in lines.items()],
           ["", *heads], caption="Twelve strangers")
figure = plotting.curves(lines, "components", "mean distance of a vertex in mm", log_y=True,
                         title="The first numbers do most, whoever was scanned")
figure.axes[0].set(xticks=range(0, 21, 2), yticks=(0.1, 1, 10), yticklabels=("0.1", "1", "10"))
plotting.show(figure, "Vertex error of strangers against the number of components, by people scanned.")

# %% [markdown]
# **How to read it.** Of ten people there are nine components, and then no more. All were registered from the same start as the strangers. Our people have twelve measures, so ten components nearly exhaust them. Real people do not end there: SMPL's files hold up to 300 components, of which most work uses ten, and clothes, hair and faces are in none.
#
# ### Joints
# A tall person's knee is higher. So joints are found *on the person*: each is a weighted mean of nearby vertices. The matrix of these weights, the **joint regressor** $J$, is *learned*, too: in SMPL so that meshes in many poses are explained best. Ours is a least-squares fit, with no weight below 0, to the generator's true joints at rest.

# %%
used = (body.joint_regressor > 0).sum(1)
print(f"strangers' joints are off by {zoo.card('people_body').metrics['joint_error_mm']:.2f} mm on average")
print(f"{body.joint_regressor.numel():,} entries, {int(used.sum()):,} above 0: "
      f"{used.min()} to {used.max()} vertices a joint")
tall_one = torch.zeros(2, 10)
tall_one[1, 0] = 2.0
knees = body.shaped(tall_one)[1][:, joint_index("left_knee"), 1] - body.shaped(tall_one)[0][:, :, 1].amin(1)
print(f"height of the knee: {100 * knees[0]:.1f} cm of the mean person, {100 * knees[1]:.1f} with β₁ = 2")

# %% [markdown]
# ### Pose
# Now the cure for the candy wrapper. Change the skin *at rest* so that, once skinned, it comes out right (Lewis et al. 2000). How much depends on the pose. SMPL makes it linear in the nine entries of each rotation, less those at rest. With $\theta$ now all 72 numbers,
#
# $$T(\beta, \theta) = \bar T + S\beta + P\,\bigl(R(\theta) - R(0)\bigr),$$
#
# where $R(0)$ is the identity at every joint.
#
# These **pose correctives** (pose blend shapes in the paper) have $9 \cdot 23 = 207$ directions. Entries of $R$, and not angles: they know no seam, and a bend of 360° is none. The root has none, as turning the whole body bends nothing.
#
# How is $P$ learned? Figures are posed at random, and skinned. At each vertex, what lacks to the true surface is turned back to rest. A ridge regression then explains it by the entries of $R - I$ of the joints nearby: a linear fit that keeps its coefficients small.

# %% tags=["exercise:20.5"]
def rest_body(template, shape_directions, pose_directions, joint_regressor, shape, rotations):
    """The body before it is skinned -> its skin with correctives (B, V, 3), and its joints (B, J, 3).

    Template (V, 3), directions (V, 3, K) and (V, 3, 9 (J - 1)), regressor (J, V), shape (B, K), rotations
    (B, J, 3, 3). The entries of R - I come row by row, joint after joint without the root. Joints are those
    of the person, in no pose.
    """
    ...


rest_body = check("20.5", rest_body)

# %% [markdown]
# # solution: lecture_utils.chapters.ch20.solutions.rest_body

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
matrices = (body.template, body.shape_directions, body.pose_directions, body.joint_regressor)


def person(shape: Tensor, pose: Tensor) -> Tensor:
    """SMPL, of your parts: shape (B, 10) and pose (B, 24, 3) -> skin (B, V, 3)."""
    rotations = rodrigues(pose)
    rest, joints = rest_body(*matrices, shape, rotations)
    posed, world = forward_kinematics(rotations, joints, PARENTS)
    return skin(rest, joints, posed, world, body.weights)


shapes, poses = sample_shapes(16, seed=1), sample_poses(16, seed=1)
yours, theirs = person(shapes, poses), body(shapes, poses).vertices
apart = (yours - theirs).abs().max()
print(f"16 people, {theirs.numel():,} coordinates: yours and the package's differ by at most {apart:.0e} m")
assert apart < 1e-5
figure = body_views(yours[:5], body.faces, columns=5, size=1.5, suptitle="Five people by your five functions")
show_photographs(figure, "Five people of different shapes in different poses.", **JPEG)

# %% [markdown]
# That is the whole equation: a sum of directions, a tree of rotations, a weighted mean. (The package's own version is compared with `smplx`, the authors' library, in the tests.) What do the correctives do?

# %%
from lecture_utils.plotting.bodies import error_colours
from lecture_utils.recipes._people_correctives import corrections  # poses figures, lays the skin on them
from lecture_utils.recipes._people_nearby import nearby  # which flesh may shape which vertex

near = nearby(torch.as_tensor(first_skin).float(), mean_figure)
pose = torch.zeros(1, 24, 3)
pose[0, elbow, 1] = -torch.deg2rad(torch.tensor(120.0))
still = torch.as_tensor(first_skin).float()[None]
true = corrections([mean_figure], still, pose, body.weights, body.faces, near).target[0]
change = rest_body(*matrices, torch.zeros(1, 10), rodrigues(pose))[0][0] - body.template  # (V, 3), at rest
away = change.norm(dim=1)
print(f"{(away > 1e-3).sum()} vertices move by over a millimetre, one by {1000 * away.max():.0f} mm")
painted = error_colours(away, 20.0)  # the darkest: 2 cm

# %%
skins = [body.template + change, skinned(pose)[0], person(torch.zeros(1, 10), pose)[0], true]
titles = ["what is added, at rest", "skinning alone", "with correctives", "the true surface"]
tints = [painted, None, None, None]
figure = closeups(body, skins, elbow, titles, colours=tints, view=(-90, 85), room=0.19, size=2.4,
                  suptitle="An elbow bent by 120°, from above; dark: moved by two centimetres and more")
show_photographs(figure, "An elbow at rest and bent, without and with correctives.", **JPEG)

# %% [markdown]
# **How to read it.** At rest the arm looks ill: knobs of up to three centimetres. But bent it is right. Skinning alone rounds the tip of the elbow off, and pinches the fold inside. With correctives both are as on the true surface.
#
# Now the joints that skinning treats worst, by all angles. The chart on the right is the volume of a piece of the limb. The widget opens at 165°, where correctives do not suffice (section 8): turn it back to 120° and below.

# %%
from lecture_utils.chapters.ch20.widgets.candy_wrapper import candy_wrapper

present(candy_wrapper())

# %% [markdown] tags=["slide"]
# ## 5 · Files
#
# SMPL's own matrices are to be had from [its site](https://smpl.is.tue.mpg.de), under a licence. The file is a *pickle*, Python's way to store objects.

# %%
predict("20.7")

# %%
import pickle
import tempfile
from pathlib import Path

from lecture_utils.body.smpl_file import load_smpl


class Surprise:
    def __reduce__(self):  # how to rebuild me: call this, with that
        return print, ("  >> this ran while the file was opened",)


packed = pickle.dumps({"v_template": Surprise()})
print("pickle.loads:")
pickle.loads(packed)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "model.pkl"
    path.write_bytes(packed)
    try:
        load_smpl(path)
    except ValueError as refused:
        print("load_smpl:\n  refused:", refused)

# %% [markdown]
# **How to read it.** `print` is harmless; it could have been any function. The loader reads such a file with an unpickler that knows a short list of names, those of arrays, and calls nothing: it only notes what was asked for, and makes the arrays afterwards. So it needs neither trust nor the old library `chumpy`, in whose arrays the published file holds its template.
#
# The other way round, game engines and Blender read glTF, a file format for 3D: mesh, skeleton, weights, and a movement. A walk of the shipped body goes into your course folder, if there is none yet. (`to_obj` writes a single posed skin.)

# %%
from lecture_utils.body.export import to_gltf
from lecture_utils.data.toyworld.people import walk

steps = walk(26)  # (26, 24, 3), one cycle
place = runtime.course_home() / "walk.glb"
if not place.exists():
    to_gltf(body, place, shape=shapes[0], poses=steps, frames_per_second=25)
print(f"{place.name}: {place.stat().st_size / 1000:,.0f} kB, begins with {place.read_bytes()[:4]}")

# %% [markdown]
# Drag it into any glTF viewer. It skins linearly, without pose correctives: look at the elbows. Inside the course the movement looks like this, from your own functions.

# %%
from lecture_utils.chapters.ch20.stage import on_stage
from lecture_utils.widgets.turntable import turntable

walking = person(shapes[:1].expand(13, -1), steps[::2])
frames = [on_stage(body, own, (3.2, 2.6)).transpose(2, 0, 1) for own in walking]
turntable(frames, alt="A person who walks on the spot.", fps=12.5, width=260, room=50_000)

# %% [markdown] tags=["slide"]
# ## 6 · Put together
#
# The whole model once more, stage by stage, with the numbers of each. Which of the parts are large?

# %%
rotations = rodrigues(poses[:1])
rest, joints = rest_body(*matrices, shapes[:1], rotations)
placed, world = forward_kinematics(rotations, joints, PARENTS)
stages = [("shape β", shapes[:1]), ("pose θ", poses[:1]), ("rotations R(θ)", rotations),
          ("skin at rest", rest), ("joints of the person", joints), ("joints turned", placed),
          ("rotations in the world", world),
          ("skin", skin(rest, joints, placed, world, body.weights))]
show_table([(name, tuple(x.shape), x.numel()) for name, x in stages], ["stage", "shape", "numbers"])
parts = {"template": matrices[0], "shape directions S": matrices[1], "pose directions P": matrices[2],
         "joint regressor J": matrices[3], "skinning weights W": body.weights}
rows = [(name, tuple(x.shape), x.numel(), f"{(x != 0).float().mean():.1%}") for name, x in parts.items()]
show_table(rows, ["learned", "shape", "numbers", "not 0"])

# %% [markdown]
# **How to read it.** Eighty-two numbers come in. The millions are in $P$, and nearly all of them are 0: a knee does not shape an ear. So with $J$ and the weights. Play with the joints and with four numbers of shape.

# %%
from lecture_utils.chapters.ch20.widgets.pose_and_shape import pose_and_shape

present(pose_and_shape())

# %% [markdown] tags=["slide"]
# ## 7 · Evaluate: successes and failures
#
# Two strangers in poses that no part has learned from. The truth is the skinned skin laid on the generator's true surface; where skin is folded deep it is filled in from around.

# %%
from lecture_utils.data.toyworld.people.figure import figure as built
from lecture_utils.recipes._people_measured import corrected

measures, tests = sample_measures(12, 0, "test")[:2], sample_poses(12, seed=3, split="test")
flesh = [built(row) for row in measures]
truth = corrections(flesh, strangers[:2], tests, body.weights, body.faces, near)
lacking = (strangers[:2] - body.template).flatten(1).T  # (3 V, 2)
beta = torch.linalg.lstsq(body.shape_directions.flatten(0, 1), lacking).solution.T  # (2, 10)
found = {"own skin, skinning alone": truth.skinned, "own skin, with correctives": corrected(body, truth),
         "the model, 10 numbers of shape": body(beta.repeat(6, 1), tests).vertices}
off = {name: (skins - truth.target).norm(dim=2) for name, skins in found.items()}  # (12, V)
rows = [(name, *(f"{1000 * x:.1f} mm" for x in (own.mean(), own.quantile(0.99), own.max())))
        for name, own in off.items()]
show_table(rows, ["", "mean", "one vertex in a hundred above", "worst"],
           caption="Distance from the truth: two strangers, six poses each")
at_rest = (body.shaped(beta)[0] - strangers[:2]).norm(dim=2).mean()
print(f"of the last row's mean, {1000 * at_rest:.1f} mm are there at rest already")

# %%
names = list(found)
worst = int(off[names[1]].mean(1).argmax())
bodies = [found[name][k] for k in (0, worst) for name in names]
errors = [off[name][k] for k in (0, worst) for name in names]
titles = ["skinning alone", "with correctives", "the whole model"] * 2
figure = error_views(bodies, body.faces, errors, titles, limit_mm=20, size=1.7, columns=3,
                     suptitle="The first pose, and the worst")
show_photographs(figure, "Two people in two poses, coloured by how far the skin is from the truth.", **JPEG)

# %% [markdown]
# **How to read it.** In the first two rows each stranger's own skin and joints at rest are given: what is left is the fault of pose alone, and correctives leave about a quarter of it. The last row has only ten numbers of shape, and joints by $J$. Over half of its mean is there at rest already. The worst vertex hardly gains. It lies where skin meets skin, in an armpit or a groin; there the truth is least certain too.
#
# ### Where it fails
# The model is a function: it answers to every 82 numbers. Four questions that it should have refused.

# %%
from lecture_utils.chapters.ch20.crossings import crossing_faces

pose, shape = torch.zeros(4, 24, 3), torch.zeros(4, 10)
pose[:, [16, 17], 2] = torch.tensor([-1.1, 1.1])  # arms down
pose[0, joint_index("left_knee"), 0] = -1.4
pose[1, [16, 17], 2] = torch.tensor([-1.75, 1.75])  # further down
pose[1, [1, 2], 2] = torch.tensor([-0.25, 0.25])  # legs together
shape[2, :2] = torch.tensor([-6.0, 6.0])
pose[3, 22:, 2] = torch.tensor([-1.5, 1.5])  # both hands
skins = person(shape, pose)
crossed = crossing_faces(skins[1], body.faces)  # (F,): pierced by an edge of another triangle
for name, found in (("at rest", crossing_faces(body.template, body.faces)), ("through oneself", crossed)):
    print(f"{name}: {int(found.sum())} of {len(found):,} triangles cross another")
tint = torch.tensor([0.78, 0.81, 0.85]).repeat(vertices, 1)
tint[body.faces[crossed].flatten()] = torch.tensor([0.8, 0.2, 0.0])
titles = ["a knee bent forwards", "through oneself", "6 standard deviations", "one joint for all fingers"]
figure = body_views(skins, body.faces, titles, view=[(-30, 8), (-35, -5), "front", "front"], size=2.0,
                    colours=[None, tint, None, None])
show_photographs(figure, "Four bodies that no person has, and the model does not object.", **JPEG)

# %% [markdown]
# **How to read it.** *A knee bent forwards*: nothing says how far a joint may go; part b needs a prior for that. *Through oneself*: skin does not know of other skin; red triangles cross others. *Six standard deviations*: PCA goes on for ever along a straight line. And the hands cannot make a fist: one joint bends all fingers.

# %% [markdown] tags=["slide"]
# ## 8 · Claims, measured
#
# ### C20.1 · Do pose correctives give the volume back?
# The paper shows it in pictures. Here the volume around a joint is measured, in a ball, on people who were not learned from: a twisted wrist, a bent elbow, a bent knee. What is *lacking* is the model's loss minus the loss of the true figure, as flesh meets flesh there too.

# %% tags=["claim:C20.1"]
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim

show_claim("C20.1")
runs = ledger.load("C20.1").figures
rows = []
for part, name in (("wrist", "wrist twisted"), ("elbow", "elbow bent"), ("knee", "knee bent")):
    lacks, removed = (sum(run[f"{part}_{kind}"] for run in runs) / len(runs) for kind in ("lacks", "removed"))
    rows.append((name, f"{lacks:.1%}", f"{removed:.0%}"))
show_table(rows, ["", "lacking by skinning alone, mean over angles", "of which correctives remove"])

# %%
from matplotlib.figure import Figure

from lecture_utils.plotting.style import BLUE, VERMILION

figure = Figure(figsize=(8.4, 2.9), layout="constrained")
axes = figure.subplots(1, 3, sharey=True)
for ax, (name, kinds) in zip(axes, runs[0]["shares"].items(), strict=True):
    for kind, colour in (("skinning", VERMILION), ("correctives", BLUE)):
        every = torch.tensor([list(run["shares"][name][kind].values()) for run in runs])  # (seeds, angles)
        angles = [int(angle) for angle in kinds[kind]]
        ax.plot(angles, 100 * every.mean(0), "o-", color=colour, label=kind, markersize=4)
    ax.axhline(0, color="#999999", linewidth=0.8)
    ax.set(title=name, xlabel="degrees")
axes[0].set_ylabel("lacking, % of the volume at rest")
axes[0].legend()
plotting.show(figure, "Volume that wrist, elbow and knee lack, by angle, without and with correctives.")

# %% [markdown]
# **How to read it.** *C20.1 holds.* Averaged over the angles, the wrist lacks 15 % of its volume at rest, elbow and knee 7 to 8 %. Correctives remove 70 %, 74 % and 74 % of that.
#
# Up to 90° less than 1 % is lacking; below zero there is too much. Beyond 90° they fall behind: they are linear in $R$, and what is needed is not. At 150° the wrist still lacks 13 %, at 140° elbow and knee lack 5 and 6 %. (The 150° are also beyond the twists of ±126° that they were learned from; elbow and knee were learned up to 143°.) And a fold may be wrong with its volume right.

# %% [markdown] tags=["slide"]
# ## 9 · Paper and toy
#
# | | SMPL (Loper et al. 2015) | Here | What it costs |
# |---|---|---|---|
# | People | scans of some 3,800 people, women and men apart | 200 generated, one model for all | twelve measures: no faces, no ages, no real fat |
# | Poses | 1,786 scans of 40 people | 360 poses of 12 generated figures | flesh without bones, muscles or sliding skin |
# | Registration | an energy that fits a template to scans | pieces correspond by construction | close to exact at rest; deep folds are filled in |
# | Weights, joints | learned together with the correctives | weights spread like heat over the skin (Baran & Popović 2007), joints by regression | not the best weights for our correctives |
# | Correctives | every joint may move every vertex | only joints near a vertex, as in STAR (Osman et al. 2020) | none known; far fewer numbers |
# | Soft tissue | an extension (DMPL) swings | none | nothing wobbles |
#
# After SMPL came hands (MANO, Romero et al. 2017), faces (FLAME, Li et al. 2017), and all in one (SMPL-X, Pavlakos et al. 2019): more joints, and directions for expressions, in the same equation.

# %% [markdown] tags=["slide"]
# ## 10 · Break it
#
# Write down the symptom before you run each cell. (Two were broken on the way: angles averaged in section 1, skin twisted by 180° in section 3.)
#
# ### The template's joints for everybody

# %%
predict("20.8")

# %%
def hers(shape: Tensor, pose: Tensor) -> Tensor:
    """SMPL, but with the joints of the template."""
    rotations = rodrigues(pose)
    rest, _ = rest_body(*matrices, shape, rotations)
    joints = (body.joint_regressor @ body.template).expand(len(shape), -1, -1)
    posed, world = forward_kinematics(rotations, joints, PARENTS)
    return skin(rest, joints, posed, world, body.weights)


tall, pose = torch.zeros(2, 10), torch.zeros(2, 24, 3)
tall[:, 0] = 3.0
pose[1, [1, 2, 4, 5], 0] = torch.tensor([-1.6, -1.6, 1.7, 1.7])  # hips and knees
pose[1, [16, 17], 2] = torch.tensor([-1.2, 1.2])  # arms down
wrong, right = hers(tall, pose), person(tall, pose)
for k, name in enumerate(("at rest", "seated")):
    print(f"{name}: her skin differs by at most {1000 * (wrong - right)[k].norm(dim=1).max():.1f} mm")
off = (wrong - right)[1].norm(dim=1)
titles = ["joints of the person", "joints of the template"]
figure = error_views([right[1], wrong[1]], body.faces, [0 * off, off], titles, limit_mm=100, view=(-35, 10),
                     size=2.6, label="off in mm", suptitle="A tall person sits down")
show_photographs(figure, "A tall person who sits, and one who folds in the wrong places.", **JPEG)

# %% [markdown]
# **How to read it.** At rest nothing can be seen. Seated, the legs fold beside hips and knees. That is why the exercises test in several poses, and why $J$ is applied to the person.
#
# ### R in place of R − I

# %%
at_rest = torch.eye(3).expand(1, 24, 3, 3)
with_r, _ = rest_body(*matrices, torch.zeros(1, 10), at_rest + torch.eye(3))  # so that R - I becomes R
off = (with_r[0] - body.template).norm(dim=1)
print(f"at rest the skin is off by {1000 * off.mean():.1f} mm on average, {1000 * off.max():.0f} mm at most")
figure = error_views([body.template, with_r[0]], body.faces, [0 * off, off], ["R − I", "R"], size=2.2,
                     view="front", label="moved in mm (50: or more)")
show_photographs(figure, "A body at rest, and one that is swollen or shrunken at rest.", **JPEG)

# %% [markdown]
# **How to read it.** At rest each $R$ is $I$, and its three ones bring three directions of $P$ along, for every joint. That is a constant, which belongs to the template. With $R - I$ the template is exactly the person at rest.
#
# ### Weights that do not add up
# A game engine keeps four weights a vertex. Suppose that you keep the two largest, and forget to divide by their sum.

# %%
largest = body.weights.topk(2, dim=1)
two = torch.zeros_like(body.weights).scatter_(1, largest.indices, largest.values)
print(f"rows add up to between {two.sum(1).min():.2f} and {two.sum(1).max():.2f}")
pose = torch.zeros(1, 24, 3)
pose[0, [16, 17], 2] = torch.tensor([-0.9, 0.9])  # arms half down
skins = [skinned(pose, own)[0] for own in (body.weights, two, two / two.sum(1, keepdim=True))]
titles = ["all weights", "the two largest", "the same, divided by their sum"]
figure = body_views(skins, body.faces, titles, view="front", size=2.2)
show_photographs(figure, "A body, one whose shoulders and hips fall in, and one that is mended.", **JPEG)

# %% [markdown]
# **How to read it.** What a vertex lacks in weight it lacks in *place*: it is pulled towards the body's origin, where all coordinates are 0. Where three joints or more share the skin, at shoulders, neck and hips, it falls in. Divided by their sum, two weights nearly do.

# %% [markdown] tags=["slide"]
# ## 11 · Real: with real weights
#
# If you have SMPL's file, put its path into `YOURS`. Without it the course's own body is written in the published layout, as `.npz`, and read back: the same loader, the same checks.

# %%
import numpy as np

YOURS = None  # such as "SMPL_NEUTRAL.pkl"
table = np.stack([np.array(PARENTS) % 2**32, np.arange(24)])  # the root's parent is written as 2³² - 1
fields = {"v_template": body.template, "shapedirs": body.shape_directions, "posedirs": body.pose_directions,
          "J_regressor": body.joint_regressor, "weights": body.weights, "f": body.faces}
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "body.npz"
    np.savez(path, kintree_table=table, **{name: x.numpy() for name, x in fields.items()})
    loaded = load_smpl(YOURS or path)
sizes = (len(loaded.template), len(loaded.parents), loaded.shape_directions.shape[2])
print("{:,} vertices, {} joints, {} numbers of shape".format(*sizes))
skins = loaded(shapes[5:9], poses[5:9]).vertices
figure = body_views(skins, loaded.faces, size=1.8, suptitle="Four people by the file's five matrices")
show_photographs(figure, "Four people in poses, from a model file.", **JPEG)

# %% [markdown] tags=["slide"]
# ## 12 · Summary in five sentences
#
# 1. A body model maps 82 numbers, 10 of shape and 72 of pose, to 7,000 vertices, by sums, a tree of rotations and a weighted mean.
# 2. Three numbers name a rotation with a seam at 180°; averages, paths and networks stumble over it, and six numbers have none.
# 3. Forward kinematics multiplies rotations down the tree; a joint carries along what comes after it.
# 4. Linear blend skinning is the mean of what the joints say; the mean of rotations is none, so twisted skin collapses.
# 5. SMPL learns a template, shape directions and joints from people, and correctives from poses, which mend the skin before it is skinned.
#
# ### Further exercises
#
# 1. Learn components from two hundred people. From which number on do strangers gain nothing?
# 2. Write dual-quaternion skinning (Kavan et al. 2007), and twist the wrist. What does it do at a bent elbow?
# 3. Turn each joint by up to 180° at random, and look for the largest difference between your `person` and the package's.
# 4. Fit the shape numbers to a height and a waist that you measure on yourself.
# 5. Give the network of section 1 nine numbers, and take the nearest rotation (`rotation_mean` of one). Is it better than six?
#
# ### References
#
# - I. Baran, J. Popović, "Automatic Rigging and Animation of 3D Characters", SIGGRAPH 2007.
# - C. Gordon et al., "2012 Anthropometric Survey of U.S. Army Personnel: Methods and Summary Statistics", Natick/TR-15/007, 2014.
# - L. Kavan et al., "Skinning with Dual Quaternions", Symposium on Interactive 3D Graphics and Games 2007.
# - J. P. Lewis, M. Cordner, N. Fong, "Pose Space Deformation", SIGGRAPH 2000.
# - T. Li et al., "Learning a Model of Facial Shape and Expression from 4D Scans" (FLAME), SIGGRAPH Asia 2017.
# - M. Loper, N. Mahmood, J. Romero, G. Pons-Moll, M. Black, "SMPL: A Skinned Multi-Person Linear Model", ACM Transactions on Graphics 2015.
# - N. Magnenat-Thalmann, R. Laperrière, D. Thalmann, "Joint-Dependent Local Deformations for Hand Animation and Object Grasping", Graphics Interface 1988.
# - A. Osman, T. Bolkart, M. Black, "STAR: Sparse Trained Articulated Human Body Regressor", ECCV 2020. [arXiv:2008.08535](https://arxiv.org/abs/2008.08535)
# - G. Pavlakos et al., "Expressive Body Capture: 3D Hands, Face, and Body from a Single Image" (SMPL-X), CVPR 2019. [arXiv:1904.05866](https://arxiv.org/abs/1904.05866)
# - K. Robinette et al., "Civilian American and European Surface Anthropometry Resource (CAESAR), Final Report", AFRL-HE-WP-TR-2002-0169, 2002.
# - O. Rodrigues, "Des lois géométriques qui régissent les déplacements d'un système solide", Journal de Mathématiques Pures et Appliquées 5, 1840.
# - J. Romero, D. Tzionas, M. Black, "Embodied Hands" (MANO), SIGGRAPH Asia 2017.
# - K. Shoemake, "Animating Rotation with Quaternion Curves", SIGGRAPH 1985.
# - Y. Zhou, C. Barnes, J. Lu, J. Yang, H. Li, "On the Continuity of Rotation Representations in Neural Networks", CVPR 2019. [arXiv:1812.07035](https://arxiv.org/abs/1812.07035)
#
# ### What comes next
#
# Now the other way round: from a picture to the 82 numbers. Part b turns the camera's rays back into people.

# %%
progress("20")
