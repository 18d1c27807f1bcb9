"""The Python API: what the command line does, with objects in place of files and text; `latent_tune` names it."""
