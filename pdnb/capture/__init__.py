"""What a run takes along from the notebook: the names its cells use, by value."""
