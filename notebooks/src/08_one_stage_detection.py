# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 08 · One-stage and keypoint-based detection
#
# **Nearly every place of a picture shows nothing. How can a network judge all places at once, without a first stage that picks the few that matter?**
#
# A car that brakes for a child cannot wait until two thousand regions have been looked at. From 2016 on, detectors drop the first stage: one pass of a network, and every place says at once what is there. That is fast, and it brings two troubles that proposals had hidden. Nearly all places are background; and several places claim the same object. You build the two answers, and end with a detector that needs neither anchors nor suppression.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Write** a scene into YOLO's grid, and **count** which objects find no room.
# 2. **Build** the focal loss, and **measure** whom the gradient listens to with and without it.
# 3. **Build** a feature pyramid, and **train** RetinaNet's subnets on your own functions.
# 4. **Find** objects as pairs of corners, as triplets, and as points.
# 5. **Train** a detector of points, and **find** a fault by the objects that it spoils.
#
# **You need** chapter 07: boxes, IoU, NMS, anchors and their matching, AP50 and AP75. From chapter 06: heat maps of class scores.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · One look | 30 | 8 · Train | 14 |
# | 2 · Nearly all is background | 24 | 9 · Evaluate | 10 |
# | 3 · Objects of all sizes | 28 | 10 · Claims, measured | 12 |
# | 4 · Pairs of corners | 36 | 11–12 · Lab; paper and toy | 42 |
# | 5 · A centre as witness | 14 | 13–15 · Broken, real, summary | 18 |
# | 6 · Objects as points | 24 | | |
# | 7 · Put together | 6 | | |
#
# **A GPU** is not needed: everything here runs on two processor cores. One long comparison is shown as it was recorded.

# %% tags=["skip"]
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import plotting, runtime, zoo
from lecture_utils.data import photographs, toyworld
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.widgets.present import present

start("08")

# %% [markdown] tags=["slide"]
# ## Result first
#
# Three scenes that the network has never seen. Above, how sure it is, place by place, that the centre of an object lies there. Below, a box for each peak above 0.4; its size is read at the same place. (The striped ball of the second scene stays below 0.4.)

# %%
from lecture_utils.detection.structures import Detections

NAMES = toyworld.CLASSES  # eight kinds of objects
points = zoo.load("shapes_centernet")  # the last detector of this chapter
scenes, truths = toyworld.detection(100, split="test", seed=3)  # (100, 3, 64, 64); boxes and classes
with torch.inference_mode():
    hot = points.head(points.features(scenes))[0].sigmoid()  # (100, 8, 16, 16), a map for each class
    found = points(scenes)  # for each picture boxes (D, 4), labels (D,), scores (D,)
sure = [Detections(*(part[own.scores > 0.4] for part in own)) for own in found]
figure, axes = plotting.panels(6, 3, 2.6, suptitle="Where the map is hot, there is an object")
for k in range(3):
    plotting.draw(axes[k], plotting.heat_overlay(scenes[k], hot[k].amax(0), 1.0))
    said = [NAMES[label] for label in sure[k].labels.tolist()]
    plotting.draw(axes[3 + k], scenes[k], boxes=sure[k].boxes, labels=said, scores=sure[k].scores)
plotting.show(figure, "Three toy scenes: heat at the objects' centres, and the boxes made of it.")

# %% [markdown] tags=["slide"]
# ## 1 · One look: YOLO
#
# "You only look once" (Redmon, Divvala, Girshick and Farhadi 2016) lays a grid of $S \times S$ **grid cells** over the picture. *The cell in which an object's centre lies answers for it.* No proposals, no anchors: where an object belongs is decided by arithmetic.
#
# A cell says five numbers for a box, and one for each class:
#
# - $x, y$: the centre, as a share of its cell, from 0 to 1;
# - $\sqrt{w}, \sqrt{h}$: the roots of width and height, as shares of the picture;
# - the **confidence**: the probability that an object is there, times the IoU of the box with it;
# - $C$ class probabilities, *given* that there is an object.
#
# Why roots? A squared error treats a miss of 2 pixels alike at a box of 10 and at one of 60. On the small box it does much more harm. The root stretches the small sizes: near $w = 10$ a step of 2 changes $\sqrt w$ more than twice as much as near 60. (YOLO's network says the root itself.)
#
# In the paper a cell has $B = 2$ boxes of five numbers, and *one* set of class probabilities: $S \times S \times (5B + C)$ numbers, for photographs 7 × 7 × 30. Its successor (Redmon and Farhadi 2017) gives each box its own: $S \times S \times B(5 + C)$.

# %%
predict("08.1")

# %% tags=["system:S08.1"]
from lecture_utils.chapters.ch08.widgets.yolo_grid import yolo_grid as grid_widget

present(grid_widget())

# %% [markdown]
# **How to read it.** A tinted cell answers for the object of its colour; rows and columns are counted from 1. In the still two objects share a cell, which has one set of classes, so object 4 (broken line) is lost. With a finer grid, or with classes for each box, it has a place.
#
# Write a scene into such a grid, with one box a cell. The first object listed keeps a cell. Confidence is 1 where there is an object. (In training, the IoU of the box takes the place of the 1.)

# %% tags=["exercise:08.1"]
def to_grid(boxes: Tensor, labels: Tensor, cells: int, size: float, classes: int) -> Tensor:
    """Boxes (G, 4) x1, y1, x2, y2, labels (G,) of a picture of `size` pixels -> (cells, cells, 5 + classes).

    At the row and column of an object's cell: x, y, √w, √h, confidence 1, and 1 at its class; else zeros.
    A centre on the last edge belongs to the last cell.
    """
    ...


to_grid = check("08.1", to_grid)

# %% [markdown]
# # solution: lecture_utils.chapters.ch08.solutions.to_grid

# %%
from lecture_utils.detection import yolo_grid

layout = yolo_grid.Layout(boxes=1, classes=8)
boxes, labels = truths[0]
block = to_grid(boxes, labels, 8, 64, 8)  # yours: (8, 8, 13)
theirs = yolo_grid.encode(boxes, labels, layout, (8, 8), (64, 64)).block
print("yours equals the package's:", torch.allclose(block, theirs))
back = yolo_grid.decode(block, layout, (64, 64))  # the way back: boxes of all confident cells
figure, axes = plotting.panels(3, 3, 2.5, titled=True, suptitle="A scene, as a grid says it")
plotting.draw(axes[0], scenes[0], boxes=boxes)
plotting.draw(axes[1], plotting.heat_overlay(scenes[0], block[..., 4]))
plotting.draw(axes[2], scenes[0], boxes=back.boxes, labels=[NAMES[k] for k in back.labels.tolist()])
for ax, title in zip(axes, ("objects", "cells with confidence 1", "read back"), strict=True):
    ax.set_title(title)
plotting.show(figure, "A scene's objects, the grid cells that answer for them, and boxes read from the grid.")

# %% [markdown]
# How often do two centres share a cell? Count it on three hundred scenes.

# %%
many = toyworld.detection(300, split="val", seed=1)[1]  # boxes and classes alone
total, rows = sum(len(own) for own, _ in many), []
for cells in (4, 8, 16):
    lost = {}
    for per in ("cell", "box"):
        two = yolo_grid.Layout(boxes=2, classes=8, classes_per=per)
        written = [yolo_grid.encode(*own, two, (cells, cells), (64, 64)) for own in many]
        lost[per] = sum(one.lost for one in written)
    rows.append((f"{cells} × {cells}", *(f"{number} ({number / total:.1%})" for number in lost.values())))
show_table(rows, ["grid", "lost, classes by cell", "lost, classes by box"],
           caption=f"Of {total:,} objects in 300 scenes, those that find no room")

# %% [markdown]
# **How to read it.** On a 4 × 4 grid one object in some 25 is lost, on 8 × 8 hardly any. Classes by box nearly end it. (People in a crowd, or birds in a flock, are another matter.)
#
# ### The loss
#
# Of a cell's boxes the one that fits its object best *now* is made **responsible**: it alone learns from it. So one of them can grow into the one for flat boxes, the other into the one for upright ones. Everything is a squared error:
#
# $$L = \lambda_{\text{coord}} \sum_{\text{resp.}} \left[(x - \hat x)^2 + (y - \hat y)^2 + (\sqrt w - \sqrt{\hat w})^2 + (\sqrt h - \sqrt{\hat h})^2\right] + \sum_{\text{resp.}} (c - \hat c)^2 + \lambda_{\text{noobj}} \sum_{\text{other}} c^2 + \sum_{\text{cells with an object}} \sum_k (p_k - \hat p_k)^2$$
#
# with hats for the *truth*, as in the paper, $\hat c$ the IoU that the box has now, $\lambda_{\text{coord}} = 5$ and $\lambda_{\text{noobj}} = 0.5$.

# %% tags=["show"]
from lecture_utils.detection.yolo import Matched, match_boxes
from lecture_utils.detection.yolo_grid import Cells

# show: lecture_utils.detection.yolo.squared_errors

# %%
yolo = zoo.load("shapes_yolo")
with torch.inference_mode():
    blocks = yolo.predict(scenes)  # (100, 8, 8, 18): two boxes of five numbers, eight classes
    match = match_boxes(blocks, truths, yolo.layout, (64, 64))
    errors = squared_errors(yolo.layout.split(blocks), match, coordinates=1.0, no_object=1.0)
show_table([(name.replace("_", " "), f"{value / 100:.3f}") for name, value in errors.items()],
           ["part", "squared error a scene"], caption="A trained YOLO, without its two weights")
print(f"one box in {match.taken.numel() / match.taken.sum():.0f} answers for an object")

# %% [markdown]
# **How to read it.** One box in some fifty has an object to answer for. All others learn "no". Their weight of 0.5 is YOLO's whole answer to that: it was chosen by hand, and it is the same for the hopeless cell in the sky and for the one right beside the object. The next section asks for a better one.
#
# At the end, a box's score is its confidence times the class probability. Neighbouring cells may claim one object, so NMS (chapter 07) goes over all boxes.

# %% [markdown] tags=["slide"]
# ## 2 · Nearly all is background
#
# In 2017 one-stage detectors were fast and two-stage detectors were better. Lin, Goyal, Girshick, He and Dollár asked why, and found that it was not the architecture but the *examples*. A proposal network throws away nearly all background before the second stage looks. One stage looks at everything: 100,000 anchors, of which a few dozen show an object. This is called **class imbalance**.
#
# Let $p_t$ be the probability that the network gives to the truth: $p$ where the truth is yes, $1 - p$ where it is no. **Cross-entropy** is $-\log p_t$. The **focal loss** multiplies it by a factor:
#
# $$\mathrm{FL}(p_t) = -\alpha_t\, (1 - p_t)^{\gamma} \log p_t.$$
#
# What is known already, with $p_t$ near 1, hardly counts any more. Lectures often say that it "over-weights" the hard examples. The factor is never above 1: it turns the easy ones *down*. $\alpha_t$ is $\alpha$ for yes and $1 - \alpha$ for no, a weight by class; $\gamma = 2$, $\alpha = 0.25$ in the paper.

# %%
predict("08.2")

# %% [markdown]
# Each anchor asks *one question for each class*: is it a ball, is it a star? Sigmoids, not a softmax; background is the answer no to all of them. Compute the loss from the **logit** $x$, with $p = \sigma(x)$, and mind large ones: $\log \sigma(-100)$ must be −100, not −∞.

# %% tags=["exercise:08.2"]
def focal_loss(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    """Logits and targets 0 or 1, of any one shape -> the loss of each; finite for logits of -100 and 100."""
    ...


focal_loss = check("08.2", focal_loss)

# %% [markdown]
# # solution: lecture_utils.chapters.ch08.solutions.focal_loss

# %% tags=["system:S08.2"]
from lecture_utils.chapters.ch08.widgets.focal_gradient import focal_gradient

present(focal_gradient())

# %% [markdown]
# **How to read it.** Left, both losses against $p_t$, with a dot for each of three groups. Right, the share of the gradient that each group has. With a thousand easy negatives for each object, they hold 98 % of it under cross-entropy, although each is held with 0.95. Focal loss leaves them 31 %, and the rest goes to what is not known yet. Move γ to 5: too much, and the network listens to a handful of examples.

# %% [markdown] tags=["slide"]
# ## 3 · Objects of all sizes: FPN and RetinaNet
#
# To show what the loss is worth, the same paper builds **RetinaNet**. It has a backbone with a feature pyramid, and two small networks that read every level of it.
#
# Deep maps know *what* is there, and only roughly where; early maps know where. U-Net (chapter 06) brings both together and predicts once, on the finest map. The **feature pyramid network** (FPN; Lin et al. 2017) predicts *on every level*. Each map goes through a 1 × 1 convolution to one common width, the **lateral** connection. Then, from the coarsest on, the map above is doubled by copying each cell, and *added*. (U-Net puts maps side by side instead.)

# %% tags=["exercise:08.3"]
def top_down(maps: list[Tensor]) -> list[Tensor]:
    """Laterals (B, C, h, w), finest first -> the same shapes: each plus the merged one above, doubled.

    A coarser map is brought to the size of the finer by nearest neighbour, also 3 × 3 to 5 × 5.
    """
    ...


top_down = check("08.3", top_down)

# %% [markdown]
# # solution: lecture_utils.chapters.ch08.solutions.top_down
#
# A 3 × 3 convolution smooths each level afterwards. Here is a pyramid that stands on your function.

# %%
from lecture_utils.detection.fpn import FPN


class YourFPN(FPN):
    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        laterals = [layer(x) for layer, x in zip(self.lateral, maps, strict=True)]  # (B, D, h_l, w_l)
        merged = top_down(laterals)  # yours
        return [layer(x) for layer, x in zip(self.smooth, merged, strict=True)]


torch.manual_seed(0)
mine, wanted = YourFPN((8, 16, 32), channels=4, extra=False), FPN((8, 16, 32), channels=4, extra=False)
mine.load_state_dict(wanted.state_dict())
stages = [torch.randn(1, 8, 20, 20), torch.randn(1, 16, 10, 10), torch.randn(1, 32, 5, 5)]
same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(mine(stages), wanted(stages), strict=True)]
print("your pyramid equals the package's, level by level:", same)
print("shapes:", [tuple(x.shape) for x in mine(stages)])

# %% [markdown]
# Which level is to find an object? Large objects are few cells on a coarse map and hundreds on a fine one. Faster R-CNN with FPN sends a region of $w \times h$ pixels to level $k = \lfloor 4 + \log_2(\sqrt{wh} / 224) \rfloor$. RetinaNet lets anchors decide: each level has anchors of its own sizes, three sizes between one level and the next, and three shapes.

# %% tags=["system:S08.3"]
from lecture_utils.chapters.ch08.widgets.pyramid_levels import pyramid_levels

present(pyramid_levels())

# %% [markdown]
# **How to read it.** A box of 224 × 224 goes to P4, where it covers 14 × 14 cells; on P2 it would be 56 × 56. Halve the side, and it moves one level down: it always covers 14 to 28 cells a side. So one set of weights can serve all levels.
#
# And so it is: the **subnet** for classes and the one for boxes are four 3 × 3 convolutions each, *the same for all levels*. One detail decides how training starts.

# %%
predict("08.3")

# %%
p = torch.tensor([0.5, 0.01])  # what every answer says at first
of_background, of_objects = -100_000 * (1 - p).log(), -4 * p.log()
for k in range(2):
    print(f"every answer {p[k]:.2f}: background costs {of_background[k]:,.0f}, objects {of_objects[k]:.1f}")

# %% [markdown]
# The last bias of the class subnet is set to $-\log((1 - \pi)/\pi)$, so that every answer begins near $p = \pi = 0.01$: the **prior**. Section 13 leaves it out.
#
# The loss, then, with your `focal_loss` on *all* anchors (a lecture may say "every pixel"; it is every anchor). An anchor with an IoU of 0.5 or more with an object is a yes for that object's class; below 0.4 it is background; between, it is left out. The sum is divided by the number of *positive* anchors, not of all: nearly all are easy background and add hardly anything.
#
# To train it in seconds, the backbone is that of chapter 07's Faster R-CNN and stays as it is, so its maps are computed once. Pyramid and subnets are new, and both of your functions are in them: 2,880 anchors with eight questions each, in scenes of *one* object.

# %%
from lecture_utils.detection.anchors import BETWEEN, match_anchors
from lecture_utils.detection.retinanet import RetinaNet
from lecture_utils.ops.boxes import box_iou, encode_boxes


class YourRetina(RetinaNet):
    def loss(self, logits, deltas, anchors, targets):
        """Logits (B, N, K), offsets (B, N, 4), anchors (N, 4), and for each picture boxes and classes."""
        named, moved = [], []
        for logit, offset, (boxes, labels) in zip(logits, deltas, targets, strict=True):
            match = match_anchors(box_iou(boxes, anchors), high=0.5, low=0.4, allow_low_quality=True)  # (N,)
            own, asked = match >= 0, match != BETWEEN
            wanted = torch.zeros_like(logit)  # (N, K): no to everything
            wanted[own, labels[match[own]]] = 1
            number = max(1, int(own.sum()))
            named.append(focal_loss(logit[asked], wanted[asked], self.alpha, self.gamma).sum() / number)
            off = offset[own] - encode_boxes(boxes[match[own]], anchors[own])
            moved.append(off.abs().sum() / number)
        return {"class": torch.stack(named).mean(), "box": torch.stack(moved).mean()}

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch08 import tiny_retina
from lecture_utils.metrics.coco import coco_summary
from lecture_utils.ops.focal_loss import gradient_share

train_x, train_y = tiny_retina.single_objects(800, seed=5)
test_x, test_y = tiny_retina.single_objects(60, seed=3, split="test")
train_maps, test_maps = tiny_retina.maps_of(train_x), tiny_retina.maps_of(test_x)  # (800, 48, 16, 16)
STEPS = runtime.pick(quick=200, full=1500)
torch.manual_seed(0)
retina = tiny_retina.build(YourRetina, YourFPN)
rows = []
for when, steps in (("at the start", 0), (f"after {STEPS} steps", STEPS)):
    if steps:
        tiny_retina.train(retina, train_maps, train_y, steps=steps)
    asked = tiny_retina.decisions(retina, test_maps, test_y)  # every yes or no that the loss asks for
    share = [gradient_share(*asked, asked.easy, alpha=None, gamma=gamma) for gamma in (0.0, 2.0)]
    rows.append((when, f"{asked.easy.float().mean():.1%}", *(f"{one:.0%}" for one in share)))
show_table(rows, ["", "of all answers", "of the gradient, cross-entropy", "of the gradient, focal loss"],
           caption=f"The share of easy noes ({(~asked.yes).sum() / asked.yes.sum():.0f} noes for each yes)")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.plotting.detections import detection_rows

by_retina = tiny_retina.detect(retina, test_maps)
seen = [Detections(*(part[own.scores > 0.3] for part in own)) for own in by_retina[:3]]
title = "Your RetinaNet knows where before it knows what"
figure = detection_rows(test_x[:3], test_y[:3], seen, NAMES, title, columns=3, size=2.6)
plotting.show(figure, "Three scenes with the true boxes dashed, and those found by the network just trained.")
figures = coco_summary(by_retina, test_y, classes=8)
print(f"AP50 {figures['AP50']:.2f}, AP75 {figures['AP75']:.2f} on 60 test scenes of one object")

# %% [markdown]
# **How to read it.** After 200 steps 99 % of all answers are noes that the network holds with 0.9 or more. Under cross-entropy these easy noes would have over 80 % of the gradient; under the focal loss that you wrote they have about 4 %, and the rest goes to objects and to what looks like one.
#
# (At the start the answers are spread around 0.01 by chance, and those above 0.1 count most.) In the pictures the network knows *where* before it knows *what*: most false boxes lie on the object, with another name. What focal loss buys in AP is claim C08.1. The shipped RetinaNet, all of which was trained, and for longer, is judged in section 9.

# %% [markdown] tags=["slide"]
# ## 4 · An object is a pair of corners: CornerNet
#
# Anchors are a nuisance. There must be tens of thousands, and somebody must choose their sizes and shapes. **CornerNet** (Law and Deng 2018) asks for something else: one heat map that is hot at the *top-left corners* of objects, another for the *bottom-right corners*. Two points make a box.
#
# Only, what does a network see at a corner? The corner of a round object's box lies on background.

# %%
predict("08.4")

# %%
from lecture_utils.chapters.ch08.widgets.corner_pooling import corner_pooling

present(corner_pooling())

# %% [markdown]
# **How to read it.** One map is hot along the object's left edge, the other along its upper edge. Each passes its largest value on, upwards or to the left. They meet in the corner of the box, where the object itself is not.

# %% tags=["exercise:08.4"]
def top_left_pool(vertical: Tensor, horizontal: Tensor) -> Tensor:
    """Two maps (B, C, H, W) -> one: the largest of `vertical` from each cell down, the cell included,

    plus the largest of `horizontal` from each cell to the right end.
    """
    ...


top_left_pool = check("08.4", top_left_pool)

# %% [markdown]
# # solution: lecture_utils.chapters.ch08.solutions.top_left_pool
#
# In the network two convolutions make the two maps. Yours goes into the shipped CornerNet, and changes nothing; then pooling is taken out, and each corner sees only what lies around it. (This network was trained *with* pooling. The paper trained one without: it lost 2 points of AP.)

# %% tags=["show", "system:S08.4"]
from lecture_utils.detection.key_point_heads import Corner, Norm, conv
from lecture_utils.ops.corner_pooling import bottom_right_pool

# show: lecture_utils.detection.key_point_heads.CornerPooling

# %%
corners = zoo.load("shapes_cornernet")


def ap_of(answers: list) -> str:
    figures = coco_summary(answers, truths, classes=8)
    return f"AP50 {figures['AP50']:.2f}, AP75 {figures['AP75']:.2f}"


with torch.inference_mode():
    maps = corners.features(scenes[:4])
    shipped = corners.top_left.pooling(maps)
    corners.top_left.pooling.pool = top_left_pool  # yours
    print("yours pools as the package does:", torch.equal(corners.top_left.pooling(maps), shipped))
    by_corners = corners(scenes)
    print("with your pooling:", ap_of(by_corners))
    for head in (corners.top_left, corners.bottom_right):
        head.pooling.pool = torch.add  # both maps as they are
    print("without pooling:  ", ap_of(corners(scenes)))
corners.top_left.pooling.pool = top_left_pool
corners.bottom_right.pooling.pool = bottom_right_pool

# %% [markdown]
# ### Almost right is almost right
#
# A corner that is one cell off still makes a good box. Why punish the network for it as for a corner in the sky? Around each true corner a Gaussian slope is drawn. It is as wide as both corners may move, in the worst case, with the box still at an IoU of 0.3 (0.7 in the first version of the paper). With $y$ the height of the slope and $p$ what the network says,
#
# $$L = -\frac1N \sum \begin{cases} (1 - p)^2 \log p & \text{where } y = 1,\\ (1 - y)^4\, p^2 \log (1 - p) & \text{elsewhere,} \end{cases}$$
#
# a focal loss that spares the slope. $N$ is the number of objects. No anchors are matched: each cell knows its $y$.

# %% tags=["exercise:08.5"]
def heat_loss(logits: Tensor, heat: Tensor, objects: int) -> Tensor:
    """Logits, wanted heat y in [0, 1], both (B, K, h, w) -> scalar; 0 objects count as 1; finite at ±100."""
    ...


heat_loss = check("08.5", heat_loss)

# %% [markdown]
# # solution: lecture_utils.chapters.ch08.solutions.heat_loss

# %%
from lecture_utils.detection.key_points import in_a_row

with torch.inference_mode():
    maps = corners.features(scenes[:1])
    objects = in_a_row(truths[:1], maps, 8)
    wanted = corners.encode(objects.boxes[:, :2], objects, maps)  # top-left corners: heat (1, 8, 16, 16)
    answer = corners.top_left(maps)
own = boxes[:, :2]
figure, axes = plotting.panels(3, 3, 2.5, titled=True, suptitle="Top-left corners: wanted, and said")
plotting.draw(axes[0], scenes[0], boxes=boxes)
plotting.draw(axes[1], plotting.heat_overlay(scenes[0], wanted.heat[0].amax(0), 1.0))
plotting.draw(axes[2], plotting.heat_overlay(scenes[0], answer.heat[0].sigmoid().amax(0), 1.0))
for ax, title in zip(axes, ("objects", "what is wanted", "what CornerNet says"), strict=True):
    ax.set_title(title)
plotting.show(figure, "A scene, the heat wanted at top-left corners, and what the shipped CornerNet says.")
print(f"your loss of its answer: {heat_loss(answer.heat, wanted.heat, len(own)):.2f}; "
      f"of saying 0.1 everywhere: {heat_loss(torch.full_like(answer.heat, -2.2), wanted.heat, len(own)):.2f}")

# %% [markdown]
# ### Which corners belong together?
#
# Every corner also gets a number, its **embedding** $e$ (or tag). Nobody says which number. The two corners of one object must only have *nearly the same*, and objects of one picture *different* ones. With $e_k$ the mean of object $k$'s two,
#
# $$L_{\text{pull}} = \frac1N \sum_k \left[(e^t_k - e_k)^2 + (e^b_k - e_k)^2\right], \qquad L_{\text{push}} = \frac{1}{N (N-1)} \sum_{k} \sum_{j \ne k} \max(0, 1 - |e_k - e_j|).$$

# %% tags=["show"]
# show: lecture_utils.detection.corner_pairs.pull_push_loss

# %%
from lecture_utils.chapters.ch08.figures import tag_figure
from lecture_utils.detection.key_points import gather_at

which = [i for i in range(100) if len(truths[i][0]) == 4][:6]  # scenes with four objects
some = [truths[i] for i in which]
with torch.inference_mode():
    maps = corners.features(scenes[which])
    objects = in_a_row(some, maps, 8)
    ends = (objects.boxes[:, :2], objects.boxes[:, 2:])
    cells = [corners.encode(end, objects, maps).cells for end in ends]
    heads = (corners.top_left(maps), corners.bottom_right(maps))
    tags = [gather_at(head.tags, objects.picture, at)[:, 0] for head, at in zip(heads, cells, strict=True)]
title = "Most objects' corners say nearly the same number"
figure = tag_figure(*tags, objects.picture, title)
plotting.show(figure, "The tags of the top-left and bottom-right corners of the objects of six scenes.")
losses = pull_push_loss(*tags, objects.picture, len(which))
print(f"pull {losses['pull']:.3f}, push {losses['push']:.3f}")

# %%
predict("08.5")

# %%
from lecture_utils.plotting.detections import faults_in, right_detections


def false_boxes(answers: list, least: float = 0.3) -> str:
    right = boxes_said = 0
    for truth, own in zip(truths, answers, strict=True):
        own = Detections(*(part[own.scores > least] for part in own))
        right += int(right_detections(truth, own).sum())
        boxes_said += len(own.boxes)
    return f"{right} objects found, {boxes_said - right} false boxes"


for bound in (0.5, 1e9):  # the paper's bound; and no embeddings at all
    corners.tag_distance = bound
    with torch.inference_mode():
        answers = corners(scenes)
    print("with tags:   " if bound < 1 else "without tags:", false_boxes(answers), "|", ap_of(answers))
corners.tag_distance = 0.5

# %% [markdown]
# **How to read it.** Two corners are paired if they say the same class, if their tags differ by 0.5 at most, and if one lies below and to the right of the other. In our scenes tags seem to do harm. Here the paper's 0.5 throws *right* pairs away: the shipped network had eight minutes, and its tags are still rough (see the long lines above).
#
# And only one object in six shares its class with another of its scene, so the class alone rules out most wrong pairs. More false boxes come without tags, but their scores are low beside those of the right ones, and AP forgives that. Section 13 looks where tags are needed.
#
# Last, each corner says its **offset**. A map with a cell for 4 pixels knows a corner to within 4 pixels; the rest, $x/4 - \lfloor x/4 \rfloor$, is learned at the corner itself, by smooth L1 (chapter 07). The whole loss is heat + 0.1 pull + 0.1 push + offset. At the end soft-NMS (chapter 07) lowers the scores of boxes that overlap.

# %% [markdown] tags=["slide"]
# ## 5 · A centre as witness: CenterNet with triplets
#
# Corner pairs know edges, and never look inside. **CenterNet** (Duan et al. 2019) adds a third heat map, for *centres*, and believes a pair only if a centre of its class lies in the middle of its box: a triplet.
#
# How large is "the middle"? A third of each side for small boxes, below 150 pixels in the paper and 19 here. For large ones a fifth, or too many wrong centres would fall into it.

# %% tags=["show"]
from lecture_utils.detection.centernet_triplets import FEW, MANY

# show: lecture_utils.detection.centernet_triplets.central_regions

# %% tags=["show", "system:S08.5"]
# show: lecture_utils.detection.centernet_triplets.keep_triplets

# %%
predict("08.6")

# %%
triplets = zoo.load("shapes_centernet_triplets")
with torch.inference_mode():
    maps = triplets.features(scenes)
    size = [(64, 64)] * len(scenes)
    pairs = triplets.pairs(triplets.top_left(maps), triplets.bottom_right(maps), size)
    kept = triplets.triplets(pairs, triplets.centre(maps))  # no soft-NMS yet
    whole = triplets(scenes)
crowded = max(range(100), key=lambda i: int((pairs[i].scores > 0.3).sum()) - len(truths[i][0]))
shown = [Detections(*(part[own[crowded].scores > 0.3] for part in own[crowded])) for own in (pairs, kept)]
title = "Pairs of corners above 0.3, and those that a centre confirms"
same_scene = scenes[[crowded] * 2], [truths[crowded]] * 2
figure = detection_rows(*same_scene, shown, NAMES, title, columns=2, size=3.4)
plotting.show(figure, "One scene with all its corner pairs, and with those whose middle shows a centre.")
print("pairs of corners:  ", false_boxes(pairs))
print("with centres:      ", false_boxes(kept))
print("and soft-NMS:      ", false_boxes(whole), "|", ap_of(whole))

# %% [markdown]
# **How to read it.** Most wrong pairs have no centre in their middle, and go. A few right ones go too: no centre was found, or its low score pulled the mean below 0.3. (Drawn and counted are boxes above 0.3.)
#
# Two more ideas let each point see what it needs. **Centre pooling** takes the largest value of the whole row and the whole column. **Cascade corner pooling** lets a corner look along the edge, and from each place of the edge *into* the box.

# %% tags=["show"]
# show: lecture_utils.detection.key_point_heads.CascadeCornerPooling.forward

# %% [markdown] tags=["slide"]
# ## 6 · An object is a point
#
# If the centre is known, why look for corners? **Objects as Points** (Zhou, Wang and Krähenbühl 2019; also named CenterNet) keeps the centre alone. A head says, at each cell: how hot for each class; the width and height of the object whose centre this is; the offset of the centre in its cell. (Lectures call it "CenterNet2"; a detector of 2021 has that name.)
#
# A detector without NMS? A **peak** is a cell at least as hot as its eight neighbours on the map of its class. A 3 × 3 max pool finds all peaks, and each makes one box.

# %% tags=["show"]
from lecture_utils.detection.key_point_heads import RARE, branch

# show: lecture_utils.detection.center_points.PointHead

# %%
predict("08.7")

# %%
from lecture_utils.chapters.ch08.widgets.peaks import peaks

present(peaks())

# %% [markdown]
# **How to read it.** A cell beside a peak is no second detection. In the still all six objects have their peak, and two peaks are false. Without a window, every warm cell is a detection: that is what NMS is for elsewhere. A window of 7 × 7 swallows one of two neighbours. (Peaks are sought for each class by itself, so one object can still give two boxes with different names.)

# %% tags=["exercise:08.6"]
def find_peaks(heat: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Heat (K, h, w) in [0, 1] of a picture -> scores (P,), labels (P,), cells (P, 2) x, y; hottest first.

    At most `most`. A peak is above 0 and as high as its eight neighbours on the map of its own class.
    """
    ...


find_peaks = check("08.6", find_peaks)

# %% [markdown]
# # solution: lecture_utils.chapters.ch08.solutions.find_peaks

# %%
predict("08.8")

# %% tags=["system:S08.6"]
from lecture_utils.detection.center_points import decode_points

with torch.inference_mode():
    heat, wide, offset = points.head(points.features(scenes))
    answers = {"as learned": offset, "half a cell everywhere": torch.full_like(offset, 0.5),
               "left out": torch.zeros_like(offset)}
    rows = []
    for name, own in answers.items():
        read = decode_points(heat.sigmoid(), wide, own, size, stride=4, most=50)
        figures = coco_summary(read, truths, classes=8)
        rows.append((name, f"{figures['AP50']:.2f}", f"{figures['AP75']:.2f}"))
show_table(rows, ["offsets", "AP50", "AP75"], caption="CenterNet with points, the same heat and sizes")

# %% [markdown]
# **How to read it.** Left out, each box slides up to 4 pixels to the upper left. Our objects are 12 to 30 pixels wide, so it costs at both IoUs, and nearly everything at 0.75. Half a cell everywhere halves the worst error. The lab finds out what size of object can do without.

# %% [markdown] tags=["slide"]
# ## 7 · Put together
#
# Five detectors on the same kind of backbone, each trained by itself. What differs is the question that each cell is asked.

# %%
models = {"YOLO": yolo, "RetinaNet": zoo.load("shapes_retinanet"), "CornerNet": corners,
          "CenterNet (triplets)": triplets, "CenterNet (points)": points}
with torch.inference_mode():
    retina_maps = models["RetinaNet"].backbone(scenes[:1])
    said = {"YOLO": [yolo.predict(scenes[:1])],
            "RetinaNet": models["RetinaNet"].class_subnet(retina_maps),
            "CornerNet": [corners.top_left(corners.features(scenes[:1])).heat],
            "CenterNet (triplets)": [triplets.centre(triplets.features(scenes[:1])).heat],
            "CenterNet (points)": [points.head(points.features(scenes[:1]))[0]]}
asked_of = ("which box and class is yours", "for each anchor: which class", "is a corner here, of what",
            "and is a centre here", "is a centre here, how large")
rows = [(name, question, ", ".join(str(tuple(x.shape[1:])) for x in said[name]),
         f"{sum(p.numel() for p in model.parameters()):,}")
        for (name, model), question in zip(models.items(), asked_of, strict=True)]
show_table(rows, ["detector", "asked of each place", "first answer for a picture", "weights"])

# %%
import time

figure, axes = plotting.panels(4, 4, 1.95, titled=True, suptitle="Four ways to say where")
with torch.inference_mode():
    confident = yolo.layout.split(yolo.predict(scenes[:1])).confidence[0].amax(-1)  # (8, 8)
    logits = models["RetinaNet"].class_subnet(retina_maps)[0].view(16, 16, 9, 8).amax((2, 3)).sigmoid()
    corner = corners.top_left(corners.features(scenes[:1])).heat[0].amax(0).sigmoid()
pictures = {"YOLO: confidence": confident, "RetinaNet: anchors": logits, "CornerNet: corners": corner,
            "CenterNet: centres": hot[0].amax(0)}
for ax, (name, values) in zip(axes, pictures.items(), strict=True):
    plotting.draw(ax, plotting.heat_overlay(scenes[0], values.clamp(0, 1), 1.0))
    ax.set_title(name, fontsize=9)
plotting.show(figure, "One scene: where YOLO, RetinaNet, CornerNet and CenterNet see something.")

# %% [markdown] tags=["slide"]
# ## 8 · Train
#
# Now a detector of your own. The backbone is that of chapter 07's Faster R-CNN, held fixed, so that its maps are computed once. The head is new. The loss is your `heat_loss`, plus L1 for size and offset *at the centres alone*; boxes are read from your `find_peaks`. The bar: an AP50 of 0.8, on 100 test scenes.

# %%
from lecture_utils.detection.center_points import CenterPoints, PointHead, encode_points
from lecture_utils.ops.boxes import clip_boxes


class YourPoints(CenterPoints):
    def loss(self, maps: Tensor, targets: list) -> Tensor:
        """On maps (B, 48, 16, 16) of the backbone: λ_size = 0.1 and λ_off = 1, as in the paper."""
        logits, size, offset = self.head(maps)
        want = encode_points(targets, logits, classes=8, stride=4)
        there = want.centres[:, None]  # (B, 1, 16, 16): where there is a centre
        n = max(1, int(there.sum()))
        wide = ((size - want.sizes).abs() * there).sum() / n
        off = ((offset - want.offsets).abs() * there).sum() / n
        return heat_loss(logits, want.heat, n) + 0.1 * wide + off

    def read(self, logits: Tensor, size: Tensor, offset: Tensor) -> Detections:
        """One picture's maps (K, h, w), (2, h, w), (2, h, w) -> what was found."""
        scores, labels, cells = find_peaks(logits.sigmoid(), 50)
        at = cells[:, 1], cells[:, 0]  # row and column
        centre, half = (cells + offset[:, *at].T) * 4, size[:, *at].T.clamp(min=0.1) / 2
        return Detections(clip_boxes(torch.cat([centre - half, centre + half], 1), 64, 64), labels, scores)

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.training.loop import fit
from lecture_utils.training.one_cycle import one_cycle

backbone = zoo.load("shapes_faster_rcnn").backbone
more_x, more_y = toyworld.detection(800, split="train", seed=5)  # one to four objects
more_maps = tiny_retina.maps_of(more_x)  # (800, 48, 16, 16)


def new_detector() -> YourPoints:
    torch.manual_seed(0)
    return YourPoints(backbone, PointHead(48, 8, width=48))


probe = new_detector()
history = fit(probe.head, [(more_maps[:8], more_y[:8])] * 20, steps=20, label="one batch",
              loss=lambda _, x, y: probe.loss(x, y),
              optimizer=torch.optim.Adam(probe.head.parameters(), lr=3e-3))
print(f"one batch by heart: loss {history.losses[0]:.1f} -> {history.losses[-1]:.1f}")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
detector = new_detector()
one_cycle(detector.head, tiny_retina.batches(more_maps, more_y, seed=0, batch=16), warm_up=0.15,
          loss=lambda _, x, y: detector.loss(x, y), steps=runtime.pick(quick=140, full=1500),
          optimizer=torch.optim.Adam(detector.head.parameters(), lr=1e-2), label="your detector")
with torch.inference_mode():
    said = detector.head(tiny_retina.maps_of(scenes))  # heat, size, offset
yours = [detector.read(*own) for own in zip(*said, strict=True)]
print("on 100 test scenes:", ap_of(yours))

# %% [markdown] tags=["slide"]
# ## 9 · Evaluate: successes and failures
#
# All on the same 100 test scenes, one picture at a time for the times.

# %% tags=["nbval-ignore-output", "why:times-differ-between-machines"]
faster = zoo.load("shapes_faster_rcnn")  # two stages, from chapter 07
known = {"CornerNet": by_corners, "CenterNet (triplets)": whole, "CenterNet (points)": found}  # as above
rows = []
with torch.inference_mode():
    for name, model in (models | {"Faster R-CNN (two stages)": faster}).items():
        answers = known.get(name) or model(scenes)
        figures = coco_summary(answers, truths, classes=8)
        began = time.perf_counter()
        for scene in scenes[:10]:
            model(scene[None])
        frames = 10 / (time.perf_counter() - began)
        rows.append((name, f"{figures['AP50']:.2f}", f"{figures['AP75']:.2f}", f"{frames:.0f}"))
figures = coco_summary(yours, truths, classes=8)
rows.append(("yours, CenterNet (points)", f"{figures['AP50']:.2f}", f"{figures['AP75']:.2f}", ""))
show_table(rows, ["detector", "AP50", "AP75", "frames per second"], caption="On 100 test scenes")

# %%
faults = [faults_in(truth, own) for truth, own in zip(truths, sure, strict=True)]  # missed and false
order = torch.tensor(faults).argsort(stable=True, descending=True)
best = [i for i in order.tolist() if len(truths[i][0]) == 4][-3:]  # four objects each, and fewest faults
for title, chosen in (("Four objects, and all found", best), ("The three worst of 100 scenes", order[:3])):
    true, answer = [truths[i] for i in chosen], [sure[i] for i in chosen]
    figure = detection_rows(scenes[chosen], true, answer, NAMES, title, columns=3, size=2.7)
    plotting.show(figure, f"{title}: true boxes dashed, right detections blue, false ones orange.")

# %% [markdown]
# **How to read it.** CenterNet's worst scenes are crowded. It misses hidden objects, and gives wrong names even to visible ones.
#
# YOLO finds objects, but its boxes are loose: its AP75 is far below its AP50. CornerNet keeps most of its AP at 0.75; it loses objects whose corner is missed, or whose tags differ too much. Of the one-stage detectors, points find most. Yours meets the bar. What it lacks at AP75 may be training: 140 steps, on a map that stays fixed.
#
# And the speed? YOLO and points are about twice as fast as the two-stage detector. RetinaNet and the two corner detectors are *slower*: a pyramid and eight convolutions on every level, or hundreds of pairs, cost more than fifty proposals on so small a picture. Claim C08.2 measures it.
#
# ### Eight detectors, one budget
#
# How do all eight of chapters 07 and 08 compare if each is trained for the same time? The cell trains Faster R-CNN and R-CNN anew, for about 480 seconds of one processor core, which is what the other six had. All start from the same classifier. The one-stage detectors and Faster R-CNN learn from one endless stream of scenes, R-CNN and Fast R-CNN from the 1,600 and 2,400 scenes in which they have searched.

# %%
# %%gpu ch08_eight_detectors
from lecture_utils.recipes import shapes_fast_rcnn, shapes_faster_rcnn, shapes_rcnn

rcnn, rcnn_info = shapes_rcnn.train(steps=2160)
again, faster_info = shapes_faster_rcnn.train(steps=1715)
fast = zoo.load("shapes_fast_rcnn")
cards = {name: zoo.card(f"shapes_{file}") for name, file in (
    ("Fast R-CNN", "fast_rcnn"), ("YOLO", "yolo"), ("RetinaNet", "retinanet"), ("CornerNet", "cornernet"),
    ("CenterNet (triplets)", "centernet_triplets"), ("CenterNet (points)", "centernet"))}
judged = {"R-CNN": (rcnn, rcnn_info["seconds"], shapes_rcnn.evaluate(rcnn)),
          "Faster R-CNN": (again, faster_info["seconds"], shapes_faster_rcnn.evaluate(again))}
judged |= {name: (models.get(name, fast), card.seconds, card.metrics) for name, card in cards.items()}
calls = {"R-CNN": shapes_rcnn.detect, "Fast R-CNN": shapes_fast_rcnn.detect}
for name, (model, trained_for, metrics) in sorted(judged.items(), key=lambda own: -own[1][2]["AP50"]):
    detect = calls.get(name, lambda net, x: net(x))
    began = time.perf_counter()
    with torch.inference_mode():
        [detect(model, scene[None]) for scene in scenes[:20]]
    print(f"{name:21} AP50 {metrics['AP50']:.3f}  AP75 {metrics['AP75']:.3f}  trained {trained_for:.0f} s  "
          f"{20 / (time.perf_counter() - began):4.0f} frames a second  "
          f"{sum(p.numel() for p in model.parameters()):,} weights")

# %% [markdown]
# **How to read it.** All eight had 460 to 515 seconds. Points lead in both measures and in speed. Faster R-CNN is second at AP50; R-CNN, which enlarges each region before it looks, is second at AP75, and forty times slower than points here. YOLO has its AP50 with loose boxes. The two corner detectors are last: they have most to learn (two or three heads and their tags), and eight minutes are short for that. In the papers, with days, CornerNet was ahead of RetinaNet.

# %% [markdown] tags=["slide"]
# ## 10 · Claims, measured
#
# Three claims of the lecture, each with a rule that was written before its runs, on five seeds. Training, validation and test scenes come from disjoint seeds.
#
# ### C08.1 · Focal loss, when background is a thousand times as common
# Scenes of one object, the small RetinaNet of section 3. Cross-entropy and focal loss may each choose among three settings on validation scenes.

# %% tags=["claim:C08.1"]
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim

show_claim("C08.1")
runs, rows = ledger.load("C08.1").figures, []
for name in ("cross-entropy", "focal loss"):
    alpha, gamma = runs[0]["settings"][name]
    ap = [sum(run["scores"][name][at] for run in runs) / len(runs) for at in ("AP", "AP50")]
    share = sum(run["share"][name] for run in runs) / len(runs)
    rows.append((name, f"{'none' if alpha < 0 else alpha}", f"{gamma:g}", *(f"{one:.3f}" for one in ap),
                 f"{share:.1%}"))
noes = sum(run["negatives"] for run in runs) / len(runs)
show_table(rows, ["loss", "α chosen", "γ chosen", "AP", "AP50", "easy noes' share of the gradient"],
           caption=f"Means of five seeds; {noes:,.0f} noes for each yes")

# %% [markdown]
# **How to read it.** *C08.1 is not reproduced.* With 1,558 noes for each yes, the easy ones' share of the gradient falls as the lecture says, from 11 % to 0.2 %. But the AP is the same: 0.747 with focal loss, 0.745 with cross-entropy (difference 0.003, interval −0.013 to 0.019).
#
# Why? Cross-entropy had help. It chose α = 0.75, so each yes counts three times as much as a no; both start at the prior; and the divisor is the number of yeses. The paper's gap between the best of both was 2.9 points, with 100,000 anchors of photographs, most of them of things that look like objects. In our scenes background is sky and sand.
#
# The boundary was swept along the length of training. After 75 steps focal loss is ahead, on all five seeds; after 150 and 300 steps it is *behind*, and at 600 level. Where the noes are easy, it is no faster way to learn.
#
# ### C08.2 · Is one stage faster?
# The shipped detectors, one picture at a time.
#
# ### C08.3 · Peaks need no suppression
# The same CenterNet with NMS after its peaks, and without. Along the boundary the window grows from none to 5 × 5.

# %% tags=["claim:C08.2", "claim:C08.3"]
from lecture_utils.chapters.ch08.figures import speed_figure

show_claim("C08.2")
show_claim("C08.3")
runs = ledger.load("C08.2").figures
table = {name: (sum(run["frames"][name] for run in runs) / len(runs),
                sum(run["scores"][name]["AP"] for run in runs) / len(runs)) for name in runs[0]["frames"]}
figure = speed_figure(table, "Faster R-CNN", "One stage can be faster and better, and need not be")
plotting.show(figure, "Frames per second and AP of five one-stage detectors and Faster R-CNN.")

# %% [markdown]
# **How to read it.** *C08.2 is not reproduced as a whole.* YOLO and points make 2.1 and 2.4 times as many frames a second as Faster R-CNN. RetinaNet makes 0.87 times as many. In the paper it matched Faster R-CNN with FPN on smaller pictures, of 600 pixels, in 122 milliseconds against 172 (section 5.3); with pictures of one size it was *better*, not faster. What costs time here is the pyramid, eight convolutions a level, and NMS over all answers above 0.05.
#
# *C08.3 holds*: NMS after the peaks changes AP by less than 0.001. Take the window away, so that every cell counts, and NMS is worth 0.04. (Zhou et al. report gains of 0 to 0.5 points.)

# %% [markdown] tags=["slide"]
# ## 11 · Lab
#
# **From heat map to boxes, and back.** You read boxes off CenterNet's maps, find out why a colleague's targets spoil the small objects, and say which objects could do without offsets.
#
# ### Step 1: assemble
# One picture's maps: heat (K, h, w), sizes (2, h, w) in pixels, width first, offsets (2, h, w) in cells, x first. A cell is `stride` pixels. Use your `find_peaks`. Cut boxes off at the border of the map, and drop those without area.

# %% tags=["exercise:08.L1"]
def boxes_from_maps(
    heat: Tensor, sizes: Tensor, offsets: Tensor, stride: int, most: int
) -> tuple[Tensor, Tensor, Tensor]:
    """One picture's maps -> boxes (D, 4) x1, y1, x2, y2 in pixels, labels, scores (D,); hottest first."""
    ...


boxes_from_maps = check("08.L1", boxes_from_maps)

# %% [markdown]
# # solution: lecture_utils.chapters.ch08.lab.boxes_from_maps

# %%
heat, wide, offset = said  # what the detector that you trained says of the 100 test scenes
read = [Detections(*boxes_from_maps(hot_map, w, o, 4, 50))
        for hot_map, w, o in zip(heat.sigmoid(), wide, offset, strict=True)]
print("your detector, read by your function:", ap_of(read))

# %% [markdown]
# ### Step 2: debug
# A colleague wrote what the head is to learn at the centres. To test it, no network is needed: write true boxes as maps, read them back with your function, and compare. *Small* are objects under 15 pixels (the root of the area), *large* those of 22 or more.

# %% tags=["show"]
# show: lecture_utils.chapters.ch08.lab.point_targets_faulty

# %%
from lecture_utils.chapters.ch08.lab import iou_by_size, point_targets as reference_targets

lab_truths = toyworld.detection(300, split="val", seed=8)[1]


def fits(encode) -> list[tuple[str, ...]]:
    back = iou_by_size(lab_truths, encode, boxes_from_maps)
    return [(name, f"{own.objects}", f"{own.iou:.2f}", f"{own.at_half:.0%}", f"{own.at_three_quarters:.0%}")
            for name, own in back.items()]


show_table(fits(point_targets_faulty), ["objects", "how many", "mean IoU", "IoU 0.5 or more", "0.75 or more"],
           caption="True boxes, written by the colleague's function and read back by yours")

# %% [markdown]
# A box that is written and read back should be the same box. Whom does it spoil at an IoU of 0.5, and whom only at 0.75? Take one box, and follow its centre by hand. Then write the function anew.

# %% tags=["exercise:08.L2"]
def point_targets(boxes: Tensor, size: tuple[int, int], stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (G, 4), `size` h, w of the map -> sizes (2, h, w), offsets (2, h, w), centres (h, w) bool.

    At the cell in which a centre lies: width and height in pixels, and x, y in cells from the cell's corner.
    A centre on the last edge belongs to the last cell. Of two objects in a cell the smaller stays.
    """
    ...


point_targets = check("08.L2", point_targets)

# %% [markdown]
# # solution: lecture_utils.chapters.ch08.lab.point_targets

# %%
show_table(fits(point_targets), ["objects", "how many", "mean IoU", "IoU 0.5 or more", "0.75 or more"],
           caption="The same, written by your function")

# %% [markdown]
# The colleague rounded to the *nearest* cell, and took the offset from the cell to the left. Each centre that lies past the middle of its cell then comes back a whole cell too far. Half of all objects, in each direction.
#
# ### Step 3: interpret
# When does an offset matter? Left out, a box slides by up to a whole cell to the left and up. Write the worst case: the IoU of a box with itself, moved by one cell in x and one in y.

# %% tags=["exercise:08.L3"]
def worst_iou(w: Tensor, h: Tensor, stride: float) -> Tensor:
    """Widths, heights (N,) in pixels -> IoU (N,) of each box with itself, moved by `stride` in x and y."""
    ...


worst_iou = check("08.L3", worst_iou)

# %% [markdown]
# # solution: lecture_utils.chapters.ch08.lab.worst_iou

# %%
side = torch.arange(4.0, 81)
lines = {f"a cell of {stride} pixels": (side, worst_iou(side, side, stride)) for stride in (2, 4, 8)}
title = "The smaller the object, the more an offset is worth"
figure = plotting.curves(lines, "side of a square object, in pixels", "IoU in the worst case", title)
plotting.show(figure, "The worst IoU without offsets against an object's side, for three sizes of a cell.")
for bound in (0.5, 0.75):
    needed = side[worst_iou(side, side, 4) >= bound]
    print(f"an IoU of {bound} for sure, with a cell of 4 pixels: from {needed.min():.0f} pixels on")

# %% [markdown]
# Our objects have 12 to 30 pixels. Defend a decision: a colleague wants to save the offset head, and only AP50 is asked for. Would you agree on these scenes? On photographs with objects of 100 pixels, and the same stride? What would you measure first? (Section 6 has measured the first; a worst case is not a mean.)

# %% [markdown] tags=["slide"]
# ## 12 · Paper and toy
#
# | | The papers | Here | What it costs |
# |---|---|---|---|
# | Backbones | GoogLeNet-like, ResNet-101, Hourglass-104, DLA-34 | three residual blocks of 48 channels, stride 4 | classes that are easy to tell apart |
# | Pictures | 448 to 800 pixels | 64 × 64 | objects are 12 to 30 pixels |
# | YOLO | 7 × 7 grid, two dense layers | 8 × 8 grid, convolutions | a cell sees only its surroundings |
# | RetinaNet | levels P3 to P7, subnets of 256 channels | two levels, 32 channels; `retinanet_resnet50` has all five, and takes torchvision's weights | little |
# | CornerNet, triplets | two stacked hourglasses; tests on the mirrored picture too; soft-NMS | one small backbone, one look; soft-NMS | several AP, and most of the time |
# | Points | four backbones, key points and 3-D boxes too | boxes | nothing for boxes |
# | Training | ten hours to days, on several GPUs | 480 seconds on one processor core | AP75 most |

# %% [markdown] tags=["slide"]
# ## 13 · Break it
#
# ### No prior
# The small RetinaNet of section 3, with plain cross-entropy, and *without* the bias that starts every answer at 0.01. Section 3's question, in the open: what do the first steps do?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
lines = {}
for name, prior in (("starts at 0.01", 0.01), ("starts at 1/2", 0.5)):
    torch.manual_seed(0)
    net = tiny_retina.build(YourRetina, YourFPN, prior=prior, alpha=0.5, gamma=0.0)
    history = fit(net, tiny_retina.batches(train_maps, train_y, seed=0), loss=tiny_retina.loss, steps=25,
                  optimizer=torch.optim.AdamW(net.parameters(), lr=2e-3), label=name)
    lines[name] = history.losses
title = "Without the prior, the loss starts fifteen times as high"
figure = plotting.curves(lines, "step", "loss", title, log_y=True)
plotting.show(figure, "Loss against steps of a small RetinaNet with and without the prior.")
print("first losses:", ", ".join(f"{name}: {losses[0]:.0f}" for name, losses in lines.items()))

# %% [markdown]
# **How to read it.** With every answer near ½ the first loss is fifteen times as large, nearly all of it background. (Not seventy times, as in the question: the last layer's weights are random too.)
#
# The optimizer here, AdamW, rescales its steps: most of the surplus is gone after 15 of them, but at step 25 it is still behind. With plain SGD such a gradient throws the weights out: the paper reports that training failed quickly and diverged (section 5.1).
#
# ### Corners without embeddings
# Scenes with four objects of *one* class, eight scenes for each of the eight classes. Now the class cannot tell which corners belong together.

# %%
alike_x, alike_y = [], []
for name in NAMES:
    four = toyworld.Objects(count=4, classes=[name])
    drawn = toyworld.sample_scenes(8, seed=1, split="test", objects=four)
    sample = toyworld.render(drawn, 64, None, only=("image", "class_id", "boxes", "visibility"))
    seen = sample.visibility >= 0.25
    alike_x.append(sample.image)
    alike_y += [(b[own], k[own]) for b, k, own in zip(sample.boxes, sample.class_id, seen, strict=True)]
crowds = torch.cat(alike_x)  # (64, 3, 64, 64)
for bound, what in ((0.5, "with embeddings"), (1e9, "without")):
    corners.tag_distance = bound
    with torch.inference_mode():
        answers = corners(crowds)
    boxes_said = sum(int((own.scores > 0.3).sum()) for own in answers)
    figures = coco_summary(answers, alike_y, classes=8)
    print(f"{what:16} {boxes_said} boxes for {sum(len(b) for b, _ in alike_y)} objects, "
          f"AP50 {figures['AP50']:.2f}, AP75 {figures['AP75']:.2f}")
corners.tag_distance = 0.5

# %% [markdown]
# **How to read it.** Without tags there are a third more boxes, hardly any of them right. AP falls by little, since wrong pairs score low here: one of their two corners is mostly a weak one. The other cure is section 5's: ask for a centre. A pair that spans two neighbours has the gap in its middle.

# %% [markdown] tags=["slide"]
# ## 14 · With real weights
#
# torchvision's RetinaNet knows COCO's 80 classes; its weights have 130 MB. If they are on your machine, the cell detects in the bundled photographs. It is the network of section 3 with all five levels: `hub.retinanet_weights` puts its weights into ours, and a test holds boxes, scores, losses and gradients equal.

# %% tags=["nbval-ignore-output", "why:depends-on-downloaded-weights"]
from lecture_utils.hub import torchvision as hub_torchvision

practical = hub_torchvision.detector("retinanet_resnet50_fpn")
if practical is not None:
    figure, axes = plotting.panels(3, 3, 2.4, suptitle="Real objects in photographs")
    for ax, name in zip(axes, ("cat", "astronaut", "coffee"), strict=True):
        photo = photographs.load(name, 320)
        real = practical.detect(photo, least=0.5)
        named = [practical.names[int(k)] for k in real.labels]
        plotting.draw(ax, photo, boxes=real.boxes, labels=named, scores=real.scores)
    plotting.show(figure, "Detections in photographs of a cat, an astronaut and a cup of coffee.")

# %% [markdown] tags=["slide"]
# ## 15 · Summary in five sentences
#
# 1. A one-stage detector asks every place at once, and its loss must cope with places that nearly all say no.
# 2. Focal loss turns down the loss of what is known already; no single loss grows.
# 3. On a feature pyramid one set of weights finds objects of all sizes, each on its own level.
# 4. Corners and points do without anchors: heat maps say where, embeddings pair corners, sizes make boxes.
# 5. A peak is its own suppression, and an offset brings back what the cells of the map have rounded away.
#
# ### Further exercises
#
# 1. Train YOLO with classes by box (`Layout(2, 8, "box")`). Which scenes gain?
# 2. Set both of YOLO's weights to 1, and train for 500 steps. What becomes of the confidences?
# 3. Draw AP against γ for the small RetinaNet of section 3, with α chosen for each. Is 2 the best here too?
# 4. Give CornerNet twelve stars in one scene. From how many on do embeddings decide?
# 5. Train CenterNet's sizes as logarithms, $\log w$, in place of pixels. Which objects gain?
#
# ### References
#
# - K. Duan, S. Bai, L. Xie, H. Qi, Q. Huang, Q. Tian, "CenterNet: Keypoint Triplets for Object Detection", ICCV 2019. [arXiv:1904.08189](https://arxiv.org/abs/1904.08189)
# - H. Law, J. Deng, "CornerNet: Detecting Objects as Paired Keypoints", ECCV 2018; IJCV 2020. [arXiv:1808.01244](https://arxiv.org/abs/1808.01244)
# - T.-Y. Lin, P. Dollár, R. Girshick, K. He, B. Hariharan, S. Belongie, "Feature Pyramid Networks for Object Detection", CVPR 2017. [arXiv:1612.03144](https://arxiv.org/abs/1612.03144)
# - T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal Loss for Dense Object Detection", ICCV 2017. [arXiv:1708.02002](https://arxiv.org/abs/1708.02002)
# - A. Newell, Z. Huang, J. Deng, "Associative Embedding", NeurIPS 2017. [arXiv:1611.05424](https://arxiv.org/abs/1611.05424)
# - J. Redmon, S. Divvala, R. Girshick, A. Farhadi, "You Only Look Once: Unified, Real-Time Object Detection", CVPR 2016. [arXiv:1506.02640](https://arxiv.org/abs/1506.02640)
# - J. Redmon, A. Farhadi, "YOLO9000: Better, Faster, Stronger", CVPR 2017. [arXiv:1612.08242](https://arxiv.org/abs/1612.08242)
# - X. Zhou, D. Wang, P. Krähenbühl, "Objects as Points", 2019. [arXiv:1904.07850](https://arxiv.org/abs/1904.07850)
#
# ### What comes next
#
# A box says where an object is, and half of it may be background. Chapter 09 asks for its pixels, and follows objects through a video.

# %%
progress("08")
