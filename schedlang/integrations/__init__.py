"""Trainers and config systems: one module for each, which imports its library."""
