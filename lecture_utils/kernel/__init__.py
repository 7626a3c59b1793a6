"""What speaks with IPython: start, the long-cell magic, missing names, panels, tables, watch, doctor."""
