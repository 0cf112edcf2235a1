"""Programs as array operations in single precision, for array libraries."""
