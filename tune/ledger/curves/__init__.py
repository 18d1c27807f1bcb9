"""What each run told of its epochs: Parquet files, each with a checksum, one row per trial, seed and epoch."""
