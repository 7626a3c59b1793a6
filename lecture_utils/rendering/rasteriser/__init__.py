"""The mesh renderer (S19.1), part by part: the folder is the method's diagram.

`hard` (which triangle a pixel shows, and where in it) → `fragments` (what its corners know, carried to the
pixel) → `shading` and `texture` (to colours). `soft` does all of it with gradients at the silhouette too.

S. Liu, T. Li, W. Chen and H. Li, "Soft Rasterizer: A differentiable renderer for image-based 3D reasoning",
ICCV 2019.
"""
