"""Show, Attend and Tell (S14.1), part by part: the folder is the model's diagram.

`attention` (where to look, given what has been said) and `lstm_cell` (what is remembered from word to word) →
`captioner` (a word a step, and the loss) → `describe` (greedily, or by beam search, keeping where each word
looked).

K. Xu et al., "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention", ICML 2015.
"""
