"""The engine of widgets: each is a pure function, its controls and a tour; `present` shows one.

A chapter writes `from lecture_utils.chapters.ch01.widgets.kernel_painter import kernel_painter` and
`present(kernel_painter())`.
"""
