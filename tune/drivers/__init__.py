"""Who trains: a driver takes work from the optimizer until there is none, and puts what comes of it in the ledger."""
