"""The views, a module for each kind of question."""
