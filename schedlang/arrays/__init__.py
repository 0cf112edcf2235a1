"""Programs for array libraries: the same values in single precision, as array operations."""
