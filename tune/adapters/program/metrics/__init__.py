"""What a program tells of its epochs, read where it tells it: a module for each place."""
