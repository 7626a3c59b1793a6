"""BLIP-2 and InstructBLIP (S14.5), part by part: the folder is the models' diagram.

`masks` (who may look at whom) → `qformer` (queries that look at features, beside a text) → `stage1`
(contrast, matching, generation) → `blip2` (queries before the text of a frozen language model) →
`instruct_blip` (the instruction enters the Q-Former too).
"""
