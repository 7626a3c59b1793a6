"""LLaVA (S14.4), part by part: the folder is the model's diagram.

`projection` (what an eye saw, as tokens of the language model) → `inputs` (the picture's tokens among the
words, and on which words the loss is) → `llava` (the language model reads both); `instructions` (talks as ids
and targets) is what it learns from, in two stages, and `chat` lets it answer, turn by turn.

H. Liu, C. Li, Q. Wu and Y. J. Lee, "Visual Instruction Tuning", NeurIPS 2023.
"""
