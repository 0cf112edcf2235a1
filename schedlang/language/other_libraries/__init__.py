"""Lines with the names and syntax of other libraries, and the line that the user meant."""
