"""The claims ledger: a claim and its rule, its record, how it is run, confirmed and shown."""
