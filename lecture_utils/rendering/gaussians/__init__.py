"""3D Gaussian splatting (S18.5), part by part: the folder is the method's diagram.

`gaussians` (what is learned) → `projection` (to the picture's plane) and `spherical_harmonics` (to a colour)
→ `blending` (to pixels); around it, while it trains, `fit` and `density`.

B. Kerbl, G. Kopanas, T. Leimkühler, G. Drettakis, "3D Gaussian Splatting for Real-Time Radiance Field
Rendering", SIGGRAPH 2023.
"""
