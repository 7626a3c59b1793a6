"""The helper package of the course: every system of the lecture, from scratch, in one file each.

Importing the package itself costs nothing: torch and matplotlib are loaded by the modules that need them.
"""

__version__ = "0.1.0"
