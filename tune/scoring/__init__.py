"""What results mean: scores with intervals, failure rates that other trials suggest, who leads (pure functions)."""
