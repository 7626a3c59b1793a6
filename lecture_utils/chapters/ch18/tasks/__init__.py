"""Chapter 18: one exercise a file, with inputs to try, hints, and the usual mistakes."""
