"""Attacks on the grader: what a cheating or careless student could put into exercise 2.

Each source stands before (or is) a wrong answer to the exercise on large random values; the other
two exercises hold right answers. It only ever runs behind `PROOF`, which raises an error unless it
is inside the sandbox. There an attack knows where the course is (``COURSE``) and where a server
waits that knows the solution (``PORT``). It prints STOLEN if it got hold of something.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from tests.support.mistakes import answer

PROOF = """\
import os
COURSE, PORT = {course!r}, {port}
if os.getpid() > 9 or os.path.exists({outside!r}):
    raise SystemError("this is not a sandbox")
print("inside")
"""
WRONG_ANSWER = """
def initialize_parameters_random(layers_dims):
    return {}
"""
RIGHT_SHAPES = answer("random", "np.zeros((layers_dims[l], layers_dims[l - 1]))")


class Attack(NamedTuple):
    """One attack.

    Attributes
    ----------
    name : str
    source : str
        Python source; `WRONG_ANSWER` follows if it does not define the function itself.
    fools_tests_beside_it : bool
        Whether the tests pass if they run in the student's own process, as in stock nbgrader.
    """

    name: str
    source: str
    fools_tests_beside_it: bool = False

    @property
    def cell(self) -> str:
        """Source of the whole cell, without `PROOF`."""
        defined = "initialize_parameters_random(" in self.source
        return self.source if defined else self.source + WRONG_ANSWER


def when_called(body: str) -> str:
    """Source of an answer that does something when it is called."""
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    return f"def initialize_parameters_random(layers_dims):\n{lines}\n"


# Finds the socket that leads to the grader, and lets the student's code answer in its own words.
FORGE = """
import gc, json, socket
[channel] = [thing for thing in gc.get_objects() if type(thing) is socket.socket]
def send(data):
    channel.sendall(len(data).to_bytes(4, "big") + data)
def answers(numbers):
    for number in numbers:
        send(json.dumps({
            "id": number, "outputs": [], "failed": False, "answer": True, "passed": True,
            "value": {"dict": []}, "arguments": [[4, 3, 5, 1]], "verdict": "All tests passed.",
        }).encode())
def wait():
    import time
    time.sleep(60)
"""

PATCHES = [
    Attack(
        "replaces-the-tests",
        """
import public_tests
for name in dir(public_tests):
    if name.endswith("_test") or name.startswith("check"):
        setattr(public_tests, name, lambda *arguments: print("All tests passed."))
        globals()[name] = getattr(public_tests, name)
""",
        fools_tests_beside_it=True,
    ),
    Attack(
        "replaces-comparisons-of-numpy",
        f"""
for name in ("allclose", "isclose", "array_equal", "all", "any"):
    setattr(np, name, lambda *arguments, **options: True)
np.testing.assert_allclose = np.testing.assert_array_equal = lambda *a, **o: None
{RIGHT_SHAPES}""",
        fools_tests_beside_it=True,
    ),
    Attack(
        "input-transformer",
        """
def no_test(lines):
    return ["print('All tests passed.')\\n"] if "_test(" in "".join(lines) else lines
get_ipython().input_transformers_cleanup.append(no_test)
""",
        fools_tests_beside_it=True,
    ),
    Attack(
        "ast-transformer",
        """
import ast
class Tame(ast.NodeTransformer):
    def visit_Expr(self, node):
        return ast.copy_location(ast.Pass(), node)
get_ipython().ast_transformers.append(Tame())
""",
        fools_tests_beside_it=True,
    ),
    Attack(
        "exception-handler",
        """
def handler(shell, kind, error, traceback, tb_offset=None):
    print("All tests passed.")
get_ipython().set_custom_exc((BaseException,), handler)
""",
        fools_tests_beside_it=True,
    ),
    Attack(
        "silent-traceback",
        "get_ipython().showtraceback = get_ipython()._showtraceback = lambda *a, **o: None\n",
        fools_tests_beside_it=True,
    ),
    Attack(
        "display-hook",
        """
import sys
hook = get_ipython().displayhook
type(hook).__call__ = lambda self, result=None: self.write_format_data({"text/plain": "10.0"})
sys.displayhook = hook
""",
    ),
    Attack(
        "hooks-around-cells",
        """
def hook(*arguments):
    import public_tests
    globals()["initialize_parameters_random_test"] = public_tests.check_hidden = print
for event in ("pre_run_cell", "pre_execute", "post_execute", "post_run_cell"):
    get_ipython().events.register(event, hook)
""",
        fools_tests_beside_it=True,
    ),
    Attack(
        "thread-that-patches-again-and-again",
        """
import threading, time
import public_tests
def patch():
    while True:
        public_tests._first_problem = lambda *arguments: None
        time.sleep(0.001)
threading.Thread(target=patch, daemon=True).start()
time.sleep(0.01)
""",
        fools_tests_beside_it=True,
    ),
    Attack(
        "import-hook",
        """
import sys, types
fake = types.ModuleType("public_tests")
fake.__getattr__ = lambda name: lambda *arguments: print("All tests passed.")
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        raise ImportError("no tests today") if "test" in name else None
sys.meta_path.insert(0, Finder)
sys.modules["public_tests"] = sys.modules["diagnosis"] = fake
globals().update(dict.fromkeys(list(globals().keys() & {"check_hidden"}), print))
initialize_parameters_random_test = fake.any_name
""",
        fools_tests_beside_it=True,
    ),
    Attack(
        "built-in-functions",
        """
import builtins
true = lambda *arguments, **options: True
builtins.all = builtins.any = builtins.isinstance = builtins.callable = true
builtins.AssertionError = builtins.Exception = builtins.ValueError
builtins.__import__ = lambda *arguments, **options: None
""",
    ),
    Attack(
        "spoils-numpy-for-the-others",
        """
np.zeros = np.ones
np.sqrt = lambda x: 0
np.random.seed = lambda *arguments: None
np.random.randn = lambda *shape: np.full(shape, 7.0)
""",
    ),
    Attack(
        "trace-function",
        """
import sys
def trace(frame, event, argument):
    if frame.f_code.co_name.startswith("initialize_parameters"):
        raise SystemExit
sys.settrace(trace)
sys.setprofile(trace)
""",
    ),
    Attack(
        "patches-the-program-in-the-sandbox",
        """
import gc
for thing in gc.get_objects():
    if isinstance(thing, type) and thing.__module__ == "__main__":
        if thing.__name__ == "Server":
            thing.call = lambda self, function, arguments: {"value": True, "arguments": [True]}
            thing.defines = lambda self, name: {"answer": True}
        if thing.__name__ == "Encoder":
            thing.encode = lambda self, value, depth=0: "All tests passed."
""",
    ),
]

LIES = [
    Attack(
        "equal-to-everything",
        """
class Liar:
    def __getattr__(self, name): return self
    __eq__ = __ne__ = __lt__ = __gt__ = __contains__ = __bool__ = lambda self, *other: True
    __call__ = __getitem__ = __iter__ = __array__ = lambda self, *other: self
    __class__ = property(lambda self: dict)
    __hash__ = __len__ = __int__ = lambda self: 1
    __repr__ = __str__ = lambda self: "All tests passed."
def initialize_parameters_random(layers_dims):
    return Liar()
""",
    ),
    Attack(
        "subclass-of-ndarray",
        answer(
            "random",
            "np.zeros((layers_dims[l], layers_dims[l - 1])).view(Liar)",
            biases="np.zeros((layers_dims[l], 1)).view(Liar)",
        )
        + """
class Liar(np.ndarray):
    __eq__ = __lt__ = __gt__ = lambda self, other: np.True_
    __array_ufunc__ = __array_function__ = lambda self, *arguments, **options: True
    __class__ = property(lambda self: np.ndarray)
Liar.__name__ = Liar.__qualname__ = "ndarray"
""",
    ),
    Attack(
        "subclass-of-dict",
        """
class dict(dict):
    __eq__ = __contains__ = lambda self, other: True
    __getitem__ = get = lambda self, *key: np.zeros((2, 2))
    keys = __iter__ = items = lambda self: iter(["W1", "b1"])
    __class__ = property(lambda self: type({}))
def initialize_parameters_random(layers_dims):
    return dict(W1=np.zeros((1, 1)))
""",
    ),
    Attack(
        "keys-that-equal-all-keys",
        """
class Key(str):
    __eq__ = lambda self, other: True
    __hash__ = lambda self: hash("W1")
    __repr__ = __str__ = lambda self: "W1"
    lower = __getitem__ = lambda self, *_: self
def initialize_parameters_random(layers_dims):
    return {Key("x"): np.zeros((1, 1)), Key: 1, (Key("y"),): 2, 1.5: 3, None: 4}
""",
    ),
    Attack(
        "arrays-of-objects",
        """
class Number(float):
    __eq__ = __lt__ = __gt__ = lambda self, other: True
    __sub__ = __rsub__ = __mul__ = lambda self, other: 0.0
def initialize_parameters_random(layers_dims):
    found = {}
    for l in range(1, len(layers_dims)):
        shape = (layers_dims[l], layers_dims[l - 1])
        found[f"W{l}"] = np.full(shape, Number(1), dtype=object)
        found[f"b{l}"] = np.zeros((layers_dims[l], 1), dtype=[("x", "O"), ("y", "f8")])
    return found
""",
    ),
    Attack(
        "not-a-function",
        """
class Callable:
    async def __call__(self, layers_dims): return {}
    def __get__(self, *arguments): return self
    __name__ = __qualname__ = "initialize_parameters_random"
initialize_parameters_random = Callable()
async def initialize_parameters_random(layers_dims): yield {}
""",
    ),
]

ENDS = [
    Attack("exits-when-called", when_called("raise SystemExit(0)")),
    Attack("ends-the-process-in-its-cell", "os._exit(0)\n"),
    Attack("ends-the-process-when-called", when_called("os._exit(0)")),
    Attack("kills-everything-it-can", when_called("import signal\nos.kill(-1, signal.SIGKILL)")),
    Attack(
        "kills-its-parents",
        """
import signal
for number in (os.getppid(), 1):
    for name in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(number, name)
        except OSError:
            pass
""",
    ),
    Attack("crashes-python", when_called("import ctypes\nctypes.string_at(0)")),
    Attack(
        "alarms-that-ring-in-other-exercises",
        """
import signal
def ring(*arguments):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
""",
    ),
    Attack("stops-itself", when_called("import signal\nos.kill(os.getpid(), signal.SIGSTOP)")),
    Attack(
        "never-ends-and-ignores-interrupts",
        when_called("""
import signal
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        while True: pass
    except BaseException: pass
"""),
    ),
    Attack("never-ends-in-c", when_called("return sum(iter(int, 1))")),
]

THEFTS = [
    Attack(
        "reads-the-solution",
        """
import json
def initialize_parameters_random(layers_dims):
    for root in ("", "/proc/1/root", "/proc/self/root", "/proc/self/cwd/../../..", "/oldroot"):
        try:
            text = open(f"{root}{COURSE}/source/Initialization/Initialization.ipynb").read()
        except OSError:
            continue
        print("STOLEN")
        for cell in json.loads(text)["cells"]:
            if "def initialize_parameters_random" in "".join(cell["source"]):
                exec("".join(cell["source"]), globals())
                return initialize_parameters_random(layers_dims)
    raise FileNotFoundError("there is nothing to steal")
""",
    ),
    Attack(
        "searches-all-files",
        """
for folder, _, files in os.walk("/"):
    if not folder.startswith(("/proc", "/usr")) and "site-packages" not in folder:
        for name in files:
            if name == "gradebook.db" or name.endswith(".ipynb"):
                print("STOLEN", folder, name)
""",
    ),
    Attack(
        "finds-the-expected-values-in-memory",
        """
import sys
def initialize_parameters_random(layers_dims):
    frame = sys._getframe()
    while frame:
        for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
            if getattr(value, "__name__", "").endswith("_reference"):
                return value(layers_dims)
            if type(value) is dict and type(value.get("W1")) is np.ndarray:
                return {key: array.copy() for key, array in value.items()}
        frame = frame.f_back
    raise LookupError("there is nothing to steal")
""",
        fools_tests_beside_it=True,
    ),
    Attack(
        "searches-its-own-memory",
        """
import gc, re
wanted = re.compile("BEGIN HIDDE[N] TESTS|random_referenc[e]")
for thing in gc.get_objects():
    for value in gc.get_referents(thing):
        if type(value) is str and (found := wanted.search(value)):
            print("STOLEN", found[0])
try:
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in maps.readlines():
            if "rw-p" in line:
                start, end = (int(number, 16) for number in line.split()[0].split("-"))
                memory.seek(start)
                if found := wanted.search(memory.read(end - start).decode("latin-1")):
                    print("STOLEN", found[0])
except OSError:
    pass
""",
    ),
    Attack(
        "looks-at-other-processes",
        """
for number in filter(str.isdigit, os.listdir("/proc")):
    if int(number) != os.getpid():
        for name in ("environ", "cmdline", "mem", "maps", "cwd", "root", "fd"):
            path = f"/proc/{number}/{name}"
            try:
                found = os.listdir(path) if name == "fd" else open(path, "rb").read(10**6)
            except OSError:
                continue
            if name == "environ":  # what every process in here is given
                found = found.replace(b"NBGRADER_EXECUTION=autograde", b"")
            if COURSE.encode() in found or b"grade" in found:
                print("STOLEN", path, found)
""",
    ),
    Attack(
        "reads-a-classmates-submission",
        when_called("""
with open(COURSE + "/submitted/bob/Initialization/Initialization.ipynb") as file:
    print("STOLEN", file.read())
"""),
    ),
    Attack(
        "knows-the-public-numbers-by-heart",
        """
import public_tests
def initialize_parameters_random(layers_dims):
    for dims, parameters in public_tests.EXPECTED_RANDOM:
        if dims == layers_dims:
            return {key: np.array(rows) for key, rows in parameters.items()}
    return {}
""",
    ),
    Attack(
        "asks-a-server",
        """
import socket
for family, address in (
    (socket.AF_INET, ("127.0.0.1", PORT)),
    (socket.AF_INET6, ("::1", PORT)),
    (socket.AF_UNIX, f"\\0solution-{PORT}"),
    (socket.AF_INET, ("1.1.1.1", 53)),
):
    try:
        with socket.socket(family) as server:
            server.settimeout(1)
            server.connect(address)
            print("STOLEN", server.recv(1000))
    except OSError:
        pass
""",
    ),
    Attack(
        "looks-through-its-descriptors",
        """
for number in os.listdir("/proc/self/fd"):
    try:
        target = os.readlink(f"/proc/self/fd/{number}")
        content = b"" if target.startswith("socket") else os.pread(int(number), 10**6, 0)
    except OSError:
        continue
    if COURSE in target or COURSE.encode() in content or b"### BEGIN" in content:
        print("STOLEN", target)
""",
    ),
]

CHANGES = [
    Attack(
        "writes-into-the-course",
        """
import shutil, sqlite3
for name in (
    "gradebook.db", "source/Initialization/Initialization.ipynb", "source/Initialization/x.py",
    "submitted/bob/Initialization/Initialization.ipynb", "release/x", "autograded/x", "x.py",
):
    for root in ("", "/proc/1/root", "/proc/self/cwd/../../.."):
        for mode in ("r+b", "wb"):
            try:
                with open(f"{root}{COURSE}/{name}", mode) as file:
                    file.write(b"x")
            except OSError:
                pass
try:
    with sqlite3.connect(COURSE + "/gradebook.db") as gradebook:
        gradebook.execute("UPDATE grade SET manual_score = 10")
except sqlite3.Error:
    pass
shutil.rmtree(COURSE, ignore_errors=True)
""",
    ),
    Attack(
        "rewrites-the-public-files",
        """
for name in ("public_tests.py", "lesson/diagnosis.py", "lesson/causes.toml"):
    os.chmod(name, 0o644)
    with open(name, "w") as file:
        file.write("def __getattr__(name): return lambda *arguments: None\\n")
""",
    ),
    Attack(
        "shadows-modules",
        """
for name in ("numpy", "json", "socket", "public_tests", "sitecustomize", "IPython", "random"):
    for folder in (".", os.environ["HOME"], os.path.dirname(np.__file__), np.__path__[0] + "/.."):
        try:
            with open(f"{folder}/{name}.py", "w") as file:
                file.write("raise SystemExit('shadowed')\\n")
        except OSError:
            pass
""",
    ),
    Attack(
        "pickles-that-run-code",
        """
import pickle
class Bomb:
    def __reduce__(self):
        return os.system, (f"touch {COURSE}/boom",)
    __array__ = __float__ = __index__ = lambda self, *arguments: os.system(f"touch {COURSE}/boom")
def initialize_parameters_random(layers_dims):
    bomb = Bomb()
    return {"W1": np.array([bomb], dtype=object), "b1": bomb, bomb: pickle.dumps(bomb)}
""",
    ),
    Attack(
        "links-to-the-course",
        """
for number, target in enumerate((COURSE, COURSE + "/gradebook.db", "/", "/proc/1/root")):
    os.symlink(target, f"link{number}")
    try:
        os.link(target, f"hard{number}")
    except OSError:
        pass
for path in ("link0/gradebook.db", "link1", "hard1", "link3" + COURSE + "/gradebook.db"):
    try:
        with open(path, "r+b") as file:
            print("STOLEN", file.write(b"x"))
    except OSError:
        pass
""",
    ),
]

FORGED_MESSAGES = [
    Attack("sends-a-verdict", FORGE + when_called("answers(range(99))\nwait()")),
    Attack("answers-what-will-be-asked", FORGE + "answers(range(1, 99))\n"),
    Attack(
        "sends-a-pickle",
        FORGE
        + """
import pickle
class Bomb:
    def __reduce__(self):
        return os.system, (f"touch {COURSE}/boom",)
def initialize_parameters_random(layers_dims):
    send(pickle.dumps(Bomb()))
    wait()
""",
    ),
    Attack(
        "child-that-talks-to-the-grader",
        FORGE
        + """
import time
if os.fork() == 0:
    for _ in range(1000):
        answers([0])
        time.sleep(0.001)
    os._exit(0)
""",
    ),
    Attack("closes-the-connection", FORGE + when_called("channel.close()\nos.close(3)\nwait()")),
]

FLOODS = [
    Attack("huge-result", when_called('return {"W1": list(range(10**6)), "b1": "x" * 10**7}')),
    Attack(
        "array-larger-than-memory",
        when_called('return {"W1": np.broadcast_to(1.0, (10**6, 10**6)), "b1": np.zeros((0, 9))}'),
    ),
    Attack(
        "cyclic-result",
        when_called("found = {}\nfound['W1'] = found['b1'] = [found, layers_dims]\nreturn found"),
    ),
    Attack(
        "deep-result-and-argument",
        when_called("""
deep = []
for _ in range(100_000):
    deep = [deep]
layers_dims[:] = [deep]
return {"W1": deep, "b1": tuple(deep)}
"""),
    ),
    Attack("memory", when_called("hoard = []\nwhile True: hoard.append(bytearray(10**7))")),
    Attack(
        "processes",
        when_called("""
while True:
    try:
        os.fork()
    except OSError:
        pass
"""),
    ),
    Attack(
        "threads-and-descriptors",
        when_called("""
import threading, time
kept = []
try:
    while True: kept.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""),
    ),
    Attack(
        "disk",
        when_called("""
for folder in ("/tmp", "/dev/shm", "."):
    for number in range(99):
        try:
            with open(f"{folder}/{number}", "wb") as file:
                while True: file.write(bytes(10**5))
        except OSError:
            pass
os.makedirs("/tmp/" + "/".join("d" * 1000))
return {}
"""),
    ),
    Attack(
        "output",
        """
import sys
for _ in range(300):
    print("x" * 10**5)
    display("y" * 10**4)
    sys.stderr.write("\\0\\x1b[2J\\r" * 10**4)
    try:
        os.write(2, b"z" * 10**5)
    except OSError:
        pass
""",
    ),
    Attack(
        "errors",
        """
class Endless(Exception):
    def __str__(self): return "<script>alert(1)</script>\\x1b]0;title\\x07\\n" * 10**5
Endless.__name__ = "<b>&\\x1b[2J" * 10**3
def initialize_parameters_random(layers_dims):
    raise Endless from Endless()
raise Endless
""",
    ),
]

SCRIPTS = [
    Attack(
        "scripts-in-displays",
        """
from IPython.display import HTML, SVG, Javascript, Markdown, display, display_html
evil = "<script>alert(document.cookie)</script><img src=x onerror=alert(1)>"
for thing in (HTML(evil), Javascript("alert(1)"), Markdown(evil)):
    display(thing)
display_html(evil, raw=True)
kinds = ("text/html", "image/svg+xml", "application/javascript", "text/latex", "application/json")
display({kind: evil for kind in kinds}, raw=True)
display({"image/png": "iVBORw0KGgo" + "A" * 81, "text/plain": evil}, raw=True)
class Page:
    _repr_html_ = _repr_svg_ = _repr_javascript_ = _repr_markdown_ = lambda self: evil
Page()
""",
    ),
    Attack(
        "picture-that-is-a-page",
        """
import base64
evil = b"<script>alert(1)</script>"
huge = b"\\x89PNG\\r\\n\\x1a\\n" + b"\\0\\0\\0\\rIHDR" + b"\\x7f\\xff\\xff\\xff" * 2 + bytes(20)
for data in (base64.b64encode(evil), base64.b64encode(huge), '"><script>alert(1)</script>'):
    display({"image/png": data if isinstance(data, str) else data.decode()}, raw=True)
""",
    ),
    Attack(
        "terminal-commands-in-output",
        'print("\\x1b]8;;javascript:alert(1)\\x07click\\x1b]8;;\\x07\\x1b[2J\\u202e <script>")\n',
    ),
    Attack(
        "scripts-in-errors",
        """
def initialize_parameters_random(layers_dims):
    raise ValueError("</pre><script>alert(1)</script>\\x1b[31m" + str(layers_dims))
""",
    ),
    Attack(
        "scripts-in-names",
        """
def initialize_parameters_random(layers_dims):
    return type("<script>alert(1)</script>", (), {"__module__": "<img src=x onerror=alert(1)>"})()
""",
    ),
]

ATTACKS = [
    *PATCHES,
    *LIES,
    *ENDS,
    *THEFTS,
    *CHANGES,
    *FORGED_MESSAGES,
    *FLOODS,
    *SCRIPTS,
]


# Notebooks that claim to be something else. Exercise 2 is wrong, no code does any harm.


def _test_cell(notebook: NotebookNode) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == "test-random")


def prints_success_in_the_test_cell(notebook: NotebookNode) -> None:
    _test_cell(notebook).source = "print('All tests passed.')"


def makes_the_test_an_answer(notebook: NotebookNode) -> None:
    prints_success_in_the_test_cell(notebook)
    _test_cell(notebook).metadata.nbgrader.update(solution=True, grade=False, locked=False)


def raises_the_points(notebook: NotebookNode) -> None:
    _test_cell(notebook).metadata.nbgrader.points = 1000.0


def saves_outputs_of_success(notebook: NotebookNode) -> None:
    cell = _test_cell(notebook)
    cell.outputs = [
        new_output("stream", text="All tests passed."),
        new_output("execute_result", {"text/plain": "10.0"}, execution_count=1),
    ]
    cell.metadata.autograder = {"role": "test", "passed": True, "message": "All tests passed."}


def renames_the_test(notebook: NotebookNode) -> None:
    _test_cell(notebook).metadata.nbgrader.grade_id = _test_cell(notebook).id = "test-zeros"


def puts_copies_of_the_tests_first(notebook: NotebookNode) -> None:
    copies = [copy.deepcopy(cell) for cell in notebook.cells if cell.id.startswith("test-")]
    for cell in copies:
        cell.source = "print('All tests passed.')"
    notebook.cells[:0] = copies


def adds_cells_that_claim_a_role(notebook: NotebookNode) -> None:
    for role in ("test", "given", "answer"):
        cell = new_code_cell("print('All tests passed.')")
        cell.metadata.autograder = {"role": role, "passed": True, "points": 10}
        cell.metadata.nbgrader = {"grade_id": f"{role}-bonus", "grade": True, "points": 100.0}
        notebook.cells.append(cell)


def swaps_answer_and_test(notebook: NotebookNode) -> None:
    swapped = {"initialize-random": "test-random", "test-random": "initialize-random"}
    for cell in notebook.cells:
        if cell.id in swapped:
            cell.id = cell.metadata.nbgrader.grade_id = swapped[cell.id]


def asks_for_another_kernel(notebook: NotebookNode) -> None:
    notebook.metadata.autograder = {"failure": "", "repairs": [], "passed": True}
    notebook.metadata.kernelspec = {"name": "bash", "display_name": "x", "argv": ["touch", "x"]}


def replaces_the_test_in_the_first_cell(notebook: NotebookNode) -> None:
    notebook.cells[0].source += "\ninitialize_parameters_random_test = print"


FORGERIES = [
    prints_success_in_the_test_cell,
    makes_the_test_an_answer,
    raises_the_points,
    saves_outputs_of_success,
    renames_the_test,
    puts_copies_of_the_tests_first,
    adds_cells_that_claim_a_role,
    swaps_answer_and_test,
    asks_for_another_kernel,
    replaces_the_test_in_the_first_cell,
]
