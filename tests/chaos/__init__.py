"""Real kernels, workers and servers, killed by the thousand, and a checker that compares what was told with what is."""
