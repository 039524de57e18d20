"""Where runs are kept: commands, queries, and the backend below them."""
