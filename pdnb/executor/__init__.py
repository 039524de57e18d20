"""A process of its own for every wake-up: it executes the steps; the worker that started it stores what they say."""
