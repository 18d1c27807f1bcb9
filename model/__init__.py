"""The latent-evolution trainer and its recordings. Pure PyTorch: knows nothing of studies or tuners."""
