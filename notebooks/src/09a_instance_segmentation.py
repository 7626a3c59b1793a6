# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 09a · Instance segmentation
#
# **A box says where an object is, and half of the box may be background. How does a network say which pixels are the object's, when two objects of one kind touch?**
#
# A robot that picks a cup from a pile must know where one cup ends and the next begins. Semantic segmentation (chapter 06) gives both the class "cup", as one blob. Detection (chapters 07 and 08) gives two boxes that overlap. *Instance segmentation* gives each cup its own pixels. You build the two ways to it: look into each box once more, or mix each mask from a few shared pictures.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Read** a region off a feature map without rounding, and **see** what rounding costs.
# 2. **Turn** chapter 07's Faster R-CNN into Mask R-CNN with your own mask branch.
# 3. **Read** keypoints off heat maps.
# 4. **Mix** masks from prototypes, and **suppress** duplicates all at once.
# 5. **Measure** which of the two ways is faster, lighter and better.
#
# **You need** chapter 07: boxes, IoU, NMS, RoIPool, Faster R-CNN, AP50 and AP75. From chapter 08: anchors in one stage, and the pyramid. From chapter 06: masks and upsampling. Part b goes on to every pixel, and to video.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · No rounding | 30 | 6 · Train | 12 |
# | 2 · A mask for each class | 28 | 7 · Evaluate | 10 |
# | 3 · Keypoints | 10 | 8 · Claims, measured | 10 |
# | 4 · Prototypes | 34 | 9–10 · Paper and toy; break it | 14 |
# | 5 · Put together | 6 | 11–12 · Real, summary | 8 |
#
# **A GPU** is not needed: everything here runs on two processor cores.

# %% tags=["skip"]
import time

import torch
from torch import Tensor, nn

from lecture_utils import plotting, runtime, zoo
from lecture_utils.data import photographs, toyworld
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.widgets.present import present

start("09")

# %% [markdown] tags=["slide"]
# ## Result first
#
# Three scenes that the network has never seen (section 7 has its worst). For each detection above a score of 0.7 it draws a box, the pixels that belong to it, and five points whose meaning depends on the class: a star's tips, a square's corners and centre.

# %%
NAMES = toyworld.CLASSES  # eight kinds of objects
HUES = [*plotting.PALETTE[:7], "#777777"]  # a colour for each
two_stage = zoo.load("shapes_mask_rcnn")
scenes, truths = toyworld.instances(100, split="test", seed=4)  # pictures; boxes, classes, masks (G, 64, 64)
with torch.inference_mode():
    found = two_stage(scenes)  # for each picture boxes, labels, scores, masks (D, 64, 64), keypoints


def drawn(ax, scene: Tensor, own, least: float = 0.7, points: bool = False) -> None:
    sure = own.scores > least
    kinds = own.labels[sure].tolist()
    where = own.keypoints[sure][..., :2] if points else None
    plotting.draw(ax, scene, boxes=own.boxes[sure], masks=own.masks[sure], keypoints=where,
                  labels=[NAMES[k] for k in kinds], colours=[HUES[k] for k in kinds])


figure, axes = plotting.panels(3, 3, 2.9, suptitle="Boxes, masks and keypoints")
for ax, k in zip(axes, (1, 18, 60), strict=True):
    drawn(ax, scenes[k], found[k], points=True)
plotting.show(figure, "Three toy scenes with boxes, masks and keypoints that the network found.")

# %% [markdown] tags=["slide"]
# ## 1 · No rounding: RoIAlign
#
# **Instance segmentation** asks for a class and a mask for each object, so that two balls that touch are two masks. It is judged by **mask AP**: AP with one word changed, the IoU being that of the *pixels*, not of the boxes. **Mask R-CNN** (He, Gkioxari, Dollár and Girshick 2017) has a short recipe: find boxes as Faster R-CNN does, then look at each box once more and draw the mask inside.
#
# But Fast R-CNN's *RoIPool* (chapter 07) rounds. A box is rounded to whole cells of the map, and each of its bins again. To name an object that does little harm: a ball half a cell further left is still a ball. To draw it, it does much: the mask is painted where the box was *before* rounding, but was read from somewhere else.

# %%
predict("09.1")

# %%
from lecture_utils.chapters.ch09.widgets.roi_shift import roi_shift

present(roi_shift())

# %% [markdown]
# **How to read it.** The box moves by parts of a cell. Change is the mean difference from what was read before the box moved; it *should* grow with the way. RoIAlign's does. RoIPool's stands at 0, so it has not noticed, and then jumps. Its right and lower edges err more than by rounding, since it also takes in the corner's own cell.
#
# **RoIAlign** rounds nothing. Each bin is the mean of a few samples, at places that lie evenly in it, and the map is read *between* its cells, bilinearly. The paper takes four points a bin, 2 × 2. It notes that one is nearly as good, as long as nothing is rounded.
#
# Reading a map between its cells is given. Unlike exercise 05.1, $x = 0$ is the *centre* of the first cell, and beyond the border the nearest cell is read.

# %% tags=["show"]
# show: lecture_utils.chapters.ch09.solutions.bilinear

# %% [markdown]
# Now the places. A box in pixels, divided by the stride, is a box in cells; but with the pixel edge at 0, the first cell's centre lies at $\tfrac12$. So half a cell must go. (The first implementations forgot it. It cost them little, and torchvision's detectors still keep the old way, since their weights have learned it.)

# %% tags=["exercise:09.1", "system:S09.1"]
def roi_align(features: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    """Features (C, H, W) of a picture, boxes (R, 4) in its pixels -> (R, C, bins, bins).

    A bin is the mean of 2 × 2 bilinear samples, at ¼ and ¾ of it each way. The centre of cell i of the map
    lies at (i + ½) · stride pixels. Use `bilinear`.
    """
    ...


roi_align = check("09.1", roi_align)

# %% [markdown]
# # solution: lecture_utils.chapters.ch09.solutions.roi_align

# %%
from lecture_utils.ops.roi import roi_align as package_align
from lecture_utils.ops.roi import roi_pool

ramp = torch.arange(16.0).expand(1, 16, 16)  # each cell holds its column: a map on which right is known
box = torch.tensor([[10.0, 10.0, 31.0, 31.0]])  # pixels; a cell has 4
first = torch.zeros(1, dtype=torch.long)
yours = roi_align(ramp, box, 5, 4.0)
packaged = package_align(ramp[None], box, first, (5, 5), 0.25)
print("yours equals the package's:", torch.allclose(yours, packaged))
true = (10 + 21 * (torch.arange(5) + 0.5) / 5) / 4 - 0.5  # the middle of each bin, in cells
rows = [("true middle of each bin", true), ("RoIAlign", yours[0, 0, 0]),
        ("RoIPool", roi_pool(ramp[None], box, first, (5, 5), 0.25)[0, 0, 0])]
show_table([(name, *(f"{x:.2f}" for x in row.tolist())) for name, row in rows],
           ["", *(f"bin {i}" for i in range(1, 6))], caption="What five bins read off a ramp, in cells")

# %% [markdown]
# **How to read it.** On a ramp the mean of a bin is its middle. RoIAlign has it exactly. RoIPool reads too far to the right, by up to a cell and a half: the corners are rounded, the last corner's own cell is taken in, the bins are rounded outward, and of each bin the *largest* value is kept. How far it is off depends on where the box lies between the cells, and the head is not told.

# %% [markdown] tags=["slide"]
# ## 2 · A mask for each class
#
# Beside the two outputs of Faster R-CNN a third one grows, the **mask branch**: RoIAlign with finer bins, a few convolutions, a transposed convolution that doubles the size (chapter 06), and $K$ masks of $m \times m$, *one for each class*. In the paper 14 × 14 bins become masks of 28 × 28; here 10 × 10 become 20 × 20.

# %% tags=["show"]
import torch.nn.functional as F

# show: lecture_utils.segmentation.mask_heads.MaskHead.forward

# %%
predict("09.2")

# %% [markdown]
# The branch draws a mask for every class, without asking what the object is. The box branch names it, and picks the mask. So in the loss, binary cross-entropy at each pixel, only the mask of the *true* class counts, and the other $K - 1$ are left alone:
#
# $$L_{\text{mask}} = -\frac{1}{m^2} \sum_{i,j} \left[ y_{ij} \log \sigma(x^{k}_{ij}) + (1 - y_{ij}) \log (1 - \sigma(x^{k}_{ij})) \right], \qquad k \text{ the true class.}$$
#
# It learns only from regions that show an object. The wanted mask $y$ is the true one, *cropped by the region*: if the proposal is too large, so is the background in its mask.

# %% tags=["exercise:09.2"]
def mask_loss(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    """Logits (R, K, m, m), true classes (R,), wanted masks (R, m, m) in [0, 1] -> scalar.

    A mean over regions and pixels, of the mask of each region's own class. 0 where there is no region,
    also then with a gradient; finite for logits of ±100.
    """
    ...


mask_loss = check("09.2", mask_loss)

# %% [markdown]
# # solution: lecture_utils.chapters.ch09.solutions.mask_loss
#
# At the end each mask of $m \times m$ is *pasted*: brought to the size of its box, put at its place, and thresholded at ½. A mask of 20 × 20 in a box of 24 pixels loses little. In a box of 400 pixels its outline is smooth, and its detail is lost; that is the price of a small mask.

# %%
from lecture_utils.segmentation.mask_heads import select_masks
from lecture_utils.segmentation.paste import paste_masks

scene, own = scenes[:1], found[0]
with torch.inference_mode():
    logits = two_stage.mask(two_stage.backbone(scene), [own.boxes])  # (D, 8, 20, 20): a mask a class
    drawn_masks = select_masks(logits, own.labels)  # (D, 20, 20): the class picks one
    pasted = paste_masks(drawn_masks, own.boxes, (64, 64))  # (D, 64, 64)
figure, axes = plotting.panels(5, 5, 1.7, titled=True, suptitle="One region, and three of its eight masks")
others = [k for k in range(8) if k != own.labels[0]][:2]
plotting.draw(axes[0], scene[0], boxes=own.boxes[:1])
for ax, k in zip(axes[1:4], (int(own.labels[0]), *others), strict=True):
    ax.imshow(logits[0, k].sigmoid(), cmap="gray", vmin=0, vmax=1)
    ax.set_title(f"as a {NAMES[k]}", fontsize=9)
plotting.draw(axes[4], scene[0], masks=pasted[:1])
axes[0].set_title("region", fontsize=9)
axes[4].set_title("pasted", fontsize=9)
plotting.show(figure, "A region, its mask for the true class and for two others, and the mask pasted back.")

# %% [markdown]
# **How to read it.** The mask of the class that the box branch named is the object. Those for ball and square mean nothing: no loss ever asked for them on a capsule. The classes never compete.

# %% [markdown] tags=["slide"]
# ## 3 · Keypoints: a mask with one pixel
#
# A **keypoint** is a place with a name: a left elbow, the tip of a star. To Mask R-CNN it is a mask of which *one* pixel is right. Its keypoint branch gives a heat map of $m \times m$ for each kind of keypoint (56 × 56 in the paper, 28 × 28 here).
#
# Over all its places goes one *softmax*: here the pixels shall compete, since only one of them can win. The loss is cross-entropy over $m^2$ classes; points that nobody sees are left out. In use, the keypoint is where its map is highest.

# %% tags=["show"]
from lecture_utils.segmentation.keypoint_branch import keypoint_places

# show: lecture_utils.segmentation.keypoint_branch.keypoint_loss

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.recipes._masks import labelled, pck_score

judged, known = labelled(100, seed=4, split="test")  # the same scenes, with their keypoints
star = next(i for i, own in enumerate(found) if len(own.labels) and NAMES[own.labels[0]] == "star")
with torch.inference_mode():
    heat = two_stage.keypoints(two_stage.backbone(scenes[star : star + 1]), [found[star].boxes[:1]])[0]
figure, axes = plotting.panels(6, 6, 1.55, titled=True, suptitle="Five keypoints of a star, five heat maps")
x1, y1, x2, y2 = found[star].boxes[0].round().int().tolist()
for ax, title, points in zip(axes, ("star", *toyworld.KEYPOINTS["star"]), (None, *heat), strict=True):
    if points is None:
        ax.imshow(scenes[star, :, y1:y2, x1:x2].permute(1, 2, 0))
    else:
        ax.imshow(points.flatten().softmax(0).view(28, 28), cmap="inferno")
    ax.set_title(title, fontsize=8)
plotting.show(figure, "A star and the heat maps of its five tips, each with one hot place.")
print(f"share of visible keypoints within a tenth of the object's size: {pck_score(found, known):.2f}")

# %% [markdown]
# **How to read it.** Each map is hot at one tip. The last line is the **PCK**, the percentage of correct keypoints (Yang and Ramanan 2013): a point is right within a tenth of the longer side of the object's box, that is 1 to 4 pixels; a missed object's points are all wrong. The same five maps serve all eight classes, and the network must know the class to say where "the fourth point" is. Chapter 10 is about nothing but such points.

# %% [markdown] tags=["slide"]
# ## 4 · Prototypes: YOLACT
#
# Mask R-CNN cuts out every object and draws each mask by itself, in a second stage. **YOLACT** (Bolya, Zhou, Xiao and Lee 2019: "you only look at coefficients") does two things *at once*, in one stage:
#
# - a small network draws $k$ **prototypes**, maps of the *whole* picture, without knowing any object: 32 in the paper, 16 here;
# - a one-stage detector (chapter 08) says for each anchor a class, a box, and $k$ **mask coefficients** between −1 and 1.
#
# The mask of an object is the sum of all prototypes, weighted by its coefficients, through a sigmoid, and cut off outside its box. Prototypes are never negative, and $\sigma(0) = \tfrac12$: so some must light up on the background, to be taken away.
#
# $$M = \sigma(P\,C^{\mathsf T}), \qquad P: hw \times k, \quad C: D \times k.$$

# %%
predict("09.3")

# %%
from lecture_utils.chapters.ch09.widgets.prototypes import prototypes as prototypes_widget

present(prototypes_widget())

# %% [markdown]
# **How to read it.** No prototype is one object. Most light up on several, some on the background. Added with one sign and taken away with the other, and cut off outside the box, they leave one object. All masks of a picture are *one* matrix product.

# %% tags=["exercise:09.3"]
def assemble(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    """Prototypes (k, h, w), coefficients (D, k), boxes (D, 4) in cells -> masks (D, h, w) in [0, 1].

    Outside of its box a mask is 0. A cell is inside if its centre, column + ½ and row + ½, is: x1 <= x < x2.
    """
    ...


assemble = check("09.3", assemble)

# %% [markdown]
# # solution: lecture_utils.chapters.ch09.solutions.assemble

# %% tags=["system:S09.3"]
one_stage = zoo.load("shapes_yolact")
with torch.inference_mode():
    raw = one_stage.raw(scenes)  # prototypes (100, 16, 32, 32); 1,920 classes, boxes, coefficients
    chosen = one_stage.choose(raw)  # for each picture boxes, labels, scores, coefficients
    by_yolact = one_stage.instances(raw)
    yours = assemble(raw.prototypes[0], chosen[0].coefficients, chosen[0].boxes / 2)  # 2 pixels a cell
figure, axes = plotting.panels(8, 8, 1.3, suptitle="Eight of the sixteen prototypes of one scene")
strongest = raw.prototypes[0].amax((1, 2)).topk(8).indices
for ax, prototype in zip(axes, raw.prototypes[0][strongest], strict=True):
    ax.imshow(prototype, cmap="gray", vmin=0, vmax=float(raw.prototypes[0].max()))
plotting.show(figure, "Eight prototypes that YOLACT draws for a scene.")
figure, axes = plotting.panels(2, 2, 2.8, titled=True, suptitle="Your mix of them")
sure = chosen[0].scores > 0.5
plotting.draw(axes[0], scenes[0], boxes=chosen[0].boxes[sure])
full = F.interpolate(yours[None], size=64, mode="bilinear")[0]
names = [NAMES[k] for k in chosen[0].labels[sure].tolist()]
plotting.draw(axes[1], scenes[0], masks=full[sure], labels=names)
axes[0].set_title("scene and boxes")
axes[1].set_title("masks")
plotting.show(figure, "A scene with YOLACT's boxes, and the masks mixed by your function.")

# %% [markdown]
# (An object found under two names has two masks: suppression is class by class.) The cut matters most when a prototype cannot tell two far-away objects apart: inside the box it need not. It also has a price. If the box is too small, so is the mask.
#
# ### The loss
#
# Four parts, weighted as in the paper: class by cross-entropy, of which only the hardest background anchors count, three for each object; box by smooth L1 (weight 1.5); mask by binary cross-entropy inside the *true* box, divided by the box's area, so that small objects count as much as large ones (weight 6.125); and a semantic map, which helps in training and is thrown away after it.

# %% [markdown]
# ### Suppression, all at once
#
# Greedy NMS (chapter 07) goes through the boxes one by one, and each waits for the one before. YOLACT asks all at once. Sort by score; write the IoU of every pair; keep the pairs of which the row is better than the column. A box goes if anything *better* overlaps it too much: **fast NMS**.

# %%
predict("09.4")

# %% tags=["exercise:09.4"]
def fast_nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Boxes (N, 4) of one class, scores (N,), N may be 0 -> indices of those that stay, best first.

    A box goes if its IoU with any better box is above `threshold`, whether that one stays or not.
    """
    ...


fast_nms = check("09.4", fast_nms)

# %% [markdown]
# # solution: lecture_utils.chapters.ch09.solutions.fast_nms

# %% tags=["nbval-ignore-output", "why:times-differ-between-machines"]
from lecture_utils.ops.nms import nms

row = torch.tensor([[0.0, 0, 16, 16], [4, 0, 20, 16], [8, 0, 24, 16]])  # each overlaps the next by 0.6
falling = torch.tensor([0.9, 0.8, 0.7])
print("three boxes in a row: greedy keeps", nms(row, falling, 0.5).tolist(), "fast keeps",
      fast_nms(row, falling, 0.5).tolist())
generator = torch.Generator().manual_seed(0)
rows = []
for number in (100, 400, 1600):
    corner, sides = (torch.rand(number, 2, generator=generator) * a for a in (50.0, 14.0))
    crowd, score = torch.cat([corner, corner + sides], 1), torch.rand(number, generator=generator)
    spent, kept = [], []
    for suppress in (nms, fast_nms):
        suppress(crowd, score, 0.5)  # whatever is made at the first call
        began = time.perf_counter()
        kept.append(len(suppress(crowd, score, 0.5)))
        spent.append(f"{1e3 * (time.perf_counter() - began):.1f} ms")
    rows.append((f"{number:,}", *(str(n) for n in kept), *spent))
show_table(rows, ["random boxes", "kept, greedy", "kept, fast", "time, greedy", "time, fast"])

# %% [markdown]
# **How to read it.** In a row of three boxes fast NMS loses the third one, since the second, which goes, still votes. It always keeps fewer or as many. On the paper's data that cost 0.1 points of AP and saved 11.8 milliseconds a picture against greedy NMS.
#
# Here fast NMS computes all 2.6 million overlaps of 1,600 boxes, and greedy NMS fewer, in blocks. So with many boxes it is slower on this processor; with few it is ahead. YOLACT lets at most 200 boxes of a class come this far.

# %% [markdown] tags=["slide"]
# ## 5 · Put together
#
# Both networks stand on the same backbone and pyramid, start from the same classifier, and learned for the same number of steps from the same stream of scenes. What each says of one picture, with ten objects to be drawn:

# %%
with torch.inference_mode():
    maps = two_stage.backbone(scenes[:1])  # strides 4 and 8
    ten = torch.rand(10, 2).mul(40).repeat(1, 2) + torch.tensor([0.0, 0, 20, 20])  # ten regions
    pieces = [("fine map, both", maps[0]),
              ("Mask R-CNN: ten regions cut out", two_stage.mask.pooling(maps, [ten])),
              ("Mask R-CNN: their masks", two_stage.mask(maps, [ten])),
              ("Mask R-CNN: their keypoints", two_stage.keypoints(maps, [ten])),
              ("YOLACT: prototypes", raw.prototypes[:1]), ("YOLACT: coefficients", raw.coefficients[:1]),
              ("YOLACT: ten masks", assemble(raw.prototypes[0], raw.coefficients[0, :10], ten / 2))]
rows = [(name, str(tuple(x.shape)), f"{x.numel():,}") for name, x in pieces]
show_table(rows, ["part", "shape", "numbers"], caption="One picture, ten objects")
for name, model in (("Mask R-CNN", two_stage), ("YOLACT", one_stage)):
    print(f"{name:10} {sum(p.numel() for p in model.parameters()):,} weights")

# %% [markdown]
# **How to read it.** Mask R-CNN's numbers grow with every object. Of YOLACT's only the last row does, by a product of what is there anyway. How much memory that is at the peak is measured in section 8. (That YOLACT saves memory is this course's question. The paper claims speed.)

# %% [markdown] tags=["slide"]
# ## 6 · Train
#
# Chapter 07's Faster R-CNN knows no masks. You give it a branch: your `roi_align` cuts the regions out of its map, and your `mask_loss` teaches. All that was there stays fixed, so that its maps are computed once. Regions are the true boxes, moved a little at random, as proposals would be. The bar: a mask AP50 of 0.8 on 100 test scenes.

# %%
from lecture_utils.segmentation.mask_heads import MaskBranch, MaskHead, mask_targets
from lecture_utils.segmentation.mask_rcnn import MaskRCNN

faster = zoo.load("shapes_faster_rcnn")  # its backbone: one map (48, 16, 16), stride 4


class YourBranch(MaskBranch):
    def __init__(self, cut=roi_align):
        super().__init__(nn.Identity(), MaskHead(48, hidden=32, classes=8, layers=3))
        self.cut = cut

    def forward(self, maps: list[Tensor], boxes: list[Tensor]) -> Tensor:
        regions = [self.cut(x, own, 10, 4.0) for x, own in zip(maps[0], boxes, strict=True)]
        return self.head(torch.cat(regions))  # (R, 8, 20, 20)


def learn(branch: YourBranch, maps: Tensor, boxes: Tensor, labels: Tensor, masks: Tensor, loss=mask_loss):
    """One object of each picture: maps (B, 48, 16, 16), boxes (B, 4), labels (B,), masks (B, 64, 64)."""
    moved = (boxes + torch.randn(boxes.shape) * (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2) / 16).clamp(0, 64)
    wanted = mask_targets(masks, moved, 20)  # the true mask, cropped by the moved box
    return loss(branch([maps], list(moved[:, None])), labels, wanted)

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.training.one_cycle import one_cycle

learn_x, learn_y = toyworld.instances(600, split="train", seed=6)
with torch.inference_mode():
    learn_maps = torch.cat([faster.backbone(x)[0] for x in learn_x.split(50)]).clone()  # (600, 48, 16, 16)
objects = [(i, g) for i, own in enumerate(learn_y) for g in range(len(own[0]))]  # picture, object


def batches(seed: int):
    generator = torch.Generator().manual_seed(seed)
    while True:
        some = [objects[k] for k in torch.randint(len(objects), (48,), generator=generator).tolist()]
        boxes, labels, masks = (torch.stack([learn_y[i][part][g] for i, g in some]) for part in range(3))
        yield (learn_maps[[i for i, _ in some]], boxes), (labels, masks)


def trained(branch: YourBranch, loss=mask_loss) -> MaskRCNN:
    torch.manual_seed(0)
    one_cycle(branch, batches(0), loss=lambda net, x, y: learn(net, *x, *y, loss=loss), warm_up=0.15,
              steps=runtime.pick(quick=120, full=1000), label="mask branch",
              optimizer=torch.optim.AdamW(branch.parameters(), lr=4e-3))
    return MaskRCNN(faster.backbone, faster.rpn, faster.heads, branch).eval()

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors", "system:S09.2"]
from lecture_utils.recipes._masks import mask_score

torch.manual_seed(1)
network = trained(YourBranch())
with torch.inference_mode():
    by_yours = network(scenes)
figures = mask_score(by_yours, truths)
print(f"your Mask R-CNN: mask AP50 {figures['AP50']:.2f}, AP75 {figures['AP75']:.2f}")
figure, axes = plotting.panels(3, 3, 2.7, suptitle="Masks by your branch, boxes by chapter 07's detector")
for ax, k in zip(axes, (1, 18, 60), strict=True):
    drawn(ax, scenes[k], by_yours[k])
plotting.show(figure, "Three test scenes with masks from the branch that was just trained.")

# %% [markdown] tags=["slide"]
# ## 7 · Evaluate: successes and failures
#
# By mask AP, which is stricter than that of boxes where an object is thin, such as a ring. All on the same 100 test scenes.

# %% tags=["nbval-ignore-output", "why:times-differ-between-machines"]
networks = {"Mask R-CNN": (two_stage, found), "YOLACT": (one_stage, by_yolact),
            "yours, on chapter 07's boxes": (network, by_yours)}
rows = []
for name, (model, answers) in networks.items():
    figures = mask_score(answers, truths)
    began = time.perf_counter()
    with torch.inference_mode():
        for scene in scenes[:10]:
            model(scene[None])
    frames = 10 / (time.perf_counter() - began)
    rows.append((name, *(f"{figures[at]:.2f}" for at in ("AP", "AP50", "AP75")), f"{frames:.0f}"))
show_table(rows, ["network", "mask AP", "AP50", "AP75", "frames per second"], caption="On 100 test scenes")

# %%
from lecture_utils.metrics.mask_precision import mask_iou


def faults(truth: tuple, own) -> int:
    """Objects missed and masks that are none, at a score of 0.7 and an IoU of one half."""
    sure = own.scores > 0.7
    fits = mask_iou(own.masks[sure] >= 0.5, truth[2]) > 0.5
    right = int((fits & (own.labels[sure][:, None] == truth[1])).any(0).sum())
    return len(truth[0]) - right + int(sure.sum()) - right


order = torch.tensor([faults(*pair) for pair in zip(truths, found, strict=True)]).argsort(stable=True)
full = [i for i in order.tolist() if len(truths[i][0]) == 4][:3]  # four objects, fewest faults
both = (("Four objects, and few faults", full), ("The three worst of 100 scenes", order[-3:]))
for title, chosen_scenes in both:
    figure, axes = plotting.panels(6, 3, 2.5, suptitle=f"{title}: truth above, Mask R-CNN below")
    for k, i in enumerate(chosen_scenes):
        said = [NAMES[label] for label in truths[i][1].tolist()]
        hues = [HUES[label] for label in truths[i][1].tolist()]
        plotting.draw(axes[k], scenes[i], masks=truths[i][2], labels=said, colours=hues)
        drawn(axes[3 + k], scenes[i], found[i])
    plotting.show(figure, f"{title}: the true masks, and those that Mask R-CNN found.")

# %% [markdown]
# **How to read it.** At an IoU of ½ all three are equal. Asked for ¾, Mask R-CNN is ahead of YOLACT here. On COCO it leads at both: 58.0 to 48.5 points at ½, 37.8 to 31.2 at ¾, 35.7 to 29.8 in AP (ResNet-101). YOLACT's authors measured 33.5 frames a second for theirs and 8.6 for Mask R-CNN.
#
# Your branch learned for seconds, on a map that was trained for boxes alone, and meets the bar. (Mask R-CNN's time includes its keypoints.)
#
# In two of the three worst scenes the missed objects overlap. In the third a large heart in plain view is missed.

# %% [markdown] tags=["slide"]
# ## 8 · Claims, measured
#
# Two claims of the lecture, each with a rule that was written before its runs, on five seeds. Training and test scenes come from disjoint seeds.
#
# ### C09.1 · RoIAlign or RoIPool?
# The same Mask R-CNN, trained twice from the same start on the same scenes, with the one operator and with the other. The lecture: better masks, and the more so at an IoU of 0.75. The boundary's axis is the map's stride: the coarser the cells, the more is rounded.

# %% tags=["claim:C09.1"]
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim

show_claim("C09.1")
runs, rows = ledger.load("C09.1").figures, []
for name, operator in (("RoIPool", "pool"), ("RoIAlign", "align")):
    shown = ("AP50", "AP75", "AP", "box AP50", "box AP75", "box AP")
    means = [sum(run["scores"][operator][at] for run in runs) / len(runs) for at in shown]
    rows.append((name, *(f"{mean:.3f}" for mean in means)))
show_table(rows, ["", "mask AP50", "mask AP75", "mask AP", "box AP50", "box AP75", "box AP"],
           caption="Means of five seeds, on a map of stride 4")

# %% [markdown]
# **How to read it.** *C09.1 holds.* RoIAlign is worth 13 points of mask AP here: 4 at an IoU of ½, 28 at ¾. The boxes gain as well, 10 points. In the paper, on a map of stride 16, masks gain 3.4 points: 2.4 at ½ and 5.1 at ¾. Our objects cover fewer cells of their map than COCO's, so half a cell is a larger part of them.
#
# On a map of stride 16 both networks fail: an object of 24 pixels is one and a half cells wide. RoIAlign is still ahead, 0.08 to 0.03.
#
# ### C09.2 · Prototypes: faster, and lighter?
# Both shipped networks on one picture at a time. Along the boundary the number of masks is set.

# %% tags=["claim:C09.2"]
show_claim("C09.2")
runs = ledger.load("C09.2").figures
rows = []
for name in ("Mask R-CNN", "YOLACT"):
    mean = [sum(run[part][name] for run in runs) / len(runs) for part in ("frames", "peak_bytes")]
    ap = sum(run["scores"][name]["AP"] for run in runs) / len(runs)
    rows.append((name, f"{mean[0]:.0f}", f"{mean[1] / 1e6:.2f} MB", f"{ap:.3f}"))
show_table(rows, ["network", "frames per second", "memory at the peak", "mask AP"],
           caption="Means of five seeds")

# %% [markdown]
# **How to read it.** *C09.2 holds.* YOLACT is 1.29 times as fast, for 6 points of mask AP. (On COCO its authors measured a factor of nearly four, for 6 points.) The more masks, the larger the factor: 1.04 with one, 1.38 with 32. And the whole call takes 2.6 MB at the peak, YOLACT's 1.0 MB.
#
# But is that because of the *masks*? Along the boundary no candidate is dropped for its score. Then both networks peak while they suppress duplicates, at 6.0 and 6.6 MB, whatever the number of masks. So look at the masks alone.

# %% tags=["nbval-ignore-output", "why:memory-differs-between-versions-of-pytorch"]
from functools import partial

from lecture_utils.chapters.ch09.memory import peak_bytes
from lecture_utils.segmentation.yolact import make_masks



def drawn_by_yolact(regions: Tensor) -> Tensor:
    return make_masks(one_stage.protonet(fine)[0], raw.coefficients[0, : len(regions)], regions, (64, 64))


numbers = (1, 2, 4, 8, 16, 32, 64)
sizes = {"Mask R-CNN": [], "YOLACT": []}
with torch.inference_mode():
    fine = one_stage.backbone(scenes[:1])[0]
    for n in numbers:
        regions = ten[:1].repeat(n, 1)
        sizes["Mask R-CNN"].append(peak_bytes(partial(two_stage.mask, maps, [regions])) / 1e6)
        sizes["YOLACT"].append(peak_bytes(partial(drawn_by_yolact, regions)) / 1e6)
lines = {name: (numbers, own) for name, own in sizes.items()}
title = "From four masks on, prototypes are the lighter way"
figure = plotting.curves(lines, "masks in the picture", "MB at the peak", title, log_y=True)
plotting.show(figure, "Memory of the mask branch and of the prototypes against the number of masks.")
print("MB for 64 masks:", ", ".join(f"{name} {own[-1]:.1f}" for name, own in sizes.items()))

# %% [markdown]
# **How to read it.** For a mask or two Mask R-CNN's branch is lighter: prototypes have to be drawn in any case. With more masks YOLACT is, by a factor of three at 64. (Mask R-CNN's 2.6 MB above are its *box* head, which reads forty regions of every picture.)

# %% [markdown] tags=["slide"]
# ## 9 · Paper and toy
#
# | | The papers | Here | What it costs |
# |---|---|---|---|
# | Backbone | ResNet-50 or -101 with a pyramid of five levels | seven small residual blocks, two levels | enough for eight classes that are easy to tell apart |
# | Pictures | 800 pixels (Mask R-CNN), 550 (YOLACT) | 64 × 64 | most objects are 11 to 33 pixels long |
# | Masks | 28 × 28 of each region | 20 × 20 | not measured; regions are smaller, too |
# | Keypoints | 17 of one class, people | 5 of each of eight classes, in shared maps | the branch must know the class |
# | Prototypes | 32 at a quarter of the side | 16 at half of it | not measured |
# | Whole models | | `mask_rcnn_resnet50` and `keypoint_rcnn_resnet50` take torchvision's weights | none: a test holds them equal |
# | Training | Mask R-CNN: a day or two on eight GPUs; YOLACT: 4 to 6 days on one | 11 to 14 minutes on one processor core | not measured |

# %% [markdown] tags=["slide"]
# ## 10 · Break it
#
# ### RoIPool in its place
# Your mask branch of section 6 once more, with one change: regions are cut out by RoIPool. The boxes are the same ones, so what differs is the mask alone.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.metrics.coco import COCO_IOUS
from lecture_utils.metrics.mask_precision import evaluate_masks


def pool(x: Tensor, boxes: Tensor, bins: int, stride: float) -> Tensor:
    return roi_pool(x[None], boxes, boxes.new_zeros(len(boxes)).long(), (bins, bins), 1 / stride)


def by_iou(answers: list) -> Tensor:
    given = [(own.masks >= 0.5, own.labels, own.scores) for own in answers]
    wanted = [(masks, labels) for _, labels, masks in truths]
    return evaluate_masks(given, wanted, classes=8).nanmean(1)  # (10,) AP at each IoU


torch.manual_seed(1)
rounded = trained(YourBranch(pool))
with torch.inference_mode():
    lines = {"RoIAlign": (COCO_IOUS, by_iou(by_yours)), "RoIPool": (COCO_IOUS, by_iou(rounded(scenes)))}
title = "RoIPool costs nothing at ½, and most near ¾"
figure = plotting.curves(lines, "least IoU of a right mask", "mask AP", title)
plotting.show(figure, "Mask AP against the IoU asked for, with RoIAlign and with RoIPool.")
for name, (_, line) in lines.items():
    print(f"{name:8} AP at 0.5: {line[0]:.2f}, at 0.75: {line[5]:.2f}, at 0.85: {line[7]:.2f}")

# %% [markdown]
# **How to read it.** At an IoU of ½ RoIPool costs nothing. At ¾ it costs 20 points, a third of what there was. (At 0.95 no mask is that good.) The network was trained on RoIPool's regions, and had every chance: what rounding throws away it cannot learn to guess.
#
# ### Masks by a softmax over the classes
# As semantic segmentation does it: at each pixel the classes compete, and with them a ninth channel for "nothing". The class of the *box* no longer decides what is drawn; the pixels vote anew.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
def softmax_loss(logits: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    """Pixels of the object want its class, all others "nothing", whose logit is 0."""
    nine = torch.cat([torch.zeros_like(logits[:, :1]), logits], 1)  # (R, 9, m, m)
    return F.cross_entropy(nine, (wanted >= 0.5).long() * (labels[:, None, None] + 1))


class VotingBranch(YourBranch):
    def forward(self, maps: list[Tensor], boxes: list[Tensor]) -> Tensor:
        logits = super().forward(maps, boxes)
        if self.training:
            return logits
        nine = torch.cat([torch.zeros_like(logits[:, :1]), logits], 1).softmax(1)[:, 1:]
        return torch.logit(nine, 1e-6)  # what the sigmoid turns into these shares again


torch.manual_seed(1)
voting = trained(VotingBranch(), softmax_loss)
with torch.inference_mode():
    answers = {"a sigmoid for each class": by_yours, "softmax over classes": voting(scenes)}
for name, own in answers.items():
    figures = mask_score(own, truths)
    print(f"{name:25} mask AP {figures['AP']:.3f}, AP50 {figures['AP50']:.3f}, AP75 {figures['AP75']:.3f}")

# %% [markdown]
# **How to read it.** The boxes and classes are the same, and yet an eighth of the AP is gone at ½ and nearly half at ¾. Where a pixel votes for another class than the box, it is lost to the mask. The paper's table has 30.3 against 24.8 points of AP.

# %% [markdown] tags=["slide"]
# ## 11 · With real weights
#
# torchvision's Mask R-CNN knows COCO's 80 classes; its weights have 170 MB. If they are on your machine, the cell segments bundled photographs. It is the network of section 2 with all levels: `hub.mask_weights` puts its weights into ours, and a test holds boxes, scores, masks and keypoints equal.

# %% tags=["nbval-ignore-output", "why:depends-on-downloaded-weights"]
from lecture_utils.hub import torchvision as hub_torchvision

practical = hub_torchvision.detector("maskrcnn_resnet50_fpn")
if practical is not None:
    figure, axes = plotting.panels(3, 3, 2.6, suptitle="Real objects, each with its pixels")
    for ax, name in zip(axes, ("cat", "astronaut", "coffee"), strict=True):
        photo = photographs.load(name, 320)
        real = practical.detect(photo, least=0.5)
        named = [practical.names[int(k)] for k in real.labels]
        plotting.draw(ax, photo, masks=real.masks, boxes=real.boxes, labels=named)
    plotting.show(figure, "Masks in photographs of a cat, an astronaut and a cup of coffee.")

# %% [markdown] tags=["slide"]
# ## 12 · Summary in five sentences
#
# 1. An instance mask says which pixels belong to *this* object: two balls have two masks.
# 2. RoIAlign rounds nothing, and that matters the more, the more exact a mask must be.
# 3. Mask R-CNN draws a mask for each class, and the box's class picks one.
# 4. A keypoint is a mask of one pixel, so its pixels do compete: one softmax over all places.
# 5. YOLACT mixes every mask from prototypes of the whole picture, and suppresses duplicates all at once.
#
# ### Further exercises
#
# 1. Take one sample a bin, then nine. Does the mask AP of section 6 change?
# 2. Train your branch with regions that are not moved at random. What becomes of AP on detected boxes?
# 3. Give YOLACT 4 prototypes, then 64, for 500 steps each. Which scenes gain?
# 4. Leave the cut by the box out of `assemble`. In which scenes does the mask leak?
# 5. Draw the share of boxes that fast NMS loses and greedy NMS keeps, against the number of objects.
#
# ### References
#
# - D. Bolya, C. Zhou, F. Xiao, Y. J. Lee, "YOLACT: Real-time Instance Segmentation", ICCV 2019. [arXiv:1904.02689](https://arxiv.org/abs/1904.02689)
# - R. Girshick, "Fast R-CNN", ICCV 2015. [arXiv:1504.08083](https://arxiv.org/abs/1504.08083)
# - K. He, G. Gkioxari, P. Dollár, R. Girshick, "Mask R-CNN", ICCV 2017. [arXiv:1703.06870](https://arxiv.org/abs/1703.06870)
# - Y. Yang, D. Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", PAMI 2013.
#
# ### What comes next
#
# A mask for each thing leaves the sky, the grass and the water to nobody, and two masks may claim one pixel. Part b gives every pixel one answer, and follows objects through a video.

# %%
progress("09")
