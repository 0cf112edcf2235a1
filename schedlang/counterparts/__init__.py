"""The frameworks' own classes and functions that give exactly the values of a phase."""
