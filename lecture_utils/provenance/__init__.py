"""The package's own source: shown in notebooks, fingerprinted for the ledgers; and whole-file writes."""
