"""What the arms of a plan say: effects against base, factors and interactions, stability, the course of a curve."""
