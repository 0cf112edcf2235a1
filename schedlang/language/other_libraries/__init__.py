"""Lines written with the names and the syntax of other libraries, and the line that was meant."""
