"""The program: the curve of a tree under a binding, as pieces and repeats."""
