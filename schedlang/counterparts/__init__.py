"""What the frameworks have themselves: the classes and functions with exactly a phase's values."""
