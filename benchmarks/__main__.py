"""Every benchmark, one after the other: ``make bench``. The panel's needs Chromium."""

from benchmarks import isolation, one_winner, overdue, panel, restart, resume_latency, scale, takeover, uploads, year

for benchmark in (resume_latency, isolation, takeover, one_winner, uploads, panel, overdue, restart, scale, year):
    benchmark.main()
    print()
