"""Who may ask the service: keys of clients, on the ledger."""
