"""SMPLify (S20.4): a body fitted to the joints that a detector found in one picture; the folder is its terms.

F. Bogo, A. Kanazawa, C. Lassner, P. Gehler, J. Romero and M. Black, "Keep it SMPL: Automatic estimation of 3D
human pose and shape from a single image", ECCV 2016.
"""
