"""What processes share besides the store: the directory, who is alive, notifications, settings, the clock."""
