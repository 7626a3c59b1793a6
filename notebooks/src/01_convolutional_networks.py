# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 01 · Convolutional networks
#
# **How can a machine recognise a thing wherever it stands in the picture, without learning it anew for every place?**
#
# A picture of 32 × 32 pixels is 3,072 numbers. Move the thing in it by one pixel and nearly all of them change, yet to you it is the same thing. Vision's answer: look at a small patch, ask it a few questions, and ask *the same questions everywhere*. Stack that a few times, and out comes a network that names things.
#
# You start from nothing: one layer, its gradient by hand. You end with a residual network that you wrote, trained and took apart yourself.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Derive** how a classifier learns, and **train** one with your own gradients.
# 2. **Compute** a convolution by loops, as one matrix product, and backwards.
# 3. **Explain** what AlexNet, VGG and ResNet each changed, and what problem it solved.
# 4. **Write** a residual network stage by stage, **train** it to more than 90 %, and **read** its failures.
# 5. **Diagnose** a missing shortcut, a forgotten `eval()`, and degradation.
#
# **You need** Python, tensors, matrix products, the chain rule, and a little `torch.nn`: a class with `__init__` and `forward` whose parts are layers. All else is built here.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · A classifier from nothing | 40 | 9 · AlexNet | 12 |
# | 2 · What a dense layer does not know | 8 | 10 · VGG | 10 |
# | 3 · One kernel, slid over a picture | 10 | 11 · Batch norm | 14 |
# | 4 · Stride, padding, groups | 20 | 12 · ResNet | 14 |
# | 5 · One matrix product | 10 | 13–14 · Lab: your own ResNet, trained | 40 |
# | 6 · Backwards, by hand | 25 | 15 · Evaluate | 20 |
# | 7 · Pooling | 8 | 16 · Claims, measured | 25 |
# | 8 · What an output can see | 24 | 17–21 · Paper and toy, broken, real | 25 |
#
# **A GPU** is not needed. One cell near the end is for one, and shows a recorded result without.

# %% tags=["skip"]
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import plotting, runtime, zoo
from lecture_utils.chapters.ch01 import figures
from lecture_utils.data import digits, photographs, toyworld
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table

start("01")

# %% [markdown] tags=["slide"]
# ## Result first
#
# EfficientNet-Lite0 (2020) is a variant for phones of Tan and Le's EfficientNet (2019): a convolutional network of 4.7 million weights, trained on **ImageNet**: 1.28 million photographs of 1,000 kinds of things. It comes with this course. Twelve photographs, and what it says of each:

# %%
from lecture_utils.hub import packaged

practitioner = packaged.efficientnet_lite0()
names = "coffee camera motorcycle cat china rocket flower clock coins page astronaut hubble".split()
best = [practitioner.top([photographs.load(name)], k=1)[0][0] for name in names]
titles = [f"{what} {share:.0%}" for what, share in best]
small = [photographs.load(name, size=150) for name in names]
figure = plotting.image_grid(small, titles, 4, 1.5, "Twelve photographs, and the network's first guess")
figures.show_photographs(figure, "Twelve photographs, each titled with the first guess and its share.")

# %% [markdown]
# **How to read it.** It knows the coffee, the tripod, and the motorcycle nearly (a moped). It is torn between three kinds of cat. "Astronaut" is not one of its 1,000 kinds, and neither is a galaxy. Still it answers, because its shares must sum to 1: such a network cannot say "none of these".
#
# Now a picture of your own. (Without one, the cell goes on with the cat.)

# %%
from lecture_utils.widgets.own_picture import own_picture

own = own_picture("cat")

# %%
rows = [(what, f"{share:.0%}") for what, share in practitioner.top([own.picture], k=5)[0]]
show_table(rows, ["what it sees", "share"], caption=f"Five best answers for {own.name}")

# %% [markdown] tags=["slide"]
# ## 1 · A classifier from nothing
#
# What is such a network, at its smallest? A **classifier** takes numbers and names one of $K$ classes. Take the handwritten digits: pictures of 8 × 8, so 64 numbers each, and ten classes.
#
# The smallest classifier gives each class one weight for each pixel, and a bias. Multiply, add up: a *score* for each class, also called its **logit**. With all weights in a matrix $W$ of ten rows, the scores are $z = W x + b$. This is a *linear* or **fully connected layer**. The largest score is the answer.
#
# Scores may be any numbers. The **softmax** makes shares of them, positive and with sum 1: $p_k = e^{z_k} / \sum_j e^{z_j}$. Scores of 2, 1 and −1 become 70.5 %, 25.9 % and 3.5 %. Only differences count: raise all scores by 100, and every power grows by the same factor.

# %%
ink, digit_class = digits.load(size=8, split="train")  # (1197, 1, 8, 8) from 0 to 1, and (1197,)
new_ink, new_class = digits.load(size=8, split="test")
scores = ink.flatten(1) @ (0.3 * torch.randn(10, 64, generator=torch.manual_seed(3))).T  # random weights
same = torch.allclose((scores + 100).softmax(1), scores.softmax(1), atol=1e-4)
figure = figures.scores_and_shares(ink[0, 0], scores[0], [str(k) for k in range(10)], int(digit_class[0]),
                                   "A classifier with random weights: scores, shares, loss")
print(f"100 more, same shares: {same}; mean loss, all digits: {F.cross_entropy(scores, digit_class):.2f}")
plotting.show(figure, "A handwritten digit, bars of ten random scores, and bars of the ten softmax shares.")

# %% [markdown]
# **How to read it.** The right class has the green bar. How wrong are these shares? The **cross-entropy** looks only at the share of the right class $y$: $-\ln p_y$. It is 0 where that share is 1, and grows without end as the share goes to 0.
#
# Ten equal shares, the honest answer of one who knows nothing, cost $\ln 10 = 2.30$. That these random weights cost less is luck with this one digit: over all digits they cost more (printed above), since they are *sure* of wrong answers.
#
# Such a number is a **loss**: what training makes smaller. How? Ask for each weight how the loss changes when it grows a little. These derivatives together are the **gradient**. Then move every weight a small step *against* its own: $W \leftarrow W - \eta\, \partial \mathcal L / \partial W$. The factor $\eta$ is the **learning rate**. Doing so again and again is *gradient descent*.
#
# **By hand, once.** The chain rule takes two steps: from the loss to the scores, and from the scores to the weights. Written out, $-\ln p_y = -z_y + \ln \sum_j e^{z_j}$. Take pencil and paper, and differentiate it with respect to one score $z_k$. Then write both directions, for $B$ inputs at once.

# %% tags=["exercise:01.1"]
def linear_gradients(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor):
    """B inputs of D numbers, x (B, D), right classes y (B,), weight (K, D), bias (K,) -> three tensors.

    The mean cross-entropy of the scores x Wᵀ + b, its gradient by the weights (K, D), by the bias (K,).
    """
    ...


linear_gradients = check("01.1", linear_gradients)

# %% [markdown]
# # solution: lecture_utils.chapters.ch01.solutions.linear_gradients
#
# The derivative by a score is *share minus truth*, $p_k - [k = y]$. Every classifier of this course begins its way back with it. Two hundred steps of gradient descent with your gradients. (Afterwards try other rates than 0.5. With 0.05 as many steps get only 90 % right; with 50 the loss stands at 39 after ten steps, before it falls; and the net of two layers below, with a rate of 3, learns nothing at all.)

# %%
weight, bias = torch.zeros(10, 64), torch.zeros(10)
for _ in range(200):
    loss, by_weight, by_bias = linear_gradients(ink.flatten(1), digit_class, weight, bias)
    weight = weight - 0.5 * by_weight  # 0.5: the learning rate
    bias = bias - 0.5 * by_bias
right = (new_ink.flatten(1) @ weight.T + bias).argmax(1) == new_class
print(f"loss 2.30 -> {loss:.2f}; of digits it never saw, {right.float().mean():.1%} right")
plotting.show(figures.templates(weight), "Ten maps of weights: red where ink speaks for the digit.")

# %% [markdown]
# **What "trained" means.** The answers on *test* pictures, which training never saw, are good. Our 200 steps were not the end of it: after 2,000 the loss is 0.09, and 97 % are right. One stops when answers on a third set, kept aside for *validation*, no longer get better; choices such as the learning rate are made on it too. Training and test can part: a net that has learned its training pictures by heart and fails on new ones is **overfitted**.
#
# A single layer can only draw one template for each class. Put a second one behind it, with a function between them that is not linear, and you have an **MLP** (multi-layer perceptron). Today's favourite function is **ReLU**, $\max(0, z)$. The chain rule through it is no harder, only longer. So from here on PyTorch's *autograd* does it: `loss.backward()`.
#
# Large sets are not looked at whole: each step takes a **batch** of pictures. One pass through all of them is an **epoch**. The loop below is all there is to training:

# %%
from lecture_utils.training.loop import accuracy, minibatches

def train(model, batches, steps, rate):
    """Plain gradient descent: forward, loss, backward, update."""
    for _, (x, y) in zip(range(steps), batches, strict=False):
        loss = F.cross_entropy(model(x), y)  # softmax and cross-entropy in one
        model.zero_grad()  # backward() adds to .grad: empty it first
        loss.backward()  # fills .grad of every weight
        with torch.no_grad():
            for value in model.parameters():
                value -= rate * value.grad


torch.manual_seed(0)
mlp = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
train(mlp, minibatches(ink, digit_class, batch_size=64, seed=0), steps=400, rate=0.3)
print(f"MLP: {accuracy(mlp, ink, digit_class):.1%} of the training digits right, "
      f"{accuracy(mlp, new_ink, new_class):.1%} of the test digits")

# %% [markdown] tags=["slide"]
# ## 2 · What a fully connected layer does not know
#
# The digits were tiny. On a real photograph, connecting every pixel to every unit has two faults. The first is **cost**: each unit, that is each output, needs one weight for every pixel. The second is worse: the layer has **no notion of place**. To it, pixel 17 and pixel 18 are no nearer to each other than pixel 17 and pixel 900.
#
# First the cost. A layer of 4,096 units on a photograph of 224 × 224 pixels in three colours has 224 · 224 · 3 · 4,096 = 617 million weights. Sixty-four small tables of 3 × 3 × 3 weights, each laid on *every* place in turn, have 1,728: the dense layer has 357,000 times as many. Now the place:

# %%
predict("01.1")

# %%
from lecture_utils.chapters.ch01.claims import digits_on_canvas, library_init_, parameters, shifted

digit = digits_on_canvas("test")[0][3:4]  # (1, 1, 28, 28) with an empty border
moved = shifted(digit, dx=5, dy=0)
torch.manual_seed(1)
dense, conv = nn.Linear(28 * 28, 64, bias=False), nn.Conv2d(1, 1, 5, padding=2, bias=False)
with torch.no_grad():
    vectors = [dense(x.flatten(1))[0] for x in (digit, moved)]  # (64,) each
    maps = [conv(x)[0, 0] for x in (digit, moved)]  # (28, 28) each
print(f"dense: correlation of the outputs before and after {torch.corrcoef(torch.stack(vectors))[0, 1]:.2f}")
same = torch.allclose(shifted(maps[0], 5, 0), maps[1], atol=1e-6)
print("conv:  shift, then filter = filter, then shift?", same)
pictures = [part for x, v, m in zip((digit, moved), vectors, maps, strict=True)
            for part in (x[0], plotting.signed_image(v.reshape(8, 8)), plotting.signed_image(m))]
headings = ["digit", "64 dense outputs", "5×5 kernel's output", "5 pixels right", "", ""]
title = "A shift changes the dense outputs and only moves the kernel's"
figure = plotting.image_grid(pictures, headings, 3, 1.9, title)
plotting.show(figure, "A digit and its shifted copy: dense outputs differ, the kernel's output only moves.")

# %% [markdown]
# **How to read it.** Red is positive, blue negative, white zero; all weights are random. The dense outputs before and after are only loosely related (their correlation is printed): whatever a dense layer has learned about a cat at the left tells it nothing about a cat at the right. The kernel's map moved along, pixel for pixel: $f(T x) = T f(x)$ for a shift $T$. This is **equivariance**.
#
# It is not *invariance*, $f(T x) = f(x)$, which we want of the final answer: a digit is the same digit anywhere. Equivariant layers first, one invariant step at the very end: that is the plan of every network in this chapter.

# %% [markdown] tags=["slide"]
# ## 3 · One kernel, slid over a picture
#
# A **kernel** is a small table of weights. Lay it on the image, multiply each weight by the pixel under it, add up: one number. Move one pixel on and do it again with *the same weights*. The numbers form the **feature map**: at each place, how well the patch agrees with the kernel. With several input channels the kernel has one table for each, and all products are added; $O$ such **filters** give $O$ maps:
#
# $$\mathrm{out}[o, i, j] = \mathrm{bias}[o] + \sum_{c}\sum_{u=0}^{k_h-1}\sum_{v=0}^{k_w-1} \mathrm{weight}[o, c, u, v]\;\, x[c,\, i+u,\, j+v]$$
#
# Here $o$ counts output and $c$ input channels, $(i, j)$ places and $(u, v)$ taps of the kernel.
#
# Mathematicians flip the kernel ($x[i-u, j-v]$) and call that **convolution**. Without the flip it is a **cross-correlation**, which every deep-learning library computes and calls convolution. For learned weights it makes no difference. For a kernel written by hand it does.

# %%
image = torch.tensor([[0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [0, 1, 1, 1, 1], [0, 1, 1, 1, 1.0]])
kernel = torch.tensor([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1.0]])
title = "Right minus left: large where the picture gets brighter"
figure = figures.sliding_window(image, kernel, [(0, 0), (0, 1), (2, 2)], title)
plotting.show(figure, "A 3 by 3 kernel at three places of a 5 by 5 image; below each the output so far.")

# %% [markdown] tags=["slide"]
# ## 4 · Stride, padding, dilation, groups
#
# Four settings change *where* the kernel is laid down and *what* it touches.
#
# - **Stride** $s$: move $s$ pixels at a time, for a smaller map.
# - **Padding** $p$: add $p$ rows of zeros all around, so that the map does not shrink and border pixels get their share.
# - **Dilation** $d$: spread the taps $d$ pixels apart, to see further with the same weights.
# - **Groups** $g$: cut the channels into $g$ bands that do not see each other, for $g$ times fewer weights. From 64 channels to 128 with 3×3 kernels and $g = 32$, each output sees two channels: $128 \cdot 2 \cdot 9 = 2{,}304$ weights in place of 73,728. AlexNet used two, because it had to live on two graphics cards (Krizhevsky et al. 2012, section 3.2); small networks for phones use as many as channels (Howard et al. 2017).
#
# In the figure, above each grid stands the size that comes out. How many places are there along an axis? Count how far the kernel's first tap can go; you will need it below.

# %%
figure = figures.taps([{}, {"padding": 1}, {"stride": 2}, {"dilation": 2}])
figure.suptitle("What one output (blue squares) and its neighbour (orange dots) read", x=0.01, ha="left",
                fontsize=11)
plotting.show(figure,
              "The pixels that two neighbouring outputs read at stride 1, padding 1, stride 2, dilation 2.")

# %% tags=["exercise:01.2"]
def convolve(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """Lay filters (O, C, kh, kw) on an image (C, H, W), at every place where they fit: (O, h, w).

    Padding: that many zeros on all four sides. Loops are welcome.
    """
    ...


convolve = check("01.2", convolve)

# %% [markdown]
# # solution: lecture_utils.chapters.ch01.solutions.convolve
#
# Below, your loops run four kernels that people wrote by hand long before anyone learned them. What must be true of a kernel's numbers so that a flat grey wall comes out as zero? So that the picture keeps its brightness?
#
# <details><summary><b>Answer</b></summary>
#
# Numbers that sum to 0 give zero on a flat wall; numbers that sum to 1 keep the brightness. (The coloured lines at the rim of the pictures below are the zeros of the padding.)
#
# </details>

# %%
predict("01.2")

# %%
cat = photographs.load("cat", size=64).mean(0, keepdim=True)  # (1, 64, 64), grey
kernels = {
    "1 at the right": torch.tensor([[0, 0, 0], [0, 0, 1], [0, 0, 0.0]]),
    "mean of 3×3": torch.full((3, 3), 1 / 9),
    "right minus left": torch.tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1.0]]),
    "below minus above": torch.tensor([[-1, -2, -1], [0, 0, 0], [1, 2, 1.0]]),
}
outs = [convolve(cat, k[None, None], padding=1)[0] for k in kernels.values()]  # (64, 64) each
pictures = [plotting.signed_image(few) if k > 1 else few.clamp(0, 1)
            for k, few in enumerate((10 * o).round() / 10 for o in outs)]  # rounded: a smaller file
title = "Four kernels: moved left, blurred, vertical edges, horizontal edges"
library = F.conv2d(cat[None], kernels["mean of 3×3"][None, None], padding=1)[0, 0]
print("yours equals F.conv2d:", torch.allclose(outs[1], library, atol=1e-5))
figure = plotting.image_grid(pictures, list(kernels), 4, 1.9, title)
plotting.show(figure,
              "A cat under four kernels: moved by a pixel, blurred, vertical edges, horizontal edges.")

# %%
from lecture_utils.widgets.present import present
from lecture_utils.chapters.ch01.widgets import kernel_painter

present(kernel_painter.kernel_painter())

# %% [markdown] tags=["slide"]
# ## 5 · The same as one matrix product
#
# The loops are easy to trust and hopeless to run. Hardware is fast at one thing above all: multiplying matrices. So lay every patch that the kernel visits into a **column**, and every filter into a **row**. Then all outputs of all filters are one product, with $L$ the number of places:
#
# $$\underbrace{\mathrm{out}}_{O \times L} \;=\; \underbrace{\mathrm{filters}}_{O \times C k_h k_w}\;\underbrace{\mathrm{columns}}_{C k_h k_w \times L}$$
#
# This is **im2col** (Chellapilla et al. 2006). It copies each pixel up to $k_h k_w$ times: memory for speed. One thing to get right is the order: down a column, the numbers must stand as they do in a flattened filter.

# %% tags=["show", "system:S01.1"]
from einops import rearrange

from lecture_utils.ops.convolution import conv_output_size

# show: lecture_utils.ops.convolution_plain.im2col
# show: lecture_utils.ops.convolution_plain.conv2d

# %%
x, weight = torch.randn(2, 4, 9, 8), torch.randn(6, 4, 3, 3)
tiny = torch.arange(12.0).reshape(1, 1, 3, 4)  # one channel, 3 × 4 pixels
two_filters = torch.tensor([[1, 0, 0, -1], [0.25, 0.25, 0.25, 0.25]])  # two 2×2 filters, flattened
headings = "2 filters", "6 patches of 2×2 as columns", "2 maps of 6 places"
figure = figures.matrix_product(two_filters, im2col(tiny, (2, 2))[0], headings, "It is one matrix product")
plotting.show(figure, "A 2 by 4 matrix of filters times a 4 by 6 matrix of patches gives 2 by 6 outputs.")
for settings in ({}, {"stride": 2}, {"padding": 2}, {"stride": 3, "padding": 1}):
    print(settings, torch.allclose(conv2d(x, weight, **settings), F.conv2d(x, weight, **settings), atol=1e-5))

# %% [markdown] tags=["slide"]
# ## 6 · Backwards, by hand
#
# To learn its weights, a convolution needs the derivative of the loss by each of them, and, for the layers below, by each pixel. From above come the numbers $g = \partial \mathcal L / \partial o$: how much the loss feels each output.
#
# Take a row of three pixels and a filter of two weights. The outputs are $o_0 = w_0 x_0 + w_1 x_1$ and $o_1 = w_0 x_1 + w_1 x_2$. In the figure each line is a product of a pixel and a weight.
#
# What is $\partial \mathcal L / \partial w_0$? Find every line on which $w_0$ stands, and follow each up. And $\partial \mathcal L / \partial x_1$? Work out both on paper. Then write it for any image and any filters.

# %%
plotting.show(figures.shared_weights(), "Three pixels, two outputs; each weight stands on two of four lines.")

# %% tags=["exercise:01.3"]
def conv_gradients(grad_out: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients by x (C, H, W) and by weight (O, C, kh, kw), given that by the output (O, h, w).

    Of a convolution with stride 1 and no padding. Without autograd.
    """
    ...


conv_gradients = check("01.3", conv_gradients)

# %% [markdown]
# # solution: lecture_utils.chapters.ch01.solutions.conv_gradients
#
# On paper: $\partial \mathcal L / \partial w_0 = g_0 x_0 + g_1 x_1$, a sum over *all places* where $w_0$ was used. Sharing weights means sharing evidence. And $\partial \mathcal L / \partial x_1 = g_0 w_1 + g_1 w_0$: a pixel collects from every output that read it.
#
# If that is right, we can *learn* a kernel. Your layer sees noise, and what a secret kernel made of it; gradient descent looks for the kernel. Forwards and backwards are both yours.

# %%
torch.manual_seed(0)
noise, secret = torch.randn(1, 18, 18), kernels["right minus left"][None, None]
target = convolve(noise, secret)  # (1, 16, 16): all that we know of the secret
guess = 0.7 * torch.randn(1, 1, 3, 3)
seen = {}
for step in range(41):
    error = convolve(noise, guess) - target
    if step in (0, 2, 10, 40):
        seen[f"step {step}\nmean sq. {error.square().mean():.3f}"] = plotting.signed_image(guess[0, 0], 2.0)
    guess = guess - 0.1 * conv_gradients(2 * error / error.numel(), noise, guess)[1]
seen["the secret\nkernel"] = plotting.signed_image(secret[0, 0], 2.0)
title = "Gradient descent with your own backward pass finds the kernel"
figure = plotting.image_grid(list(seen.values()), list(seen), 5, 1.55, title)
plotting.show(figure, "Four kernels, step 0 to 40, that come to look like the secret kernel beside them.")

# %% [markdown]
# With matrices the same takes three lines. Write $G = \partial \mathcal L / \partial\,\mathrm{out}$, of shape $O \times L$:
#
# $$\frac{\partial \mathcal L}{\partial\,\mathrm{filters}} = G\,\mathrm{columns}^{\top}, \qquad
# \frac{\partial \mathcal L}{\partial\,\mathrm{columns}} = \mathrm{filters}^{\top} G, \qquad
# \frac{\partial \mathcal L}{\partial\,\mathrm{bias}} = \sum_{\text{places}} G$$
#
# The columns are copies of pixels. `col2im` brings each copy's gradient back to its pixel, and adds up. How would you write it?
#
# # solution: lecture_utils.chapters.ch01.plain.col2im

# %% tags=["show"]
from lecture_utils.chapters.ch01.plain import col2im

# show: lecture_utils.ops.convolution_plain.conv2d_backward


x, weight = torch.randn(2, 4, 9, 8, requires_grad=True), torch.randn(6, 4, 3, 3, requires_grad=True)
out = F.conv2d(x, weight, stride=2, padding=1)
wanted = torch.autograd.grad(out.square().sum() / 2, (x, weight))  # so that G = out
by_hand = conv2d_backward(out.detach(), x.detach(), weight.detach(), stride=2, padding=1)
print("as autograd:", [torch.allclose(*both, atol=1e-3) for both in zip(wanted, by_hand[:2], strict=True)])

# %% [markdown] tags=["slide"]
# ## 7 · Pooling: forget a little
#
# A feature map says *where* the feature is, to the pixel. For naming a thing that is more than we want to know. **Pooling** keeps, of each small window, only the largest value (or the mean) and moves on by the window's size. The map gets smaller, and the exact place is lost. AlexNet's windows are 3 wide and move by 2, so they *overlap*.
#
# How much does that buy? Below, digits move by one pixel, and we ask how much their pooled maps change. Only at 28, where one window covers the whole map, nothing changes: this is **global pooling**, the invariant step at the very end. Beware of the middle: pooling with a stride is *not* equivariant to shifts that are no multiple of the stride, and real networks do change their minds over one pixel (Zhang 2019).

# %%
torch.manual_seed(0)
some, eight = digits_on_canvas("test")[0][:200], torch.randn(8, 1, 3, 3)  # pictures (200, 1, 28, 28), kernels
with torch.no_grad():
    maps = [F.relu(F.conv2d(z, eight, padding=1)) for z in (some, shifted(some, 1, 0))]
change = {}
for window in (1, 2, 4, 7, 14, 28):
    before, after = (F.max_pool2d(m, window) for m in maps)  # (200, 8, 28 / window, 28 / window)
    change[window] = ((after - before).norm() / before.norm()).item()
title = "The wider the pool, the less a shift by one pixel matters"
figure = plotting.curves({"max pool": (list(change), list(change.values()))},
                         "side of the pooling window (pixels)", "relative change", title, log_x=True)
figure.axes[0].set_xticks(list(change), map(str, change))
figure.set_size_inches(6.4, 2.2)
plotting.show(figure, "The relative change after a one-pixel shift falls with the window, to zero at 28.")

# %% [markdown] tags=["slide"]
# ## 8 · What an output can see
#
# A unit deep in the network looks at a small window of the layer below, whose units look at small windows below them, and so on down to the pixels. What it can see in the end is its **receptive field**. Keep two numbers while you walk up: the field's size $r$, and the **jump** $j$, the distance in the input between neighbours in the present map. A layer with kernel $k$, stride $s$ and dilation $d$ changes them by
#
# $$r \leftarrow r + d\,(k-1)\,j, \qquad j \leftarrow j\,s, \qquad \text{starting from } r = j = 1.$$
#
# Never believe a formula that you can test. Autograd knows which pixels an output depends on: those with a gradient. The table compares, with copies whose paths cannot cancel (all weights positive, max pools turned into means). `shapes_net` is a residual network of 20 layers that we trained on rendered objects; you will write its sister.

# %% tags=["system:S01.2"]
from lecture_utils.backbones.alexnet import alexnet
from lecture_utils.ops import receptive_field as fields

chain = [("conv 3", 3, 1), ("pool 2, stride 2", 2, 2), ("conv 3", 3, 1)]
figure = figures.field_chain(chain, "One output sees eight pixels (one axis)")
plotting.show(figure, "A tree from one output through three pooled and six convolved units to eight pixels.")
shapes_net = zoo.load("shapes_resnet")
candidates = {
    "conv 3, pool 2": (nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2)), (1, 16, 16)),
    "three conv 3": (nn.Sequential(*(nn.Conv2d(1, 1, 3) for _ in range(3))), (1, 16, 16)),
    "conv 3, dilation 4": (nn.Conv2d(1, 1, 3, dilation=4), (1, 32, 32)),
    "AlexNet's convolutions": (alexnet().features, (3, 320, 320)),
    "shapes_net up to stage 2": (nn.Sequential(shapes_net.stem, *shapes_net.stages[:2]), (3, 64, 64)),
    "shapes_net up to stage 3": (nn.Sequential(shapes_net.stem, *shapes_net.stages), (3, 128, 128)),
}
rows = []
for name, (module, shape) in candidates.items():
    by_formula = fields.receptive_field(fields.layers_of(module))[-1]
    rows.append((name, by_formula.size, fields.empirical_receptive_field(module, shape)[0], by_formula.jump))
show_table(rows, ["network", "by formula", "by gradient", "jump"])

# %% [markdown]
# **How to read it.** A $P$-pool over a $K$-convolution of stride 1 sees $P + K - 1$ pixels along each axis: here $2 + 3 - 1 = 4$. In the tree above, the upper convolution also has three taps, yet adds four pixels, since each of its steps is worth two: *a stride makes everything above it see faster*.
#
# The formula gives the *size* of the field. *Which* pixels are they? A colleague walks from a unit down to the picture: in each layer, output $u$ reads the inputs from $u s - p$ to $u s - p + k - 1$. The argument sounds right. Beside it stands what the gradient says. For which chains do they agree, and what do those have in common? Find the broken step, and write the walk anew.

# %% tags=["show"]
from lecture_utils.chapters.ch01.plain import touched_pixels

# show: lecture_utils.chapters.ch01.solutions.pixels_seen_faulty


chains = {  # (kernel, stride, padding) of each layer
    "conv 5, padding 2": [(5, 1, 2)],
    "three conv 3, stride 2": [(3, 2, 0)] * 3,
    "conv 3, then pool 2": [(3, 1, 0), (2, 2, 0)],
    "conv 11, stride 4, then pool 3": [(11, 4, 2), (3, 2, 0)],
}
rows = [(name, *("{} to {}".format(*walk(chain, 6)) for walk in (pixels_seen_faulty, touched_pixels)))
        for name, chain in chains.items()]
show_table(rows, ["chain", "the colleague's walk from unit 6", "by gradient"])

# %% tags=["exercise:01.4"]
def pixels_seen(layers: list[tuple[int, int, int]], unit: int) -> tuple[int, int]:
    """First and last pixel that output `unit` of a chain of (kernel, stride, padding) layers sees, one axis.

    Pixels below 0 lie in the padding.
    """
    ...


pixels_seen = check("01.4", pixels_seen)

# %% [markdown]
# # solution: lecture_utils.chapters.ch01.solutions.pixels_seen
#
# That is what a unit *can* see. What it *does* look at is another matter. The maps below show the size of the gradient of one unit in the middle, averaged over pictures (its square root, so that small values show). The squares are drawn by your walk.

# %%
views, _ = toyworld.classification(10, size=96, split="test")
pictures, squares = [], []
titles = []
for k in (1, 2, 3):
    part = nn.Sequential(shapes_net.stem, *shapes_net.stages[:k])
    unit = 48 // 2 ** (k - 1)  # the middle of the map
    low, high = pixels_seen([layer[:3] for layer in fields.layers_of(part)], unit)  # alike along both axes
    z = views.clone().requires_grad_()
    gradient = torch.autograd.grad(part(z)[:, :, unit, unit].square().sum(), z)[0].abs().mean((0, 1))
    pictures.append((gradient / gradient.max()).sqrt())  # (96, 96)
    titles.append(f"stage {k}: {high - low + 1}×{high - low + 1}")
    squares.append([low, low, high + 1, high + 1])
title = "A unit can see the square, and looks mostly at its middle"
figure = plotting.image_grid(pictures, titles, 3, 2.0, title)
for ax, square in zip(figure.axes, squares, strict=True):
    plotting.boxes(ax, [square], colours=[plotting.PALETTE[1]])
plotting.show(figure,
              "Three dark maps: the gradient is a bright blob well inside the receptive field's square.")

# %% [markdown]
# **How to read it.** Many paths lead to the middle and few to the rim, so the *effective* field is a blob far smaller than the square (Luo et al. 2016). A large field is a size, not a power. Now build stacks of your own.

# %%
from lecture_utils.chapters.ch01.widgets import receptive_field as field_widget

present(field_widget.receptive_field())

# %% [markdown] tags=["slide"]
# ## 9 · AlexNet, 2012: it works at scale
#
# Shared kernels, subsampling and the gradient through them were known by 1998 (Fukushima 1980; LeCun et al. 1989, 1998). What was missing was scale. Krizhevsky, Sutskever and Hinton trained a network of 60 million weights on ImageNet's 1.28 million photographs, for five to six days on two graphics cards (2012, abstract and section 5).
#
# One such network had an error of 18.2 % among five guesses, five of them together 16.4 %. With two more, pre-trained on 15 million pictures of 22,000 kinds, it was 15.3 %; the next best entry had 26.2 % (section 6, table 2). Three ideas stand out:
#
# - **ReLU** in place of tanh. Where tanh is flat its derivative is nearly zero and learning stops; a ReLU that is on has derivative 1. The paper says that this trains faster. We measure it in section 16, with a surprise.
# - **Dropout**: in training, switch off each hidden unit of the dense layers with probability ½, so that no unit can rely on another.
# - **Local response normalisation**: divide each activation by the energy of the channels beside it, $b_c = a_c / (k + \alpha \sum_j a_j^2)^\beta$. It gained 1.2 points (section 3.3), and later networks dropped it.
#
# The class below is the single-tower version of 2014 (Krizhevsky 2014), which torchvision also has. It goes without local response normalisation. Of its 61.1 million weights 58.6, that is 96 %, sit in the three dense layers.

# %% tags=["show", "system:S01.3"]
# show: lecture_utils.chapters.ch01.plain.AlexNet

# %% [markdown] tags=["slide"]
# ## 10 · VGG, 2014: small kernels, stacked
#
# AlexNet's kernels were 11, 5 and 3 pixels wide. Simonyan and Zisserman asked what happens if *every* kernel is 3×3 and only depth grows. Three 3×3 layers see as far as one 7×7 layer, use $3 \cdot 3^2 = 27$ weights per pair of channels where the large one has $7^2 = 49$, and put two more nonlinearities in between. Local response normalisation went: in their tests it gained nothing (section 4.1).
#
# That three 3×3 layers see as much as one 7×7 layer, with 27/49 of its weights, is claim C01.3, the first of five that this chapter measures. It is exact: weights by counting, pixels by the gradient. Its card stands under the figure.
#
# Five stages of 3×3 convolutions, each ended by a 2×2 pool that halves the map, with up to 512 channels: this recipe is the template for nearly every **backbone** since, the part of a network that turns a picture into feature maps.
#
# VGG is rarely used to classify any more. It lives on as a **perceptual loss**: two pictures are alike if VGG's feature maps of them are alike (Johnson et al. 2016). You will meet it again in the chapters on generative models. ResNet will delete the great dense layer and take the mean over all places instead, an idea of Lin et al. (2014).

# %% tags=["show"]
# show: lecture_utils.chapters.ch01.plain.VGG

# %% tags=["system:S01.4", "claim:C01.3"]
from lecture_utils.experiments.card import show_claim
from lecture_utils.plotting.trace import layer_table

def weights_and_work(make):
    """Weights and multiplications of each layer for one photograph, traced without the network's memory."""
    with torch.device("meta"):
        table = layer_table(make(), torch.zeros(1, 3, 224, 224))
    layers = [row for row in table if row["type"] in ("Conv2d", "Linear")]
    weights = np.array([row["parameters"] for row in layers])
    return weights, weights * [int(np.prod(row["output"][1:])) for row in layers]  # each works at every place


weights, work = weights_and_work(VGG)
names = [f"conv {k + 1}" if k < 13 else f"dense {k - 12}" for k in range(16)]
figure = figures.weights_and_work(list(zip(names, weights / 1e6, work / 1e9, strict=True)),
                                  "VGG-16: the weights sit in one dense layer, the work in the convolutions")
plotting.show(figure, "VGG-16's layers: one dense layer holds most weights, the convolutions do the work.")
print(f"dense 1 has {weights[13] / weights.sum():.0%} of {weights.sum():,} parameters")
show_claim("C01.3")

# %% [markdown] tags=["slide"]
# ## 11 · Batch norm: keep every layer's scale
#
# Each layer learns on top of layers that change at every step, and small drifts of scale multiply through depth. **Batch normalisation** (Ioffe and Szegedy 2015) pins the scale. In training, each channel is normalised by its mean $\mu$ and variance $\sigma^2$ over the batch and all places, then scaled and shifted by two learned numbers:
#
# $$y = \gamma\,\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta$$
#
# In testing there may be no batch. So while training, the layer keeps **running averages** of $\mu$ and $\sigma^2$, and uses those when `model.eval()` is called. One layer, two behaviours, and one switch between them that nobody will remind you of. (That it helps is plain; *why* is still argued about: Santurkar et al. 2018.)
#
# Two details trip up nearly everyone. The batch is normalised with the variance divided by $n$, where $n = B \cdot H \cdot W$ counts the values of a channel, but the running average is fed the one divided by $n-1$. And PyTorch's `momentum` is the share of the *new* value.

# %% tags=["exercise:01.5"]
def batch_norm(x: Tensor, mean: Tensor, var: Tensor, training: bool, momentum: float = 0.1,
               eps: float = 1e-5):
    """Normalise x (B, C, H, W) by channel; return it with the new running mean and variance, each (C,).

    In evaluation mode (training=False) the running values come back unchanged.
    """
    ...


batch_norm = check("01.5", batch_norm)

# %% [markdown]
# # solution: lecture_utils.chapters.ch01.solutions.batch_norm
#
# What does it buy? Below, pictures go through 44 untrained layers, with PyTorch's own initial weights, and as a control with those of He et al., which are larger. We record how large the signal is on its way up. Better initial weights do most of it. Batch norm does it for *any* weights, and keeps it so while they change.

# %%
from lecture_utils.backbones.resnet import CifarNet

images, labels = toyworld.classification(1000, size=32, split="test")  # (1000, 3, 32, 32), (1000,)
yours = batch_norm(images[:32], torch.zeros(3), torch.ones(3), True)[0]
print("as PyTorch's:", torch.allclose(yours, F.batch_norm(images[:32], None, None, training=True), atol=1e-4))
sizes, bare = {}, {"norm": nn.Identity}
kinds = {"with batch norm": {}, "without": bare, "without, He's weights": bare}
for name, extra in kinds.items():
    torch.manual_seed(0)
    deep = CifarNet(44, residual=False, width=8, classes=8, **extra).train()
    if "He" not in name:  # CifarNet begins with He et al.'s
        library_init_(deep)
    signal, spread = deep.stem(images[:64] - images[:64].mean()), []
    for block in (block for stage in deep.stages for block in stage):
        signal = block(signal)
        spread.append(signal.std().item())
    sizes[name] = (np.arange(1, 22) * 2 + 1, spread)
title = "Without batch norm, PyTorch's weights lose the signal"
figure = plotting.curves(sizes, "layer", "standard deviation", title, log_y=True)
figure.set_size_inches(6.4, 2.2)
plotting.show(figure, "The spread: level with batch norm, nearly so with He's weights, else falling.")

# %% [markdown] tags=["slide"]
# ## 12 · ResNet, 2015: learn the difference
#
# If depth is good, why not fifty layers, or a hundred? One reason is **vanishing gradients**: a gradient that passes many layers is multiplied by as many matrices of derivatives (Jacobians), and a product of many factors below one is nothing (Hochreiter 1991; Bengio et al. 1994). By 2015 good initial weights and batch norm had largely mended that (He et al. 2016, section 1). Yet deeper *plain* nets still did worse.

# %%
predict("01.3")

# %% [markdown]
# He and others looked at the *training* error, and found it worse too (figure 1). The deep net contains the shallow one: let the extra layers copy their input, and it does as well. Gradient descent does not find that solution. They called it **degradation**.
#
# Their answer: if copying is hard to learn, give it for free. Let a block compute $F(x)$ and output $F(x) + x$: a **residual block**, and the path of $x$ around it is its **shortcut**. Now doing nothing means $F = 0$, which is easy. And the gradient has a way past every block: $\partial(F(x) + x)/\partial x = F'(x) + I$, times the 0 or 1 of the ReLU that follows the sum.
#
# That is the whole idea: one `+`. Below stand the block, and the whole class: `ResNet()` is ResNet-18. With three layers in a block (1×1 to fewer channels, 3×3, 1×1 back to more) and more blocks it becomes ResNet-50.
#
# The table under them has the networks of the history, counted from the models. The error is from the papers: among five guesses on ImageNet's test set, as entered by *several* networks together (the entry of 2015 had nets of up to 152 layers).

# %% tags=["show"]
plotting.show(figures.residual_block(), "A plain block beside a residual one, whose input is added.")

# show: lecture_utils.chapters.ch01.plain.BasicBlock

# %% tags=["show", "system:S01.5"]
# show: lecture_utils.chapters.ch01.plain.ResNet

# %%
from lecture_utils.backbones.resnet import resnet50

errors = {AlexNet: "15.3 % (2012)", VGG: "7.3 % (2014)", ResNet: "", resnet50: "3.6 % (2015)"}
rows = []
for make, error in errors.items():
    weights, work = weights_and_work(make)
    rows.append((make.__name__, len(weights), f"{weights.sum() / 1e6:.1f}", f"{work.sum() / 1e9:.1f}", error))
heads = "network", "layers with weights", "million parameters", "billion multiplications", "error"
show_table(rows, heads, caption="ResNet is ResNet-18. Projections count: 18 + 3 and 50 + 4 layers")

# %% [markdown] tags=["slide"]
# ## 13 · Put together: a ResNet of your own, stage by stage (lab)
#
# Three steps, about 35 minutes. You write the block, find the fault in a colleague's stage, and train the network that comes of it to more than 90 %. Then you read what its failures say.
#
# ### Step 1: assemble
# A block: 3×3 convolution (padding 1; it takes the stride), norm, ReLU, 3×3 convolution (padding 1), norm, plus $x$, ReLU. Where the map halves and the channels grow, $x$ has the wrong shape. The class above projects it with a 1×1 convolution. He et al.'s option A (their section 3.3) needs no weights: keep every second row and column, and append channels of zeros. Use the `BatchNorm` below, which runs on your function of section 11, and begin with `super().__init__()`.

# %% tags=["show"]
# show: lecture_utils.chapters.ch01.lab.BatchNorm

# %% tags=["exercise:01.L1"]
class ResidualBlock(nn.Module):
    """ReLU(F(x) + x): (B, in_channels, H, W) -> (B, channels, H / stride, W / stride)."""

    def __init__(self, in_channels: int, channels: int, stride: int):
        ...

    def forward(self, x: Tensor) -> Tensor:
        ...


ResidualBlock = check("01.L1", ResidualBlock)

# %% [markdown]
# # solution: lecture_utils.chapters.ch01.lab.ResidualBlock
#
# ### Step 2: debug
# A colleague puts your blocks in a row. The stage runs without complaint, and yet two numbers look odd. Below, stages of one to five blocks have each seen the same 100 batches; then we ask for the same pictures in training mode and in evaluation mode. From which number of blocks on is something wrong, and what would explain *both* columns? Write the stage anew.

# %% tags=["show"]
# show: lecture_utils.chapters.ch01.lab.StageFaulty


train_x, train_y = toyworld.classification(8000, size=32, split="train")
rows = []
for blocks in (1, 2, 3, 5):
    torch.manual_seed(0)
    stage = StageFaulty(3, 16, blocks, stride=2)
    with torch.no_grad():
        for batch in train_x[:3200, :, ::4, ::4].split(32):  # small: this is only about the layers
            stage(batch)
        one, other = stage(batch), stage.eval()(batch)
    rows.append((blocks, f"{parameters(stage):,}", f"{(one - other).norm() / one.norm():.0%}"))
show_table(rows, ["blocks", "weights", "training and evaluation mode differ by"])

# %% tags=["exercise:01.L2"]
class Stage(nn.Module):
    """Residual blocks in a row; the first of them changes the channels and strides."""

    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int):
        ...

    def forward(self, x: Tensor) -> Tensor:
        ...


Stage = check("01.L2", Stage)

# %% [markdown]
# # solution: lecture_utils.chapters.ch01.lab.Stage
#
# One object, put into the row again and again, is one block: in a stage of five it is used four times. Its weights are shared, so more blocks add none. And its one running mean is moved by four different signals in turn: in training mode each batch is normalised by itself and nothing shows, in evaluation mode the mixture fits none of them.
#
# Now the network: a stem, three of your stages, the mean over all places, one linear layer.

# %% tags=["show"]
# show: lecture_utils.chapters.ch01.lab.SmallResNet

# %% [markdown] tags=["slide"]
# ## 14 · Train it
#
# From here on we call the package's `fit`: the loop of section 1, with a progress bar, and any *optimiser* in place of the plain step. **Adam** (Kingma and Ba 2015) is the usual one. It steps along a running mean of the gradient, divided for each weight by a running size of it, so that weights with small gradients move too. `cross_entropy(model, x, y)` is the loss.
#
# **First, overfit one batch.** A network that cannot learn 16 pictures by heart has a bug, and it is cheaper to learn that in three seconds than in three hours.
#
# **Then train for real**, from new weights: 8,000 rendered objects of eight classes, 750 batches of 64, so six epochs. The learning rate is warmed up to 0.02 and let down again to nearly zero (*one cycle*). Every 100 steps we look at validation pictures. Interrupt it whenever you like; the model stays usable.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.training.loop import fit
from lecture_utils.training.losses import cross_entropy

net = SmallResNet(width=16, blocks=1, classes=len(toyworld.CLASSES))
one_batch = minibatches(train_x[:16], train_y[:16], batch_size=16, seed=0)
history = fit(net, one_batch, loss=cross_entropy, optimizer=torch.optim.Adam(net.parameters(), lr=3e-3),
              steps=60, label="one batch")
print(f"one batch: loss {history.losses[-1]:.3f}, right {accuracy(net, train_x[:16], train_y[:16]):.0%}")

val_x, val_y = toyworld.classification(500, size=32, split="val")
torch.manual_seed(0)
net = SmallResNet(width=16, blocks=1, classes=len(toyworld.CLASSES))
steps = runtime.pick(quick=750, full=3000)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-2)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-2, total_steps=steps, pct_start=0.2)
history = fit(net, minibatches(train_x, train_y, batch_size=64, seed=0), loss=cross_entropy,
              optimizer=optimizer, steps=steps, schedule=schedule,
              evaluate=lambda m: accuracy(m, val_x, val_y), evaluate_every=100)
figure = figures.learning_curves(history)
plotting.show(figure, "Training loss falls over the steps while the accuracy on unseen pictures rises.")
print(f"{accuracy(net, images, labels):.1%} of 1,000 test pictures right; guessing gives {1 / 8:.1%}")

# %% [markdown] tags=["slide"]
# ## 15 · Evaluate: successes and failures
#
# A single accuracy hides what it was measured on. So ask your network three times: on pictures like those of the training, on pairs of shape and colour that the training never showed, and on the same objects two to three times as far away. *Confidence* is the share that a network gives to its own answer. Beside it stands `shapes_net`: 20 layers, and a fresh batch of pictures at each step.

# %% tags=["nbval-ignore-output", "why:the-network-trained-above"]
from dataclasses import replace

from lecture_utils.training.loop import predictions

as_trained, asked = toyworld.ONE_OBJECT, {}
tests = {"as in training": as_trained, "shapes in new colours": replace(as_trained, held_out=True),
         "far away": replace(as_trained, distance=(6.0, 9.0))}
for name, objects in tests.items():
    sample = toyworld.render(toyworld.sample_scenes(500, split="test", objects=objects), 32,
                             only=("image", "class_id"))
    asked[name] = sample.image, sample.class_id[:, 0]
rows = []
for name, (x, truth) in asked.items():
    sure = predictions(net, x).softmax(1).max(1).values.mean()
    shares = accuracy(net, x, truth), sure, accuracy(shapes_net, x, truth)
    rows.append((name, *(f"{share:.1%}" for share in shares)))
show_table(rows, ["test pictures", "your network", "its mean confidence", "shapes_net"])

# %% tags=["nbval-ignore-output", "why:the-network-trained-above"]
far, truth = asked["far away"]
sure, said = predictions(net, far).softmax(1).max(1)
counts = torch.bincount(8 * truth + said, minlength=64).reshape(8, 8)  # rows: truth, columns: answer
figure = plotting.confusion_matrix(counts, toyworld.CLASSES, "Objects far away")
figure.set_size_inches(3.9, 3.3)
plotting.show(figure, "Confusion matrix of shapes far away: rows are the truth, columns the answers.")
title = "Far away, the surest: successes above, failures below"
plotting.show(figures.surest(far, said, truth, sure, toyworld.CLASSES, title), "Ten answers for far objects.")

# %% [markdown]
# ### Lab, step 3: interpret
# Why does it fail far away? Such an object differs from those of the training in three things: where it stands, how large it is, and how many pixels are left to show its corners. Change one at a time. *In the middle*: the same picture, moved so that the object is in the centre. *Enlarged*: the same pixels around the object, stretched. *Enlarged, with detail*: the same window, but rendered with four times as many pixels along each side.
#
# **Why does it fail far away?**
#
# - A: objects stand in places where it never saw any.
# - B: they are too small for it, and that is all.
# - C: they are too small for it, and too little is left of their shape.
# - D: too little is left of their shape, and that is all.
#
# **Because**
#
# - 1: moved to the middle they are missed as before.
# - 2: enlarging the same pixels brings part of it back, and detail brings the rest.
# - 3: it is less confident of them.
#
# Answer with a letter and a number, such as `("A", "1")`.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch01.lab import centre_crops

scenes = toyworld.sample_scenes(300, split="test", objects=tests["far away"])
coarse, fine = (toyworld.render(scenes, size, only=("image", "boxes", "class_id")) for size in (32, 128))
trials = {
    "as they are": coarse.image,
    "in the middle": centre_crops(coarse.image, coarse.boxes[:, 0], zoom=1),
    "enlarged": centre_crops(coarse.image, coarse.boxes[:, 0], zoom=2.4),
    "enlarged, with detail": centre_crops(fine.image, fine.boxes[:, 0], zoom=2.4),
}
bars = {"near, as in training": accuracy(net, images[:500], labels[:500])}
bars |= {name: accuracy(net, x, coarse.class_id[:, 0]) for name, x in trials.items()}
show_table([[f"{share:.0%}" for share in bars.values()]], list(bars), caption="Accuracy of your network")
figure = plotting.image_grid([x[k] for x in trials.values() for k in range(5)],
                             [name if k == 0 else "" for name in trials for k in range(5)], 5, 1.5,
                             "Five far objects, four ways")
plotting.show(figure, "Five distant objects: as rendered, in the middle, enlarged, enlarged with detail.")

# %% tags=["exercise:01.L3"]
reading = None

reading = check("01.L3", reading)

# %% [markdown]
# <details><summary><b>Solution</b></summary>
#
# `("C", "2")`. The place is not it: moving changes little. Stretching adds no information, and yet it brings back part of what was lost, so that part was size: nothing in a convolution knows about *scale*, since weights are shared over places and not over sizes. What only a finer picture brings back was lost detail: at five pixels a star has no points left. So it is both. (The windows cut away some of the surroundings as well; the near column says what is possible.)
#
# </details>
#
# **Equivariance to shifts is built in. Everything else has to be in the data.**

# %% [markdown] tags=["slide"]
# ## 16 · Claims, measured
#
# Lectures are full of sentences such as "residual networks cure degradation". Here each is an experiment whose rule was written into the code before it ran (`lecture_utils/chapters/ch01/claims.py`). Where anything is random it is repeated with several *seeds*: other initial weights, another order of batches and, where pictures are rendered, other pictures (the digits of C01.1 are always the same). A 95 % interval says how far the mean may be off. What does not come out is shown all the same. C01.3 stood in section 10.
#
# ### C01.1 · A shift hurts the MLP
# Digits that all stand in the middle in training are moved in the test.

# %% tags=["claim:C01.1"]
from lecture_utils.chapters.ch01 import claims as ch01
from lecture_utils.experiments import ledger

show_claim("C01.1")
record = ledger.load("C01.1")
figure = figures.shift_figure(record, "Only the mean over positions holds up, best at multiples of four")
plotting.show(figure, "Accuracy against shift: only the conv net with a global mean stays high, in a zigzag.")
show_table(figures.shift_rows(record), ["network", "accuracy, unmoved", "lost at 3 pixels (means)"])

# %% [markdown]
# **How to read it.** Eight times the weights do not help the MLP. Nor does convolution alone: give its map to a dense head, as the paper's nets do, and position comes back in through the door that you closed. It loses hardly less than the MLPs. Only the mean over positions, which the paper does not have, makes the net far more tolerant: read "conv net" on the card as "conv net with a mean over positions".
#
# It is not invariant: look at the zigzag. It has two 2×2 pools, so its last map has a jump of 4 pixels, and only shifts by multiples of four move that map exactly, except at its border (Zhang 2019).
#
# Unmoved, this net is on average the *worst* of the four, and its seeds differ most: 500 steps are too few for it, and some of its seeds do not yet know their training digits either. Its loss at 3 pixels is measured from that lower start.
#
# ### C01.2 · Does ReLU need fewer steps than tanh?
# The setting of AlexNet's figure 1: a four-layer conv net, no regularisation (nothing that works against overfitting), the learning rate chosen for each activation apart, and a clock that stops at 25 % training error.
#
# The paper's argument is *saturation*: where tanh is flat, it passes no gradient on. How often that happens depends on the width of the initial weights. So the same race is run from other starts as well. The last table has the nets before any training, with weights 1 to 8 times as wide.

# %% tags=["claim:C01.2"]
show_claim("C01.2")
record = ledger.load("C01.2")
figure = figures.race_figure(record, "The race to 25 % training error")
plotting.show(figure, "Steps of ReLU and tanh to 25 percent training error, and who leads from each start.")
rows = [(row["seed"], *row["steps"].values(), *row["rates"].values()) for row in record.figures]
show_table(rows, ["seed", "steps, ReLU", "steps, tanh", "its rate, ReLU", "its rate, tanh"])
torch.manual_seed(0)
pictures = toyworld.classification(128, size=16)[0]
pictures = pictures - pictures.mean(0)
rows = []
for times in (1, 2, 4, 8):
    nets = [ch01.activation_net(name, 8, ch01.Start(times=times)) for name in ("ReLU", "tanh")]
    rows.append((times, *(f"{ch01.idle_share(one, pictures):.0%}" for one in nets)))
show_table(rows, ["weights, times their own", "ReLUs off", "tanhs flat (slope below 0.05)"])

# %% [markdown]
# **How to read it.** Krizhevsky et al. report a factor of six in ReLU's favour, on CIFAR-10 (their figure 1, whose initial weights they do not state). That would be 2.6 on the axis at the right, and no seed comes near it.
#
# But the axis shows where the sentence begins to hold: from *the paper's own start* (pixels from 0 to 255, all weights equally wide), ReLU leads on every seed. Where each activation has initial weights that suit it, its lead is gone, and with four times as wide ones, or eight layers, tanh leads.
#
# About half of the ReLUs are off, whatever the scale. Of the tanhs none is flat at the proper width, and ever more are as the weights grow: this is the harm that ReLU avoids. A proper start avoids much of it too.
#
# ### C01.4 · Degradation, and its reversal
# A shallow and a deep net, plain and residual, equally wide, on the same pictures, for the same steps. Two illnesses and an accident look alike on new pictures: all three are worse there. Write down how you tell them apart, from the errors of a deep net and of a shallow one.
#
# Each has three errors: on the training pictures in training mode, the same pictures in evaluation mode, and new pictures in evaluation mode. "statistics": on the training pictures, evaluation mode errs by more than 0.1 more than training mode. Else "fine": no worse than the shallow net on new pictures. Else "degradation" or "overfitting", by the two nets' errors on the training pictures in evaluation mode ("degradation": the deep one's is the larger).

# %% tags=["exercise:01.6"]
def diagnose(deep: tuple[float, float, float], shallow: tuple[float, float, float]) -> str:
    """What ails the deep net? "statistics", "fine", "degradation" or "overfitting", by the rules above.

    Each net's errors, 0 to 1: on the training pictures in training mode and in evaluation mode, on new ones.
    """
    ...


diagnose = check("01.6", diagnose)

# %% [markdown]
# # solution: lecture_utils.chapters.ch01.solutions.diagnose

# %% tags=["claim:C01.4"]
show_claim("C01.4")
record = ledger.load("C01.4")
figure = figures.degradation_figure(record, "Depth hurts plain nets and helps residual ones")
plotting.show(figure, "Training loss of plain and residual nets, and differences in training error.")

def errors(row, name):
    """The three errors of one net of a seed, for `diagnose`."""
    known = row["training_error"][name]
    return known["train"], known["eval"], row["test_error"][name]


rows = []
for kind in ("plain", "residual"):
    shallow, deep = (name for name in record.figures[0]["test_error"] if name.startswith(kind))
    means = np.mean([errors(row, deep) + errors(row, shallow) for row in record.figures], axis=0)
    found = [diagnose(errors(row, deep), errors(row, shallow)) for row in record.figures]
    rows.append((deep, *(f"{e:.0%}" for e in means[[0, 3, 2, 5]]), ", ".join(found)))
show_table(rows, ["net", "training error", "of the shallow one", "test error", "of the shallow one",
                  "your diagnosis, seed by seed"],
           caption="Means over the seeds; training errors in training mode, test errors in evaluation mode")

# %% [markdown]
# **How to read it.** The deep plain net is worse on its *own training pictures* than the shallow one: that is degradation, and your diagnosis for it. With shortcuts the same layers fit best of all four. The right panel says when: degradation shows after a quarter of the steps, the gain by shortcuts only later.
#
# On new pictures none of the four is any good: 1,024 pictures of 12 × 12 pixels teach them hardly more than guessing, which errs in 87.5 %. That is why the claim is about training errors. Between the residual nets the test errors differ by 0.02, and the 95 % interval (−0.01 to 0.05) includes zero: your `diagnose` names an illness even for a difference of three pictures in 1,024. Take "overfitting" here as: fits better, gains nothing on new pictures.
#
# How general is it? A first experiment, nearer to the paper (SGD, 8 and 44 layers), showed the plain half (a gap of 0.78) and not surely the other: 0.05 to 0.08, with an interval that reached zero. This setting was then built, on another seed, so that 8 layers underfit and 26 can fit. So read it as: the effect exists, not: it is everywhere.
#
# Each net chose between two rates, 0.003 and 0.01; the deep plain one took the lower, the others the upper. What it would do at 0.001 has not been measured.
#
# ### C01.5 · How much gradient reaches the first layer
# No training: one batch, one backward pass, and the size of the gradient at the first layer's weights, for depths from 8 to 56. The rule looks at the networks as the paper built them. The other three panels are the same measurement with batch norm left out, or with PyTorch's own smaller initial weights.

# %% tags=["claim:C01.5"]
show_claim("C01.5")
record = ledger.load("C01.5")
figure = figures.gradient_figure(record.figures[0], "Shortcuts steady it in three of four regimes (seed 0)")
plotting.show(figure, "First-layer gradient norm against depth, plain and residual, in four regimes.")
slopes = [row["slopes"] for row in record.figures]
rows = [(regime, *(f"× {10 ** (10 * np.mean([s[regime][arm] for s in slopes])):.2g}" for arm in arms))
        for regime, arms in slopes[0].items()]
show_table(rows, ["ten layers more change the gradient by (mean of seeds)", "plain", "residual"])

# %% [markdown]
# **How to read it.** A straight line on this axis is a factor per layer. Top row: with batch norm it is not vanishing but *growing* gradients that depth brings to plain nets, as theory predicts (Yang et al. 2019), and shortcuts tame them. Bottom right is the vanishing gradient of the textbooks: small initial weights, no norm, and at 56 layers nothing arrives. The shortcut mends it.
#
# Bottom left is the surprise: with He et al.'s initial weights the plain net needs little help, and the *residual* net runs away, since every block adds its own variance to that of $x$. So "shortcuts cure vanishing gradients" is true in one of four regimes. "Shortcuts *steady* the gradient" is true in three, and in the fourth they need a norm beside them.

# %% [markdown] tags=["slide"]
# ## 17 · Paper and toy
#
# | | The papers | Here | What that costs |
# |---|---|---|---|
# | Data | 1.28 M photographs, 1,000 classes | rendered pictures of 12 to 32 pixels (section 19: 64), 8 classes; 1,797 digits | the toy world is clean: no label noise, no rare classes, little clutter |
# | Depth, width | 8–152 layers, up to 2,048 channels | 8–56 layers; claims: 2–64 channels | narrow plain nets suffer earlier than the paper's (C01.4) |
# | Optimiser | SGD, 64,000 to about 850,000 steps, learning rate cut by hand or by plan | Adam or SGD, 40 to 1,600 steps | nets are far from the end of what training could give |
# | Changed copies of the pictures | crops, flips, colour shifts | none | says nothing about what they are worth (chapter 05 does) |
# | AlexNet | two towers on two cards, LRN, weights N(0, 0.01²), some biases 1 | one tower; no LRN; He et al.'s initial weights | outputs equal torchvision's, not the original's |
# | Batch norm | over several cards, each its own batch | one process | the effect of small batches appears only in "Break it" |

# %% [markdown] tags=["slide"]
# ## 18 · Break it
#
# ### Remove the shortcut
# We take the trained `shapes_net`, with nine residual blocks, and delete `+ x` from them: one line each.

# %%
predict("01.4")

# %%
import copy

def without(part, which):
    """Accuracy of a copy whose chosen blocks lose their shortcut ("x") or their convolutions ("F(x)")."""
    broken = copy.deepcopy(shapes_net)
    blocks = [block for stage in broken.stages for block in stage]
    for block in (blocks[k] for k in which):
        if part == "x":
            block.shortcut = None
        else:
            nn.init.zeros_(block.norm2.weight)
            nn.init.zeros_(block.norm2.bias)  # F(x) = 0
    return accuracy(broken, images[:150], labels[:150])


print(f"whole {without('x', []):.0%}, without any shortcut {without('x', range(9)):.0%}, chance {1 / 8:.0%}")
kept = {part: [without(part, [b]) for b in range(9)] + [without(part, range(9))] for part in ("x", "F(x)")}
figure = figures.deletions(kept, "Most single shortcuts can be spared, all nine cannot")
plotting.show(figure,
              "Bars for each of nine blocks: accuracy after removing its shortcut or its convolutions.")

# %% [markdown]
# **How to read it.** Without any shortcut the network is at chance: block after block passes on a correction to something that is no longer there.
#
# The single bars are not what we expected. He et al.'s picture, "$x$ is the signal, $F$ a small correction", would make every bar "without x" low and every one "without F(x)" high. Veit et al. (2016, section 4.1) saw the second half of that in a net of 110 layers, which hardly notices a missing block. In nine blocks most $F$ have real work to do, and several blocks can lose $x$ instead.
#
# Part of a single bar is batch norm: its running averages belong to the whole network. Computed anew for the damaged one, block 5 without $x$ has 66 %, not 38 %. Without all nine that does not help (14 %).
#
# ### Forget `model.eval()`
# The commonest batch-norm accident: the weights are fine, the data are fine, and *your* network was left in training mode.

# %%
predict("01.5")

# %% tags=["nbval-ignore-output", "why:the-network-trained-above"]
def accuracy_in_training_mode(batch_size):
    """Accuracy with each batch normalised by itself; on a copy: training mode moves running averages."""
    forgotten = copy.deepcopy(net).train()
    with torch.no_grad():
        answers = torch.cat([forgotten(part).argmax(1) for part in images[:256].split(batch_size)])
    return (answers == labels[:256]).float().mean().item()


by_size = {n: accuracy_in_training_mode(n) for n in (1, 2, 4, 8, 32, 256)}
proper = accuracy(net, images[:256], labels[:256])
lines = {"model.eval() forgotten": list(by_size.values()), "model.eval() called": [proper] * len(by_size)}
lines = {name: (list(by_size), line) for name, line in lines.items()}
title = "Alone, a picture is as good as guessed; a large batch hides it"
figure = plotting.curves(lines, "pictures in a test batch", "accuracy", title, log_x=True)
figure.axes[0].set_xticks(list(by_size), map(str, by_size))
figure.set_size_inches(6.4, 2.2)
plotting.show(figure, "Accuracy in training mode rises with the test batch, from far below evaluation mode.")

# %% [markdown]
# **How to read it.** With 32 pictures the batch's own mean and variance are close to the running ones, and nobody notices. That is why this mistake survives every test on batches and shows up in the demo, with a single picture from a camera: no error, no warning, only answers that are little better than guessing, which moreover *depend on the other pictures in the batch*.
#
# And each such call moves the running averages. If a model is good in validation and poor in use, call `model.eval()` before you look for anything else.

# %% [markdown] tags=["slide"]
# ## 19 · With a GPU: the full ResNet-18
#
# The cell below trains the real ResNet-18 on 60,000 pictures of 64 × 64 pixels. That is too much work for a CPU in a lecture. Without a graphics card it shows what was recorded, and the line above the result says where: on a processor, 300 steps of 32 pictures in place of 1,500 of 256. So few steps do not finish 11 million weights; your network of section 14 had 750 steps of 64, and a higher rate.

# %%
# %%gpu ch01_resnet18
from lecture_utils.backbones.resnet import resnet18

cuda = runtime.device()
number = runtime.pick(quick=6_000, full=6_000, gpu=60_000)
batch = runtime.pick(quick=32, full=32, gpu=256)
steps = runtime.pick(quick=300, full=300, gpu=1500)
many_x, many_y = toyworld.classification(number, size=64, split="train", seed=1, device=cuda)
large = resnet18(classes=len(toyworld.CLASSES)).to(cuda)
optimizer = torch.optim.AdamW(large.parameters(), lr=1e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
history = fit(large, minibatches(many_x, many_y, batch_size=batch, seed=0), loss=cross_entropy,
              optimizer=optimizer, steps=steps, schedule=schedule, label="ResNet-18")
test_x, test_y = toyworld.classification(4000, size=64, split="test", device=cuda)
found = accuracy(large, test_x, test_y)
print(f"test accuracy {found:.2%} after {history.steps} steps, {history.seconds:.0f} s")

# %% [markdown] tags=["slide"]
# ## 20 · With real weights: shifts and turns
#
# In practice nobody trains a classifier for photographs from scratch. The network of the first cell has seen more than a million of them. How much of what you learned about shifts holds for it? We move a window over three photographs, or turn it, and follow the share of its first answer. Before you run this: which hurts more? (`hub.torchvision.classifier("resnet50")` is called in the same way, once its weights are on your machine.)

# %%
from torchvision.transforms.v2.functional import rotate

def seen_through(photo, shift=0, angle=0):
    """A window of 256 × 256 pixels from the middle of a photograph, moved down or turned."""
    turned = rotate(photo, angle) if angle else photo
    top, left = ((side - 256) // 2 for side in turned.shape[1:])
    return turned[:, top + shift : top + shift + 256, left : left + 256]


def followed(name, **changes):
    """Share of the first answer to the unmoved window, along one change."""
    photo = photographs.load(name, size=420)
    (what, _), *_ = practitioner.top([seen_through(photo)], k=1)[0]
    ((key, values),) = changes.items()
    ranked = [practitioner.top([seen_through(photo, **{key: v})], k=1000)[0] for v in values]
    return [dict(answers)[what] for answers in ranked]


shifts, angles = list(range(-32, 33, 8)), list(range(0, 361, 30))
figure = figures.shift_and_turn({n: (followed(n, shift=shifts), followed(n, angle=angles))
                                 for n in ("coffee", "camera", "motorcycle")}, shifts, angles)
plotting.show(figure, "Share of the first answer as the window moves, and as it turns, of three photos.")

# %% [markdown]
# **How to read it.** A shift moves the shares a little, and not smoothly: behind its strides the network sees the picture differently sampled (section 7). A turn of 30° does no more than a shift. From 60° on it does: lying on his side, the photographer is no tripod any more, and even of a round cup, seen from above, it is less sure. A convolution shares its weights over places, not over angles. What a network tolerates beyond shifts, it has learned from its data.

# %% [markdown] tags=["slide"]
# ## 21 · Summary in five sentences
#
# 1. A classifier turns scores into shares, measures them by the cross-entropy, and moves every weight against its gradient.
# 2. A convolution asks the same small question at every place, so it needs few weights and moves its answer along when the picture moves; it is a matrix product in disguise, and so is its derivative.
# 3. AlexNet showed that such networks scale, VGG that small kernels and depth suffice, and ResNet that depth needs a way around.
# 4. Batch norm keeps the scale of every layer, at the price of a layer that behaves differently in training and in testing.
# 5. Degradation is a failure of optimisation, not of generalisation: you tell them apart by looking at the *training* error.
#
# ### Further exercises
#
# 1. A 1×1 convolution has no neighbourhood. What is it good for? Find it in `lecture_utils.backbones.resnet.Bottleneck` and count what it saves.
# 2. Write $\partial\mathcal L/\partial x$ of a stride-1 convolution as another convolution of the gradient. With which kernel, and which padding?
# 3. Train `net` on pictures shifted by up to 8 pixels. Does the MLP of C01.1 catch up if *it* sees shifted digits in training? At what cost?
# 4. Train `SmallResNet` with three blocks a stage. How many steps does it need to reach what one block reaches?
# 5. Put batch norm *after* the addition in your `ResidualBlock`. What happens to the training?
#
# ### References
#
# - Y. Bengio, P. Simard, P. Frasconi, "Learning Long-Term Dependencies with Gradient Descent Is Difficult", IEEE Trans. Neural Networks, 1994.
# - K. Chellapilla, S. Puri, P. Simard, "High Performance Convolutional Neural Networks for Document Processing", 2006.
# - K. Fukushima, "Neocognitron", Biological Cybernetics, 1980.
# - A. Howard et al., "MobileNets", 2017. [arXiv:1704.04861](https://arxiv.org/abs/1704.04861)
# - K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016. [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)
# - S. Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", diploma thesis, TU München, 1991.
# - S. Ioffe, C. Szegedy, "Batch Normalization", ICML 2015. [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)
# - J. Johnson, A. Alahi, L. Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016. [arXiv:1603.08155](https://arxiv.org/abs/1603.08155)
# - D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015. [arXiv:1412.6980](https://arxiv.org/abs/1412.6980)
# - A. Krizhevsky, "One Weird Trick for Parallelizing Convolutional Neural Networks", 2014. [arXiv:1404.5997](https://arxiv.org/abs/1404.5997)
# - A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NeurIPS 2012.
# - Y. LeCun et al., "Backpropagation Applied to Handwritten Zip Code Recognition", Neural Computation, 1989.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE, 1998.
# - M. Lin, Q. Chen, S. Yan, "Network in Network", ICLR 2014. [arXiv:1312.4400](https://arxiv.org/abs/1312.4400)
# - W. Luo, Y. Li, R. Urtasun, R. Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", NeurIPS 2016. [arXiv:1701.04128](https://arxiv.org/abs/1701.04128)
# - S. Santurkar, D. Tsipras, A. Ilyas, A. Madry, "How Does Batch Normalization Help Optimization?", NeurIPS 2018. [arXiv:1805.11604](https://arxiv.org/abs/1805.11604)
# - K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015. [arXiv:1409.1556](https://arxiv.org/abs/1409.1556)
# - M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019. [arXiv:1905.11946](https://arxiv.org/abs/1905.11946)
# - A. Veit, M. Wilber, S. Belongie, "Residual Networks Behave Like Ensembles of Relatively Shallow Networks", NeurIPS 2016. [arXiv:1605.06431](https://arxiv.org/abs/1605.06431)
# - G. Yang, J. Pennington, V. Rao, J. Sohl-Dickstein, S. Schoenholz, "A Mean Field Theory of Batch Normalization", ICLR 2019. [arXiv:1902.08129](https://arxiv.org/abs/1902.08129)
# - R. Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019. [arXiv:1904.11486](https://arxiv.org/abs/1904.11486)
#
# ### What comes next
#
# A convolution can only look around the corner, layer by layer. Chapter 02 lets every place look at every other at once, and pays for it: **vision transformers**.
# %%
progress("01")
