"""A pytest plugin that takes one row out of the machine's table: ``-p tests.without_row``, named by ``WITHOUT_ROW``."""

import os

from pdnb.machine import TABLE

status, event = os.environ["WITHOUT_ROW"].split()
[row] = [key for key in TABLE if (key[0], key[1].__name__) == (status, event)]
del TABLE[row]
