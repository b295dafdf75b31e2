"""The warehouse folder, and what is kept in it."""
