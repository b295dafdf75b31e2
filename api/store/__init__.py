"""The published file: opened, kept in memory, searched, and changed for the next one."""
