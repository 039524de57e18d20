"""The life of a run, without I/O: the table, its transitions, what they record, and why a request is refused."""
