"""Measures of how good an answer is, one file per task."""
