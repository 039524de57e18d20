"""Every benchmark, one after the other: ``make bench``."""

from benchmarks import one_winner, resume_latency

resume_latency.main()
print()
one_winner.main()
