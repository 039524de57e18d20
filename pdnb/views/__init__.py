"""A run as people and programs see it: documents, sentences and their vocabulary, tables, reports."""
