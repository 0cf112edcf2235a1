"""Formulas: the arithmetic of every curve, its evaluation, and its text."""
