"""Every benchmark, one after the other: ``make bench``. The panel's needs Chromium."""

from benchmarks import one_winner, panel, resume_latency, uploads, year

for benchmark in (resume_latency, one_winner, uploads, panel, year):
    benchmark.main()
    print()
