"""Operators that several systems share: convolution, receptive fields, checks at the door."""
