# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 03 · Learning without labels, learning from teachers
#
# **How can a network learn to see when nobody tells it what is in the pictures?**
#
# Labels are the expensive part. A camera takes a picture for nothing; somebody has to be paid to say what is in it. So let the pictures themselves be the teacher. Hide most of a picture and ask for the rest: **masked auto-encoders**. Show two crops of one picture and ask for the same answer to both: **DINO**.
#
# And where a good teacher does exist, a small network can learn from its *opinions* as well as from labels: **distillation**. You write the parts of all three, put them into whole networks, train those, and measure what they are worth.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Build** a masked auto-encoder and DINO from whole classes in which your own functions run.
# 2. **Explain** why a transformer may drop tokens, and what that saves.
# 3. **Watch** self-distillation collapse, and say which part prevents which collapse.
# 4. **Teach** a network a digit that it never sees.
# 5. **Measure** what features are worth, and **debug** a DINO that learns nothing.
#
# **You need** chapter 01: softmax, cross-entropy, a training step. Chapter 02: patches, tokens, attention, the class token, ViT.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · Hide three quarters | 15 | 9 · Train | 12 |
# | 2 · Why tokens may be dropped | 10 | 10 · Evaluate | 20 |
# | 3–4 · Decoder, loss, put together | 22 | 11 · Claims, measured | 15 |
# | 5–6 · DINO: agree, and follow | 18 | 12 · Lab | 40 |
# | 7 · Two forces | 22 | 13–14 · Paper and toy; break it | 12 |
# | 8 · Distillation | 22 | 15–17 · GPU, real weights, summary | 7 |
#
# **A GPU** is not needed. One cell near the end trains DINO for longer, and only where there is one.

# %% tags=["skip"]
import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import plotting, runtime, zoo
from lecture_utils.data import photographs, toyworld
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table

start("03")

# %% [markdown] tags=["slide"]
# ## Result first
#
# Three pictures of 48 × 48 pixels, cut into 64 patches. A network sees 16 of the patches and paints the other 48. It was trained on 16,000 rendered pictures without a single label, and has seen none of these three. (All toy pictures of this chapter show one plain object on sand; section 10 says why.)

# %%
from lecture_utils.chapters.ch03.figures import dino_branches, hide_patches, mae_steps, picture_rows
from lecture_utils.data.portraits import portraits
from lecture_utils.selfsup.small_vit import class_attention, features, small_vit
from lecture_utils.training.loop import fit, minibatches, predictions

shipped = zoo.load("shapes_mae")
images, labels, outlines = portraits(600, split="test", seed=9)  # (600, 3, 48, 48), (600,), (600, 48, 48)
filled, mask = shipped.reconstruct(images[:3], generator=torch.Generator().manual_seed(0))
rows = {"seen": list(map(hide_patches, images[:3], mask)), "filled in": filled.clamp(0, 1),
        "truth": images[:3]}
figure = picture_rows(rows, suptitle="Three quarters hidden, filled in without any labels")
plotting.show(figure, "Three scenes in three rows: mostly hidden, filled in, and true.")

# %% [markdown] tags=["slide"]
# ## 1 · Masked auto-encoders: hide, and ask
#
# Language models learn by filling in hidden words. Do the same with pictures: hide patches, and ask for their pixels. That is a **pretext task**: nobody wants the pixels, but to guess them a network has to know that a roof goes on as a roof.
#
# How much should be hidden? In text 15 % of the words are enough, since each carries much meaning (BERT: Devlin et al. 2019, section 3.1). Pictures are redundant: a hidden patch amid visible ones can be painted over from its rim.

# %%
predict("03.1")

# %%
def fixed():
    return torch.Generator().manual_seed(4)  # the same random numbers each time


latent, mask, restore = shipped.encode(images[1:2], generator=fixed())
filled, _ = shipped.reconstruct(images[1:2], generator=fixed())
title = f"The encoder works on {latent.shape[1] - 1} of {mask.shape[1]} patches"
figure = mae_steps(images[1], mask[0], restore[0], filled[0].clamp(0, 1), title)
plotting.show(figure, "A picture mostly hidden, its visible patches, one colour in all gaps, the prediction.")

# %% [markdown]
# **How to read it.** Hide most patches (1). Give the **encoder**, a ViT, only the visible ones, each with its position (2, 3). Put what it says back in place, and one learned **mask token** into every gap (4). A light **decoder** looks at it all and predicts the pixels (5, 6). Afterwards the decoder is thrown away; the encoder is what we wanted (He et al. 2022, section 3).
#
# How do you draw the patches to keep, differently for each picture, and find the way back? By **sorting noise**. Give each patch a random number. Their order, smallest first, is a shuffled list; keep its first quarter.
#
# For step 4 you need the inverse of that shuffle: for patch $i$, its place in the list. The paper's code calls it `ids_restore`. To mix up the two is the usual mistake. It raises no error, since both are lists of the numbers 0 to $N-1$; only the picture comes back in pieces.

# %% tags=["exercise:03.1"]
def masking_indices(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    """From noise (B, N): kept patches (B, keep), mask (B, N), True where hidden, and restore (B, N)."""
    ...


masking_indices = check("03.1", masking_indices)

# %% [markdown]
# # solution: lecture_utils.chapters.ch03.solutions.masking_indices
#
# Here is the first half of the network, the one that is kept. Your function decides what it sees. With the shipped weights it has to say the same as the package's.

# %% tags=["system:S03.1"]
class MaskedEncoder(nn.Module):
    """A ViT that sees some of its patches only."""

    def __init__(self, encoder: nn.Module, ratio: float = 0.75):
        super().__init__()
        self.encoder, self.ratio = encoder, ratio

    def encode(self, x: Tensor, *, generator=None) -> tuple[Tensor, Tensor, Tensor]:
        tokens = self.encoder.embed_tokens(x)  # (B, 1 + 64, 64): positions are in before any patch goes
        first, patches = tokens[:, :1], tokens[:, 1:]
        noise = torch.rand(patches.shape[:2], generator=generator)
        kept, mask, restore = masking_indices(noise, round(patches.shape[1] * (1 - self.ratio)))  # yours
        visible = patches.gather(1, kept[..., None].expand(-1, -1, patches.shape[2]))
        latent = torch.cat([first, visible], dim=1)  # (B, 1 + 16, 64): a quarter of the work
        for layer in self.encoder.layers:
            latent = layer(latent)
        return self.encoder.norm(latent), mask, restore

# %% [markdown] tags=["slide"]
# ## 2 · Why a transformer may drop tokens
#
# Could a convolutional network be trained like this? It could, but it cannot *skip* the hidden patches: a convolution runs over a grid, and every place of the grid must hold some number. Whatever you write into the holes leaks into the features of the visible pixels beside them. (*Sparse* convolutions, which do skip holes, were brought in later: Woo et al. 2023.)
#
# A transformer takes a *set* of tokens, each of which carries its own position. A token that is left out is not grey, it is not there.

# %%
predict("03.2")

# %% tags=["claim:C03.1"]
from lecture_utils.chapters.ch03 import claims as ch03
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim


def multiplications(tokens, dim=64, layers=4, wide=2):
    """Of an encoder: four projections, queries · keys, weights · values, an MLP `wide` times as wide."""
    return layers * (4 * tokens * dim**2 + 2 * tokens**2 * dim + 2 * wide * tokens * dim**2)


hidden = torch.arange(0, 91) / 100
work = [multiplications(1 + 64 * (1 - h)) / multiplications(65) for h in hidden.tolist()]
shares = torch.tensor([list(row["share_of_time"].values()) for row in ledger.load("C03.1").figures])
timed = [100 * ratio for ratio in ch03.RATIOS]
lines = {"by counting": (100 * hidden, work), "by the clock": (timed, shares.mean(0))}
title = f"75 % hidden: {1 / work[75]:.1f} times less work, {1 / shares.mean(0)[3]:.1f} times less time"
figure = plotting.curves(lines, "patches hidden (%)", "share of the whole", title)
figure.set_size_inches(6, 2.1)
plotting.show(figure, "The encoder's work and time fall with the share of hidden patches.")
show_claim("C03.1")

# %% [markdown]
# **How to read it.** What is done token by token falls with the number of tokens, attention with its square. The clock gains less than the count: the patch embedding is done for all 64 patches before any is dropped, and every operation has a cost of starting. He et al. report training that is 2.8 to 4.1 times as fast, decoder included (table 2).
#
# ## 3 · Decoder and loss
#
# The decoder is another small transformer. Your `restore` is what puts things in order: append mask tokens to the visible ones, then *gather* by `restore`. All mask tokens are one and the same learned vector; only the positions added to them tell them apart.

# %%
from lecture_utils.nn.transformer import EncoderLayer


class MaskedAutoEncoder(MaskedEncoder):
    """The encoder, and a narrow decoder that fills the gaps."""

    def __init__(self, encoder: nn.Module, width: int = 48, layers: int = 2, patches: int = 64):
        super().__init__(encoder)
        self.to_decoder = nn.Linear(64, width)
        self.mask_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.position = nn.Parameter(torch.randn(1, 1 + patches, width) * 0.02)
        self.decoder = nn.Sequential(*(EncoderLayer(width, 4, 4 * width) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def decode(self, latent: Tensor, restore: Tensor) -> Tensor:
        x = self.to_decoder(latent)  # (B, 1 + 16, 48)
        gaps = self.mask_token.expand(len(x), restore.shape[1] + 1 - x.shape[1], -1)
        patches = torch.cat([x[:, 1:], gaps], dim=1)  # (B, 64, 48), still shuffled
        patches = patches.gather(1, restore[..., None].expand_as(patches))  # in the picture's order
        x = torch.cat([x[:, :1], patches], dim=1) + self.position
        return self.norm(self.decoder(x))[:, 1:]  # (B, 64, 48)

# %% [markdown]
# Two decisions about the loss. **Only hidden patches count.** In the paper, to ask for the visible ones too costs about half a point (section 3, footnote 1); section 14 shows what comes of asking for *nothing but* those. And the target is each patch with **its own mean taken off and its own spread divided out**. How bright a patch is can be guessed from next door. Take that away, and what is left is structure.
#
# With $x_i$ the $P$ numbers of patch $i$, all three colours together, $\mu_i$ and $\sigma_i^2$ their mean and variance (PyTorch's `var`, over $P-1$, as in the paper's code), $\epsilon = 10^{-6}$, and $M$ the hidden patches of the whole batch,
#
# $$\mathcal L = \frac{1}{|M|}\sum_{i \in M} \frac1P \left\lVert \hat y_i - \frac{x_i - \mu_i}{\sqrt{\sigma_i^2 + \epsilon}} \right\rVert^2$$
#
# A colleague has written the loss. It falls in training as a loss should, but the pictures stay pale and blotched. Before you train anything, there is a value that you know: zeros are the mean of every normalised patch, so a prediction of zeros has to cost $(P-1)/P$, whatever the picture and whatever is hidden. Two lines are wrong. Find them, and write the loss that passes.

# %% tags=["show"]
from lecture_utils.selfsup.mae import patchify, unpatchify

# show: lecture_utils.chapters.ch03.solutions.mae_loss_faulty


cut = patchify(images[:4], 6)  # (4, 64, 108)
for number in (64, 16):
    some = (torch.arange(64) < number).expand(4, 64)
    print(f"{number} of 64 hidden, zeros cost {mae_loss_faulty(torch.zeros_like(cut), cut, some):.2f},"
          f" want {107 / 108:.2f}")

# %% tags=["exercise:03.2"]
def mae_loss(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error to normalised patches, hidden ones only: (B, N, P), (B, N, P), mask (B, N)."""
    ...


mae_loss = check("03.2", mae_loss)

# %% [markdown]
# # solution: lecture_utils.chapters.ch03.solutions.mae_loss
#
# ## 4 · Put together
#
# One addition is ours. A prediction of *normalised* pixels cannot be shown as a picture: mean and spread are missing. So a second output predicts those two, with a loss of its own (weight 10). Nothing in our pictures is borrowed from the truth: visible patches are pasted in as they were, and the gaps are the network's.

# %%
class YourMAE(MaskedAutoEncoder):
    """A masked auto-encoder whose masks and loss are yours."""

    def __init__(self, encoder: nn.Module):
        super().__init__(encoder)
        self.to_pixels = nn.Linear(48, 108)
        self.to_moments = nn.Linear(48, 2)  # mean and spread of each patch

    def forward(self, x: Tensor, *, generator=None) -> Tensor:
        latent, mask, restore = self.encode(x, generator=generator)
        decoded, rows = self.decode(latent, restore), patchify(x, 6)  # (B, 64, 48), (B, 64, 108)
        moments = torch.stack([rows.mean(-1), rows.std(-1)], dim=-1)
        error = (self.to_moments(decoded) - moments).square().mean(-1)
        return mae_loss(self.to_pixels(decoded), rows, mask) + 10 * error[mask].mean()

    def reconstruct(self, x: Tensor, *, generator=None) -> tuple[Tensor, Tensor]:
        latent, mask, restore = self.encode(x, generator=generator)
        decoded = self.decode(latent, restore)
        mean, spread = self.to_moments(decoded).split(1, dim=-1)
        painted = self.to_pixels(decoded) * spread.clamp(min=0) + mean
        return unpatchify(torch.where(mask[..., None], painted, patchify(x, 6)), 6, 48, 48), mask

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.plotting.diagram import architecture

mae = YourMAE(small_vit()).eval()
mae.load_state_dict(shipped.state_dict())
with torch.inference_mode():
    yours = mae.reconstruct(images[1:2], generator=fixed())[0]
print("the shipped weights fill in as before:", torch.allclose(yours, filled, atol=1e-4))
plotting.show(architecture(mae, images[:1], depth=1),
              "The masked auto-encoder as blocks: 17 tokens pass the encoder, 65 the decoder.")
torch.manual_seed(0)
fresh, four = YourMAE(small_vit()), minibatches(images[:4], labels[:4], batch_size=4, seed=0)
history = fit(fresh, four, loss=lambda net, x, _: net(x, generator=fixed()), steps=200, label="one batch",
              optimizer=torch.optim.AdamW(fresh.parameters(), lr=3e-3))
print(f"four pictures, fixed masks: loss {history.losses[0]:.2f} -> {history.losses[-1]:.2f}")

# %% [markdown]
# **How to read it.** Follow the first of the two numbers under each block: 64 patches are embedded, 17 tokens pass through the encoder, 65 through the decoder. The last two blocks both read the decoder's output. The last line is a check before any long training: can the network learn four pictures by heart? It is on its way: zeros would leave the loss at 0.99. Now hide more, or less, and look at other pictures.

# %%
from lecture_utils.chapters.ch03.widgets import dino_attention, masking_slider
from lecture_utils.widgets.present import present

present(masking_slider.masking_slider())

# %% [markdown] tags=["slide"]
# ## 5 · DINO: agree with yourself
#
# A different idea. Two crops of one photograph show the same things, so a network that knows what is in a picture should say the same of both. Look at what it is given: two large views of a picture and two small ones. They are random squares, mirrored at random, and recoloured each in its own way.

# %%
from lecture_utils.chapters.ch03 import collapse as tiny
from lecture_utils.selfsup.views import crop_batch, recolour


def view(pictures: Tensor, size: int, share: tuple[float, float]) -> Tensor:
    """Of each picture a random square with a share of its area, recoloured: (B, 3, size, size)."""
    return recolour(crop_batch(pictures, size, share), **tiny.COLOURS)


def multi_crop(pictures: Tensor, size: int) -> tuple[list[Tensor], list[Tensor]]:
    """Two large views of each picture, and two of a corner."""
    large = [view(pictures, size, (0.4, 1.0)) for _ in range(2)]
    return large, [view(pictures, size // 2, (0.2, 0.5)) for _ in range(2)]


torch.manual_seed(5)
large, small = multi_crop(images[1:2], 48)
figure = picture_rows({"one picture,\nfour views": [v[0] for v in (*large, *small)]},
                      ["large", "large", "small", "small"], suptitle="Two views of all, two of a corner")
plotting.show(figure, "Four views of one picture: two large crops and two small ones, in changed colours.")
title = "Two networks of the same shape; gradients reach only the student"
figure = dino_branches([v[0] for v in large], [v[0] for v in small], title)
plotting.show(figure, "Views go to student and teacher, which is the student's average and gets no gradient.")

# %% [markdown]
# **How to read it.** The large views show one thing: its shape says so, and in a corner a piece of outline has to do. Colour is no help, since it was changed; that is the purpose. Whatever views leave alone, a network may use to recognise the picture, and it takes what is easiest. (The shipped DINO's views are also turned by up to 90°, and four in five are grey: our objects lie at all angles, so the angle of an edge would do.)
#
# **Multi-crop** (from SwAV, Caron et al. 2020; here as in Caron et al. 2021, section 3.1) gives the large views to a **teacher**, and all views to a **student**. From a corner the student has to say what the teacher says of the whole. The name is short for self-**di**stillation with **no** labels.
#
# ## 6 · Where the teacher comes from
#
# Nobody has a teacher that knows more. But training makes weights jump about, since each batch pulls another way, and an average over the last steps is calmer and often better. So the teacher is the student's exponential moving average, or **EMA** (for teachers: Tarvainen and Valpola 2017). After each step it keeps the share $m$ of itself and takes the rest from the student:
#
# $$\bar w \leftarrow m\,\bar w + (1 - m)\,w \qquad\Rightarrow\qquad \bar w_t = m^t \bar w_0 + (1 - m)\sum_{k=1}^{t} m^{\,t-k}\, w_k$$
#
# Unrolled, it is a weighted mean of all past weights $w_k$, whose say shrinks by $m$ with each step of age. About the last $1/(1-m)$ of them count. (Finance's plain moving average forgets all at once after a fixed time.)
#
# Two things to get right. Which of the two shares is $m$? (Lectures often name the student's share; the paper's $\lambda$ is the teacher's, from 0.996 up to 1.) And what of tensors that are not weights? Batch norm keeps running means, which average well, and a counter of batches, which does not: it is *copied*. A copy it must be, since `state_dict()` hands out the model's own tensors.

# %% tags=["exercise:03.3", "system:S03.3"]
def ema_update(slow: dict, fast: dict, momentum: float) -> dict:
    """New tensors by name: those of `slow`, a step towards `fast`'s; whole numbers are copied from `fast`."""
    ...


ema_update = check("03.3", ema_update)

# %% [markdown]
# # solution: lecture_utils.chapters.ch03.solutions.ema_update
#
# ## 7 · DINO: what the two say, and two forces
#
# What do teacher and student *say* of a view? They distribute probability over $K$ **prototypes**, categories that nobody has named. Each network is a ViT with a **head** on its class token: a small MLP whose output, made to length 1, is compared by cosine with $K$ learned vectors, the prototypes. These $K$ cosines are the logits. In the end the heads go, and the teacher's encoder is kept.

# %% tags=["show", "system:S03.2"]
# show: lecture_utils.selfsup.dino.DINOHead

# %%
predict("03.3")

# %% [markdown]
# There are two empty ways to agree: always the same prototype, or all prototypes alike. Either is a **collapse**. Against the first stands **centring**: take off the teacher's logits a running mean $c$ of them, so that no prototype can win everywhere. Against the second stands **sharpening**: divide the teacher's logits by a **temperature** $\tau_t$ lower than the student's $\tau_s$ before the softmax, so that the largest grows larger.
#
# With $g_s$ and $g_t$ the logits of student and teacher for two views of one picture,
#
# $$p = \mathrm{softmax}\!\left(\frac{\mathrm{sg}(g_t) - c}{\tau_t}\right), \qquad q = \mathrm{softmax}\!\left(\frac{g_s}{\tau_s}\right), \qquad \mathcal L = -\sum_{k=1}^{K} p_k \log q_k$$
#
# (Caron et al. 2021, equations 1 to 4). Here $\mathrm{sg}$ is the **stop-gradient**, `detach()` in code. After each batch $c \leftarrow 0.9\,c + 0.1\,\bar g_t$: a moving average again.
#
# Now write the loss over *all* views: the mean over each pair of a teacher's view and *another* view of the student's. The student's first views are the teacher's, in the same order. Two large and four small views make ten pairs. The check looks at the gradients as well.

# %% tags=["exercise:03.4"]
def dino_loss(
    student: Sequence[Tensor], teacher: Sequence[Tensor], centre: Tensor, *,
    student_temperature: float = 0.1, teacher_temperature: float = 0.04,
) -> Tensor:
    """Mean over all pairs of a teacher's view i and a student's view j ≠ i: lists of logits (B, K)."""
    ...


dino_loss = check("03.4", dino_loss)

# %% [markdown]
# # solution: lecture_utils.chapters.ch03.solutions.dino_loss
#
# With that, all of DINO is one class and one loop. Two numbers tell which collapse you are in, and they add up to the loss (Caron et al. 2021, section 5.3). The **entropy** of the teacher's answers, $h(p) = -\sum_k p_k \ln p_k$, is $0$ when one prototype takes all and $\ln K$ when all are alike. The **KL divergence** from teacher to student, $\mathrm{KL}(p\,\Vert\,q) = \sum_k p_k \ln (p_k / q_k)$, is $0$ when the student says just what the teacher says. Natural logarithms give *nats*.

# %%
from lecture_utils.chapters.ch03 import charts
from lecture_utils.selfsup.dino import DINO
from lecture_utils.training.muon import MuonAndAdamW


class YourDINO(nn.Module):
    """Student, teacher and centre: what algorithm 1 of the paper keeps between steps."""

    def __init__(self, vit: nn.Module, dim: int = 32, prototypes: int = 64):
        super().__init__()
        self.student = nn.Sequential(vit, DINOHead(dim, hidden=64, bottleneck=32, prototypes=prototypes))
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.register_buffer("centre", torch.zeros(prototypes))
        self.centring = True
        self.student_temperature, self.teacher_temperature = 0.1, 0.03

    def forward(self, large: list[Tensor], small: list[Tensor]) -> Tensor:
        said = [self.student(x) for x in (*large, *small)]
        wanted = [self.teacher(x) for x in large]  # the teacher sees large views only
        loss = dino_loss(said, wanted, self.centre, teacher_temperature=self.teacher_temperature)  # yours
        if self.centring:
            self.centre = 0.9 * self.centre + 0.1 * torch.cat(wanted).detach().mean(0)
        return loss

# %%
def train_dino(model: YourDINO, steps: int = 60) -> list[dict[str, float]]:
    """Train, and look every ten steps at what the teacher says of held-out pictures."""
    torch.manual_seed(0)
    layers = nn.ModuleList(net[0].layers for net in (model.student, model.teacher))
    optimizer, seen = MuonAndAdamW(model, layers, tiny.RATE), []  # moves what has a gradient: the student
    first, second = (view(held_out, 24, (0.4, 1.0)) for _ in range(2))
    for step in range(steps + 1):
        if step % 10 == 0:
            seen.append(tiny.look(model, first, second))
        batch = toys[torch.randint(len(toys), (32,))]
        loss = model(*multi_crop(batch, 24))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.student.parameters(), 3.0)
        optimizer.step()
        slow, fast = model.teacher.state_dict(), model.student.state_dict()
        model.teacher.load_state_dict(ema_update(slow, fast, 0.99))  # yours
    return seen


toys, held_out = portraits(1024, size=32).image, portraits(256, size=32, split="val").image

# %%
predict("03.4")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
def tiny_model() -> YourDINO:
    torch.manual_seed(0)
    return YourDINO(tiny.tiny_dino(centring=True, sharpening=True).student[0])  # two layers, 24 pixels


models = {name: tiny_model() for name in ("both", "no centring", "no sharpening")}
models["no centring"].centring = False
models["no sharpening"].teacher_temperature = 0.1
curves = {name: train_dino(model) for name, model in models.items()}
NAMES = {"entropy": "entropy / ln K", "divergence": "KL (nats)"}
at_steps = range(0, 61, 10)
panels = {label: {name: (at_steps, [row[kind] for row in seen]) for name, seen in curves.items()}
          for kind, label in NAMES.items()}
figure = charts.curve_panels(panels, "Leave one out, and teacher and student agree about everything")
plotting.show(figure, "Entropy and divergence over the steps: both parts, no centring, no sharpening.")

# %% [markdown]
# **How to read it.** Left: without sharpening the answers become even almost at once; without centring they go the other way, to one prototype. Right: in both cases the divergence dies away, since a student need not look at a picture to know what the teacher will say. Only with both parts does something remain to be learned.
#
# Mind the blue line on the left all the same: it runs high. The balance is delicate, and a high learning rate or a fast teacher tips it. (In the paper the teacher's share $m$ rises to 1 along half a cosine, so that at the end the teacher stands still and the student can settle. The shipped weights were trained so too.)
#
# ## 8 · Distillation: learn from a teacher's opinions
#
# Sometimes there *is* a good teacher, only it is too large to use. Train a small student on its answers. Not on its top answer, which says no more than a label, but on the whole distribution (Hinton, Vinyals and Dean 2015).

# %%
predict("03.5")

# %%
from lecture_utils.hub.packaged import efficientnet_lite0

real = efficientnet_lite0()  # trained on 1.28 million photographs of 1,000 classes
coffee = photographs.load("coffee", size=224)
with torch.inference_mode():
    said = real.model(real.transform(coffee)[None])[0]  # (1000,) logits
title = "A real network's seven likeliest classes for this photograph, softened"
figure = charts.softened(coffee[:, ::2, ::2], said, real.names, (1, 2, 4), title, best=7)
plotting.show(figure, "A cup of coffee and a network's seven likeliest classes at three temperatures.")

# %% [markdown]
# **How to read it.** (The softmax is over these seven, of 1,000.) At $T = 1$ one class has nearly everything. Divide all logits by a temperature $T > 1$, and the opinions about the *wrong* classes come into view: what is like an espresso, and how much. That similarity is in no label. A student can learn it:
#
# $$\mathcal L = \alpha\,T^2\,\mathrm{KL}\!\left(\mathrm{softmax}(z_t / T)\,\Vert\,\mathrm{softmax}(z_s / T)\right) + (1 - \alpha)\,\mathrm{CE}(\mathrm{softmax}(z_s), y)$$
#
# with $z_t$ and $z_s$ the logits of teacher and student, $y$ the label, and $\alpha$ the share of the soft part (Hinton et al., section 2).
#
# Why $T^2$? With $p$ and $q$ the softened answers of teacher and student, the derivative of the KL with respect to $z_s$ is $(q - p)/T$. Once $T$ is large, $q - p$ itself shrinks as $1/T$: together $1/T^2$. The factor keeps the balance with the hard part.

# %% tags=["exercise:03.5", "system:S03.4"]
def distillation(student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float) -> Tensor:
    """One number, soft and hard loss: logits (B, K) twice, classes (B,), T, and the soft part's share."""
    ...


distillation = check("03.5", distillation)

# %% [markdown]
# # solution: lecture_utils.chapters.ch03.solutions.distillation
#
# ### A class never seen
# How much can opinions carry? Hinton et al. (section 3) left all threes out of a student's training set. Do the same with handwritten digits of 8 × 8 pixels. A teacher, a small conv net, has learned all ten classes. Two students of one hidden layer see the teacher's training digits *without a single 3*. One learns from labels, the other from nothing but the teacher's answers at $T = 20$. Can it name a 3?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch03 import student as digit

(learn_x, learn_y), (test_x, test_y) = digit.drawn(1000, 0)  # (N, 1, 8, 8) and (N,)
teacher = digit.teacher(1000, 0)  # a conv net that has seen all ten classes
answers = predictions(teacher, learn_x)  # (1000, 10)
others = (learn_y != 3).nonzero()[:, 0]


def taught(loss, label: str) -> Tensor:
    """Train a student on all digits but threes with loss(its logits, the teacher's, labels): test logits."""
    torch.manual_seed(0)
    net = digit.student_net()  # 64 pixels, 300 hidden units, 10 classes
    fit(net, minibatches(learn_x[others], others, batch_size=64, seed=0), steps=600, label=label,
        loss=lambda net, x, rows: loss(net(x), answers[rows], learn_y[rows]),
        optimizer=torch.optim.AdamW(net.parameters(), lr=3e-3))
    return predictions(net, test_x)


pupils = {"labels": taught(lambda s, t, y: F.cross_entropy(s, y), "labels"),
          "opinions": taught(lambda s, t, y: distillation(s, t, y, 20.0, 1.0), "opinions")}

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
threes, panels = test_y == 3, {}
for name, logits in pupils.items():
    for note, bias in (("", 0.0), (", bias + 4", 4.0)):
        named = digit.raised(logits, bias).argmax(1)  # adds to the logit of class 3
        panels[name + note] = named[threes].bincount(minlength=10) / threes.sum()
figure = charts.answer_bars(panels, 3, "What two students who never saw a 3 say of threes", "share of threes")
plotting.show(figure, "Bars: how often each digit was said of threes, by two students, before and after.")

# %% [markdown]
# **How to read it.** Left: who learns from labels never says "3", for 3 was never the answer. Right: the student of opinions names about half of the threes at once, though no picture that it saw was one. (This run is lucky: over the ten seeds of section 11 it is a fifth, and on one none.)
#
# What it lacks is mostly one number. The bias of class 3 has been pushed down, since the teacher says "3" of a 5 or an 8 only a little. Raise it by 4 (in the paper by 3.5), and nearly all threes are named.
#
# So it has learned what a 3 looks like from how much other digits look like one. Raising the other student's bias is of little use. Section 11 has ten seeds of this, with the bias chosen on other digits for either student.

# %% [markdown] tags=["slide"]
# ## 9 · Train
#
# Your network has to learn something new. It starts from the shipped weights, which have only ever seen rendered scenes. It learns from crops of twelve photographs; four other photographs are the test. The score is **PSNR**, in decibels: $-10\log_{10}$ of the mean squared error for pixels in $[0,1]$, so 10 dB more is a tenth of the error. The bar: half of the way to interpolation, which fills a gap from the visible pixels around it and learns nothing.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch03.gaps import gap_psnr, interpolated_psnr, photograph_crops

cuts = photograph_crops("learn", 480)  # crops of twelve photographs, (480, 3, 48, 48)
unseen = photograph_crops("test", 64)  # of four others
before = gap_psnr(mae, unseen)
tuned, steps = copy.deepcopy(mae), runtime.pick(quick=80, full=800)
history = fit(tuned, minibatches(cuts, cuts, batch_size=32, seed=0), loss=lambda net, x, _: net(x),
              steps=steps, optimizer=torch.optim.AdamW(tuned.parameters(), lr=1e-3), label="photographs",
              evaluate=lambda net: gap_psnr(net, unseen), evaluate_every=max(1, steps // 4))
seen = tuple(zip((0, before), *history.evaluations, strict=True))
simple = interpolated_psnr(unseen)
smooth = torch.tensor(history.losses).unfold(0, 8, 1).mean(1)
panels = {"loss, mean of 8": {"loss": smooth},
          "PSNR (dB)": {"your MAE": seen, "interpolation": (seen[0], [simple] * len(seen[0]))}}
figure = charts.curve_panels(panels, "Twelve photographs to learn from (left), crops of four others (right)")
plotting.show(figure, "Loss and quality while the network trains on, from rendered scenes to photographs.")

# %%
chosen = unseen[:3]
(new, mask), (old, _) = (net.eval().reconstruct(chosen, generator=fixed()) for net in (tuned, mae))
rows = {"seen": list(map(hide_patches, chosen, mask)), "shipped\nweights": old.clamp(0, 1),
        f"{steps} steps\nlater": new.clamp(0, 1)}
figure = picture_rows(rows, suptitle="Photographs that it never saw")
plotting.show(figure, "Three crops of photographs: hidden, and filled in before and after training on.")
toy = gap_psnr(mae, images[:200]), gap_psnr(tuned, images[:200]), interpolated_psnr(images[:200])
print("rendered scenes: {:.1f} dB before, {:.1f} dB after, interpolation {:.1f} dB".format(*toy))

# %% [markdown]
# **How to read it.** The crops are of an astronaut (face and orange suit), of a cat (an eye) and of a coffee cup. The shipped weights paint sand and sky into all three: that is what pictures were like where they grew up. A few steps on photographs undo most of that, on photographs that were not trained on.
#
# What a masked auto-encoder knows is what its pictures were like, and it forgets as well: read the printed line. Filling in by interpolation is still the better guess on photographs, as the curve shows: 80 steps on twelve of them are few.
#
# ## 10 · Evaluate: what are the features worth?
#
# Filling in patches and agreeing about crops are pretexts. What we want is features that make the *next* task easy. There are three usual tests, from least to most training on top. **k-NN**: name a picture by its nearest labelled neighbours. A **linear probe**: one linear layer on frozen features. **Fine-tuning**: train everything, from few labels.
#
# A picture's features are its last class token, 64 numbers, for the MAE too. The vote of the neighbours has weights: $\exp(s / 0.07)$ for cosine similarity $s$ (Wu et al. 2018, section 3.4).

# %% tags=["show"]
# show: lecture_utils.chapters.ch03.solutions.knn_vote


torch.manual_seed(0)
untrained, dino = small_vit().eval(), zoo.load("shapes_dino")
supervised = zoo.load("shapes_supervised_vit")  # the same network, trained with labels
bank = portraits(1000, seed=7)[:2]  # pictures and labels
ways = {"pixels": lambda x: x.flatten(1) - bank[0].mean(0).flatten(),
        "untrained": lambda x: features(untrained, x), "MAE": lambda x: features(mae.encoder, x),
        "DINO": lambda x: features(dino, x), "supervised": lambda x: features(supervised, x)}
described = {name: (way(bank[0]), way(images)) for name, way in ways.items()}  # (1000, D), (600, D)

# %% [markdown]
# Before you read a table of shares, ask what a guess would be worth. 73 % for "is the sun at the left?" and 42 % for "which of eight shapes?": which is more? Who never looks, but knows which answer is most frequent, gets half of the first right and a seventh of the second (some shapes are more frequent here). Write the measure that gives this guess a 0, and all right a 1.

# %% tags=["exercise:03.6"]
def beyond_guessing(answers: Tensor, truth: Tensor) -> float:
    """What answers (N,) know of the truth (N,), classes from 0: 0 for the best constant guess, 1 for all."""
    ...


beyond_guessing = check("03.6", beyond_guessing)

# %% [markdown]
# # solution: lecture_utils.chapters.ch03.solutions.beyond_guessing

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.data.portraits import portrait_scenes


def facts(n, **which):
    """What else there is to know of the scenes of `portraits`."""
    scenes = portrait_scenes(n, **which)
    return {"shape": scenes.class_id[:, 0], "colour": scenes.colour_id[:, 0],
            "side of the sun": (scenes.light[:, 0] > 0).long()}


known = facts(1000, seed=7)
asked = facts(600, split="test", seed=9)
rows = []
for name, (memory, queries) in described.items():
    votes = [(knn_vote(queries, memory, known[fact], 20, 20), asked[fact]) for fact in known]
    rows.append((name, *(f"{(vote == true).float().mean():.0%}" for vote, true in votes),
                 *(f"{beyond_guessing(vote, true):.2f}" for vote, true in votes)))
show_table(rows, ["features", *(f"{fact}, right" for fact in known), *(f"{fact}, beyond" for fact in known)])

# %% [markdown]
# **How to read it.** Start with the shapes. DINO's neighbours name the shape in nine cases of ten, and nobody ever told it that there are shapes (though we chose its views so that shape would be left). Pixels get four in ten, an untrained network one in four. Colour: pixels know it nearly always, DINO only every other time. In its views the colours were changed, so colour was of little use for agreeing.
#
# **What views share is kept, what differs between them fades**: that is what DINO learns, in one sentence. The supervised network let colour go as well: its crops were recoloured in the same way, and the label does not ask for it.
#
# The MAE learned something else. It knows the colour every time, and best where the sun is; shape comes last. That fits its task: to fill a gap it has to get colour and light right first, and the outline is a detail at the rim. (He et al., section 4.3, find something akin: their features are less linearly separable than contrastive ones, and gain more from fine-tuning.)
#
# Why does everything here stand on sand? Because the bold sentence cuts both ways. Two crops of a picture with a patterned object on grass share grass and pattern too, which are easier to see than a shape, and DINO learned those (the note of C03.3 has the numbers). Choose the views and the pictures, and you have chosen what is learned.

# %%
rows = {}
for k in (int((labels == c).nonzero()[0]) for c in (3, 5)):
    rows[toyworld.CLASSES[labels[k]]] = [images[k]]
    for name in ("pixels", "DINO"):
        nearest = F.cosine_similarity(described[name][1][k], described[name][0]).topk(2).indices
        rows[toyworld.CLASSES[labels[k]]] += list(bank[0][nearest])
columns = ["query", *["by pixels"] * 2, *["by DINO"] * 2]
figure = picture_rows(rows, columns, size=1.3, suptitle="Pixels find the colour, DINO mostly the shape")
plotting.show(figure, "Two queries, each with its two nearest pictures by pixels and by DINO's features.")

# %% tags=["section:failures"]
from lecture_utils.chapters.ch03.gaps import gaps_filled

filled, mask, scores = gaps_filled(mae, images[:300])  # pictures, hidden patches, PSNR of each
order = scores.argsort()
for title, chosen in (("Successes: least error", order.flip(0)[:3]), ("Failures: most error", order[:3])):
    seen = [hide_patches(images[k], mask[k]) for k in chosen]
    rows, decibels = {"seen": seen, "filled in": filled[chosen], "the truth": images[chosen]}, scores[chosen]
    figure = picture_rows(rows, [f"{x:.1f} dB" for x in decibels], suptitle=f"MAE. {title} in hidden patches")
    plotting.show(figure, f"Three scenes: hidden, filled in with the score above, true. {title}.")

# %% [markdown]
# **Why these failures?** All of the successes are balls: a ball is round wherever you look, so a piece of it tells the rest. The failures have arms, lobes or ends, and the patches in sight do not say where. There it paints a blob of the right colour, the mean of all that might be there, because that is what a squared error rewards. All three are green or teal, which is far from the colour of sand: PSNR counts colours, and makes the same wrong outline dearer.
#
# DINO has no pictures to show, but attention (chapter 02). To measure where it looks, take the fewest patches that hold 60 % of the class token's attention, and compare them with the object's true pixels. The **IoU**, intersection over union, is the area that two regions share over the area that they cover together.

# %%
predict("03.6")

# %%
from lecture_utils.metrics.attention_iou import head_ious, head_masks, intersection_over_union

attention = class_attention(dino, images).mean(1, keepdim=True)  # (600, 1, 64): the mean of four heads
ious = intersection_over_union(head_masks(attention, 48)[:, 0], outlines)  # patches with 60 % of it
order = ious.argsort(descending=True).tolist()
rows = {f"best:\n> {ious[order[3]]:.2f}": order[:3], f"worst:\n< {ious[order[-4]]:.2f}": order[-3:]}
title = f"Where DINO looks: the best and the worst of 600 (mean IoU {ious.mean():.2f})"
plotting.show(charts.looked_at(images, attention.reshape(-1, 8, 8), outlines, rows, title),
              "Six scenes, orange where DINO attends, with the object's true outline in blue.")
rows = {}
for name, net in {"DINO": dino, "supervised": supervised, "MAE": mae.encoder}.items():
    attends = class_attention(net, images)  # (600, 4, 64)
    best = head_ious(attends[300:], outlines[300:]).argmax()  # chosen on other scenes than those shown
    hot = map(charts.heated, images[:3], attends[:3, best].reshape(3, 8, 8))
    rows[f"{name},\nhead {best + 1}"] = list(hot)
figure = picture_rows(rows, suptitle="Where the best head of each network looks")
plotting.show(figure, "Three scenes, orange where the class token of each of three networks attends.")

# %%
present(dino_attention.dino_attention())

# %% [markdown]
# **How to read it.** The more orange, the more attention. DINO looks at the object, but it does not outline it: attention sits on a few patches, and an IoU above ½ is a good case. In the worst cases it looks at corners, at the hole of a ring, or just beside a rim. That is where shapes differ. A ball and a square have the same middle.
#
# ## 11 · Claims, measured
#
# Each claim has a rule that was written into the code before its run, several seeds, and an interval. C03.1 stands in section 2.
#
# ### C03.2, C03.3, C03.5 · What the features are worth
# Three claims on one network with several pasts. *Few labels*: fine-tuned as a whole on 40, 160 and 640 labelled pictures, from random weights and from the shipped MAE's encoder; each arm has its better of two rates and of two features to classify.
#
# *Neighbours*: k-NN with 2,000 labelled pictures. *Attention*: the IoU of section 10, with one head, chosen on other scenes for every network alike. The supervised twin had the same pictures, steps and colours, but one large crop of each picture where DINO had four.

# %% tags=["claim:C03.2", "claim:C03.3", "claim:C03.5"]
from lecture_utils.chapters.ch03.table import COLUMNS, comparison

show_claim("C03.2")
runs = [row["accuracy"] for row in ledger.load("C03.2").figures]
scores = {arm: torch.tensor([list(row[arm].values()) for row in runs]) for arm in runs[0]}  # (seeds, counts)
lines = {arm: (ch03.COUNTS, run.mean(0)) for arm, run in scores.items()}
bands = {arm: (run.amin(0), run.amax(0)) for arm, run in scores.items()}
title = "From 160 labels on, a start that has filled in pictures is ahead"
figure = plotting.curves(lines, "labelled pictures", "test accuracy", title, bands=bands, log_x=True)
figure.axes[0].set_xticks(ch03.COUNTS, map(str, ch03.COUNTS))
figure.axes[0].minorticks_off()
figure.set_size_inches(6.5, 2.2)
plotting.show(figure, "Accuracy against the number of labels, for MAE and from scratch.")
show_claim("C03.3")
show_claim("C03.5")
rows = [(arm, *(f"{share:.1%}" for share in means), f"{iou:.2f}") for arm, *means, iou in comparison()]
show_table(rows, COLUMNS, caption="Means over the seeds of C03.2, C03.3 and C03.5")

# %% [markdown]
# **How to read it.** *All three hold*, C03.2 for the mean of the three counts. With 160 and 640 labels the start that has filled in pictures is far ahead on every seed. With 40, five a class, neither arm gets far: 26 and 22 % right. (The paper fine-tunes on all labels of ImageNet, table 3; that few labels profit is this course's question.)
#
# Compare the table down the columns, not across: the third has 160 labels where the first two have 2,000. The supervised network had 16,000 more, so its row says what could be had. DINO had none, and comes near. The MAE is behind DINO in every column but the last.
#
# In the last column DINO's best head covers more of the object than the supervised network's, 0.34 to 0.29: more, not all of it, as section 10's pictures show. The MAE's best head has 0.40, though no loss asks anything of its class token. The mean of DINO's four heads covers more than its best head does (0.37 in section 10): a claim about attention is a claim about *which* attention.
#
# ### C03.4 · Without centring or sharpening it collapses
# Runs like those of section 7, with two large views and five times as long, on five seeds. Entropies are shares of $\ln K$.

# %% tags=["claim:C03.4"]
show_claim("C03.4")
runs = [row["curves"] for row in ledger.load("C03.4").figures]
figure = charts.collapse_panels(runs, NAMES, "Five seeds: mean and range")
plotting.show(figure, "Entropy and divergence over the steps with both parts and without one.")

# %% [markdown]
# **How to read it.** *C03.4 holds.* Without centring every picture gets one and the same prototype, without sharpening every picture gets all of them alike. On no seed has the student anything left to learn from the teacher. With both parts the divergence stays well above zero on three seeds; on the two others the entropy climbs nearly to even answers all the same. The two forces balance, but at this size the balance is not stable.
#
# ### C03.6 and C03.7 · A teacher's opinions
# A student of one hidden layer learns 300 labelled digits, alone or with a teacher that learned the *same* 300, shifted by a pixel at random. Each arm has nine trials for its settings, and fits its training digits. Then section 8's class never seen, on ten seeds.

# %% tags=["claim:C03.6", "claim:C03.7"]
show_claim("C03.6")
record = ledger.load("C03.6")
by_count = {300: record.figures} | {point["at"]: point["figures"] for point in record.boundary["points"]}
gains = {count: [100 * row["gain"] for row in by_count[count]] for count in sorted(by_count)}
means = {arm: 100 * torch.tensor([row[arm] for row in record.figures]).mean().item()
         for arm in ("alone", "smoothed", "shifted")}
by_t = {t: 100 * sum(row["by_temperature"][t] for row in record.figures) / 10
        for t in record.figures[0]["by_temperature"]}
levels = {"alone": means["alone"], "alone, labels smoothed": means["smoothed"]}
title = "What the teacher adds, by labels (left) and by temperature (right)"
figure = charts.distillation_panels(gains, by_t, levels, title)
plotting.show(figure, "Points gained against the number of labels; accuracy against the temperature.")
fits = {arm: min(row["train"][arm] for row in record.figures) for arm in ("alone", "distilled")}
print("lowest train accuracy:", fits, f"  alone with shifted digits: {means['shifted']:.1f} %")
show_claim("C03.7")

# %% [markdown]
# **How to read it.** *C03.6 holds, narrowly*: 0.7 points on ten seeds, with an interval that begins just above 0. Left: at each other number of labels it holds as well, and most with 60. Right: at $T = 1$ the teacher does harm and at 2 nothing is gained, for its opinion is hardly more than the label; from 8 on the temperature makes no difference.
#
# Two controls put it into its place. Labels smoothed without any teacher gain as much, 0.8 points: on these digits we cannot say that the teacher does more than forbid certainty. And the teacher's own means, shifted digits, do not help this student.
#
# *C03.7 holds, by far*. With each student's bias chosen on other digits, opinions name 84 % of the threes and labels 20 %: a bias that fits helps the student of labels a little, which a flat + 4 did not in section 8. (Hinton et al. report 98.6 % on larger digits and nets.) Here smoothing has nothing to offer: what a 3 looks like can only have come from the teacher's opinions about other digits.
#
# ## 12 · Lab
#
# **A step of DINO, and why it collapsed.** You put the training step together, find out why a colleague's fast version learned nothing, and write one number that tells every collapse. The network is the tiny one of section 7. To see something within seconds, the crops keep their colours here.
#
# ### Step 1: assemble
# Student and teacher are modules, `large` and `small` lists of views. In this order: the student answers all views, the teacher the large ones, without gradients; the loss; the optimiser's step; the teacher follows with `momentum`; and the centre keeps 0.9 of itself and takes 0.1 of the mean of the teacher's logits. Call your `dino_loss` and your `ema_update` (a centre is a state with one tensor).

# %% tags=["exercise:03.L1"]
def dino_step(student, teacher, centre, optimizer, large, small, momentum):
    """One step of DINO on large and small views, each (B, …): the loss as a number, the new centre (K,)."""
    ...


dino_step = check("03.L1", dino_step)

# %% [markdown]
# # solution: lecture_utils.chapters.ch03.lab.dino_step
#
# ### Step 2: debug
# Your step sends view after view through the networks. A colleague lays all views of a batch one below the other (first all pictures of view 1, then all of view 2) and needs one call for each network. Your step and the colleague's train for 90 steps.
#
# Beside loss and entropy the figure shows the *spread* of the teacher's features on 256 pictures, each brought to length 1: the root of their variance, 0 if all pictures get the same features. Look at all three curves: which of them tells you that something is wrong, and what?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch03 import lab_run

# show: lecture_utils.chapters.ch03.lab.stacked_loss_faulty


lab_steps = {"your step": dino_step, "the colleague's": lab_run.stacked(stacked_loss_faulty)}
watched = {name: lab_run.train(step) for name, step in lab_steps.items()}  # curves, and answers (256, 64)
PANELS = {"loss": "loss", "entropy": "entropy / ln K", "spread": "features' spread"}
panels = {label: {name: (seen["steps"], seen[kind]) for name, (seen, _) in watched.items()}
          for kind, label in PANELS.items()}
figure = charts.curve_panels(panels, "Two runs of 90 steps, three curves each")
plotting.show(figure, "Three curves over the steps for your step and the colleague's: loss, entropy, spread.")

# %% tags=["exercise:03.L2"]
def stacked_loss(student: Tensor, teacher: Tensor, centre: Tensor, views: int) -> Tensor:
    """DINO's loss of logits (V·B, K): the views of a batch lie one below the other, first all of view 1."""
    ...


stacked_loss = check("03.L2", stacked_loss)

# %% [markdown]
# # solution: lecture_utils.chapters.ch03.lab.stacked_loss
#
# A high loss and a high entropy alone could mean a run that has only begun: yours looked the same at step 30. The spread tells: the colleague's features run together, and all pictures get the *same* answer. The colleague's `view` took neighbours in the batch, two different pictures, for two views of one. Who has to say the same of any two pictures can only say the same of all.
#
# ### Step 3: interpret
# So three collapses differ by entropy: 0 (one prototype), $\ln K$ (all alike), or anything in between (the colleague's). Write one number that is 1 in all three, and grows with the number of answers that are told apart. You have met both parts of it: the entropy of the mean answer, and the mean of the answers' entropies.

# %% tags=["exercise:03.L3"]
def distinct_answers(logits: Tensor) -> float:
    """Effective number of different answers among softmax(logits (N, K)): 1 if all are one and the same.

    N if each of N ≤ K pictures gets a prototype of its own.
    """
    ...


distinct_answers = check("03.L3", distinct_answers)

# %% [markdown]
# # solution: lecture_utils.chapters.ch03.lab.distinct_answers
#
# Now three runs by one number: your step, the colleague's, and the colleague's with your loss in it.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
watched["the colleague's, mended"] = lab_run.train(lab_run.stacked(stacked_loss))
rows = [(name, f"{seen['entropy'][-1]:.2f}", f"{seen['spread'][-1]:.2f}", f"{distinct_answers(said):.2f}")
        for name, (seen, said) in watched.items()]
show_table(rows, ["run", "entropy / ln K", "spread", "distinct answers"])

# %% [markdown]
# **How to read it.** Mended, the fast version does what your step does. The collapse reads 1.0, at an entropy near even answers. And 1.6 after 90 steps is a beginning, not yet eight shapes. (For those who know the word: exp of this difference of entropies is exp of the *mutual information* of picture and prototype.)
#
# ## 13 · Paper and toy
#
# | | The papers | Here | What that costs |
# |---|---|---|---|
# | Data | ImageNet: 1.28 M photographs | 16,000 rendered pictures of one plain object on sand | what is hard for photographs (clutter, scale, many things at once) is not tried; with more grounds and patterns DINO failed |
# | MAE | ViT-B to ViT-H, 224 pixels, 800 to 1,600 epochs | 0.15 M parameters, 48 pixels, 24 epochs | features behind DINO's; the blur comes from the squared error, and the paper's pictures have it too |
# | MAE's target | normalised pixels only | the same, and with weight 10 each patch's mean and spread | it asks for the brightness that the paper leaves out |
# | MAE's positions | fixed sinusoids in encoder and decoder (the authors' code) | learned ones; the encoder's start as sinusoids | not measured |
# | DINO | 65,536 prototypes, batches of 1,024, 100 to 800 epochs | 64 prototypes, batches of 32, 22 epochs | nothing finer than the eight shapes is asked of it |
# | Optimiser, start | AdamW, random weights | Muon for the layers' matrices, mimetic attention (chapter 02) | learns in minutes; the comparisons give it to all networks alike |
# | Views | 224 and 96 pixels, up to ten local ones, not turned | 36 and 18 pixels, two local ones, turned by up to 90°, four in five grey | angle and colour fade from the features |
# | DINO's teacher | momentum 0.996, temperature 0.04 to 0.07 | 0.99, 0.03 | learns sooner, and tips over more easily |
# | Distillation | two hidden layers of 800 units, 60,000 digits of 28 × 28 | one of 300, 300 or 1,000 digits of 8 × 8 | 98.6 % of the threes there; fewer here (C03.7) |
#
# ## 14 · Break it
#
# ### Let gradients into the teacher
# One `detach()` less: now the loss may move the teacher's answers as well as the student's. All else is as in section 7, moving average included.

# %%
predict("03.7")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
class Leaky(YourDINO):
    def forward(self, large: list[Tensor], small: list[Tensor]) -> Tensor:
        said, wanted = ([net(x) for x in large] for net in (self.student, self.teacher))
        loss = 0.0
        for s, t in zip(said, reversed(wanted), strict=True):
            p = ((t - self.centre) / 0.03).softmax(dim=-1)  # no detach
            loss = loss - (p * (s / 0.1).log_softmax(dim=-1)).sum(-1).mean() / 2
        self.centre = 0.9 * self.centre + 0.1 * torch.cat(wanted).detach().mean(0)
        return loss


leaky = Leaky(tiny_model().student[0])
leaky.teacher.requires_grad_(True)
curves["no stop-gradient"] = train_dino(leaky)
pair = ("both", "no stop-gradient")
panels = {label: {name: (at_steps, [row[kind] for row in curves[name]]) for name in pair}
          for kind, label in (("usage", "mean answer"), ("entropy", "single answers"))}
title = "Entropy / ln K: without the stop-gradient all pictures get the same answer"
figure = charts.curve_panels(panels, title)
plotting.show(figure, "Two entropies over the steps, with the stop-gradient and without it.")

# %% [markdown]
# **How to read it.** Compare the two panels. With the stop-gradient the *mean* answer is more even than the single answers: pictures get different ones. Without it the orange curve is the same in both panels, so all pictures get the same answer. A teacher that the loss can move has a cheaper way to agree than to look at the picture. The moving average is no protection: it only mixes in a little of the student at each step.
#
# ### Ask for what is visible
# The loss on the visible patches instead of the hidden ones: your `mae_loss` gets `~mask`.

# %%
predict("03.8")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
class Visible(YourMAE):
    """The same network; in training its mask is turned over."""

    def encode(self, x, *, generator=None):
        latent, mask, restore = super().encode(x, generator=generator)
        return latent, mask ^ self.training, restore


net, some = Visible(small_vit()), portraits(2000, seed=3).image
net.load_state_dict(shipped.state_dict())
history = fit(net, minibatches(some, some, batch_size=32, seed=0), loss=lambda net, x, _: net(x), steps=80,
              optimizer=torch.optim.AdamW(net.parameters(), lr=2e-3), label="loss on visible patches")
pictures, mask = net.eval().reconstruct(images[:3], generator=fixed())
print(f"loss {history.losses[0]:.2f} -> {history.losses[-1]:.2f}; PSNR of the gaps on 200 other pictures "
      f"{gap_psnr(mae, images[:200]):.1f} -> {gap_psnr(net, images[:200]):.1f} dB")
old, _ = mae.reconstruct(images[:3], generator=fixed())
rows = {"as shipped": old.clamp(0, 1), "80 steps\nlater": pictures.clamp(0, 1)}
plotting.show(picture_rows(rows, suptitle="The loss falls, and the gaps are lost"),
              "Three scenes filled in by the shipped network, and after 80 steps of the wrong loss.")

# %% [markdown]
# **How to read it.** The loss falls to less than a tenth, and means nothing: the decoder learns to hand on what it was given. What belongs into the gaps it is no longer asked for, and within 80 steps it has forgotten it. If a self-supervised loss falls suspiciously well, ask whether the answer lies in the input.
#
# ## 15 · With a GPU: DINO for longer
#
# The shipped DINO weights took twenty minutes on one processor core (their card says so). The cell below takes about twice as many steps, each of eight times as many pictures, with a larger head. Find out how much nearer DINO comes to the network that had labels. Without a graphics card it shows what was recorded, and the line above the result says where: on a processor that had other work, 400 steps of 32 pictures, far fewer than the shipped weights had.
#
# ## 16 · With real weights
#
# In practice you take networks that somebody trained on millions of photographs: MAE as its authors released it (He et al. 2022), and DINOv2, DINO's successor (Oquab et al. 2024), both through the library `transformers`. Given that library's weights our MAE makes the same predictions (a test holds them equal), so the tool has no part that you have not seen.
#
# With the weights on your machine the cell shows the cat under the heat of DINOv2's attention, and both photographs filled in. Judge for yourself how well a network outlines a cat that was never told what a cat is.

# %%
# %%gpu ch03_dino_long
from lecture_utils.recipes import shapes_dino
from lecture_utils.recipes._shared import pictures

cuda = runtime.device()
number = runtime.pick(quick=16_000, full=16_000, gpu=100_000)
batch = runtime.pick(quick=32, full=32, gpu=256)
steps = runtime.pick(quick=400, full=400, gpu=20_000)
many_x, many_y = (t.to(cuda) for t in pictures(number, "train", 1))  # bytes: at most 0.7 GB
long = DINO(small_vit(), 64, momentum=0.996, hidden=512, bottleneck=128, prototypes=1024).to(cuda)
long.teacher_temperature = shapes_dino.TEMPERATURE
optimizer = MuonAndAdamW(long.student, long.student[0].layers, 2e-3, decay=shapes_dino.DECAY)
shapes_dino.clip_and_rest(long, optimizer)
history = fit(
    long, minibatches(many_x, many_y, batch_size=batch, seed=0, augment=shapes_dino.views),
    loss=shapes_dino.dino_loss_of(torch.Generator().manual_seed(0)),
    optimizer=optimizer, steps=steps,
    schedule=torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, cycle_momentum=False),
    after_step=lambda step: shapes_dino.follow(long, step, steps), label="DINO",
)
print(f"{history.seconds:.0f} s:", shapes_dino.evaluate(long.teacher[0].cpu().eval()))

# %% tags=["nbval-ignore-output", "why:depends-on-downloaded-weights"]
from lecture_utils.hub import transformers as hub_transformers

photos = torch.stack([photographs.load(name, size=224) for name in ("astronaut", "cat")])
painter, looker = hub_transformers.mae(), hub_transformers.dinov2()
if painter is not None:
    filled, mask = painter.reconstruct(photos, generator=fixed())
    rows = {"seen": list(map(hide_patches, photos, mask)), "filled in": filled}
    plotting.show(picture_rows(rows, size=2.5), "Two photographs with 75 % hidden, and filled in.")
if looker is not None:
    pictures = list(map(charts.heated, photos, looker.attention(photos).mean(1)))
    plotting.show(picture_rows({"DINOv2\nlooks at": pictures}, size=2.5),
                  "Two photographs, hot where DINOv2 attends.")

# %% [markdown] tags=["slide"]
# ## 17 · Summary in five sentences
#
# 1. Pictures can teach themselves: hide most of one and ask for the rest, or take two views of one and ask for agreement.
# 2. A transformer reads a set of tokens, so what is hidden need not be computed, and the encoder of a masked auto-encoder works on a quarter of the patches.
# 3. Agreement has an empty solution, so DINO needs a teacher that is a slow average without gradients, and a balance of centring and sharpening.
# 4. What views share is kept and what differs between them fades; features are judged by what they make easy.
# 5. A teacher's full distribution, softened by a temperature, tells a student more than a label does: even what a 3 looks like, without a 3.
#
# ### Further exercises
#
# 1. Mask *blocks* of patches instead of single ones at the same ratio. Is the task harder? Measure the PSNR and the votes of section 10.
# 2. Give `YourMAE` plain pixels as its target. Which gets worse, the pictures or the features?
# 3. Replace DINO's centring by a softmax over the batch, which is one step of Sinkhorn-Knopp (SwAV uses three; Caron et al. 2021, appendix B). What happens to the entropy?
# 4. Leave threes *and* eights out in section 8. Which of them do the opinions still teach?
# 5. Distil from the shifted teacher on shifted digits: let it answer, at every step, about the very picture that the student sees (Beyer et al. 2022). How far does that go beyond C03.6?
#
# ### References
#
# - L. Beyer, X. Zhai, A. Royer, L. Markeeva, R. Anil, A. Kolesnikov, "Knowledge Distillation: A Good Teacher Is Patient and Consistent", CVPR 2022. [arXiv:2106.05237](https://arxiv.org/abs/2106.05237)
# - M. Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021. [arXiv:2104.14294](https://arxiv.org/abs/2104.14294)
# - M. Caron, I. Misra, J. Mairal, P. Goyal, P. Bojanowski, A. Joulin, "Unsupervised learning of visual features by contrasting cluster assignments" (SwAV), NeurIPS 2020. [arXiv:2006.09882](https://arxiv.org/abs/2006.09882)
# - J. Devlin, M.-W. Chang, K. Lee, K. Toutanova, "BERT", NAACL 2019. [arXiv:1810.04805](https://arxiv.org/abs/1810.04805)
# - K. He, X. Chen, S. Xie, Y. Li, P. Dollár, R. Girshick, "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022. [arXiv:2111.06377](https://arxiv.org/abs/2111.06377)
# - G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", NeurIPS Deep Learning Workshop 2015. [arXiv:1503.02531](https://arxiv.org/abs/1503.02531)
# - M. Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024. [arXiv:2304.07193](https://arxiv.org/abs/2304.07193)
# - M. Tan, Q. V. Le, "EfficientNet", ICML 2019 (EfficientNet-Lite0 in section 8). [arXiv:1905.11946](https://arxiv.org/abs/1905.11946)
# - A. Tarvainen, H. Valpola, "Mean Teachers Are Better Role Models", NeurIPS 2017. [arXiv:1703.01780](https://arxiv.org/abs/1703.01780)
# - S. Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", CVPR 2023. [arXiv:2301.00808](https://arxiv.org/abs/2301.00808)
# - Z. Wu, Y. Xiong, S. Yu, D. Lin, "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018. [arXiv:1805.01978](https://arxiv.org/abs/1805.01978)
#
# ### What comes next
#
# DINO's attention showed where a network looks, and nobody had asked it to. Chapter 04 asks on purpose: **looking inside networks**, with saliency maps, Grad-CAM, and pictures that a class would like to see.

# %%
progress("03")
