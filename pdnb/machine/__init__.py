"""The life of a run as a table, without I/O."""
