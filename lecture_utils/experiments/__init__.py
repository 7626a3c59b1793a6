"""The claims of the lecture, measured: one function each in chNN.py, run and recorded by the ledger."""
