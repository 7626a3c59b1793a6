"""SPIN (S20.5): a network reads a body from a picture, and a fit to 2-D joints is its teacher.

`encoder` finds joints in a crop, and `regressor` reads pose, shape and camera from that; `crop` makes crops,
and places bodies before their cameras; `fitting` fits a body from where the network stands, `fits` remembers
the best fit of each picture, and `loop` is one step of training.
"""
