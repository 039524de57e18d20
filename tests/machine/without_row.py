"""A pytest plugin that takes the row ``WITHOUT_ROW`` out of the machine's table: ``-p tests.machine.without_row``."""

import os

from pdnb.machine.table import TABLE

status, event = os.environ["WITHOUT_ROW"].split()
[row] = [key for key in TABLE if (key[0], key[1].__name__) == (status, event)]
del TABLE[row]
