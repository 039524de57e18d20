"""The server wing: the extension of Jupyter Server."""
