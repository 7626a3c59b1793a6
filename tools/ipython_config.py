# Each kernel of the course's environment loads the %%gpu magic and the out-of-order helper at its start.
# The installer copies this file to .venv/etc/ipython/ipython_config.py.
c.InteractiveShellApp.extensions = ["lecture_utils.kernel.start"]  # noqa: F821 (IPython defines c)
