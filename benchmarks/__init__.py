"""The figures that pdnb claims, each measured by one script: ``python -m benchmarks.NAME``."""
