"""The network: shapes, layers, forward and backward by hand, evaluation mode."""
