"""Capturing what a run needs from the notebook: the objects that its cells' names are bound to, as source."""
