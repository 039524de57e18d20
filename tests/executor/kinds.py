"""Kinds of state of a process that a step may change: how it is changed, and an expression that looks at it."""

from __future__ import annotations

from typing import Final

#: By name: statements that change it, and an expression whose value is JSON.
KINDS: Final[dict[str, tuple[str, str]]] = {
    "an environment variable": (
        "import os\nos.environ['PDNB_KIND'] = 'A'",
        "__import__('os').environ.get('PDNB_KIND')",
    ),
    "a variable that is taken away": ("import os\nos.environ.pop('PATH')", "'PATH' in __import__('os').environ"),
    "the working directory": ("import os\nos.chdir('/')", "__import__('os').getcwd() == '/'"),
    "the umask": ("import os\nos.umask(0o123)", "[(m := __import__('os').umask(0)), __import__('os').umask(m)][0]"),
    "sys.path": ("import sys\nsys.path.insert(0, '/nowhere')", "'/nowhere' in __import__('sys').path"),
    "sys.argv": ("import sys\nsys.argv.append('A')", "__import__('sys').argv[-1:] == ['A']"),
    "an import hook": (
        "import sys\nclass A:\n    @staticmethod\n    def find_spec(*_):\n        return None\nsys.meta_path.append(A)",
        "[getattr(f, '__name__', '') for f in __import__('sys').meta_path].count('A')",
    ),
    "a signal handler": (
        "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)",
        "callable(__import__('signal').getsignal(10))",
    ),
    "a signal that is ignored": (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "__import__('signal').getsignal(15) == 1",
    ),
    "a blocked signal": (
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [12])",
        "12 in __import__('signal').pthread_sigmask(0, [])",
    ),
    "an alarm": ("import signal\nsignal.alarm(1000)", "__import__('signal').getitimer(0)[0] > 0"),
    "a warning filter": (
        "import warnings\nwarnings.simplefilter('error', ImportWarning)",
        "[f[0] for f in __import__('warnings').filters if f[2] is ImportWarning][:1]",
    ),
    "a handler of the root logger": (
        "import logging\nlogging.basicConfig()\nlogging.getLogger().addHandler(logging.NullHandler())",
        "len(__import__('logging').getLogger().handlers)",
    ),
    "the level of a logger": (
        "import logging\nlogging.getLogger('a.b').setLevel(7)",
        "__import__('logging').getLogger('a.b').level",
    ),
    "logging that is disabled": ("import logging\nlogging.disable(40)", "__import__('logging').root.manager.disable"),
    "the decimal context": ("import decimal\ndecimal.getcontext().prec = 3", "__import__('decimal').getcontext().prec"),
    "the locale": (
        "import locale\nlocale.setlocale(locale.LC_NUMERIC, 'C.UTF-8' if locale.setlocale(1) == 'C' else 'C')",
        "__import__('locale').setlocale(1)",
    ),
    "the time zone": (
        "import os, time\nos.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()",
        "__import__('time').timezone",
    ),
    "a limit of open files": (
        "import resource\nresource.setrlimit(7, (99, resource.getrlimit(7)[1]))",
        "__import__('resource').getrlimit(7)[0] == 99",
    ),
    "the recursion limit": ("import sys\nsys.setrecursionlimit(4321)", "__import__('sys').getrecursionlimit()"),
    "the switch interval": ("import sys\nsys.setswitchinterval(0.1)", "__import__('sys').getswitchinterval()"),
    "an exception hook": ("import sys\nsys.excepthook = print", "__import__('sys').excepthook is print"),
    "a trace function": ("import sys\nsys.setprofile(lambda *_: None)", "bool(__import__('sys').getprofile())"),
    "the garbage collector": ("import gc\ngc.disable()", "__import__('gc').isenabled()"),
    "the default time-out of sockets": (
        "import socket\nsocket.setdefaulttimeout(9)",
        "__import__('socket').getdefaulttimeout()",
    ),
    "a patched function": (
        "import json\njson.dumps = lambda *_, **__: 'patched'",
        "__import__('json').dumps([1])",
    ),
    "a global of a module": ("import json\njson.COUNTER = 1", "hasattr(__import__('json'), 'COUNTER')"),
    "a constant of a module": ("import math\nmath.pi = 3", "__import__('math').pi"),
    "a builtin": (
        "import builtins\nbuiltins.helper = 1\nbuiltins.len = lambda _: -1",
        "[len('ab'), 'helper' in dir(__builtins__)]",
    ),
    "the seed of random numbers": (
        "import random\nrandom.seed(1)",
        "__import__('random').Random(1).random() == __import__('random').random()",
    ),
    "numpy's error state": ("import numpy\nnumpy.seterr(all='raise')", "__import__('numpy').geterr()['over']"),
    "numpy's seed": (
        "import numpy\nnumpy.random.seed(1)",
        "float(__import__('numpy').random.random()) == float(__import__('numpy').random.RandomState(1).random())",
    ),
    "a list of the setup": ("HELD.append(1)", "list(HELD)"),
    "a class of the setup": ("Box.n = 5", "Box.n"),
    "a global of the step": ("global LEFT\nLEFT = 1", "'LEFT' in globals()"),
    "the directory of temporary files": (
        "import tempfile\ntempfile.tempdir = '/'",
        "__import__('tempfile').gettempdir() == '/'",
    ),
    "standard output": (
        "import sys, io\nsys.stdout = io.StringIO()",
        "type(__import__('sys').stdout).__name__ == 'StringIO'",
    ),
    "a class that is patched": (
        "import json\njson.JSONEncoder.default = lambda *_: 'patched'",
        "__import__('json').JSONEncoder.default.__name__",
    ),
    "a module that is replaced": (
        "import sys, types\nsys.modules['colorsys'] = types.SimpleNamespace(A=1)",
        "hasattr(__import__('colorsys'), 'A')",
    ),
    "a module that is hidden": (
        "import sys\nsys.modules['pdnb_nowhere'] = None",
        "'pdnb_nowhere' in __import__('sys').modules",
    ),
    "the policy of event loops": (
        "import asyncio\nclass Policy(asyncio.DefaultEventLoopPolicy): pass\nasyncio.set_event_loop_policy(Policy())",
        "type(__import__('asyncio').get_event_loop_policy()).__name__ == 'Policy'",
    ),
    "the start method of processes": (
        "import multiprocessing\nmultiprocessing.set_start_method('spawn')",
        "__import__('multiprocessing').get_start_method(allow_none=True)",
    ),
    "an option of pandas": (
        "import pandas\npandas.set_option('display.max_rows', 3)",
        "__import__('pandas').get_option('display.max_rows')",
    ),
    "the opener of URLs": (
        "import urllib.request\nurllib.request.install_opener(urllib.request.build_opener())",
        "__import__('urllib.request').request._opener is None",
    ),
    "the limit of tracebacks": (
        "import sys\nsys.tracebacklimit = 1",
        "getattr(__import__('sys'), 'tracebacklimit', None)",
    ),
    "a dialect of CSV": ("import csv\ncsv.register_dialect('mine')", "'mine' in __import__('csv').list_dialects()"),
    "a callback of the garbage collector": (
        "import gc\ngc.callbacks.append(print)",
        "print in __import__('gc').callbacks",
    ),
    "the first import of a module that is patched": (
        "import colorsys\ncolorsys.rgb_to_hsv = None",
        "__import__('colorsys').rgb_to_hsv is None",
    ),
    "a child process": (
        "import subprocess\nsubprocess.Popen(['sleep', '1000.125'])",
        "__import__('subprocess').run(['pgrep', '-cf', 'sleep 1000.125'], capture_output=True, text=True).stdout",
    ),
    "a timer": (
        "import threading\nthreading.Timer(1000, print).start()",
        "[type(t).__name__ for t in __import__('threading').enumerate()].count('Timer')",
    ),
}

SETUP: Final = "HELD = []\n\n\nclass Box:\n    n = 1\n"


def step(kind: str) -> str:
    """The cell of a step that changes it when the event says so, and then looks at nothing; or only looks."""
    change, look = KINDS[kind]
    lines = "\n        ".join(change.split("\n"))
    return (
        "def handler(pd):\n"
        "    if pd.steps['trigger']['event'] == 'change':\n"
        f"        {lines}\n"
        "        return\n"
        f"    return {{'seen': {look}}}\n"
    )
