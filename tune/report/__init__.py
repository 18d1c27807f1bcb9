"""What people are told of a study: tables, status and report, all derived from the ledger and rebuilt at any time."""
