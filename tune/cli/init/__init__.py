"""`latent-tune init`: what a program can be told is read from its source, and a study that tells it is written."""
