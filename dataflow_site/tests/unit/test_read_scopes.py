"""No read without the reader's scope: functions that read tenants' data take one, and only few places make one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dataflow_site.environment.env import BASE_DIR
from dataflow_site.tests import access

READERS = ("queries", "dashboard")
# Who gives out the right to see everything.
GIVERS = {
    "queries/authentication.py",  # sites that are open to all, keys for every source
    "queries/management/commands/export.py",  # an operator's command
    *(f"dashboard/management/commands/{name}.py" for name in ("sources", "status", "tail", "trace")),  # the same
    "queries/reads/pattern_scopes.py",  # the pattern for every source
    "queries/user_scopes.py",  # superusers and operators
    "dashboard/live/sockets.py",  # sites that are open to all
    "dashboard/frame/context.py",  # the same
}
# Reads that take no scope, and why.
WITHOUT = {
    "queries/receivers/ingest_processes.py:_rejection_hashes",  # totals, for readers of everything alone
    "queries/trace/letters.py:at",  # which records, found within the scope, became letters
    "queries/trace/trace.py:_spans",  # which revision of logic judged which offsets; no event
    "queries/receivers/refused_requests.py:_names",  # keys, for whoever may view them
    "queries/export/reading.py:begin",  # reads no table
    "queries/export/statement.py:_streams",  # plans, of a statement that is made within the scope
    "queries/pipeline/dependencies.py:_ask_postgresql",  # reads no table
    "queries/logic/declared_units.py:read",  # units that logic declares, before any source is named
    "queries/user_scopes.py:scopes_of",  # users and their groups, from which scopes are made
    "queries/user_scopes.py:_named",
    "queries/sources/health/habits.py:_read",  # how often sources send that were read within the scope
    "dashboard/pages/jobs/outcomes.py:_by_letter",  # of letters that were read within the scope
    "dashboard/pages/jobs/outcomes.py:_reasons",
    "dashboard/pages/jobs/outcomes.py:_events",
    "queries/user_scopes.py:_unbound",
    "dashboard/live/scope_watch.py:_found",  # which sessions there are
    "dashboard/frame/roles.py:granting",  # groups, not what they see
    "dashboard/frame/preferences.py:of_user",  # of one's own account
    "dashboard/frame/preferences.py:keep",
    "queries/logic/rule_activity.py:_hours",  # logic, for readers of everything alone
    "queries/logic/history_jobs.py:_before",
    "queries/views/keys.py:get",  # keys, of which operators alone are told
    "queries/management/commands/logic.py:_list",  # operators' commands, about logic
    "queries/management/commands/lookup_table.py:_list",
    "queries/management/commands/lookup_table.py:_show",
}
# An operator's commands, which read and write roles and nothing of a tenant.
ROOMS_WITHOUT = ("queries/sql_readers/",)
READS = {"objects", "execute", "find_document", "find_documents", "find_many"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for app in READERS:
        for file in sorted((BASE_DIR / app).rglob("*.py")):
            name = str(file.relative_to(BASE_DIR))
            if "/tests/" not in name and not name.startswith(ROOMS_WITHOUT):
                yield name, ast.parse(file.read_text())


def reads(function: ast.FunctionDef) -> bool:
    """Return whether a function reads from a store itself."""
    return any(isinstance(node, ast.Attribute) and node.attr in READS for node in ast.walk(function))


def takes_scope(function: ast.FunctionDef) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    defaults = function.args.defaults + [each for each in function.args.kw_defaults if each is not None]
    types = [ast.unparse(each.annotation) for each in arguments if each.annotation]
    # A subject has the scope in it.
    return bool({"ReadScope", "Subject"}.intersection(types)) and not any(
        "EVERYTHING" in ast.unparse(each) for each in defaults
    )


def test_every_function_that_reads_a_store_takes_the_scope_of_its_reader() -> None:
    found = {
        f"{name}:{function.name}"
        for name, module in modules()
        for function in ast.walk(module)
        if isinstance(function, ast.FunctionDef) and reads(function) and not takes_scope(function)
    }

    assert found == WITHOUT


def test_few_places_give_out_the_right_to_see_everything() -> None:
    named = {name for name, module in modules() for node in ast.walk(module) if _is_everything(node)}

    assert named == GIVERS


def test_the_docs_have_the_table_of_who_may_read_what() -> None:
    assert access.as_markdown() in (BASE_DIR / "docs/security.md").read_text()


def _is_everything(node: ast.AST) -> bool:
    makes_whole = isinstance(node, ast.Call) and ast.unparse(node) in {"ReadScope(None)", "ReadScope(sources=None)"}
    return makes_whole or (isinstance(node, ast.Name) and node.id == "EVERYTHING")
