"""The extension of Jupyter Server: open links, API, pages, and the service that leads the store."""
