"""What it runs on: CUDA graphs, compiling, precision, readings of the GPU, and what a step costs."""
