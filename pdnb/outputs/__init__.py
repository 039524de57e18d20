"""What a step prints and displays, recorded as notebook outputs."""
