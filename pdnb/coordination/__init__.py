"""What the processes of a store share besides the store: directory, settings, liveness, notifications, scheduler."""
