"""Words about scenes, true of each by construction."""
