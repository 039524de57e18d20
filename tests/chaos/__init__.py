"""Real kernels, workers and servers, killed by the thousand, and a checker: what was acknowledged is stored."""
