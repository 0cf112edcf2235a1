"""Plans: a line for every hyperparameter and every parameter group."""
