"""Lines with the habits of other libraries: how they are read, and what was meant by them."""
