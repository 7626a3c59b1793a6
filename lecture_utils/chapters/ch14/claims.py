"""Chapter 14: what the lecture claims about models that see and speak, measured.

Each claim is one function of a seed, with a rule that was fixed before any run; `ledger.run` applies it. They
stand in files of their own, one to a system.
"""

__all__: list[str] = []
