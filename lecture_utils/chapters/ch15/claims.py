"""Chapter 15: what the lecture claims about generative models, measured.

Each claim is one function of a seed, with a rule that was fixed before any run; `ledger.run` applies it. They
stand in the files that are imported here.
"""
