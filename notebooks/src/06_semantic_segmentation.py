# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 06 · Semantic segmentation
#
# **How can a network that names a picture learn to name every pixel?**
#
# A classifier says "there is a star". A surgeon wants to know which pixels are tumour, a car which pixels are road, a camera which pixels are you and which are background. In this chapter you take a
# trained classifier, open it up without training it anew, and make it answer at every place. Then you find out why its first answers are so coarse, and what brings the outlines back.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Measure** label maps by IoU, Dice and boundary IoU, and say what each of them overlooks.
# 2. **Turn** a classifier into a fully convolutional network, and prove that it gives the same numbers.
# 3. **Build** the transposed convolution, and see where its checkerboards come from.
# 4. **Train** FCN-32s, 16s and 8s from one another, and **explain** what each skip adds.
# 5. **Trace** the sizes through a U-Net, and **compare** its skips with those of the FCN.
#
# **You need** chapter 01: convolution, pooling, stride, batch norm, cross-entropy, the training loop. From chapter 03: IoU.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · A name for every pixel | 8 | 7 · Train | 12 |
# | 2 · How good is a label map? | 26 | 8 · Evaluate | 10 |
# | 3 · A classifier that answers everywhere | 16 | 9 · U-Net | 16 |
# | 4 · Up again | 26 | 10 · Claims, measured | 12 |
# | 5 · FCN: help from finer maps | 14 | 11–12 · Lab; paper and toy | 42 |
# | 6 · Put together | 5 | 13–15 · Broken, real, summary | 14 |
#
# **A GPU** is not needed: everything here runs on two processor cores.

# %% tags=["skip"]
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import plotting, runtime, zoo
from lecture_utils.data import photographs, toyworld
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.training.loop import fit, minibatches, predictions
from lecture_utils.widgets.present import present

start("06")

# %% [markdown] tags=["slide"]
# ## Result first
#
# Five scenes that the network has never seen. Below each stands what is really there, pixel by pixel, and below that what the network says. It began as a classifier that gives one name a picture.

# %%
from lecture_utils.chapters.ch06.figures import label_rows

NAMES = toyworld.SEMANTIC  # four kinds of stuff, eight classes of objects
finished = zoo.load("shapes_fcn")  # an FCN-8s, which you will build below
scenes, truth = toyworld.segmentation(5, split="test", seed=11)  # (5, 3, 96, 96), (5, 96, 96)
guess = predictions(finished, scenes).argmax(1)  # (5, 12, 96, 96) -> (5, 96, 96)
figure = label_rows(scenes, {"truth": truth, "FCN-8s": guess}, NAMES, "A name for every pixel")
plotting.show(figure, "Five toy scenes; the class of every pixel; and what an FCN-8s answers.")
print(f"{(guess == truth).float().mean():.1%} of the pixels are right")

# %% [markdown] tags=["slide"]
# ## 1 · A name for every pixel
#
# **Semantic segmentation** gives every pixel one of $K$ classes.
#
# Sky, grass, water and sand are **stuff**: they have area, but no number. Balls and stars are objects. Label maps are used where *area* matters more than *number*: organs and tumours in medicine, road and pavement in driving, person and background in a phone's portrait mode.
#
# The answer is a **label map**: $H \times W$ class numbers, as large as the picture. A network gives $K$ scores a pixel, $(B, K, H, W)$; the largest wins. In training, each pixel is a small classification, so the loss is the cross-entropy of chapter 01, averaged over all pixels.

# %%
predict("06.1")

# %%
balls = toyworld.Objects(count=3, classes=["ball"], size=(0.4, 0.5), distance=(2.2, 3.4))
sample = toyworld.render(toyworld.sample_scenes(1, seed=29, split="val", objects=balls), 96)
figure, axes = plotting.panels(3, 3, 2.3, suptitle="Semantic: which class. Instance: which object")
plotting.draw_semantic(axes[1], sample.semantic[0], NAMES, stuff=4)
axes[0].imshow(plotting.to_image(sample.image[0]))
plotting.draw_instances(axes[2], sample.image[0], sample.instance[0])
plotting.show(figure, "Three balls that overlap; their one region; and the three objects in it.")
regions = (sample.semantic[0] == NAMES.index("ball")).sum()
print(f"{regions} pixels are ball; the label map does not say how many balls they are")

# %% [markdown] tags=["slide"]
# ## 2 · How good is a label map?
#
# The share of right pixels is the obvious measure. Before you trust it, look at what two lazy networks would get. The first answers every pixel with the one class that is most common. The second knows sky, grass, water and sand, and calls every object a ball.

# %%
predict("06.2")

# %%
many, labels = toyworld.segmentation(200, split="test", seed=1)  # (200, 3, 96, 96), (200, 96, 96)
counts = labels.flatten().bincount(minlength=12)
share = counts / counts.sum()
ball = torch.where(labels < 4, labels, 4)  # a second lazy one: all stuff right, every object a "ball"
print(f"always {NAMES[counts.argmax()]}: {share.max():.1%} of the pixels are right")
print(f"stuff right, every object a ball: {(ball == labels).float().mean():.1%} are right")
show_table([[f"{s:.1%}" for s in share]], list(NAMES), caption="Share of the pixels, by class")

# %% [markdown]
# **How to read it.** A network that cannot tell a star from a heart gets four pixels in five, since objects are small. So segmentation is scored class by class. Write $n_{ij}$ for the number of pixels of true class $i$ that were called $j$: the **confusion matrix**. A class's intersection over union is then
#
# $$\mathrm{IoU}_k = \frac{n_{kk}}{\sum_j n_{kj} + \sum_i n_{ik} - n_{kk}},$$
#
# the pixels that are $k$ and were called so, over those that are *or* were called so. Its mean over the classes is the **mIoU**. All pixels of the data set are counted first, and divided once. A class that occurs in neither map has no IoU: it must not count as 0.

# %% tags=["exercise:06.1"]
def class_iou(table: Tensor) -> Tensor:
    """(K, K) pixel counts, true class by row -> (K,) IoU, NaN for a class that never occurs."""
    ...


class_iou = check("06.1", class_iou)

# %% [markdown]
# # solution: lecture_utils.chapters.ch06.exercises.class_iou

# %% tags=["system:S06.4"]
from lecture_utils.metrics.segmentation import confusion, dice_by_class

answers = {"stuff right, objects ball": ball, "FCN-8s": predictions(finished, many).argmax(1)}
rows = []
for name, answer in answers.items():
    table = confusion(answer, labels, 12)  # (12, 12)
    iou, right = class_iou(table), (answer == labels).float().mean()
    rows.append((name, f"{right:.1%}", f"{iou.nanmean():.1%}", *(f"{v:.0%}" for v in iou)))
show_table(rows, ["answers", "pixels right", "mIoU", *NAMES])
dice = dice_by_class(table)
print(f"Dice of the FCN's classes: {dice.min():.0%} to {dice.max():.0%}, "
      f"IoU {iou.min():.0%} to {iou.max():.0%}")

# %% [markdown]
# **How to read it.** The second network falls from four in five to one in three, because every class weighs the same: four kinds of stuff at 100 %, a ball at an eighth, seven zeros, over twelve. Medicine prefers the **Dice coefficient**, $2|A \cap B| / (|A| + |B|)$. It is $2\,\mathrm{IoU} / (1 + \mathrm{IoU})$: another scale, and for a single class the same order.
#
# Both have a blind spot. The pixels of a large object lie mostly inside it, where they are easy. **Boundary IoU** (Cheng et al. 2021) keeps of both regions only a band along their outlines, 2 % of the picture's diagonal wide (3 pixels at 96), and takes the IoU of the two bands. The paper scores single masks; we take each class's region over all pictures. Now you write the band. What lies beyond the picture is outside.

# %% tags=["exercise:06.2"]
def outline_band(mask: Tensor, width: int) -> Tensor:
    """(H, W) bool -> the mask's pixels at most `width` steps, diagonal ones too, from outside it."""
    ...


outline_band = check("06.2", outline_band)

# %% [markdown]
# # solution: lecture_utils.chapters.ch06.exercises.outline_band
#
# Below is the bench to try the three measures on. Take a large object, shift the guess by two pixels, and watch which of them notices.

# %%
from lecture_utils.chapters.ch06.widgets.boundary_bench import boundary_bench

present(boundary_bench())

# %% [markdown]
# One more rule of the trade. Real data sets leave pixels unlabelled, at outlines and in doubtful places, and mark them by a number that is no class (255 in PASCAL VOC). They are taken out *before* counting, and before the loss: `F.cross_entropy(..., ignore_index=255)`.
#
# Here you see what happens to a score when somebody forgets.

# %%
from lecture_utils.metrics.segmentation import iou_by_class, without_ignored

voc = labels.clone()
edges = torch.stack([outline_band(y == y[48, 48], 1) for y in labels])  # a class's outline in each scene
voc[edges] = 255
kept = confusion(*without_ignored(answers["FCN-8s"], voc), 12)
wrong = confusion(answers["FCN-8s"], voc.clamp(max=11), 12)  # 255 became class 11
print(f"{edges.float().mean():.1%} of the pixels unlabelled; mIoU {iou_by_class(kept).nanmean():.1%}, "
      f"and {iou_by_class(wrong).nanmean():.1%} if they are counted as a class")

# %% [markdown] tags=["slide"]
# ## 3 · A classifier that answers everywhere
#
# How do you get a name for every place out of a network that names pictures? The slow way: cut a window out around each place, and classify it. Neighbouring windows share nearly all of their pixels, so nearly all of the work is done again and again.
#
# The work need not be repeated. This was known for strings of digits (Matan et al. 1991) and for detection (Sermanet et al. 2014). Long, Shelhamer and Darrell (2015) were by their own account the first to train such a net end to end for every pixel, starting from a trained classifier.
#
# Convolutions and pools take any size. Only the dense layers at the end insist on one, and a dense layer *is* a convolution: one that is as large as the map it reads. What is left is a **fully convolutional network**, an FCN.
#
# VGG's first dense layer reads the last map, $C \times k \times k$ numbers in one row ($k = 7$ for 224 pixels in the paper, $k = 3$ for our 96). Each of its outputs is a weighted sum over all channels and places:
#
# $$y_o = b_o + \sum_{c=1}^{C} \sum_{i=1}^{k} \sum_{j=1}^{k} W_{o,\,(c, i, j)}\; x_{c, i, j}.$$
#
# That is a $k \times k$ convolution at the one place where it fits. On a larger map it fits at more places, and answers at each. The dense layers after it read one place and become $1 \times 1$ convolutions. No weight changes; they are only put into another order of axes. Which?

# %% tags=["exercise:06.3"]
def dense_as_conv(weight: Tensor, k: int) -> Tensor:
    """(O, C·k·k) of a dense layer that read a flattened (C, k, k) map -> (O, C, k, k)."""
    ...


dense_as_conv = check("06.3", dense_as_conv)

# %% [markdown]
# # solution: lecture_utils.chapters.ch06.exercises.dense_as_conv
#
# Now the shipped classifier: VGG-11 of chapter 01 with an eighth of its width, and batch norm. With your function its dense layers become convolutions. It sees a picture of its own size, and one three times as wide. On the larger one it should give a *map* of answers, one every 32 pixels: the product of five pools' strides. (288 pixels leave 9 columns; 3 wide, the kernel fits at 7.)
#
# Is that really what you would get from sliding? The cell after it slides the classifier over a large picture, window by window, and compares numbers and seconds.

# %% tags=["system:S06.2"]
classifier = zoo.load("shapes_vgg")  # 96 × 96 pixels -> 8 scores
stages, dense = classifier.stages, [m for m in classifier.classifier if isinstance(m, nn.Linear)]


def scores_everywhere(x: Tensor) -> Tensor:  # (B, 3, H, W)
    for step in stages:
        x = step(x)  # at the end (B, 64, H/32, W/32)
    for place, layer in enumerate(dense):
        x = F.conv2d(x, dense_as_conv(layer.weight, 1 if place else 3), layer.bias)
        x = x.relu() if place < 2 else x
    return x  # (B, 8, h, w)


near = toyworld.Objects(count=1, size=(0.4, 0.56), distance=(2.2, 3.4))
one = toyworld.render(toyworld.sample_scenes(1, seed=2, split="test", objects=near), 96).image
with torch.inference_mode():
    same, wide = scores_everywhere(one), scores_everywhere(torch.cat([one, one.flip(3), one], dim=3))
    print("on 96 × 96 pixels:", tuple(same.shape), "on 96 × 288:", tuple(wide.shape))
    print(f"largest difference to the classifier: {(same[..., 0, 0] - classifier(one)).abs().max():.0e}")

# %%
predict("06.3")

# %% tags=["nbval-ignore-output", "why:times-and-last-digits"]
import time
from lecture_utils.segmentation.fcn import fully_convolutional, slide, without_padding

large = toyworld.segmentation(1, size=374, split="test", seed=3)[0]  # (1, 3, 374, 374)
rows = []
for name, net, window in (("as trained", classifier, 96), ("no padding", without_padding(classifier), 214)):
    began = time.perf_counter()
    with torch.inference_mode():
        at_once = fully_convolutional(net)(large)  # (1, 8, h, w)
        middle = time.perf_counter()
        slid = slide(net, large, window=window, stride=32)  # the same, window by window
    seconds = middle - began, time.perf_counter() - middle
    rows.append((name, slid[0, 0].numel(), f"{seconds[0]:.2f} s", f"{seconds[1]:.2f} s",
                 f"{(at_once - slid).abs().max() / slid.std():.1e}"))
show_table(rows, ["network", "windows", "one pass", "slid", "largest difference"])

# %% [markdown]
# **How to read it.** The difference is counted in spreads (standard deviations) of the scores. Without padding the two are the same numbers, up to rounding, at a fraction of the time. (A window must then be 214 pixels wide, so that a 3 × 3 map is left.)
#
# *With* padding they are not: a window's border was filled with zeros, while in the large picture there are neighbours. The dense pass sees more of the picture, but also what the classifier never met in training. "Equal to sliding" holds only where nothing is padded. (Nor is the net without padding the classifier that was trained: it serves to prove the equality.) Claim C06.3 measures both.

# %% [markdown] tags=["slide"]
# ### On a photograph
#
# EfficientNet-Lite0, trained by others on ImageNet, ends in a mean over all places and one dense layer. Leave the mean out, make the layer a $1 \times 1$ convolution, and it says at every place what it sees there: a map of $10 \times 20$ answers for $320 \times 640$ pixels. Nobody trained it to point at anything. Getting from such a map to outlines is the rest of this chapter.

# %%
from lecture_utils.hub import packaged

practitioner = packaged.efficientnet_lite0()
net, normalise = practitioner.model, practitioner.transform.transforms[-1]
wide = torch.cat([photographs.load(name, 320) for name in ("cat", "coffee")], dim=2)  # (3, 320, 640)
with torch.inference_mode():
    maps = net.forward_features(normalise(wide)[None])  # (1, 1280, 10, 20)
    everywhere = F.conv2d(maps, dense_as_conv(net.classifier.weight, 1), net.classifier.bias)
words = "Egyptian cat", "espresso"
shares = [everywhere.softmax(1)[0, practitioner.names.index(word)] for word in words]  # (10, 20) each
pictures = [plotting.heat_overlay(wide, share) for share in shares]
titles = [f"{word}: up to {share.max():.0%}" for word, share in zip(words, shares, strict=True)]
figure = plotting.image_grid(pictures, titles, 2, 3.9, "Never trained to point, it points")
plotting.show(figure, "A cat beside a cup of coffee, and where the network finds a cat, and an espresso.")

# %% [markdown] tags=["slide"]
# ## 4 · Up again
#
# A score map with one place for every 32 pixels has to become as large as the picture. The **transposed convolution** does it with weights that can be learned. A convolution *gathers*: each output is a weighted sum of a window. Its transpose *scatters*: each input value stamps a kernel, times that value, into the output, `stride` pixels from the last stamp. Where stamps overlap, they add up.
#
# Write it for one channel.

# %% tags=["exercise:06.4"]
def stamp(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """(H, W) values and a (k, k) kernel -> ((H - 1)·stride + k, (W - 1)·stride + k)."""
    ...


stamp = check("06.4", stamp)

# %% [markdown]
# # solution: lecture_utils.chapters.ch06.exercises.stamp
#
# The name comes from linear algebra. A convolution is a matrix $C$ that multiplies the flattened input. Going backwards through it, a gradient is multiplied by $C^\top$. The transposed convolution uses this same $C^\top$ as a forward step, so autograd must give your numbers:

# %% tags=["system:S06.1"]
values, kernel = torch.arange(1.0, 7).view(2, 3), torch.tensor([[1.0, 2, 0], [0, 1, 0], [3, 0, 1]])
canvas = torch.zeros(1, 1, 5, 7, requires_grad=True)
gathered = F.conv2d(canvas, kernel[None, None], stride=2)  # (1, 1, 2, 3): as large as `values`
gradient = torch.autograd.grad(gathered, canvas, values[None, None])[0]
print(stamp(values, kernel, 2))
print("equals the gradient of a convolution:", torch.equal(stamp(values, kernel, 2), gradient[0, 0]))
print("equals F.conv_transpose2d:", torch.equal(
    stamp(values, kernel, 2), F.conv_transpose2d(values[None, None], kernel[None, None], stride=2)[0, 0]))

# %% [markdown]
# With which kernel do stamps make a smooth picture? With a **tent**: 1 at its middle, falling in a straight line to 0 at the neighbouring stamp. Between two stamps, the one falls as the other rises, and they add up to one: this is linear interpolation. In two dimensions the kernel is the product of two tents, and the result is bilinear.
#
# For a factor $f$ the tent is $2f - (f \bmod 2)$ pixels wide, an even number for an even $f$, so that it has its middle between two pixels.

# %% tags=["exercise:06.5"]
def tent(factor: int) -> Tensor:
    """The kernel (2·factor - factor % 2,) with which stamps `factor` pixels apart interpolate linearly."""
    ...


tent = check("06.5", tent)

# %% [markdown]
# # solution: lecture_utils.chapters.ch06.exercises.tent
#
# The next cell shows stamps of other kernels. First: a constant map, all ones, is up-sampled by stamps of 3 × 3 ones, 2 pixels apart.

# %%
predict("06.4")

# %%
from lecture_utils.chapters.ch06.widgets.upsampling_stamps import upsampling_stamps

present(upsampling_stamps())

# %% [markdown]
# **How to read it.** The right panel counts the stamps on each pixel. Kernel 3 with stride 2 covers every other row and column twice: a **checkerboard** (Odena et al. 2016). A network can learn weights that hide it, but it starts with it, and generators often keep traces of it.
#
# A kernel that is a multiple of the stride counts evenly. Where it is none, as in your tent of 5 at stride 3, the weights must make up for the uneven counts. The tent's do; equal or random ones do not.

# %% [markdown] tags=["slide"]
# ## 5 · FCN: help from finer maps
#
# Bring the scores up by 32 with a tent, train everything, and you have **FCN-32s**. In section 3 the first dense layer, a 3 × 3 convolution without padding, fitted a 96-pixel picture at one place only. The FCN puts a rim of zeros around its map, so that each of the 3 × 3 places gets an answer. So it knows *what* and hardly *where*: 3 × 3 places, however smoothly they are enlarged.
#
# The finer places are not lost, they were passed on the way: `pool4` has one for every 16 pixels, `pool3` one for every 8. They see less of the picture, so they know less of *what*. The FCN asks both. A $1 \times 1$ convolution turns `pool4` into *scores* $p_4$, and these are added to the coarse scores $s_{32}$, brought up by 2:
#
# $$s_{16} = \mathrm{up}_2(s_{32}) + p_4, \qquad s_8 = \mathrm{up}_2(s_{16}) + p_3, \qquad \text{output} = \mathrm{up}_8(s_8).$$
#
# Lectures often say that the pooled *features* are added. It is *scores*: each map first becomes $K$ numbers a place, and $K$ are added to $K$. That makes each **skip connection** a correction, class by class, by a map that sees less and sees it sharper.
#
# The paper trains in stages: 32s first; then 16s, from its weights; then 8s. Each new score layer starts at *zero*.
#
# Below is the whole of it; read it slowly. `self.skips` and `self.doublings` are empty in a 32s, have one entry each in a 16s, two in an 8s.
#
# A doubling starts as a tent of 4 at stride 2 and is trained; its `padding=1` cuts a pixel off each side, so that $n$ places become $2n$. The last up-sampling stays a tent. `pools[-2::-1]` walks back from `pool4`. And what the picture lacks to a multiple of 32 is filled by repeating its border, and cut off in the last line. (The paper pads by 100 pixels instead.)

# %% tags=["show"]
# show: lecture_utils.segmentation.fcn.FCN.forward

# %%
predict("06.5")

# %%
from lecture_utils.segmentation.fcn import FCN

torch.manual_seed(0)
coarse = FCN(classifier, classes=12, stride=32)
nn.init.normal_(coarse.score.weight)  # any scores will do for the comparison
finer = coarse.refined()  # a 16s from it: one skip more
with torch.inference_mode():
    s32, s16 = coarse.eval()(one), finer.eval()(one)
    by_two = F.conv_transpose2d(coarse.score(coarse.dense(stages(one))), finer.doublings[0].weight,
                                stride=2, padding=1)
print(f"new score layer: weights from {finer.skips[0].weight.min():.0f} to {finer.skips[0].weight.max():.0f}")
print(f"16s against 32s, up in two steps: {(finer.last(by_two)[:, :, :96, :96] - s16).abs().max():.0e}")
print(f"the two answers differ at {(s32.argmax(1) != s16.argmax(1)).float().mean():.1%} of the pixels")

# %% [markdown]
# At its start the 16s says what the 32s says. (Up by 2 and then by 16 is not quite the tent of up by 32; that is the last line's difference.) So nothing is forgotten when a skip is added: training can only go on from there.
#
# The switch below takes the skips out of the *trained* 8s, one after the other. It was trained to lean on them, so with its skips off it does worse than a net trained as a 32s.

# %%
from lecture_utils.chapters.ch06.widgets.skip_switch import skip_switch

present(skip_switch())

# %% [markdown] tags=["slide"]
# ## 6 · Put together
#
# The finished network, drawn by hooks that watch one picture pass through it.

# %%
from lecture_utils.plotting.diagram import architecture

figure = architecture(finished, scenes[:1], title=None)
plotting.show(figure, "The parts of an FCN-8s, with the shapes of their outputs.")
rows = [(name, f"{sum(p.numel() for p in part.parameters()):,}") for name, part in finished.named_children()]
show_table(rows, ["part", "weights"], caption="Five in six are the classifier's; those of `last` are fixed")

# %% [markdown] tags=["slide"]
# ## 7 · Train
#
# Now yours, in the paper's stages. The 32s takes longest, so you begin from a shipped one (1,600 steps of 16 scenes, from the classifier) and train the 16s and the 8s yourself. The bar: more than the 32s has, on validation scenes, by area and near the outlines.
#
# First a test that costs seconds and finds most bugs: can an 8s learn *one* batch by heart?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.training.one_cycle import one_cycle

train_x, train_y = toyworld.segmentation(600, split="train", seed=0)
val_x, val_y = toyworld.segmentation(100, split="val", seed=0)


def pixel_loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(model(x), y)  # scores (B, 12, H, W), classes (B, H, W)


torch.manual_seed(0)
probe = FCN(classifier, classes=12, stride=8)
moving = [p for p in probe.parameters() if p.requires_grad]  # all but the last up-sampling
history = fit(probe, minibatches(train_x[:4], train_y[:4], batch_size=4, seed=0), loss=pixel_loss,
              optimizer=torch.optim.Adam(moving, lr=3e-3), steps=30, label="one batch")
print(f"loss {history.losses[0]:.2f} -> {history.losses[-1]:.2f}")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
yours = zoo.load("shapes_fcn32")
kept, reached = {}, {}  # label maps, and mIoU, of each stage
batches = minibatches(train_x, train_y, batch_size=8, seed=0)
torch.manual_seed(0)
for stride in (32, 16, 8):
    if stride < 32:
        yours = yours.refined()  # one skip more, which starts at zero
        moving = [p for p in yours.parameters() if p.requires_grad]
        one_cycle(yours, batches, loss=pixel_loss, optimizer=torch.optim.Adam(moving, lr=2e-3),
                  steps=runtime.pick(quick=80, full=400), warm_up=0.15, label=f"FCN-{stride}s")
    kept[f"{stride}s"] = predictions(yours, val_x).argmax(1)
    reached[f"{stride}s"] = class_iou(confusion(kept[f"{stride}s"], val_y, 12)).nanmean()
    print(f"FCN-{stride}s: mIoU {reached[f'{stride}s']:.1%} on validation scenes")

# %% [markdown] tags=["slide"]
# ## 8 · Evaluate: successes and failures
#
# Your IoU function has just judged your network. Its skips had 160 steps of 8 scenes (in quick mode); those of the shipped 8s had 1,600 of 16.
#
# By area and near the outlines: your stages on validation scenes; your 8s and the shipped one on 200 test scenes.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch06.figures import outline_panels
from lecture_utils.metrics.boundary_iou import mean_boundary_iou

tested = {"yours, 8s": predictions(yours, many).argmax(1), "shipped, 8s": answers["FCN-8s"]}
rows = [(f"yours, {name}", "validation", f"{reached[name]:.1%}",
         f"{mean_boundary_iou(kept[name], val_y, 12):.1%}") for name in kept]
for name, answer in tested.items():
    area, edge = class_iou(confusion(answer, labels, 12)).nanmean(), mean_boundary_iou(answer, labels, 12)
    rows.append((name, "test", f"{area:.1%}", f"{edge:.1%}"))
show_table(rows, ["network", "scenes", "mIoU", "mean boundary IoU"])
pick = 1
seen = {f"yours, {name}": maps[pick] for name, maps in kept.items()}
title = "True outlines (blue), and yours (red)"
things = range(4, 12)  # the classes of objects
figure = outline_panels(val_x[pick], val_y[pick], seen, things, title)
plotting.show(figure, "One scene with true outlines and those of your 32s, 16s and 8s.")

# %%
wrong = (answers["FCN-8s"] != labels).float().flatten(1).mean(1)  # (200,) share of wrong pixels
for title, chosen in (("The three best of 200 test scenes", wrong.argsort()[:3]),
                      ("The three worst", wrong.argsort(descending=True)[:3])):
    maps = {"truth": labels[chosen], "FCN-8s": answers["FCN-8s"][chosen]}
    figure = label_rows(many[chosen], maps, NAMES, title)
    plotting.show(figure, f"{title}: pictures, truth, and what the shipped FCN-8s answers.")

# %% [markdown]
# **How to read it.** Small, distant objects are lost or named wrongly: a star eight pixels wide is one place of `pool3`. Others are found and bear the wrong name, or two names at once. Are kinds of ground confused? Look before you go on; the lab counts it.

# %% [markdown] tags=["slide"]
# ## 9 · U-Net
#
# In the same year Ronneberger, Fischer and Brox met another problem: few annotated pictures of cells, whose outlines matter most. Their **U-Net** has a path down, like the FCN, and a path up that is *as large*: at every level the map is doubled, and what was seen at that size on the way down is handed across.
#
# Two differences to the FCN. What is handed across are *features*, all 64 to 512 channels, not class scores. And they are **concatenated**: set beside the coarser ones, so that the two convolutions that follow can decide how to combine them.

# %% tags=["show", "system:S06.3"]
# show: lecture_utils.segmentation.unet.UNet.forward

# %% [markdown]
# The paper's convolutions are valid: nothing is padded, so each costs 2 pixels. Pairs of them cost 4, a pool halves, an up-convolution doubles. Of 572 pixels, 388 are labelled in the end. Two things follow. The handed map is larger than the one it meets, and only its middle is taken. And a pool must never meet an odd size, or the two halves of the U would not fit.
#
# Follow the sizes yourself: answer None where a pool would meet an odd side, or no pixel is left. (The bottom may be odd: it is doubled.) `levels` is the number of pools: with 4, a side of 572 gives 9 numbers, from 568 to 388.

# %% tags=["exercise:06.6"]
def unet_sizes(size: int, levels: int) -> list[int] | None:
    """The side after each pair of convolutions, down and up; None where a pool meets an odd side."""
    ...


unet_sizes = check("06.6", unet_sizes)

# %% [markdown]
# # solution: lecture_utils.chapters.ch06.exercises.unet_sizes
#
# How, then, does one label a picture of any size? **Overlap tiles**: neighbouring outputs of 388 pixels that touch, each from an input of 572 that overlaps its neighbours', the picture's border mirrored. Today most U-Nets pad instead and keep the size, as the shipped one does.

# %%
from lecture_utils.chapters.ch06.figures import u_diagram

figure = u_diagram(unet_sizes(572, 4), [64, 128, 256, 512, 1024], "572 pixels in, 388 out: the paper's U")
plotting.show(figure, "The sides of the maps of a U-Net, down and up, with the copies across.")
fit_sizes = [n for n in range(560, 600) if unet_sizes(n, 4)]
print("sizes from 560 to 599 that work with four levels:", fit_sizes)

# %%
predict("06.6")

# %%
from lecture_utils.segmentation.unet import UNet, overlap_tile

torch.manual_seed(0)
small = UNet(12, in_channels=3, width=4, levels=2).eval()  # valid convolutions
photo = toyworld.segmentation(1, size=180, split="test", seed=5)[0]
with torch.inference_mode():
    mirrored = F.pad(photo, (20, 20, 20, 20), mode="reflect")  # 40 pixels are lost with two levels
    whole, tiled = small(mirrored), overlap_tile(small, photo, tile=76)  # 180, and 5 × 5 tiles of 36
padded = UNet(12, in_channels=3, width=4, levels=2, padding="same").eval()
padded.load_state_dict(small.state_dict())
with torch.inference_mode():
    parts = [torch.cat([padded(part) for part in row.split(36, 3)], 3) for row in photo.split(36, 2)]
    at_once = padded(photo)
print(f"valid, tiles against the whole: {(tiled - whole).abs().max() / whole.std():.0e} of the spread")
print(f"padded, tiles against the whole: {(torch.cat(parts, 2) - at_once).abs().max() / at_once.std():.2f}")

# %% [markdown]
# **How to read it.** (Both nets have random weights; only sameness is tested.) The valid tiles join without a trace. Nothing is padded, so no tile sees a made-up border inside the picture, and 36 is a multiple of 4, so the pools of neighbouring tiles fall on the same pixels. The paper's 388 is 4 more than a multiple of 16: its tiles agree nearly, not exactly. Padded tiles saw zeros at each of their borders, and differ from the whole.
#
# The paper's U-Net told cells from what lies between them, not one kind of cell from another. So does the shipped one: it knows four kinds of stuff, and "object". It began from random weights, and had 1,600 steps of 8 scenes. The FCN learned the harder question, all names; for the comparison its objects count as one class.

# %%
unet, found = zoo.load("shapes_unet"), labels.clamp(max=4)
found_by = {"FCN-8s": answers["FCN-8s"].clamp(max=4), "U-Net": predictions(unet, many).argmax(1)}
rows = []
for net, (name, answer) in zip((finished, unet), found_by.items(), strict=True):
    area, edge = class_iou(confusion(answer, found, 5)).nanmean(), mean_boundary_iou(answer, found, 5)
    rows.append((name, f"{sum(p.numel() for p in net.parameters()):,}", f"{area:.1%}", f"{edge:.1%}"))
show_table(rows, ["network", "weights", "mIoU", "mean boundary IoU"])
close = 3
seen = {name: answer[close] for name, answer in found_by.items()}
figure = outline_panels(many[close], found[close], seen, [4], "Objects found by the FCN-8s and by the U-Net")
plotting.show(figure, "One scene: true outlines of its objects, those of the FCN-8s and the U-Net.")

# %% [markdown] tags=["slide"]
# ## 10 · Claims, measured
#
# Four findings of the lecture, each with a rule that was written before its runs, on five seeds. Training, validation and test scenes come from disjoint seeds. In the three that train, every arm had the same scenes and steps, and its own choice of two learning rates, made on validation scenes.
#
# ### C06.1 · 8s over 16s over 32s
# Every net spends the first half of its steps as a 32s, at its own rate. In the second half each goes its way, so that none had more steps than another.
#
# ### C06.4 · Start from a classifier; and stop at 8s
# In the paper the first skip brought 3.0 points of mIoU (59.4 to 62.4) and the second 0.3; a third was not tried. Here a 4s is trained as well; and an 8s all of whose weights start at random. It has as many steps of *segmentation*; the classifier had 3,000 steps of its own before.

# %% tags=["claim:C06.1", "claim:C06.4"]
from lecture_utils.chapters.ch06.figures import arm_dots
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim

show_claim("C06.1")
show_claim("C06.4")
CAPTIONS = {"iou": "mIoU", "edge": "mean boundary IoU"}


def panels_of(claim: str) -> dict:
    """For each measure and arm the values of all seeds."""
    seeds = [figures["scores"] for figures in ledger.load(claim).figures]
    return {text: {arm: [s[arm][key] for s in seeds] for arm in seeds[0]} for key, text in CAPTIONS.items()}


figure = arm_dots(panels_of("C06.1"), "Each skip raises both measures")
plotting.show(figure, "mIoU and boundary IoU of FCN-32s, 16s and 8s, five seeds each.")
figure = arm_dots(panels_of("C06.4"), "What a start from a classifier, and what a third skip is worth")
plotting.show(figure, "mIoU and boundary IoU of 16s, 8s, 4s and of an 8s from random weights.")

# %% [markdown]
# **How to read it.** *C06.1 is not reproduced as a whole.* The order holds on every seed. The second half of the statement does not: from 32s to 8s mIoU gains 9 points, boundary IoU 6.
#
# A likely reason: these nets have had 800 steps, and the 32s often misses or misnames a whole object, which costs both measures; pool4 mends that first. pool3 adds about 2 points of each, which is more for boundary IoU in proportion. Where the 32s is trained longer (the shipped pair), boundary IoU doubles while mIoU grows by two thirds. The rule was in points, so the verdict is no.
#
# *C06.4 neither.* The start from a classifier is worth 3 points of mIoU, on every seed. A third skip adds 1.0 points where the second added 2.3; the difference, 1.3, has an interval that reaches below zero (−0.4 to 2.9), so five seeds do not settle it. The paper's word "diminishing" fits; the proof is missing.
#
# ### C06.2 · A U-Net without its skips
# A U-Net of three levels on scenes of 64 × 64 pixels, and the same with zeros in place of what would be handed across: as many weights, as many steps.
#
# ### C06.3 · Dense output is sliding, in one pass
# The figures of section 3, on five pictures of 36 windows each.

# %% tags=["claim:C06.2", "claim:C06.3"]
show_claim("C06.2")
show_claim("C06.3")
figure = arm_dots(panels_of("C06.2"), "A U-Net with and without its skips")
plotting.show(figure, "mIoU and boundary IoU of a U-Net with and without skips, five seeds each.")
seeds = ledger.load("C06.3").figures
rows = [[kind, f"{max(s['difference' + key] for s in seeds):.1e}",
         f"{np.mean([s['times_faster' + key] for s in seeds]):.1f} times"]
        for kind, key in (("no padding, windows of 214", ""), ("as trained, windows of 96", "_padded"))]
show_table(rows, ["network", "largest difference, in spreads of the scores", "faster than sliding"])

# %% [markdown] tags=["slide"]
# ## 11 · Lab
#
# **A classifier becomes a segmenter.** Take chapter 01's residual net, which names the one object of a 32 × 32 picture. It has no dense layers to speak of: three stages at strides 1, 2 and 4, a mean, a linear layer. You turn it into a segmenter of 48 × 48 scenes, find a fault in somebody's data step, and say what your network gets wrong.
#
# ### Step 1: assemble
# The net gives you the maps of its three stages, finest first, and a $1 \times 1$ score layer for each. Fuse them as the FCN does, from the coarsest on: bring the scores up to the next finer map's size (bilinearly; sides may be odd), and add that map's scores.

# %% tags=["exercise:06.L1"]
def fuse_scores(maps: list[Tensor], layers: list) -> Tensor:
    """Maps (B, C_i, H_i, W_i), finest first, and a score layer for each -> scores (B, K, H_1, W_1)."""
    ...


fuse_scores = check("06.L1", fuse_scores)

# %% [markdown]
# # solution: lecture_utils.chapters.ch06.lab.fuse_scores
#
# ### Step 2: debug
# A colleague trains on large scenes, shrunk by this function, and reports a rim of *water* around every ball on grass, in the labels themselves. The pictures look right. Find the line, and write the function anew: a pixel of the small label map gets the class that its centre falls on.

# %% tags=["show"]
# show: lecture_utils.chapters.ch06.lab.shrink_faulty


large_x, large_y = toyworld.segmentation(600, size=72, split="train", seed=1)
bad_x, bad_y = shrink_faulty(large_x[:8], large_y[:8], 48)  # (8, 3, 48, 48), (8, 48, 48)
figure = label_rows(bad_x[:4], {"labels": bad_y[:4]}, NAMES, "Where do these rims come from?")
plotting.show(figure, "Four shrunk scenes whose label maps have rims of other classes around the objects.")
extra = [set(b.unique().tolist()) - set(y.unique().tolist()) for b, y in zip(bad_y, large_y[:8], strict=True)]
print("classes in the small label map that the large one does not have:", [len(new) for new in extra])

# %% tags=["exercise:06.L2"]
def shrink(images: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """(B, 3, H, W) and classes (B, H, W) -> (B, 3, size, size) and classes (B, size, size)."""
    ...


shrink = check("06.L2", shrink)

# %% [markdown]
# # solution: lecture_utils.chapters.ch06.lab.shrink
#
# Both of your functions go into the training: `shrink` makes the scenes, and `Segmenter` calls the classifier's stages and then your `fuse_scores`. Its coarsest score layer starts as the classifier's own linear layer. The bar is an mIoU of 50 %.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch06.lab import Segmenter, mean_iou_without

small_x, small_y = shrink(large_x, large_y, 48)
exam_x, exam_y = shrink(*toyworld.segmentation(200, size=72, split="val", seed=1), 48)
torch.manual_seed(0)
lab_net = Segmenter(zoo.load("shapes_resnet"), fuse_scores)
scored = list(lab_net.layers.parameters())
rest = [*lab_net.stem.parameters(), *lab_net.stages.parameters()]
optimizer = torch.optim.Adam([{"params": scored, "lr": 1e-2}, {"params": rest, "lr": 2e-3}])
one_cycle(lab_net, minibatches(small_x, small_y, batch_size=4, seed=0), loss=pixel_loss, warm_up=0.15,
          optimizer=optimizer, label="your segmenter", steps=runtime.pick(quick=160, full=600))
table = confusion(predictions(lab_net, exam_x).argmax(1), exam_y, 12)
print(f"mIoU {class_iou(table).nanmean():.1%} on validation scenes")

# %% [markdown]
# ### Step 3: interpret
# Your network's confusion matrix tells which mistakes it makes; which of them *cost* most? For each kind, put all mistakes of that kind right and see what the mIoU would be. Run the cell below, read its table, then put your answer in place of `None`.
#
# **What should be improved first?** A: objects taken for ground, and ground for objects. B: the names of the objects. C: the kinds of ground.
#
# **Because** 1: outlines are blurred at stride 4. 2: a wrong name costs two classes, and mIoU counts each class once. 3: ground covers most of the pixels.
#
# Answer with a letter and a number, such as `("A", "1")`.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors", "exercise:06.L3"]
bars = mean_iou_without(table)
show_table([(kind, f"{value:.1%}") for kind, value in bars.items()], ["if there were", "mIoU"])

answer = None

answer = check("06.L3", answer)

# %% [markdown]
# <details><summary><b>Solution</b></summary>
#
# `("B", "2")`. Were no object called by another object's name, the mIoU would rise most, by far: a wrong name costs two classes, and eight of the twelve are objects. The ground covers most of the pixels, and its confusion costs much less.
#
# </details>

# %% [markdown] tags=["slide"]
# ## 12 · Paper and toy
#
# | | The paper | Here | What it costs |
# |---|---|---|---|
# | FCN's classifier | VGG-16, trained on a million photographs | VGG-11, an eighth as wide, with batch norm, on toy objects | fewer classes, none of them hard |
# | Border | 100 pixels of zeros, then a crop | the border repeated to a multiple of 32, and zeros around the first dense layer's map | less waste; other answers near the border |
# | Training of FCN | SGD with momentum 0.9, a fixed low rate, 175 epochs | Adam, one cycle a stage | hundreds of steps instead of days |
# | Last up-sampling | bilinear, fixed | the same | nothing |
# | U-Net | 64 to 1,024 channels, valid convolutions, elastic warps, weights that press touching cells apart | 8 to 128 channels, padded, no warps; the weights are in `unet.border_weights` | seams, if it is tiled |
# | Data | PASCAL VOC, 20 classes; ISBI, 30 pictures of cells | 12 classes, exact labels | no doubtful outlines |

# %% [markdown] tags=["slide"]
# ## 13 · Break it
#
# ### Left in training mode
# The shipped network has batch norm in every stage. We forget `model.eval()`, and segment 64 pictures, some at a time.

# %%
predict("06.7")

# %%
few_x, few_y = many[:64], labels[:64]


def answer_of(batch: int, mode: bool) -> Tensor:
    """Label maps (64, 96, 96), some pictures at a time, with the network in training mode or not."""
    model = zoo.load("shapes_fcn").train(mode)
    with torch.no_grad():
        return torch.cat([model(x).argmax(1) for x in few_x.split(batch)])


rows = []
for mode, batch in ((False, 1), (False, 8), (True, 8), (True, 1)):
    guess = answer_of(batch, mode)
    mean = class_iou(confusion(guess, few_y, 12)).nanmean()
    rows.append(("training" if mode else "evaluation", batch, f"{mean:.1%}"))
show_table(rows, ["mode", "pictures at a time", "mIoU"])

# %% [markdown]
# **How to read it.** In evaluation mode a picture's answer does not depend on its neighbours. In training mode it does. Eight pictures together happen to do about as well as the running averages. With one at a time each channel is normalised by that picture alone: what made a scene bright or blue is divided away. Nothing crashes. If a network's answers change with the batch, look for a missing `eval()`.
#
# ### Choose first, enlarge later
# Take the best class at each of the 12 × 12 places of the 8s, and enlarge that map, instead of enlarging the scores. The best class is then sought at 64 times fewer places.

# %%
with torch.inference_mode():
    scores = []
    hook = finished.last.register_forward_pre_hook(lambda layer, inputs: scores.append(inputs[0]))
    after = finished(few_x).argmax(1)  # scores first brought up by 8, then the best class
    hook.remove()
before = scores[0].argmax(1).repeat_interleave(8, 1).repeat_interleave(8, 2)[:, :96, :96]
for name, guess in (("enlarge, then choose", after), ("choose, then enlarge", before)):
    area, edge = class_iou(confusion(guess, few_y, 12)).nanmean(), mean_boundary_iou(guess, few_y, 12)
    print(f"{name}: mIoU {area:.1%}, boundary IoU {edge:.1%}")
seen = {"enlarge, then choose": after[3], "choose, then enlarge": before[3]}
title = "Scores can be interpolated, classes cannot"
figure = outline_panels(few_x[3], few_y[3], seen, things, title)
plotting.show(figure, "Smooth outlines where scores are enlarged, stairs where classes are.")

# %% [markdown]
# **How to read it.** Say "ball" scores 3 and "grass" 1 at one place, and the reverse at the next. Enlarged, the two scores cross between them, and there the outline is drawn. Classes are names. There is nothing between "ball" and "grass", so their map can only be enlarged by copying, in steps of 8 pixels.

# %% [markdown] tags=["slide"]
# ## 14 · With real weights
#
# torchvision has an FCN with a ResNet-50, DeepLab v3, and a small one for phones, LR-ASPP on a MobileNet (Howard et al. 2019), trained on COCO with the 20 classes of PASCAL VOC. (torchvision's FCN has no skips: its ResNet keeps stride 8 by dilation, and its scores are enlarged once.) If the small one's 12 MB are on your machine, the cell labels the bundled photographs.

# %% tags=["nbval-ignore-output", "why:depends-on-downloaded-weights"]
from lecture_utils.hub import torchvision as hub_torchvision

practical = hub_torchvision.segmenter("lraspp_mobilenet_v3_large")
if practical is not None:
    figure, axes = plotting.panels(3, 3, 2.4, suptitle="A phone's segmenter on photographs")
    for ax, name in zip(axes, ("cat", "astronaut", "coffee"), strict=True):
        plotting.draw_semantic(ax, practical.label_map(photographs.load(name, 320)), practical.names)
    plotting.show(figure, "Label maps of a cat, an astronaut and a cup of coffee.")

# %% [markdown] tags=["slide"]
# ## 15 · Summary in five sentences
#
# 1. Segmentation is classification at every pixel; it is judged class by class, and near the outlines by a measure of its own.
# 2. A dense layer is a convolution as large as the map it reads, so a classifier of pictures is a classifier of places, at once and without new weights.
# 3. A transposed convolution is a convolution's gradient, used forwards: it stamps kernels, and one whose kernel is no multiple of its stride easily leaves a checkerboard.
# 4. An FCN adds class scores of finer maps, each from a layer that starts at zero; a U-Net concatenates features at every level.
# 5. Deep maps know what, shallow maps know where, and every good segmenter finds a way to ask both.
#
# ### Further exercises
#
# 1. Give the loss class weights, inversely to each class's pixels. Which classes gain, which lose? What does the mIoU say, what the share of right pixels?
# 2. Train an FCN whose last up-sampling may learn. Draw its kernel before and after.
# 3. Replace the up-convolutions of the U-Net by bilinear up-sampling and a 3 × 3 convolution. Do checkerboards matter for label maps?
# 4. Train the U-Net with `border_weights` on scenes of many balls, and count the objects by connected regions. When do touching balls come apart?
# 5. Slide the 8s, without padding, with a window of half the picture. Where do answers change, and why?
#
# ### References
#
# - B. Cheng, R. Girshick, P. Dollár, A. Berg, A. Kirillov, "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation", CVPR 2021. [arXiv:2103.16562](https://arxiv.org/abs/2103.16562)
# - L. R. Dice, "Measures of the Amount of Ecologic Association Between Species", Ecology, 1945.
# - M. Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV 2015.
# - A. Howard et al., "Searching for MobileNetV3", ICCV 2019. [arXiv:1905.02244](https://arxiv.org/abs/1905.02244)
# - J. Long, E. Shelhamer, T. Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015. [arXiv:1411.4038](https://arxiv.org/abs/1411.4038)
# - O. Matan, C. Burges, Y. LeCun, J. Denker, "Multi-Digit Recognition Using a Space Displacement Neural Network", NIPS 1991.
# - A. Odena, V. Dumoulin, C. Olah, "Deconvolution and Checkerboard Artifacts", Distill, 2016.
# - O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015. [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)
# - P. Sermanet et al., "OverFeat: Integrated Recognition, Localization and Detection using Convolutional Networks", ICLR 2014. [arXiv:1312.6229](https://arxiv.org/abs/1312.6229)
# - K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015. [arXiv:1409.1556](https://arxiv.org/abs/1409.1556)
# - M. Zeiler, D. Krishnan, G. Taylor, R. Fergus, "Deconvolutional Networks", CVPR 2010.
#
# ### What comes next
#
# A label map does not know how many balls there are. Chapter 07 asks for *objects*: a box, a name and a score for each, as many as there are.

# %%
progress("06")
