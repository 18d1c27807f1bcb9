"""One module per command, each with a `main(options)`."""
