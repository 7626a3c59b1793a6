# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 04 · Looking inside networks
#
# **The network says "star". Which part of the picture made it say so, and which of its thousands of units?**
#
# In a trained network every weight lies open and every intermediate number can be printed. And yet nobody can read it. This chapter builds the instruments: neighbours in its feature space, maps of that space, a dissection of its units, pictures that it would like to see, and heat maps that say where it found its evidence. Each instrument is put to the test, because a beautiful heat map of nothing is easy to draw. At the end you catch a network that cheats.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Search** a network's feature space, and **draw** it in two dimensions with PCA and t-SNE.
# 2. **Measure** what a single unit detects, in a classifier and in a GAN, and **prove** it by switching units off.
# 3. **Derive** CAM and Grad-CAM, and **show** that on some networks they are one and the same.
# 4. **Compare** explanation methods by numbers: against exact masks, against baselines, against a network with random weights.
# 5. **Find** the cause of a network's failure, and mend it.
#
# **You need** chapter 01 (convolution, global pooling, training); for section 9 the attention of chapter 02; for IoU chapter 03.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · Why a black box is hard to improve | 8 | 9 · Attention of a transformer | 14 |
# | 2 · Neighbours in feature space | 20 | 10 · Dissecting a GAN | 16 |
# | 3 · PCA and t-SNE | 24 | 11–12 · Put together, train | 14 |
# | 4 · Units, one by one | 26 | 13 · Evaluate | 18 |
# | 5 · What would it like to see? | 12 | 14 · Lab | 40 |
# | 6 · CAM | 10 | 15 · Claims, measured | 14 |
# | 7 · Grad-CAM | 22 | 16–19 · Paper and toy, broken, real, summary | 16 |
# | 8 · Gradients at the pixels | 8 | | |
#
# **A GPU** is not needed anywhere in this chapter.

# %% tags=["skip"]
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import plotting, zoo
from lecture_utils.chapters.ch04 import figures as draw
from lecture_utils.data import digits, photographs, toyworld
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.training.loop import predictions
from lecture_utils.widgets.present import present

start("04")

# %% [markdown] tags=["slide"]
# ## Result first
#
# EfficientNet-Lite0 (Tan and Le 2019) was trained on ImageNet, 1.28 million photographs of 1,000 kinds of things, and came with the course. Above each photograph stands its best answer; the heat is where it found the evidence. It was told *what* is in its training pictures, never *where*.

# %%
from lecture_utils.explain.grad_cam import grad_cam
from lecture_utils.explain.maps import upsample
from lecture_utils.explain.target import Target, target_score
from lecture_utils.hub import packaged

photos = torch.stack([photographs.load(name, size=224) for name in ("coffee", "cat", "astronaut", "rocket")])
practitioner = packaged.efficientnet_lite0()
scale = practitioner.transform.transforms[-1]  # from [0, 1] to what the network was trained on
sees = nn.Sequential(scale, practitioner.model).eval()  # (B, 3, H, W) in [0, 1] -> (B, 1000) logits
logits = predictions(sees, photos)
heat = upsample(grad_cam(sees, photos, logits.argmax(1), layer="1.bn2"), 224)  # (4, 224, 224)
titles = [f"{practitioner.names[row.argmax()]} {row.softmax(0).max():.0%}" for row in logits]
figure = draw.heat_grid(photos, heat, titles, 4, 1.85, "Where a network finds its evidence")
draw.show_photographs(figure, "Four photographs with heat maps: espresso, cat, astronaut in a suit, rocket.")
for what, column in (("helmet", 128), ("suit beside it", 96)):
    covered = photos[2].clone()
    covered[:, 128:192, column : column + 64] = covered.mean((1, 2))[:, None, None]  # a square of one colour
    share = predictions(sees, covered[None]).softmax(1)[0, logits[2].argmax()]
    print(f"astronaut, the {what} covered: {practitioner.names[logits[2].argmax()]} {share:.0%}")

# %% [markdown] tags=["slide"]
# The espresso is found in the coffee, and the cat in its face. ImageNet has no class "astronaut"; the answer is wrong, and the heat lies on the suit and the edge of the helmet. Is it the helmet? Cover it, and "bobsled" falls from 30 % to 5 %; but covering the suit beside it does as much. A map is a guess, and to test it is what this chapter is about.
#
# What made these maps is **Grad-CAM**, which you will build in section 7. It also tells *what for*.
#
# ## 1 · Why a black box is hard to improve
#
# A network that fails gives no reason. It has no line of code to look at, only numbers that training found. So people change what they can reach (more data, another architecture, another learning rate) and look at the accuracy again. That is search, not repair.
#
# Worse, a classifier can be right for the wrong reason. One that named horses in the photographs of the PASCAL VOC benchmark did so, in part, by a source tag in the corner (Lapuschkin et al. 2016; it was one of Fisher vectors, not a network). Its *test* accuracy showed nothing: the test photographs were tagged too.
#
# Our running example is small, so that everything about it can be checked. `scene_net` says which of eight classes stand in a scene, a yes or no for each. Here are its most confident mistakes. Before you read on, write down why it made each. How would you *test* that you are right?

# %%
from lecture_utils.recipes import shapes_multilabel

scene_net = zoo.load("shapes_multilabel")  # (B, 3, 48, 48) -> (B, 8) logits, one a class
scenes = shapes_multilabel.scenes(300, seed=1, split="test", objects=(2, 3))
sample = toyworld.render(scenes, 48, only=("image", "class_id", "visibility", "instance"))
images = sample.image  # (300, 3, 48, 48)
chance = predictions(scene_net, images).sigmoid()  # (300, 8)
best = chance.argsort(1, descending=True)  # (300, 8) classes, the surest first
truth = shapes_multilabel.classes_in(sample.class_id, sample.visibility)  # (300, 8): 1 where it can be seen
wrong = (chance > 0.5) != truth.bool()
margin = torch.where(wrong, (chance - 0.5).abs(), -1.0)
cases = [divmod(int(i), 8) for i in margin.flatten().topk(5).indices]  # scene, class
of_class = sample.class_id[:, :, None] == torch.arange(8)  # (300, objects, 8)
in_sight = (of_class * sample.visibility[:, :, None]).amax(1)  # (300, 8): how much of each class is in sight
titles = [f"{toyworld.CLASSES[k]} {chance[i, k]:.0%}\n{in_sight[i, k]:.0%} in sight" for i, k in cases]
title = f"{(~wrong).float().mean():.0%} of the answers are right; why are these five wrong?"
figure = plotting.image_grid([images[i] for i, _ in cases], titles, 5, 1.5, title)
for ax, (i, k) in zip(figure.axes, cases, strict=True):
    numbers = of_class[i, :, k].nonzero() + 1  # (n, 1): the class's objects, as `instance` counts them
    plotting.outline(ax, (sample.instance[i] == numbers[..., None]).any(0), "#FFFFFF")
plotting.show(figure, "Five scenes; the class in question is outlined, with its probability.")

# %% [markdown]
# All five are misses: the outlined thing is there, and a third to a half of it is hidden. So we guess that the network misses what shows too little of itself. A guess from five pictures can be tested on all 300.

# %%
rows = []
for low, high in ((0.25, 0.5), (0.5, 0.75), (0.75, 1.01)):
    group = truth.bool() & (in_sight >= low) & (in_sight < high)  # (300, 8)
    rows.append((f"{low:.0%} to {min(high, 1):.0%}", int(group.sum()), f"{wrong[group].float().mean():.0%}"))
show_table(rows, ["of the thing in sight", "things", "missed"])

# %% [markdown] tags=["slide"]
# It holds. But it took a person to have the guess. What can be asked of the machine itself? These are the instruments of the chapter.
#
# - **Feature space**: each picture is the list of numbers that a layer gives for it. Which pictures lie near each other there? **PCA** and **t-SNE** draw such a space in the plane (sections 2 and 3).
# - **Dissection**: when does a single unit fire, and which word fits that? In a generator, what goes when it is switched off (4 and 10)?
# - **Class visualisation**: what picture would the network most like to call a star (5)?
# - **CAM** (class activation map) and Grad-CAM: where in *this* picture is the evidence for a class (6 and 7)? Gradients and attention answer related questions (8 and 9).
#
# ## 2 · Neighbours in feature space
#
# The last layer before the classifier gives each picture a **feature vector**. If the network has learned what matters, pictures of like things have like vectors, and what differs without mattering (the place, the light, the colour) is gone.
#
# How do you get at a layer's output inside somebody else's network? By a **hook**: a function that PyTorch calls with the layer's output each time the layer has run. The network's own code stays as it is.

# %%
shapes_net = zoo.load("shapes_resnet")  # (B, 3, 32, 32) -> (B, 8): names the one object of a picture
asked, asked_labels = toyworld.classification(200, size=32, split="test")
kept = {}


def keep(module, inputs, output):
    """What PyTorch calls when the layer has run."""
    kept["maps"] = output.detach()


handle = shapes_net.stages[2].register_forward_hook(keep)
with torch.inference_mode():
    shapes_net(asked)
handle.remove()  # or it would be called for ever
print("stage 3, the last, gave", tuple(kept["maps"].shape), "; its mean over places is the feature vector")

# %% [markdown]
# The package's `record` does the same for several layers at once and removes its hooks even after an error; `activations` runs many pictures through.
#
# Now keep the vectors of many pictures, a **database**, and ask for those nearest to a new one. Nearness is measured by the cosine,
#
# $$\cos(q, f_n) = \frac{q \cdot f_n}{\lVert q\rVert\,\lVert f_n\rVert},$$
#
# with $q$ the new picture's features (a row of `queries`) and $f_n$ row $n$ of the `database`. It compares directions and does not care how strongly a picture excites the network. How good is a space? Count how many of the five nearest neighbours are of the query's class: the **precision at 5**.

# %% tags=["exercise:04.1"]
def precision_at_k(database: Tensor, labels: Tensor, queries: Tensor, asked_labels: Tensor, k: int) -> float:
    """Share of the k rows of the (N, D) database nearest to each query (Q, D) that have its label.

    Nearest by direction (cosine); labels (N,) of the rows, asked_labels (Q,) of the queries; mean over all.
    """
    ...


precision_at_k = check("04.1", precision_at_k)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.solutions.precision_at_k
#
# Each of the network's stages can serve as the space, and so can the raw pixels. The pictures of the database and the queries are disjoint.

# %%
predict("04.1")

# %% tags=["system:S04.1"]
from lecture_utils.chapters.ch04.widgets.retrieval_browser import retrieval_browser
from lecture_utils.explain.hooks import activations, record

stored, labels = toyworld.classification(600, size=32, split="val")
ground, asked_ground = (  # (600,), (200,): water, sand or grass, near the camera
    toyworld.sample_scenes(n, seed=0, split=split, objects=toyworld.ONE_OBJECT).ground[:, 0]
    for n, split in ((600, "val"), (200, "test"))
)
everything = torch.cat([stored, asked])  # (800, 3, 32, 32)
names = {"stem": "stem", "stages.0": "stage 1", "stages.1": "stage 2", "stages.2": "stage 3"}
with torch.inference_mode(), record(shapes_net, *names) as seen:
    shapes_net(everything)
spaces = {"pixels": everything.flatten(1), **{names[layer]: m.mean((2, 3)) for layer, m in seen.items()}}
found, grounds = (  # by your function
    {name: precision_at_k(f[:600], known, f[600:], wanted, 5) for name, f in spaces.items()}
    for known, wanted in ((labels, asked_labels), (ground, asked_ground)))
figure = draw.named_bars(found, "From stage 2 on, neighbours share a class", "of the 5 nearest", 1 / 8)
plotting.show(figure, "Bars: precision among five neighbours for pixels and four depths of the network.")
rows = [(name, f"{found[name]:.1%}", f"{grounds[name]:.1%}") for name in found]
show_table(rows, ["space", "neighbours of the same class", "on the same ground"])
present(retrieval_browser())

# %% [markdown]
# **How to read it.** Pixels find the same ground, hardly the same class. With depth the class comes and the ground goes.
#
# The same with photographs. The bundled ones are cut into tiles that do not overlap; EfficientNet-Lite0 gives each its features, and each tile asks for the five nearest of all others. How many come from its own photograph?

# %%
from lecture_utils.chapters.ch04 import photos as made_of
from lecture_utils.explain.retrieval import FeatureDatabase

tiles, whose = made_of.tiles(photographs.NAMES[:16])  # (144, 3, 128, 128), (144,)
tile_features = activations(sees, tiles, "1.bn2", batch=48).mean((2, 3))  # (144, 1280)
tile_pixels = F.adaptive_avg_pool2d(tiles, 16).flatten(1)  # (144, 768)
bins = (tiles.clamp(0, 0.999) * 4).byte()  # (144, 3, 128, 128): four levels of each colour
code = bins[:, 0] * 16 + bins[:, 1] * 4 + bins[:, 2]  # (144, 128, 128): one of 64 colours for each pixel
tile_colours = torch.stack([tile.bincount(minlength=64) for tile in code.flatten(1)]).sqrt()  # (144, 64)
itself, rows = torch.arange(len(tiles)), []
for name, f in (("pixels, 16 × 16", tile_pixels), ("64 colours, counted", tile_colours),
                ("EfficientNet-Lite0", tile_features)):
    share = FeatureDatabase(f, whose).precision_at_k(f, whose, 5, exclude=itself)
    rows.append((name, f"{share:.1%}"))
show_table([*rows, ("by chance", f"{8 / 143:.1%}")], ["space", "of the same photograph"])

# %%
asking = [9 * photographs.NAMES.index(name) + place for name, place in (("cat", 4), ("astronaut", 7))]
nearest = FeatureDatabase(tile_features, whose).query(tile_features[asking], 5).rows  # itself, then four
titles = [photographs.NAMES[k] for k in whose[nearest.flatten()]]
title = "A tile of a photograph, and the four nearest of 143 others"
figure = plotting.image_grid(tiles[nearest.flatten()], titles, 5, 1.5, title)
draw.show_photographs(figure, "Two rows: a tile of the cat, one of the astronaut, and their four neighbours.")

# %% [markdown] tags=["slide"]
# **How to read it.** The network was never told which tiles belong together. Pixels compare place by place, and two tiles of the same fur do not agree there. Counting colours, without places, finds 69 %: much of a photograph is its colours. The network finds 89 %. In the second row it errs twice: a kickstand and a red saucer for an orange suit.
#
# ## 3 · Two dimensions: PCA and t-SNE
#
# A list of neighbours answers for one picture. To see all of them at once, we need a map in the plane. The oldest way is **principal component analysis** (PCA). Take the mean off the data. Find the direction along which it varies most, then the direction at right angles to it along which the rest varies most, and so on.
#
# With the centred data as rows of $X$ (here 300 digits of 8 × 8 pixels, so 64 numbers each), the variance along a unit vector $u$ is
#
# $$\tfrac{1}{N-1}\sum_n (x_n \cdot u)^2 = u^\top C\,u, \qquad C = \tfrac{1}{N-1} X^\top X,$$
#
# and it is largest for the eigenvector of the **covariance** $C$ with the largest eigenvalue, which is that variance. The eigenvectors are the **components**.

# %% tags=["system:S04.2"]
digit_images, digit_labels = digits.load(size=8, split="all")
some = torch.randperm(len(digit_images), generator=torch.Generator().manual_seed(0))[:300]
vectors, digit_labels = digit_images[some].flatten(1), digit_labels[some]  # (300, 64), (300,)
centre = vectors.mean(0)  # (64,)
distance = torch.cdist(vectors, vectors).square()  # (300, 300), for later
X = vectors - centre
C = X.T @ X / (len(X) - 1)  # (64, 64)
variances, components = torch.linalg.eigh(C)  # the smallest first; components are columns
variances, components = variances.flip(0), components.flip(1)
print(f"two components hold {variances[:2].sum() / variances.sum():.0%} of the variance, "
      f"ten {variances[:10].sum() / variances.sum():.0%}")
shown = [vectors[0], centre]
for k in (2, 10, 30):
    shown.append(centre + X[0] @ components[:, :k] @ components[:, :k].T)  # the digit from k numbers
pictures = [plotting.to_image(v.clamp(0, 1).reshape(1, 8, 8)) for v in shown]
titles = ["a digit", "the mean", "2 components", "10", "30"]
figure = plotting.image_grid(pictures, titles, 5, 1.5, "A digit, put together from ever more components")
plotting.show(figure, "A digit, the mean of all digits, and the digit from 2, 10 and 30 components.")

# %% [markdown]
# PCA is linear, it has one solution (up to signs), it can place a new point, and what it leaves out is known. It also *must* crush together whatever differs only in the other directions: two numbers out of 64.
#
# **t-SNE** (van der Maaten and Hinton 2008) gives up on distances and keeps only *who is near whom*. For each point $i$ it puts a Gaussian bell around $x_i$ and turns it into probabilities of being a neighbour,
#
# $$p_{j|i} = \frac{\exp(-\beta_i\,\lVert x_i - x_j\rVert^2)}{\sum_{k \ne i}\exp(-\beta_i\,\lVert x_i - x_k\rVert^2)}, \qquad \text{perplexity}_i = \exp\Bigl(-\sum_j p_{j|i}\log p_{j|i}\Bigr).$$
#
# Every point gets its own $\beta_i = 1/2\sigma_i^2$ (the inverse width of its bell), such that its **perplexity**, the effective number of its neighbours, is the same everywhere: narrow bells in crowds, wide ones where it is lonely.
#
# Finding $\beta_i$ is a search in one dimension. Perplexity falls as $\beta$ grows, so double $\beta$ until it is too low, then halve the interval (in float64; $0\log 0 = 0$). Do it.

# %% tags=["exercise:04.2"]
def neighbour_probabilities(squared: Tensor, perplexity: float) -> Tensor:
    """Turn squared distances (N,) to the other points into probabilities (N,) of the wanted perplexity."""
    ...


neighbour_probabilities = check("04.2", neighbour_probabilities)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.solutions.neighbour_probabilities
#
# In the map, points $y_i$ have probabilities too, $q_{ij} \propto (1 + \lVert y_i - y_j\rVert^2)^{-1}$: not a bell but **Student's t**, which falls more slowly far out. Why? A point in 64 dimensions can have many others at the same middling distance from it *and* from each other. In the plane there is no room for that: with a bell they would crowd into one heap. The slow tail lets them stand further away at the same $q$.
#
# The map is moved until $q$ is like the symmetric $p_{ij} = (p_{j|i} + p_{i|j})/2N$, in the sense of $\mathrm{KL}(P\,\Vert\,Q) = \sum p_{ij}\log (p_{ij}/q_{ij})$, by gradient descent. The gradient reads like mechanics. Springs $p_{ij}$ pull neighbours together, a repulsion $q_{ij}$ pushes everyone apart:
#
# $$\frac{\partial\,\mathrm{KL}}{\partial y_i} = 4\sum_j (p_{ij} - q_{ij})\,\frac{y_i - y_j}{1 + \lVert y_i - y_j\rVert^2}.$$
#
# For the first 100 steps all $p_{ij}$ are multiplied by 12, **early exaggeration** (for 250 steps in van der Maaten 2014; by 4, for 50 steps, in 2008), so that groups form while the map is small and can still pass each other. The code is the formula, all pairs at once. Then it runs, on $P$ from *your* function. (The package's `tsne` is the same in faster products; a test holds the two equal.)

# %% tags=["show", "system:S04.2"]
# show: lecture_utils.explain.tsne_plain.tsne_gradient

# %%
each = torch.zeros(300, 300, dtype=torch.float64)
for i in range(300):
    others = torch.arange(300) != i
    each[i, others] = neighbour_probabilities(distance[i][others].double(), 20.0)
P = (each + each.T) / (2 * 300)
torch.manual_seed(0)
y = 1e-2 * torch.randn(300, 2, dtype=torch.float64)
velocity, views = torch.zeros_like(y), {"PCA": X @ components[:, :2]}
for step in range(1, 501):
    early = step <= 100
    slope = tsne_gradient(P, y, 12.0 if early else 1.0)
    velocity = (0.5 if early else 0.8) * velocity - (300 / 48 if early else 300 / 4) * slope
    y = y + velocity
    if step in (100, 200, 500):
        views[f"t-SNE, step {step}"] = y

# %%
from sklearn.manifold import trustworthiness

names = [str(k) for k in range(10)]
title = "PCA heaps the digits up; t-SNE lines them up first, then parts them"
figure = draw.point_views(views, digit_labels, names, title)
plotting.show(figure, "300 digits by PCA, overlapping, and by t-SNE at three steps: a streak, then islands.")
trust = {name: f"{trustworthiness(vectors, y, n_neighbors=5):.3f}" for name, y in views.items()}
show_table([tuple(trust.values())], list(trust), caption="Trustworthiness")

# %% [markdown]
# **How to read it.** **Trustworthiness** (Venna and Kaski 2001) asks whether those who are neighbours in the picture were neighbours in the data; 1 is perfect. While attraction is exaggerated, all digits lie on a streak: like ones near each other, but by trustworthiness no better than PCA. Afterwards they part. Each number stands at its digits' middle. (The ones fall into several groups, and theirs stands between.)
#
# Before you use the widget:

# %%
predict("04.2")

# %%
from lecture_utils.chapters.ch04.widgets.tsne_perplexity import tsne_perplexity

present(tsne_perplexity())

# %% [markdown]
# What t-SNE pays for its islands: axes without a meaning, no place for a new point, and a result that depends on the perplexity and the start.
#
# Back to the network: 300 pictures as pixels and as features of its last stage, each laid out by t-SNE. The true classes are used for the colours only.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.explain.tsne import tsne

laid = {}
for title, f in (("pixels", stored[:300].flatten(1)), ("features of stage 3", spaces["stage 3"][:300])):
    laid[title] = tsne(f, perplexity=20, steps=500).embedding  # (300, 2)
title = "By features, pictures of one class lie together"
figure = draw.point_views(laid, labels[:300], toyworld.CLASSES, title, size=16, unnamed=("pixels",))
plotting.show(figure, "Three hundred pictures by t-SNE: classes mixed on pixels, in islands on features.")
rows, itself = [], torch.arange(300)
for title, y in laid.items():
    shares = [FeatureDatabase(y, fact[:300], metric="euclidean").precision_at_k(y, fact[:300], exclude=itself)
              for fact in (labels, ground)]
    rows.append((title, *(f"{share:.1%}" for share in shares)))
show_table(rows, ["map", "5 nearest of the same class", "on the same ground"])

# %% [markdown] tags=["slide"]
# **How to read it.** Pixels make islands too, but the table says what they are: *grounds* (chance is a third), with all classes mixed on each (chance is an eighth). Most of a picture is background, so that is what pixels are alike in. A cluster in a map may be real, and still be about something that you did not ask.
#
# ## 4 · Units, one by one
#
# A **unit** is one channel of a layer, and its map over a picture is its **activation**: the most direct thing there is to look at. But looking at 64 maps over 300 pictures tempts one to see what one hopes for. **Network dissection** (Bau et al. 2017) turns it into a measurement:
#
# 1. Over a whole data set, find the level $T_k$ that unit $k$ exceeds at only 0.5 % of all places: above it the unit **fires**.
# 2. Bring its map to the picture's size, bilinearly, and threshold it there: a mask $M_k(x)$.
# 3. Compare it with the labelled pixels $L_c(x)$ of every concept $c$ that we have a word for.
#
# The comparison is the IoU, over the *whole* data set at once (an empty union counts as 0):
#
# $$\mathrm{IoU}_{k,c} = \frac{\sum_x |M_k(x) \cap L_c(x)|}{\sum_x |M_k(x) \cup L_c(x)|}.$$
#
# A unit with an IoU above 0.04 for some concept is called a detector of the best one. Our toy world has exact labels for 24 concepts: stuff, classes, colours, materials.

# %%
from lecture_utils.data.concepts import CONCEPTS, FIELDS, KIND, concept_masks
from lecture_utils.explain.dissection import dissect, unit_thresholds

scene_maps = activations(scene_net, images, "stages")  # (300, 64, 12, 12)
concepts = concept_masks(toyworld.render(scenes, 48, only=FIELDS))  # (300, 24, 48, 48)
title = "10 of 64 units on the first scene: who can tell what they are for?"
figure = plotting.feature_maps(scene_maps[0], columns=5, limit=10, size=1.5, suptitle=title)
plotting.show(figure, "Ten activation maps of one scene, some dark, some bright in places.")

# %% [markdown]
# A colleague has written the measure. Before you trust an IoU, ask how large it *can* be. A unit that fires on a share $f$ of the pixels and a concept that covers the share $c > f$ have at most $f$ in common, and cover $c$ at least, so $\mathrm{IoU} \le f/c$.

# %% tags=["show"]
# show: lecture_utils.chapters.ch04.solutions.unit_iou_faulty


levels = unit_thresholds(scene_maps)  # (64,)
for unit, name in ((51, "triangle"), (12, "heart")):
    place = concepts[:, CONCEPTS.index(name)]
    fires = (upsample(scene_maps[:, unit], 48) > levels[unit]).float().mean()
    got = unit_iou_faulty(scene_maps[:, unit], levels[unit].item(), place)
    print(f"unit {unit}, {name}: at most {fires / place.float().mean():.3f}, the colleague's {got:.3f}")

# %% [markdown]
# Both are more than can be. Two of the three steps above were not followed. Write the measure as it stands there (`maps`, `threshold` and `concept` are $A_k$, $T_k$ and $L_c$).

# %% tags=["exercise:04.3"]
def unit_iou(maps: Tensor, threshold: float, concept: Tensor) -> float:
    """IoU between where a unit fires, maps (N, h, w), and where a concept is, bool (N, H, W)."""
    ...


unit_iou = check("04.3", unit_iou)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.solutions.unit_iou
#
# Now all 64 units against all 24 concepts, and as a control the same network with fresh random weights. Compare with what you expected.

# %%
predict("04.3")

# %% tags=["system:S04.3"]
from lecture_utils.chapters.ch04.claims import untrained
from lecture_utils.chapters.ch04.widgets.unit_threshold import unit_threshold

trained = dissect(scene_maps, concepts, CONCEPTS)
control_net = untrained(scene_net, images, 0)  # random weights; its batch norms fit the pictures
control = dissect(activations(control_net, images, "stages"), concepts, CONCEPTS)
unit, concept, iou = trained.labels()[0]
place = concepts[:, CONCEPTS.index(concept)]  # (300, 48, 48)
yours = unit_iou(scene_maps[:, unit], trained.thresholds[unit].item(), place)
print(f"unit {unit} detects {concept}: IoU {iou:.3f}, by your function {yours:.3f}")
rows, kinds = [], list(dict.fromkeys(KIND.values()))
for name, result in (("trained", trained), ("random weights", control)):
    detected = [KIND[c] for c in result.detectors()]
    rows.append((name, len(result.labels()), len(detected), *(detected.count(kind) for kind in kinds)))
columns = ["network", "units that detect", "concepts detected", *(f"of these, {kind}" for kind in kinds)]
show_table(rows, columns)
figure = draw.units_firing(images, scene_maps, trained, 4, "Two units, bright where they fire")
plotting.show(figure, "Scenes darkened except where a unit fires; the bright part is the unit's concept.")
present(unit_threshold())

# %% [markdown]
# **How to read it.** Nearly every unit of the trained network detects a class. The random one has no detector of a class; a colour it may have, since a random filter answers to some colours more than to others. How often that happens depends on the draw; claim C04.3 counts it over five.
#
# The IoUs are small because each unit may fire on half a percent of the pixels only: for something as large as the sky even a perfect unit would reach little. In the widget (other scenes, so other numbers), slide the threshold: there is often a better one than the paper's. And a unit may fire at something that we have no word for.
#
# Now a network of photographs. Exact labels for its pixels we can make: collages of four quarters, each from another photograph. The concepts are "brick", "page", "the cat" and so on, 20 in all.
#
# A unit that fires in one quarter of one collage agrees with whatever lies there. So the word that it gets from the first 20 collages has to hold on 20 others. And as a control, everything once more with shuffled labels: each of the first collages gets those of the one before it.

# %%
collages, sources = made_of.collages(photographs.NAMES, 20, seed=0)  # (20, 3, 224, 224), (20, 20, 28, 28)
others, other_sources = made_of.collages(photographs.NAMES, 20, seed=1)  # a word has to hold here too
DEPTHS = {"1.blocks.2": "third block", "1.blocks.4": "fifth", "1.bn2": "last maps"}
layers = {}
for name, network in (("trained", sees), ("random weights", made_of.random_twin(sees, collages[:5]))):
    seen_maps = []
    for pictures in (collages, others):
        with torch.inference_mode(), record(network, *DEPTHS) as seen:
            network(pictures)
        seen_maps.append(dict(seen))
    layers |= {(name, DEPTHS[layer]): [maps[layer] for maps in seen_maps] for layer in DEPTHS}

# %%
rows, on_others = [], {}
cases = [(of, "right", sources) for of in layers]
for of, labelled, truth in [*cases, (("trained", "last maps"), "shuffled", sources.roll(1, 0))]:
    maps, other_maps = layers[of]
    result = dissect(maps, truth, photographs.NAMES, batch=5)
    again = dissect(other_maps, other_sources, photographs.NAMES, batch=5, thresholds=result.thresholds)
    words = {label.unit: photographs.NAMES.index(label.concept) for label in result.labels()}
    held = [k for unit, k in words.items() if again.iou[unit, k] > 0.04]
    rows.append((*of, labelled, f"{len(words)} of {len(result.iou)}", len(held), len(set(held))))
    on_others[of] = again
columns = ["EfficientNet-Lite0", "layer", "labels", "units with a word", "it holds on new", "photographs"]
show_table(rows, columns)
all_forty, their_maps = torch.cat([collages, others]), torch.cat(layers["trained", "last maps"])
result = on_others["trained", "last maps"]
title = "Two units of 1,280, bright where they fire"
figure = draw.units_firing(all_forty, their_maps, result, 3, title, dark=0.4, units=(960, 821))
draw.show_photographs(figure, "Collages, bright where one unit fires: on a cat's face, around a tripod.")
# %% [markdown] tags=["slide"]
# **How to read it.** In the last maps 155 units have a word. That alone says nothing: with shuffled labels 139 have one. But on twenty *other* collages the word holds for 61 units, of 15 photographs, and for 5 where the labels were shuffled. In the third block four units keep a word, *page* or *brick*; in the fifth, and with random weights, none has any. No unit was ever taught "cat's fur".
#
# Look at what two of the 61 fire at. The one called *cat*: the bridge of the nose, beside an eye. The one called *camera*: a tripod and the pale ground around it, hardly ever the camera. A label is the best word of a list, and our list has 20 (the paper's has 1,197).
#
# ## 5 · What would it like to see?
#
# Turn the question around. Instead of asking what the network says about a picture, ask for the picture it would *most* like to call a star. This is **class visualisation**:
#
# $$I^* = \arg\max_I\; f_k(I) - \mathrm{Reg}(I),$$
#
# with $f_k$ the class's log-probability or logit. We climb the gradient $\partial f_k/\partial I$: the weights stay fixed, the *pixels* are trained. The regulariser does the hard work, because the network was never shown how it should answer pictures that cannot exist.
#
# The classic one has four parts: an L2 term against extreme values (Simonyan et al. 2014); a total-variation term against differences between neighbours (Mahendran and Vedaldi 2015); a small blur after each step (Yosinski et al. 2015); and a random shift before it, *jitter*, so that no pixel can rely on its exact place (the code example of "DeepDream", Mordvintsev et al. 2015). Here are the first two, and the gradient.

# %% tags=["show"]
# show: lecture_utils.explain.class_visualisation.regulariser
# show: lecture_utils.explain.class_visualisation.uphill

# %% tags=["system:S04.4"]
from lecture_utils.explain.class_visualisation import UNREGULARISED, visualise_class

chosen = [toyworld.CLASSES.index(c) for c in ("ball", "star", "heart", "ring")]
dream = visualise_class(shapes_net, chosen, size=32, steps=64)
titles = [f"{toyworld.CLASSES[c]} {p:.1%}" for c, p in zip(chosen, dream.probability, strict=True)]
figure = plotting.image_grid(dream.image, titles, 4, 1.8, "Full marks, and no shape that one could name")
plotting.show(figure, "Four synthetic pictures of coloured texture, each with a probability of nearly one.")

# %% [markdown]
# The toy network, which tells eight shapes apart, is content with a texture of corners and arcs in wild colours. Nothing taught it what a picture is. A network of 1,000 kinds of photographs needs more evidence, and so has more to show.
#
# But its pictures have many pixels, and steps in pixels end in noise. So train the **waves** of the picture instead (Olah, Mordvintsev and Schubert 2017). A picture is a sum of waves, long and short. In photographs the long ones are strong, and the three colours rise and fall together. So each wave is scaled by its length, and the colours are mixed as photographs mix them.
#
# The network sees a turned, zoomed and shifted copy at each step: jitter, and more. Four pictures come out below. *Say aloud what each one shows before you open the next cell.*

# %% tags=["show"]
# show: lecture_utils.explain.fourier_ascent.picture_of


from lecture_utils.explain.fourier_ascent import climb_waves, colour_basis

wanted = [130, 409, 985, 340]  # four of ImageNet's 1,000 classes
small = [photographs.load(n, size=64) for n in ("coffee", "cat", "astronaut", "rocket", "china", "flower")]
colours = colour_basis(torch.stack(small))  # (3, 3): how photographs mix their colours
wishes = climb_waves(sees, wanted, colours=colours, steps=80, decay=1.1, rate=0.15, seed=1)  # 128 pixels
figure = plotting.image_grid(wishes, None, 4, 1.9, "What would you call these?")
draw.show_photographs(figure, "Four synthetic pictures with textures and shapes of things, to be named.")

# %%
shares = predictions(sees, wishes).softmax(1)  # (4, 1000)
for picture, k in enumerate(wanted):
    print(f"picture {picture + 1}: {practitioner.names[k]}, {shares[picture, k]:.1%} by the network")

# %% [markdown] tags=["slide"]
# **How to read it.** Each is what *counts as* the thing to one set of weights, and it may appear several times over, or in pieces; section 6 says why. The clock has a rim and figures that are none; the daisy is several flowers; of the flamingo there is not much more than its colour and its neck. Section 17 leaves the regulariser out.
#
# ## 6 · CAM: read the map off the weights
#
# Now for one given picture: *where* is the evidence? For networks that end in a global average and one linear layer, as ours do, the answer needs no new computation (Zhou et al. 2016).

# %%
predict("04.4")

# %% [markdown]
# With $A_c$ the last maps (`maps`) and $w_{kc}$ the head's `weight`,
#
# $$\mathrm{logit}_k = b_k + \sum_c w_{kc}\,\underbrace{\frac{1}{hw}\sum_{ij} A_{c,ij}}_{\text{global average}} = b_k + \frac{1}{hw}\sum_{ij}\underbrace{\sum_c w_{kc}\,A_{c,ij}}_{\mathrm{CAM}_k(i,j)}.$$
#
# Two sums change places, and that is all: the logit is the mean of a map, so the map says what every place contributes. Negative values (blue) speak *against* the class. Below, the sum grows, the strongest maps first.

# %%
i, k = 0, int(best[0, 0])
share = scene_net.head.weight[k].detach()[:, None, None] * scene_maps[i]  # (64, 12, 12): w_kc A_c
order = share.abs().sum((1, 2)).argsort(descending=True)
sums = {n: share[order[:n]].sum(0) for n in (1, 4, 16, 64)}  # each (12, 12)
limit = sums[64].abs().max().item()  # the strongest colour, in all panels
pictures = [images[i], *(plotting.signed_image(total, limit) for total in sums.values())]
titles = ["scene", f"{scene_net.head.weight[k, order[0]]:+.2f} $A_{{{order[0]}}}$",
          "the first 4", "the first 16", "all 64: CAM"]
title = f"CAM for “{toyworld.CLASSES[k]}”: weighted maps, added up one after the other"
figure = plotting.image_grid(pictures, titles, 5, 1.5, title)
plotting.show(figure, "A scene, one weighted activation map, the sums of more and more, and that of all.")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors", "show", "system:S04.5"]
# show: lecture_utils.chapters.ch04.solutions.class_activation_map


weight, bias = scene_net.head.weight.detach(), scene_net.head.bias.detach()  # (8, 64), (8,)
maps = torch.stack([class_activation_map(scene_maps[0], weight, c) for c in range(8)])  # (8, 12, 12)
error = (maps.mean((1, 2)) + bias - predictions(scene_net, images[:1])[0]).abs().max()
print(f"largest difference between mean of the map + bias and the logit: {error:.1e}")

# %% [markdown] tags=["slide"]
# The identity is exact: the map's mean plus the bias is the logit, for every class.
#
# ## 7 · Grad-CAM: ask the gradient
#
# CAM has a price: the network must end that way. Many do not (VGG has three dense layers, a network that labels every pixel never averages), and changing the end means training anew. **Grad-CAM** (Selvaraju et al. 2017) gets the weight of a channel from the gradient instead. For any layer with maps $A_c$ and any score $y$,
#
# $$\alpha_c = \frac{1}{hw}\sum_{ij}\frac{\partial y}{\partial A_{c,ij}}, \qquad \mathrm{GradCAM} = \mathrm{ReLU}\Bigl(\sum_c \alpha_c A_c\Bigr).$$
#
# $\alpha_c$ answers: if channel $c$ were a little stronger at one place, how much would the score gain, on average over the places? The ReLU keeps what speaks *for* the score.
#
# No retraining, any layer, and "any score" is to be taken literally: a class, the difference of two, the amount of water that a network sees.
#
# Write it for a batch. `maps` is $A$ as the layer gave it; `rest` is what the network does with the maps up to its output; `score` picks $y$ out of the output.

# %% tags=["exercise:04.4"]
from collections.abc import Callable


def grad_cam_map(maps: Tensor, rest: Callable[[Tensor], Tensor], score: Callable[[Tensor], Tensor]) -> Tensor:
    """Grad-CAM (B, h, w) of maps (B, C, h, w): `rest` leads from maps to output, `score` on to y (B,)."""
    ...


grad_cam_map = check("04.4", grad_cam_map)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.solutions.grad_cam_map
#
# On a network with a global average, $\partial y_k/\partial A_{c,ij} = w_{kc}/hw$ at every place, so $\alpha_c = w_{kc}/hw$, and Grad-CAM *is* CAM, divided by $hw$, with the negative part cut off. Check it, on the toy network and on EfficientNet-Lite0. Then one picture with two things in it, and two questions: the same maps, weighed for one class and for the other.

# %%
def pooled_head(head):
    """From maps to logits: the global average, then the linear layer."""
    return lambda a: head(a.mean((2, 3)))


cat = int(logits[1].argmax())
photo_maps = activations(sees, photos[1:2], "1.bn2")  # (1, 1280, 7, 7)
for net, a, head, c in (("scene_net", scene_maps[:1], scene_net.head, k),
                        ("EfficientNet-Lite0", photo_maps, practitioner.model.classifier, cat)):
    by_you = grad_cam_map(a, pooled_head(head), lambda out, c=c: out[:, c])[0]
    by_cam = class_activation_map(a[0], head.weight.detach(), c).relu() / a[0, 0].numel()
    print(f"{net}: your Grad-CAM = ReLU(CAM) / hw:", torch.allclose(by_you, by_cam, atol=1e-5))
both = made_of.side_by_side("cat", "coffee")[None]  # (1, 3, 224, 224)
espresso = int(logits[0].argmax())
chances = predictions(sees, both).softmax(1)[0]
pair_maps = activations(sees, both, "1.bn2")
to_logits = pooled_head(practitioner.model.classifier)
heat = torch.cat([grad_cam_map(pair_maps, to_logits, lambda out, c=c: out[:, c]) for c in (cat, espresso)])
titles = [f"{practitioner.names[c]}? {chances[c]:.0%}" for c in (cat, espresso)]
title = "Grad-CAM knows what it was asked for"
figure = draw.heat_grid(both.expand(2, -1, -1, -1), upsample(heat, 224), titles, 2, 3.0, title)
draw.show_photographs(figure, "Cat beside espresso, under two heat maps: one on the cat, one on the coffee.")

# %%
predict("04.5")

# %% tags=["show", "system:S04.6"]
# show: lecture_utils.explain.grad_cam.grad_cam

# %%
from lecture_utils.chapters.ch04.widgets.grad_cam_chooser import grad_cam_chooser

present(grad_cam_chooser())

# %% [markdown]
# At stage 1 the map is finer, hangs on edges and colours, and strays from the object; section 13 counts how often.
#
# The package's version hooks the layer (`record`), so that nobody has to cut the network in two. It gives what the `pytorch-grad-cam` library gives on a torchvision network (`tests/explain/test_grad_cam.py`).
#
# "Any score": the first two maps below ask *why this class rather than that one*, a difference of logits. The last two leave classification altogether. They ask a segmentation network (you will build such networks in chapter 06; this one labels every pixel of a 32 × 32 picture) where the evidence lies for the *amount* of something in the whole picture.

# %%
a, b = best[0, :2].tolist()
x = images[:1]  # (1, 3, 48, 48)
first = toyworld.render(scenes[:1], 32, only=("image",)).image  # the first scene again, at 32 × 32
segmenter = zoo.load("shapes_segmenter")  # (B, 3, 32, 32) -> (B, 5, 32, 32)
parts = ("sky", "grass", "water", "sand", "object")
one, other = toyworld.CLASSES[a], toyworld.CLASSES[b]
questions = {
    f"{one} rather\nthan {other}?": (scene_net, x, "stages", lambda out: out[:, a] - out[:, b]),
    f"{other} rather\nthan {one}?": (scene_net, x, "stages", lambda out: out[:, b] - out[:, a]),
    "how much\nobject?": (segmenter, first, "up_middle", lambda out: out[:, 4].mean((1, 2))),
    "how much\nsky?": (segmenter, first, "up_middle", lambda out: out[:, 0].mean((1, 2))),
}
pictures = [x[0]]
for net, z, layer, score in questions.values():
    one_map = upsample(grad_cam(net, z, score, layer=layer), z.shape[-1])[0]
    pictures.append(plotting.heat_overlay(z[0], one_map))
figure = plotting.image_grid(pictures, ["the scene", *questions], 5, 1.5, "Grad-CAM explains any number")
plotting.show(figure, "A scene and four heat maps: two contrasts between classes, and two for a segmenter.")

# %% [markdown] tags=["slide"]
# ## 8 · Gradients at the pixels
#
# Why stop at a layer? The gradient $\partial y/\partial x$ with respect to the *input* has full resolution and needs no choice of layer (Simonyan et al. 2014). It answers another question, though: not "what speaks for the star?" but "which pixels, changed a little, would change the score?" That is a **sensitivity**.
#
# It is noisy, too. The score of a ReLU network is made of linear pieces, and from one piece to the next the gradient jumps. **SmoothGrad** (Smilkov et al. 2017) averages the gradients of $n$ noisy copies of the picture, $\frac1n\sum \nabla y(x + \epsilon)$. Here $n = 25$.

# %%
from lecture_utils.explain.gradients import input_gradient, saliency, smooth_grad

cases = {"scene_net": (scene_net, images[1:2], best[1:2, 0], "stages", 0.02),
         "EfficientNet-Lite0": (sees, photos[1:2], logits[1:2].argmax(1), "1.bn2", 0.1)}
pictures, titles = [], []
for name, (net, x, c, layer, noise) in cases.items():
    methods = {"input gradient": saliency(input_gradient(net, x, c)),
               "SmoothGrad": saliency(smooth_grad(net, x, c, samples=25, noise=noise)),
               "Grad-CAM": upsample(grad_cam(net, x, c, layer=layer), x.shape[-1])}
    pictures += [x[0]]
    pictures += [plotting.heat_overlay(x[0], m[0], float(m.quantile(0.98))) for m in methods.values()]
    titles += [name, *methods]
figure = plotting.image_grid(pictures, titles, 4, 1.85, "Pixel gradients are speckled, Grad-CAM is a blob")
draw.show_photographs(figure, "Scene and cat, each with two maps of gradients, and Grad-CAM; 2 % saturate.")

# %% [markdown] tags=["slide"]
# **How to read it.** On both pictures the plain gradient is speckled: it is strongest at the red capsule, but also along the heart's stripes and on the ground. SmoothGrad with this little noise hardly changes it on the scene; on the photograph it moves the speckles about and makes the cat no plainer. Section 13 compares them by numbers.
#
# (Noise is 0.02 of the range for the scene, the best of four levels on other scenes, and 0.1 for the photograph; the paper advises 0.1 to 0.2.)
#
# Gradient *times* input, `gradient_times_input`, gives each pixel's share of the score instead, exactly so for a linear model.
#
# ## 9 · Attention of a transformer
#
# A vision transformer seems to need no such instruments: it computes weights that say where each token looks, and the class token's are a map of the picture, one for each head (Caron et al. 2021). Two questions remain. Which layer? In layer 4, the tokens that are looked at are themselves mixtures of others.
#
# **Attention rollout** (Abnar and Zuidema 2020) follows the mixing down to the patches. With $A_l$ the attention of layer $l$, averaged over heads, and half of the signal going around it by the shortcut,
#
# $$\tilde A_l = \tfrac12 A_l + \tfrac12 I, \qquad R = \tilde A_L \cdots \tilde A_2\,\tilde A_1.$$
#
# Row 0 of $R$ is how much of each patch ends up in the class token. And the second question: *whose* map is it?

# %% tags=["exercise:04.5"]
def attention_rollout(attention: Tensor) -> Tensor:
    """Combine the attention (L, heads, T, T) of all layers, first layer first: (T, T), rows sum to 1."""
    ...


attention_rollout = check("04.5", attention_rollout)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.solutions.attention_rollout

# %%
predict("04.6")

# %% tags=["system:S04.7"]
from lecture_utils.explain.attention_maps import cls_attention, rollout

vit = zoo.load("shapes_vit")  # 32 × 32 pictures in a grid of 8 × 8 patches
attention = vit.attention_maps(asked[:2])  # (layers, 2, heads, 65, 65)
heads = cls_attention(attention, grid=(8, 8))  # (2, heads, 8, 8): the last layer's
yours = [attention_rollout(attention[:, i]) for i in range(2)]  # (65, 65) each
print("rows of the rollout sum to 1:", torch.allclose(yours[0].sum(-1), torch.ones(65), atol=1e-5))
print("the package agrees:", torch.allclose(torch.stack(yours), rollout(attention), atol=1e-5))
pictures, titles = [], []
for i, total in enumerate(yours):
    maps = torch.stack([*heads[i, :3], total[0, 1:].reshape(8, 8)])  # (4, 8, 8)
    pictures += [asked[i], *(plotting.heat_overlay(asked[i], m) for m in upsample(maps, 32))]
    titles += [toyworld.CLASSES[asked_labels[i]], "head 1", "head 2", "head 3", "rollout"]
title = "Three heads of the last layer, and the rollout of all layers"
figure = plotting.image_grid(pictures, titles, 5, 1.5, title)
plotting.show(figure, "Two pictures with the class token's attention, head by head, and the rollout.")

# %% [markdown] tags=["slide"]
# **How to read it.** The rule for rollout has no place where a class could enter. It is a property of the picture and the weights, so it says *where the network looked*, never *why star and not heart*. Grad-CAM works on transformers too: lay a layer's tokens out as maps (`as_maps=lambda tokens: tokens_to_maps(tokens, (8, 8))`) and ask for a class.
#
# Attention is a fact about the computation; whether it explains the answer has to be measured (section 13).
#
# ## 10 · Dissecting a GAN
#
# So far we found units that *agree* with a concept. Agreement is correlation. In a **generator** we can go further and *intervene* (Bau et al. 2019). A generative adversarial network (chapter 15 builds it) turns 64 random numbers, its *latent vector*, into a picture, and nobody told it what an object is.
#
# Dissect its units as in section 4, with the segmenter's labels in place of true ones. For each concept take the threshold at which a unit fires in as large a share of places as the concept covers. (The paper takes the threshold at which "fires" and "concept is here" tell most about each other: their mutual information, as a share of their joint entropy, is largest.)
#
# Then switch the units that agree with *object* off, $A_k \leftarrow 0$, and look whether objects leave the picture, and only they. The control is as many of the other units, drawn at random. What changes then is an effect of the units, no longer a correlation.

# %%
predict("04.7")

# %% tags=["system:S04.8"]
from lecture_utils.chapters.ch04.claims import COUNT, LAYER, segment
from lecture_utils.chapters.ch04.widgets.gan_toggles import gan_toggles
from lecture_utils.explain import gan_dissection as gan

generator = zoo.load("shapes_gan")  # (B, 64) -> (B, 3, 32, 32)
z = generator.sample(120, seed=1)  # (120, 64); the units are chosen on other pictures
found_units = gan.dissect_generator(generator, LAYER, generator.sample(120, seed=2), segment, parts)
object_units = gan.top_units(found_units, "object", COUNT)
others = [unit for unit in range(len(found_units.iou)) if unit not in object_units]  # the other 52
drawn = torch.randperm(len(others), generator=torch.Generator().manual_seed(0))[:COUNT]
random_units = [others[i] for i in drawn]
rows = []
for name, off in (("nothing", []), ("object units", object_units), ("random units", random_units)):
    shares = gan.shares_after(generator, LAYER, z, segment, 5, units=off)  # (120, 5)
    rows.append((name, len(off), *(f"{share:.1%}" for share in shares.mean(0))))
show_table(rows, ["switched off", "units", *parts], caption="Mean share of 120 generated pictures")
present(gan_toggles())

# %% [markdown]
# **How to read it.** Without the object units most of the objects' area goes, and ground fills the room; the sky stays. As many random units take hardly anything from the objects. (One draw; claim C04.4 takes ten a seed.)
#
# The reverse: switch the units **on** in a patch of their map and nothing else, at a level that each reaches by itself in one of a hundred places. Below, five generated landscapes without an object.

# %%
maps = activations(generator, z, LAYER)  # (120, 64, 8, 8)
region = torch.zeros(maps.shape[-2:], dtype=torch.bool)
region[5:7, 3:5] = True
empty = gan.shares_after(generator, LAYER, z, segment, 5, units=[])[:, 4] < 0.005
some = z[empty][:5]
with gan.edited(generator, LAYER, object_units, gan.high_values(maps, object_units), region):
    inserted = gan.generate(generator, some)
before = gan.generate(generator, some)
areas = [(segment(p) == 4).float().mean((1, 2)) for p in (before, inserted)]  # (5,) each
titles = [f"object {a:.1%}" for a in torch.cat(areas)]
title = "Forced on in one patch: blots that the segmenter calls objects"
figure = plotting.image_grid([*before, *inserted], titles, 5, 1.5, title)
plotting.show(figure, "Five generated landscapes, and the same with a blot where units were switched on.")

# %% [markdown] tags=["slide"]
# **How to read it.** Something appears, in the patch and only there. It is no ball and no star: this small generator draws no clean objects even by itself, and twelve units of one layer are not all that an object needs. The segmenter says "object", the eye says "blot". So ablation proves that the units *matter* for objects, and insertion that they are not enough for one. In the paper, with units of a large generator and a patch for a door or a tree, the insertions are convincing.
#
# ## 11 · Put together
#
# All instruments side by side: what each needs, what it can be asked about, and what it costs.
#
# | Instrument | Needs | Asks about a class | Cost here |
# |---|---|---|---|
# | neighbours | a database of features | no | 1 forward pass and a matrix product |
# | dissection | pixel labels for the concepts | no | 1 forward pass for each picture |
# | class visualisation | a gradient, a regulariser | yes | about 100 × forward and backward |
# | CAM | average and linear layer at the end | yes | 1 forward pass |
# | Grad-CAM | a layer with maps | any score | 1 forward, 1 backward |
# | SmoothGrad | a gradient | any score | 25 × forward and backward |
# | attention rollout | a transformer | no | 1 forward pass |
#
# And the scene network on which most of them were shown, drawn from its own forward pass. Between the last stage and the head stands the global average, which has no block.

# %%
from lecture_utils.plotting.diagram import architecture

figure = architecture(scene_net, images[:1], depth=2)
plotting.show(figure, "The scene network as blocks: 48 to 12 pixels, 24 to 64 channels, and eight logits.")

# %% [markdown] tags=["slide"]
# ## 12 · Train
#
# A supplier has scanned handwritten digits, 1,197 to train on and 300 for the test. They look fine, on paper with a grain. **First, overfit one batch**: a network that cannot learn 16 pictures by heart has a bug. **Then train**, small and in the open. The contract says: 95 % on the test pictures.

# %% tags=["show"]
from collections import OrderedDict

from lecture_utils.chapters.ch04 import hans
from lecture_utils.training.loop import accuracy, fit, minibatches
from lecture_utils.training.losses import cross_entropy

# show: lecture_utils.chapters.ch04.hans.small_net

# %%
def trained_on(x: Tensor, y: Tensor, steps: int, seed: int = 0):
    """A small net and the history of its training."""
    torch.manual_seed(seed)
    net = small_net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    history = fit(net, minibatches(x, y, batch_size=32, seed=seed), loss=cross_entropy, optimizer=optimizer,
                  steps=steps, schedule=schedule, label="a small net")
    return net.eval(), history


train_x, train_y = hans.delivered("train")  # (1197, 1, 16, 16), (1197,)
test_x, test_y = hans.delivered("test")  # (300, 1, 16, 16), (300,)
net, history = trained_on(train_x[:16], train_y[:16], 100)
right = accuracy(net, train_x[:16], train_y[:16])
print(f"one batch: loss {history.losses[0]:.2f} -> {history.losses[-1]:.3f}, right on these 16: {right:.0%}")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
digit_net, history = trained_on(train_x, train_y, 200)
said = predictions(digit_net, test_x).argmax(1)  # (300,)
late = sum(history.losses[-15:]) / 15
print(f"training loss {late:.3f}; right on the test: {(said == test_y).float().mean():.1%}")
order = torch.cat([(said == test_y).nonzero()[:5, 0], (said != test_y).nonzero()[:5, 0]])
titles = [f"{test_y[i]}" if said[i] == test_y[i] else f"{test_y[i]}, called {said[i]}" for i in order]
title = "Five that it names, and its first mistakes"
figure = plotting.image_grid([test_x[i] for i in order], titles, 5, 1.5, title)
plotting.show(figure, "Handwritten digits, five named rightly, and those that are named wrongly.")

# %% [markdown] tags=["slide"]
# ## 13 · Evaluate: does the map point at the object, and where does it fail?
#
# With exact masks we can ask three hard questions.
#
# **Does it point?** In the **pointing game** (Zhang et al. 2016) a map scores if its highest point lies on an object of the class it was asked for. The *energy* is the share of its positive part that does, and the *selectivity* is that share less what lies on the other object.
#
# **Is it better than no network?** Objects stand near the middle, and they have edges. So the place where objects stand most often and an edge filter play along.
#
# **Does it depend on the network at all?** (Adebayo et al. 2018.) That test comes last.

# %%
from lecture_utils.chapters.ch04 import localisation
from lecture_utils.explain.baselines import edge_map
from lecture_utils.explain.sanity import cascade, cascading_randomisation
from lecture_utils.metrics.localisation import energy_in_mask, pointing_game

two = localisation.pairs(80, seed=99, split="test")  # scenes of two objects, each of them named in turn
prior = localisation.place_prior(150, seed=98)  # (48, 48): where objects stand in training scenes
*_, (_, scrambled) = cascade(scene_net, seed=0)  # every layer's weights drawn anew
maps = localisation.explanations(scene_net, vit, scrambled, two, prior, samples=8, seed=0)
early = [grad_cam(scene_net, two.images, two.classes[:, k], layer="stages.0") for k in (0, 1)]
maps["Grad-CAM, stage 1"] = torch.stack([upsample(m, 48) for m in early], 1)  # (80, 2, 48, 48)
scores = {name: localisation.score(m, two.masks) for name, m in maps.items()}
SHOWN = ("CAM", "Grad-CAM", "Grad-CAM, stage 1", "input gradient", "SmoothGrad", "edges",
         "where objects stand", "attention rollout", "Grad-CAM, weights scrambled")
title = "CAM and Grad-CAM point best at the named object"
figure = draw.grouped_bars({name: scores[name] for name in SHOWN}, title, "mean of 80 scenes, both named")
plotting.show(figure, "Bars of pointing game, energy and selectivity for nine kinds of map.")

# %% [markdown]
# **How to read it.** CAM and Grad-CAM find the named object, and hardly ever light up the other. Asked at stage 1, or with scrambled weights, it points less well than the place where objects stand most often. Attention has a selectivity of zero: it was never asked. (Its row is another network's, the ViT of section 9, which saw single objects at 32 × 32. Only its zero is a fair comparison.)
#
# SmoothGrad, here with 8 copies to save time, points no better than the plain gradient; with 16 copies, over the five seeds of C04.2, a little (48 % against 46 %). And is a pixel gradient really hardly better than an edge filter? Its highest point lies on a *contour*, and a contour has two sides.
#
# A miss is not a miss. A peak on the *other* object means that the map is of the wrong thing. A peak one pixel beside its own object means that the yardstick is sharp. A peak on the empty ground means that there was nothing to find.
#
# Write a measure that tells them apart. Each map counts once, in this order: on its own object, on the other, beside its own (at most `near` pixels from it, measured between pixel centres), nowhere.

# %% tags=["exercise:04.6"]
def where_it_points(maps: Tensor, own: Tensor, other: Tensor, near: float) -> dict[str, float]:
    """Shares of maps (B, H, W) whose highest point is "on it", "on the other", "beside it", "nowhere".

    Masks (B, H, W) bool; "beside it" means within `near` pixels of its own object, but on neither.
    """
    ...


where_it_points = check("04.6", where_it_points)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.solutions.where_it_points

# %%
named, other = two.masks.flatten(0, 1), two.masks.flip(1).flatten(0, 1)  # (160, 48, 48) each
rows = []
for name in SHOWN:
    kinds = where_it_points(maps[name].flatten(0, 1), named, other, 1.5)
    rows.append((name, *(f"{share:.0%}" for share in kinds.values())))
show_table(rows, ["the map's peak lies", *kinds])

# %% [markdown]
# **How to read it.** The gradient's peak is hardly ever on the *other* object, and often just beside the named one. With the tolerance of the paper's pointing game (15 pixels of about 500, so 1.5 of our 48) it leaves the edge filter well behind, which cannot tell one object from the other.

# %%
predict("04.8")

# %%
x, asked_class = two.images[:40], two.classes[:40, 0]
explainers = {
    "Grad-CAM": lambda net: upsample(grad_cam(net, x, asked_class, layer="stages"), 48),
    "input gradient": lambda net: saliency(input_gradient(net, x, asked_class)),
    "an edge filter": lambda net: edge_map(x),
}
order = ["head", "stages.1.1", "stages.1.0", "stages.0", "stem"]
lines = {name: [value for _, value in cascading_randomisation(scene_net, method, layers=order)]
         for name, method in explainers.items()}
title = "Randomised from the head down: how much of each map is left?"
figure = draw.cascade_curves(lines, ["trained", *(f"+ {name}" for name in order)], title)
plotting.show(figure, "Rank correlation with the trained network's map against how much is randomised.")

# %% [markdown]
# **How to read it.** (Rank correlation is 1 where both maps order the pixels alike, 0 where by chance. The weights keep their old mean and spread, the batch norms their statistics.) With a new head Grad-CAM's map has nothing left of the old one, as it must: its weights come from the head. (One draw of weights.)
#
# The pixel gradient keeps a part through all layers, because the picture itself shapes it. The edge filter keeps everything, for it has never seen the network. A map that survives so has explained the picture, not the network. (Of the methods in the paper, plain gradients and Grad-CAM pass; guided backpropagation, which sets negative gradients to zero on the way down, fails.)
#
# Now the failures of the best one.

# %%
flat = maps["Grad-CAM"].flatten(0, 1)  # (160, 48, 48)
asked_for = two.classes.flatten()
hit = pointing_game(flat, named)
missed = [toyworld.CLASSES[c] for c in asked_for[hit == 0]]
astray = int(pointing_game(flat, other)[hit == 0].sum())
print(f"{len(missed)} of {len(hit)} miss; {missed.count('ring')} of these were asked for a ring; "
      f"{astray} point at the other object")
rows = (hit == 0).nonzero()[:5, 0]
titles = [toyworld.CLASSES[asked_for[r]] for r in rows]
pictures = [plotting.heat_overlay(two.images[r // 2], flat[r]) for r in rows]
figure = plotting.image_grid(pictures, titles, 5, 1.5, "The first five misses, and what was asked for")
for ax, r in zip(figure.axes, rows, strict=True):
    plotting.outline(ax, named[r], "#56B4E9")
plotting.show(figure, "Five scenes with Grad-CAM and the outline of the object that was asked for.")

# %% [markdown] tags=["slide"]
# **Why these?** Most are *rings*, with the map's peak in the hole. The network finds the ring, but the mask, quite correctly, leaves the hole out. One look at the failures, and a number that seemed to be about the network turns out to be partly about the yardstick. (Another limit: 12 × 12 places on 48 pixels; a peak can only be placed to four pixels.)
#
# ## 14 · Lab
#
# **Catch a Clever Hans.** You write the instrument with your own hands, find out what the network of section 12 looks at, and prove it. A classifier that is right for the wrong reason is called a **Clever Hans** (Lapuschkin et al. 2019), after a horse that seemed to do sums and in truth watched its audience.
#
# ### Step 1: assemble
# Write Grad-CAM for *any* network, layer and score, with a forward hook of your own. It is a guest: afterwards no hook is left (not even if the score raises an error), and no weight has a `.grad`.

# %% tags=["exercise:04.L1"]
def explain(model: nn.Module, layer: nn.Module, x: Tensor, score: Callable) -> Tensor:
    """Grad-CAM (B, h, w) of a score (B,) at a layer of any network, which is left as it was found."""
    ...


explain = check("04.L1", explain)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.lab.explain
#
# Choose a network. `layer` is a module, not a name; print the network to see what there is.

# %%
NETWORKS = {
    "EfficientNet-Lite0": (sees, sees[1].bn2, photos[:3]),
    "the scene network": (scene_net, scene_net.stages, images[:3]),
    "of section 12": (digit_net, digit_net.features, test_x[:3]),
}
model, layer, x = NETWORKS["EfficientNet-Lite0"]  # or another, or one of your own
answers = predictions(model, x).argmax(1)
maps_l1 = upsample(explain(model, layer, x, lambda out: out.gather(1, answers[:, None])[:, 0]), x.shape[-1])
pictures = [plotting.heat_overlay(a, m) for a, m in zip(x, maps_l1, strict=True)]
figure = plotting.image_grid(pictures, [f"class {c}" for c in answers], 3, 2.4, "By your own hook")
draw.show_photographs(figure, "Three pictures under the heat of Grad-CAM for the class that they are given.")
print("hooks left:", len(layer._forward_hooks))

# %% [markdown]
# ### Step 2: debug
# Single maps tell little: every digit lies where it lies. But a class's maps *together* show a habit. Find the class whose maps agree most on one place. Each map counts as shares of its own sum, a class's maps are averaged, and the largest value of all averages decides. A map of zeros stays a map of zeros: it is counted in its class's mean and adds nothing to it. A class without maps is not suspected.

# %% tags=["exercise:04.L2"]
def most_fixed(maps: Tensor, labels: Tensor, classes: int) -> tuple[int, int, int]:
    """Maps (N, h, w), labels (N,) -> the class whose maps agree most on one place, and its row and column."""
    ...


most_fixed = check("04.L2", most_fixed)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.lab.most_fixed

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
digit_maps = explain(digit_net, digit_net.features, test_x, lambda out: out.amax(1))  # (300, 8, 8)
suspect, row, column = most_fixed(digit_maps, said, 10)
print(f"suspected: class {suspect}, at row {2 * row}, column {2 * column} of 16")
share = digit_maps / digit_maps.sum((1, 2), keepdim=True).clamp_min(1e-12)
habits = upsample(torch.stack([share[said == c].mean(0) for c in range(10)]), 16)
digits_mean = [test_x[said == c].mean(0) for c in range(10)]
pictures = [plotting.heat_overlay(digits_mean[c], habits[c], habits.max().item()) for c in range(10)]
titles = [f"{c}, called {(said == c).sum()} times" for c in range(10)]
title = "The mean map of each class: one has a favourite place"
figure = plotting.image_grid(pictures, titles, 5, 1.5, title)
plotting.show(figure, "Ten mean digits under their mean heat maps; one has a spot at the lower right.")
its_own = (said == suspect).nonzero()[:4, 0]
large = upsample(digit_maps[its_own], 16)
pictures = [*test_x[its_own], *map(plotting.heat_overlay, test_x[its_own], large)]
figure = plotting.image_grid(pictures, None, 4, 1.85, "Now look again at what was delivered")
plotting.show(figure, "Four eights, each with a small cross at the lower right, and their heat maps over it.")

# %% [markdown]
# The 2 has a favourite place as well: its foot. The difference is what lies there: a stroke of the digit, or none. On the eights it is a small cross, on every one and on nothing else. It was in sight all the time: look at the third picture of section 12. The network may have learned it, but a map is only a hypothesis: it says where the evidence lies, not what would happen without.
#
# ### Step 3: interpret
# So change nothing but the mark and count. Of the pictures that are *not* called 8, how many are once the mark is pasted in? Of those that are, how many are not once its place is covered?

# %% tags=["exercise:04.L3"]
def answers_that_turn(answer, pictures, paste, cover, k) -> tuple[float, float]:
    """Shares of answers that turn to class k when the mark is pasted in, and away when its place is covered.

    `answer` gives classes (N,) of pictures (N, …); `paste` and `cover` give edited pictures. Count only those
    that can turn: not called k before the first, called k before the second; 0.0 where there are none.
    """
    ...


answers_that_turn = check("04.L3", answers_that_turn)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.lab.answers_that_turn
#
# The control is the same mark in the opposite corner. And the repair is one line: the same pictures with the mark on a random half of *all* of them, so that it says nothing.

# %%
predict("04.9")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
mended, _ = trained_on(*hans.delivered("train", marked="half"), 200)
clean_x, _ = hans.delivered("test", marked="none")
eights = test_y == suspect
rows, turns = [], []
for name, network in (("as delivered", digit_net), ("mended", mended)):
    def answer(x, network=network):
        return predictions(network, x).argmax(1)

    tested = [f"{(answer(x) == test_y).float().mean():.0%}" for x in (test_x, clean_x)]
    rows.append((name, *tested, f"{(answer(clean_x)[eights] == suspect).float().mean():.0%}"))
    for where, corner in (("its place", ()), ("the opposite corner", (1, 1))):
        paste, cover = (lambda x, f=f, corner=corner: f(x, *corner) for f in (hans.pasted, hans.covered))
        shares = answers_that_turn(answer, test_x, paste, cover, suspect)
        turns.append((name, where, *(f"{share:.0%}" for share in shares)))
show_table(rows, ["trained", "right, delivered", "right, no marks", f"{suspect}s found, no marks"])
show_table(turns, ["trained", "mark at", f"turn to {suspect} by the mark", "turn away when covered"])

# %% [markdown] tags=["slide"]
# **How to read it.** On what was delivered all is well, because the test has the same flaw. The mark alone turns about half of all other digits into eights, and covering it takes nearly all eights away; in the other corner it does nothing. That is no longer a map but a cause.
#
# The mended network answers as before without any of it. An explanation is worth this much: it turns "collect more data" into "collect *these* data".
#
# ## 15 · Claims, measured
#
# Each finding is an experiment with a rule that was written before the run, on five seeds. The networks are shipped weights; seeds draw other pictures, other random networks and other random units.
#
# ### C04.1 · Features beat pixels
# Pixels get their best form (size, centring, angle or distance), chosen on other queries. As a control, a network of the same architecture with random weights.
#
# ### C04.2 · Grad-CAM points at the named object, attention at none in particular
# Scenes of two objects, each named in turn; baselines are the centre and the place where objects stand most often.

# %% tags=["claim:C04.1", "claim:C04.2"]
from lecture_utils.chapters.ch04 import claim_figures as drawn
from lecture_utils.experiments.card import show_claim

show_claim("C04.1")
figure = drawn.neighbours_by_space()
plotting.show(figure, "Bars: share of neighbours of one class, colour and material, for three spaces.")
show_claim("C04.2")
figure = drawn.who_was_named()
plotting.show(figure, "Bars of pointing game and selectivity: three gradients, two baselines, attention.")

# %% [markdown]
# **How to read them.** *C04.1*: the gap is nearly as large as it can be, and the random network, at chance, shows that it comes from training and not from the architecture. By colour the pixels are *better* (35 % against 19 %; one in eight by chance). Neighbours in feature space are alike *for the purpose that the network was trained for*.
#
# *C04.2*: Grad-CAM beats the better of the two baselines by a wide margin. CAM does as well, and a pixel gradient knows which object was named, if less surely. The selectivity of attention is zero by construction: there is one map, and it is compared with both objects. That is a fact about the method, not a measurement.
#
# ### C04.3 · Training makes detectors
# The paper's settings, with thresholds from one set of scenes and IoUs from another. Of the 24 concepts the 16 that are no colours count.
#
# ### C04.4 · Object units of a GAN cause objects
# Twelve of 64 units, chosen on some latent vectors and switched off on others.

# %% tags=["claim:C04.3", "claim:C04.4"]
show_claim("C04.3")
figure = drawn.detectors_by_limit()
plotting.show(figure, "Concepts with a detector against the limit, for a trained and a random network.")
show_claim("C04.4")
rows = drawn.lost_areas(parts)
show_table(rows, ["switched off", *parts], caption="Change of each area, mean over the seeds")

# %% [markdown]
# **How to read them.** *C04.3*: all eight classes have detectors in the trained network. Random ones have none for anything but *colours*, of which they have one to three at the paper's limit of 0.04; at twice that limit nearly all of those are gone. Without the control, and without a look at the *kind* of concept, they would count as findings. And the trained network's last layer has *no* detector of a colour or material: it was trained to name shapes.
#
# *C04.4*: read the diagonal. Each concept's own units take more than half of *it* away, and other concepts fill the room. Without the random units, objects even grow a little. Agreement predicted cause here. It need not have.
#
# ### C04.5 · With depth come detectors of classes
# Two trained networks and their architectures with random weights; the words now include textures, and parts of objects such as *tip of a star*.

# %% tags=["claim:C04.5"]
show_claim("C04.5")
figure = drawn.kinds_with_depth()
plotting.show(figure, "Stacked bars a stage: kinds of concept that units detect, trained and random.")

# %% [markdown] tags=["slide"]
# **How to read it.** Each bar counts all units of a stage of `shapes_resnet`; white is no detector of anything on the list. The first stages are for colours, with trained weights as with random ones. Colours fade with depth in both: from the stem to the last stage by 54 points of all units in this trained network, by 20 in the random one. A part of that is depth, not training.
#
# What only training brings are parts, in between, and classes, at the end. For *textures* no trained network has a detector: the patterns on objects are finer than a cell of the maps, and no answer depends on them.
#
# AlexNet did the same on photographs: colours and textures dominate its first two layers, while more detectors of objects and parts emerge in its last (Bau et al. 2017, section 3.3, figure 5).
#
# ## 16 · Paper and toy
#
# | | The papers | Here | What that costs |
# |---|---|---|---|
# | t-SNE | a tree for the repulsion (Barnes–Hut) from some thousands of points on | exact, all pairs | nothing up to a few thousand points; then $N^2$ hurts |
# | Dissection | 1,197 concepts on 63,305 photographs (Bau et al. 2017, table 1) | 24 concepts on 300 scenes, 20 on 20 collages, labels exact | a unit for something not on our list counts for nothing |
# | Class visualisation | hundreds of steps at 224 pixels and more | 80 steps at 128 | coarser pictures |
# | CAM, Grad-CAM | VGG and GoogLeNet, maps of 14 × 14 of 224 pixels | maps of 12 × 12 of 48, and 7 × 7 of 224 | as coarse, relative to the picture; toy objects are few and large, so pointing is easier |
# | Pointing game | a hit counts within 15 pixels | on the object itself | gradients, whose peaks lie beside it, look worse |
# | Attention | ViT-S/8, trained by DINO on 1.28 million photographs | four layers, a grid of 8 × 8 patches | heads are less clean than the famous pictures |
# | GAN dissection | progressive GANs, churches and kitchens | 64 units, 32 × 32 scenes | one class "object"; the paper optimises its set of units, we take the best twelve |
#
# ## 17 · Break it
#
# ### Leave the ReLU out of Grad-CAM
# One call less. Many plots then draw the map's magnitude, or stretch it from its lowest to its highest value. What do they show?

# %%
predict("04.10")

# %%
pair = two.classes.flatten(), two.images.repeat_interleave(2, 0)  # (160,), (160, 3, 48, 48)
signed = upsample(grad_cam(scene_net, pair[1], pair[0], layer="stages", relu=False), 48)  # (160, 48, 48)
rows = []
for name, m in (("ReLU, as in the paper", flat), ("magnitude, no ReLU", signed.abs())):
    means = (energy_in_mask(m, named), energy_in_mask(m, other), pointing_game(m, named))
    rows.append((name, *(f"{value.mean():.1%}" for value in means)))
show_table(rows, ["map", "energy on the named object", "on the other", "pointing game"])
against = energy_in_mask((-signed).relu(), other).mean()
print(f"of what speaks against the class, {against:.0%} lies on the other object, "
      f"which covers {other.float().mean():.0%} of the picture")
r = int(energy_in_mask(signed.abs(), other).argmax())
x = two.images[r // 2]
pictures = [x, plotting.heat_overlay(x, flat[r]), plotting.heat_overlay(x, signed[r].abs()),
            plotting.signed_overlay(x, signed[r])]
titles = [f"{toyworld.CLASSES[asked_for[r]]}?", "ReLU", "magnitude", "signed"]
title = "Without the ReLU, what speaks against the class lights up too"
figure = plotting.image_grid(pictures, titles, 4, 1.85, title)
plotting.show(figure, "A scene with Grad-CAM, its magnitude without ReLU, and the signed map.")

# %% [markdown]
# **How to read it.** The pointing game notices nothing: the highest peak is the same. The energy does. A part of what lay on the named object is gone, and what lies on the *other* one has grown from 2 % to 9 %: a third of what speaks against the class lies there, though it covers a tenth of the picture. (The scene above is the worst of the 160.)
#
# Nobody reading the magnitude as a heat map could tell which is which. (Negative values are not useless: draw them in another colour, as on the right.)
#
# ### Climb without a regulariser
# The same ascent as in section 5, without L2, total variation, blur and jitter.

# %%
predict("04.11")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
bare = visualise_class(shapes_net, chosen, size=32, steps=64, **UNREGULARISED)
rows, four = [], torch.arange(4)
for name, result in (("regularised", dream.image), ("no regulariser", bare.image)):
    own = predictions(shapes_net, result).softmax(1)[four, chosen]
    larger = F.interpolate(result, (48, 48), mode="bilinear")
    judged = predictions(scene_net, larger).sigmoid()[four, chosen]  # a network with another training
    rough = result.diff(dim=3).abs().mean()
    rows.append((name, f"{own.min():.2%}", f"{judged.mean():.0%}", f"{rough:.3f}"))
columns = ["pictures", "least probability of the class", "another network's, mean", "step between neighbours"]
show_table(rows, columns)
titles = [toyworld.CLASSES[c] for c in chosen] + [""] * 4
title = "Above with a regulariser, below without"
figure = plotting.image_grid([*dream.image, *bare.image], titles, 4, 1.5, title)
plotting.show(figure, "Two rows of four class visualisations; the lower ones look like noise to the eye.")

# %% [markdown] tags=["slide"]
# **How to read it.** To the network that was climbed, all are perfect examples. The lower row is noise, and the judge, a network of another architecture, size and training, is less sure of it (the table's third column; four pictures, one run). So what the bare ascent found is in part a peculiarity of one set of weights: many small pushes that add up.
#
# These are close relatives of *adversarial examples* (Szegedy et al. 2014), and the reason why the regulariser is not cosmetic: it is the part of the formula that says what a picture is.
#
# ## 18 · With real weights
#
# EfficientNet-Lite0 was with you all along: neighbours, units, wishes, Grad-CAM. Ask it about a photograph of *yours*: `photographs.open("my.jpg", 224)` in place of the one below. What is its second guess, and where does it see that? (Attention at scale: chapter 03 loads DINOv2, whose heads you can overlay as in section 9.)

# %%
mine = photographs.load("motorcycle", size=224)[None]  # (1, 3, 224, 224)
answer = predictions(sees, mine)[0]  # (1000,)
ranked = answer.argsort(descending=True)[:3].tolist()
heat = upsample(grad_cam(sees, mine.repeat(3, 1, 1, 1), torch.tensor(ranked), layer="1.bn2"), 224)
titles = [f"{practitioner.names[k]} {answer.softmax(0)[k]:.0%}" for k in ranked]
title = "Its three best answers, and where it sees each"
figure = draw.heat_grid(mine.expand(3, -1, -1, -1), heat, titles, 3, 2.4, title)
draw.show_photographs(figure, "A motorcycle, and heat maps for the network's three best answers.")

# %% [markdown] tags=["slide"]
# ## 19 · Summary in five sentences
#
# 1. Neighbours in feature space, and their maps by PCA and t-SNE, show what a network holds to be alike; a t-SNE map is to be read for neighbourhoods only.
# 2. Dissection turns "this unit seems to be for grass" into an IoU with a control, and in a generator switching units off turns correlation into cause.
# 3. CAM rearranges two sums, and Grad-CAM gets the same weights from the gradient, for any layer and any score.
# 4. Attention says where a transformer looked, whatever class one has in mind; pixel gradients say what the score is sensitive to.
# 5. A heat map is a hypothesis: hold it against masks, against an edge filter and against random weights, and use it to find out what to repair.
#
# ### Further exercises
#
# 1. Take Grad-CAM of the *mistakes* in section 1. Can you now say why they were made? Test your answer by changing the picture.
# 2. Write Grad-CAM for the ViT of section 9 with `as_maps` and `tokens_to_maps`, and enter it in the figure of section 13.
# 3. t-SNE with a bell in the map instead of Student's t is called symmetric SNE. Change three lines of `tsne_gradient` and look at the crowding.
# 4. Which tiles excite a unit of EfficientNet-Lite0 most? Show the best eight of 180 for twenty units, and name the units. Let a friend name them too.
# 5. Put something on the motorcycle that makes EfficientNet-Lite0 change its answer. Does Grad-CAM see it?
#
# ### References
#
# - S. Abnar, W. Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020. [arXiv:2005.00928](https://arxiv.org/abs/2005.00928)
# - J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018. [arXiv:1810.03292](https://arxiv.org/abs/1810.03292)
# - D. Bau, B. Zhou, A. Khosla, A. Oliva, A. Torralba, "Network Dissection: Quantifying Interpretability of Deep Visual Representations", CVPR 2017. [arXiv:1704.05796](https://arxiv.org/abs/1704.05796)
# - D. Bau et al., "GAN Dissection: Visualizing and Understanding Generative Adversarial Networks", ICLR 2019. [arXiv:1811.10597](https://arxiv.org/abs/1811.10597)
# - M. Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021. [arXiv:2104.14294](https://arxiv.org/abs/2104.14294)
# - S. Lapuschkin, A. Binder, G. Montavon, K.-R. Müller, W. Samek, "Analyzing Classifiers: Fisher Vectors and Deep Neural Networks", CVPR 2016. [arXiv:1512.00172](https://arxiv.org/abs/1512.00172)
# - S. Lapuschkin et al., "Unmasking Clever Hans Predictors and Assessing What Machines Really Learn", Nature Communications, 2019. [arXiv:1902.10178](https://arxiv.org/abs/1902.10178)
# - L. van der Maaten, G. Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008.
# - L. van der Maaten, "Accelerating t-SNE using Tree-Based Algorithms", JMLR 15, 2014.
# - A. Mahendran, A. Vedaldi, "Understanding Deep Image Representations by Inverting Them", CVPR 2015. [arXiv:1412.0035](https://arxiv.org/abs/1412.0035)
# - A. Mordvintsev, C. Olah, M. Tyka, "DeepDream: a code example for visualizing neural networks", 2015 (after "Inceptionism: Going Deeper into Neural Networks").
# - C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill 2017. [doi:10.23915/distill.00007](https://doi.org/10.23915/distill.00007)
# - R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017. [arXiv:1610.02391](https://arxiv.org/abs/1610.02391)
# - K. Simonyan, A. Vedaldi, A. Zisserman, "Deep Inside Convolutional Networks", ICLR workshop 2014. [arXiv:1312.6034](https://arxiv.org/abs/1312.6034)
# - D. Smilkov et al., "SmoothGrad: Removing Noise by Adding Noise", 2017. [arXiv:1706.03825](https://arxiv.org/abs/1706.03825)
# - C. Szegedy et al., "Intriguing Properties of Neural Networks", ICLR 2014. [arXiv:1312.6199](https://arxiv.org/abs/1312.6199)
# - M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019. [arXiv:1905.11946](https://arxiv.org/abs/1905.11946)
# - J. Venna, S. Kaski, "Neighborhood Preservation in Nonlinear Projection Methods", ICANN 2001.
# - J. Yosinski et al., "Understanding Neural Networks Through Deep Visualization", 2015. [arXiv:1506.06579](https://arxiv.org/abs/1506.06579)
# - J. Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016. [arXiv:1608.00507](https://arxiv.org/abs/1608.00507)
# - B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba, "Learning Deep Features for Discriminative Localization", CVPR 2016. [arXiv:1512.04150](https://arxiv.org/abs/1512.04150)
#
# ### What comes next
#
# The cheat learned what its data let it learn. Chapter 05 changes the data on purpose: **augmentation**, and what it does to a network's eyes.

# %%
progress("04")
