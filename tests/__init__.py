"""The tests: each file mirrors a module, each name states a law."""
