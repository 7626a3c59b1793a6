"""Chapter 20: one exercise a file, with inputs to try, hints, and the usual mistakes."""
