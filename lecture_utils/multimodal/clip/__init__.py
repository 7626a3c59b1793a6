"""CLIP (S13.4), part by part: the folder is the model's diagram.

`image_encoder` (a ViT, or a ResNet whose map is gathered by `attention_pool`) and `text_encoder` → `clip`
(both in one space, and the temperature) → `loss` (each picture must find its caption, each caption its
picture) and `zero_shot` (classes are sentences).

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.
"""
