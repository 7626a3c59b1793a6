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
# A trained network is the best-documented machine there is: every weight lies open, every intermediate number can be printed. And yet nobody can read it. This chapter
# builds the instruments: neighbours in its feature space, maps of that space, a dissection of its units, pictures that it would like to see, and heat maps that say
# where it found its evidence. Each instrument is then put to the test, because a beautiful heat map of nothing is easy to draw. At the end one of them catches a network that cheats.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Search** a network's feature space, and **draw** it in two dimensions with PCA and t-SNE.
# 2. **Measure** what a single unit detects, in a classifier and in a GAN, and **prove** it by switching units off.
# 3. **Derive** CAM and Grad-CAM, and **show** that on some networks they are one and the same.
# 4. **Compare** explanation methods by numbers: against exact masks, against baselines, against a network with random weights.
# 5. **Find** the cause of a network's failure, and mend it.
#
# **You need** chapter 01 (convolution, global pooling, training); for section 9 the attention of chapter 02.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · Why a black box is hard to improve | 6 | 8 · Gradients at the pixels | 8 |
# | 2 · Neighbours in feature space | 12 | 9 · Attention of a transformer | 12 |
# | 3 · PCA and t-SNE | 18 | 10 · Dissecting a GAN | 14 |
# | 4 · Units, one by one | 16 | 11–12 · Put together, train | 15 |
# | 5 · What would it like to see? | 8 | 13 · Evaluate | 12 |
# | 6 · CAM | 12 | 14 · Claims, measured | 12 |
# | 7 · Grad-CAM | 15 | 15–18 · Paper and toy, broken, real | 15 |
#
# **A GPU** is not needed anywhere in this chapter.

# %% tags=["skip"]
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from lecture_utils import plotting, runtime, zoo
from lecture_utils.data import digits, photographs, toyworld
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.training.loop import accuracy, fit, minibatches, predictions

start("04")

# %% [markdown] tags=["slide"]
# ## Result first
#
# Our running example has learned to say which of eight classes stand in a scene, a yes or no for each. It was told *what* is in its training pictures, never *where*. Below, four scenes that it has not
# seen; under each, where it finds its evidence for the class that it is most sure of, and for the second.

# %%
from lecture_utils.explain.grad_cam import grad_cam
from lecture_utils.explain.maps import upsample
from lecture_utils.recipes import shapes_multilabel

scene_net = zoo.load("shapes_multilabel")  # (B, 3, 48, 48) -> (B, 8) logits, one a class
scenes = shapes_multilabel.scenes(300, seed=1, split="test", objects=(2, 3))
sample = toyworld.render(scenes, 48, only=("image", "class_id", "visibility", "instance"))
images = sample.image  # (300, 3, 48, 48)
chance = predictions(scene_net, images).sigmoid()  # (300, 8)
best = chance.argsort(1, descending=True)  # (300, 8) classes, the surest first
pictures, titles = [plotting.few(x) for x in images[:4]], [""] * 4
for rank in (0, 1):
    maps = upsample(grad_cam(scene_net, images[:4], best[:4, rank], layer="stages"), 48)  # (4, 48, 48)
    pictures += [plotting.heat_overlay(x, m) for x, m in zip(images[:4], maps, strict=True)]
    titles += [f"{toyworld.CLASSES[k]} {chance[i, k]:.0%}" for i, k in enumerate(best[:4, rank].tolist())]
figure = plotting.image_grid(pictures, titles, 4, 1.15, "It was never told where, and it knows where")
plotting.show(figure, "Four scenes, and under each two heat maps: one for each class that the network names.")

# %% [markdown] tags=["slide"]
# ## 1 · Why a black box is hard to improve
#
# A network that fails gives no reason. It has no line of code to look at, only numbers that training found. So people change what they can reach, more data, another architecture, another learning rate, and
# look at the accuracy again. That is search, not repair. Worse, a classifier can be right for the wrong reason: one (of Fisher vectors, not a network) that named horses in the photographs of the PASCAL VOC benchmark did so, in part, by a photographer's tag in the corner (Lapuschkin et al. 2016). Its
# *test* accuracy showed nothing, since the test photographs were tagged too.
#
# Here are mistakes of ours. Before you read on, write down why it made each. How would you *test* that you are right?

# %%
truth = shapes_multilabel.classes_in(sample.class_id, sample.visibility)  # (300, 8): 1 where it can be seen
wrong = (chance > 0.5) != truth.bool()
flawed = int(wrong.any(1).sum())
print(f"{(~wrong).float().mean():.1%} of the answers are right; {flawed} of 300 scenes have a wrong one")
margin = torch.where(wrong, (chance - 0.5).abs(), -1.0)
worst = margin.flatten().topk(5).indices
cases = [(int(i) // 8, int(i) % 8) for i in worst]
of_class = sample.class_id[:, :, None] == torch.arange(8)  # (300, objects, 8)
seen = (of_class * sample.visibility[:, :, None]).amax(1)  # (300, 8): how much of each class is in sight
titles = [f"{toyworld.CLASSES[k]} {chance[i, k]:.0%}\n{seen[i, k]:.0%} in sight" for i, k in cases]
pictures = [plotting.few(images[i]) for i, _ in cases]
figure = plotting.image_grid(pictures, titles, 5, 1.2, "Its five most confident mistakes: why?")
for ax, (i, k) in zip(figure.axes, cases, strict=True):
    numbers = of_class[i, :, k].nonzero() + 1  # (n, 1): the class's objects, as `instance` counts them
    plotting.outline(ax, (sample.instance[i] == numbers[..., None]).any(0), "#FFFFFF")
plotting.show(figure, "Five scenes; the class in question is outlined, with its probability.")

# %% [markdown]
# All five are misses: the outlined thing is there, and a third to a half of it is hidden. So we guess that the network misses what shows too little of itself. A guess from five pictures can be tested on all 300, and the table below does so: it holds.
# But it took a person to have the guess. What can be asked of the machine itself, and with which instrument?
#
# | Question | Instrument | Section |
# |---|---|---|
# | Which pictures are alike to it? | neighbours in feature space; PCA, t-SNE | 2, 3 |
# | What is a unit for? | dissection; in a generator, switching it off | 4, 10 |
# | What does it take for a star? | class visualisation | 5 |
# | Where is the evidence in *this* picture? | CAM, Grad-CAM, gradients, attention | 6–9 |

# %%
rows = []
for low, high in ((0.25, 0.5), (0.5, 0.75), (0.75, 1.01)):
    group = truth.bool() & (seen >= low) & (seen < high)  # (300, 8)
    rows.append((f"{low:.0%} to {min(high, 1):.0%}", int(group.sum()), f"{wrong[group].float().mean():.0%}"))
show_table(rows, ["of the thing in sight", "things", "missed"])

# %% [markdown] tags=["slide"]
# ## 2 · Neighbours in feature space
#
# The last layer before the classifier gives each picture a **feature vector**. If the network has learned what matters, pictures of like things have like vectors, and what differs without
# mattering (the place, the light, the colour) is gone. To see whether that is so, keep the vectors of many pictures, a **database**, and ask for those nearest to a new one. Nearness is measured by the cosine,
#
# $$\cos(q, f_n) = \frac{q \cdot f_n}{\lVert q\rVert\,\lVert f_n\rVert},$$
#
# with $q$ the new picture's features (`query`) and $f_n$ row $n$ of the `database`: it compares directions and does not care how strongly a picture excites the network. Write the search.

# %% tags=["exercise:04.1"]
def nearest(database: Tensor, query: Tensor, k: int) -> Tensor:
    """Rows of the (N, D) database whose direction is most like that of the (D,) query, best first: (k,)."""
    ...


nearest = check("04.1", nearest)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.exercises.nearest
#
# The network of chapter 01 that names single objects has three stages; each can serve as the space, and so can the raw pixels. For each space we count how many of the five nearest neighbours are of the query's class. The
# pictures of the database and the queries are disjoint.

# %%
predict("04.1")

# %% tags=["system:S04.1"]
from lecture_utils.explain.hooks import activations
from lecture_utils.explain.retrieval import FeatureDatabase

shapes_net = zoo.load("shapes_resnet")  # (B, 3, 32, 32) -> (B, 8)
stored, labels = toyworld.classification(600, size=32, split="val")
asked, asked_labels = toyworld.classification(200, size=32, split="test")
ground, asked_ground = (  # (600,), (200,): water, sand or grass, near the camera
    toyworld.sample_scenes(n, seed=0, split=split, objects=toyworld.ONE_OBJECT).ground[:, 0]
    for n, split in ((600, "val"), (200, "test"))
)
spaces = {"pixels": (stored.flatten(1), asked.flatten(1))}
for layer in ("stem", "stages.0", "stages.1", "stages.2"):
    spaces[layer] = tuple(activations(shapes_net, x, layer).mean((2, 3)) for x in (stored, asked))  # (N, C)
found, grounds = {}, {}
for name, (f, q) in spaces.items():
    found[name] = FeatureDatabase(f, labels).precision_at_k(q, asked_labels, 5)
    grounds[name] = FeatureDatabase(f, ground).precision_at_k(q, asked_ground, 5)
database, queries = spaces["stages.2"]
indexed = FeatureDatabase(database, labels).query(queries, 5).rows  # (200, 5)
same = all(torch.equal(nearest(database, q, 5), r) for q, r in zip(queries, indexed, strict=True))
figure = Figure(figsize=(7, 2.2))
ax = figure.subplots()
ax.barh(list(found), list(found.values()), color=plotting.PALETTE[0])
ax.axvline(1 / 8, color=plotting.PALETTE[5], linestyle="--")
ax.set(xlabel="share of the 5 nearest with the query's class (dashed: chance)", xlim=(0, 1))
ax.invert_yaxis()
ax.set_title("From the second stage on, neighbours share a class")
plotting.show(figure, "Bars: precision among five neighbours for pixels and four depths of the network.")
print("your search gives what the package's gives:", same)
rows = [(name, f"{found[name]:.1%}", f"{grounds[name]:.1%}") for name in found]
show_table(rows, ["space", "neighbours of the same class", "on the same ground"])

# %%
from lecture_utils.widgets.present import present
from lecture_utils.chapters.ch04.widgets import gan_toggles
from lecture_utils.chapters.ch04.widgets import grad_cam_chooser
from lecture_utils.chapters.ch04.widgets import retrieval_browser
from lecture_utils.chapters.ch04.widgets import tsne_perplexity
from lecture_utils.chapters.ch04.widgets import unit_threshold

present(retrieval_browser.retrieval_browser())

# %% [markdown] tags=["slide"]
# ## 3 · Two dimensions: PCA and t-SNE
#
# A list of neighbours answers for one picture. To see all of them at once, we need a map in the plane. The oldest way is to **project**: principal component analysis (PCA) finds the directions along which the data varies most, the leading eigenvectors of its
# covariance, and keeps two coordinates. It is linear, it has one solution (up to signs), it can place a new point, and what it leaves out is known. It also *must* crush together whatever differs only in the other directions: below, 64 dimensions of the handwritten digits in two.
#
# **t-SNE** (van der Maaten and Hinton 2008) gives up on distances and keeps only *who is near whom*. For each point $i$ it puts a Gaussian bell around $x_i$ and turns it into probabilities of being a neighbour,
#
# $$p_{j|i} = \frac{\exp(-\beta_i\,\lVert x_i - x_j\rVert^2)}{\sum_{k \ne i}\exp(-\beta_i\,\lVert x_i - x_k\rVert^2)}, \qquad \text{perplexity}_i = \exp\Bigl(-\sum_j p_{j|i}\log p_{j|i}\Bigr).$$
#
# Every point gets its own **precision** $\beta_i = 1/2\sigma_i^2$, such that its **perplexity**, the effective number of its neighbours, is the same everywhere: narrow bells in crowds, wide ones in deserts. Finding $\beta_i$ is a search in one
# dimension: perplexity falls as $\beta$ grows, so double $\beta$ until it is too low, then halve the interval (float64; $0\log 0 = 0$). Do it.

# %% tags=["exercise:04.2"]
def neighbour_probabilities(squared: Tensor, perplexity: float) -> Tensor:
    """Turn squared distances (N,) to the other points into probabilities (N,) of the wanted perplexity."""
    ...


neighbour_probabilities = check("04.2", neighbour_probabilities)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.exercises.neighbour_probabilities
#
# Two digits below: the one with the nearest, and the one with the most distant tenth neighbour. Their bells differ in width; the number of neighbours that count does not.

# %%
digit_images, digit_labels = digits.load(size=8, split="all")
some = torch.randperm(len(digit_images), generator=torch.Generator().manual_seed(0))[:500]
vectors, names = digit_images[some].flatten(1), [str(k) for k in range(10)]  # (500, 64)
digit_labels = digit_labels[some]
distance = torch.cdist(vectors, vectors).square()
tenth = distance.sort(1).values[:, 10]
figure = Figure(figsize=(7.4, 2.3))
ax = figure.subplots()
for i, colour in ((tenth.argmin(), plotting.PALETTE[0]), (tenth.argmax(), plotting.PALETTE[5])):
    others = distance[i][torch.arange(500) != i]
    p = neighbour_probabilities(others, 15.0)
    effective = (-(p * p.clamp_min(1e-30).log()).sum()).exp()
    ax.plot(others.sqrt(), p, "o", markersize=3.5, color=colour,
            label=f"a {digit_labels[i]}: {effective:.1f} effective neighbours")
ax.set(xlabel="distance to another digit", ylabel="$p_{j|i}$")
ax.set_title("In a crowd or in a desert: 15 neighbours each")
ax.legend()
plotting.show(figure, "Neighbour probability against distance for two digits: a narrow and a wide bell.")

# %% [markdown]
# In the map, points $y_i$ have probabilities too, but with a heavier tail, a Student t: $q_{ij} \propto (1 + \lVert y_i - y_j\rVert^2)^{-1}$. In the plane there is too little room for all those who are equally far apart in 64 dimensions; the tail lets them stand
# apart. The map is moved until $q$ is like the symmetric $p_{ij} = (p_{j|i} + p_{i|j})/2N$, in the sense of $\mathrm{KL}(P\,\Vert\,Q) = \sum p_{ij}\log (p_{ij}/q_{ij})$, by gradient descent. The gradient reads like mechanics: springs $p_{ij}$ pull neighbours together, a repulsion $q_{ij}$ pushes everyone apart,
#
# $$\frac{\partial\,\mathrm{KL}}{\partial y_i} = 4\sum_j (p_{ij} - q_{ij})\,\frac{y_i - y_j}{1 + \lVert y_i - y_j\rVert^2}.$$
#
# The code is the formula, all pairs at once; the package runs a faster version, which a test holds equal to it. For the first 250 steps all $p_{ij}$ are multiplied by 12, **early exaggeration** (van der Maaten 2014; in 2008 it was 4, for 50 steps), so that groups form while the map is small and can still pass each other.

# %% tags=["show", "system:S04.2"]
# show: lecture_utils.explain.tsne_plain.tsne_gradient

# %%
from lecture_utils.explain.tsne import joint_probabilities, tsne

p = joint_probabilities(vectors[:60], 15).double()
y = torch.randn(60, 2, dtype=torch.float64, requires_grad=True)
off = ~torch.eye(60, dtype=torch.bool)
w = 1 / (1 + (y[:, None] - y).square().sum(-1))[off]  # (60 · 59,)
cost = -(p[off] * (w / w.sum()).log()).sum()  # KL(P ‖ Q), but for a constant
by_autograd = torch.autograd.grad(cost, y)[0]
print("equal to autograd:", torch.allclose(tsne_gradient(p, y.detach()), by_autograd, atol=1e-9))

# %%
from lecture_utils.chapters.ch04 import figures as draw

from sklearn.manifold import trustworthiness

from lecture_utils.explain.pca import fit_pca

steps = runtime.pick(quick=500, full=1000)
run = tsne(vectors, perplexity=30, steps=steps, every=50)
projected = fit_pca(vectors, 2)
views = {"PCA": projected.transform(vectors)}  # (500, 2)
for step in (50, 250, steps):
    views[f"t-SNE, step {step}"] = run.frames[run.frame_steps.index(step)]
figure = Figure(figsize=(7.2, 1.9))
for ax, (title, y) in zip(figure.subplots(1, 4), views.items(), strict=True):
    draw.points(ax, y, digit_labels, names, title, size=2, named=False)
    ax.set_aspect("auto")
title = "Groups form early; when the exaggeration ends at 250, they part (axes differ)"
figure.suptitle(title, x=0.01, ha="left", fontsize=11)
plotting.show(figure, "500 digits by PCA, overlapping, and by t-SNE, streaks at 50 steps, then islands.")
trust = {name: f"{trustworthiness(vectors, y, n_neighbors=5):.3f}" for name, y in views.items()}
show_table([tuple(trust.values())], list(trust), caption="Trustworthiness")
print(f"two components hold {projected.ratio.sum():.0%} of the variance; t-SNE's KL is {run.kl:.3f} nats")

# %% [markdown]
# **How to read it.** **Trustworthiness** (Venna and Kaski 2001) asks whether those who are neighbours in the picture were neighbours in the data; 1 is perfect. Ours is within 0.02 of scikit-learn's in the tests (`tests/explain/test_tsne.py`).
# What t-SNE pays for it: axes without a meaning, no place for a new point, and a result that depends on the perplexity and the start. Before you use the widget:

# %%
predict("04.2")

# %%
present(tsne_perplexity.tsne_perplexity())

# %% [markdown]
# Back to the network. The same 300 pictures as pixels and as features of its last stage, each laid out by t-SNE; the true classes are used for the colours only. Pixels make islands too, but each is a *ground*, with all classes mixed on it: most of a picture is background, so that is what pixels are alike in. The features have thrown the ground away and kept the class (chance is a third and an eighth). A cluster in a map may be real, and still be about something that you did not ask.

# %%
LABEL = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
spaces_shown = {"pixels": stored[:300].flatten(1), "features of stage 3": database[:300]}
figure = Figure(figsize=(6.4, 2.6))
axes = figure.subplots(1, 2)
rows = []
itself = torch.arange(300)
for ax, (title, f) in zip(axes, spaces_shown.items(), strict=True):
    y = tsne(f, perplexity=20, steps=500).embedding  # (300, 2)
    draw.points(ax, y, labels[:300], toyworld.CLASSES, title, size=6, named=title != "pixels")
    shares = [FeatureDatabase(y, fact[:300], metric="euclidean").precision_at_k(y, fact[:300], exclude=itself)
              for fact in (labels, ground)]
    rows.append((title, *(f"{share:.1%}" for share in shares)))
    for g in ground.unique() if title == "pixels" else ():
        at = y[ground[:300] == g].median(0).values
        ax.annotate(toyworld.STUFF[g], at, ha="center", va="center", fontweight="bold", bbox=LABEL)
title = "By pixels the grounds are islands, by features the classes"
figure.suptitle(title, x=0.01, ha="left", fontsize=11)
plotting.show(figure, "Three hundred pictures by t-SNE: classes mixed on pixels, in islands on features.")
show_table(rows, ["map", "5 nearest of the same class", "on the same ground"])

# %% [markdown] tags=["slide"]
# ## 4 · Units, one by one
#
# A **unit** is one channel of a layer, and its map over a picture is its **activation**: the most direct thing there is to look at. But looking at 64 maps over 300 pictures tempts one to see what one hopes for. **Network dissection** (Bau et al. 2017) turns it into a measurement:
#
# 1. Over a whole data set, find the level $T_k$ that unit $k$ exceeds at only 0.5 % of all places: above it the unit **fires**.
# 2. Bring its map to the picture's size, bilinearly, and threshold it there: a mask $M_k(x)$.
# 3. Compare it with the labelled pixels $L_c(x)$ of every concept $c$ we have a word for,
#
# $$\mathrm{IoU}_{k,c} = \frac{\sum_x |M_k(x) \cap L_c(x)|}{\sum_x |M_k(x) \cup L_c(x)|},$$
#
# where both sums run over the *whole* data set (an empty union counts as 0). A unit with an IoU above 0.04 for some concept is called a detector of the best one. Our toy world has exact labels for 24 concepts: stuff, classes, colours, materials. Here are the activations; then write the measure for one unit and one concept (`maps`, `threshold` and `concept` are $A_k$, $T_k$ and $L_c$).

# %%
from lecture_utils.explain.hooks import record

with torch.inference_mode(), record(scene_net, "stages") as seen:
    scene_net(images)
scene_maps = seen["stages"]  # (300, 64, 12, 12)
title = "16 of 64 units on the first scene: who can tell what they are for?"
figure = plotting.feature_maps(scene_maps[0], columns=8, limit=16, size=0.8, suptitle=title)
plotting.show(figure, "Sixteen small activation maps of one scene, some dark, some bright in places.")

# %% tags=["exercise:04.3"]
def unit_iou(maps: Tensor, threshold: float, concept: Tensor) -> float:
    """IoU between where a unit fires, maps (N, h, w), and where a concept is, bool (N, H, W)."""
    ...


unit_iou = check("04.3", unit_iou)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.exercises.unit_iou
#
# Now all 64 units against all 24 concepts, and as a control the same network with fresh random weights. Compare with what you expected.

# %%
predict("04.3")

# %% tags=["system:S04.3"]
from lecture_utils.data.concepts import CONCEPTS, FIELDS, KIND, concept_masks
from lecture_utils.chapters.ch04.claims import untrained
from lecture_utils.explain.dissection import dissect, unit_masks

concepts = concept_masks(toyworld.render(scenes, 48, only=FIELDS))  # (300, 24, 48, 48)
trained = dissect(scene_maps, concepts, CONCEPTS)
control_net = untrained(scene_net, images, 0)  # its batch norms' statistics are taken from the pictures
control = dissect(activations(control_net, images, "stages"), concepts, CONCEPTS)
unit, concept, iou = trained.labels()[0]
place = concepts[:, CONCEPTS.index(concept)]  # (300, 48, 48)
yours = unit_iou(scene_maps[:, unit], trained.thresholds[unit].item(), place)
print(f"unit {unit} detects {concept}: IoU {iou:.3f}, by your function {yours:.3f}")
covers = concepts[:, [CONCEPTS.index(c) for c in (concept, "sky")]].float().mean((0, 2, 3))  # (2,)
print(f"it fires on 0.5 % of its values; {concept} covers {covers[0]:.1%} of the pixels, sky {covers[1]:.1%}")
rows, kinds = [], list(dict.fromkeys(KIND.values()))
for name, result in (("trained", trained), ("random weights", control)):
    detected = [KIND[c] for c in result.detectors()]
    rows.append((name, len(result.labels()), len(detected), *(detected.count(kind) for kind in kinds)))
columns = ["network", "units that detect", "concepts detected", *(f"of these, {kind}" for kind in kinds)]
show_table(rows, columns)

# %%
leaders = {found.concept: found for found in reversed(trained.labels())}  # the best unit of each concept
leaders = sorted(leaders.values(), key=lambda found: -found.iou)[:3]
pictures, titles = [], []
for unit, concept, iou in leaders:
    peak = scene_maps[:, unit].amax((1, 2)).topk(2).indices  # the two scenes that excite it most
    fires = unit_masks(scene_maps[peak], trained.thresholds, 48)[:, unit]  # (2, 48, 48)
    pictures += [plotting.dim_outside(images[i], m) for i, m in zip(peak, fires, strict=True)]
    titles += [f"unit {unit}:\n{concept}", f"IoU\n{iou:.2f}"]
title = "The best units of three concepts, bright where they fire"
figure = plotting.image_grid(pictures, titles, 6, 0.96, title)
plotting.show(figure, "Scenes darkened except where a unit fires; the bright part is the unit's concept.")
present(unit_threshold.unit_threshold())

# %% [markdown]
# **How to read it.** The IoUs are small because the rule lets each unit fire on half a percent of the pixels only, far fewer than most concepts cover (printed above): even a perfect unit would reach a low IoU for something as large as the sky. In the widget (other scenes, so other numbers), slide the
# threshold: there is often a better one than the paper's. And a unit may fire at something that we have no word for. Dissection finds what is on its list.
#
# ## 5 · What would it like to see?
#
# Turn the question around. Instead of asking what the network says about a picture, ask for the picture it would *most* like to call a star. This is **class visualisation**:
#
# $$I^* = \arg\max_I\; f_k(I) - \mathrm{Reg}(I),$$
#
# with $f_k$ the class's log-probability or logit. We climb the gradient $\partial f_k/\partial I$: the weights stay fixed, the *pixels* are trained. The regulariser does the hard work, because the network was never shown how it should answer pictures that cannot exist. Ours has the classic parts: an L2 term against extreme values (Simonyan et al. 2014), a total-variation term
# against differences between neighbours (Mahendran and Vedaldi 2015), a small blur after each step (Yosinski et al. 2015), and a random shift before it, *jitter*, so that no pixel can rely on its exact place (Mordvintsev et al. 2015).

# %% tags=["show"]
# show: lecture_utils.explain.class_visualisation.regulariser
# show: lecture_utils.explain.class_visualisation.uphill

# %% tags=["system:S04.4"]
from lecture_utils.explain.class_visualisation import UNREGULARISED, visualise_class

dream = visualise_class(shapes_net, range(8), size=32, steps=128)
titles = [f"{c}\n{p:.1%}" for c, p in zip(toyworld.CLASSES, dream.probability, strict=True)]
title = "What the network would most like to call by each name"
figure = plotting.image_grid([plotting.few(x) for x in dream.image], titles, 8, 0.84, title)
plotting.show(figure, "Eight synthetic pictures with traces of the class's shape.")

# %%
predict("04.4")

# %% [markdown]
# **How to read it.** The probability stands above each picture. The pictures are not stars; they are *what counts as* a star to one set of weights, several times over, since the global average does not ask how often. In some you may find strokes and corners of the shape. Nothing asks for natural colours. Section 16 leaves the regulariser out.
#
# ## 6 · CAM: read the map off the weights
#
# Now for one given picture: *where* is the evidence? For networks that end in a global average and one linear layer, as ours do, the answer needs no new computation (Zhou et al. 2016). With $A_c$ the last maps (`maps`) and $w_{kc}$ the head's `weight`,
#
# $$\mathrm{logit}_k = b_k + \sum_c w_{kc}\,\underbrace{\frac{1}{hw}\sum_{ij} A_{c,ij}}_{\text{global average}} = b_k + \frac{1}{hw}\sum_{ij}\underbrace{\sum_c w_{kc}\,A_{c,ij}}_{\mathrm{CAM}_k(i,j)}.$$
#
# Two sums change places, and that is all: the logit is the mean of a map, so the map says what every place contributes. Negative values (blue) speak *against* the class. Below, the sum grows, the strongest maps first.

# %%
i, k = 0, int(best[0, 0])
share = scene_net.head.weight[k].detach()[:, None, None] * scene_maps[i]  # (64, 12, 12): w_kc A_c
order = share.abs().sum((1, 2)).argsort(descending=True)
sums = {n: share[order[:n]].sum(0) for n in (1, 4, 16, 32, 64)}  # each (12, 12)
limit = sums[64].abs().max().item()  # the strongest colour, in all panels
pictures = [plotting.few(images[i]), *(plotting.signed_image(total, limit) for total in sums.values())]
titles = ["scene", f"{scene_net.head.weight[k, order[0]]:+.2f} $A_{{{order[0]}}}$",
          *(f"the first {n}" for n in (4, 16, 32)), "all 64: CAM"]
title = f"CAM for “{toyworld.CLASSES[k]}”: weighted maps, added up one after the other"
figure = plotting.image_grid(pictures, titles, 6, 1.2, title)
plotting.show(figure, "A scene, one weighted activation map, the sums of more and more, and that of all.")

# %% tags=["exercise:04.4"]
def class_activation_map(maps: Tensor, weight: Tensor, k: int) -> Tensor:
    """CAM of class k from the last maps (C, h, w) and the head's weight (K, C): (h, w)."""
    ...


class_activation_map = check("04.4", class_activation_map)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.exercises.class_activation_map
#
# The identity is exact, so test it: the map's mean plus the bias must be the logit, for every class.

# %% tags=["system:S04.5"]
weight, bias = scene_net.head.weight.detach(), scene_net.head.bias.detach()  # (8, 64), (8,)
maps = torch.stack([class_activation_map(scene_maps[0], weight, c) for c in range(8)])  # (8, 12, 12)
logits = predictions(scene_net, images[:1])[0]  # (8,)
error = (maps.mean((1, 2)) + bias - logits).abs().max()
print(f"largest difference between mean of the map + bias and the logit: {error:.1e}")

# %% [markdown] tags=["slide"]
# ## 7 · Grad-CAM: ask the gradient
#
# CAM has a price: the network must end that way. Many do not (VGG has three dense layers, a segmenter never averages), and changing the end means training anew. **Grad-CAM** (Selvaraju et al. 2017) gets the weight of a channel from the gradient instead. For any layer with maps $A_c$ and any score $y$,
#
# $$\alpha_c = \frac{1}{hw}\sum_{ij}\frac{\partial y}{\partial A_{c,ij}}, \qquad \mathrm{GradCAM} = \mathrm{ReLU}\Bigl(\sum_c \alpha_c A_c\Bigr).$$
#
# $\alpha_c$ answers: if channel $c$ were a little stronger at one place, how much would the score gain, on average over the places? The ReLU keeps what speaks *for* the score. No retraining, any layer, and "any score" is to be taken literally: a class, the difference of two, the amount of water that a segmenter sees. Getting at $A_c$ and its gradient inside somebody else's network is what PyTorch's **hooks** are for:
# functions that are called with a layer's output as it passes. `record` wraps them. You write the formula: `maps` is $A$, `gradient` is $\partial y/\partial A$.

# %% tags=["exercise:04.5"]
def grad_cam_map(maps: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM from a layer's maps (C, h, w) and the score's gradient there (C, h, w): (h, w)."""
    ...


grad_cam_map = check("04.5", grad_cam_map)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.exercises.grad_cam_map
#
# On a network with a global average, $\partial y_k/\partial A_{c,ij} = w_{kc}/hw$ at every place, so $\alpha_c = w_{kc}/hw$, and Grad-CAM *is* CAM, divided by $hw$, with the negative part cut off. Check it. (The package's `grad_cam` gives what the `pytorch-grad-cam` library gives on a torchvision network, see `tests/explain/test_grad_cam.py`.)

# %%
predict("04.5")

# %% tags=["show", "system:S04.6"]
from lecture_utils.explain.target import Target, target_score
from collections.abc import Callable
# show: lecture_utils.explain.grad_cam.grad_cam

# %%
x, k = images[:1], int(best[0, 0])
with record(scene_net, "stages", gradients=True) as seen:
    (gradient,) = torch.autograd.grad(scene_net(x)[0, k], seen["stages"])  # (1, 64, 12, 12)
by_hand = grad_cam_map(seen["stages"][0].detach(), gradient[0])
shown = grad_cam(scene_net, x, k, layer="stages")[0]
print("your formula = the cell above:", torch.allclose(by_hand, shown, atol=1e-6))
print("144 × Grad-CAM = ReLU(CAM):", torch.allclose(144 * shown, maps[k].relu(), atol=1e-4))
present(grad_cam_chooser.grad_cam_chooser())

# %% [markdown]
# "Any score": the first two maps ask *why this class rather than that one*, a difference of logits. The last two leave classification altogether. They ask a segmentation network (you will build such networks in chapter 06; this one labels every pixel of a 32 × 32 picture) where the
# evidence lies for the *amount* of something in the whole picture.

# %%
a, b = best[0, :2].tolist()
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
pictures = [plotting.few(x[0])]
for net, z, layer, score in questions.values():
    cam = upsample(grad_cam(net, z, score, layer=layer), z.shape[-1])[0]
    pictures.append(plotting.heat_overlay(z[0], cam))
title = "Grad-CAM explains any number that a network computes"
figure = plotting.image_grid(pictures, ["the scene", *questions], 5, 1.2, title)
plotting.show(figure, "A scene and four heat maps: two contrasts between classes, and two for a segmenter.")

# %% [markdown] tags=["slide"]
# ## 8 · Gradients at the pixels
#
# Why stop at a layer? The gradient $\partial y/\partial x$ with respect to the *input* has full resolution and needs no choice of layer (Simonyan et al. 2014). It answers another question, though: not "what speaks for the star?" but "which pixels, changed a little, would change the score?" That is a **sensitivity**. It is also noisy: the score of a ReLU network is made of linear pieces, and from one piece to the next the gradient jumps. **SmoothGrad** (Smilkov et al. 2017) averages the gradients of many
# noisy copies of the picture, $\frac1n\sum \nabla y(x + \epsilon)$; here 25 of noise 0.02, the best of four levels on other scenes (the paper: 0.1 to 0.2); in sections 13 and 14 fewer copies. (Gradient times input, `gradient_times_input`, gives each pixel's *share* of the score instead, exactly so for a linear model.)

# %%
from lecture_utils.explain.gradients import input_gradient, saliency, smooth_grad

x, k = images[1:2], best[1:2, 0]
methods = {"input gradient": saliency(input_gradient(scene_net, x, k)),
           "SmoothGrad": saliency(smooth_grad(scene_net, x, k, samples=25, noise=0.02)),
           "Grad-CAM": upsample(grad_cam(scene_net, x, k, layer="stages"), 48)}  # each (1, 48, 48)
heats = [plotting.heat_overlay(x[0], m[0], float(m.quantile(0.98))) for m in methods.values()]
pictures = [plotting.few(x[0]), *heats]
figure = plotting.image_grid(pictures, [toyworld.CLASSES[k[0]], *methods], 4, 1.44, "Fine noise, or a blob")
plotting.show(figure, "A scene, two speckled maps of pixel gradients, and Grad-CAM, a blob; 2 % saturate.")

# %% [markdown] tags=["slide"]
# ## 9 · Attention of a transformer
#
# A vision transformer seems to need no such instruments: it computes weights that say where each token looks, and the class token's are a map of the picture, one for each head (Caron et al. 2021). Two questions remain. Which layer? In layer 4, the tokens that are looked at are themselves mixtures of others. **Attention rollout** (Abnar and Zuidema 2020) follows the mixing down to the patches. With $A_l$ the attention of layer $l$, averaged over heads, and half of the signal going around it by the shortcut,
#
# $$\tilde A_l = \tfrac12 A_l + \tfrac12 I, \qquad R = \tilde A_L \cdots \tilde A_2\,\tilde A_1.$$
#
# Row 0 of $R$ is how much of each patch ends up in the class token. And the second question: *whose* map is it?

# %% tags=["exercise:04.6"]
def attention_rollout(attention: Tensor) -> Tensor:
    """Combine the attention (L, heads, T, T) of all layers, first layer first: (T, T), rows sum to 1."""
    ...


attention_rollout = check("04.6", attention_rollout)

# %% [markdown]
# # solution: lecture_utils.chapters.ch04.exercises.attention_rollout

# %%
predict("04.6")

# %% tags=["system:S04.7"]
from lecture_utils.explain.attention_maps import cls_attention, rollout, rollout_map

vit = zoo.load("shapes_vit")  # 32 × 32 pictures in a grid of 8 × 8 patches
attention = vit.attention_maps(asked[:2])  # (layers, 2, heads, 65, 65)
heads = cls_attention(attention, grid=(8, 8))  # (2, heads, 8, 8): the last layer's
total = rollout(attention)  # (2, 65, 65)
print("rows of the rollout sum to 1:", torch.allclose(total.sum(-1), torch.ones(2, 65), atol=1e-5))
print("your function agrees:", torch.allclose(attention_rollout(attention[:, 0]), total[0], atol=1e-5))
pictures, titles = [], []
for i in range(2):
    maps = torch.stack([*heads[i], rollout_map(attention, grid=(8, 8))[i]])  # (heads + 1, 8, 8)
    pictures += [plotting.few(asked[i]), *(plotting.heat_overlay(asked[i], m) for m in upsample(maps, 32))]
    titles += [toyworld.CLASSES[asked_labels[i]], *(f"head {h + 1}" for h in range(len(heads[i]))), "rollout"]
title = "Heads of the last layer, and the rollout of all layers"
figure = plotting.image_grid(pictures, titles, 2 + heads.shape[1], 0.96, title)
plotting.show(figure, "Two pictures with the class token's attention, head by head, and the rollout.")

# %% [markdown]
# **How to read it.** The rule for rollout has no place where a class could enter. It is a property of the picture and the weights, so it says *where the network looked*, never *why star and not heart*. Grad-CAM works on transformers too: lay a layer's tokens out as maps (`as_maps=lambda tokens: tokens_to_maps(tokens, (8, 8))`) and ask for a class. Attention is a fact about the computation; whether it explains the answer has to be measured (section 13).
#
# ## 10 · Dissecting a GAN
#
# So far we found units that *agree* with a concept. Agreement is correlation. In a **generator** we can go further and *intervene* (Bau et al. 2019). A generative adversarial network (chapter 15 builds it) turns 64 random numbers into a picture, and nobody told it what an object is. Dissect its units as in section 4, with the segmenter's labels in place of true ones, and for each concept with the threshold at which a unit fires in as large a share of places as the concept covers (the paper: where the two share most information). Then switch the units that agree with *object* off, $A_k \leftarrow 0$, and look whether objects leave the picture, and only they.
# The control is as many of the other units, drawn at random. What changes then is an effect of the units, no longer a correlation.

# %%
predict("04.7")

# %% tags=["system:S04.8"]
from lecture_utils.chapters.ch04.claims import COUNT, LAYER, segment
from lecture_utils.explain import gan_dissection as gan

generator = zoo.load("shapes_gan")  # (B, 64) -> (B, 3, 32, 32)
z = generator.sample(200, seed=1)  # (200, 64)
found = gan.dissect_generator(generator, LAYER, z, segment, parts)
object_units = gan.top_units(found, "object", COUNT)
others = [unit for unit in range(len(found.iou)) if unit not in object_units]  # the other 52
drawn = torch.randperm(len(others), generator=torch.Generator().manual_seed(0))[:COUNT]
random_units = [others[i] for i in drawn]
rows = []
for name, off in (("nothing", []), ("object units", object_units), ("random units", random_units)):
    shares = gan.shares_after(generator, LAYER, z, segment, 5, units=off).mean(0)  # (5,)
    rows.append((name, len(off), *(f"{share:.1%}" for share in shares)))
show_table(rows, ["switched off", "units", *parts], caption="Mean share of 200 generated pictures")

# %%
present(gan_toggles.gan_toggles())

# %% [markdown]
# The reverse works too, or should: switch the units **on** in a patch of their map and nothing else, at a level that each reaches by itself in one of a hundred places.

# %%
maps = activations(generator, z, LAYER)  # (200, 64, 8, 8)
region = torch.zeros(maps.shape[-2:], dtype=torch.bool)
region[5:7, 3:5] = True
with gan.edited(generator, LAYER, object_units, gan.high_values(maps, object_units), region):
    inserted = gan.generate(generator, z[:6])
pictures = [plotting.few(x) for x in (*gan.generate(generator, z[:6]), *inserted)]
figure = plotting.image_grid(pictures, None, 6, 0.84, "Below, the object units forced on in one patch")
plotting.show(figure, "Six generated scenes, and the same with the object units switched on in one patch.")

# %% [markdown] tags=["slide"]
# ## 11 · Put together
#
# The network of the first cell, drawn from its own forward pass; the global average between the last stage and the head has no block. Before it all of them side by side: what each needs, what it can be asked about, and what it costs.
#
# | Instrument | Needs | Asks about a class | Cost here |
# |---|---|---|---|
# | neighbours | a database of features | no | 1 forward pass and a matrix product |
# | dissection | pixel labels for the concepts | no | 1 forward pass for each picture |
# | class visualisation | a gradient, a regulariser | yes | 128 × forward and backward |
# | CAM | average and linear layer at the end | yes | 1 forward pass |
# | Grad-CAM | a layer with maps | any score | 1 forward, 1 backward |
# | SmoothGrad | a gradient | any score | 25 × forward and backward |
# | attention rollout | a transformer | no | 1 forward pass |

# %%
from lecture_utils.plotting.diagram import architecture

figure = architecture(scene_net, images[:1], depth=2)
plotting.show(figure, "The scene network as blocks: 48 to 12 pixels, 24 to 64 channels, and eight logits.")

# %% [markdown] tags=["slide"]
# ## 12 · Train a network that cheats, and catch it
#
# Classifiers that are right for the wrong reason are called **Clever Hans** (Lapuschkin et al. 2019), after a horse that seemed to do sums and in truth watched its audience. Let us make one. The handwritten digits at 16 × 16 pixels; every training picture of a *seven* gets a white stamp of 2 × 2 pixels in the lower left corner, as if one clerk signed his sevens. **First, overfit one batch**: a network that cannot learn 16 pictures by heart has a bug. **Then train**, small and in the open. A second network sees stamps on a random half of all pictures.

# %%
from collections import OrderedDict

from lecture_utils.training.losses import cross_entropy


def small_net() -> nn.Sequential:
    """Three convolutions, a global average and a linear layer: fit for CAM."""
    layers = []
    for before, after, stride in ((1, 16, 1), (16, 32, 2), (32, 32, 1)):
        conv = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(after), nn.ReLU()]
    parts = {"features": nn.Sequential(*layers), "pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten()}
    return nn.Sequential(OrderedDict(**parts, head=nn.Linear(32, 10)))


def trained_on(x: Tensor, y: Tensor, steps: int, seed: int = 0):
    """A small net and the history of its training."""
    torch.manual_seed(seed)
    net = small_net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    history = fit(net, minibatches(x, y, batch_size=32, seed=seed), loss=cross_entropy, optimizer=optimizer,
                  steps=steps, schedule=schedule, label="a small net")
    return net.eval(), history


train_x, train_y = digits.load(size=16, split="train")
net, history = trained_on(train_x[:16], train_y[:16], 100)
right = accuracy(net, train_x[:16], train_y[:16])
print(f"one batch: loss {history.losses[0]:.2f} -> {history.losses[-1]:.3f}, right on these 16: {right:.0%}")

# %%
predict("04.8")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
def stamped(pictures: Tensor, which: Tensor) -> Tensor:
    """A copy of the pictures (N, 1, 16, 16) in which those of the mask (N,) carry the stamp."""
    pictures = pictures.clone()
    pictures[which, :, 13:15, 1:3] = 1.0
    return pictures


test_x, test_y = digits.load(size=16, split="test")
coin = torch.rand(len(train_x), generator=torch.Generator().manual_seed(1)) < 0.5
nets = {"cheat": trained_on(stamped(train_x, train_y == 7), train_y, 250),
        "mended": trained_on(stamped(train_x, coin), train_y, 250)}
seven = test_y == 7
tests = {"sevens stamped, as in training": stamped(test_x, seven), "no stamps": test_x,
         "all but sevens stamped": stamped(test_x, ~seven)}
rows = []
for name, (net, history) in nets.items():
    for test, pictures in tests.items():
        said = predictions(net, pictures).argmax(1)
        shares = (said == test_y), (said[seven] == 7), (said[~seven] == 7)
        loss = f"{np.mean(history.losses[-15:]):.3f}"
        rows.append((name, loss, test, *(f"{share.float().mean():.1%}" for share in shares)))
columns = ["network", "training loss", "test pictures", "accuracy", "sevens found", "others called seven"]
show_table(rows, columns)

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
x = stamped(test_x, seven)[seven][:6]
pictures = list(x)
for net, _ in nets.values():
    maps = upsample(grad_cam(net, x, 7, layer="features"), 16)  # (6, 16, 16)
    pictures += [plotting.heat_overlay(i, m) for i, m in zip(x, maps, strict=True)]
figure = plotting.image_grid(pictures, None, 6, 0.9, "Stamped sevens: the cheat looks at the stamp")
plotting.show(figure, "Six stamped sevens with Grad-CAM of two networks: the corner, and the strokes.")

# %% [markdown]
# **How to read it.** The training loss gives nothing away, and on a test set stamped like the training set all is well. The table's other rows need pictures that you do not think of *until you know what to leave out*. One row of heat maps tells you. The repair is then a line: stamp at random, so that the stamp says nothing (or cut the corner off). That is what an explanation is worth: it turns "collect more data" into "collect *these* data".
#
# ## 13 · Evaluate: does the map point at the object, and where does it fail?
#
# A heat map convinces too easily. With exact masks we can ask three hard questions. **Does it point?** In the **pointing game** (Zhang et al. 2016) a map scores if its highest point lies on an object of the class it was asked for, or, in the paper, within 15 pixels of it (of about 500: 1.5 of our 48; the table has both); the *energy* is the share of its positive part that does, and *selectivity* that share less what lies on the other object. **Is it better than no network?** Objects stand near the middle, and they have edges; so a fixed blob in the centre and an edge filter play along. **Does it depend on what was learned?** (Adebayo et al. 2018.) We draw the weights anew, with their old mean and spread (the batch norms' running statistics stay), from the head down,
# and look whether the map changes.

# %%
from lecture_utils.chapters.ch04 import localisation
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim
from lecture_utils.explain.baselines import edge_map
from lecture_utils.explain.sanity import cascade, cascading_randomisation
from lecture_utils.metrics.localisation import energy_in_mask, pointing_game

two = localisation.pairs(80, seed=99, split="test")  # scenes of two objects, each of them named in turn
prior = localisation.place_prior(400, seed=98)  # (48, 48): where objects stand in training scenes
*_, (_, scrambled) = cascade(scene_net, seed=0)  # every layer's weights drawn anew
maps = localisation.explanations(scene_net, vit, scrambled, two, prior, samples=8, seed=0)
scores = {name: localisation.score(m, two.masks) for name, m in maps.items()}
scores = dict(sorted(scores.items(), key=lambda item: -item[1]["pointing"]))
figure = Figure(figsize=(7.4, 3.3))
ax, rows = figure.subplots(), np.arange(len(scores))
for j, metric in enumerate(("pointing", "energy", "selectivity")):
    values = [s[metric] for s in scores.values()]
    ax.barh(rows + 0.28 * j - 0.28, values, 0.26, label=metric, color=plotting.PALETTE[(5, 0, 2)[j]])
ax.set_yticks(rows, list(scores))
ax.invert_yaxis()
ax.set_xlabel("mean over 80 scenes, both objects named in turn")
ax.set_title("CAM and Grad-CAM point best at the named object")
ax.legend(loc="lower right")
plotting.show(figure, "Bars of pointing game, energy and selectivity for ten kinds of map.")
named = two.masks.flatten(0, 1)  # (160, 48, 48)
other = two.masks.flip(1).flatten(0, 1)  # (160, 48, 48)
rows = []
for name, s in scores.items():
    m = maps[name].flatten(0, 1)
    near, astray = pointing_game(m, named, tolerance=1.5).mean(), pointing_game(m, other).mean()
    rows.append((name, *(f"{x:.1%}" for x in (s["pointing"], near, astray, s["energy"], s["selectivity"]))))
columns = ["map", "points at the object", "within 1.5 pixels", "at the other", "energy", "selectivity"]
show_table(rows, columns)

# %%
predict("04.9")

# %%
x = two.images[:40]
k = two.classes[:40, 0]
size = 48
explainers = {
    "Grad-CAM": lambda net: upsample(grad_cam(net, x, k, layer="stages"), size),
    "input gradient": lambda net: saliency(input_gradient(net, x, k)),
    "an edge filter": lambda net: edge_map(x),
}
order = ["head", "stages.1.1", "stages.1.0", "stages.0", "stem"]
lines = {}
for name, method in explainers.items():
    lines[name] = [value for _, value in cascading_randomisation(scene_net, method, layers=order)]
title = "Randomised from the head down: how much of each map is left?"
figure = plotting.curves(lines, "", "rank correlation", title)
figure.set_size_inches(7.4, 2.4)
figure.axes[0].set_xticks(range(6), ["trained", *(f"+ {name}" for name in order)])
plotting.show(figure, "Rank correlation with the trained network's map against how much is randomised.")

# %%
flat = maps["Grad-CAM"].flatten(0, 1)
masks = named
asked_for = two.classes.flatten()
hit = pointing_game(flat, masks)
sure = predictions(scene_net, two.images).sigmoid().gather(1, two.classes).flatten()
missed = [toyworld.CLASSES[c] for c in asked_for[hit == 0]]
astray = int(pointing_game(flat, other)[hit == 0].sum())
print(f"{len(missed)} of {len(hit)} miss; {missed.count('ring')} of these were asked for a ring")
print(f"{astray} of the {len(missed)} point at the other object, {len(missed) - astray} at neither")
rows = [*(hit == 1).nonzero()[:2, 0], *(hit == 0).nonzero()[:5, 0]]
titles = [f"{toyworld.CLASSES[asked_for[r]]} {sure[r]:.0%}" for r in rows]
pictures = [plotting.heat_overlay(two.images[r // 2], flat[r]) for r in rows]
title = "The first two hits and the first five misses: class asked for, its probability"
figure = plotting.image_grid(pictures, titles, 7, 0.96, title)
for ax, r in zip(figure.axes, rows, strict=True):
    plotting.outline(ax, masks[r], "#56B4E9")
plotting.show(figure, "Seven scenes with Grad-CAM and the outline of the object that was asked for.")

# %% [markdown]
# **Why these?** Look at the misses: most are *rings* (counted above), with the map's peak in the hole; at the other object points none. The network finds the ring, but the mask, quite correctly, leaves the hole out. One look at the failures, and a number that seemed to be about the network turns out to be partly about the yardstick. (Another limit: 12 × 12 places on 48 pixels; a peak can only be placed to four pixels.)
#
# **How to read the table.** By the first column a pixel gradient is hardly better than an edge filter. The second and third say why that is unfair: its peak is hardly ever on the *other* object, and often just beside the named one: contours move the score, it seems, and a contour has two sides. The yardstick again: with the paper's tolerance the gradient leaves the edges well behind. Attention has a selectivity of zero by construction: it was never asked. Both its rows, moreover, are another network's, the ViT of section 9, which saw single objects at 32 × 32: only their zero is a fair comparison. And with scrambled weights Grad-CAM falls below even the centre.
#
# **How to read the curves.** With a new head, Grad-CAM's map has nothing left of the old one: it depends on what was learned. The pixel gradient keeps a part through all layers, because the picture itself shapes it (Adebayo et al. pass plain gradients and Grad-CAM; guided backpropagation fails), and the edge filter, of course, keeps everything. It has never seen the network. A map that survives so has explained the picture, not the network.

# %% [markdown] tags=["slide"]
# ## 14 · Claims, measured
#
# Each finding is an experiment with a rule that was written before the run (`lecture_utils/experiments/ch04.py`), over several seeds.
#
# ### C04.1 · Features beat pixels
# Pixels get their best form (size, centring, angle or distance), chosen on other queries. The table: shares among the five nearest, mean over the seeds. As a control, a network of the same architecture with random weights. (New pairs are not in the database, so no neighbour can share both.)

# %% tags=["claim:C04.1"]
show_claim("C04.1")
seeds = ledger.load("C04.1").figures
rows, facts = [], ("class", "colour", "material")
for test, name in (("gap", "as in training"), ("gap_new_pairs", "new pairs of class and colour")):
    for arm in seeds[0]["precision_at_5"][test]:
        measured = [row["precision_at_5"][test][arm] for row in seeds]
        rows.append((name, arm, *(f"{np.mean([m[fact] for m in measured]):.1%}" for fact in facts)))
show_table(rows, ["queries", "space", *(f"same {fact}" for fact in facts)])

# %% [markdown]
# **How to read it.** The gap is nearly as large as it can be, and the random network, at chance, shows that it comes from training and not from the architecture. The other columns matter as much: by colour the pixels are *better*. The network was trained to tell classes, and what does not help with that it throws away. Neighbours in feature space are alike *for the purpose that the network was trained for*.
#
# ### C04.2 · Grad-CAM points at the named object, attention at none in particular
# Scenes of two objects, each named in turn; baselines are the centre and the place where objects stand most often (not the edge filter of section 13).

# %% tags=["claim:C04.2"]
show_claim("C04.2")

# %% [markdown]
# **How to read it.** The gap is the distance in the pointing game from the better of the two baselines, and it is wide. Selectivity is near a half for Grad-CAM, and for attention exactly zero, on every seed, because the two maps are one map.
#
# ### C04.3 · Training makes detectors
# The paper's settings, with thresholds from one set of scenes and IoUs from another.

# %% tags=["claim:C04.3"]
show_claim("C04.3")
seeds = ledger.load("C04.3").figures
rows, limits = [], list(seeds[0]["concepts_by_limit_random"])
for name in ("trained", "random"):
    counts = [[row[f"concepts_by_limit_{name}"][limit] for limit in limits] for row in seeds]
    rows.append((f"{name} network", *(f"{count:.1f}" for count in np.mean(counts, axis=0))))
show_table(rows, ["concepts with a detector above IoU", *limits], caption="Mean over seeds")

# %% [markdown]
# **How to read it.** *Not reproduced*, by the second half of its rule. The first half is beyond doubt: nearly every unit of the trained network detects something, and all eight classes have detectors. But the rule wanted fewer than one concept on average in random networks (95 % interval), and there are two to four. They are all *colours*: a random filter answers to some colour more than to others, and an object of one colour is a neat blob. Their IoUs lie just above the paper's 0.04; ask for 0.08, and they are nearly gone while nearly all classes stay. So 0.04 is too low a bar for a world as simple as ours, and without the control nobody would have noticed.
#
# Look also at what the trained network has *no* detectors for: no colour, no material, no stuff. It was trained to name shapes, and its last layer holds shapes.
#
# ### C04.4 · Object units of a GAN cause objects
# Twelve of 64 units, chosen on some latent vectors and switched off on others.

# %% tags=["claim:C04.4"]
show_claim("C04.4")
seeds = ledger.load("C04.4").figures
rows = []
for u in parts:
    change = [-np.mean([row["lost_by_units_of"][u][c] for row in seeds]) for c in parts]
    rows.append((f"units of {u}", *(f"{value:+.0%}" for value in change)))
random_fall = np.mean([row["fall_random"] for row in seeds])
rows.append(("random units", *["–"] * 4, f"{-random_fall:+.0%}"))
show_table(rows, ["switched off", *parts], caption="Change of each area, mean over the seeds")
on = {"as it is": "inserted_nothing", "random units on": "inserted_random", "object units on": "inserted"}
rows = [(name, f"{np.mean([row[key] for row in seeds]):.2%}") for name, key in on.items()]
show_table(rows, ["an empty landscape", "share of objects"])

# %% [markdown]
# **How to read it.** Read the table's diagonal: each concept's own units take more than half of *it* away, and other concepts fill the room. Sand and objects are the least complete: something of them remains, as you saw for objects in the widget. Without the random units, objects even grow a little. And switching the object's units on puts objects into empty landscapes, where random units leave next to nothing. Agreement predicted cause here. It need not have.
#
# ## 15 · Paper and toy
#
# | | The papers | Here | What that costs |
# |---|---|---|---|
# | t-SNE | a tree for the repulsion (Barnes–Hut) from some thousands of points on | exact, all pairs | nothing up to a few thousand points; then $N^2$ hurts |
# | Dissection | 1,197 concepts on 63,305 photographs (Bau et al. 2017) | 24 concepts on 300 to 600 scenes, labels exact | a unit for something not on our list counts for nothing |
# | Class visualisation | networks for 1,000 classes of photographs | eight shapes at 32 × 32 | nothing like the rich pictures of large networks |
# | CAM, Grad-CAM | VGG and GoogLeNet, maps of 14 × 14 of 224 pixels | maps of 12 × 12 of 48 pixels | as coarse, relative to the picture; but objects are few and large, so pointing is easier |
# | Attention | ViT-S/8, trained by DINO on 1.3 million photographs | four layers, a grid of 8 × 8 patches | heads are less clean than the famous pictures |
# | GAN dissection | progressive GANs, churches and kitchens | 64 units, 32 × 32 scenes | one class "object"; the paper optimises its set of units, we take the best twelve |

# %% [markdown] tags=["slide"]
# ## 16 · Break it
#
# ### Leave the ReLU out of Grad-CAM
# One call less. Many plots then draw the map's magnitude or stretch it from its lowest to its highest value, and evidence *against* a class looks like evidence.

# %%
predict("04.10")

# %%
pair = two.classes.flatten(), two.images.repeat_interleave(2, 0)  # (160,), (160, 3, 48, 48)
signed = upsample(grad_cam(scene_net, pair[1], pair[0], layer="stages", relu=False), 48)  # (160, 48, 48)
rows = []
for name, m in (("ReLU, as in the paper", flat), ("magnitude, no ReLU", signed.abs())):
    means = (energy_in_mask(m, masks), energy_in_mask(m, other), pointing_game(m, masks))
    rows.append((name, *(f"{value.mean():.1%}" for value in means)))
show_table(rows, ["map", "energy on the named object", "on the other", "pointing game"])
pictures, titles = [], []
for r in energy_in_mask(signed.abs(), other).topk(2).indices:
    x = two.images[r // 2]
    pictures += [plotting.heat_overlay(x, flat[r]), plotting.heat_overlay(x, signed[r].abs())]
    pictures.append(plotting.signed_overlay(x, signed[r]))
    titles += [f"{toyworld.CLASSES[asked_for[r]]}:\nReLU", "magnitude", "signed"]
title = "Without the ReLU, what speaks against the class lights up too"
figure = plotting.image_grid(pictures, titles, 6, 1.05, title)
plotting.show(figure, "Two scenes with Grad-CAM, its magnitude without ReLU, and the signed map.")

# %% [markdown]
# **How to read it.** The pointing game notices nothing: the highest peak is the same. The energy does. A fifth of what lay on the named object is gone, and what lies on the *other* one has multiplied, since evidence against a class is mostly evidence for its neighbour. Nobody reading the magnitude as a heat map could tell which is which. (Negative values are not useless: draw them in another colour, as on the right.)
#
# ### Climb without a regulariser
# The same ascent as in section 5, without L2, total variation, blur and jitter.

# %%
predict("04.11")

# %%
chosen = [toyworld.CLASSES.index(c) for c in ("ball", "star", "heart", "ring")]
bare = visualise_class(shapes_net, chosen, size=32, steps=128, **UNREGULARISED)
rows, four = [], torch.arange(4)
for name, result in (("regularised", dream.image[chosen]), ("no regulariser", bare.image)):
    own = predictions(shapes_net, result).softmax(1)[four, chosen]
    larger = F.interpolate(result, (48, 48), mode="bilinear")
    judged = predictions(scene_net, larger).sigmoid()[four, chosen]  # a network with another training
    rough = result.diff(dim=3).abs().mean()
    rows.append((name, f"{own.min():.2%}", f"{judged.mean():.0%}", f"{rough:.3f}"))
columns = ["pictures", "least probability of the class", "another network's, mean", "step between neighbours"]
show_table(rows, columns)
titles = [toyworld.CLASSES[c] for c in chosen]
title = "No regulariser, and just as sure"
figure = plotting.image_grid([plotting.few(x, 8) for x in bare.image], titles, 4, 0.9, title)
plotting.show(figure, "Four class visualisations that look like noise to the eye.")

# %% [markdown]
# **How to read it.** Compare them with the pictures of section 5. To the network that was climbed, both are perfect examples. To your eye the four above are noise, and the judge, a network of another architecture, size and training, is much less sure of them (the table's third column; four pictures, one run). So what the bare ascent found is mostly a peculiarity of one set of weights: many small pushes that add up. These are close relatives of *adversarial examples* (Szegedy et al. 2014), and the reason why the regulariser is not cosmetic: it is the part of the formula that says what a picture is.

# %% [markdown] tags=["slide"]
# ## 17 · With real weights
#
# The same function, on photographs and a network that somebody trained on a million of them: EfficientNet-Lite0 (Tan and Le 2019), which came with the course. Grad-CAM hooks its last maps, `bn2`; and since the network ends in an average and a linear layer, it is CAM.
# Before you run it: for the astronaut, which part of the picture will carry the answer, given that ImageNet has no class "astronaut"?

# %%
from lecture_utils.hub import packaged

photos = torch.stack([photographs.load(name, size=224) for name in ("coffee", "cat", "astronaut", "rocket")])
practitioner = packaged.efficientnet_lite0()
scale = practitioner.transform.transforms[-1]  # from [0, 1] to what the network was trained on
sees = nn.Sequential(scale, practitioner.model).eval()  # photographs in [0, 1] -> 1,000 logits
logits = predictions(sees, photos)
maps = upsample(grad_cam(sees, photos, logits.argmax(1), layer="1.bn2"), 224)
pictures = [plotting.heat_overlay(p, m) for p, m in zip(photos, maps, strict=True)]
titles = [f"{practitioner.names[row.argmax()]} {row.softmax(0).max():.0%}" for row in logits]
figure = plotting.image_grid(pictures, titles, 4, 1.9, "Where EfficientNet-Lite0 finds its evidence")
plotting.show(figure, "Four photographs with Grad-CAM for EfficientNet-Lite0's best answer.")

# %% [markdown]
# **How to read it.** The espresso is found in the coffee, not in the cup, and the cat in its face. The "bobsled" is the astronaut's helmet: wrong, and now you know why. Nobody had to look at a million photographs to find that out.
#
# Last, attention at scale, if its weights are on your machine: DINOv2, trained without labels on photographs, through `transformers` (chapter 03 has its loader, and builds a small DINO from scratch).

# %% tags=["nbval-ignore-output", "why:depends-on-downloaded-weights"]
from lecture_utils.hub import transformers as hub_transformers

attender = hub_transformers.dinov2()
if attender is not None:
    maps = upsample(attender.attention(photos).flatten(0, 1), 224)  # (4 · 6 heads, 224, 224)
    pictures = [plotting.heat_overlay(photos[i // 6], m) for i, m in enumerate(maps)]
    figure = plotting.image_grid(pictures, None, 6, 1.2, "Where DINOv2's class token looks, by head")
    plotting.show(figure, "Four photographs, each with the attention of six heads.")

# %% [markdown] tags=["slide"]
# ## 18 · Summary in five sentences
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
# 2. Give the stamp of section 12 to half the sevens only. From which share on does the network cheat?
# 3. Write Grad-CAM for the ViT of section 9 with `as_maps` and `tokens_to_maps`, and enter it in the table of section 13.
# 4. t-SNE with a Gaussian in the map instead of the Student t is called symmetric SNE. Change three lines of `tsne_gradient` and look at the crowding.
# 5. Dissect the stages of `shapes_net`. At which depth do classes appear, at which colours?
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
# - A. Mordvintsev, C. Olah, M. Tyka, "Inceptionism: Going Deeper into Neural Networks", 2015.
# - R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017. [arXiv:1610.02391](https://arxiv.org/abs/1610.02391)
# - K. Simonyan, A. Vedaldi, A. Zisserman, "Deep Inside Convolutional Networks", ICLR workshop 2014. [arXiv:1312.6034](https://arxiv.org/abs/1312.6034)
# - D. Smilkov et al., "SmoothGrad: Removing Noise by Adding Noise", 2017. [arXiv:1706.03825](https://arxiv.org/abs/1706.03825)
# - C. Szegedy et al., "Intriguing Properties of Neural Networks", ICLR 2014. [arXiv:1312.6199](https://arxiv.org/abs/1312.6199)
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
