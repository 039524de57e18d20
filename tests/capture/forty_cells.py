"""Cells as people write them in notebooks, and what comes of each in a run: captured, or refused with a clear error.

``-- step`` is the step, the cells above it were run before. ``-- gives`` is what it leaves, in the kernel and in a
worker alike; ``-- refused`` is how the error goes on after ``step 'it' uses``.
``python -m tests.capture.forty_cells`` prints the table; with ``--alone`` every notebook has a worker of its own.
"""

from __future__ import annotations

FUNCTIONS = {
    "a plain function": """
def double(x):
    return 2 * x
-- step double(21)
-- gives 42
""",
    "a function decorated by functools": """
from functools import lru_cache
@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
-- step fib(30)
-- gives 832040
""",
    "a context manager made of a generator": """
from contextlib import contextmanager
log = ['start']
@contextmanager
def logged(word):
    yield log + [word]
-- step
with logged('in') as lines:
    pass
lines
-- gives ['start', 'in']
""",
    "an own decorator with a closure": """
import functools
def times(n):
    def outer(f):
        @functools.wraps(f)
        def inner(*args):
            return [f(*args) for _ in range(n)]
        return inner
    return outer
-- cell
@times(2)
def hi(name): return f'hi {name}'
-- step hi('Al')
-- gives ['hi Al', 'hi Al']
""",
    "a decorator that is a class": """
class Counted:
    def __init__(self, f): self.f, self.n = f, 0
    def __call__(self): self.n += 1; return self.f()
@Counted
def tick(): return 'tick'
-- step tick()
-- refused 'tick' (a Counted), which lives only in this kernel: pass it in the event
""",
    "nested functions": """
def outer(n):
    def inner(x):
        nonlocal n
        n += x
        return n
    return [inner(1), inner(2)]
-- step outer(10)
-- gives [11, 13]
""",
    "a closure made by a factory": """
def make_adder(n):
    def adder(x): return x + n
    return adder
add5 = make_adder(5)
-- step add5(1)
-- refused 'add5' (a function made inside 'make_adder'), which cannot be taken along: define it at the top level
""",
    "a factory called in the step": """
def make_adder(n):
    return lambda x: x + n
-- step make_adder(5)(1)
-- gives 6
""",
    "a partial": """
from functools import partial
def power(base, exponent): return base ** exponent
square = partial(power, exponent=2)
-- step square(3)
-- refused 'square' (a partial), which lives only in this kernel
""",
    "lambdas with a name": """
square = lambda x: x * x
by_age = lambda row: row['age']
-- step [square(4), sorted([{'age': 3}, {'age': 1}], key=by_age)]
-- gives [16, [{'age': 1}, {'age': 3}]]
""",
    "lambdas in a dict": """
OPS = {'add': lambda a, b: a + b}
-- step OPS['add'](1, 2)
-- refused 'OPS' (a dict), which holds a function at ['add'], so it is no JSON literal
""",
    "a dict of functions made in the step": """
def add(a, b): return a + b
def sub(a, b): return a - b
-- step {name: op(3, 2) for name, op in {'add': add, 'sub': sub}.items()}
-- gives {'add': 5, 'sub': 1}
""",
    "recursion": """
def depth(tree): return 1 + max(map(depth, tree), default=0)
-- step depth([[], [[]]])
-- gives 3
""",
    "mutual recursion over two cells": """
def even(n): return n == 0 or odd(n - 1)
-- cell def odd(n): return n != 0 and even(n - 1)
-- step even(7)
-- gives False
""",
    "an async function": """
import asyncio
async def fetch(n):
    await asyncio.sleep(0)
    return n + 1
-- step await asyncio.gather(fetch(1), fetch(2))
-- gives [2, 3]
""",
    "an async handler": """
async def fetch(n): return n + 1
-- step
async def handler(pd):
    return await fetch(1)
-- gives 2
""",
    "generator functions": """
def chunks(rows, n):
    for i in range(0, len(rows), n):
        yield rows[i:i + n]
-- step list(chunks([1, 2, 3], 2))
-- gives [[1, 2], [3]]
""",
    "a global counter": """
n = 0
def bump():
    global n
    n += 1
    return n
bump()
-- step [bump(), bump()]
-- gives [2, 3]
""",
    "a global counter that the step reads": """
n = 0
def bump():
    global n
    n += 1
-- step
bump()
n
-- refused 'n', which 'bump' assigns by 'global n', and a step would not see that: return it from 'bump', or read it
""",
    "functools.singledispatch": """
from functools import singledispatch
@singledispatch
def show(x): return 'thing'
@show.register
def _(x: int): return 'number'
-- step show(1)
-- refused 'show' (a function with registered variants), which cannot be taken along
""",
    "a function defined again": """
def f(): return 'old'
-- cell def f(): return 'new'
-- step f()
-- gives 'new'
""",
    "a function with default arguments": """
RATE = 3
def price(n, rate=RATE, *, currency='EUR'): return f'{n * rate} {currency}'
-- step price(2)
-- gives '6 EUR'
""",
    "a default argument whose constant changed since": """
RATE = 3
def price(n, rate=RATE): return n * rate
-- cell RATE = 4
-- step price(2)
-- refused 'price' (a function), whose default 'RATE' has changed since: run its cell again
""",
    "a default argument of a loop": """
for i in range(3):
    def shifted(x, i=i): return x + i
for i in range(9):
    pass
-- step shifted(1)
-- refused 'shifted' (a function), whose default 'i' has changed since: run its cell again
""",
    "a function with a memory of its own": """
def fib(n, memo={}):
    if n not in memo:
        memo[n] = n if n < 2 else fib(n - 1) + fib(n - 2)
    return memo[n]
fib(10)
-- step fib(30)
-- gives 832040
""",
    "a lambda with a type": """
from typing import Callable
square: Callable[[int], int] = lambda x: x * x
-- step square(3)
-- gives 9
""",
    "a function that uses the step object": """
def note(text): step.export('note', text)
-- step note('x')
-- refused 'note' (a function of this notebook), which uses 'step', which is not defined in this notebook (only a step
""",
    "a function with an attribute": """
def visit():
    visit.count += 1
    return visit.count
visit.count = 0
-- step visit()
-- refused 'visit' (a function), which was given 'count' after its definition
""",
    "overloads": """
from typing import overload
@overload
def twice(x: int) -> int: ...
@overload
def twice(x: str) -> str: ...
def twice(x): return x * 2
-- step [twice(2), twice('a')]
-- gives [4, 'aa']
""",
    "another name for a function": """
def clean(text): return text.strip()
tidy = clean
-- step tidy(' a ')
-- gives 'a'
""",
    "a function wrapped in a second cell": """
import functools
def shout(f):
    @functools.wraps(f)
    def inner(): return f().upper()
    return inner
def hi(): return 'hi'
-- cell hi = shout(hi)
-- step hi()
-- refused 'hi' (a function), whose definition was not found
""",
}

CLASSES = {
    "a dataclass with defaults and factories": """
from dataclasses import dataclass, field
@dataclass
class Row:
    name: str
    n: int = 1
    tags: list[str] = field(default_factory=list)
-- step
import dataclasses
dataclasses.asdict(Row('a'))
-- gives {'name': 'a', 'n': 1, 'tags': []}
""",
    "dataclasses that inherit, frozen": """
from dataclasses import dataclass
@dataclass(frozen=True)
class Base:
    x: int = 1
-- cell
@dataclass(frozen=True)
class Point(Base):
    y: int = 2
    def norm(self): return self.x + self.y
-- step [Point().norm(), hash(Point()) == hash(Point()), str(Point(3))]
-- gives [3, True, 'Point(x=3, y=2)']
""",
    "an enum": """
from enum import Enum, auto
class Color(Enum):
    RED = auto()
    BLUE = auto()
    @property
    def small(self): return self.name.lower()
-- step [Color.BLUE.value, Color(1).small, len(Color)]
-- gives [2, 'red', 2]
""",
    "an enum by a call": """
from enum import Enum
Color = Enum('Color', 'RED BLUE')
-- step Color.RED.value
-- refused 'Color' (a class), which no class statement of this notebook defines as it is now
""",
    "a NamedTuple": """
from typing import NamedTuple
class Point(NamedTuple):
    x: int
    y: int = 0
-- step Point(1)._asdict()
-- gives {'x': 1, 'y': 0}
""",
    "a namedtuple by a call": """
from collections import namedtuple
Point = namedtuple('Point', ['x', 'y'], defaults=(0,))
-- step [*Point(1)]
-- gives [1, 0]
""",
    "a TypedDict": """
from typing import TypedDict
class Row(TypedDict, total=False):
    name: str
-- cell def name(row: Row) -> str: return row['name']
-- step name(Row(name='a'))
-- gives 'a'
""",
    "an abstract class": """
from abc import ABC, abstractmethod
class Shape(ABC):
    @abstractmethod
    def area(self): ...
class Square(Shape):
    def __init__(self, a): self.a = a
    def area(self): return self.a ** 2
-- step [Square(3).area(), isinstance(Square(1), Shape)]
-- gives [9, True]
""",
    "a protocol": """
from typing import Protocol, runtime_checkable
@runtime_checkable
class Named(Protocol):
    name: str
class Dog:
    name = 'Rex'
-- step isinstance(Dog(), Named)
-- gives True
""",
    "a generic class": """
from typing import Generic, TypeVar
T = TypeVar('T')
class Box(Generic[T]):
    def __init__(self, item: T) -> None: self.item = item
-- step Box[int](5).item
-- gives 5
""",
    "a class with all that classes have": """
class Account:
    rate = 2
    def __init__(self, n): self.n = n
    @property
    def total(self): return self.n * self.rate
    @classmethod
    def empty(cls): return cls(0)
    @staticmethod
    def check(n): return n > 0
class Savings(Account):
    rate = 3
    def __init__(self, n):
        super().__init__(n + 1)
-- step [Savings(1).total, Savings.empty().n, Account.check(1)]
-- gives [6, 1, True]
""",
    "a class attribute changed since": """
class Config:
    debug = False
    def level(self): return 'debug' if self.debug else 'info'
-- cell Config.debug = True
-- step Config().level()
-- refused 'Config' (a class), whose 'debug' has changed since its definition: run its cell again
""",
    "a class attribute made of a constant that changed since": """
RATE = 3
class Price:
    rate = RATE
    def of(self, n): return n * self.rate
-- cell RATE = 4
-- step Price().of(2)
-- refused 'Price' (a class), whose 'rate' has changed since its definition: run its cell again
""",
    "a class attribute that was filled": """
class Registry:
    seen = []
    def all(self): return self.seen
Registry.seen.append('a')
-- step Registry().all()
-- refused 'Registry' (a class), whose 'seen' has changed since its definition: run its cell again
""",
    "a class with attributes of all kinds": """
RATE = 3
class Table:
    rate = RATE
    n = 1
    n += 1
    size = -1.5
    names = ['a', 'b']
    squares = [i * i for i in range(3)]
    class Meta:
        order = 'x'
    def first(self):
        rate = self.names[0]
        return rate
-- step [Table().first(), Table.n, Table.size, Table.squares, Table.Meta.order, Table.rate]
-- gives ['a', 2, -1.5, [0, 1, 4], 'x', 3]
""",
    "a base that knows its subclasses": """
class Base:
    kind = None
    def __init_subclass__(cls): cls.kind = cls.__name__
class Leaf(Base):
    kind = None
    def tell(self): return self.kind
-- step Leaf().tell()
-- gives 'Leaf'
""",
    "a method added in a second cell": """
class Model:
    def fit(self): return 'fitted'
-- cell
def predict(self): return 'predicted'
Model.predict = predict
-- step Model().predict()
-- refused 'Model' (a class), which was given 'predict' after its definition
""",
    "an object of a class": """
class Client:
    def get(self): return 1
client = Client()
-- step client.get()
-- refused 'client' (a Client), which lives only in this kernel
""",
    "a class that counts its objects": """
class Job:
    n = 0
    def __init__(self): Job.n += 1
Job()
-- step
Job()
Job.n
-- refused 'Job' (a class), whose 'n' has changed since its definition: run its cell again
""",
    "an exception": """
class TooBig(ValueError):
    def __init__(self, n): super().__init__(f'{n} is too big')
-- step
try:
    raise TooBig(5)
except TooBig as error:
    said = str(error)
said
-- gives '5 is too big'
""",
    "a class with __slots__ and operators": """
class V:
    __slots__ = ('x',)
    def __init__(self, x): self.x = x
    def __add__(self, other): return V(self.x + other.x)
    __radd__ = __add__
-- step (V(1) + V(2)).x
-- gives 3
""",
    "a class decorated by total_ordering": """
from functools import total_ordering
@total_ordering
class Version:
    def __init__(self, n): self.n = n
    def __eq__(self, other): return self.n == other.n
    def __lt__(self, other): return self.n < other.n
-- step Version(2) >= Version(1)
-- gives True
""",
    "a pydantic model": """
from pydantic import BaseModel, field_validator
class User(BaseModel):
    name: str
    age: int = 3
    @field_validator('name')
    def small(cls, v): return v.lower()
-- step User(name='AL').model_dump()
-- gives {'name': 'al', 'age': 3}
""",
}

NAMES = {
    "type aliases": """
class Row: pass
Rows = list[Row]
Id = int | str
-- cell def first(rows: Rows) -> Id: return len(rows)
-- step [first([]), str(Id)]
-- gives [0, 'int | str']
""",
    "a type alias of typing": """
from typing import Any, Callable, Dict, Optional
Row = Dict[str, Any]
Check = Optional[Callable[[Row], bool]]
-- cell def passes(row: Row, check: Check = None) -> bool: return check is None or check(row)
-- step passes({})
-- gives True
""",
    "a type alias that says so": """
from typing import Literal, TypeAlias, Union
import datetime as dt
Mode: TypeAlias = Literal['a', 'b']
When = Union[dt.date,
             None]
-- step [[*Mode.__args__], When.__args__[0].__name__]
-- gives [['a', 'b'], 'date']
""",
    "a TypeVar in a function": """
from typing import Sequence, TypeVar
T = TypeVar('T')
def first(items: Sequence[T]) -> T: return items[0]
-- step first([7])
-- gives 7
""",
    "a NewType": """
from typing import NewType
UserId = NewType('UserId', int)
-- step UserId(5)
-- gives 5
""",
    "constants": """
LIMIT = 10
NAME = 'Al'
OPTIONS = {'deep': [1, 2.5, None, True]}
-- step [LIMIT, NAME, OPTIONS]
-- gives [10, 'Al', {'deep': [1, 2.5, None, True]}]
""",
    "a module-level f-string": """
NAME = 'Al'
GREETING = f'hi {NAME!r:>6}'
-- step GREETING
-- gives "hi   'Al'"
""",
    "a name of a for loop": """
total = 0
for i, word in enumerate(['a', 'b']):
    total += i
    def last(): return word
-- step [i, word, total, last()]
-- gives [1, 'b', 1, 'b']
""",
    "a name of a with statement": """
with open('data.csv') as file:
    rows = file.read().splitlines()
    def head(): return rows[0]
-- step [rows, head()]
-- gives [['a,b', '1,2'], 'a,b']
""",
    "the file of a with statement": """
with open('data.csv') as file:
    pass
-- step file.name
-- refused 'file' (a TextIOWrapper), which lives only in this kernel
""",
    "names of try and except": """
try:
    port = int('x')
except ValueError as error:
    port = 80
    def describe(): return f'port {port}'
-- step describe()
-- gives 'port 80'
""",
    "names by walrus, unpacking and augmented assignment": """
if (n := 3) > 2:
    a, (b, *rest) = 1, (2, 3, 4)
b += n
-- step [n, a, b, rest]
-- gives [3, 1, 5, [3, 4]]
""",
    "comprehension variables": """
x = object()
SQUARES = [x * x for x in range(3)]
-- step [x + y for x, y in zip(SQUARES, SQUARES)]
-- gives [0, 2, 8]
""",
    "a name that shadows a builtin": """
list = ['mine']
id = 5
-- cell def max(*args): return 'mine too'
-- step [list, id, max(1, 2)]
-- gives [['mine'], 5, 'mine too']
""",
    "an annotated name": """
timeout: float = 2.5
-- step timeout
-- gives 2.5
""",
    "a name that was deleted": """
x = 1
-- cell del x
-- step x
-- refused 'x', which is not defined in this notebook: define or import it in the step or in a %%setup cell
""",
    "a function of another step's cell": """
-- cell
%%step before
def helper(): return 1
-- step helper()
-- refused 'helper', which is defined by step 'before' for itself alone: define it in a %%setup cell, for all steps
""",
    "a setup cell": """
-- setup
import re
WORD = re.compile(r'[a-z]+')
COLUMNS = ('a', 'b')
-- cell def words(text): return WORD.findall(text)
-- step [words('a b'), [*COLUMNS]]
-- gives [['a', 'b'], ['a', 'b']]
""",
    "a list that the step changes": """
seen = ['a']
-- step
seen.append('b')
seen
-- gives ['a', 'b']
""",
    "a bool, a number and a text by other means": """
import math, sys
IS_LINUX = sys.platform.startswith('linux')
TAU = round(math.tau, 2)
TODAY = str(math.floor(TAU))
-- step [IS_LINUX, TAU, TODAY]
-- gives [True, 6.28, '6']
""",
    "__name__": """
-- step __name__ == '__main__'
-- gives False
""",
    "__file__": """
from pathlib import Path
-- step str(Path(__file__).parent)
-- refused '__file__', which is not defined in this notebook
""",
    "a name looked up by a text": """
x = 1
-- step globals().get('x', 'not there')
-- gives 'not there'
""",
}

IMPORTS = {
    "import a.b as c": """
import os.path as p
import xml.etree.ElementTree as ET
-- step [p.basename('/a/b'), ET.fromstring('<a/>').tag]
-- gives ['b', 'a']
""",
    "import os.path": """
import os.path
-- step os.path.join('a', 'b')
-- gives 'a/b'
""",
    "a submodule through its package": """
import xml.etree.ElementTree
import concurrent.futures
def root(text): return xml.etree.ElementTree.fromstring(text).tag
-- step [root('<a/>'), concurrent.futures.ThreadPoolExecutor(1).submit(max, 1, 2).result()]
-- gives ['a', 2]
""",
    "from math import *": """
from math import *
def area(r): return floor(pi * r ** 2)
-- step [area(2), round(e, 2), comb(4, 2), inf > 1, isnan(nan)]
-- gives [12, 2.72, 6, True, True]
""",
    "a star import in the step": """
-- step
from math import *
floor(pi)
-- gives 3
""",
    "an import with a fallback": """
try:
    import no_such_json as json
except ImportError:
    import json
try:
    import no_such_frame as frames
except ImportError:
    frames = None
-- step [json.loads('1'), frames is None]
-- gives [1, True]
""",
    "the usual aliases": """
import numpy as np, pandas as pd, datetime as dt
from datetime import datetime, timedelta
from collections import defaultdict as dd
-- step [int(np.arange(3).sum()), len(pd.DataFrame({'a': [1]})), (dt.date(2026, 1, 1) + timedelta(1)).day, dd(list)[1]]
-- gives [3, 1, 2, []]
""",
    "a module beside the notebook": """
import helper_mod
from helper_mod import Helper, RATE
rate = Helper.rate
-- step [helper_mod.RATE, Helper.rate(2), RATE, rate(1)]
-- gives [3, 6, 3, 3]
""",
    "a module on a path that the notebook added": """
import sys
sys.path.append('lib')
import library_mod
-- step library_mod.word()
-- gives 'library'
""",
    "a module beside the notebook that then went elsewhere": """
import os, helper_mod
os.chdir('deeper')
-- step helper_mod.RATE
-- refused 'helper_mod' (a module), whose module 'helper_mod' a new process would not find from /
""",
    "a module on a relative path, after os.chdir": """
import os, sys
sys.path.append('lib')
import library_mod
os.chdir('deeper')
-- step library_mod.word()
-- refused 'library_mod' (a module), whose module 'library_mod' a new process would not find from /
""",
    "a class of a module that is out of reach": """
import os
from helper_mod import Helper
os.chdir('deeper')
-- step Helper.rate(1)
-- refused 'Helper' (a type), whose module 'helper_mod' a new process would not find from /
""",
    "a module loaded from a path": """
import importlib.util, sys
spec = importlib.util.spec_from_file_location('loaded_mod', 'helper_mod.py')
loaded_mod = importlib.util.module_from_spec(spec)
sys.modules['loaded_mod'] = loaded_mod
spec.loader.exec_module(loaded_mod)
-- step loaded_mod.RATE
-- refused 'loaded_mod' (a module), whose module 'loaded_mod' a new process would not find from /
""",
    "a local class of a module": """
import numpy as np
from numpy.random import default_rng
-- step int(default_rng(0).integers(1, 2))
-- gives 1
""",
}

MAGICS = {
    "%matplotlib inline, and a plot": """
%matplotlib inline
import matplotlib.pyplot as plt
def plot(ys):
    figure, axes = plt.subplots()
    axes.plot(ys)
    return len(axes.lines)
-- step plot([1, 2])
-- gives 1
""",
    "%time before a name": """
%time x = sum(range(4))
-- step x
-- gives 6
""",
    "%%time over a cell": """
%%time
import math
x = math.floor(2.5)
-- step [x, math.ceil(1.5)]
-- gives [2, 2]
""",
    "%%time over a function": """
%%time
def f(): return 1
-- step f()
-- refused 'f' (a function), whose definition was not found in this notebook under this name (%%time and exec keep none)
""",
    "%%time over a class": """
%%time
class A:
    x = 1
class B:
    def m(self): return 2
-- step [A.x, B().m()]
-- refused 'A' (a class), which no class statement of this notebook defines as it is now (%%time and exec keep none)
""",
    "%%capture over a cell": """
%%capture out
print('noise')
def f(): return 1
-- step f()
-- gives 1
""",
    "%%capture's own name": """
%%capture out
print('noise')
-- step out.stdout
-- refused 'out' (a CapturedIO), which lives only in this kernel
""",
    "!command": """
!true
files = !echo a
-- step files
-- refused 'files' (a SList), which lives only in this kernel
""",
    "a function with a !command": """
def ls():
    found = !ls
    return found
-- step ls()
-- refused 'ls' (a function of this notebook), which uses 'get_ipython', which is IPython's own
""",
    "%%writefile and import": """
%%writefile written_mod.py
def f(): return 'written'
-- cell from written_mod import f
-- step f()
-- gives 'written'
""",
    "%run": """
%run plot.py
-- step twice()
-- gives 12
""",
    "%cd": """
%cd deeper
-- step open('data.csv').read().split()[1]
-- gives '3,4'
""",
    "display": """
from IPython.display import HTML, display
def show(x):
    display(HTML(f'<b>{x}</b>'))
    return x
-- step show(1)
-- gives 1
""",
    "an output": """
1 + 1
-- step _
-- refused '_', which is IPython's own and lives only in this kernel
""",
    "help": """
import math
math?
-- step math.floor(1.5)
-- gives 1
""",
}

FILES = {
    "a relative path": """
-- step
with open('data.csv') as file:
    lines = file.read().split()
lines
-- gives ['a,b', '1,2']
""",
    "a relative path in a function": """
import pandas as pd
PLACE = 'data.csv'
def load(place=PLACE): return pd.read_csv(place)
-- step int(load().b.sum())
-- gives 2
""",
    "a relative path after os.chdir": """
import os
os.chdir('deeper')
-- step open('data.csv').read().split()[1]
-- gives '3,4'
""",
    "a relative path after os.chdir in a step before": """
-- cell
%%step before
import os
os.chdir('deeper')
-- step open('data.csv').read().split()[1]
-- gives '3,4'
""",
    "a Path": """
from pathlib import Path
PLACE = Path('data.csv')
-- step PLACE.read_text()
-- refused 'PLACE' (a PosixPath), which lives only in this kernel
""",
}

KERNEL_ONLY = {
    "a DataFrame": """
import pandas as pd
df = pd.DataFrame({'a': [1]})
-- step len(df)
-- refused 'df' (a DataFrame), which lives only in this kernel: pass it in the event, load it in the step, or define
""",
    "a function that uses a DataFrame": """
import pandas as pd
df = pd.DataFrame({'a': [1]})
def total(): return int(df.a.sum())
def report(): return f'total {total()}'
-- step report()
-- refused 'report' (a function of this notebook), which uses 'total' (a function of this notebook), which uses 'df' (
""",
    "a fitted model": """
import numpy as np
model = np.polynomial.Polynomial.fit([0, 1, 2], [1, 3, 5], 1)
-- step float(model(3))
-- refused 'model' (a Polynomial), which lives only in this kernel
""",
    "a lock": """
import threading
lock = threading.Lock()
-- step
with lock:
    x = 1
-- refused 'lock' (a lock), which lives only in this kernel
""",
    "an open file": """
log = open('data.csv')
-- step log.read()
-- refused 'log' (a TextIOWrapper), which lives only in this kernel
""",
    "a generator": """
numbers = (n * n for n in range(3))
-- step next(numbers)
-- refused 'numbers' (a generator), which lives only in this kernel
""",
    "a connection": """
import sqlite3
db = sqlite3.connect(':memory:')
def rows(): return db.execute('select 1').fetchall()
-- step rows()
-- refused 'rows' (a function of this notebook), which uses 'db' (a Connection), which lives only in this kernel
""",
    "a logger": """
import logging
log = logging.getLogger(__name__)
-- step log.info('x')
-- refused 'log' (a Logger), which lives only in this kernel
""",
    "a compiled pattern": """
import re
WORD = re.compile('a+')
-- step bool(WORD.match('a'))
-- refused 'WORD' (a Pattern), which lives only in this kernel
""",
    "a date": """
from datetime import datetime
START = datetime(2026, 1, 1)
-- step START.year
-- refused 'START' (a datetime), which lives only in this kernel
""",
    "an array": """
import numpy as np
WEIGHTS = np.array([1, 2])
-- step int(WEIGHTS.sum())
-- refused 'WEIGHTS' (a ndarray), which lives only in this kernel
""",
    "a number of numpy": """
import numpy as np
mean = np.mean([1, 2])
-- step float(mean)
-- refused 'mean' (a float64), which lives only in this kernel
""",
    "a set": """
STOP = {'a', 'the'}
-- step 'a' in STOP
-- refused 'STOP' (a set), which lives only in this kernel
""",
    "a tuple": """
COLUMNS = ('a', 'b')
-- step COLUMNS[0]
-- refused 'COLUMNS' (a tuple), which lives only in this kernel
""",
    "bytes": """
MAGIC = b'\\x00'
-- step MAGIC[0]
-- refused 'MAGIC' (a bytes), which lives only in this kernel
""",
    "a defaultdict": """
from collections import defaultdict
counts = defaultdict(int)
-- step counts['a']
-- refused 'counts' (a defaultdict), which lives only in this kernel
""",
    "a coroutine": """
async def fetch(): return 1
waiting = fetch()
-- step await waiting
-- refused 'waiting' (a coroutine), which lives only in this kernel
""",
    "a bound method": """
class Client:
    def get(self): return 1
get = Client().get
-- step get()
-- refused 'get' (a method), which lives only in this kernel
""",
}

CASES = FUNCTIONS | CLASSES | NAMES | IMPORTS | MAGICS | FILES | KERNEL_ONLY


def main() -> None:
    """Play them all and print a line for each."""
    import sys
    import tempfile
    from pathlib import Path

    from tests.support.scenario_player import play

    with tempfile.TemporaryDirectory() as place:
        played = play(CASES, Path(place), alone="--alone" in sys.argv)
    for law, done in played.items():
        print(f"{law:<58}{done.outcome}")
        if done.refused is None and done.kernel != done.worker:
            print(f"{'':<58}IN A WORKER {done.worker}")
    captured = sum(done.refused is None for done in played.values())
    print(f"{len(played)} notebooks: {captured} captured, {len(played) - captured} refused")


if __name__ == "__main__":
    main()
