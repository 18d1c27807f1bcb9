"""The key `program` of a study: its section, and the placeholders in its texts."""
