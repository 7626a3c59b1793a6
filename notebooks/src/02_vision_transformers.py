# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 02 · Vision transformers
#
# **What happens if every part of a picture may ask every other part a question, from the first layer on?**
#
# A convolution looks around the corner. To find out that the left wing and the right wing belong to one bird, it needs many layers,
# each seeing a little further. Attention has no corner: in a single layer each patch of the picture looks at all others, decides which of them matter *to it*, and takes
# home a mixture of what they have to say. The idea comes from language. It took vision over in 2020, and it comes with a bill: it must be told where
# things are, it needs many examples, and its cost grows with the square of the number of patches. This chapter builds it by hand, and presents the bill.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Compute** attention from its equation, with masks and several heads, and check that it equals the library's.
# 2. **Explain** why recurrent nets forget, and measure it.
# 3. **Assemble** encoder and decoder, and teach them to read backwards while you wait.
# 4. **Turn** a picture into a sentence: patches, class token, learned positions. **Read** the attention maps of a trained ViT.
# 5. **Cut** the cost from quadratic to linear with windows, and **repair** what the windows break.
#
# **You need** chapter 01, matrix products, and the softmax function.
#
# **Letters** keep one meaning throughout. In shapes, $B$ is a batch; $N$ tokens (those that ask, the queries); $M$ tokens that are asked, the keys; $D$ the width of a token, $d$ that of one head; $C$, $H$ and $W$ channels, height and width of a picture or map. $p$ is a position, and in `cut_patches` the side of a patch; $m$ the side of a window.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · Why recurrent nets forget | 8 | 7 · Swin: windows that shift | 18 |
# | 2 · Attention, the equation | 15 | 8 · Put together | 6 |
# | 3 · Several heads | 8 | 9–10 · Train and evaluate | 12 |
# | 4 · Where am I? Positions | 10 | 11 · Claims, measured | 15 |
# | 5 · Encoder and decoder | 12 | 12–13 · Paper and toy, broken | 10 |
# | 6 · ViT: an image is a sentence | 15 | 14–16 · GPU, real weights, summary | 6 |
#
# **A GPU** is not needed. One cell near the end trains a larger ViT where there is one.

# %% tags=["skip"]

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lecture_utils import plotting, runtime, zoo
from lecture_utils.data import digits, photographs, toyworld
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.chapters.ch02.figures import heat_maps, layer_diagram
from lecture_utils.training.loop import accuracy, fit, minibatches, predictions

start("02")

# %% [markdown] tags=["slide"]
# ## Result first
#
# A vision transformer with no convolution in it but the one that cuts the picture into 64 patches of 4 × 4 pixels. It names the object, and it can be asked *where it looked*: below each picture, the patches
# from which the answer was collected in the last layer are hot, all heads together. Nobody ever showed it where the object is.

# %%
vit = zoo.load("shapes_vit")
images, labels = toyworld.classification(2000, size=32, split="test")  # (2000, 3, 32, 32), (2000,)
sure, said = predictions(vit, images[:6]).softmax(1).max(1)
looked = vit.attention_maps(images[:6])[-1, :, :, 0, 1:].mean(1)  # last layer, class token: (6, 64)
titles = [f"{toyworld.CLASSES[k]} {p:.0%}" for k, p in zip(said, sure, strict=True)] + [" "] * 6
looks = [plotting.heat_overlay(x, w) for x, w in zip(images[:6], looked.reshape(6, 8, 8), strict=True)]
figure = plotting.image_grid([*images[:6], *looks], titles, columns=6, size=1.5,
                             suptitle="What it says, and where its last layer looked")
plotting.show(figure, "Six small pictures with the answers; below, hot where the class token attends.")

# %% [markdown] tags=["slide"]
# ## 1 · Why recurrent nets forget
#
# Before 2017, sequences were mostly read one **token** at a time: a vector that stands for a piece of the input, such as a word or, later, a patch of a picture. (A layer that turns pieces into vectors is an **embedding**.) A **recurrent net** keeps a state $h$ and updates it with each token $x_t$:
#
# $$h_t = \tanh(W h_{t-1} + U x_t + b)$$
#
# All that it knows of token 1 when it reads token 100 has passed through 99 updates. The gradient takes the same way back, and at each step it is multiplied by
# $W^\top \mathrm{diag}(1 - h_t^2)$. A product of a hundred matrices either dies out or explodes (Hochreiter 1991; Bengio et al. 1994). An LSTM adds a gated path on which the factor is a
# number between 0 and 1, chosen by the net, which helps. Recurrence also makes reading slow: token 100 has to wait for token 99. In **attention**, which the next section builds, the way from any token to any other is **one step long**.

# %%
predict("02.1")

# %%
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim
from lecture_utils.chapters.ch02 import claims as ch02

live = ch02.c02_1_reach(0, "quick")  # one seed, computed now
curves = {name: np.maximum(np.array(logs), -34) for name, logs in live["log10_gradient"].items()}
figure = plotting.curves(curves, "steps back", "log10 of the gradient's norm",
                         "Attention reaches 100 steps back as easily as one; recurrent nets do not")
plotting.show(figure, "Gradient against steps back: flat for attention, falling for two RNNs and an LSTM.")

# %% [markdown]
# **How to read it.** Each straight line down is a constant factor per step: exponential forgetting. All nets are untrained; the LSTM's forget gate starts at its usual friendly setting (bias 1). The attention layer's line is
# flat, with one peak at distance 0, where the residual connection adds the token itself. Values below −34 are drawn at −34. Claim C02.1 measures each line from its own value one step back. Training can bend the lines, but it has to get a gradient first.

# %% [markdown] tags=["slide"]
# ## 2 · Attention, the equation
#
# Think of a library. You come with a **query**: what you are looking for. Every book has a **key** on its spine and a **value** inside. You compare your query with all keys, and where it fits well you read more. The
# answer is a mixture of values, weighted by how well the keys fit. With $N$ queries in the rows of $Q$, $M$ keys and values in the rows of $K$ and $V$,
#
# $$\mathrm{attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^{\top}}{\sqrt d}\right) V$$
#
# (Vaswani et al. 2017, equation 1; a decoder that looks back by learned weights is older, Bahdanau et al. 2015). The softmax runs along each row, so every query's weights are positive and sum to 1. Why $\sqrt d$? If queries and keys have $d$ independent entries of mean 0 and variance 1, their dot product has variance $d$: it
# grows with the width. A softmax over widely spread numbers is a hard choice of one key, with hardly any gradient. Dividing by the standard deviation $\sqrt d$ keeps it soft at the start.
#
# Below are three queries, four keys and four values, all the way through: rows of the first two matrices are queries, columns keys; the output is the second matrix times the third.
#
# A **mask** forbids: before the softmax, forbidden scores are set to $-\infty$. Their weight becomes exactly 0, and the others still sum to 1. Write attention with a mask.

# %%
torch.manual_seed(3)
query, key = torch.randn(3, 2) * 2, torch.randn(4, 2) * 2
value = torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 0]])
scores = query @ key.T / 2**0.5
steps = [scores, scores.softmax(1), value, scores.softmax(1) @ value]
titles = ["scores: how well keys fit", "weights: rows sum to 1", "values", "output"]
figure = heat_maps(steps, titles, "Score, weigh, mix", numbers=True, signed=[True, False, False, False])
plotting.show(figure, "3 by 4 scores, 3 by 4 weights whose rows sum to one, 4 by 2 values, 3 by 2 output.")

# %% tags=["exercise:02.1"]
def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Scaled dot-product attention: query (N, d), key (M, d), value (M, any) → (N, any).

    mask (N, M) is True where a query may look.
    """
    ...


attend = check("02.1", attend)

# %% [markdown]
# # solution: lecture_utils.chapters.ch02.exercises.attend
#
# The package's version takes any leading axes and also returns the weights. One line deserves attention: a query that may look *nowhere* would give $0/0$. It gets zeros.

# %% tags=["show", "system:S02.1"]
import math

# show: lecture_utils.nn.attention.attention

# %%
torch.manual_seed(0)
query = torch.randn(2, 4, 7, 16)  # (B, heads, N, d)
key, value = torch.randn(2, 2, 4, 9, 16)  # two of (B, heads, M, d)
mask = (torch.rand(7, 9) < 0.6) | (torch.arange(9) == 0)  # (N, M); everyone may look at key 0
for name, m in (("no mask", None), ("mask", mask)):
    ours = attention(query, key, value, m)[0]
    library = F.scaled_dot_product_attention(query, key, value, attn_mask=m)
    print(f"{name}: equal to F.scaled_dot_product_attention: {torch.allclose(ours, library, atol=1e-5)}")

# %%
predict("02.2")

# %%
order = torch.randperm(9)
mixed, plain = attention(query, key[:, :, order], value[:, :, order])[0], attention(query, key, value)[0]
print("keys and values shuffled: same output?", torch.allclose(mixed, plain, atol=1e-5))

# %% [markdown]
# The first test is a licence. From here on the package calls the library's fused kernel, which computes the same without ever storing the $N \times M$ matrix.
#
# **Masks** say who may look where. Three are in use everywhere: a **causal** mask for writing (no token may look into the future), a **padding** mask (sentences of a batch have different lengths, and nobody may look at the
# filling), and, later in this chapter, the mask of Swin's windows.

# %%
torch.manual_seed(0)
tokens = 0.4 * torch.randn(1, 6, 16)
causal = torch.ones(6, 6).tril().bool()
padding = (torch.arange(6) < 4).expand(6, 6)
nowhere = causal.clone()
nowhere[2] = False
masks = [torch.ones(6, 6).bool(), causal, padding, nowhere]
maps = [attention(tokens, tokens, tokens, m)[1][0] for m in masks]
titles = ["all see all", "causal", "last two are padding", "token 2 sees nothing"]
grey = [w.masked_fill(~m, math.nan) for w, m in zip(maps, masks, strict=True)]
figure = heat_maps(grey, titles, "The same tokens under four masks: rows are queries, columns keys",
                   height=2.5)
plotting.show(figure, "Four matrices, forbidden pairs grey: none, triangle, columns, triangle and row.")
print("row sums under the last mask:", [round(total, 4) for total in maps[3].sum(1).tolist()])

# %% [markdown] tags=["slide"]
# ## 3 · Several heads
#
# One softmax makes one choice. A word may want to know its verb *and* its adjective; a patch the other end of its edge *and* the colour of the sky. So run several attentions side by side, each on its own projection
# of width $d = D / \mathrm{heads}$, and join the results with one more matrix:
#
# $$\mathrm{head}_i = \mathrm{attention}(X W^Q_i,\; S W^K_i,\; S W^V_i), \qquad \mathrm{output} = [\mathrm{head}_1, \mathrm{head}_2, \dots]\, W^O$$
#
# Queries come from $X$, keys and values from $S$ (`context` in the code). If $S$ is $X$ itself, that is **self-attention**; if it is another sequence, **cross-attention**. In code the projections of all heads are one matrix, and the result is cut afterwards. The cut is where most bugs live: a `reshape` that is right in shape and wrong in
# meaning runs without complaint and trains badly.

# %% tags=["exercise:02.2"]
def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, N, D) → (B, heads, N, D / heads): each head gets its own stretch of the channels."""
    ...


split_heads = check("02.2", split_heads)

# %% [markdown]
# # solution: lecture_utils.chapters.ch02.exercises.split_heads

# %% tags=["show"]
# show: lecture_utils.nn.attention.MultiHeadAttention.project
# show: lecture_utils.nn.attention.MultiHeadAttention.forward

# %%
from lecture_utils.nn.attention import MultiHeadAttention, causal_mask

torch.manual_seed(0)
ours, library = MultiHeadAttention(32, 4), nn.MultiheadAttention(32, 4, batch_first=True)
with torch.no_grad():
    library.in_proj_weight.copy_(torch.cat([ours.to_query.weight, ours.to_key.weight, ours.to_value.weight]))
    library.in_proj_bias.copy_(torch.cat([ours.to_query.bias, ours.to_key.bias, ours.to_value.bias]))
library.out_proj.load_state_dict(ours.to_output.state_dict())
x, context = torch.randn(2, 5, 32), torch.randn(2, 8, 32)
equal = torch.allclose(ours(x), library(x, x, x)[0], atol=1e-5)
print("self:  equal to nn.MultiheadAttention:", equal)
equal = torch.allclose(ours(x, context), library(x, context, context)[0], atol=1e-5)
print("cross: equal to nn.MultiheadAttention:", equal)

# %% [markdown] tags=["slide"]
# ## 4 · Where am I? Positions
#
# You have just seen it: shuffle keys and values, and attention's output stays the same. (Shuffle the queries too, and the outputs are shuffled with them.) Attention treats its input as a *set*. "Dog bites man" and "man bites dog" are one sentence to it; a face and a heap of eyes and noses are one picture. So the position has to be written
# **into** the tokens: add to token $p$ a vector that says $p$. The 2017 paper uses sines and cosines of many frequencies,
#
# $$\mathrm{PE}[p, 2i] = \sin\!\big(p\, w_i\big), \quad \mathrm{PE}[p, 2i+1] = \cos\!\big(p\, w_i\big), \quad w_i = 10000^{-2i/D}$$
#
# like the hands of many clocks, some fast and some slow. Moving by $k$ positions turns each hand by a fixed angle, so the dot product of two encodings depends only on their *distance*. That is what a layer that compares by dot products can use.

# %% tags=["exercise:02.3"]
def position_table(n: int, dim: int) -> Tensor:
    """(n, dim): sin(p · w) in even columns, cos(p · w) in odd ones, w = 10000^(-2i / dim) for pair i."""
    ...


position_table = check("02.3", position_table)

# %% [markdown]
# # solution: lecture_utils.chapters.ch02.exercises.position_table

# %%
table = position_table(64, 64)
titles = ["the table: a row for each position", "dot products of all pairs of rows"]
figure = heat_maps([table, table @ table.T], titles,
                   "Fast clocks left, slow ones right; alike is what is near", signed=True, height=3.6)
plotting.show(figure, "Left a table of sines and cosines, slower to the right; right their dot products.")

# %% [markdown]
# The alternative is to let the network **learn** one vector per position. That is what ViT does. Compare the two: what might a learned encoding of 8 × 8 patches know that the sinusoidal one of 64 tokens in a row cannot?

# %%
from lecture_utils.widgets.present import present
from lecture_utils.chapters.ch02.widgets import attention_explorer
from lecture_utils.chapters.ch02.widgets import position_similarity
from lecture_utils.chapters.ch02.widgets import swin_stepper

present(position_similarity.position_similarity())

# %% [markdown] tags=["slide"]
# ## 5 · Encoder and decoder
#
# A transformer layer is attention plus a small network on each token alone (the MLP), each behind a **layer norm** (it takes mean and deviation over one token's own numbers, where batch norm took them over the batch) and beside a residual connection, which you know from ResNet. Attention moves information *between* tokens, the MLP works on it *within* each. The 2017 paper normalised after
# each sum (**post-norm**); most models since normalise what enters each branch (**pre-norm**), which trains without a warm-up of the learning rate (Xiong et al. 2020). Both are a flag here.
#
# An **encoder** reads: every token sees every token. A **decoder** writes: its self-attention is causal, and between that and the MLP it may look into what the encoder has read, by cross-attention. ViT is an encoder. You will meet decoders again in the chapters on
# captions and on detection.

# %%
plotting.show(layer_diagram(), "An encoder layer, and a decoder layer with a cross-attention in its middle.")

# %% tags=["show", "system:S02.2"]
# show: lecture_utils.nn.transformer.EncoderLayer.forward

# %% tags=["show"]
# show: lecture_utils.nn.transformer.DecoderLayer.forward

# %% [markdown]
# **A test of the whole machine:** read eight digits, write them backwards. To write the first digit the decoder must look at the *last* token of the source, then at the one before, and so on. Nothing in the network knows what "backwards" means: it has to be found, through positions and cross-attention. In training the
# decoder gets the right answer shifted by one (the causal mask stops it from peeking); in the test it gets only what it wrote itself.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.nn.transformer import Transformer, next_token_loss

START, generator = 10, torch.Generator().manual_seed(0)

def lessons():
    """Endless batches: (64, 2, 8) source and given answer, shifted by one; (64, 8) the answer."""
    while True:
        source = torch.randint(10, (64, 8), generator=generator)
        answer = source.flip(1)
        given = torch.cat([torch.full((64, 1), START), answer[:, :-1]], dim=1)
        yield torch.stack([source, given], dim=1), answer


def reading_loss(model, x, y):
    """How badly the model, given source and answer so far, guesses each next token."""
    return next_token_loss(model(x[:, 0], x[:, 1]), y)


torch.manual_seed(0)
reverser, steps = Transformer(11, dim=48, heads=4, hidden=96, layers=1), 400
optimizer = torch.optim.AdamW(reverser.parameters(), lr=5e-3)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
history = fit(reverser, lessons(), loss=reading_loss, optimizer=optimizer, steps=steps, schedule=schedule,
              label="reverse")
fresh = torch.randint(10, (500, 8), generator=generator)
written = reverser.eval().generate(fresh, START, 8)
whole = (written == fresh.flip(1)).all(1).float().mean()
print(f"loss {history.losses[0]:.2f} -> {history.losses[-1]:.3f}")
print(f"{whole:.1%} of 500 new sequences reversed without a mistake")
print("reads", fresh[0].tolist(), "writes", written[0].tolist())

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
with torch.inference_mode():
    memory = reverser.encode(fresh[:1])
    given = torch.cat([torch.full((1, 1), START), written[:1, :-1]], dim=1)
    layer, h = reverser.decoder[0], reverser.tokens(given)
    h = h + layer.self_attention(layer.norm1(h), mask=causal_mask(8))
    maps = layer.cross_attention.weights(layer.norm2(h), memory)[0]  # (heads, 8 written, 8 read)
names = [str(k) for k in range(8)]
figure = heat_maps(maps, [f"head {k + 1}" for k in range(4)], labels=names, height=2.6,
                   suptitle="Cross-attention: rows are written tokens, columns read ones")
plotting.show(figure, "Four 8 by 8 cross-attention maps of the heads while a sequence is written backwards.")

# %% [markdown]
# **How to read it.** Row 0 is the first token to be written, and the token that it needs stands in column 7. Look for weight along the diagonal from the top right to the bottom left: that is "backwards", drawn by the network itself. Heads need not agree; the output matrix mixes them, and one may stay idle.

# %% [markdown] tags=["slide"]
# ## 6 · ViT: an image is a sentence
#
# Pixels are too many to be tokens: 224 × 224 of them would need 2.5 billion scores per head and layer. So Dosovitskiy et al. (2021) cut the image into patches of 16 × 16 pixels and let each **patch** be a word. Flatten it, multiply by a matrix $E$, done. Three more ingredients:
#
# $$z_0 = [\,x_{\mathrm{class}};\; x^1 E;\; \dots;\; x^N E\,] + E_{\mathrm{pos}}, \qquad z_l = \mathrm{layer}_l(z_{l-1}), \qquad y = \mathrm{head}(\mathrm{LN}(z_L^0))$$
#
# - a **class token** $x_{\mathrm{class}}$, learned and the same for every picture: it has nothing to say, only to ask, and the answer is read from it at the end;
# - **positions** $E_{\mathrm{pos}}$, learned, one vector for each of the $N + 1$ places *in a row*: the paper's model is not told that the first patch of row 2 lies below the first of row 1 (ours gets a hint, as you will see);
# - the encoder of section 5, with nothing changed.
#
# Cutting and multiplying by one matrix is a convolution whose stride is its kernel. Write the cut; the equality follows.

# %% tags=["exercise:02.4"]
def cut_patches(x: Tensor, p: int) -> Tensor:
    """(C, H, W) → (N, C·p·p): patches in reading order, each flattened as a conv weight is."""
    ...


cut_patches = check("02.4", cut_patches)

# %% [markdown]
# # solution: lecture_utils.chapters.ch02.exercises.cut_patches

# %%
predict("02.3")

# %%
weight, bias = vit.embed.projection.weight, vit.embed.projection.bias  # (64, 3, 4, 4), (64,)
with torch.no_grad():
    by_matrix = cut_patches(images[0], 4) @ weight.flatten(1).T + bias  # (64, 64)
    by_convolution = vit.embed(images[:1])[0]
print("reshape + linear = convolution:", torch.allclose(by_matrix, by_convolution, atol=1e-4))
patches = cut_patches(images[0], 4).reshape(64, 3, 4, 4)
names = ["whole", *[str(k) for k in range(24, 47)]]
figure = plotting.image_grid([images[0], *patches[24:47]], names, columns=12, size=0.66,
                             suptitle="One picture, and 23 of the 64 words that it is cut into")
plotting.show(figure, "A small picture and 23 of its patches of 4 by 4 pixels, numbered.")

# %% tags=["show", "system:S02.3"]
from lecture_utils.backbones.vit import resize_positions

# show: lecture_utils.backbones.vit.ViT.embed_tokens

# %% tags=["show"]
# show: lecture_utils.backbones.vit.ViT.tokens
# show: lecture_utils.backbones.vit.ViT.forward

# %% [markdown]
# What became of the positions? To find a grid in a list of 64 learned vectors takes a ViT a great many pictures (in the paper's figure 7, a ViT-L found rows *and* columns). Ours was given a start: sines and cosines as in section 4, half of the channels for the row and half for the column. From there they were learned like any weight. In the large maps, the small map at row $r$, column $c$ shows how similar the position of that patch is to all 64.

# %%
from lecture_utils.recipes import shapes_vit

tables = {"at the start": shapes_vit.build().position, "after training": vit.position}
maps = []
for name, table in tables.items():
    unit = F.normalize(table[0, 1:].detach(), dim=1)  # (64, D)
    alike = (unit @ unit.T).reshape(8, 8, 8, 8)  # (row, column, row, column)
    maps.append(alike.permute(0, 2, 1, 3).reshape(64, 64))
    right, below = alike[:, 3, :, 5].diagonal().mean(), alike[3, :, 5, :].diagonal().mean()
    print(f"{name}: two patches to the right {right:.2f}, two patches below {below:.2f}")
figure = heat_maps(maps, list(tables), "Similarity of positions: 64 maps of 8 × 8, each in its patch's place",
                   signed=True, height=4.2, every=8)
plotting.show(figure, "8 by 8 small maps of similarity: round blobs at the start, flat bands after training.")

# %% [markdown]
# **How to read it.** At the start each small map is a blob, as wide as it is high. After training it is a band: patches of one row have stayed alike, patches of one column have moved apart. The printed similarities say the same. In this world the height of a patch tells a good deal (sky above, ground below, and what is near is lower and larger), while left and right are alike.
#
# Now point at patches yourself. In the first layer many heads look at what has the asking patch's own colour, though not all (one of the sky's watches the ball), and the class token already tells object from water from horizon. What changes on the way up? The hottest colour is a head's largest weight on any patch, its *peak*; what it gives the class token is not drawn.

# %%
present(attention_explorer.attention_explorer())

# %% [markdown] tags=["slide"]
# ## 7 · Swin: windows that shift
#
# The bill. For $N$ tokens of width $D$ an attention layer takes $4ND^2$ multiply-adds for its four projections and $2N^2D$ for scores and mixture. Segmentation and detection need fine maps and large
# pictures; there the square is ruinous. Liu et al. (2021) let tokens look only inside **windows** of $m \times m$:
#
# $$\Omega_{\mathrm{global}} = 4ND^2 + 2N^2D, \qquad \Omega_{\mathrm{window}} = 4ND^2 + 2m^2ND$$
#
# With $m = 7$ fixed, the second is *linear* in $N$. (They are the paper's equations 1 and 2, where the side is called $M$.) They also bring back the hierarchy of convolutional nets: after each stage, 2 × 2 neighbouring tokens are **merged** into one of twice the width. So Swin gives maps at several resolutions, as a ResNet does, and fits wherever one did.

# %% tags=["exercise:02.5"]
def multiply_adds(tokens: int, dim: int, window: int = 0) -> int:
    """Multiply-adds of an attention layer: over all tokens, or in windows of window × window of them."""
    ...


multiply_adds = check("02.5", multiply_adds)

# %% [markdown]
# # solution: lecture_utils.chapters.ch02.exercises.multiply_adds

# %%
predict("02.4")

# %%
tokens, cost = [784, 3136, 12544, 50176, 200704], {}  # images of 112 to 1,792 pixels, patches of 4
for name, window in (("global", 0), ("windows of 7 × 7", 7)):
    cost[name] = tokens, [multiply_adds(n, 96, window) / 1e9 for n in tokens]
figure = plotting.curves(cost, "tokens", "billion multiply-adds", log_x=True, log_y=True,
                         title="One attention layer of Swin-T's first stage, if it were global, and as it is")
plotting.show(figure, "Two lines on logarithmic axes: global attention rises twice as steeply as windows.")
print("global to windows:", *[f"{multiply_adds(n, 96) / multiply_adds(n, 96, 7):.0f} to 1" for n in tokens])

# %% [markdown]
# **How to read it.** From one point to the next the side of the picture doubles and the tokens become four times as many. The windows' line then rises fourfold; the global one soon nearly sixteenfold, once the scores outweigh the projections.
#
# But windows are walls. A bird whose head lies in one window and whose tail in the next is two halves that never meet. Swin's answer: in every second layer **shift** the windows by half their side, so that the old walls run through the middle of new windows. What about the borders? Shifted windows would stick out. Instead, **roll** the
# map cyclically and cut as before. Now the last windows hold tokens from opposite sides of the picture, which were never neighbours; a **mask** keeps them apart. Work out that mask for one row of tokens.

# %% tags=["exercise:02.6"]
def row_mask(length: int, window: int, shift: int) -> Tensor:
    """Who may look at whom in a row of tokens rolled left by `shift`.

    (length / window, window, window), boolean.
    """
    ...


row_mask = check("02.6", row_mask)

# %% [markdown]
# # solution: lecture_utils.chapters.ch02.exercises.row_mask
#
# In two dimensions the rule holds along both axes: two tokens may look at each other if neither axis parts them. Step through it. On the right, a token may look where its own group's colour stands, and not at grey.

# %%
predict("02.5")

# %%
present(swin_stepper.swin_stepper())

# %% tags=["show", "system:S02.4"]
# show: lecture_utils.backbones.swin.window_partition
# show: lecture_utils.backbones.swin.shift_mask

# %% [markdown]
# `shift_mask` cuts each axis into *three* bands where your row had two: what lies before the last window, the rest that did not come round, and what did. The first two never meet in one window, so within windows it is the same rule.
#
# Does information really stop at the walls, and does the shift really carry it over? Ask the gradient, as in chapter 01: which input tokens does the output token at row 3, column 3 depend on, after one layer (never shifted) and after two?

# %%
from lecture_utils.backbones.swin import Swin
from lecture_utils.chapters.ch02.shift import far_mark, reached_tokens

panels, titles = [], []
for shifted in (False, True):
    for depth in (1, 2):
        torch.manual_seed(0)
        small = Swin(dim=16, depths=(depth,), heads=(2,), window=4, patch=2, classes=2, shifted=shifted)
        reached = reached_tokens(small, 3, 3)
        panels.append(0.9 - 0.5 * reached.float())
        panels[-1][3, 3] = 0  # the token that is asked
        words = f"{'with' if shifted else 'no'} shift, {depth} layer{'s' * (depth > 1)}"
        titles.append(f"{words}: {int(reached.sum())}")
figure = plotting.image_grid(panels, titles, columns=4, size=1.9,
                             suptitle="Tokens (dark) on which one token's output depends (black: its place)")
plotting.show(figure, "Four 8 by 8 maps: 16 tokens after one and two layers; with the shift 16, then 64.")

# %% [markdown]
# **How to read it.** The titles count the dark tokens. Without the shift a second layer reaches no further than the first: one window. With it, the second layer's windows straddle the first one's walls, and all 64 tokens are within reach.
#
# Two more parts. **Relative position bias:** instead of adding positions to tokens, Swin adds to each score a learned number that depends only on how far the key lies from the query, down and right: $(2m-1)^2$ numbers for each head, reused in every window, which gives it back some of the convolution's
# indifference to place. **Patch merging** is one linear layer on four neighbours side by side.
#
# The figure after the code has the bias of a 3 × 3 window. Left, the same number stands wherever a key lies equally far down and right of its query: 12, along the diagonal, is "myself", 11 is "my right neighbour". Right, the query in the middle uses each of its nine numbers once; the other 16 are for queries at the sides.

# %% tags=["show"]
# show: lecture_utils.backbones.swin.relative_position_index

# %% tags=["show"]
# show: lecture_utils.backbones.swin.PatchMerging.forward

# %%
index = relative_position_index(3)  # (9, 9), whole numbers: which of the shared ones a pair uses
titles = ["query (row), key (column): which number", "the middle query's row, laid out as its window"]
figure = heat_maps([index, index[4].reshape(3, 3)], titles, numbers=True, height=3.6,
                   suptitle=f"{index.max() + 1} numbers serve all {index.numel()} pairs of a 3 × 3 window")
plotting.show(figure, "A 9 by 9 matrix of numbers 0 to 24, equal along diagonals, and one row as a window.")

# %% [markdown] tags=["slide"]
# ## 8 · Put together
#
# Our small ViT, drawn from its own forward pass (class token and positions join after the first block, so 64 tokens become 65; their weights, printed last, are in the title's sum but in no block); then the two full-size networks, built without allocating a single weight, stage by stage. Note what does *not* happen in ViT: 196 patches and one class token go in, 197 tokens of width 768 come out of every layer. Swin shrinks its map and widens its channels like a ResNet. Given the same weights,
# both give torchvision's outputs to four decimals (`tests/backbones/test_vit.py`, `tests/backbones/test_swin.py`).

# %%
from lecture_utils.kernel.tables import show_table

from lecture_utils.plotting.diagram import architecture

figure = architecture(vit, images[:1])
plotting.show(figure, "The small ViT as a row of blocks: patches, four equal encoder layers, norm and head.")
from lecture_utils.backbones.swin import swin_t
from lecture_utils.backbones.vit import vit_b16

with torch.device("meta"):
    big = vit_b16()
    windowed = swin_t()
    picture = torch.zeros(1, 3, 224, 224)
    x, rows = big.embed_tokens(picture), []
    rows.append(("ViT-B/16", "patches, class token, positions", tuple(x.shape[1:])))
    rows.append(("ViT-B/16", "after all 12 layers", tuple(big.tokens(picture).shape[1:])))
    x = windowed.embed_norm(rearrange(windowed.embed(picture), "b c h w -> b h w c"))
    for k, stage in enumerate(windowed.stages):
        x = stage(x)
        rows.append(("Swin-T", f"stage {k + 1}", tuple(x.shape[1:])))
show_table(rows, ["network", "where", "shape"])
for name, model in (("ViT-B/16", big), ("Swin-T", windowed), ("our ViT", vit)):
    print(f"{name}: {sum(p.numel() for p in model.parameters()) / 1e6:.2f} million parameters")
print(f"our ViT's class token and positions: {vit.class_token.numel() + vit.position.numel():,} of them")

# %% [markdown] tags=["slide"]
# ## 9 · Train
#
# **First, overfit one batch**, as always. **Then train in the open**: a ViT of 2 layers on the handwritten digits, 16 patches of 2 × 2 pixels each, from 1,197 pictures. The shipped ViT took longer, never saw a picture twice, and began better than at random: with the positions of section 6, with queries that fit their own keys (Trockman and Kolter 2023), and with an optimiser that evens out the directions of each matrix's step (Muon; Jordan et al. 2024). The recipe, `lecture_utils/recipes/shapes_vit.py`, says what it could do without them.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch02.hunger import WORLDS, learner, score
from lecture_utils.training.losses import cross_entropy

(digit_x, digit_y), (test_x, test_y) = (digits.load(size=8, split=s) for s in ("train", "test"))
torch.manual_seed(0)
small, batch = learner("ViT", "digits"), (digit_x[:16], digit_y[:16])
history = fit(small, minibatches(*batch, batch_size=16, seed=0), loss=cross_entropy, steps=60, label="batch",
              optimizer=torch.optim.AdamW(small.parameters(), lr=3e-3))
print(f"loss {history.losses[0]:.2f} -> {history.losses[-1]:.3f}, accuracy {accuracy(small, *batch):.0%}")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from matplotlib.figure import Figure

def train_digits(model, steps):
    """Train on the digits with a rate that warms up and comes down again."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    return fit(model, minibatches(digit_x, digit_y, batch_size=64, seed=0), loss=cross_entropy,
               optimizer=optimizer, steps=steps, schedule=schedule, label="digits",
               evaluate=lambda m: accuracy(m, test_x, test_y), evaluate_every=50)


torch.manual_seed(0)
digit_vit = learner("ViT", "digits")
digit_steps = runtime.pick(quick=300, full=1500)
history = train_digits(digit_vit, digit_steps)
figure = Figure(figsize=(8, 3.0), layout="constrained")
left, right = figure.subplots(1, 2)
smooth = np.convolve(history.losses, np.ones(10) / 10, "valid")
plotting.curves({"loss": smooth}, "step", "mean of 10 losses", "The loss falls …", ax=left)
points = tuple(zip(*history.evaluations, strict=True))
plotting.curves({"accuracy": points}, "step", "test accuracy", "… and new digits profit", ax=right)
plotting.show(figure, "Training loss of the digit ViT falls while its accuracy on test digits rises.")
print(f"test accuracy {history.evaluations[-1][1]:.1%} after {history.steps} steps, {len(digit_x):,} digits")

# %% [markdown] tags=["slide"]
# ## 10 · Evaluate: successes and failures
#
# Back to the shipped network and the toy world. Which classes does it confuse, and what do the pictures look like that it gets wrong?

# %%
card = zoo.card("shapes_vit")
weights = sum(p.numel() for p in vit.parameters())
print(f"this ViT: {card.steps:,} steps of 32 new pictures, {weights:,} weights, "
      f"{card.seconds / 60:.0f} minutes, {card.metrics['test_accuracy']:.1%} of 4,000 test pictures right")
rival = zoo.card("shapes_resnet")
print(f"chapter 01's residual net: {rival.steps:,} steps of 64, {rival.metrics['test_accuracy']:.2%} right; "
      f"chance is {1 / 8:.1%}")
sure, said = predictions(vit, images).softmax(1).max(1)
counts = torch.bincount(8 * labels + said, minlength=64).reshape(8, 8)
title = f"{(said == labels).sum()} of {len(labels)} named rightly"
figure = plotting.confusion_matrix(counts, toyworld.CLASSES, title)
plotting.show(figure, "Confusion matrix of eight shapes for the small ViT.")

# %%
order = sure.argsort(descending=True)
right, wrong = order[(said == labels)[order]][:8], order[(said != labels)[order]][:16]
titles = [f"{toyworld.CLASSES[labels[k]]} {sure[k]:.0%}" for k in right]
figure = plotting.image_grid(images[right], titles, columns=8, size=1.0, suptitle="Right, and surest")
plotting.show(figure, "Eight correctly named pictures with the highest confidence.")
titles = [f"{toyworld.CLASSES[said[k]]} {sure[k]:.0%}\nis {toyworld.CLASSES[labels[k]]}" for k in wrong]
figure = plotting.image_grid(images[wrong], titles, columns=8, size=1.0, suptitle="Wrong, surest first")
plotting.show(figure, "Sixteen wrongly named pictures with the network's answer and the truth.")

# %% [markdown]
# **Why these?** Mostly small objects, objects cut off by the border, and strong patterns of dots or stripes that compete with the outline. Hearts are missed most often, and a square is the commonest wrong answer: at this size, shapes differ in a few pixels, and a patch of 4 × 4 pixels passes through one matrix before anything else is done with it.
#
# The two printed lines are the honest summary. Ours is a good network, and still the residual net of chapter 01 makes far fewer mistakes, after a third of the pictures. A convolution is *born* knowing that neighbouring pixels belong together and that a star is a star
# anywhere. The ViT had to be shown both. A first version, 5,000 steps of AdamW from a plain start, named 54.7 % (its recipe keeps the note); how much of the difference is start, optimiser or steps we did not separate. This is the hunger for pictures and steps, seen from a single point. Claim C02.3 below draws the curve.

# %% [markdown] tags=["slide"]
# ## 11 · Claims, measured
#
# Five sentences of the lecture, each an experiment with a rule that stood in the code before the run (`lecture_utils/experiments/ch02.py`).
#
# ### C02.1 · Reaching back, and C02.2 · A bag of patches
# The first is the picture of section 1, over five seeds. Its figure is the logarithm of a ratio: 1 means ten times. The second is exact for any weights, so it also runs here and now, in double precision.

# %% tags=["claim:C02.1"]
show_claim("C02.1")

# %%
predict("02.6")

# %% tags=["claim:C02.2"]
found = ch02.c02_2_permutation(0, "quick")
print("largest change of a logit without positions below 1e-9?", found["change_without"] < 1e-9)
print(f"largest change with positions: {found['change_with']:.4f}")
show_claim("C02.2")

# %% [markdown]
# ### C02.3 · Hungry for data
# A convolution *knows* that neighbours belong together and that a thing is the same thing elsewhere. A ViT has to learn both from pictures. So with few pictures the CNN should lead, and with many the ViT should catch up (Dosovitskiy et al. 2021, figures 3 and 4: trained on ImageNet's 1.3 million photographs
# their ViTs lose to ResNets, on 300 million they lead). Two networks of about 40,000 weights get the same pictures, steps and batches, and each the better of two learning rates, chosen anew for every size, after half the steps, on validation pictures. Left are toy objects of 16 × 16 pixels, right digits of 8 × 8; the ViT has 16 patches in both.

# %% tags=["claim:C02.3"]
show_claim("C02.3")
seeds = ledger.load("C02.3").figures
figure = Figure(figsize=(8, 3.3), layout="constrained")
for ax, (world, sizes) in zip(figure.subplots(1, 2), seeds[0]["sizes"].items(), strict=True):
    runs = {name: np.array([row["test"][world][name] for row in seeds]) for name in ("CNN", "ViT")}
    bands = {name: (run.min(0), run.max(0)) for name, run in runs.items()}
    means = {name: (sizes, run.mean(0)) for name, run in runs.items()}
    plotting.curves(means, "training pictures", "test accuracy", world, bands=bands, log_x=True, ax=ax)
    ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
    ax.set_xticks([], minor=True)
figure.suptitle("CNN and ViT of equal size against training pictures (mean and range of five seeds)",
                x=0.01, ha="left", fontsize=11)
plotting.show(figure, "Test accuracy of CNN and ViT against training pictures, for toy objects and digits.")
rows = []
for world, sizes in seeds[0]["sizes"].items():
    for k in (0, -1):  # the smallest set and the largest
        shares = [np.mean([row[part][world][name][k] for row in seeds])
                  for name in ("CNN", "ViT") for part in ("train", "test")]
        lead = f"{100 * (shares[1] - shares[3]):.0f} points"
        rows.append((world, f"{sizes[k]:,}", *[f"{share:.0%}" for share in shares], lead))
heads = ["world", "pictures", "CNN: those", "CNN: new", "ViT: those", "ViT: new", "gap on new"]
show_table(rows, heads, "Accuracy on the pictures trained on, and on new ones")

# %% [markdown]
# **How to read it.** With few pictures the sentence holds in both worlds: the CNN leads, and the ViT knows its training pictures by heart but names few new ones. On the digits its lag then halves (last column of the table). On the toy world it *grows*, from a few points, where both are close to chance: **not reproduced**. (The table has the gaps at the smallest set; the ledger's `gap_few` is the mean of the two smallest.)
#
# The table says why. From 32,768 pictures, each seen about twice, the ViT learned so little that it names them hardly better than new ones: it no longer lacks pictures, it lacks steps. The paper's networks were trained until they had learned what their pictures held. The shipped ViT had twelve times the steps, of half as many pictures each, and a better start; it comes within two points of a residual net (section 10). The digits say it too: of the 768 that it trained on the ViT does not know all, while the same network, with more digits and more steps, named nearly all *new* ones in section 9.
#
# So at the right end of both panels we measure how fast each network learns, not how much data it wants; only the left ends, where both know their pictures by heart, speak about data. Hunger for data is also hunger for computing (Touvron et al. 2021 got good ViTs from ImageNet alone, with strongly changed copies of each picture and long training), and this experiment has too little of the second to see the end of the first.
#
# Nearly all trainings chose the faster of their two rates, so a wider search could move both lines. One point, live:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
row = seeds[0]
for name in ("CNN", "ViT"):  # one point of the curve, seed 0, again: 96 digits
    rate, stored = row["rates"]["digits"][name][1], row["test"]["digits"][name][1]
    live, on_train = score(name, "digits", 96, rate, steps=WORLDS["digits"][96], seed=0, split="test")
    print(f"{name}, 96 digits: {live:.1%} of the test digits now, {stored:.1%} in the ledger, "
          f"{on_train:.0%} of those it trained on")

# %% [markdown]
# ### C02.4 · Square and straight
# One attention layer, global and in windows: multiply-adds as PyTorch counts them, and processor time.

# %% tags=["claim:C02.4"]
show_claim("C02.4")
record = ledger.load("C02.4").figures[0]
figure = Figure(figsize=(8, 3.3), layout="constrained")
axes = dict(zip(("macs", "seconds"), figure.subplots(1, 2), strict=True))
for key, label in (("macs", "multiply-adds"), ("seconds", "seconds of one thread")):
    lines = {name: (record["tokens"], record[key][name]) for name in ("global", "window")}
    plotting.curves(lines, "tokens", label, log_x=True, log_y=True, ax=axes[key])
    axes[key].set_xticks(record["tokens"][::2], [f"{n:,}" for n in record["tokens"][::2]])
    axes[key].set_xticks([], minor=True)
figure.suptitle("One attention layer: steep for global, gentle for windows (seed 0)", x=0.01, ha="left",
                fontsize=11)
plotting.show(figure, "Multiply-adds and seconds against tokens on log axes, for global and windows.")

# %% [markdown]
# **How to read it.** On logarithmic axes a power law is a straight line, and its slope is the power. The counted slope of global attention stays a little below 2 because of the projections, which are linear; that of the windows is 1 by construction. The measured times follow, as far as a processor's caches
# and start-up costs let them. The lines would meet where one window holds all tokens: for so few, windows save nothing.
#
# ### C02.5 · Walls
# The bottom right window is tinted. The network has to name the tint, but the answer is read from the top left window only. Four layers, 400 steps; the shift on or off; everything else equal.

# %% tags=["claim:C02.5"]
show_claim("C02.5")
example, colour = far_mark(6, 0)
names = [("red", "blue", "green", "yellow")[k] for k in colour]
figure = plotting.image_grid(example, names, columns=6, size=1.25,
                             suptitle="The task: name the tint from the opposite corner")
plotting.show(figure, "Six grey noise pictures, each with a tinted bottom right quarter.")

# %% [markdown]
# **How to read it.** Chance is one in four. Without the shift the corner's tokens depend on the corner's pixels alone (`outside_without_shift` is the number of foreign tokens with any gradient), and those hold nothing but noise: no training, however long, could help. With the shift, the same number of weights, steps and pictures carry the tint across, five times out of five: the gap is 0.75, all that chance leaves. (An earlier run of 200 steps and three seeds had one net that had not finished learning; the ledger's note tells it.) Whole networks soften this, since patch merging also lets windows meet, only later and more coarsely.

# %% [markdown] tags=["slide"]
# ## 12 · Paper and toy
#
# | | The papers | Here | What that costs |
# |---|---|---|---|
# | Data | ViT: up to 300 M photographs (JFT); Swin: ImageNet | rendered pictures of 32 × 32 pixels, digits of 8 × 8 | the regime in which ViT overtakes convolutions is far away |
# | Size | ViT-B 86.6 M, Swin-T 28.3 M parameters | 0.14 M and less | attention patterns are coarser; only some heads specialise |
# | Start | random | the shipped ViT: positions from sines, mimetic attention | it is told what the paper's networks find out |
# | Training | ViT: Adam, 7–14 epochs of JFT (up to 300 of ImageNet), dropout; Swin: AdamW, 300 epochs, strongly changed copies of each picture, stochastic depth; 2017: Adam with warm-up, dropout and label smoothing | minutes on one core; Muon and AdamW, fresh pictures, no changed copies | with a tiny fraction of the effort, start and optimiser matter more (how much each, we did not measure) |
# | Translation | WMT 2014, 4.5 M sentence pairs, beam search | reversing eight digits, greedy | shows the mechanism, not the quality |
# | C02.1 | argues by path length | gradient at initialisation | says nothing about what training can mend |
# | C02.5 | 1.1 points of ImageNet accuracy lost without the shift (Swin-T) | a task made to need crossing, one stage | the effect is made as large as it can be; merging would soften it |

# %% [markdown] tags=["slide"]
# ## 13 · Break it
#
# ### Forget the positions
# We train the digit ViT once more, with one line changed: no positions are added. And we hand the trained networks pictures whose 16 patches have been shuffled, all in the same way.

# %%
predict("02.7")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch02.claims import permute_patches

torch.manual_seed(0)
bag = learner("ViT", "digits")
bag.position = None  # the one line
train_digits(bag, digit_steps)
shuffled = permute_patches(test_x, 2, torch.randperm(16, generator=torch.Generator().manual_seed(1)))
rows = []
for name, model in (("with positions", digit_vit), ("without", bag)):
    rows.append((name, *[f"{accuracy(model, x, test_y):.1%}" for x in (test_x, shuffled)]))
show_table(rows, ["ViT on digits", "test digits", "the same, patches shuffled"])
figure = plotting.image_grid(torch.cat([test_x[:6], shuffled[:6]]), columns=6, size=1.1,
                             suptitle="Digits, and the same with their 16 patches shuffled")
plotting.show(figure, "Six digits, and below them the same with their 2 by 2 patches in another order.")

# %% [markdown]
# **How to read it.** Without positions the accuracy on shuffled digits is *exactly* the same as on whole ones: to this network they are the same pictures. It still does far better than chance, since the ink in a bag of small patches says a good deal about a digit. With positions the network does better on real digits, and
# falls on shuffled ones: it has learned where strokes belong.
#
# ### Forget the √d
# Random queries and keys, as at the start of a training, for growing width $d$; 100 keys. How much weight does the best key get, and how much gradient comes back through the softmax?

# %%
predict("02.8")

# %%
torch.manual_seed(0)
widths, results = [4, 16, 64, 256, 1024], {}
for name, power in (("divided by √d", 0.5), ("not divided", 0.0)):
    largest, gradients = [], []
    for d in widths:
        q, k = torch.randn(200, d), torch.randn(100, d)
        scores = (q @ k.T / d**power).requires_grad_()  # (200, 100)
        weights = scores.softmax(1)
        largest.append(weights.max(1).values.mean().item())
        slope = torch.autograd.grad((weights @ torch.randn(100, 1)).sum(), scores)[0]
        gradients.append(slope.norm(dim=1).median().item())
    results[name] = largest, gradients
figure = Figure(figsize=(8, 3.2), layout="constrained")
left, right = figure.subplots(1, 2)
weight, gradient = ({name: (widths, r[k]) for name, r in results.items()} for k in (0, 1))
plotting.curves(weight, "width d", "weight of the best key", "Without √d one key takes all …", log_x=True,
                ax=left)
plotting.curves(gradient, "width d", "gradient at the scores", "… and the gradient goes", log_x=True,
                log_y=True, ax=right)
plotting.show(figure, "Left, the best key's weight, near one without the scaling; right, the gradient.")

# %% [markdown]
# **How to read it.** With the division nothing depends on $d$. Without it, at width 1024 the best of 100 keys takes nearly all, by accident of the initial weights, and the gradient that could correct the accident is gone for most queries.

# %% [markdown] tags=["slide"]
# ## 14 · With a GPU: a larger ViT
#
# The cell below trains a ViT-S (384 wide, 12 layers, 21 million weights) on as many pictures of that size as CIFAR-10 has: 50,000 of 32 × 32. They are flipped at random, since this time the network sees each of them many times. Without a graphics card it shows what was recorded, and the line above the result says where: on a processor, a narrower ViT (96 wide, 3 layers) and 600 steps of 32 pictures.

# %%
# %%gpu ch02_vit_small
from lecture_utils.backbones.vit import ViT

def flipped(x, generator):
    """Mirror a random half of the pictures."""
    chosen = torch.rand(len(x), 1, 1, 1, generator=generator).to(x.device) < 0.5
    return torch.where(chosen, x.flip(3), x)


cuda = runtime.device()
number = runtime.pick(quick=6_000, full=6_000, gpu=50_000)
batch = runtime.pick(quick=32, full=32, gpu=256)
steps = runtime.pick(quick=600, full=600, gpu=8000)
dim = runtime.pick(quick=96, full=96, gpu=384)
many_x, many_y = toyworld.classification(number, size=32, split="train", seed=1, device=cuda)
large = ViT(image=32, patch=4, dim=dim, heads=6, hidden=4 * dim, layers=dim // 32, classes=8).to(cuda)
optimizer = torch.optim.AdamW(large.parameters(), lr=5e-4, weight_decay=0.05)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-4, total_steps=steps)
batches = minibatches(many_x, many_y, batch_size=batch, seed=0, augment=flipped)
history = fit(large, batches, loss=cross_entropy, optimizer=optimizer, steps=steps, schedule=schedule,
              label=f"ViT of width {dim}")
test_pictures, test_labels = toyworld.classification(4000, size=32, split="test", device=cuda)
share = accuracy(large, test_pictures, test_labels)
print(f"test accuracy {share:.2%} after {history.steps} steps, {history.seconds:.0f} s")

# %% [markdown] tags=["slide"]
# ## 15 · With real weights
#
# torchvision ships ViT-B/16 and Swin-T with ImageNet weights, behind the same lines as ResNet-50 in chapter 01. And because our ViT has the same parts, it can take over torchvision's weights, tensor by tensor: then it is *our* `attention_maps` that shows where a ViT of 86.6 million weights looks. With the weights on this machine, the cell draws what both networks say of two photographs, and where ViT-B's class token looks in them. DINOv2, a ViT trained without labels, follows in chapter 03.

# %% tags=["nbval-ignore-output", "why:depends-on-downloaded-weights"]
from lecture_utils.hub import torchvision as hub
from lecture_utils.hub.vit_weights import from_torchvision

photos = [photographs.load(name) for name in ("astronaut", "cat")]
for name in ("vit_b_16", "swin_t"):
    practitioner = hub.classifier(name)
    if practitioner is None:
        continue
    answers = ["\n".join(f"{label} {p:.0%}" for label, p in top) for top in practitioner.top(photos)]
    figure = plotting.image_grid(photos, answers, columns=2, size=3.0, suptitle=name)
    plotting.show(figure, "The astronaut and the cat with a transformer's three best answers.")
    if name == "vit_b_16":
        ours = from_torchvision(practitioner.model)
        x = torch.stack([practitioner.transform(photo) for photo in photos])
        print("ours gives the same scores:", torch.allclose(ours(x), practitioner.model(x), atol=1e-3))
        looked = ours.attention_maps(x)[-1, :, :, 0, 1:].mean(1).reshape(2, 14, 14)  # last layer, class token
        figure = heat_maps(looked, ["astronaut", "cat"], "Where ViT-B's class token looks, last layer",
                           height=3.5)
        plotting.show(figure, "Two 14 by 14 maps of the attention of ViT-B's class token.")

# %% [markdown] tags=["slide"]
# ## 16 · Summary in five sentences
#
# 1. Attention compares every query with every key and mixes the values accordingly, so any two tokens are one step apart, and gradients reach as far as tokens do.
# 2. It treats its input as a set, so position must be written into the tokens, by sines, by learned vectors, or as a bias on the scores.
# 3. Heads run several comparisons at once; masks say who may look where; residual connections and layer norms make the layers stackable.
# 4. ViT feeds patches to a plain encoder and reads the answer from a class token; it assumes almost nothing about images, and pays with data and computing.
# 5. Swin looks only inside windows, which makes the cost linear; it shifts them so that information crosses, and merges patches into a hierarchy.
#
# ### Further exercises
#
# 1. Show that a self-attention layer with a relative position bias that is 0 for one offset and $-\infty$ for the others is a shift. Which heads would make a 3×3 convolution?
# 2. Turn the sinusoidal encoding into a two-dimensional one: half the channels for rows, half for columns. Look at it in the widget's manner.
# 3. Train `reverser` on sequences of up to 8 digits and test it on 12. What fails, the positions or the attention?
# 4. Read the answer from the mean of the patch tokens instead of the class token. Is the accuracy on the digits different over five seeds?
# 5. In C02.5, replace the shift by one patch merging. Does information cross? How many layers does it take?
# 6. Take one of the three helps out of the recipe of `shapes_vit` and train for 1,000 steps. Which one is missed most?
#
# ### References
#
# - Y. Bengio, P. Simard, P. Frasconi, "Learning Long-Term Dependencies with Gradient Descent Is Difficult", IEEE Trans. Neural Networks, 1994.
# - D. Bahdanau, K. Cho, Y. Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate", ICLR 2015. [arXiv:1409.0473](https://arxiv.org/abs/1409.0473)
# - A. Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", ICLR 2021. [arXiv:2010.11929](https://arxiv.org/abs/2010.11929)
# - S. Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", diploma thesis, TU München, 1991.
# - S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", Neural Computation, 1997.
# - K. Jordan et al., "Muon: An Optimizer for Hidden Layers in Neural Networks", 2024. [kellerjordan.github.io/posts/muon](https://kellerjordan.github.io/posts/muon/)
# - Z. Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021. [arXiv:2103.14030](https://arxiv.org/abs/2103.14030)
# - H. Touvron et al., "Training Data-efficient Image Transformers & Distillation through Attention", ICML 2021. [arXiv:2012.12877](https://arxiv.org/abs/2012.12877)
# - A. Trockman, J. Z. Kolter, "Mimetic Initialization of Self-Attention Layers", ICML 2023. [arXiv:2305.09828](https://arxiv.org/abs/2305.09828)
# - A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017. [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)
# - R. Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020. [arXiv:2002.04745](https://arxiv.org/abs/2002.04745)
#
# ### What comes next
#
# A ViT needs many pictures, and labels are expensive. Chapter 03 does without them: **learning without labels**, by filling in what was hidden, and by agreeing with oneself.

# %%
progress("02")
