# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 16b · A sentence becomes a picture
#
# **What if the noise is not in the pixels?**
#
# In part a, noise was laid over pixels and taken away again, by a network that was told which digit to paint. Pixels are dear. And a digit is one of ten, while a sentence is one of many. So the noise moves into a small code of the picture, and a network that can read tells the painter what was said.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Count** what a step costs in pixels and in a code, and see what a code keeps.
# 2. **Tell** a painter a sentence and a box, and see which word each place looks at.
# 3. **Train** a second condition in the open, and judge what is painted.
# 4. **Cross** from a sentence to the embedding of a picture, and from there to pictures: DALL-E 2.
#
# **You need** part a, CLIP from chapter 13, and the VAE from chapter 15.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · The price of pixels | 10 | 5 · How well does it listen? | 25 |
# | 2 · A code to paint in | 30 | 6 · DALL-E 2 | 60 |
# | 3 · A sentence as a condition | 45 | 7–9 · Together, claim, paper and toy | 20 |
# | 4 · Train a second condition | 20 | 10–12 · Break it, real weights, summary | 15 |
#
# **A GPU** is not needed: everything here runs on two processor cores.

# %% tags=["skip"]
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils import plotting, zoo
from lecture_utils.plotting.sheets import sample_sheet, sample_sheets
from lecture_utils.chapters.ch16 import latent_figures, latent_outcomes, latent_study
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.widgets.present import present

start("16")

# %% [markdown] tags=["slide"]
# ## Result first
#
# Four sentences, and for each the first eight pictures that came, all from the same eight noises.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.recipes._latent_diffusion import ids_of

painter = zoo.load("shapes_latent_diffusion")  # a sentence, as the ids of its tokens → pictures
texts = ["a photo of a red ring on grass", "a photo of a red ring on sand", "a photo of a ring",
         "something blue"]
rows = {text.removeprefix("a photo of "): painter.sample(ids_of([text] * 8), scale=3.0, seed=1)
        for text in texts}
plotting.show(latent_figures.sentences_figure(rows, "Four sentences, and what was painted"),
              "Four rows of eight generated pictures, one row a sentence.")

# %% [markdown]
# **How to read it.** Compare the first two rows: grass has turned into sand, and all rings but one stand about where they stood. In the third row nobody named a colour, in the fourth nobody named a shape. What is not said is *sampled*, another one each time. And look at the faults: rings with corners, blue things that are no shape at all. Part 5 counts them.

# %% [markdown] tags=["slide"]
# ## 1 · The price of pixels
#
# Most of a picture's numbers go into what nobody would miss: the grain of the grass, the last shade of a cloud. Yet each call of the network in part a pays for all of them.
#
# Take one U-Net. First it gets pictures of 32 × 32 × 3, and then something of 8 × 8 places with four numbers each.

# %%
predict("16.11")

# %%
from torch.utils.flop_counter import FlopCounterMode

from lecture_utils.generative.diffusion.slim_unet import SlimUNet


def operations(channels: int, side: int) -> float:
    """Millions of multiplications that one call of the U-Net takes."""
    net = SlimUNet(channels, (64, 72), fold=1, context=64, attention=2, embedding=96)
    x, words = torch.zeros(1, channels, side, side), torch.zeros(1, 17, 64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(x, torch.tensor([500]), words)
    return counter.get_total_flops() / 2e6  # it counts a multiplication with its addition as two


sizes = {"a code, 8 × 8 × 4": (4, 8), "pixels, 32 × 32 × 3": (3, 32), "pixels, 64 × 64 × 3": (3, 64)}
found = {name: operations(channels, side) for name, (channels, side) in sizes.items()}
plotting.show(latent_figures.operations_figure(found, "One U-Net, three sizes of what it works on"),
              "Bars of how many multiplications one call takes, for a code and for pictures of two sizes.")

# %% [markdown]
# **How to read it.** The weights are about as many in each row. The price is set by the places: a convolution does its work at each of them, and attention compares each with each. In Stable Diffusion a picture of 512 × 512 × 3 becomes a code of 64 × 64 × 4, 48 times fewer numbers.
#
# So work in two stages (Rombach et al. 2022). First an auto-encoder learns to turn pictures into small codes and back. Then a diffusion model learns the *codes*. This is **latent diffusion**. **Stable Diffusion** is one such model, the one that everybody used: a latent diffusion model with CLIP's frozen text encoder, trained on pictures and texts from the web (LAION; Schuhmann et al. 2022), and given away.

# %% [markdown] tags=["slide"]
# ## 2 · A code to paint in
#
# Why not take the VAE of chapter 15? Its code had to look like N(0, I), since one wanted to draw it from there, and its pictures were soft. Here the diffusion model will do the drawing. So the divergence gets a tiny weight, 0.0001, which only keeps the numbers from growing without end, and the code may hold nearly all of the picture. This is a **KL auto-encoder**.
#
# And the code is a map: it has places. The encoder halves the sides twice, from 32 × 32 × 3 to 8 × 8 × 4.

# %% tags=["show"]
# show: lecture_utils.generative.diffusion.kl_autoencoder.picture_loss

# %% tags=["show"]
from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder, Losses, drawn
from lecture_utils.generative.elbo import kl_to_standard_normal

# show: lecture_utils.generative.diffusion.kl_autoencoder.losses

# %% [markdown]
# In the paper a perceptual loss and a discriminator see to sharp pictures; here it is the differences of neighbours, which a blur would change.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.metrics.psnr import psnr
from lecture_utils.recipes._judged import conditional_accuracy

coder = painter.autoencoder
test = captioned(400, seed=1, split="test")
with torch.no_grad():
    codes = torch.cat([coder.encode(part)[0] for part in test.image.split(100)])  # means, (400, 4, 8, 8)
    rebuilt = torch.cat([coder.decode(part) for part in codes.split(100)]).clamp(0, 1)
decibel = psnr(rebuilt, test.image)  # (400,)
some = latent_study.Rebuilt(*(part[:6] for part in (test.image, codes, rebuilt, decibel)))
plotting.show(latent_figures.rebuilt_figure(some, "256 numbers in the place of 3,072"),
              "Six pictures, the four channels of their codes, what is decoded, and the error.")
right = conditional_accuracy(rebuilt, test.class_id, test.colour_id)
print(f"400 test pictures: PSNR {decibel.mean():.1f} dB, class {right['class']:.1%} right, "
      f"colour {right['colour']:.1%}")

# %% [markdown]
# **How to read it.** What is decoded differs from the picture only along edges; the cross has lost its corners. The channels (white is 0) show the scene, small, with its horizon and its thing. What the code cannot hold no diffusion model will paint, so the judge's answers on rebuilt pictures bound what follows.
#
# Take two codes, and put the right half of one in the place of the other's.

# %%
predict("16.12")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.recipes._latent_diffusion import encoded, places

x1, _, x2, _ = places(test)[0][:, 0].T  # the boxes of the things, as shares of the sides
left, right = (x2 < 0.6).nonzero()[:6, 0], (x1 > 0.45).nonzero()[:6, 0]
joined = torch.cat([codes[left][..., :4], codes[right][..., 4:]], dim=-1)  # (6, 4, 8, 8)
with torch.no_grad():
    pictures = coder.decode(joined).clamp(0, 1)
plotting.show(sample_sheet(torch.cat([test.image[left], test.image[right], pictures]),
                           "Codes cut in half and put together", columns=6, rows=["left", "right", "joined"]),
              "Six pictures, six others, and pictures decoded from the left and right halves of their codes.")

# %% [markdown]
# **How to read it.** The left half shows one scene and the right half the other, with a soft seam where the decoder's convolutions see both. So a place of the code speaks of a place of the picture, and neighbours belong together still: a U-Net fits.
#
# ### The right size
#
# The schedule of part a takes for granted that the data are about as large as the noise, of deviation 1. A code is as large as the encoder happened to make it. So measure its deviation once, and divide by it (the paper's appendix G). In Stable Diffusion's code it is the number 0.18215, for codes of deviation 5.5.

# %% tags=["exercise:16.7"]
class Latent:
    """What a latent diffusion model learns: an auto-encoder's codes, drawn and brought to deviation 1."""

    @staticmethod
    def latent_scale(codes: Tensor) -> float:
        """The number by which codes (B, Z, h, w) are multiplied to have deviation 1, all numbers together."""
        ...

    @staticmethod
    def to_latent(mean: Tensor, log_var: Tensor, noise: Tensor, scale: float) -> Tensor:
        """A scaled draw of what the encoder says, (B, Z, h, w).

        `mean` and `log_var` are the encoder's Gaussian: its mean and the logarithm of its variance; `noise`
        is from N(0, I). The whole draw is multiplied by `scale`.
        """
        ...


Latent = check("16.7", Latent)

# %% [markdown]
# # solution: lecture_utils.chapters.ch16.latent_solutions.Latent

# %% [markdown]
# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
mean, log_var = encoded(test.image)
raw = Latent.to_latent(mean, log_var, torch.randn(mean.shape), 1.0)  # drawn, not yet scaled
scale = Latent.latent_scale(raw)
plotting.show(latent_figures.codes_figure(raw, scale, "How large the numbers of codes are"),
              "How the numbers of four channels are spread, before and after scaling, beside N(0, 1).")
print(f"scale by 400 codes {scale:.3f}; shipped {coder.scale:.3f}")

# %% [markdown]
# What would happen if the scale were forgotten? Suppose that the encoder had made codes of deviation 5.5, as Stable Diffusion's are. Mix them with noise, as in part a, and decode what is left.

# %%
predict("16.13")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
steps = torch.tensor([0, 200, 400, 600, 800, 900, 960, 980])
kept = painter.schedule.alpha_bar[steps].float()[:, None, None, None]  # ᾱ, (8, 1, 1, 1)
ring = int(((test.class_id == 6) & (test.colour_id == 0)).nonzero()[0, 0])  # a red ring
rows = []
for deviation in (1.0, 5.5):
    code = deviation * scale * codes[ring]
    noised = kept.sqrt() * code + (1 - kept).sqrt() * noise  # (8, 4, 8, 8)
    with torch.no_grad():
        rows.append(coder.decode(noised / (kept.sqrt() * deviation * scale)).clamp(0, 1))
plotting.show(sample_sheet(torch.cat(rows), "The same noise, over codes of two sizes",
                           rows=["deviation 1", "deviation 5.5"], names=[f"{int(t)}" for t in steps]),
              "A red ring's code noised at eight steps, decoded; above of deviation 1, below of 5.5.")

# %% [markdown]
# **How to read it.** Above, the ring is gone by step 800. Below, one can tell it even at 900. A network that learns on such codes is hardly ever asked what the scene should *be*: nearly every $x_t$ shows it. But a sample starts from noise in which nothing is to be seen. (Our codes happen to be about right. Do not rely on it.)

# %% [markdown] tags=["slide"]
# ## 3 · A sentence as a condition
#
# In part a the context was one token a label, learned together with the painter. Who makes tokens of a sentence? Somebody who can read already: the text encoder of CLIP (chapter 13). It is frozen: its weights stay as they are. (Rombach et al. trained a transformer of their own along with the painter.) CLIP keeps one vector of a sentence; here all its tokens are taken:

# %% tags=["show"]
# show: lecture_utils.generative.diffusion.prompt.Prompt.sentence

# %% tags=["show"]
from lecture_utils.generative.diffusion.guidance import drop_condition
from lecture_utils.generative.diffusion.prompt import Prompt

# show: lecture_utils.generative.diffusion.prompt.Prompt.forward

# %% [markdown]
# "Nothing told", which guidance needs, is the empty sentence. Nothing has to be learned for it.
#
# How do pixels read? By the cross-attention of part a: queries $Q$ come from the places of the map, keys $K$ and values $V$ from the words.
#
# $$\operatorname{softmax}\Bigl(\frac{Q K^\top}{\sqrt d}\Bigr)\, V$$
#
# Each row of the softmax belongs to one place and says which words it looks at. (In this U-Net the mean of all tokens also joins the step's embedding, so each place hears the gist in any case.)

# %%
predict("16.14")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
sentence = "a photo of a red ring on grass"
with torch.no_grad():
    said, blue, sand = painter.condition.sentence(ids_of(
        [sentence, sentence.replace("red", "blue"), sentence.replace("grass", "sand")]))  # (16, 64) each
rows = [(word, *(f"{(other - said)[i].norm() / said[i].norm():.2f}" for other in (blue, sand)))
        for word, i in {"photo": 2, "red": 5, "ring": 6, "grass": 8, "end": 9, "padding": 12}.items()]
show_table(rows, ["token", "moves by red → blue, in its lengths", "by grass → sand"])

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.generative.diffusion.attention_blocks import Attention

layer, looks = painter.net.look[0].block.look_at_context, []  # on the map of 8 × 8 places


def note(module: Attention, told: tuple[Tensor, Tensor], out: Tensor) -> None:
    """Keep where each place looks, the mean of the heads: (B, 64, 17)."""
    looks.append(module.weights(*told).mean(dim=1))


handle = layer.register_forward_hook(note)
picture = painter.sample(ids_of([sentence]), seed=1)[0]
handle.remove()
maps = torch.cat(looks).mean(dim=0).T.unflatten(1, (8, 8))  # the mean of 20 steps, (17, 8, 8)
print(f"{len(looks)} steps; weights of one place add up to {maps.sum(0).mean():.3f}")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
tokens = {"start": 0, "photo": 2, "red": 5, "ring": 6, "on": 7, "grass": 8, "end": 9, "padding": 12,
          "no box": 16}
fig, axes = plotting.panels(10, 5, 1.6, titled=True, suptitle=f"Which places look at which word: {sentence}")
axes[0].imshow(plotting.to_image(picture))
axes[0].set_title("painted", fontsize=9)
for ax, (name, i) in zip(axes[1:], tokens.items(), strict=True):
    ax.imshow(plotting.heat_overlay(picture, maps[i]))
    ax.set_title(f"{name}, ≤ {maps[i].max():.2f}", fontsize=9)
plotting.show(fig, "A painted ring, and for nine tokens the places that look at them.")

# %% [markdown]
# **How to read it.** Each panel has its own scale: hottest is what looks most at that token. Nobody showed the network where a ring is. Yet the places of the ring look at *red* and at *ring*, and all others at the start and at *photo*, which say nothing.
#
# But the ring looks at *grass* too! The table says why: this token has read the colour, and hardly tells its own word. CLIP's loss looked at the end token alone; what the others hold was left to the layers. The ground is told from the end on, and so the ground looks at the padding.
#
# Another way to ask what a word does: hold the noise, exchange the word, and look what changes.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
changes = [("red", "blue"), ("ring", "star"), ("grass", "sand"), ("ring", "ball")]
swaps = {f"{a} → {b}": latent_study.swapped(sentence, sentence.replace(a, b), seed=2) for a, b in changes}
plotting.show(latent_figures.swap_figure(swaps, f"One word of “{sentence}” exchanged"),
              "Four pairs of pictures from one noise, and where each pair differs.")

# %% [markdown]
# **How to read it.** What changes is, for the most part, what the word speaks of: the ring's pixels for *red*, the ground for *grass*, also where it shows through the ring. The sky, of which nobody spoke, stays. But words are not knobs: the blue ring has become smaller too.
#
# ### How seriously?
#
# Guidance is that of part a, with the empty sentence for "nothing told".

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
scales = [0.0, 1.0, 2.0, 3.0, 5.0, 10.0]
same = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(4))
strips = [painter.sample(ids_of([sentence] * 4), noise=same, scale=w) for w in scales]  # each (4, 3, 32, 32)
grid = torch.stack(strips, dim=1).flatten(0, 1)  # noise by noise, scale by scale
plotting.show(sample_sheet(grid, f"Told “{sentence}”", columns=6, names=[f"w = {w:g}" for w in scales]),
              "Four rows of six pictures: one noise each, guidance from 0 to 10.")

# %% [markdown]
# **How to read it.** Without the sentence ($w = 0$) anything may stand there. With it, colour and ground come at once; a closed ring takes 2 or 3. At 10 the colours are glaring: the difference between two guesses has been taken too seriously.
#
# ### A second condition
#
# "A red ring on grass, a bit to the left": words are bad at places. A box is good at them. So a box becomes one more token: what it holds, and its corners. Rombach et al. told boxes so, by cross-attention; the spelling of corners is from GLIGEN (Li et al. 2023).
#
# Corners are four numbers between 0 and 1. To a linear layer 0.40 and 0.45 are nearly the same input. So they are told as sines and cosines of many frequencies, **Fourier features**: slow waves tell left from right, fast ones tell 0.40 from 0.45.

# %% tags=["exercise:16.8"]
def fourier_features(boxes: Tensor, frequencies: int) -> Tensor:
    """Sines and cosines of boxes' corners, (B, K, 8 F), as GLIGEN hands them to its network.

    `boxes` (B, K, 4) are x1, y1, x2, y2 as shares of the sides. There are F = `frequencies` of them:
    100^(0/F), 100^(1/F), … 100^((F - 1)/F), in radians for a whole side. The order: frequency by frequency,
    the lowest first; of each frequency first four sines, of x1, y1, x2, y2, and then their four cosines.
    """
    ...


fourier_features = check("16.8", fourier_features)

# %% [markdown]
# # solution: lecture_utils.chapters.ch16.latent_solutions.fourier_features

# %%
shifts = torch.linspace(0, 1, 101)
spots = shifts[:, None, None].expand(-1, 1, 4)  # boxes whose four numbers are all the same
series = {}
for count in (1, 4, 8):
    features = F.normalize(fourier_features(spots, count)[:, 0], dim=1)  # (101, 8 F)
    series[f"F = {count}"] = (shifts, features @ features[40])
plotting.show(plotting.curves(series, "corner at", "cosine with a corner at 0.40",
                              "More frequencies tell near places apart"),
              "How alike features of corners from 0 to 1 are to those at 0.40, for 1, 4 and 8 frequencies.")

# %% [markdown]
# **How to read it.** With one frequency all corners look nearly alike. With four the peak is narrow, but there are others: 1.0 looks more like 0.4 than 0.3 does. With eight there is one peak, and no place far away comes near it.

# %% tags=["show"]
from lecture_utils.generative.diffusion.layout import ABSENT, BoxTokens

# show: lecture_utils.generative.diffusion.layout.BoxTokens.forward

# %% [markdown]
# In training half of the pictures come with their box and half without, so both can be asked for later. Now let a box walk to the right, the sentence and the noise held. Below, let it grow.

# %%
predict("16.15")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
walks = {"walks": latent_study.walk(sentence, "ring", latent_study.crossing()),
         "grows": latent_study.walk(sentence, "ring", latent_study.growing())}
plotting.show(latent_figures.walk_figure(walks, "A box walks, and another one grows"),
              "Two rows of eight pictures of a red ring, with the boxes asked for and found, and their IoU.")

# %% [markdown]
# **How to read it.** Solid is the box that was told, dashed the one that a segmenter finds. The ring walks, and sky and grass stay where they are: they were in the noise. In the second row even the horizon climbs, so a box moves more than its ring. A tiny box gets a crumb, and the largest is not filled: things of the training pictures are about half as wide as the picture.
#
# Now yourself: what, in which colour, on what, where, and how seriously.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch16.widgets.prompt_to_scene import prompt_to_scene

present(prompt_to_scene())

# %% [markdown] tags=["slide"]
# ## 4 · Train a second condition
#
# The shipped painter learned for a good while. How long takes the box's token alone? Throw it away, freeze the painter, and teach a fresh one: half a minute. (GLIGEN freezes Stable Diffusion, which never saw a box: there tokens are not enough, and each block gets a new, gated layer that attends to them.)
#
# First, one batch: an untrained painter, and eight pictures that it sees again and again.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.recipes._latent_diffusion import build_latent_diffusion

torch.manual_seed(0)
fresh = build_latent_diffusion()  # the same networks, the U-Net untrained
few = captioned(8, seed=6)
mean, log_var = encoded(few.image)
latent = Latent.to_latent(mean, log_var, torch.randn(mean.shape), float(coder.scale))
adam = torch.optim.AdamW([p for p in fresh.parameters() if p.requires_grad], lr=2e-3)
for step in range(80):
    loss = fresh.signal_loss(latent, ids_of(few.text), *places(few))
    adam.zero_grad()
    loss.backward()
    adam.step()
    if step in (0, 20, 79):
        print(f"step {step}: loss {loss.item():.2f}")

# %% [markdown]
# The loss falls, as it should. Now the shipped painter, frozen, with fresh box tokens, which call your `fourier_features`.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
import copy

torch.manual_seed(0)
own = copy.deepcopy(painter).requires_grad_(False)
own.condition.boxes = BoxTokens(8, 64)  # fresh ones, the only thing that learns
lessons = captioned(2000, seed=5)
mean, log_var = encoded(lessons.image)
ids, (corners, kinds) = ids_of(lessons.text), places(lessons)
adam = torch.optim.AdamW(own.condition.boxes.parameters(), lr=1e-2, weight_decay=0.0)
for step in range(250):
    adam.param_groups[0]["lr"] = 1e-2 * min(1.0, 2 * (1 - step / 250))  # falls over the second half
    rows = torch.randint(len(lessons), (16,))
    latent = Latent.to_latent(mean[rows], log_var[rows], torch.randn(16, 4, 8, 8), float(coder.scale))
    hidden = torch.rand(16, 1) < 0.3  # of some pictures no box is told
    loss = own.signal_loss(latent, ids[rows], corners[rows], kinds[rows].masked_fill(hidden, ABSENT))
    adam.zero_grad()
    loss.backward()
    adam.step()
print(f"{sum(p.numel() for p in own.condition.boxes.parameters()):,} numbers learned, "
      f"{sum(p.numel() for p in own.net.parameters()):,} left as they were")

# %% [markdown]
# The loss tells little: most of it is noise that nobody can guess. So measure what you wanted. A segmenter finds the thing in each painted picture. How much do its box and the box that was told overlap (IoU)?

# %%
predict("16.16")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.ops.boxes import box_iou
from lecture_utils.recipes._latent_diffusion import found_boxes, painted

asked_for = captioned(100, seed=9, split="test")
told = ids_of(asked_for.text)
corners, kinds = places(asked_for)


def overlap(images: Tensor) -> str:
    """Mean IoU of the boxes found in pictures with those that were told."""
    return f"{box_iou(found_boxes(images), corners[:, 0]).diagonal().mean():.2f}"


rows = [("shipped, no box told", overlap(painted(painter, told, seed=2))),
        ("yours, 250 steps", overlap(painted(own, told, corners, kinds, seed=2))),
        ("shipped", overlap(painted(painter, told, corners, kinds, seed=2))),
        ("the real pictures", overlap(asked_for.image))]
show_table(rows, ["100 pictures", "IoU with the box that was told"])

# %% [markdown]
# **How to read it.** Told no box, things stand where they like. Your tokens have come most of the way to the shipped ones; the last row is what the segmenter finds in real pictures.

# %% [markdown] tags=["slide"]
# ## 5 · How well does it listen?
#
# Ask the shipped painter for all 64 pairs of class and colour, once each, and look.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.recipes._latent_diffusion import asked

class_id, colour_id = torch.arange(8).repeat_interleave(8), torch.arange(8).repeat(8)
pairs = painted(painter, asked(class_id, colour_id), seed=1)
plotting.show(sample_sheet(pairs, "“A photo of a red ball”, and so on, w = 3", rows=CLASSES, names=COLOURS),
              "64 generated pictures, a row for each class, a column for each colour.")

# %% [markdown]
# **How to read it.** Colours are right, everywhere. Shapes are not. Most can be named at sight, but squares are as round as balls, and here and there a thing comes twice.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
seen = latent_outcomes.tried(seed=9)  # 256 sentences, what came, and what a judge sees
plotting.show(latent_figures.confusions_figure(seen, "Asked for (rows), and seen (columns)"),
              "How often a judge sees each class in pictures that were asked to show each class.")
right = (seen.class_id == seen.some.class_id).float().mean()
hue_right = (seen.colour_id == seen.some.colour_id).float().mean()
print(f"class {right:.0%}, colour {hue_right:.0%}")

# %% [markdown]
# **How to read it.** Off the diagonal lie the pictures that a judge takes for something else. Squares are taken for balls: the painter rounds corners off. Stars whose tips have not come out are taken for triangles. Hearts, rings and capsules never fail here. (Things that touch count as one, so the double rings above do.)
#
# The card of the shipped weights has it for 1,000 pictures, and by a second judge, which has seen only clean pictures. Beside it: the conditional GAN of chapter 15, told labels, on the same little world.

# %%
predict("16.17")

# %%
painter_card, gan_card = zoo.card("shapes_latent_diffusion"), zoo.card("shapes_cgan")
wanted_keys = {"class right": "class", "… by the second judge": "class_by_resnet", "colour right": "colour",
               "class, held-out pairs": "class_held_out", "… by the second": "class_by_resnet_held_out",
               "Fréchet, course": "frechet_course", "… of real pictures": "frechet_course_real"}
rows = [(name, *(f"{card.metrics[key]:.3f}" for card in (painter_card, gan_card)))
        for name, key in wanted_keys.items()]
rows.append(("class without guidance", f"{painter_card.metrics['class_unguided']:.3f}", None))
show_table(rows, ["", "latent diffusion", "conditional GAN of chapter 15"])

# %% [markdown]
# **How to read it.** Pairs that the training did not have come out right less often, yet far above chance: words are put together, at a price. And be honest: the game of chapter 15 won here. It paints classes more surely, and new pairs as surely as others. It also paints in one call, where this needs 40. But it has two labels, always both: no sentence that leaves something open, no box.
#
# On photographs it was the other way round: diffusion took the lead (Dhariwal and Nichol 2021). Its training is a plain regression, which does not lose modes or fall apart as it grows.

# %%
figure = latent_figures.sweep_figure(latent_outcomes.sweep(), "What is right, by the scale of guidance")
plotting.show(figure, "Shares that are right over guidance 1 to 8: class by two judges, colour, ground, box.")

# %% [markdown]
# **How to read it.** Class gains up to a scale of 5, colour and ground are right throughout. Beyond, boxes are left, and the second judge turns: what is exaggerated pleases the one judge and not the other.
#
# ### Learned by heart?
#
# A painter that hands out training pictures would pass every test so far:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
near = latent_outcomes.neighbours(8)
plotting.show(latent_figures.neighbours_figure(near, "The nearest in training"),
              "Eight generated pictures above the nearest training pictures, with the distances.")
known = painter_card.metrics
print(f"mean distance to the nearest of 10,000, from the card: painted {known['nearest']:.3f}, "
      f"real test pictures {known['nearest_of_real']:.3f}")

# %% [markdown]
# **How to read it.** The nearest are other pictures. Copies would be much nearer than real test pictures are.

# %% [markdown] tags=["slide"]
# ## 6 · DALL-E 2: pictures from an embedding
#
# DALL-E 2 (Ramesh et al. 2022) goes another way. CLIP turns a picture into one vector, its embedding. Can one go back? A diffusion model that is told CLIP's embedding paints a picture that has about this embedding. This is its **decoder**, and since it inverts CLIP's image encoder the whole is called **unCLIP**.
#
# The paper's decoder works on pixels, 64 × 64, and two more diffusion models enlarge. Ours is the painter of this notebook, frozen, with other tokens: four, made from an embedding by a linear layer, and learned as you learned the box's.

# %% tags=["show"]
# show: lecture_utils.generative.unclip.decoder.EmbeddingTokens.forward

# %% [markdown]
# Give it the embedding of a *real* picture, and let it paint several times. The paper calls these variations.

# %%
predict("16.18")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch16 import unclip_figures, unclip_study

decoder = zoo.load("shapes_unclip")
picture = unclip_study.picture_of("red", "ring")
plotting.show(unclip_figures.variation_figure(picture, unclip_study.variations(picture, 10),
                                              "One picture told by 64 numbers, and painted ten times"),
              "A real picture of a red ring, and ten pictures painted from its embedding.")

# %% [markdown]
# The same for 24 pictures, counted, and beside it how much the painted ones agree with *another* picture:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
stays = unclip_study.what_stays(24, 4)
plotting.show(unclip_figures.stays_figure(stays, "What an embedding keeps, and what it leaves open"),
              "How far variations agree with their own picture and with another one, in five respects.")

# %% [markdown]
# **How to read it.** Class, colour and ground stay, nearly always. The place does not: the overlap of the boxes is hardly more than with any other picture's. CLIP learned from captions, and no caption says where a thing stands. Its image encoder forgets what no sentence speaks of.
#
# ### Between two pictures
#
# Embeddings have length 1: they lie on a sphere. The straight line between two of them leaves it. So walk on the sphere, along the great circle, in equal angles: **spherical interpolation** (Shoemake 1985), slerp for short. With θ the angle between $a$ and $b$:
#
# $$\operatorname{slerp}(a, b, s) = \frac{\sin((1 - s)\,θ)}{\sin θ}\, a + \frac{\sin(s\,θ)}{\sin θ}\, b$$

# %% tags=["exercise:16.9"]
def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The direction a share of the way from `a` to `b` (…, D) along the great circle, of unit length.

    The lengths of `a` and `b` do not count. With θ the angle between them, it points along
    sin((1 - share) θ) a + sin(share θ) b, both of unit length. Where the two are nearly the same (θ under
    1e-4, or not to be told from 0), it is still right: nothing is divided by 0.
    """
    ...


slerp = check("16.9", slerp)

# %% [markdown]
# # solution: lecture_utils.chapters.ch16.latent_solutions.slerp

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
shares = [i / 7 for i in range(8)]
ends = [(("red", "ring"), ("blue", "star")), (("green", "heart"), ("yellow", "cross"))]
walks = {f"{a[0]} {a[1]} → {b[0]} {b[1]}": unclip_study.between(
             unclip_study.picture_of(*a), unclip_study.picture_of(*b), shares, slerp) for a, b in ends}
plotting.show(unclip_figures.strips(walks, "From one picture's embedding to another's, the noise held",
                                    names=[f"{share:.2f}" for share in shares]),
              "Two rows of eight pictures, painted from embeddings on the way between two pictures.")

# %% [markdown]
# **How to read it.** The ends are things of the right class and colour. Between them nothing fades, as in a mean of pixels: each one is a picture of *some* thing, though around the middle no word would fit.
#
# ### Towards a sentence
#
# The paper's **text diff** uses the same walk. Take the embeddings of a sentence that fits, "a photo of a red ring", and of one that should fit, "a photo of a blue ring". Their difference is a direction. Turn the picture's embedding towards it. The noise is not drawn: DDIM walks from the picture back to *its* noise (part a), so that what no embedding says, such as the place, is kept.

# %% tags=["show"]
from lecture_utils.generative.unclip.manipulation import check_directions

# show: lecture_utils.generative.unclip.manipulation.text_diff

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
wishes = ["a photo of a blue ring", "a photo of a red star", "a photo of a red ring on water"]
shares = [i / 14 for i in range(8)]  # as in the paper, up to a half
fits = "a photo of a red ring"
edits = {wish.removeprefix("a photo of "): unclip_study.text_diffs(picture, fits, wish, shares, slerp)
         for wish in wishes}
names = [f"{share:.2f}" for share in shares]
plotting.show(unclip_figures.strips(edits, "A red ring, turned towards …", names=names),
              "Three rows of eight pictures: an embedding turned towards three sentences, step by step.")

# %% [markdown]
# **How to read it.** The colour turns early, the shape later and all at once. The thing stays where it stood, under the same sky. Water comes last, and takes the ring's hole.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch16.widgets.towards_a_sentence import towards_a_sentence

present(towards_a_sentence())

# %% [markdown] tags=["slide"]
# ## 7 · The prior: from a sentence to an embedding
#
# A decoder needs the embedding of a *picture*, and a reader types a sentence. But CLIP has put both into one space! Why not hand the sentence's embedding to the decoder?

# %%
predict("16.19")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.recipes.shapes_prior import embedded, told_by

some = captioned(1200, seed=3)
pictures, sayings = embedded(some.image), told_by(ids_of(some.text))[1]  # (1200, 64) each
gap = F.normalize(pictures.mean(0) - sayings.mean(0), dim=0)  # from sentences to pictures
rest = pictures - (pictures @ gap)[:, None] * gap
wide = torch.linalg.eigh(torch.cov(rest.T))[1][:, -1]  # their widest direction at right angles to that


def draw_clouds(crosses: dict[str, Tensor], alt: str) -> None:
    """Draw both clouds, and embeddings (N, 64) by name as crosses."""
    fig, (ax,) = plotting.panels(1, 1, 7.0, aspect=1.8, suptitle="Pictures and their sentences, in one space")
    for name, cloud in (("pictures", pictures), ("their sentences", sayings)):
        ax.scatter(cloud @ gap, cloud @ wide, s=6, label=name)
    for name, cloud in crosses.items():
        ax.scatter(cloud @ gap, cloud @ wide, s=60, marker="x", label=name.removeprefix("a photo of "))
    ax.set(xlabel="from sentences to pictures", ylabel="widest direction of the pictures")
    ax.legend(loc="center", bbox_to_anchor=(0.6, 0.86), fontsize=8)
    plotting.show(fig, alt)


draw_clouds({}, "Two clouds side by side: embeddings of sentences, and those of their pictures.")
print(f"cosine of a picture and its own sentence {(pictures * sayings).sum(1).mean():.2f}")

# %% [markdown]
# **How to read it.** Up and down, both clouds spread alike: stars and crosses above, balls below. Left and right they do not touch, though a sentence that says less stands nearer. Two networks begin apart, and CLIP's loss only asks that a picture is *nearer* to its own sentence than to others; it never asks them to meet. This is the **modality gap** (Liang et al. 2022). And a decoder has learned from pictures' embeddings only: on the left it has never been.
#
# And "a ring" fits pictures of all colours: it has one embedding, they have many.
#
# So learn to cross. The **prior** is a diffusion model of embeddings: from 64 numbers of noise to an embedding that a picture with this sentence might have. A transformer reads the sentence's tokens, its embedding, the step, the noised embedding and a last token, where the answer is read:

# %% tags=["show"]
# show: lecture_utils.generative.unclip.prior_transformer.PriorTransformer.forward

# %% [markdown]
# It predicts the clean embedding itself, which the paper found better here than predicting noise. Everything else is part a.

# %% tags=["show"]
# show: lecture_utils.generative.unclip.prior.DiffusionPrior.loss

# %% [markdown]
# DALL-E 2 draws two and keeps the one that CLIP finds nearer to the sentence. Write this last step.

# %% tags=["exercise:16.10"]
def best_drawn(candidates: Tensor, text: Tensor) -> Tensor:
    """Of K embeddings drawn for each sentence the one that is nearest to the sentence's, (B, D), as drawn.

    `candidates` (B, K, D), `text` (B, D). Nearest is the largest cosine: lengths do not count.
    """
    ...


best_drawn = check("16.10", best_drawn)

# %% [markdown]
# # solution: lecture_utils.chapters.ch16.latent_solutions.best_drawn

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
prior = zoo.load("shapes_prior")


def drawn_for(sentences: list[str], seed: int) -> Tensor:
    """An embedding for each sentence, (B, 64) of length 1: the better one of two draws."""
    words, text = told_by(ids_of(sentences))
    draws = [prior.draw(words, text, seed=seed + 1000 * i) for i in range(2)]
    return F.normalize(best_drawn(torch.stack(draws, dim=1), text), dim=1)


wishes = ["a photo of a red ring on grass", "a photo of a ring", "something blue"]
draws = {wish: torch.cat([drawn_for([wish], seed) for seed in range(8)]) for wish in wishes}  # (8, 64) each
draw_clouds(draws, "The same two clouds; crosses of drawn embeddings lie among those of pictures.")

# %% [markdown]
# **How to read it.** All crosses lie where the pictures are: the prior has crossed the gap. What do they stand for? Look up the real picture with the nearest embedding:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
sheets = {wish: some.image[(found @ pictures.T).argmax(dim=1)] for wish, found in draws.items()}
plotting.show(sample_sheets(sheets, "Of 1,200 real pictures those with the nearest embeddings", columns=4),
              "Three sheets of eight real pictures, one for each sentence.")


def alike(points: Tensor) -> str:
    """Mean cosine of the rows of (N, 64) with one another."""
    return f"{((points @ points.T).sum() - len(points)) / (len(points) * (len(points) - 1)):.2f}"


rings = some.class_id == 6
fits = [rings & (some.colour_id == 0) & (some.ground_id == 1), rings, some.colour_id == 5]
rows = [(wish, alike(draws[wish]), alike(pictures[fit])) for wish, fit in zip(wishes, fits, strict=True)]
show_table(rows, ["cosine among", "drawn embeddings", "those of real pictures that fit"])

# %% [markdown]
# **How to read it.** Whoever says all gets the same again: eight draws for the full sentence are one. That is no fault, as the table tells: red rings on grass *are* one point for CLIP, since it forgets where they stand. For the vague sentences colours or shapes vary, and about as much as in real pictures.
#
# How near are drawn embeddings to the true ones, for 1,000 captions?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
known = zoo.card("shapes_prior").metrics
names = {"the sentence's own embedding": "cosine_of_text", "drawn by the prior, one draw": "cosine",
         "the better one of two": "cosine_best_of_two",
         "another real picture of that class and colour": "cosine_of_alike"}
rows = [(name, f"{known[key]:.3f}") for name, key in names.items()]
sentences = told_by(ids_of(test.text[:100]))
many = torch.stack([prior.draw(*sentences, seed=seed) for seed in range(8)]).mean(dim=0)  # (100, 64)
near = F.cosine_similarity(many, embedded(test.image[:100]), dim=1).mean()
rows.append(("the mean of eight draws (100 captions)", f"{near:.3f}"))
show_table(rows, ["", "cosine with the picture's embedding"])

# %% [markdown]
# **How to read it.** The last row but one is what can be asked for: a sentence does not say which picture it was. The prior comes close to it; the sentence itself is far away. More would not be better: the mean of eight draws comes nearer still. It is near to all pictures of the kind, and like none. A prior trained too little draws such means.
#
# ### Sentence, embedding, picture

# %% tags=["system:S16.4", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
same = torch.randn(8, 4, 8, 8, generator=torch.Generator().manual_seed(7))
rows = {}
for wish, found in draws.items():
    short = wish.removeprefix("a photo of ")
    rows[short] = decoder.sample(found, noise=same, scale=3.0)
    own_text = told_by(ids_of([wish] * 8))[1]
    rows[f"{short}, no prior"] = decoder.sample(own_text, noise=same, scale=3.0)
plotting.show(unclip_figures.strips(rows, "Sentence, prior, decoder; and the sentence's embedding, decoder"),
              "Three pairs of rows of eight pictures: each sentence with the prior, and without it.")

# %% [markdown]
# And 500 sentences like "a photo of a red ball", counted (from the card):

# %%
card = zoo.card("shapes_unclip").metrics
ways = {"a picture's own embedding": "", "a sentence, through the prior": "_prior",
        "a sentence's own embedding": "_sentence"}
keys = ["class", "colour", "class_by_resnet"]
rows = [(name, *(f"{card[key + end]:.1%}" for key in keys)) for name, end in ways.items()]
show_table(rows, ["the decoder is told", "class right", "colour right", "class, second judge"])

# %% [markdown]
# **How to read it.** Through the prior the decoder paints as well as from pictures' own embeddings. Without it, it paints what it can make of a place where it has never been: smeared rings, and for *a ring* a scene without a thing.

# %% [markdown] tags=["slide"]
# ## 8 · Put together
#
# | | latent diffusion | DALL-E 2 |
# |---|---|---|
# | what is noised | the code of a picture, 8 × 8 × 4 | first an embedding, 64 numbers; then the code |
# | who reads the sentence | CLIP's text encoder, all its tokens | the same, in the prior |
# | what the painter is told | 16 tokens, one box | four tokens made of an embedding |
# | what only this one can do | put a thing into a box | vary a picture, walk between two |
#
# One call of the painter, from the live network:

# %% tags=["system:S16.3"]
from lecture_utils.plotting.trace import trace


class Whole(torch.nn.Module):
    """Sentence to picture, one step of the sampler: what `trace` can run with one input."""

    def __init__(self) -> None:
        super().__init__()
        self.prompt, self.net = painter.condition, painter.net
        self.decoder = coder.decoder

    def forward(self, ids: Tensor) -> Tensor:
        """Ids (B, 16) → a picture (B, 3, 32, 32) of the guess at step 500."""
        x = torch.randn(len(ids), 4, 8, 8, generator=torch.Generator().manual_seed(0))
        return self.decoder(self.net(x, torch.full((len(ids),), 500), self.prompt(ids)))


parts = trace(Whole(), ids_of([sentence]))
names = ["prompt.boxes", "prompt", "net.enter", "net.look.0", "net.shrink.0", "net.look.1", "net.grow.0",
         "net", "decoder", ""]
rows = [(name or "whole", parts[name].output, parts[name].parameters) for name in names if name in parts]
show_table(rows, ["part", "what leaves it", "numbers learned"])

# %% [markdown]
# **How to read it.** Shapes are without the batch. Nearly two thirds of the numbers are the U-Net's; the rest, but for the box's token, came ready-made.
#
# ### Where it goes wrong
#
# First the pictures of part 5 that are not what was asked for.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
plotting.show(latent_figures.failures_figure(seen, "Asked for, and seen", most=12),
              "Twelve generated pictures in which a judge does not see what was asked for.")

# %% [markdown]
# And then sentences of a kind that no caption of the training was.

# %%
predict("16.20")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
plotting.show(latent_figures.outside_figure("Sentences unlike any caption"),
              "Six rows of six generated pictures, for sentences that the captions do not have.")

# %% [markdown]
# **How to read it.** Of a ball and a ring one thing comes, of neither colour. Three stars are one: no caption ever counted. *Left of* leaves the heart alone, left or right. In another order, *ring* is lost. *Not red* is red or nearly so, since in all captions a colour that is named is there. A teapot is a red something: the letters of a new word become tokens that hardly learned anything. Nobody is warned.
#
# Large models count and relate better, since their captions do. But attributes end up on the wrong thing in DALL-E 2 too: its paper shows it with a red and a blue cube.

# %% [markdown] tags=["slide"]
# ## 9 · Claim, measured
#
# ### C16.3 · Pixels or codes, for the same computing time
#
# The rule was written down before the runs.

# %% tags=["claim:C16.3"]
from lecture_utils.experiments.card import show_claim

show_claim("C16.3")

# %%
from lecture_utils.chapters.ch16 import compute_figures
from lecture_utils.experiments import ledger

record = ledger.load("C16.3")
plotting.show(compute_figures.curves_figure(record, "What so many seconds of one processor core buy"),
              "Class accuracy and Fréchet distance over seconds of training, for pixels and for codes.")

# %% [markdown]
# **How to read it.** A dot is a seed. Both learners see the same pictures and labels; the latent one spends a third of its time on its auto-encoder. With 120 seconds, codes show the right class in 45 of 100 pictures, pixels in 25. One more was given the shipped auto-encoder for nothing, as the paper counts: 52. Up to 30 seconds neither draws shapes, and there is nothing to win.

# %%
figure = compute_figures.sheets_figure(zoo.load("shapes_compute_arms"), "After 120 seconds of one core")
plotting.show(figure, "Three sheets of 48 pictures: by pixels, by codes, by codes with a given auto-encoder.")

# %% [markdown]
# **How to read it.** A column is a class. Pixels give fringed lumps of the right colour; codes give smooth ones, of which balls and rings can be named. Speed alone is not the reason: pixels folded in blocks of 4 × 4 cost hardly more a step. What is smooth and coloured the auto-encoder draws, and the denoiser need not learn it.
#
# What does not hold: without guidance pixels are *nearer* to real pictures in the course's features (11.2 against 16.4), since an auto-encoder of 38 seconds blurs.
#
# And a trap. A first run, with another optimiser, gave codes a gain of 0.04, and the rule said "holds". Its pixel pictures were noise. Look before you count.

# %% [markdown] tags=["slide"]
# ## 10 · Paper and toy
#
# | What | In the paper | Here | What that costs |
# |---|---|---|---|
# | Latent diffusion | 512 × 512 pixels in codes of 64 × 64 × 4; a U-Net of 860 million numbers (Stable Diffusion) | 32 × 32, 8 × 8 × 4, 0.7 million | eight shapes, and one thing in a picture; no detail that a code could lose |
# | Auto-encoder | perceptual and adversarial losses, 84 million numbers | pixels and their differences, 0.5 million | edges are kept; texture would be lost |
# | Pictures with texts | about two billion from the web (LAION) | 32,000 rendered, captions from a grammar | no counting, no relations, no style |
# | DALL-E 2 | prior of 1 billion, decoder of 3.5 billion on pixels, two enlargers; 250 million pictures | prior of 0.13 million; four learned tokens before a frozen painter | the decoder can paint only what the painter could |

# %% [markdown] tags=["slide"]
# ## 11 · Break it
#
# **Clip the codes.** Samplers of pixels hold each guess of the clean picture between -1 and 1; part a did so. Codes have deviation 1, but no bounds. One line does the damage:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
clipped = copy.copy(painter)
clipped.clip = 1.0  # the line
beyond = (coder.to_latent(test.image).abs() > 1).float().mean()
fine, dull = (model.sample(ids_of([sentence] * 8), scale=3.0, seed=1) for model in (painter, clipped))
rows = ["as it should be", "clipped"]
plotting.show(sample_sheet(torch.cat([fine, dull]), "Held between -1 and 1", rows=rows),
              "Eight generated pictures, and the same with clipped codes: pale, and rings are thin.")
print(f"{beyond:.0%} of the numbers in real codes are beyond 1")

# %% [markdown]
# **How to read it.** No error is raised. But a third of all numbers is cut, at each step, and with them whatever is strong in a picture: colour and contrast go.
#
# **Cut one of two ways.** Places look at the sentence's tokens, and the tokens' mean joins the step. Cut the first way, then the second. What will be lost?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
deaf, blind = copy.deepcopy(painter), copy.deepcopy(painter)
with torch.no_grad():
    for level in blind.net.look:  # no place looks at the words
        level.block.look_at_context.to_output.weight.zero_()
        level.block.look_at_context.to_output.bias.zero_()
    deaf.net.embed_context.weight.zero_()  # the step is told nothing of the sentence
models = {"as it should be": painter, "no cross-attention": blind, "no mean": deaf}
some_classes, some_hues = seen.some.class_id[:48], seen.some.colour_id[:48]
rows, scores = [], []
for name, model in models.items():
    rows.append(model.sample(ids_of([sentence] * 8), scale=3.0, seed=1))
    pictures = painted(model, asked(some_classes, some_hues), seed=3)
    right = conditional_accuracy(pictures, some_classes, some_hues)
    scores.append((name, f"{right['class']:.0%}", f"{right['colour']:.0%}"))
plotting.show(sample_sheet(torch.cat(rows), f"Told “{sentence}”", rows=list(models)),
              "Three rows of eight pictures: the whole painter, and with one of two ways cut.")
show_table(scores, ["48 pictures", "class right", "colour right"])

# %% [markdown]
# **How to read it.** Without cross-attention there are still red rings. But they stand on sand and water as they like: *grass* got to the ground by being looked at. Without the mean it is the other way round: red things on grass, and no rings. One vector says enough of one thing's shape; of two things it might not.

# %% [markdown] tags=["slide"]
# ## 12 · With real weights
#
# A practitioner takes `diffusers`, and a checkpoint: a folder with five parts. Here is our painter as such a checkpoint, run by the library's own pipeline for Stable Diffusion.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch16.pipeline_study import from_noise, solver_errors
from lecture_utils.hub.diffusion_pipelines import stable_diffusion
from lecture_utils.recipes._latent_diffusion import reader

pipeline = stable_diffusion(painter, reader().tokenizer)
if pipeline is not None:
    parts = {name: type(part).__name__ for name, part in pipeline.components.items() if part is not None}
    show_table(list(parts.items()), ["part of the checkpoint", "class"])
    noise = torch.randn(8, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    theirs = from_noise(pipeline, [sentence] * 8, noise, steps=20)  # guidance 3
    ours = painter.sample(ids_of([sentence] * 8), noise=noise, scale=3.0)
    print(f"largest difference of a pixel, theirs and ours: {(theirs - ours).abs().max():.1e}")

# %% [markdown]
# The same arithmetic, so the same pictures. Now a part can be exchanged, as one does with Stable Diffusion. How far are three of the library's samplers from where 200 steps of DDIM end?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
if pipeline is not None:
    counts = [5, 10, 20, 40]
    errors = solver_errors(pipeline, texts, counts)  # the four sentences of the beginning
    title = "Calls of the network, and what is still wrong"
    plotting.show(unclip_figures.solver_figure(counts, errors, title),
                  "Difference from the final picture over the number of calls, for three samplers.")

# %% [markdown]
# **How to read it.** All three follow the same way and end at the same picture. UniPC (Zhao et al. 2023) needs half as many calls as DDIM, or fewer: like DPM-Solver++ it uses what the network said a step or two before. One line, where there is a network, gives you the real one, with 860 million numbers:
#
# ```python
# pipeline = diffusers.StableDiffusionPipeline.from_pretrained("stable-diffusion-v1-5/stable-diffusion-v1-5")
# ```

# %%
progress("16")

# %% [markdown] tags=["slide"]
# ## 13 · Summary
#
# 1. Cost is set by places: an auto-encoder with a small map as its code makes each step of diffusion many times cheaper.
# 2. The code must have about the size of the noise, and has no bounds: scale it, and never clip it.
# 3. A sentence enters as the tokens of a frozen text encoder; whatever can be made into tokens, such as a box, can join them.
# 4. What is not said is sampled; what was never said in training is guessed badly.
# 5. CLIP's sentences and pictures lie apart. DALL-E 2's prior crosses from the one to the other, and its decoder paints what an embedding leaves open.
#
# ### Further exercises
#
# 1. Teach the painter a box *without* its class: let the sentence say what, and the token only where. Train as in part 4.
#
# ### References
#
# - P. Dhariwal, A. Nichol, "Diffusion models beat GANs on image synthesis", NeurIPS 2021. [arXiv:2105.05233](https://arxiv.org/abs/2105.05233)
# - Y. Li et al., "GLIGEN: open-set grounded text-to-image generation", CVPR 2023. [arXiv:2301.07093](https://arxiv.org/abs/2301.07093)
# - W. Liang et al., "Mind the gap: understanding the modality gap in multi-modal contrastive representation learning", NeurIPS 2022. [arXiv:2203.02053](https://arxiv.org/abs/2203.02053)
# - A. Ramesh et al., "Hierarchical text-conditional image generation with CLIP latents", 2022. [arXiv:2204.06125](https://arxiv.org/abs/2204.06125)
# - R. Rombach et al., "High-resolution image synthesis with latent diffusion models", CVPR 2022. [arXiv:2112.10752](https://arxiv.org/abs/2112.10752)
# - C. Schuhmann et al., "LAION-5B: an open large-scale dataset for training next generation image-text models", NeurIPS 2022. [arXiv:2210.08402](https://arxiv.org/abs/2210.08402)
# - K. Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985. [doi:10.1145/325165.325242](https://doi.org/10.1145/325165.325242)
# - W. Zhao et al., "UniPC: a unified predictor-corrector framework for fast sampling of diffusion models", NeurIPS 2023. [arXiv:2302.04867](https://arxiv.org/abs/2302.04867)
#
# ### What comes next
#
# A sentence and a box are coarse tools. Chapter 17 tells such a painter more: an outline to follow (ControlNet), an instruction by which to change a picture (InstructPix2Pix), a few pictures to learn from (LoRA). And it turns the painter round, to measure depth (Marigold).
