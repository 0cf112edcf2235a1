"""A package, so that its helpers are imported as `tests.cases` wherever pytest starts."""
