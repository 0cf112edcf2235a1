"""The program: what a tree computes under a binding, as pieces and repeats of ticks."""
