"""The copy of the ledger in shared storage, from which a study whose machine is lost is continued."""
