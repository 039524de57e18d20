"""A workflow: what a person defines in cells, and the version of it that a run carries."""
