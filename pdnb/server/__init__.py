"""The Jupyter Server extension: link routes (no login), API, pages, and the service that is the store's leader."""
