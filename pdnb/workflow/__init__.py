"""What a person defines: steps in cells, and the version of it that a run carries."""
