"""Makes whole programs of the blocks of a page.

A block may use names from the blocks before it, and may await outside a function. Its program
consists of the statements that it needs from earlier blocks, and of an ``async def main()`` around
the statements that await.
"""

from __future__ import annotations

import ast
import symtable
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from textwrap import indent

FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
FRAME = "async def main() -> None:\n"
RUN = "trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))  # virtual time\n"


@dataclass(eq=False)
class Statement:
    """A statement at the top level of a block, with the comments above it."""

    block: int
    node: ast.stmt
    text: str
    bound: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Find the names that it binds at the top level, and those that it needs from there."""
        if isinstance(self.node, ast.ImportFrom) and self.node.module == "__future__":
            return
        table = symtable.symtable(FRAME + indent(self.text, "    ") + "\n    pass", "", "exec")
        (frame,) = table.get_children()
        self.bound = {one.get_name() for one in frame.get_symbols() if one.is_local()}
        self.used = {*globals_of(frame)}
        for node in ast.walk(self.node):
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                self.used.add(node.target.id)

    @property
    def is_import(self) -> bool:
        """Tell whether it belongs at the top of a program."""
        return isinstance(self.node, IMPORTS)

    @property
    def defines(self) -> bool:
        """Tell whether it is a function or a class."""
        return isinstance(self.node, DEFINITIONS)

    @property
    def makes_state(self) -> bool:
        """Tell whether it makes something that later statements may change."""
        constant = all(name.isupper() for name in self.bound)
        return not (self.defines or self.is_import or constant)

    @cached_property
    def awaits(self) -> bool:
        """Tell whether it can only be inside an async function."""
        return awaits(self.node)


def globals_of(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield the names that a function, or one inside it, takes from the top level."""
    for symbol in table.get_symbols():
        if symbol.is_global():
            yield symbol.get_name()
    for child in table.get_children():
        yield from globals_of(child)


def awaits(node: ast.AST) -> bool:
    """Tell whether a node awaits outside of the functions in it."""
    if isinstance(node, (*DEFINITIONS, ast.Lambda)):
        return False
    if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
        return True
    if isinstance(node, ast.comprehension) and node.is_async:
        return True
    return any(map(awaits, ast.iter_child_nodes(node)))


def statements_of(number: int, text: str) -> list[Statement]:
    """Cut a block into its statements; a comment belongs to the statement below it."""
    lines, found, end = text.splitlines(), [], 0
    body = compile(text, "block", "exec", FLAGS).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        last = len(lines) if following is None else node.end_lineno
        found.append(Statement(number, node, "\n".join(lines[end:last]).strip("\n")))
        end = last
    return found


def needed_by(statement: Statement, earlier: list[Statement]) -> Iterator[Statement]:
    """Yield what binds the names that a statement needs, each as late as possible."""
    for name in statement.used:
        for other in reversed(earlier):
            if name in other.bound and other is not statement:
                yield other
                break


def slice_of(blocks: list[list[Statement]], number: int) -> list[Statement]:
    """Return the statements of a block, after those of earlier blocks that they need."""
    everything = [statement for block in blocks[: number + 1] for statement in block]
    wanted, waiting = {*blocks[number]}, [*blocks[number]]
    while waiting:
        statement = waiting.pop()
        there = everything.index(statement)
        if statement.defines:  # it is called later, so it may need what comes after it
            there = max(n for n, one in enumerate(everything) if one.block == statement.block) + 1
        found = [*needed_by(statement, everything[:there])]
        touched = {one.block for one in found if one.makes_state}
        found += [one for one in everything[:there] if one.block in touched and not one.is_import]
        waiting += [one for one in found if one not in wanted]
        wanted |= {*found}
    return [statement for statement in everything if statement in wanted]


def hoisted(parts: list[Statement]) -> set[Statement]:
    """Return what can stand above ``main``: definitions, and the values that they need."""
    above = {part for part in parts if part.defines}
    times = Counter(name for part in parts for name in part.bound)
    while True:
        needed = set[str]().union(*(part.used for part in above))
        more = {
            part
            for part in parts
            if isinstance(part.node, (ast.Assign, ast.AnnAssign)) and not part.awaits
            if part.bound & needed or all(name.isupper() for name in part.bound)
            if all(times[name] == 1 for name in part.bound)
            if "current_time" not in part.text  # only a run has one
        }
        if more <= above:
            return above
        above |= more


def framed(parts: list[Statement]) -> tuple[list[Statement], list[Statement]]:
    """Divide the parts of a program into those above ``main`` and those in it."""
    above = hoisted(parts)
    return [part for part in parts if part in above], [part for part in parts if part not in above]


def joined(parts: list[Statement]) -> str:
    """Return the text of statements, with two empty lines around definitions."""
    text, before = "", None
    for part in parts:
        gap = "" if before is None else "\n\n\n" if part.defines or before.defines else "\n"
        if gap == "\n" and before is not None and before.block != part.block:
            gap = "\n\n"
        text += gap + part.text
        before = part
    return text


def program(blocks: list[list[Statement]], number: int, text: str) -> str:
    """Return the program of a block: the block itself if it is one."""
    parts = slice_of(blocks, number)
    awaiting = any(part.awaits for part in parts)
    if parts == blocks[number] and not awaiting:
        return text
    imports = [*dict.fromkeys(part.text for part in parts if part.is_import)]
    imports.sort(key=lambda line: "__future__" not in line)
    rest = [part for part in parts if not part.is_import]
    if not awaiting:
        return "\n".join(imports) + "\n\n\n" + joined(rest) + "\n"
    above, inside = framed(rest)
    shared = set[str]().union(*(part.bound for part in inside)) & set[str]().union(
        *(part.used | part.bound for part in above)
    )
    body = "".join(f"global {name}\n" for name in sorted(shared)) + joined(inside)
    head = "\n".join(dict.fromkeys([*imports, "import trio", "import trio.testing"]))
    pieces = [head, joined(above), FRAME + indent(body, "    "), RUN]
    return "\n\n\n".join(piece for piece in pieces if piece)


def whole_programs(texts: list[str]) -> list[str]:
    """Return the program of each block of a page."""
    blocks = [statements_of(number, text) for number, text in enumerate(texts)]
    return [program(blocks, number, text) for number, text in enumerate(texts)]
