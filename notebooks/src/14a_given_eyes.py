# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 14a · Given eyes
#
# **How does a model that has only read learn to see?**
#
# Language models know how sentences go, and what follows from what. They have never seen anything. Eyes, on the other hand, turn pictures into features, and say nothing. This notebook joins the two in three ways. A network looks at a picture anew for each word. A frozen language model gets layers through which it may look. And a picture is translated into words that no language has.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Describe** pictures word by word, and see where each word was looked up: Show, Attend and Tell.
# 2. **Read** with a small language model: its mask, its cache, what it knows blind and what it knows when told.
# 3. **Open** gates in a frozen language model: Flamingo.
# 4. **Translate** pictures into tokens, and talk about them: LLaVA.
# 5. **Wire** a picture into a language model yourself, and find out why one that sees looks blind.
#
# **You need** chapter 02 (attention, transformers) and 13a (tokens, embeddings). From chapter 01: training a network.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · Show, Attend and Tell | 60 | 5–6 · Put together, claims | 20 |
# | 2 · A language model | 45 | 7–8 · Paper and toy, break it | 20 |
# | 3 · Flamingo | 40 | 9 · Lab | 35 |
# | 4 · LLaVA | 45 | 10–11 · Real weights, summary | 10 |
#
# **A GPU** is not needed: everything here runs on two processor cores.

# %% tags=["skip"]
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils import plotting, zoo
from lecture_utils.chapters.ch14 import eyes_figures
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.widgets.present import present

start("14")

# %% [markdown] tags=["slide"]
# ## Result first
#
# A small language model has read 57,000 short documents: descriptions of scenes, with questions and answers. It has seen no picture. Ask it about pictures all the same: **visual question answering** (Antol et al. 2015). About half of all yes-or-no questions are to be answered yes.

# %%
predict("14.1")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.data.toyworld.render import render
from lecture_utils.recipes import scenes_flamingo
from lecture_utils.recipes._scenes import exam, judge, language_model, next_words, seen, words
from lecture_utils.recipes.scenes_lm import replies
from lecture_utils.data.toyworld.language.prompts import short

test = exam(400)  # 400 test pictures, with their questions: no model met either in training
flamingo = zoo.load("scenes_flamingo").eval()
chosen = [next(q for q in test.questions if q.asked == kind and q.scene >= 20 * n)  # a picture for each kind
          for n, kind in enumerate(("what", "count", "is", "exists", "compare"), 1)]
texts = [q.text for q in chosen]
blind = replies(language_model(), [short(text) for text in texts])
sighted = scenes_flamingo.answerer(flamingo)(seen(test)[[q.scene for q in chosen]].float(), texts)
pictures = render(test.scenes[torch.tensor([q.scene for q in chosen])], 160, only="image").image
figure = eyes_figures.answers_figure(pictures, texts, {"blind": blind, "with eyes": sighted},
                                     [q.answer for q in chosen], "The same language model, blind and sighted")
plotting.show(figure, "Five pictures with a question each, and the answers of a model blind and with eyes.")

# %% [markdown]
# Both rows are the *same* language model: not one of its numbers was changed. What the second has more is this notebook. But look closely: each has four of five right. Five questions, the first of each kind, tell nothing when so much can be guessed. So the whole exam, kind by kind:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.data.toyworld.language.questions import ASKED


def blindly(grid: Tensor, asked: list[str]) -> list[str]:
    """Answer questions without a look at the picture's tokens."""
    return replies(language_model(), [short(text) for text in asked])


scores = {"blind": judge(blindly, test), "with eyes": judge(scenes_flamingo.answerer(flamingo), test)}
rows = [(name, *(f"{score[kind]:.0%}" for kind in (*ASKED, "all"))) for name, score in scores.items()]
show_table(rows, ["right answers", *ASKED, "all"])

# %% [markdown]
# **How to read it.** The blind model is no fool. To *how many* it says 1, or 0 where the thing asked for is a rare one, and is right in seven of ten. Asked for a colour it says a colour. Whether something *is* or *exists*, it can but guess.
#
# Comparisons give much away: of two kinds of things that are hardly ever there, none is more than the other, so yes to "as many" and no to "more" are right in 71 %.
#
# Whoever judges a model that sees has to know this row first (Goyal et al. 2017).

# %% [markdown] tags=["slide"]
# ## 1 · Show, Attend and Tell
#
# A caption is said one word after another. The word *red* needs one part of the picture, the word *grass* another, and *a* needs none. **Show, Attend and Tell** (Xu et al. 2015) therefore looks at the picture anew for each word.
#
# What it looks at is a grid of features, from a convolutional network that is trained beforehand and then left alone. The paper takes VGG's last map of 14 × 14 places. Ours is the course's **eye**: a small network that has learned to say of each of 6 × 6 cells what it shows. Each cell becomes 128 numbers.

# %%
from lecture_utils.chapters.ch14 import attention_figures, attention_study
from lecture_utils.multimodal.show_attend_tell.describe import describe
from lecture_utils.recipes import scenes_captioner

captioner = zoo.load("scenes_captioner").eval()
some = scenes_captioner.captioned(60, split="test")
row = next(n for n, f in enumerate(some.facts) if len(f.things) == 2)
told = describe(captioner, some.grid[row : row + 1].float())[0]
picture = render(some.scenes[torch.tensor([row])], 192, only="image").image[0]
telling = attention_figures.telling(told.words)[:11]  # colours, shapes, relations, grounds; no "a" or "is"
figure = attention_figures.words_figure(picture, told.words, told.weights, shown=telling,
                                        title="Different things are looked at in different places")
plotting.show(figure, "A picture, and where the captioner looked for each of its words that tell something.")

# %% [markdown]
# **How to read it.** Bright cells had much weight when the word was said. Nobody showed the *captioner* where to look: it was given features and sentences. (Its eye has it easier than VGG, which had one label a picture: ours was taught cell by cell. So the cells know what they show, and attention has to choose among them.) Whether it looks at what it names is claim C14.1; first, how it works.
#
# ### A memory for sentences
#
# After some words, what has been said? The network keeps two vectors: $h$, what it says to the outside, and $c$, a **cell** that carries things along. At each step gates between 0 and 1 decide what of $c$ is kept ($f$), what is let in ($i$), and what is let out ($o$); $g$ is what is new.
#
# All four come from what is read and from $h_{t-1}$, by $W_x x_t + W_h h_{t-1} + b$. This is the **LSTM** (Hochreiter and Schmidhuber 1997; the forget gate is of Gers et al. 2000):
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot \tanh(g_t), \qquad h_t = o_t \odot \tanh(c_t)$$

# %%
predict("14.2")

# %%
steps = torch.arange(21)
kept = {f"forget gate at {gate}": gate ** steps.float() for gate in (1.0, 0.99, 0.9, 0.5)}
figure = eyes_figures.kept_figure(kept, "A gate a little below 1 forgets much")
plotting.show(figure, "What a cell keeps over twenty steps, for four values of the forget gate.")

# %% [markdown]
# Along $c$ there is one product with a gate, and nothing else: with the gate near 1, what was put in is still there after many words, and so is its gradient. Now write the step. One product with four blocks of rows serves all four.

# %% tags=["exercise:14.1"]
State = tuple[Tensor, Tensor]


def lstm_step(x: Tensor, state: State, weight_x: Tensor, weight_h: Tensor, bias: Tensor) -> State:
    """One step of an LSTM: what it says and what it keeps, h and c, (B, H) each.

    `x` (B, I) is what it reads now, `state` the h and c of the step before. Four blocks of H rows stand one
    above the other in `weight_x` (4H, I), `weight_h` (4H, H) and `bias` (4H,): the input gate, the forget
    gate, what is new, and the output gate. Gates are sigmoids; what is new goes through tanh, and so does c
    before it is let out.
    """
    ...


lstm_step = check("14.1", lstm_step)

# %% [markdown]
# # solution: lecture_utils.chapters.ch14.solutions.lstm_step

# %%
cell = torch.nn.LSTMCell(5, 3)
x, state = torch.randn(2, 5), (torch.randn(2, 3), torch.randn(2, 3))
with torch.no_grad():
    bias = cell.bias_ih + cell.bias_hh  # PyTorch keeps two, of which only the sum counts
    ours = lstm_step(x, state, cell.weight_ih, cell.weight_hh, bias)
    gap = max(float((a - b).abs().max()) for a, b in zip(ours, cell(x, state), strict=True))
print(f"largest difference to torch.nn.LSTMCell: {gap:.0e}")

# %% [markdown]
# ### Soft attention
#
# Where to look next hangs on what has been said. A small network gives each place $i$ a **score** from its feature $a_i$ and the state $h_{t-1}$. A softmax over places makes **weights** $\alpha_{ti}$ of them, and the **context** is the features' mean under these weights:
#
# $$\alpha_{ti} = \frac{\exp e_{ti}}{\sum_k \exp e_{tk}}, \qquad \hat z_t = \sum_i \alpha_{ti}\, a_i$$
#
# That is *soft* attention: everything is looked at a little, so that gradients reach every place. (The paper's *hard* attention draws one place, and has to learn by trial and reward.)

# %% tags=["exercise:14.2"]
def soft_attention(scores: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """What is looked at, and how much each place counts: the context (B, D) and the weights (B, L).

    `scores` (B, L) say how well each of L places suits the next word, `features` (B, L, D) what is there. The
    weights are the scores' softmax over the places, the context is the features' mean under these weights.
    """
    ...


soft_attention = check("14.2", soft_attention)

# %% [markdown]
# # solution: lecture_utils.chapters.ch14.solutions.soft_attention

# %% [markdown]
# The whole attention: scores from places and state, your function, and a **gate** $\beta$ by which the state says how much this word needs the picture at all.

# %% tags=["show"]
# show: lecture_utils.multimodal.show_attend_tell.attention.Attention.forward

# %% tags=["show"]
# show: lecture_utils.multimodal.show_attend_tell.captioner.ShowAttendTell.next_word

# %% [markdown]
# A caption begins with a **start token** and is over when the network says the **end token**. The first state comes from the mean of all features. In training the right words are fed in, whatever the network would have said.
#
# A second term of the loss asks for more. Over a whole caption each place should get about as much attention as any other, so that nothing in the picture is passed over. The paper calls this **doubly stochastic** attention:
#
# $$L = -\log p(\text{caption}) + \lambda \sum_i \Bigl(1 - \sum_t \alpha_{ti}\Bigr)^2$$

# %%
predict("14.3")

# %%
from lecture_utils.multimodal.show_attend_tell.captioner import unevenness

length, places = 9, 36
even = torch.full((1, length, places), 1 / places)
four = torch.zeros(1, length, places)
for word in range(length):
    four[0, word, 4 * word : 4 * word + 4] = 1 / 4
print(f"each word sees all places alike: {unevenness(even).item():.2f}")
print(f"each word has four places of its own: {unevenness(four).item():.2f}")
print(f"a caption of 36 words, one place each: {unevenness(torch.eye(36)[None]).item():.2f}")

# %% [markdown]
# Nine words have nine units of weight to give, and 36 places want one each. The penalty is least where all get a quarter, however that comes about. It pushes towards evenness over the *caption*, and leaves it free what each word does.
#
# ### Train one
#
# Now a captioner with your step and your attention, on pictures with one object, for some seconds:

# %% tags=["system:S14.1", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
torch.manual_seed(0)
own = scenes_captioner.build(step=lstm_step, attend=soft_attention)
ones = scenes_captioner.captioned(1500, seed=1, objects=1)
info = scenes_captioner.taught(own, ones, steps=150, batch=32)
own.eval()
others = scenes_captioner.captioned(100, split="test", objects=1)
said = describe(own, others.grid.float())
told_true = scenes_captioner.marks(said, others.facts)["true_statements"]
elsewhere = scenes_captioner.marks(said, others.facts[1:] + others.facts[:1])["true_statements"]
print(f"{info['seconds']:.0f} s, last loss {info['loss']:.2f}; statements that are true: {told_true:.0%}, "
      f"of the next picture: {elsewhere:.0%}")
print("it says:", said[0].text)

# %% [markdown]
# The course's own captioner was trained in the same way on 8,000 scenes with up to three objects. Its captions name all objects, how neighbours stand, and the ground. Each statement can be checked against the facts of the scene, so we can count how much of what it says is true.
#
# The likeliest word at each step need not give the likeliest caption. **Beam search** keeps several unfinished captions at a time, extends each by every word, and goes on with the best.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
test_scenes = scenes_captioner.captioned(200, split="test")
rows = []
for beams in (1, 3):
    said = describe(captioner, test_scenes.grid.float(), beams=beams)
    marks = scenes_captioner.marks(said, test_scenes.facts)
    rows.append((f"beams: {beams}", f"{marks['true_statements']:.1%}",
                 f"{marks['true_captions']:.0%}", f"{marks['log_probability']:.2f}"))
show_table(rows, ["search", "statements true", "captions true throughout", "mean log p of a caption"])

# %% [markdown]
# **How to read it.** Beams find captions that the network itself holds likelier; here that hardly makes them truer. On photographs, too, few beams are enough: Vinyals et al. (2017, arXiv:1609.06647) found three to be best. What is untrue is more telling:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
greedy = describe(captioner, test_scenes.grid.float())
wrong = [n for n, one in enumerate(greedy)
         if not all(scenes_captioner.truths(one.text, test_scenes.facts[n]))][:4]
large = render(test_scenes.scenes[torch.tensor(wrong)], 160, only="image").image
figure = attention_figures.failures_figure(list(large), [greedy[n].text for n in wrong],
                                           [test_scenes.facts[n] for n in wrong], title="What it gets wrong")
plotting.show(figure, "Four test pictures with their captions; statements that are not true are marked.")

# %% [markdown]
# **How to read it.** What stands there is mostly right, as is the ground. The mistakes sit in the sentences about *two* things: the second gets the colour or the shape of the first, the relation is turned round, or the thing is made up. Such a sentence hangs on two places, and each word has one look. Our measure is blind to something else: in the last picture a thing is left out and another said twice, and no statement is untrue for that.

# %%
predict("14.4")

# %% [markdown]
# ### Where does each word look?
#
# Step through a caption, and see.

# %%
from lecture_utils.chapters.ch14.widgets.attention_per_word import attention_per_word

present(attention_per_word())

# %% [markdown]
# The weights say where a word *looked*. Grad-CAM of chapter 04 asks another question: which cells, if they were stronger, would make this word likelier? It needs no attention at all, and can be asked of any captioner.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
grid = some.grid[row : row + 1].float()
chosen_words = attention_figures.telling(told.words)[:6]
maps = [attention_study.word_maps(captioner, grid, told.text, n)[0] for n in chosen_words]
both = {"attention": [told.weights[n] for n in chosen_words], "Grad-CAM": maps}
figure = attention_figures.two_maps_figure(picture, [told.words[n] for n in chosen_words], both,
                                           title="Where it looked, and what would change the word")
plotting.show(figure, "Attention and Grad-CAM of six words of one caption, over the picture.")

# %% [markdown]
# **How to read it.** Grad-CAM is far less to the point here. It weighs each feature by a mean over *all* places, and this network reads features at *one*. (With each cell's own gradient the maps agree much better; `word_maps` returns both.) Nor is attention the whole story: every cell also enters through the first state, and a cell's feature knows of its neighbours. A bright place is evidence, and no proof.

# %% [markdown] tags=["slide"]
# ## 2 · A language model
#
# A **language model** gives, for each beginning of a text, a probability to every token that may come next. Ours is GPT-2 in small (Radford et al. 2019): a **decoder-only** transformer of four layers and 96 numbers a token. It has read descriptions of scenes with questions and answers in two forms, and is frozen from here on.

# %%
from lecture_utils.data.toyworld.language.asked import described

lm, tokenizer = language_model(), words()
fact, question = described(test.facts[2]), next(q for q in test.questions if q.scene == 2)
print("a description:", fact)
print("a question, answered in a word:", short(question.text), question.answer)
print(f"{sum(p.numel() for p in lm.parameters()):,} numbers, {tokenizer.vocabulary} tokens, "
      f"at most {lm.length} at a time")

# %% [markdown]
# ### The mask
#
# In training the model reads a text once, and is asked at every place for the next token. A token that could see to its right would find the answer there. So each looks at itself and at what stands before it: **causal attention**. If $T$ tokens have been read before, the $i$-th new one is token $T + i$.

# %% tags=["exercise:14.3"]
def causal_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention that does not see what comes later, (B, h, N, d).

    `query` (B, h, N, d) are those of the N newest tokens, `key` and `value` (B, h, T + N, d) those of all:
    the T that a cache has kept, then the N. Query i belongs to token T + i. It looks at this token and at
    all before it: the softmax of the products with their keys, over √d, weighs their values.
    """
    ...


causal_attention = check("14.3", causal_attention)

# %% [markdown]
# # solution: lecture_utils.chapters.ch14.solutions.causal_attention

# %% [markdown]
# Your attention in every layer of a copy of the loaded model: each layer's own method `attend` is replaced, and `partial` fills in which layer it is. The next two answers are *this* model's:

# %% tags=["system:S14.2"]
import copy
from functools import partial

from einops import rearrange


def attend(block, x: Tensor, cache, layer: int) -> Tensor:
    """One layer's attention: tokens (B, N, D) behind those of the cache, which grows."""
    query, key, value = block.attention.project(x)  # (B, h, N, d)
    key, value = cache.append(layer, key, value)  # (B, h, T + N, d)
    y = causal_attention(query, key, value)
    return block.attention.to_output(rearrange(y, "b h n d -> b n (h d)"))


reader = copy.deepcopy(lm)
for block in reader.layers:
    block.attend = partial(attend, block)
ids = torch.tensor([[tokenizer.start, *tokenizer.encode(f" {fact}{short(question.text)}")]])
with torch.no_grad():
    print(f"logits differ by at most {(reader(ids) - lm(ids)).abs().max():.0e}")
    print(f"{question.text} {next_words(reader(ids)[:, -1])[0]}")

# %% [markdown]
# ### The cache
#
# To write, a model reads what it has, takes the likeliest token (or draws one), and reads again. But what a token leaves behind in each layer, its key and its value, never changes: it saw only what was before it. Keep them, and each token is read once. This is the **KV cache**.

# %%
predict("14.5")

# %% [markdown]
# `KVCache()` is an empty cache. A model that is given one reads its new tokens behind those that it holds, and leaves theirs there too.

# %%
from lecture_utils.multimodal.language_model import KVCache

cache = KVCache()
beginning = torch.tensor([[tokenizer.start, *tokenizer.encode(" there is a")]])
with torch.no_grad():
    print(f"logits {tuple(lm(beginning, cache).shape)}, tokens in the cache: {len(cache)}")

# %% tags=["exercise:14.4"]
def write(lm, ids: Tensor, steps: int) -> Tensor:
    """Write on by the likeliest token, `steps` times: ids (1, N) -> (1, N + steps).

    `lm(ids, cache)` reads tokens behind those that the `KVCache` has, gives logits (1, number read, V) of
    what comes after each, and lets the cache grow. No token is read twice.
    """
    ...


write = check("14.4", write)

# %% [markdown]
# # solution: lecture_utils.chapters.ch14.solutions.write

# %%
from lecture_utils.data.toyworld.language.prompts import long

prompt = torch.tensor([[tokenizer.start, *tokenizer.encode(f" {fact}{long(question.text)}")]])
with torch.no_grad():
    print(tokenizer.decode(write(reader, prompt, 12)[0, prompt.shape[1] :].tolist()))

# %% tags=["nbval-ignore-output", "why:times-a-computation"]
from lecture_utils.chapters.ch14 import reading_figures, reading_study

costs = {name: [reading_study.writing_cost(lm, n, cached=name == "cached") for n in (20, 60, 120, 180)]
         for name in ("cached", "all read anew")}
figure = reading_figures.cache_figure(costs, "With a cache, twice the text is twice the work")
plotting.show(figure, "Tokens read and processor time for 20 to 180 tokens, with a cache and without.")

# %% [markdown]
# ### How good is it?
#
# The usual measure is **perplexity**, $\exp$ of the mean of $-\log p$ over tokens: among so many equally likely tokens it would be as unsure. ($-\log p$ by the natural logarithm is counted in **nats**.) On real text nobody knows how low it could be. Of a toy grammar we know all probabilities, and so its exact **entropy**: the mean of $-\log p$ under the true ones.

# %%
predict("14.6")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
bounds = reading_study.perplexities()
rows = [(text, f"{b.model:.3f}", f"{b.bound:.3f}", b.what) for text, b in bounds.items()]
show_table(rows, ["text", "perplexity", "hold against", "which is"])

# %% [markdown]
# **How to read it.** On captions the model of chapter 13 all but reaches the grammar's entropy. An answer becomes far more certain once the description has been read, though not quite certain: 1.28 where 1 could be had. Blind, it lies *below* what it is held against, and there is no fault: that entropy knows only how a question opens.
#
# To be told helps by **looking up**: find in the text the thing that is asked about, and what was said of it. How do heads do that? Three are drawn that do most of it on average:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
found = reading_study.look_backs(60)
mean = reading_study.heads_that_look(found)
one = next(one for one in found if one.right and len(one.words) > 40)
figure = reading_figures.look_back_figure(one, reading_study.glances(one, mean),
                                          "The thing is found; the answer is not found by one head alone")
plotting.show(figure, "A description and a question, three times, shaded by where one head looks.")
print(f"of {len(found)} such questions it answers {sum(one.right for one in found) / len(found):.0%} rightly")

# %% [markdown]
# **How to read it.** The first head goes from the question's word to the same word in the description, without fail. The third is less to the point: on average it is the one that looks most at the answer, but here it looks at another thing's colour. The model's answer is right all the same, so other heads and layers have a part in it. One head's map explains little.
#
# So the model can *use* what it is told, and needs only somebody who tells it, in whatever form. That is the idea of all that follows: not to teach language to an eye, but to hand an eye's tokens to a model that can already look things up.

# %% [markdown] tags=["slide"]
# ## 3 · Flamingo
#
# **Flamingo** (Alayrac et al. 2022) leaves eye and language model as they are, and puts new layers between those of the language model. Two things make it work. A picture has many tokens and a film has many more, so they are first boiled down to a fixed number. And the new layers begin *shut*.
#
# ### The perceiver resampler
#
# A few vectors are learned, the **latents**. They look at all tokens of a picture by cross-attention (and at each other), layer after layer. However many tokens there were, there are as many latents afterwards.

# %% tags=["show"]
# show: lecture_utils.multimodal.flamingo.resampler.ResamplerLayer.looked_at

# show: lecture_utils.multimodal.flamingo.resampler.ResamplerLayer.forward

# %% tags=["show"]
# show: lecture_utils.multimodal.flamingo.resampler.PerceiverResampler.forward

# %%
predict("14.7")

# %%
grid = seen(test)[:2].float()
with torch.no_grad():
    for frames in (1, 4, 10):
        clip = grid[:1, None].expand(-1, frames, -1, -1)  # (1, T, 36, 128): the same picture, T times
        print(f"{frames:2} frames, {frames * 36:3} tokens -> {tuple(flamingo.resampler(clip).shape[1:])}")

# %%
from lecture_utils.chapters.ch14.widgets.perceiver_latents import perceiver_latents

present(perceiver_latents())

# %% [markdown]
# **How to read it.** Each latent has its own way to look, the same in every picture at first, and later after what is there. Few of them can be named. What they keep was chosen by training, for the questions of training.
#
# ### Gates
#
# A new layer between two trained ones does harm: the layer behind has never been given such vectors. Flamingo's new layer has two branches, what attention finds and an MLP. It multiplies each by $\tanh(\alpha)$, with a number $\alpha$ for each branch that is learned and begins at 0.

# %%
predict("14.8")

# %% [markdown]
# Write the layer. Its `alpha` holds two numbers, the first for attention and the second for the MLP:

# %% tags=["exercise:14.5"]
def gated_cross_attention(text: Tensor, latents: Tensor, attend, mlp, alpha: Tensor) -> Tensor:
    """Flamingo's layer between two layers of a frozen language model, (B, N, D).

    To `text` (B, N, D) it adds what its tokens find in the picture, `attend(text, latents)`, and to the sum
    what `mlp` makes of it. `latents` are (B, R, D). Each of the two comes through a gate of its own, the tanh
    of one of the two numbers in `alpha`: at 0 the text leaves as it came.
    """
    ...


gated_cross_attention = check("14.5", gated_cross_attention)

# %% [markdown]
# # solution: lecture_utils.chapters.ch14.solutions.gated_cross_attention

# %% tags=["system:S14.3"]
torch.manual_seed(0)
newborn = scenes_flamingo.build(combine=gated_cross_attention).eval()  # your layer, untrained
ids = torch.tensor([[tokenizer.start, *tokenizer.encode(short(question.text))]])
which = torch.ones_like(ids)  # every token stands behind picture 1
with torch.no_grad():
    alone = lm(ids)
    one, other = (newborn(ids, picture[None, None], which) for picture in grid)
print(f"equal to the language model, to the last digit: {torch.equal(one, alone)}")
print(f"the picture makes a difference: {not torch.equal(one, other)}")

# %%
predict("14.9")

# %%
from lecture_utils.recipes._scenes import eye

learned = sum(p.numel() for p in newborn.learned())
whole = sum(p.numel() for p in (*newborn.parameters(), *eye().parameters()))  # as the paper counts
print(f"learned: {learned:,} of {whole:,} numbers, {learned / whole:.0%}; "
      "in the paper's largest 10 of 80 billion")

# %% [markdown]
# ### Train the gates open
#
# 170 steps on three kinds of question about 1,000 pictures: what, how many, and the scene. The resampler is taken, ready trained, from the shipped model: in so few steps it would not learn. It and the language model stay as they are; what learns are your layers.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch14 import flamingo_figures, flamingo_study

opening = flamingo_study.open_gates(gated_cross_attention)
scores["yours"] = judge(scenes_flamingo.answerer(opening.model), test)
rows = [(name, *(f"{score[kind]:.0%}" for kind in ("what", "count", "scene")))
        for name, score in scores.items()]
show_table(rows, ["right answers", "what", "count", "scene"])
plotting.show(flamingo_figures.gates_figure(opening.opened), "The gates of each new layer over 170 steps.")

# %% [markdown]
# **How to read it.** The gates leave 0 in the first steps, and no one told them which way. A gate's sign is of no account, since the branch behind it can turn round as well. The widget moves all gates of the shipped model at once, from shut to wide open:

# %%
from lecture_utils.chapters.ch14.widgets.gates_opening import gates_opening

present(gates_opening())

# %% [markdown]
# ### Several pictures in one text
#
# Text and pictures may alternate: picture, question, answer, picture, question, answer, and so on. By its mask each token looks at the latents of the *last* picture before it only. Through the frozen layers it still hears what was said about earlier ones.

# %% tags=["show"]
# show: lecture_utils.multimodal.flamingo.gated_cross_attention.last_picture_mask

# %% [markdown]
# So one can show the model some examples first: a **few-shot** prompt. Flamingo's fame rests on that. Does ours learn from examples in its prompt? Here is one prompt, in which nothing but the examples tells that a shape is asked for:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.recipes._flamingo import Tutor
from lecture_utils.recipes._scenes import Portion

tutor = Tutor(Portion(seen(test), test.facts, test.questions), 0)
figure = flamingo_figures.prompt_figure(flamingo, tutor.unnamed(5, "shape"), test)
plotting.show(figure, "Five pictures with the question what, and what is said after 0 to 4 examples.")

# %% [markdown]
# **How to read it.** From left to right the prompt grows. Above each picture stands what the model answers once it has read all pictures, questions and answers to the left. That is one prompt; now many:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
shots = scenes_flamingo.few_shot(flamingo, texts=150)
plotting.show(flamingo_figures.shots_figure(shots), "Right answers after 0 to 4 examples in the prompt.")

# %% [markdown]
# **How to read it.** Where the question says what it wants, examples add nothing. Where it says only "what ?" and the examples show whether a colour, a shape or a number is meant, one example makes all the difference: the model takes the *task* from its prompt.
#
# Two shapes under other names are learned from two examples, each time anew, but only with names that training has used so. With names it never met, it stays below the half that choosing between the two would give. What it has learned is to learn *such* tasks, and not to learn.

# %% [markdown] tags=["slide"]
# ## 4 · LLaVA
#
# **LLaVA** (Liu et al. 2023) does something simpler. One matrix $W$ turns each token of the eye into a vector as wide as the language model's words, and these are put among the words: $H_v = W Z_v$. There are no new layers. To the language model a picture is a sentence in a tongue of its own. (CLIP's tokens know where they come from; our eye's do not. So row and column of each cell are appended to it before $W$, as ones among zeros.)

# %% tags=["show"]
# show: lecture_utils.multimodal.llava.projection.Projection.forward

# %% [markdown]
# The picture's 36 tokens come right after the start token, then what the user asks, and then what the assistant says. The loss is on the assistant's words alone: nobody wants a model that invents questions. Put it together. (The language model's table of words comes in as `embed`; in the course's model it is called `lm.token`.)

# %% tags=["exercise:14.6"]
def llava_inputs(image: Tensor, embed, ids: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
    """What LLaVA reads, (B, P + N, D), and what it is to say after each of these, (B, P + N).

    `ids` (B, N) are the start token, the prompt and the answer; `embed(ids)` gives (B, N, D). The P tokens of
    the picture, `image` (B, P, D), come after the start and before all else. After each token the next one is
    to be said, but only what is marked in `answer` (B, N) bool is judged: where anything else comes next, or
    nothing, the target is -100.
    """
    ...


llava_inputs = check("14.6", llava_inputs)

# %% [markdown]
# # solution: lecture_utils.chapters.ch14.solutions.llava_inputs

# %% [markdown]
# ### Where the lessons come from
#
# Pictures with captions there were, pictures with *conversations* hardly. LLaVA needed 158,000 of them.

# %%
predict("14.10")

# %%
from lecture_utils.chapters.ch14 import llava_figures, llava_study

figure = llava_figures.written_figure(test, next(n for n, f in enumerate(test.facts) if len(f.things) == 3))
plotting.show(figure, "A picture, the facts about it as text, and three kinds of talk that follow from them.")

# %% [markdown]
# **How to read it.** The writer, a language model in the paper, gets captions and boxes as *text* and makes three kinds of talk of them: **conversation**, **detailed description** and **complex reasoning**. Ours writes by the toy world's grammar. It cannot invent what is not there; a language model that writes about photographs unseen can.
#
# ### Two stages
#
# **Stage 1** trains $W$ alone, on descriptions: the tokens are to become something that the frozen language model can read. **Stage 2** goes on with the talks, and lets the language model learn as well. Stage 1 in the open, with your inputs:

# %% tags=["system:S14.4", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
aligned, history = llava_study.align_in_the_open(llava_inputs, steps=90)
print(f"loss on the assistant's words: {history.losses[0]:.2f} -> {sum(history.losses[-20:]) / 20:.2f}")

# %% [markdown]
# What has $W$ learned? Ask for each cell of a picture which word's embedding its token is nearest to:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
stage_1 = zoo.load("scenes_llava_aligned").eval()  # a whole LLaVA, of which only W has learned
plotting.show(llava_figures.nearest_figure(stage_1, test), "On each cell of three pictures the nearest word.")
for kind, part in llava_study.words_near_cells(stage_1, exam(60)).items():
    print(f"cells nearest to the word of their {kind}: {part:.0%}")

# %% [markdown]
# **How to read it.** The eye knows each cell's colour and kind, but no word; and $W$ only learned to make descriptions likelier. Yet the token of a cell with an object on it is mostly nearest to the *word* of its colour (blue), over 60 pictures by far the most of them. (Near among 19 words, once the words' mean and the cells' mean are taken off.)
#
# Few are nearest to the word of their shape. Shapes are carried as well, or it could not describe them, but not along the word's own direction. Small grey words are near to nothing, and only the nearest of what there is.

# %%
predict("14.11")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.recipes._llava import answerer

llava = zoo.load("scenes_llava").eval()
stages = {"blind": scores["blind"], "after stage 1": judge(answerer(stage_1), test),
          "after stage 2": judge(answerer(llava), test)}
plotting.show(llava_figures.stages_figure(stages), "Right answers by kind: blind, and after each stage.")

# %% [markdown]
# **How to read it.** After stage 1 it says what is there, and says it to whatever it is asked: a question for yes or no gets half a description. "What" and questions about the ground come out right in half of the cases or more, since their answers are words of descriptions. It scores *below* the blind model, though it sees. Stage 2 teaches the language model to do what it is asked, with what it sees.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
figure = llava_figures.chat_figure(llava, test, 4, ["describe the picture .", "what is the ground ?",
                                                    "is there a thing behind the star ?"])
plotting.show(figure, "A talk about one picture; statements are marked true or false by the facts.")

# %%
from lecture_utils.chapters.ch14.widgets.chat_with_a_scene import chat_with_a_scene

present(chat_with_a_scene())

# %% [markdown]
# **How to read it.** In the talk above the triangle is missing, the star comes twice, and two relations are wrong. Models that describe well often assert things that would fit and are absent: they **hallucinate**. Li et al. (2023) ask for absent objects, and ours says yes to 3 in 100 of them. When it *describes* 200 pictures unasked, 28 % of the things that it says are there are not. How one asks decides what one finds.

# %% [markdown] tags=["slide"]
# ## 5 · Put together, and evaluate
#
# | | Show, Attend and Tell | Flamingo | LLaVA |
# |---|---|---|---|
# | the language model | an LSTM, trained from nothing | frozen | frozen, then tuned |
# | the picture comes in | at each word, by soft attention | through new layers, by gates | among the words, by a matrix |
# | tokens of a picture | 36 places | 8 latents | 36 tokens |
# | several pictures | no | yes | not in this one |
# | what is new | all | resampler, gated layers | one matrix |

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch14 import ladder, ladder_figures

table = ladder.ladder(200, 80, only=("prior of answers", "words alone", "language model, blind",
                                      "words + mean token", "Flamingo", "LLaVA", "language model, told"))
plotting.show(ladder_figures.ladder_figure(table, "Blind is half right; LLaVA is as good as who is told"),
              "Right answers of seven models by kind of question and by number of relations.")

# %% [markdown]
# **How to read it.** The first three rows are blind, and about half right. *Words + mean token* gets the picture as the mean of its cells and the question as a **bag of words**, which words it has and not their order. It names things no worse than Flamingo, and is no better than blind at *is*, where one has to know *which* thing. There, and at *exists*, Flamingo gains a dozen points with an unchanged language model; elsewhere little or nothing.
#
# LLaVA, whose language model was tuned, answers as well as the frozen one that is *told* everything in words. A **hop** is one relation to be followed. Whoever sees or is told loses much from none to two. Questions over two and three were in nobody's training: part b comes back to them.

# %% [markdown]
# ### Where it goes wrong

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
plotting.show(llava_figures.failures_figure(llava, test), "Four test questions that LLaVA answers wrongly.")

# %% [markdown]
# **How to read it.** They are the first that go wrong, not the worst. Three of the four hang on a relation: what is right of, in front of or left of a thing. The fourth gives the cross the colour of its neighbours. Right and left, and whose colour it is, were the captioner's troubles too.

# %% [markdown] tags=["slide"]
# ## 6 · Claims, measured
#
# Each rule was written down before the run, and each figure is of seeds 0, 1, 2, ….
#
# ### C14.1 · Attention falls on what is named

# %% tags=["claim:C14.1"]
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim

show_claim("C14.1")

# %%
record = ledger.load("C14.1").figures
figure = attention_figures.looks_figure(record, "The named object is looked at, and no other")
plotting.show(figure, "How often the attended cell shows the named object, beside four other choices.")

# %% [markdown]
# **How to read it.** Three quarters, where an arbitrary cell would be right in an eighth of the cases and the cell that is liked best over all words in rather more than a third. The strictest control is the last: the cell attended for *another* object's word, in the same caption, is on this one in less than a fifth. So attention follows the word.
#
# The regulariser does not help that, it costs a little: 78 % without it, 76 % at our $\lambda$ of 0.02, 70 % at 1, as in the authors' code. To spread attention over the whole picture means to spend some beside the thing.

# %% [markdown]
# ### C14.2 · A shut gate keeps the language model

# %% tags=["claim:C14.2"]
show_claim("C14.2")

# %%
plotting.show(flamingo_figures.gate_claim_figure(ledger.load("C14.2")),
              "Loss on plain text at the start and after training, and accuracy about pictures, by arm.")

# %% [markdown]
# **How to read it.** *Shut* equals the language model exactly, not approximately. Random layers without a gate cost several nats a token before the first step. After training, plain text is ruined where gates began open or were missing: 7 nats against 0.5. In seeing, gates that began open do as well as shut ones (62 and 61 %), and no gates worse, 57 % on the mean of three seeds and in two of them; the paper, too, loses without gates (66.5 against 70.7, its table 3).
#
# So to begin *shut* protects what the model was; that there *is* a gate may help to see. (Nor does it protect for ever: the shipped one, trained much longer, lost half a nat of plain text.)

# %% [markdown]
# ### C14.3 · Stage 1, then 2

# %% tags=["claim:C14.3"]
show_claim("C14.3")

# %% [markdown]
# **How to read it.** Half of it holds. For the same 200 steps of stage 2, aligning first is worth 12 points (6 to 17). But the aligned one has had more steps. Give these to the other too, all of them for tuning, and the lead is 4 points, somewhere from −6 to 14: not shown, with three seeds. Where stage 2 is short (50 steps), every step is better spent on it.
#
# The paper's comparison, 90.92 % against 85.81 % on ScienceQA, has no arm with equal steps.

# %% [markdown] tags=["slide"]
# ## 7 · Paper and toy
#
# | System | In the paper | Here | What that changes |
# |---|---|---|---|
# | Show, Attend and Tell | VGG-19, 14 × 14 places, 80,000 photographs with five captions each | an eye taught cell by cell, 6 × 6 cells, 8,000 scenes, one grammar, $\lambda$ of 0.02 | captions can be *checked* against facts, not only compared with people's |
# | Language model | GPT-2: 1.5 billion numbers, 40 GB of text | half a million numbers, 57,000 documents of one small world, answers weighted five times | it knows nothing of any other |
# | Flamingo | Chinchilla, 70 billion numbers; a new layer before every seventh; 64 latents; 43 million web pages with 185 million pictures, and 2 billion pairs | a new layer before each layer, 8 latents, texts made for the purpose | four tenths of all numbers are trained, not an eighth; learning from examples is practised |
# | LLaVA | CLIP ViT-L/14, Vicuna 13 B, 595,000 captions, then 158,000 talks by GPT-4 | the eye, the small model, talks from the facts | the talks are true without exception |

# %% [markdown] tags=["slide"]
# ## 8 · Break it
#
# **The mask forgotten.** Two small models read captions for some seconds. In one, tokens see to their right while it is trained.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch14 import mask_study

readers = {"with its mask": mask_study.read_captions(steps=100),
           "mask forgotten": mask_study.read_captions(mask_study.SeesAhead, steps=100)}
least = math.log(bounds["captions"].bound)
plotting.show(reading_figures.mask_figure(readers, least, "Too good to be true, and it is not"),
              "Loss over training of two models; one falls below the least that is possible.")
for name, trained in readers.items():
    print(f"{name}: {mask_study.written(trained, 2)}")

# %% [markdown]
# **How to read it.** The loss of the second falls below the entropy of the grammar, which is impossible for a model that guesses. When it has to write there is nothing to its right, and what it says is noise. Question 14.6 was about this.

# %%
predict("14.12")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
rows = []
for title, place in (("before the question", "before the question"), ("after all words", "last")):
    _, score = llava_study.tuned_with_picture(place, steps=30)
    rows.append((title, f"{score['what']:.0%}", f"{score['all']:.0%}"))
rows.append(("blind", f"{scores['blind']['what']:.0%}", f"{scores['blind']['all']:.0%}"))
show_table(rows, ["30 steps of training", "what colour or shape", "all kinds"])

# %% [markdown]
# **How to read it.** Behind the words, the picture is seen by nobody who speaks. No error is raised, the loss falls, and the model talks well; training has even taught it a little more of what is usual. Only the blind row, close below, gives it away.
#
# **Gates at random.** A Flamingo before its first step, once as it is built, once with gates drawn at random, and once with no gates at all:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch14 import gate_claims

ids = tokenizer.batch([f" {described(fact)}" for fact in test.facts[:60]], 64)
rows = []
for name, model in (("gates at 0", newborn), ("gates at random", flamingo_study.gates_at_random(newborn)),
                    ("no gates", scenes_flamingo.build(combine=gate_claims.ungated()).eval())):
    with torch.no_grad():
        logits = model(ids[:, :-1], seen(test)[:60, None].float(), torch.ones_like(ids[:, :-1]))
    nats = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=tokenizer.pad)
    rows.append((name, f"{nats:.2f}"))
show_table(rows, ["a Flamingo before training", "loss on descriptions, nats a token"])

# %% [markdown]
# **How to read it.** Random gates cost something, no gates cost the language: random branches at full strength drown what the frozen layers say. At 0 nothing is lost at all, and that is known before the first step, whatever the seed.

# %% [markdown] tags=["slide"]
# ## 9 · Lab: wire an image into the language model
#
# ### Step 1: assemble
# A frozen language model, a projection and vectors for the 36 places are given. Make a model of them that sees. Your `llava_inputs` does part of it. You need two more things:
#
# - `lm.token(ids)` gives the words' embeddings, (B, N, D);
# - `lm.from_embeddings(x)` gives the logits (B, N, V) after vectors x (B, N, D), wherever they come from.
#
# `step` returns a plain number, and a prompt's `length` counts the start token.

# %% tags=["exercise:14.L1"]
class Sighted:
    """A language model with eyes. None of its own weights changes: learned are a projection and the places.

    `projection(grid)` turns what the eye saw, (B, P, F), into (B, P, D), and `places` (P, D) are added to it.
    An Adam with a rate of 0.01 holds both.
    """

    def __init__(self, lm, projection, places) -> None: ...

    def step(self, grid: Tensor, ids: Tensor, answer: Tensor) -> float:
        """Make one step on texts (B, N) whose answers are marked, (B, N) bool; return the loss before it."""

    def answer(self, grid: Tensor, ids: Tensor, length: Tensor) -> Tensor:
        """The likeliest next token, (B,), after prompts (B, N) that are filled up on the right.

        `length` (B,) says how many tokens each prompt has.
        """


Sighted = check("14.L1", Sighted)

# %% [markdown]
# # solution: lecture_utils.chapters.ch14.lab_eyes.Sighted

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch14 import lab_debug, lab_eyes, lab_interpret
from lecture_utils.multimodal.language_model import LanguageModel

_, projection, cells = lab_eyes.parts(0)
sighted_lm = Sighted(lm, projection, cells)  # yours
losses = [sighted_lm.step(*batch) for batch in lab_eyes.batches(0, lab_eyes.STEPS)]
val = lab_eyes.exam()
seeing, unseeing = (lab_eyes.accuracy(model, val) for model in (sighted_lm, lab_eyes.Blind(lm)))
print(f"loss {losses[0]:.2f} -> {sum(losses[-10:]) / 10:.2f}")
print(f"right: {seeing:.0%} (wanted: {lab_eyes.BAR:.0%} or more); blind: {unseeing:.0%}")

# %% [markdown]
# ### Step 2: debug
#
# Your model can see. A colleague asks it four questions about each of 40 pictures, all at once, with the function below. Her result: with eyes it answers far worse than blind. She asks in four ways.

# %% tags=["show"]
# show: lecture_utils.chapters.ch14.lab_debug.next_words_faulty

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
questions = lab_debug.questions()
with torch.no_grad():
    seen_cells = projection(questions.grid) + cells  # (40, 36, D)
found = lab_debug.symptoms(next_words_faulty, lm, seen_cells, questions)
rows = [("one question at a time", found.alone), ("the questions about one picture", found.by_picture),
        ("all together", found.together), ("all, with exchanged pictures", found.exchanged)]
show_table([(way, f"{share:.0%}") for way, share in rows], ["asked", "right"])

# %% [markdown]
# Alone, it sees. All together, two things are strange. Exchanged pictures change nothing, as if it were blind. And hardly an answer is right, where a blind model has half: so it is not only blind, it is asked in the wrong way. There are two faults, and each sleeps in some of the batches. Find both.

# %% tags=["exercise:14.L2"]
def next_words(lm, image: Tensor, ids: Tensor, length: Tensor) -> Tensor:
    """Logits of the word after each prompt, (S · E, V).

    The prompts `ids` (S · E, N) ask E questions about each picture, picture by picture; `length` (S · E,)
    tokens of each are the prompt, and the rest is filling. `image` (S, P, D) are the pictures' tokens.
    """
    ...


next_words = check("14.L2", next_words)

# %% [markdown]
# # solution: lecture_utils.chapters.ch14.lab_debug.next_words

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
mended = lab_debug.symptoms(next_words, lm, seen_cells, questions)
show_table([(way, f"{a:.0%}", f"{b:.0%}") for (way, a), b in zip(rows, mended, strict=True)],
           ["asked", "before", "now"])

# %% [markdown]
# ### Step 3: interpret
#
# You chose by validation questions. Now the test, kind by kind: with the picture, with another one, and the same language model blind.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
table = lab_interpret.kinds(sighted_lm, lm, lab_eyes.exam("test"))
show_table([(kind, *(f"{share:.0%}" for share in row)) for kind, row in table.items()],
           ["kind", "with the picture", "with another one", "blind"])

# %% [markdown]
# Which reading do you defend, and by which reason? All four reasons are true.
#
# - **A** It counts as well as it names.
# - **B** From pictures it has learned to name things, and not, or not yet, to count them.
# - **C** It has learned nothing from pictures: what it says comes from the language model.
# - **D** It has learned from pictures whatever is asked here; where it errs, the question is a hard one.
#
# 1. Of the questions of kind *count* it answers about three in four rightly.
# 2. The blind model answers about half of all questions rightly.
# 3. In *what* it is tens of points above the blind model, in *count* it is not, or by a few points.
# 4. With another picture in place of the right one it is worse in most kinds of question.

# %% tags=["exercise:14.L3"]
# A letter and a number, such as ("A", "1")
reading = None

reading = check("14.L3", reading)

# %% [markdown]
# <details><summary><b>Solution</b></summary>
#
# `("B", "3")`. Three in four right counts is what the blind model has as well, since nearly all counts are 0 or 1, and the question hints at which. The gain over the blind model, kind by kind, is what the eyes have added: tens of points where things are named, next to nothing where they are counted. A single accuracy would never have shown it.
#
# </details>

# %% [markdown] tags=["slide"]
# ## 10 · With real weights
#
# The practitioner's LLaVA comes from the library `transformers`: CLIP's ViT-L/14 and a language model of 7 billion numbers, 14 GB on disk. Two lines load it and put a question; a test holds that they do so on a tiny one. If the weights are on your machine, the cell asks about a bundled photograph. If not, one line says so, and nothing is fetched unasked.

# %% tags=["nbval-ignore-output", "why:depends-on-downloaded-weights"]
from lecture_utils.data import photographs
from lecture_utils.hub import speaking

assistant = speaking.assistant()
if assistant is not None:
    print(assistant.answer(photographs.load("astronaut", size=336)[None], ["What is this person's work?"])[0])

# %%
progress("14")

# %% [markdown]
# ## 11 · Summary
#
# 1. Show, Attend and Tell looks anew for each word: a softmax over places, trained from captions alone, and the place it finds is mostly that of the thing it names.
# 2. A language model that has read can look things up; blind, it answers by what is usual, and that is the bar for all that claim to see.
# 3. Flamingo leaves the language model as it is. With its gates at 0 it *is* the language model; training opens them.
# 4. LLaVA translates the eye's tokens by one matrix and lets the language model read them as words: first the matrix alone, then all.
# 5. Order matters to a causal model, and a fault there raises no error: compare with the blind model, and exchange the pictures.
#
# ### Further exercises
#
# 1. Give the captioner hard attention: draw one place, and learn by REINFORCE with the mean reward as a baseline.
# 2. Replace Flamingo's resampler by the mean of all tokens, repeated. Which kinds of question suffer?
# 3. Let LLaVA's projection be an MLP, as in LLaVA-1.5. Does stage 1 get better, and is it still better after stage 2?
#
# ### References
#
# - J.-B. Alayrac et al., "Flamingo: a visual language model for few-shot learning", NeurIPS 2022. [arXiv:2204.14198](https://arxiv.org/abs/2204.14198)
# - S. Antol et al., "VQA: visual question answering", ICCV 2015. [arXiv:1505.00468](https://arxiv.org/abs/1505.00468)
# - F. A. Gers, J. Schmidhuber, F. Cummins, "Learning to forget: continual prediction with LSTM", Neural Computation 2000.
# - Y. Goyal et al., "Making the V in VQA matter", CVPR 2017. [arXiv:1612.00837](https://arxiv.org/abs/1612.00837)
# - S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 1997.
# - Y. Li et al., "Evaluating object hallucination in large vision-language models", EMNLP 2023. [arXiv:2305.10355](https://arxiv.org/abs/2305.10355)
# - H. Liu et al., "Visual instruction tuning", NeurIPS 2023. [arXiv:2304.08485](https://arxiv.org/abs/2304.08485)
# - A. Radford et al., "Language models are unsupervised multitask learners", OpenAI 2019.
# - K. Xu et al., "Show, attend and tell: neural image caption generation with visual attention", ICML 2015. [arXiv:1502.03044](https://arxiv.org/abs/1502.03044)
#
# ### What comes next
#
# Part b: what should a model look for? Queries that read the question first, other senses, programs that look step by step, and plans that a gripper carries out.
