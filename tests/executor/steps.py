"""Steps that a kernel, a shell and a worker have to execute alike: cells, and what each of them gives.

A case is a cell (or a pair: a setup cell and a cell) and the value that it gives; ``Fails("…")``: what its error holds.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple


class Fails(NamedTuple):
    """The step fails with an error that holds this text."""

    text: str


POOL = """
from concurrent.futures import ProcessPoolExecutor
import multiprocessing
def sq(x):
    return x * x
def handler(pd):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context({method!r})) as pool:
        return list(pool.map(sq, [1, 2, 3]))
"""

STEPS: Final[dict[str, tuple[str | tuple[str, str], Any]]] = {
    # values
    "a body's value": ("6 * 7", 42),
    "a handler's value": ("def handler(pd):\n    return [1, {'a': None}]", [1, {"a": None}]),
    "nothing": ("def handler(pd):\n    return None", None),
    "text of all kinds": ("'ä\\u2028\\x00😀'", "ä\u2028\x00😀"),
    "a large integer": ("2**70", 2**70),
    "an export": ("step.export('k', 1)\nstep.steps['trigger']['event']['n']", 3),
    "the context": ("sorted(step.context)", None),
    "a generator": ("def count():\n    yield from range(3)\nlist(count())", [0, 1, 2]),
    "a dataclass": (
        "from dataclasses import dataclass, asdict\n@dataclass\nclass P:\n    x: int = 1\nasdict(P(2))",
        {"x": 2},
    ),
    "a dataclass with postponed annotations": (
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
        "@dataclass\nclass P:\n    x: int\n    n: ClassVar[int] = 2\nP(3).x + P.n",
        5,
    ),
    "an enum": ("from enum import Enum\nclass C(Enum):\n    A = 1\nC['A'].value", 1),
    "a named tuple": ("from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\nP(4).x", 4),
    "a walrus and a match": ("match (n := 5):\n    case 5: found = n\nfound", 5),
    "recursion": ("def f(n): return 1 if n < 2 else n * f(n - 1)\nf(10)", 3628800),
    "globals by a function": ("total = 0\ndef add():\n    global total\n    total += 2\nadd()\nadd()\ntotal", 4),
    "a name in the setup": (("BASE = 40", "BASE + 2"), 42),
    "a function of the setup that reads a global": (("N = 1\ndef get(): return N", "N = 2\nget()"), 2),
    "the module's name": ("__name__.startswith('pdnb_workflow_')", True),
    # async
    "asyncio.run in a handler": (
        "import asyncio\nasync def main():\n    return 7\ndef handler(pd):\n    return asyncio.run(main())",
        7,
    ),
    "asyncio.run twice": ("import asyncio\nasync def f(n): return n\nasyncio.run(f(1)) + asyncio.run(f(2))", 3),
    "an async handler": ("import asyncio\nasync def handler(pd):\n    await asyncio.sleep(0)\n    return 1", 1),
    "await in a body": ("import asyncio\nawait asyncio.sleep(0)\n5", 5),
    "gather": (
        "import asyncio\nasync def f(n):\n    await asyncio.sleep(0)\n    return n\nawait asyncio.gather(f(1), f(2))",
        [1, 2],
    ),
    "a loop of its own": (
        "import asyncio\nloop = asyncio.new_event_loop()\nn = loop.run_until_complete(asyncio.sleep(0, 9))\n"
        "loop.close()\nn",
        9,
    ),
    "a task that is left": (
        "import asyncio\nt = asyncio.ensure_future(asyncio.sleep(99))\nawait asyncio.sleep(0)\n1",
        1,
    ),
    "a thread beside a loop": ("import asyncio\nawait asyncio.to_thread(lambda: 3)", 3),
    "the loop of the thread": (
        "import asyncio\ndef handler(pd):\n    loop = asyncio.new_event_loop()\n    asyncio.set_event_loop(loop)\n"
        "    n = asyncio.get_event_loop().run_until_complete(asyncio.sleep(0, 4))\n    loop.close()\n    return n",
        4,
    ),
    "asyncio.run in a coroutine": (
        "import asyncio\nasync def handler(pd):\n    return asyncio.run(None)",
        Fails("cannot be called from a running event loop"),
    ),
    # errors
    "an error": ("{}['key']", Fails("KeyError: 'key'")),
    "an error with a cause": (
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('no') from e",
        Fails("no"),
    ),
    "an error of its own class": ("class Oh(Exception): pass\nraise Oh('dear')", Fails("Oh: dear")),
    "an error that cannot be shown": (
        "class B(Exception):\n    def __str__(self): raise ValueError\nraise B",
        Fails("B"),
    ),
    "a group of errors": ("raise ExceptionGroup('many', [ValueError(1), TypeError(2)])", Fails("many")),
    "an error in a function of the setup": (("def half(n): return n / 0", "half(1)"), Fails("ZeroDivisionError")),
    "sys.exit(0)": ("import sys\nsys.exit(0)", Fails("pd.flow.exit() ends the run")),
    "exit()": ("exit(0)", Fails("pd.flow.exit() ends the run")),
    "quit": ("quit is not None", True),
    "sys.exit with a text": ("import sys\nsys.exit('enough')", Fails("enough")),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", Fails("KeyboardInterrupt")),
    "what is not JSON": ("object()", Fails("is not JSON")),
    "input()": ("input('name? ')", Fails("use pd.flow.suspend(form=…)")),
    "getpass": ("import getpass\ngetpass.getpass()", Fails("use pd.flow.suspend(form=…)")),
    "standard input": ("import sys\nsys.stdin.read()", ""),
    "an assertion": ("assert 1 == 2, 'differ'", Fails("AssertionError: differ")),
    "a recursion without end": ("def f(): return f()\nf()", Fails("RecursionError")),
    "a time limit of its own": (
        "import signal\ndef ring(*_): raise TimeoutError('mine')\nsignal.signal(signal.SIGALRM, ring)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01)\nsignal.pause()",
        Fails("TimeoutError: mine"),
    ),
    # output
    "print": ("print('a', 'b', sep='-', end='!\\n')\nprint()\nprint('ü')", None),
    "standard error": ("import sys\nprint('e', file=sys.stderr)\nprint('o')\nprint('f', file=sys.stderr)", None),
    "bytes on standard output": ("import sys\nsys.stdout.buffer.write(b'raw\\n')\nsys.stdout.flush()", None),
    "a carriage return": ("print('10%\\r20%\\r30%')", None),
    "a lone surrogate": ("print('\\ud800')", None),
    "a progress bar": ("import time\nfor i in range(3):\n    print(f'\\r{i}/3', end='', flush=True)\nprint()", None),
    "display": ("display({'a': 1})\ndisplay('text')", None),
    "rich display": (
        "from IPython.display import HTML, Markdown\ndisplay(HTML('<b>x</b>'))\ndisplay(Markdown('*y*'))",
        None,
    ),
    "a display that is updated": (
        "from IPython.display import display\nh = display('one', display_id='d')\nprint('between')\nh.update('two')",
        None,
    ),
    "clear_output": ("from IPython.display import clear_output\nprint('a')\nclear_output()\nprint('b')", None),
    "a data frame": ("import pandas\npandas.DataFrame({'a': [1]}).to_dict('records')", [{"a": 1}]),
    "a data frame that is shown": ("import pandas\ndisplay(pandas.DataFrame({'a': [1]}))", None),
    "a broken repr": ("class B:\n    def __repr__(self): raise ValueError('no repr')\ndisplay(B())", None),
    "logging": ("import logging\nlogging.warning('careful %s', 1)\nlogging.info('quiet')", None),
    "logging that is set up": (
        "import logging\nlogging.basicConfig(level='INFO', format='%(levelname)s %(message)s')\nlogging.info('hello')",
        None,
    ),
    "a warning": ("import warnings\nwarnings.warn('old')", None),
    "a program that prints": (
        "import subprocess\nprint('a', flush=True)\nsubprocess.run(['echo', 'b'])\nprint('c')",
        None,
    ),
    "a program that prints errors": (
        "import subprocess\nsubprocess.run('echo b >&2; exit 3', shell=True).returncode",
        3,
    ),
    "a program's output that is taken": (
        "import subprocess\nsubprocess.run(['echo', 'b'], capture_output=True, text=True).stdout",
        "b\n",
    ),
    "os.system": ("import os\nprint('x')\nos.system('echo y')\nprint('z')", None),
    "descriptors": ("import os\nprint('x')\nos.write(1, b'y\\n')\nprint('z')", None),
    "threads that print": (
        "import threading\nt = threading.Thread(target=print, args=('in a thread',))\nt.start()\nt.join()\nprint('done')",
        None,
    ),
    "a thread that is left": (
        "import threading\nstop = threading.Event()\nthreading.Thread(target=stop.wait, args=(3,), name='left').start()",
        None,
    ),
    # processes and the machine
    "a fork that prints": (
        "import os, sys\nif os.fork() == 0:\n    print('child')\n    sys.exit(0)\nos.wait()\nprint('parent')\n'parent'",
        "parent",
    ),
    "a fork that returns": (
        "import os\ndef handler(pd):\n    if os.fork() == 0:\n        return 'child'\n    os.wait()\n    return 'parent'",
        "parent",
    ),
    "multiprocessing": (
        "import multiprocessing\ndef work(n):\n    print('child', n, flush=True)\ndef handler(pd):\n"
        "    p = multiprocessing.get_context('fork').Process(target=work, args=(1,))\n    p.start()\n    p.join()\n"
        "    return p.exitcode",
        0,
    ),
    "a child that is left": (
        "import multiprocessing, time\ndef work(): time.sleep(60)\ndef handler(pd):\n"
        "    multiprocessing.get_context('fork').Process(target=work, daemon=True).start()\n    return 1",
        1,
    ),
    "a pool that forks": (POOL.format(method="fork"), [1, 4, 9]),
    "a pool that spawns": (POOL.format(method="spawn"), [1, 4, 9]),
    "a pool of a fork server": (POOL.format(method="forkserver"), [1, 4, 9]),
    "a pool in a body": (
        "from concurrent.futures import ProcessPoolExecutor\nimport multiprocessing\ndef sq(x):\n    return x * x\n"
        "with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:\n"
        "    found = list(pool.map(sq, [4]))\nfound",
        [16],
    ),
    "a pool with a function of the setup": (
        (
            "def cube(x):\n    return x ** 3",
            "from concurrent.futures import ProcessPoolExecutor\nimport multiprocessing\ndef handler(pd):\n"
            "    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:\n"
            "        return list(pool.map(cube, [2]))",
        ),
        [8],
    ),
    "pickle of a class of its own": ("import pickle\nclass Box:\n    n = 3\npickle.loads(pickle.dumps(Box())).n", 3),
    "the source of a class": (
        "import inspect\nclass Box:\n    n = 3\ninspect.getsource(Box)",
        "class Box:\n    n = 3\n",
    ),
    "the source of a function": ("import inspect\ndef f(): return 1\ninspect.getsource(f)", "def f(): return 1\n"),
    "the source of a class of the setup": (
        ("import inspect\nclass Box:\n    n = 4\n", "inspect.getsource(Box)"),
        "class Box:\n    n = 4\n",
    ),
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as p:\n    n = sum(p.map(abs, [-1, -2]))\nn",
        3,
    ),
    "a signal handler": (
        "import os, signal\ngot = []\nsignal.signal(signal.SIGUSR1, lambda *_: got.append(1))\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\ngot",
        [1],
    ),
    "the working directory": ("import os\nos.path.basename(os.getcwd())", "place"),
    "a relative file": ("open('beside.txt').read()", "beside"),
    "a local module": ("import neighbour\nneighbour.WORD", "hello"),
    "a file that is written": (
        "from pathlib import Path\nPath('made.txt').write_text('x')\nPath('made.txt').read_text()",
        "x",
    ),
    "an environment variable": ("import os\nos.environ['PDNB_TRY']", "given"),
    "an environment variable of a program": (
        "import os, subprocess\nos.environ['A_KEY'] = 'v'\n"
        "subprocess.run(['sh', '-c', 'echo $A_KEY'], capture_output=True, text=True).stdout",
        "v\n",
    ),
    "the locale": ("import locale\nlocale.setlocale(locale.LC_NUMERIC)", "C"),
    "the encoding of standard output": ("import sys\nsys.stdout.encoding", "utf-8"),
    "no terminal": ("import sys\n[sys.stdin.isatty(), sys.stdout.isatty()]", [False, False]),
    "sys.argv": ("import sys\nsys.argv", [""]),
    "argparse": ("import argparse\nvars(argparse.ArgumentParser().parse_args())", {}),
    "os.getpid that is patched": ("import os\ndef handler(pd):\n    os.getpid = lambda: 1\n    return os.getpid()", 1),
    "a handler that is assigned": ("handler = lambda pd: 3", 3),
    "a handler below an if": ("if True:\n    def handler(pd):\n        return 4", 4),
    "a temporary file": ("import tempfile\nwith tempfile.NamedTemporaryFile() as f:\n    n = f.write(b'abc')\nn", 3),
    "a socket": ("import socket\na, b = socket.socketpair()\na.send(b'x')\nb.recv(1).decode()", "x"),
    "sqlite": ("import sqlite3\nsqlite3.connect(':memory:').execute('select 1').fetchone()[0]", 1),
    "numpy": ("import numpy as np\nint(np.arange(4).sum())", 6),
    "a figure": ("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nlen(plt.get_fignums())", None),
    "matplotlib's backend": (
        "import matplotlib\nmatplotlib.get_backend().rpartition('.')[2].lower().replace('_', '')",
        None,
    ),
    "a mail": ("step.send.email('Hello', 'text', to='ann@example.org')", None),
    "progress": ("step.progress(1, 2, 'half')\n1", 1),
    "a mail that is none": ("step.send.email('Hello')", Fails("MailError")),
}
