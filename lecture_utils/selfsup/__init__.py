"""Learning without labels, and learning from teachers (chapter 03)."""
