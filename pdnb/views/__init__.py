"""A run as people and programs see it."""
