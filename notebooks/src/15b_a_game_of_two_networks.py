# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 15b · A game of two networks
#
# **What if a second network judged?**
#
# In part a, pictures were made by models that were told how likely the real ones are. The sharp ones were slow, the fast ones soft. Now nobody writes down a likelihood, or a distance to a target. A second network looks at pictures, real and made, and says which are which. The first one learns to pass. From this game come pictures of what one asks for, scenes from label maps, and days that turn into dusk though nobody ever showed a pair of them.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Play** the game on 25 spots in a plane, where everything can be seen: who wins, and what is lost.
# 2. **Ask** for a class and a colour, and check by two judges whether you got it.
# 3. **Measure** how good made pictures are: the Fréchet distance, and what it does not see.
# 4. **Paint** a scene from a label map: Pix2Pix.
# 5. **Translate** between two heaps of pictures without pairs: CycleGAN, and what it hides.
#
# **You need** part a (a generative model, latent numbers, why means are soft), chapter 01 (training, convolutions) and the U-Net of chapter 06.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · The game | 50 | 5 · Without pairs | 40 |
# | 2 · Ask for it | 25 | 6–8 · Together, claims, paper and toy | 20 |
# | 3 · How good are they? | 35 | 9–11 · Break it, real weights, summary | 15 |
# | 4 · From a map to a scene | 40 | | |
#
# **A GPU** is not needed: everything here runs on two processor cores.

# %% tags=["skip"]
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lecture_utils import plotting, zoo
from lecture_utils.chapters.ch15 import gan_figures, gan_study
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.widgets.present import present

start("15")

# %% [markdown] tags=["slide"]
# ## Result first
#
# Here is a network that was asked for all 64 pairs of class and colour, once each. Nothing was chosen. The framed pairs were in no training picture: no player of the game has ever seen a red square.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
cgan = gan_study.shipped_cgan()  # a generator: latent numbers and labels → a picture
pictures = gan_study.class_by_colour(cgan)
plotting.show(gan_figures.table_figure(pictures, "What was asked for, and what was painted"),
              "64 generated pictures, a row for each class and a column for each colour; 16 are framed.")

# %% [markdown]
# **How to read it.** Most can be named at sight. Some cannot: look for the red heart that is a blob, the pink one that is a bar, the cyan square, and the ring without a hole. And all of them are crisp where the VAE's scenes were soft.
#
# And here is another, which was given label maps: what lies where, in flat tones.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch15 import pix2pix_figures
from lecture_utils.recipes import _translated

pix2pix = zoo.load("scenes_pix2pix")
pairs = _translated.translated(9, split="test")
plotting.show(pix2pix_figures.sheet_figure(pix2pix, pairs, "Label maps painted: the first nine test maps"),
              "Nine label maps, the pictures generated from them, and the real pictures.")

# %% [markdown]
# **How to read it.** Sky, water, sand and grass lie where the map says, and most outlines are kept, roughly. The map does not tell the colour of a thing, so here the painter had to choose, and it is of two minds: many things are mottled. Both networks learned by the same game. Part 4 comes back to the mottles.

# %% [markdown] tags=["slide"]
# ## 1 · The game
#
# A VAE's picture is soft because its loss compares pixel with pixel. Where two pictures would be right, their mean costs least, and nobody says that no real picture looks like that. One *could* tell: softness is easy to see. So let a network look for it.
#
# Two players (Goodfellow et al. 2014). The **generator** $G$ turns noise $z$ into a picture. The **discriminator** $D$ gets a picture and answers with the probability that it is real. $D$ learns to be right, $G$ learns to make it wrong. This is a **GAN**, a generative adversarial network:
#
# $$\min_G \max_D\; \mathbb E_{x}\bigl[\log D(x)\bigr] + \mathbb E_{z}\bigl[\log\bigl(1 - D(G(z))\bigr)\bigr]$$
#
# Once training is over $D$ is thrown away. It is a loss function that was learned, and used up.

# %%
predict("15.11")

# %%
plotting.show(gan_figures.optimum_figure(), "Two bells, real and generated, three times, and the best D.")

# %% [markdown]
# **How to read it.** In one dimension the best discriminator can be written down: at each place it is the real density over the sum of both, $D^* = p/(p+q)$. Far apart, it is nearly a step. When both bells are the same it is 1/2 everywhere, and the value of the game has come down to $-\log 4 = -1.386$. With the best $D$, what $G$ makes small is a distance between the two distributions (the Jensen–Shannon divergence, twice, less $\log 4$).
#
# ### A slope where it is needed
#
# At first $G$ paints noise, and $D$ knows it at once. The score, before the sigmoid, is far below 0. What does $G$ learn from that? It follows the slope of its loss. There are two ways to write "make $D$ wrong": make $\log(1 - D)$ small, as above, or make $-\log D$ small. They agree on what is best.

# %%
predict("15.12")

# %%
plotting.show(gan_figures.slopes_figure(), "How steep both losses of the generator are, over the score.")

# %% [markdown]
# **How to read it.** On the left, where $D$ is sure that a picture is generated, $\log(1 - D)$ is flat: it **saturates**. Just who has most to learn is told least. The other loss is steep there and goes flat where $G$ has won already. So the non-saturating one is what is used. It is no longer one game with one value, but two losses, one for each player.

# %% tags=["exercise:15.6"]
def gan_losses(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """What the discriminator and what the generator make small, two scalars.

    `real` and `fake` (B,) are the discriminator's scores of real and of generated pictures: its probability
    that a picture is real is D = sigmoid(score). The discriminator's loss is the mean of -log D over the real
    pictures and that of -log(1 - D) over the generated ones, added up. The generator's is the mean of -log D
    over the generated ones (not saturating). Both stay right where scores are as large as ±100.
    """
    ...


gan_losses = check("15.6", gan_losses)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.game_solutions.gan_losses

# %% [markdown]
# ### 25 spots
#
# Pictures hide what a generator leaves out. So first a world where one sees it: points in the plane, in 25 narrow spots on a grid (after Srivastava et al. 2017), all equally likely. Each spot is a **mode** of the distribution. Both players are small networks of three hidden layers. $D$ pays a penalty for its slope at real points ("R1", Mescheder et al. 2018), which keeps it from becoming a cliff. This is their game:

# %%
from collections.abc import Iterator

from torch import nn

from lecture_utils.recipes.gaussians_gan import BATCH, LATENT, STEPS, Arm, descend, flatness, mlp, real_points

for name, player in (("generator", mlp(LATENT, 2)), ("discriminator", mlp(2, 1))):
    print(f"{name}: {sum(p.numel() for p in player.parameters()):,} numbers to learn")

# %% tags=["show"]
# show: lecture_utils.recipes.gaussians_gan.play

# %% [markdown]
# What can go wrong has a name. In **mode collapse** a generator loses variety. Guess how that looks:

# %%
predict("15.13")

# %% [markdown]
# Now play, with your losses. Orange are points that $G$ makes. The plane is coloured by what $D$ thinks of each place: blue is "real", red "generated", white "cannot tell". A point in a circle (three deviations) is *good*; a mode with one good point of 2,500 is *met*.

# %% tags=["system:S15.4", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
game = gan_study.watched(Arm(losses=gan_losses), steps=2500, times=(0, 300, 1000, 2500))
plotting.show(gan_figures.trail_figure({"your losses": game}),
              "Generated points and the discriminator's field after 0, 300, 1,000 and 2,500 rounds.")
rows = [(stage.rounds, stage.modes, f"{stage.quality:.0%}") for stage in game]
show_table(rows, ["rounds", "modes met, of 25", "good points"])

# %% [markdown]
# **How to read it.** At first all points lie in the middle, on a spot by accident. After 300 rounds they are strewn over the plane. All 25 modes are met then, but by chance: only 7 % of the points are good, and the circles cover 7 % of the plane. $D$ finds rows first, then spots. In the end about a third of the points are good, the rest lie on threads between spots. $G$ is continuous, and has to get across somehow.
#
# Longer games, played in other ways, are recorded. Step through them:

# %%
from lecture_utils.chapters.ch15.widgets.gan_on_gaussians import gan_on_gaussians

present(gan_on_gaussians())

# %%
record = gan_study.recorded()
plotting.show(gan_figures.coverage_figure(record), "Modes met and share of good points, five ways to play.")

# %% [markdown]
# **How to read it.** One line a game, three games each. Grey above: real points; dashed: points strewn evenly. With the penalty ("R1") every game ends on all 25 modes, by either loss, and about two fifths of its points are good. Without it modes are lost, 19 are left in the mean. Where $D$ takes three steps for one, against the saturating loss, 15 are left. Yet 44 % of these points are good: what one sees does not show what is missing.

# %% [markdown] tags=["slide"]
# ## 2 · Ask for it
#
# For pictures the players are convolutional networks. **DCGAN** (Radford et al. 2016) goes up by transposed convolutions, from 4 × 4 places to 32 × 32, with batch normalisation and ReLU. Its discriminator goes the other way.

# %% tags=["show"]
import torch.nn.functional as F

# show: lecture_utils.generative.dcgan.Generator.forward

# %% tags=["show"]
from lecture_utils.generative.dcgan import SLOPE, batch_spread

# show: lecture_utils.generative.dcgan.Discriminator.features

# %% [markdown]
# The last line is a remedy against collapse (Karras et al. 2018): one map more, which says how much this *batch* varies. A generator that paints the same picture over and over gives itself away.
#
# ### A label for both
#
# To get what one asks for, tell the network what is asked for: a **conditional GAN** (Mirza and Osindero 2014). The generator gets a learned vector of the label beside its noise.

# %% tags=["show"]
# show: lecture_utils.generative.conditional_gan.ConditionalGenerator.forward

# %% [markdown]
# The discriminator is told the label too. It can take it as further channels of the picture. Or, by **projection** (Miyato and Koyama 2018): each label is a direction in the space of features, and a picture gets a higher score the farther it lies that way.

# %% tags=["show"]
# show: lecture_utils.generative.conditional_gan.ProjectionDiscriminator.forward

# %% [markdown]
# Is it necessary to tell both? Two little games on digits of 8 × 8 pixels differ in this alone: in the second one the discriminator gets the picture and no label.

# %%
predict("15.14")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.plotting.sheets import sample_sheet, sample_sheets
from lecture_utils.recipes._judged import digits_named

asked = torch.arange(10).repeat(20)  # 0 to 9, twenty times
sheets = {}
for name, told in (("both are told", True), ("only the generator is told", False)):
    painter = gan_study.little_game(told=told, steps=400)
    with torch.no_grad():
        made = painter(painter.sample(200, seed=1), asked[:, None])  # (200, 1, 8, 8)
    right = (digits_named(made) == asked).float().mean()
    sheets[f"{name}: {right:.0%} right"] = made[:30]
plotting.show(sample_sheets(sheets, "Each row was asked for 0 to 9", columns=10),
              "Two sheets of thirty digits; each row was asked for 0 to 9.")

# %% [markdown]
# **How to read it.** On the left each column shows what was asked. On the right there are digits as well, and of those a fifth or so are right, where chance gives a tenth. Look down a column on the right: the label does change what is painted, for it is one more input. But nobody checks whether it is the *right* digit.
#
# ### In colour
#
# The network of the first figure played 9,000 rounds on the scenes of part a, with a label for the class and one for the colour. Two colours of each class were held out. Two judges look at 500 of its pictures: one that has learned from bad pictures too, and one that has seen only clean ones and is easily put off.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.recipes._judged import conditional_accuracy
from lecture_utils.recipes.shapes_cgan import asked as labels_of
from lecture_utils.recipes.shapes_cgan import painted

rows = []
for name, held_out in (("pairs of the training", False), ("held-out pairs", True)):
    wanted = labels_of(captioned(500, seed=2, split="test", held_out=held_out))  # (500, 2)
    made = painted(cgan, wanted, seed=1)
    right = conditional_accuracy(made, *wanted.unbind(1))
    rows.append((name, *(f"{right[key]:.1%}" for key in ("class", "colour", "class_by_resnet"))))
show_table(rows, ["500 pictures of", "class right", "colour right", "class, by the other judge"])

# %% [markdown]
# **How to read it.** About 95 in 100 classes are right, and nearly every colour. Pairs that were never in training come out nearly as well. (In the record the other judge finds a gap: 94 % to 90 %.) So the generator has not learned 48 kinds of picture, but a class and a colour, and puts them together.
#
# What do the latent numbers do, if class and colour are told apart from them? Hold the label and walk from one draw of noise to another:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
labels = [(0, 0), (3, 1), (5, 4)]  # class and colour, by number
named = ["red ball", "orange star", "cyan cross"]
walks = gan_study.walk(cgan, labels, steps=9)
plotting.show(gan_figures.rows_figure(walks, named, "From one draw of noise to another, the label held"),
              "Three rows of nine pictures: class and colour stay, ground, light and place change.")

# %% [markdown]
# **How to read it.** In all three rows the noise is the same. What it says is where the thing stands, what the ground is, how the sky looks: sand turns into grass, in each row alike. Nobody named these. All that was not in the label had to go into the noise, since real pictures vary in it.
#
# ### Learned by heart?
#
# A generator could pass by handing out training pictures. Then each would have a near twin among them. A second conditional GAN has learned digits, from 1,197 pictures. Look up the nearest of these, and do the same for real test digits:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.data import digits
from lecture_utils.recipes._judged import nearest
from lecture_utils.recipes.digits_cgan import written

writer = gan_study.shipped_cgan("digits_cgan")
pool = digits.load(16)[0]
made = written(writer, torch.arange(10).repeat(30), seed=2)
found = nearest(made, pool)
plotting.show(gan_figures.neighbours_figure(made, pool, found, count=10),
              "Ten generated digits above their nearest training digits, with the distances.")
real_gap = nearest(digits.load(16, "test")[0], pool)[0].mean()
print(f"mean distance to the nearest: generated digits {found[0].mean():.3f}, test digits {real_gap:.3f}")

# %% [markdown]
# **How to read it.** Nine of the ten nearest neighbours are the same digit in another hand; that of the 5 is a 9. And the distances are those of real test digits to the training digits, or a little more. Copies would be much nearer. (A shifted copy would escape this test.)

# %% [markdown] tags=["slide"]
# ## 3 · How good are they?
#
# A likelihood says how good a model is. A GAN has none. Its losses say how the game stands, and not how good the pictures are: against a weak $D$ anything wins. What is asked for is that *as a set* the made pictures are like the real ones: each one fit to be seen, and as varied.
#
# Compare sets, then. Let some network describe each picture by its features. Real pictures are a cloud of points in this space, made ones another. Two features, so that one can draw it:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch15 import frechet_figures, frechet_study
from lecture_utils.recipes._judged import course_features

sets = frechet_study.cases(300)
real = course_features(captioned(300, split="test").image)
across = torch.pca_lowrank(real, 2, niter=8)[2]  # (112, 2): the two widest directions of the real cloud
plane = {name: (course_features(sets[name]) - real.mean(0)) @ across
         for name in ("real", "blur 1 pixel", "half the classes")}
figure = frechet_figures.plane_figure((real - real.mean(0)) @ across, plane, ("widest direction", "second"))
plotting.show(figure, "Two features of real pictures beside others: real, blurred, half the classes missing.")

# %% [markdown]
# **How to read it.** Blue are real pictures, orange others, with curves at one and two deviations of the normal distribution that fits them. (The numbers are explained below.) Each little heap is a class or two. Other real pictures lie on top of the first. Blur moves the heaps a little. Where four classes are missing each picture is faultless, but heaps are missing, and the curve is quite another one.
#
# The **Fréchet distance** (Heusel et al. 2017) puts it into a number. Fit a normal distribution to each cloud: mean $\mu$, covariance $\Sigma$. Then it is known how far apart two normal distributions are:
#
# $$d = \lVert\mu_1 - \mu_2\rVert^2 + \operatorname{tr}\bigl(\Sigma_1 + \Sigma_2 - 2\,(\Sigma_1\Sigma_2)^{1/2}\bigr)$$
#
# The first part says that all pictures are off in one direction, the second that they vary differently. The root of a symmetric matrix has the same eigenvectors, and the roots of the eigenvalues. $\Sigma_1\Sigma_2$ is not symmetric, and its root not nice to compute. But it has the same eigenvalues as $\sqrt{\Sigma_1}\,\Sigma_2\sqrt{\Sigma_1}$, which is symmetric, and the trace of the root is the sum of their roots.

# %% tags=["exercise:15.7"]
def frechet(features_a: Tensor, features_b: Tensor) -> float:
    """The Fréchet distance of two sets of pictures by their features, (N, F) and (M, F).

    A Gaussian is fitted to each: the mean, and the covariance (unbiased, over N - 1). The distance is
    ‖μ_a - μ_b‖² + tr(Σ_a + Σ_b - 2 (Σ_a Σ_b)^½). The last trace is the sum of the roots of the eigenvalues
    of √Σ_a Σ_b √Σ_a, which is symmetric. Counted in float64; an eigenvalue below 0 is rounding, and counts
    as 0.
    """
    ...


frechet = check("15.7", frechet)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.game_solutions.frechet

# %% [markdown]
# Now measure two sets of *real* pictures against each other. Each picture is in one set only.

# %%
predict("15.15")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.metrics.kernel_distance import kernel_distance

others = captioned(800, seed=11, split="test").image
one = course_features(captioned(800, seed=10, split="test").image)  # (800, 112)
two, blurry = (course_features(x) for x in (others, frechet_study.worse("blur", 1.0, others)))
sizes = [50, 100, 200, 400, 800]
distances = [frechet(one[:n], two[:n]) for n in sizes]
kernels = [kernel_distance(one[:n], two[:n]) for n in sizes]
fault = (frechet(one, blurry), kernel_distance(one, blurry))
plotting.show(frechet_figures.bias_figure(sizes, distances, kernels, fault),
              "Distances between real pictures over how many there are, and over one over n.")

# %% [markdown]
# **How to read it.** With 50 real pictures against 50 others, their Fréchet distance is several times that of a plain fault (a blur of one pixel, measured with 800). It falls about as $1/n$ (Chong and Forsyth 2020): on the right the points lie near a straight line that ends near 0 for infinitely many. So compare equal numbers only. The kernel distance (green) is how much more alike features are within the sets than between them. It scatters about 0 from the start, though widely.
#
# ### What it sees depends on who looks
#
# Take real pictures and spoil them, each time in one way. Three networks supply the features: our ResNet that knows clean shapes, our judge that knows bad pictures too, and **EfficientNet-Lite0**, trained on a million photographs, as papers do it (there with an Inception network, hence "FID"). How many times as far away is each set as real pictures are?

# %% tags=["system:S15.7", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
sets = frechet_study.cases(200)
reference = captioned(200, split="test").image
reactions = {}
for eye, features in frechet_study.EYES.items():
    seen = features(reference)
    reactions[eye] = {name: frechet(features(images), seen) for name, images in sets.items()}
plotting.show(frechet_figures.reactions_figure(reactions, "The same faults, seen by three networks"),
              "Distances of spoiled pictures, as multiples of that of real ones, in three feature spaces.")

# %% [markdown]
# **How to read it.** 1 is "as real pictures". A faint noise puts one network off a hundredfold, and leaves the one that has learned from noisy pictures cold. The photographs' network is in between. So a distance says how things look *to somebody*. What none of them sees is a generator that hands out training pictures: it is as near as real ones, or nearer. Only if it knows too few of them by heart does the distance grow, as variety is missing.
#
# ### Evaluate three generators
#
# Now the generators of this chapter, each with 200 pictures. **Precision** is the share of made pictures that lie among the real ones in feature space, **recall** the share of real ones that lie among the made: good, and varied (Kynkäänniemi et al. 2019).

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.metrics.precision_recall import precision_recall

made = {frechet_study.TITLES[name]: frechet_study.GENERATORS[name](200)
        for name in ("shapes_ae", "shapes_vae", "shapes_cgan")}
made["other real pictures"] = sets["real"]
true = {eye: frechet_study.EYES[eye](reference) for eye in ("course", "imagenet")}
rows = []
for name, images in made.items():
    seen = {eye: frechet_study.EYES[eye](images) for eye in true}
    precision, recall = precision_recall(seen["course"], true["course"])
    distances = (f"{frechet(seen[eye], true[eye]):.1f}" for eye in true)
    rows.append((name, *distances, f"{precision:.2f}", f"{recall:.2f}"))
show_table(rows, ["200 pictures by", "Fréchet, course", "Fréchet, EfficientNet", "precision", "recall"])

# %% [markdown]
# **How to read it.** Both networks put the three in the same order, and the conditional GAN nearest by far. It seems twice as far away as real pictures, but with 200 the bias from above is in both numbers. With 2,000 (recorded) it is seven times as far (EfficientNet: nine). Hardly a VAE picture lies among the real ones: all are soft. But they vary, and many real ones lie among them. One number could not say that.

# %% [markdown] tags=["slide"]
# ## 4 · From a map to a scene
#
# A label is a condition of one number. Why not give a whole picture? A sampler becomes a tool then: from a label map to a scene, from a sketch to a photograph, from a small picture to a large one. Not pictures alone: a title gives an article, a dull recording a clear one. **Pix2Pix** (Isola et al. 2017) is one recipe for all that goes from picture to picture, as long as there are *pairs*.
#
# The generator is a U-Net: the outline of a thing should be where it is in the map, so what was seen on the way down is handed across. There is no $z$. The only noise is dropout, which stays on.

# %% tags=["show"]
from lecture_utils.generative.pix2pix.generator import Generator, drop

# show: lecture_utils.generative.pix2pix.generator.Generator.forward

# %% [markdown]
# ### A judge of patches
#
# The discriminator gets the map and the picture, one above the other. And it does not give one score for the whole: it is a stack of convolutions that ends in a *map* of scores, each of which sees a patch. This is a **PatchGAN**. It judges what is local, such as edges and texture.

# %% tags=["show"]
# show: lecture_utils.generative.pix2pix.patchgan.PatchGAN.forward

# %%
predict("15.16")

# %% tags=["exercise:15.8"]
def receptive_field(layers: Sequence[tuple[int, int]]) -> int:
    """How many pixels wide the patch is that one score is made of.

    `layers` are (kernel, stride) of the convolutions from the picture to the scores. Without any, a score is
    one pixel.
    """
    ...


receptive_field = check("15.8", receptive_field)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.game_solutions.receptive_field

# %%
from lecture_utils.generative.pix2pix.patchgan import patch_plan, scores_along

fields = {halvings: receptive_field(patch_plan(halvings)) for halvings in range(4)}
rows = [(halvings, f"{field} × {field}", f"{scores_along(32, halvings)} × {scores_along(32, halvings)}")
        for halvings, field in fields.items()]
show_table(rows, ["halvings", "patch, in pixels", "scores for a picture of 32 × 32"])
halvings = max(h for h, field in fields.items() if field <= 32 // 2)  # half a picture's side at most
print(f"for this notebook: {halvings} halving, patches of {fields[halvings]} × {fields[halvings]}")

# %% [markdown]
# In the paper 70 pixels are about a quarter of the picture's side. Our pictures have 32 pixels, and a patch of 70 would see more than all of it. Half the side is the choice here.
#
# ### Why a distance as well?
#
# There *is* a target here, the picture that the map was read from. So the plainest loss is a distance to it. L1, the mean absolute difference, is known to blur less than squares do. Yet a map says *star* and not which colour.

# %%
predict("15.17")

# %%
gallery = zoo.load("scenes_pix2pix_arms")  # painted by generators that were trained to be compared
plotting.show(pix2pix_figures.colours_figure(gallery, pix2pix),
              "How far from grey the objects' pixels are, by objective.")

# %% [markdown]
# **How to read it.** To the left is grey. Most real things are colourful: 0.35 and more between the largest and the smallest of red, green and blue. L1 alone paints greyish things, near the median of all eight colours in each channel. The shipped generator had the game beside it, for 7,000 rounds. Its pixels spread over the whole range: grey no longer, though with more pale ones, and more glaring ones, than real things have.
#
# Pix2Pix takes both. L1 gets the large things right, where they are and how bright. The game sees to it that what is painted looks like something real:
#
# $$G^* = \arg\min_G \max_D\; \mathcal L_{\text{cGAN}}(G, D) + \lambda\, \mathcal L_{L1}(G), \qquad \lambda = 100$$

# %% tags=["exercise:15.9"]
def generator_objective(scores: Tensor, fake: Tensor, target: Tensor, weight: float = 100.0) -> Tensor:
    """What the generator of Pix2Pix makes small, a scalar.

    `scores` (B, 1, h, w) are what the discriminator says of each patch of the generated pictures, as logits;
    `fake` and `target` (B, C, S, S) are these pictures and those that they should be. The mean of -log D over
    all patches, and `weight` times the mean of all absolute differences.
    """
    ...


generator_objective = check("15.9", generator_objective)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.game_solutions.generator_objective

# %% [markdown]
# ### Train it in the open
#
# Your objective, your choice of patch, and pairs that are rendered as they are needed:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.generative.pix2pix.losses import discriminator_loss
from lecture_utils.generative.pix2pix.patchgan import PatchGAN

torch.manual_seed(0)
own = _translated.build_generator()  # a U-Net: 12 channels of labels → 3 of colour
judge = PatchGAN(3, condition=12, layers=halvings, width=16, norm="instance")
adam_g = torch.optim.Adam(own.parameters(), 1e-3, betas=(0.5, 0.999))
adam_d = torch.optim.Adam(judge.parameters(), 4e-4, betas=(0.5, 0.999))
for step, (maps, real) in zip(range(500), _translated.pair_batches(0), strict=False):
    adam_g.param_groups[0]["lr"] = 1e-3 * min(1.0, 3 * (1 - step / 500))  # falls over the last third
    fake = own(maps)  # (8, 3, 32, 32)
    descend(adam_d, discriminator_loss(judge(real, maps), judge(fake.detach(), maps)))
    judge.requires_grad_(False)
    descend(adam_g, generator_objective(judge(fake, maps), fake, real))
    judge.requires_grad_(True)
plotting.show(pix2pix_figures.sheet_figure(own, pairs, "After 500 rounds of eight pairs"),
              "Nine label maps, what your generator paints after 500 rounds, and the real pictures.")

# %% [markdown]
# **How to read it.** What lies where has been learned, the light too. The things still have no colour of their own, but a bit of several. The game has begun to prefer colours to grey, patch by patch, and has not agreed on one for a whole thing.

# %% tags=["system:S15.5", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.recipes._translated_measured import measured

test = _translated.translated(200, seed=1, split="test")
real_scores = measured(test.image, test)
rows = []
for name, model in (("yours, 500 rounds", own), ("shipped, 7,000 rounds", pix2pix)):
    scores = measured(_translated.outputs(model, test.labels), test)
    rows.append((name, f"{scores['agreement']:.1%}", f"{scores['detail']:.2f}", f"{scores['frechet']:.1f}"))
rows.append(("the real pictures", f"{real_scores['agreement']:.1%}", f"{real_scores['detail']:.2f}", "0"))
show_table(rows, ["200 test maps", "pixels read as the map says", "detail", "Fréchet distance"])

# %% [markdown]
# **How to read it.** A segmenter that knows real pictures reads the map off the painted ones. Most of that is learned in 500 rounds. What grows with more rounds is detail (differences between pixels that touch, as a share of the real pictures'), and the Fréchet distance falls. As many real pictures of *other* scenes would be at about 0.5.
#
# ### Which part does what?
#
# Five objectives, one generator. The name GAN means that the discriminator sees the picture alone, cGAN that it sees the map too.

# %%
predict("15.18")

# %%
plotting.show(pix2pix_figures.arms_figure(gallery, pix2pix), "The same maps, painted under five objectives.")

# %% [markdown]
# **How to read it.** All five went on for 500 rounds from one generator that had learned by L1. L1 alone stays soft and greyish. The game alone, in the rows "GAN" and "cGAN", gives colour and contrast, and checkers that no real picture has. With L1 these are gone, and so is most of the colour. It takes longer to come back, as in the last row but one.
#
# To see the map did not help $D$ here: "cGAN" keeps it no better than "GAN" (look for pink sand). The generator knew it from L1, and the U-Net hands outlines across anyway. Part 7 counts, and part 9 shows a case where it matters.
#
# And the noise? Dropout is on, so the same map can be painted several times:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
plotting.show(pix2pix_figures.noise_figure(pix2pix, pairs.labels[0]),
              "One map painted six times with other dropout, and how much each pixel varies.")

# %% [markdown]
# **How to read it.** Hardly any difference. The dropout moves colours a little, most at the edges of things. The authors saw the same: a $z$ was ignored, and dropout varied little. Pix2Pix gives one answer, and no sample of the many.
#
# ### The same tool, another task
#
# **Super-resolution** is conditional generation too: many sharp pictures fit one that has 8 × 8 pixels, and one of them is to be painted (Ledig et al. 2017). The same U-Net, trained on pairs of an enlarged and a sharp picture:

# %%
plotting.show(pix2pix_figures.sharpened_figure(gallery), "Small pictures, sharpened in two ways, and real.")

# %% [markdown]
# **How to read it.** Here the small picture tells the colour, and little is left to choose. Both objectives draw outlines that the enlarged picture does not have, and both turn the small star into a blob: its points have gone in 8 × 8 pixels, and were not made up again. What is painted here is a guess that fits, and no evidence: do not read a number plate from it.

# %% [markdown] tags=["slide"]
# ## 5 · Without pairs
#
# Pairs are rare. Nobody has the same street at noon and at dusk with the same cars in it, and a horse does not stand still to be painted as a zebra. But two *heaps* are easily had. **CycleGAN** (Zhu et al. 2017) learns to translate between them.
#
# There are two generators, $G: A \to B$ and $F: B \to A$, and a PatchGAN for each side, which says whether a picture looks like one of its heap.

# %%
predict("15.19")

# %% [markdown]
# Here are both heaps: day and dusk. No scene is in both.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch15 import cycle_figures

cycle_gallery = zoo.load("shapes_cyclegan_arms")
plotting.show(cycle_figures.arms_figure(cycle_gallery, "day", ("cycle", "no cycle", "no cycle, no shortcut")),
              "Day pictures, exact dusk ones, and translations with and without the cycle loss.")

# %% [markdown]
# **How to read it.** Coarse pictures, 16 × 16, after 500 rounds. With what is called the cycle loss, things stay where they were, though some have changed colour. Without, all outputs have become alike: one dusk, with something reddish in it, for every input. Nobody asked for more. Even so a trace of the scene is left, the ground. Take the shortcuts of the residual blocks away, over which pictures slip through unchanged, and that goes too.
#
# ### There and back again
#
# The **cycle loss** asks that who goes there and back comes out where they began; this is **cycle consistency**. A picture that was exchanged for another scene cannot be found again. The **identity loss** asks that a picture which is in the wanted domain already is left alone:
#
# $$\mathcal L_{\text{cyc}} = \lVert F(G(a)) - a\rVert_1 + \lVert G(F(b)) - b\rVert_1, \qquad \mathcal L_{\text{id}} = \lVert G(b) - b\rVert_1 + \lVert F(a) - a\rVert_1$$

# %% tags=["exercise:15.10"]
def cycle_objective(
    a: Tensor,
    b: Tensor,
    to_b: Callable[[Tensor], Tensor],
    to_a: Callable[[Tensor], Tensor],
    cycle: float = 10.0,
    identity: float = 5.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """CycleGAN's two terms that need no discriminator, a scalar; and what was made of b's domain, and of a's.

    `a` and `b` (B, C, S, S) are pictures of two domains, which need not belong together; `to_b` makes of a
    picture one of domain b, `to_a` one of domain a. There and back again a picture should come out as it was
    (times `cycle`, both ways round); and a picture that is in the wanted domain already should stay as it is
    (times `identity`, both generators). All distances are means of absolute differences. `to_b(a)` and
    `to_a(b)` are returned too, since the discriminators are going to judge them.
    """
    ...


cycle_objective = check("15.10", cycle_objective)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.game_solutions.cycle_objective

# %% [markdown]
# The generators are residual networks with **instance norm**: each channel of each picture gets mean 0 and variance 1 by itself. The game's own loss is least squares instead of logarithms (Mao et al. 2017). And each discriminator is shown some older pictures too, from an **image buffer**, lest it forget tricks that the generator has just dropped.

# %% tags=["show"]
from lecture_utils.generative.cyclegan.generator import Generator

# show: lecture_utils.generative.cyclegan.generator.Generator.forward

# %% tags=["show"]
# show: lecture_utils.generative.cyclegan.image_buffer.ImageBuffer.swap

# %% [markdown]
# Train a small one in the open, with your objective, on pictures of 16 × 16:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.generative.cyclegan import losses
from lecture_utils.generative.cyclegan.image_buffer import ImageBuffer
from lecture_utils.recipes import _unpaired, shapes_cyclegan

torch.manual_seed(0)
light = shapes_cyclegan.pair()  # two generators
critics = nn.ModuleList(PatchGAN(layers=2, width=16, norm="instance") for _ in range(2))  # of day, of dusk
memory = [ImageBuffer(50, seed=0), ImageBuffer(50, seed=1)]
adam_g = torch.optim.Adam(light.parameters(), 2e-3, betas=(0.5, 0.999))
adam_d = torch.optim.Adam(critics.parameters(), 2e-3, betas=(0.5, 0.999))
for _, real in zip(range(150), _unpaired.unpaired_batches("light", 0, batch=8, size=16), strict=False):
    rest, made_dusk, made_day = cycle_objective(*real, light.to_b, light.to_a)
    made = (made_day, made_dusk)
    fooled = [losses.least_squares_generator(critic(x)) for critic, x in zip(critics, made, strict=True)]
    descend(adam_g, sum(fooled) + rest)
    wrong = [losses.least_squares_discriminator(critic(true), critic(old.swap(fake)))
             for critic, old, true, fake in zip(critics, memory, real, made, strict=True)]
    descend(adam_d, sum(wrong))

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch15 import cycle_study

own = _unpaired.with_partners("day", 256, seed=3, size=16)
made = shapes_cyclegan.translated(light.to_b, own.image)
rows = {"day": own.image, "made dusk": made, "exact dusk": own.partner}
plotting.show(cycle_figures.identity_figure(rows, "After 150 rounds, 16 × 16 pixels"),
              "Day pictures, what your generator makes of them, and the exact dusk pictures.")
off, copied = (made - own.partner).abs().mean(), (own.image - own.partner).abs().mean()
found = cycle_study.found_own(made, own.partner)
print(f"off by {off:.3f} a value (unchanged {copied:.3f}); {found:.0%} are nearest to their own scene, of 64")

# %% [markdown]
# **How to read it.** After 150 rounds it is dusk, the sky and the sand are nearly right, grass is not, and for most pictures no other scene of 64 is nearer. Colours fail: yellow and orange have become red, and green has become purple. We can know that, since the exact partner is rendered here. No player ever sees it.
#
# ### The shipped one
#
# 2,200 rounds for the light, on pictures of 32 × 32, and 4,000 for another world: plain things and striped ones.

# %% tags=["system:S15.6", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch15 import cycle_shown

cyclegan = zoo.load("shapes_cyclegan").eval()
dusk = cycle_shown.trip(cyclegan["light"], "day")
plotting.show(cycle_figures.trip_figure(dusk, "day", "Dusk falls, and nobody showed how"),
              "Day pictures, made dusk, exact dusk, and what came back.")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
plain = cycle_shown.trip(cyclegan["material"], "striped")
plotting.show(cycle_figures.trip_figure(plain, "striped", "Stripes to be taken off, and put on again"),
              "Striped things, made plain, exact plain ones, and what came back.")

# %% [markdown]
# **How to read it.** Dusk is near the exact picture: off by 0.026 a value in the mean of 500, where an unchanged picture is off by 0.23. A judge reads 87 % of their colours rightly, and 96 % of those of exact pictures. In the second figure it goes badly: the made plain pictures are off by 0.046, where untouched striped ones are off by 0.023. By this measure, doing nothing would be better.
#
# Look at the last row, and think of a *perfectly* plain picture in the second. It does not tell how the stripes ran. Yet the cycle loss asks for them back.

# %%
predict("15.20")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
noise = 0.04 * torch.randn(plain.there.shape, generator=torch.Generator().manual_seed(0))
noisy = shapes_cyclegan.translated(cyclegan["material"].to_b, (plain.there + noise).clamp(0, 1))
plotting.show(cycle_figures.hidden_figure(plain, noisy, "What is left in pictures that are called plain"),
              "Striped, made plain, its difference from exact plain amplified, what came back, with noise.")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
hidden = cycle_shown.hidden_stripes(cyclegan["material"])
plotting.show(cycle_figures.noise_figure(hidden, "What came back had never quite gone"),
              "How much of the true stripes comes back over the noise that was added on the way.")

# %% [markdown]
# **How to read it.** 1 would be all of the true stripes. In the picture that is called plain, about half are left, and nearly nine tenths come back. From the *exact* plain picture less than a fifth does. So the way back reads the stripes off the picture.
#
# In the aerial maps of Chu et al. the pattern was too faint to be seen, and noise wiped it out. Here it is in plain sight, and strong enough that noise hardly hurts. It is the same bargain: the discriminator lets a trace pass, and the cycle loss pays for each one.

# %%
from lecture_utils.chapters.ch15.widgets.there_and_back import there_and_back

present(there_and_back())

# %% [markdown] tags=["slide"]
# ## 6 · Put together
#
# | | GAN | conditional GAN | Pix2Pix | CycleGAN |
# |---|---|---|---|---|
# | what goes in | noise | noise, a label | a picture, dropout | a picture |
# | what is needed | pictures | pictures with labels | pairs | two heaps |
# | who judges | one D, the whole picture | one D, told the label | one D of patches, sees the input | two D of patches |
# | what ties output to input | nothing | D compares with the label | D, and L1 to the target | the way back |
#
# How large are they?

# %%
models = {"conditional GAN, scenes": cgan, "conditional GAN, digits": writer, "Pix2Pix": pix2pix,
          "CycleGAN, both worlds": cyclegan}
rows = [(name, f"{sum(p.numel() for p in model.parameters()):,}") for name, model in models.items()]
show_table(rows, ["generators of", "numbers learned"])

# %% [markdown]
# ### Where it goes wrong
#
# First what the judge does not take for what was asked:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
wanted = labels_of(captioned(500, seed=2, split="test"))
pictures = painted(cgan, wanted, seed=1)
which, seen = gan_study.misread(pictures, wanted)
plotting.show(gan_figures.misread_figure(pictures[which], wanted[which], seen),
              "Generated pictures that a judge takes for something else, with what was asked and read.")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
plotting.show(pix2pix_figures.failures_figure(pix2pix), "Odd label maps, and what is painted.")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
striped = cycle_shown.trip(cyclegan["material"], "plain")
plotting.show(cycle_figures.failures_figure(striped, "plain", "From plain to striped: the farthest off"),
              "Plain things whose striped translations are farthest from the exact ones.")

# %% [markdown]
# **How to read it.** Some misread ones are real failures, such as two lumps for a green ball; for some the judge is to blame. Pix2Pix paints what it is told even if it is absurd, lets each thing be of many colours, and adds one that nobody asked for (cyan, third map). And CycleGAN's stripes run where they like: no plain picture tells how, so the exact one is one of many right answers. Some are faint, and the green balls got a dark half instead.
#
# What a CycleGAN hardly ever does is change a *shape*. A zebra is painted onto a horse. A cat from a dog would need another outline, and these generators keep the one they were given. The authors name this as their limit.

# %% [markdown] tags=["slide"]
# ## 7 · Claims, measured
#
# Each rule was written down before its runs.
#
# ### C15.2 · What each part of the objective is for

# %% tags=["claim:C15.2"]
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim

show_claim("C15.2")

# %%
plotting.show(pix2pix_figures.objectives_figure(ledger.load("C15.2")),
              "Detail, agreement with the map and Fréchet distance of five objectives, three seeds each.")

# %% [markdown]
# **How to read it.** *C15.2 is not reproduced*, by one of its three parts. With the game beside it, L1 is sharper on all three seeds, by 4 to 5 hundredths of the real pictures' detail; with a weight of 10 in the place of 100, by 32 to 37. And the game alone, which leaves artefacts, has a Fréchet distance larger by 44 to 60 than both together. These two parts hold.
#
# The third does not. The discriminator that sees the map should have kept it better. It agrees *worse* on two seeds, by 23 and 8 points, and by 1 point better on one (interval of the mean: -40 to 21). Its pictures have the most checkers. With L1, too, the blind one came nearer to real ones. And the blind one ignored nothing: the generator began with L1, and 85 to 88 % of its pixels agree still (pictures of other maps: 54 %).
#
# ### C15.3 · Without the way back

# %% tags=["claim:C15.3"]
show_claim("C15.3")

# %%
record = ledger.load("C15.3")
arms = {"cycle loss": "found_with", "cycle and identity loss": "found_with_identity",
        "no cycle loss": "found_without",
        "neither cycle loss nor shortcuts": "found_without_shortcut"}
rows = [(name, *(f"{figures[key]:.0%}" for figures in record.figures)) for name, key in arms.items()]
show_table(rows, ["nearest to their own scene, of 64", "seed 0", "seed 1", "seed 2"])
wanted = {"day": "start", "exact dusk": "exact", "cycle loss": "cycle", "… seed 2": "cycle, seed 2",
          "and identity": "cycle and identity"}
pictures = {name: cycle_gallery.pictures("day", key) for name, key in wanted.items()}
plotting.show(cycle_figures.identity_figure(pictures, "The way back is content with a swap"),
              "Day pictures, exact dusk ones, translations by two seeds, and with the identity loss.")

# %% [markdown]
# **How to read it.** *C15.3 is not reproduced*. Its rule asks for a gap that is surely above 0. It is 51 points in the mean of three seeds, with an interval from -67 to 168. The second half holds: without the cycle loss 6 to 10 % are nearest to their own scene (1.6 % is chance). With it 85 and 87 %, on two seeds. On the third, 2 %.
#
# Look at that one, "seed 2". Sand and sea have changed places, and so have red and blue. That is a fault, and no loss of the input: a linear reader gets half of it back, nearly as much as on the other seeds, and the way back undoes the swap. A cycle loss asks that *something* is kept. It does not say that red must stay red. The identity loss says so of pictures that are dusk already, and that helped: 98 % on every seed.

# %% [markdown] tags=["slide"]
# ## 8 · Paper and toy
#
# | System | In the paper | Here | What that changes |
# |---|---|---|---|
# | GAN, DCGAN | MNIST, faces, 3 million bedrooms, 64 × 64 | points; digits; scenes of 32 × 32 with one thing | collapse and coverage can be counted |
# | Conditional GAN | MNIST and tags; ImageNet's 1,000 classes for the projection | ten digits; 8 classes × 8 colours | held-out pairs tell whether labels are combined |
# | Fréchet distance | 2,048 features of Inception, 50,000 pictures | 112 of our ResNet or 320 of EfficientNet-Lite0, 200 to 2,000 pictures | our values stand beside no paper's, only beside that of real pictures |
# | Pix2Pix | 256 × 256, eight levels, patches of 70 × 70 | 32 × 32, four levels, patches of 16 × 16 | the same objective, about four minutes of one core |
# | CycleGAN | 256 × 256, 9 blocks, 200 epochs | 32 × 32, 3 blocks, 2,200 and 4,000 rounds | exact partners are rendered, so that "kept the scene" can be measured |

# %% [markdown] tags=["slide"]
# ## 9 · Break it
#
# **A discriminator that is too strong.** Let $D$ learn alone, while a generator of digits stays as it was at first. It will get better and better. What does it leave the generator to learn from?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
told = gan_study.starved(100)
plotting.show(gan_figures.starved_figure(told),
              "How often D is right, and the length of the generator's gradient under both losses.")

# %% [markdown]
# **How to read it.** Ten steps, and $D$ is right about every digit. Soon the saturating loss leaves the generator less with each step: after a hundred, a fiftieth of what it was at first (Arjovsky and Bottou 2017). The other loss does not starve it: its gradient grows fiftyfold. That is no blessing: so long a gradient throws a generator about.
#
# **A discriminator without the input.** The game alone, without L1, on the smallest pictures that there are: the input names a ground, and the picture is of one colour. Once the discriminator sees the input, once it does not.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch15 import pix2pix_study

colours = {"D sees the input": pix2pix_study.flat_game(True, seed=0),
           "D does not": pix2pix_study.flat_game(False, seed=0)}
plotting.show(pix2pix_figures.flat_figure(colours),
              "Colours painted for grass, water and sand, beside the real ones.")

# %% [markdown]
# **How to read it.** With sight each ground gets its colour. Without, real colours are painted as well, and handed out to the wrong grounds. Nothing in the loss prefers one way to hand them out: with other first weights you get another. (Try a seed of 2; and of 1, where water becomes sand, and no blue is painted.)
#
# **No cycle loss.** Part 5 showed it from day to dusk. The other way round:

# %%
arms = ("cycle", "no cycle", "no cycle, no shortcut")
plotting.show(cycle_figures.arms_figure(cycle_gallery, "dusk", arms),
              "Dusk pictures, exact day ones, and translations with and without the cycle loss.")

# %% [markdown]
# **How to read it.** Without the way back each dusk turns into nearly the same day, with a blue thing in it, whatever stood there. The discriminator sees one picture at a time. That all of them look alike it cannot notice.

# %% [markdown] tags=["slide"]
# ## 10 · With real weights
#
# You have used real weights already: EfficientNet-Lite0, trained on a million photographs, judged our pictures in part 3.
#
# The other way round: real photographs, our weights. A CycleGAN's generator is nothing but convolutions, so it takes pictures of any size. It has seen one large thing on grass, sand or water, by day, at 32 × 32. Let dusk fall over photographs:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.data import photographs

names = ["china", "flower", "coffee", "rocket", "astronaut"]
photos = torch.stack([photographs.load(name, size=(128, 128)) for name in names])
with torch.no_grad():
    evening = cyclegan["light"].to_b(photos)
plotting.show(sample_sheet(torch.cat([photos, evening]), "Dusk over photographs", columns=5, names=names),
              "Five photographs, and what the generator from day to dusk makes of them.")

# %% [markdown]
# **How to read it.** What is bright gets darker, and all takes on the greyish tints of the toy world's dusk. The rocket's night sky gets *lighter*, probably since no dusk of the toy world was as dark. A network that is made of convolutions takes any picture, and warns nobody.

# %%
progress("15")

# %% [markdown] tags=["slide"]
# ## 11 · Summary
#
# 1. A discriminator is a loss that is learned: it says what no formula does, that a picture does not look real.
# 2. A game is not a descent. A loss that falls says nothing; coverage and quality have to be measured apart.
# 3. A condition has to reach both players, or nobody checks whether it is met.
# 4. A Fréchet distance compares sets in the eyes of one network, and says something only beside that of as many real pictures.
# 5. With pairs, a distance holds the picture in place and the game makes it sharp. Without pairs, the way back does the holding, and may cheat.
#
# ### Further exercises
#
# 1. Play the 25 spots with 4 latent numbers in the place of 2, or 1. What happens to the threads between the spots?
# 2. Give the cycle loss noise on the way, as in the last widget, *during* training. Do the stripes go?
#
# ### References
#
# - M. Arjovsky, L. Bottou, "Towards principled methods for training generative adversarial networks", ICLR 2017. [arXiv:1701.04862](https://arxiv.org/abs/1701.04862)
# - C. Chu, A. Zhmoginov, M. Sandler, "CycleGAN, a master of steganography", 2017. [arXiv:1712.02950](https://arxiv.org/abs/1712.02950)
# - M. J. Chong, D. Forsyth, "Effectively unbiased FID and Inception score and where to find them", CVPR 2020. [arXiv:1911.07023](https://arxiv.org/abs/1911.07023)
# - I. Goodfellow et al., "Generative adversarial nets", NeurIPS 2014. [arXiv:1406.2661](https://arxiv.org/abs/1406.2661)
# - M. Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017. [arXiv:1706.08500](https://arxiv.org/abs/1706.08500)
# - P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, "Image-to-image translation with conditional adversarial networks", CVPR 2017. [arXiv:1611.07004](https://arxiv.org/abs/1611.07004)
# - T. Karras, T. Aila, S. Laine, J. Lehtinen, "Progressive growing of GANs for improved quality, stability, and variation", ICLR 2018. [arXiv:1710.10196](https://arxiv.org/abs/1710.10196)
# - T. Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models", NeurIPS 2019. [arXiv:1904.06991](https://arxiv.org/abs/1904.06991)
# - C. Ledig et al., "Photo-realistic single image super-resolution using a generative adversarial network", CVPR 2017. [arXiv:1609.04802](https://arxiv.org/abs/1609.04802)
# - X. Mao et al., "Least squares generative adversarial networks", ICCV 2017. [arXiv:1611.04076](https://arxiv.org/abs/1611.04076)
# - L. Mescheder, A. Geiger, S. Nowozin, "Which training methods for GANs do actually converge?", ICML 2018. [arXiv:1801.04406](https://arxiv.org/abs/1801.04406)
# - M. Mirza, S. Osindero, "Conditional generative adversarial nets", 2014. [arXiv:1411.1784](https://arxiv.org/abs/1411.1784)
# - T. Miyato, M. Koyama, "cGANs with projection discriminator", ICLR 2018. [arXiv:1802.05637](https://arxiv.org/abs/1802.05637)
# - A. Radford, L. Metz, S. Chintala, "Unsupervised representation learning with deep convolutional generative adversarial networks", ICLR 2016. [arXiv:1511.06434](https://arxiv.org/abs/1511.06434)
# - A. Srivastava et al., "VEEGAN: reducing mode collapse in GANs using implicit variational learning", NeurIPS 2017. [arXiv:1705.07761](https://arxiv.org/abs/1705.07761)
# - J.-Y. Zhu, T. Park, P. Isola, A. Efros, "Unpaired image-to-image translation using cycle-consistent adversarial networks", ICCV 2017. [arXiv:1703.10593](https://arxiv.org/abs/1703.10593)
#
# ### What comes next
#
# A game is quick to paint and hard to play. Chapter 16 goes back to likelihood, by a detour: it destroys pictures in a thousand small steps with noise, and learns to undo one step at a time. That is diffusion.
