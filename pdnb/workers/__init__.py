"""The processes that run steps after a pause, and what starts and ends them."""
