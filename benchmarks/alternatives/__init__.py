"""What a user would pick instead: the same table by hand, written the plain way of each tool, without any checks."""
