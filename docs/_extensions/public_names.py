"""What autodoc makes of gochan's public names.

Public things go by the module from which users import them, and are written in private ones. So
Sphinx has to be told where to read what stands below a field, and in which order methods come.
What nobody needs is left out, and a public member without an entry is a warning.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_type_hints

from docutils import nodes
from sphinx.addnodes import desc_content, pending_xref
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.logging import getLogger

from gochan.strategies import Filter, Strategy

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = getLogger(__name__)

PUBLIC = (
    "gochan",
    "gochan.strategies",
    "gochan.durable",
    "gochan.testing",
    "gochan.debug",
    "gochan.processes",
    "gochan.lowlevel",
)
PLUGINS = (
    "gochan_drop_oldest",
    "gochan_order",
    "gochan_overflow",
    "gochan_overload",
    "gochan_trace",
)

# What users are given and never make has no signature of its own to show.
GIVEN = set(
    re.findall(
        r"\w+",
        """
        Attempt Batches Cancelled Case ChanStatistics Done Dropped DurableJob DurableQueue EndedRun
        Explanation Failed HandedBack Interrupted Job
        JobQueue JobRecord Look MemoryChannelStatistics MemoryReceiveChannel MemorySendChannel
        MergedChan
        Operation ProcessCounters Progress
        Promise QueueCounts QueueStatistics ReceiveChan Rejected Report RunningJob SendChan
        SignalStop StopReport StuckJob
        Ticker TimedOut Trace TraceEvent Transfer Wait
        """,
    )
)


def read_private_modules() -> None:
    """Let Sphinx find what it reads in source files under the names that users import."""
    for name in (*PUBLIC, *PLUGINS):
        public = read(name)
        for private in private_modules(name.partition(".")[0]):
            source = read(private.__name__)
            public.attr_docs.update(source.attr_docs)
            public.annotations.update(source.annotations)
            public.tagorder.update(source.tagorder)
            for thing in vars(private).values():
                mine = inspect.isclass(thing) and thing.__module__ == name
                if mine and thing.__name__ in source.tagorder:  # it is written there
                    evaluate_annotations(thing, vars(private))


def read(name: str) -> ModuleAnalyzer:
    """Return what Sphinx knows of the source of a module; it keeps that, and uses it later."""
    analyzer = ModuleAnalyzer.for_module(name)
    analyzer.analyze()
    analyzer.finals.clear()  # nearly every class is final, so it is not worth saying
    return analyzer


def private_modules(name: str) -> Iterator[ModuleType]:
    """Import the modules in which the public names of a package are written."""
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        if not module.ispkg and not module.name.endswith("__main__"):
            yield importlib.import_module(module.name)


def evaluate_annotations(thing: type, names: dict[str, Any]) -> None:
    """Replace what is written in annotations by what it means where it is written."""
    with suppress(NameError):  # imported for types only, and then shown as it is written
        hints = get_type_hints(thing, names)
        thing.__annotations__ = {name: hints[name] for name in inspect.get_annotations(thing)}


def polish_signature(
    app: Sphinx,
    what: str,
    name: str,
    thing: object,
    options: Any,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Show no signature for what users never make, and say what the decorated ones return."""
    last = name.rpartition(".")[2]
    if signature:  # what dataclasses make anew for each object is no Python as it stands
        signature = signature.replace("<factory>", "{}")
    if signature and (last in GIVEN or what == "exception" or last.startswith("test_")):
        return "", None
    made_of = getattr(thing, "__wrapped__", None)
    if returns and inspect.isasyncgenfunction(made_of):
        returns = returns.replace(
            "~collections.abc.AsyncIterator", "~contextlib.AbstractAsyncContextManager"
        )
    elif returns and inspect.isgeneratorfunction(made_of):
        returns = returns.replace("~collections.abc.Iterator", "~contextlib.AbstractContextManager")
    if signature:  # where an alias is part of a union, it is shown as Python shows it
        signature = re.sub(r"TypeAliasForwardRef\('([\w.]+)'\)", r"\1", signature)
    return signature, returns


def leave_out(app: object, what: object, name: object, thing: Any, *_: object) -> bool | None:
    """Leave out what tests of gochan and hypothesis call, and each strategy's answers."""
    if (inspect.getdoc(thing) or "").endswith("For tests."):
        return True
    function = thing.fget if isinstance(thing, property) else thing
    if any(mark.startswith("hypothesis_stateful") for mark in getattr(function, "__dict__", ())):
        return True
    path = getattr(function, "__qualname__", "").split(".")
    if len(path) == 2 and path[0] not in {"Strategy", "Filter"} and hasattr(Filter, path[1]):
        owner = getattr(sys.modules.get(getattr(function, "__module__", "")), path[0], None)
        if inspect.isclass(owner) and issubclass(owner, Strategy):
            return True
    return None


def keep_first_words(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Keep napoleon from taking what stands before a colon for the type of an attribute."""
    if what in {"attribute", "property", "data"}:
        lines[:0] = ["..", ""]  # a comment, which comes out as nothing


def mend_attributes(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Put the type of an attribute beside its name, rather than in a field below."""
    plain = re.sub(r"\bgochan\._\w+\.(?=T\b)", "", "\n".join(lines))
    text = re.sub(
        r"(?m)^( *)\.\. attribute:: (.*)\n\n((?:\1   .*\n|\n)*?)\n\1   :type: (.*)$",
        r"\1.. attribute:: \2\n\1   :type: \4\n\n\3",
        plain,
    )
    lines[:] = text.split("\n")


def find_by_last_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Find what a docstring calls by its last name alone, such as ``Chan`` in a plugin's."""
    target, python = node.get("reftarget", ""), env.domains.python_domain
    if "._" in target:  # a private module, where it is written
        target = target.rpartition(".")[2]
    for module in PUBLIC if node.get("refdomain") == "py" else ():
        if (full := f"{module}.{target}") in python.objects:
            return python.resolve_xref(env, node["refdoc"], app.builder, "obj", full, node, content)
    return None


def say_what_is_text(app: Sphinx, document: nodes.document) -> None:
    """Show a block without a language as text, unless it is in a docstring, where it is Python."""
    for block in document.findall(nodes.literal_block):
        parent = block.parent
        while parent is not None and not isinstance(parent, desc_content):
            parent = parent.parent
        if parent is None and block.get("language", "default") == "default":
            block["language"] = "text"


def drop_empty_heads(app: Sphinx, document: nodes.document) -> None:
    """Remove the first row of tables that have no headings; Markdown cannot do without."""
    for head in list(document.findall(nodes.thead)):
        if not head.astext().strip():
            head.parent.remove(head)


def check_reference(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of public members that have no entry."""
    entries = env.domains.python_domain.objects
    for module in map(importlib.import_module, (*PUBLIC, *PLUGINS)):
        public = getattr(module, "__all__", vars(module))
        for thing in [vars(module)[name] for name in public if name in vars(module)]:
            if inspect.isclass(thing) and thing.__module__.split("._")[0] == module.__name__:
                for name in members(thing):
                    full = f"{module.__name__}.{thing.__name__}.{name}"
                    if full not in entries:
                        logger.warning("%s is public and has no entry in the reference", full)


def members(thing: type) -> Iterator[str]:
    """Find the public members of a class that have something to say, and are not left out."""
    fields = getattr(thing, "__dataclass_fields__", ())
    for name, member in vars(thing).items():
        told = (inspect.isroutine(member) or isinstance(member, property)) and member.__doc__
        if name in fields or (
            told and not name.startswith("_") and not leave_out(None, None, name, member)
        ):
            yield name


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx call the functions above."""
    read_private_modules()
    app.connect("autodoc-process-signature", polish_signature)
    app.connect("autodoc-skip-member", leave_out)
    app.connect("autodoc-process-docstring", keep_first_words, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", mend_attributes, priority=600)  # after it
    app.connect("missing-reference", find_by_last_name)
    app.connect("doctree-read", say_what_is_text)
    app.connect("doctree-read", drop_empty_heads)
    app.connect("env-check-consistency", check_reference)
    return {"parallel_read_safe": True}
