"""Recording what a step prints and displays, as notebook outputs."""
