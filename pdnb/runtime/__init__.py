"""Executing steps: claim, run, report, and what a step may ask for."""
