"""Training in the open: one short loop, minibatches, and learning-rate schedules."""
