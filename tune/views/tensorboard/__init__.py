"""The study in TensorBoard's files: curves, bands over seeds, HParams; and the server that shows them."""
