"""SPIN (S20.5): a network reads a body from a picture, and a fit to 2-D joints is its teacher.

`regressor` reads pose, shape and camera from a crop; `crop` makes crops, and places bodies before their
cameras; `fits` remembers the best fit of each picture; `loop` is one step of training.
"""
