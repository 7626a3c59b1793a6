"""What one chapter alone needs: claims, exercises, questions, figures, widgets. None imports another."""
