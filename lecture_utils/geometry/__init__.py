"""Shape and space from pictures: forms of a shape (S18.1), two views (S18.2), points and volumes (S18.3)."""
