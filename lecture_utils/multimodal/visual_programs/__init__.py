"""Visual programming (S14.7): a question becomes a program, and the program is run over a picture.

The folder is the diagram: `generator` writes a program's text, `program` reads it, `interpreter` runs it line
by line over `modules` (with the network of `vqa` among them) and `editors`, and `values` are what lines hand
on.
"""
