"""Who shows a study: each view is made from the ledger alone, can be made again at any time, and knows no other."""
