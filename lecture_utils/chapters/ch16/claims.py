"""Chapter 16: what the lecture claims about diffusion, measured.

Each claim is one function of a seed, with a rule that was fixed before any run; `ledger.run` applies it. They
stand in the files that are imported here.
"""

__all__: list[str] = []
