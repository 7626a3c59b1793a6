"""The error of views from which a pose cannot be had (S18.2): better no camera than a wrong one."""


class DegenerateViews(ValueError):
    """Two views or a set of matches that fix no camera: too few matches, chance, no baseline, one plane."""
