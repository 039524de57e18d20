"""One test for every sentence and every code example of Pipedream's two pages on ``flow``, and the table of them."""
