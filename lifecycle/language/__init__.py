"""The language that marketing writes: reading files, with the place of every mistake."""
