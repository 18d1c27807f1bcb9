"""What a plan says, from the ledger alone: its rounds and arms, tables of factors, what is missing."""
