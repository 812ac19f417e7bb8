"""`manage.py logic`: show revisions of logic, compare them, and make one current."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from ingestion.management.command import add_json
from processing.commandline.command import StoreCommand
from processing.configuration import yaml_writer
from processing.logic import edits
from processing.logic.edits import UnknownRule
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import faults_text, shapes
from processing.logic.presentation.shapes import RevisionShape
from processing.logic.revisions import diff, rows, saving
from processing.logic.revisions.conflicts import Conflict
from processing.logic.revisions.rows import UnknownRevision
from processing.models import LogicRevision

WHO = "command line"
MOST = 100  # revisions of a list


class Command(StoreCommand):
    help = (
        "Show what is done with events between Kafka and the rows, and which revision of it is current.\n\n"
        "  manage.py logic show          the current revision as YAML\n"
        "  manage.py logic show 7\n"
        "  manage.py logic list          the last 100 revisions, newest first\n"
        "  manage.py logic diff 6        how the current revision differs from 6\n"
        "  manage.py logic diff 6 7\n"
        "  manage.py logic activate 6    make it current, an earlier one too; 0: no logic\n"
        "  manage.py logic disable RULE  a new revision without the rule, made current; enable takes it back in\n\n"
        "Consumers follow within two seconds. Events that are stored already stay as they are (manage.py replay).\n"
        "Exit code 0: done; 1: there is no such revision or rule, it can't be used, or another one is current than\n"
        "--expected; 2: wrong usage, or PostgreSQL is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the actions."""
        actions = parser.add_subparsers(dest="action", required=True)
        show = actions.add_parser("show", help="show a revision")
        show.add_argument("number", metavar="N", nargs="?", type=int, help="by default the current one")
        listed = actions.add_parser("list", help="list revisions")
        compare = actions.add_parser("diff", help="compare two revisions")
        compare.add_argument("before", metavar="N", type=int)
        compare.add_argument("after", metavar="M", nargs="?", type=int, help="by default the current one")
        activate = actions.add_parser("activate", help="make a revision current")
        activate.add_argument("number", metavar="N", type=int)
        activate.add_argument("--expected", metavar="M", type=int, help="only if this one is current now")
        switches = [actions.add_parser(name, help=f"{name} a rule") for name in ("enable", "disable")]
        for action in switches:
            action.add_argument("rule", metavar="RULE")
        for action in (activate, *switches):
            action.add_argument("--reason", default="", help="why, for the list of revisions")
        for action in (show, listed, compare, activate, *switches):
            add_json(action)

    def handle(self, *, action: str, **options: object) -> None:
        """Exit with 1 if what was asked for is refused."""
        steps = {"show": self._show, "list": self._list, "diff": self._diff, "activate": self._activate}
        with self.store_errors(), _refusals():
            steps.get(action, self._switch)({**options, "action": action})

    def _show(self, options: dict[str, object]) -> None:
        number = _number(options["number"])
        with connection.cursor() as cursor:
            content = rows.content_of(cursor, number)
        shape = {"number": number, "content": msgspec.to_builtins(content)}
        text = f"# revision {number}\n{yaml_writer.dump(shape['content'])}".rstrip()
        self.report(shape, text, as_json=bool(options["as_json"]))

    def _list(self, options: dict[str, object]) -> None:
        found = [shapes.revision(row) for row in LogicRevision.objects.all()[:MOST]]
        text = "\n".join(map(_line, found)) or "There are no revisions."
        self.report({"revisions": found}, text, as_json=bool(options["as_json"]))

    def _diff(self, options: dict[str, object]) -> None:
        found = shapes.difference(_number(options["before"]), _number(options["after"]))
        shape = msgspec.to_builtins(found)
        self.report(shape, found["text"] or "Nothing differs.", as_json=bool(options["as_json"]))

    def _activate(self, options: dict[str, object]) -> None:
        number, expected = _number(options["number"]), options["expected"]
        saving.activate(
            number, who=WHO, reason=str(options["reason"]), expected=None if expected is None else _number(expected)
        )
        self.report({"number": number}, f"Revision {number} is current.", as_json=bool(options["as_json"]))

    def _switch(self, options: dict[str, object]) -> None:
        name, enabled = str(options["rule"]), options["action"] == "enable"
        reason = str(options["reason"]) or f"{options['action']} the rule {name}"
        number = saving.change(
            lambda content: edits.switched(content, name, enabled=enabled),
            who=WHO, reason=reason, allow_unmatched=True,
        )  # fmt: skip
        text = f"The rule {name} is {options['action']}d; revision {number} is current."
        self.report({"number": number, "rule": name, "enabled": enabled}, text, as_json=bool(options["as_json"]))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (UnknownRevision, UnknownRule) as error:
        raise CommandError(f"{str(error).capitalize()}.") from error
    except InvalidLogic as error:
        raise CommandError(faults_text.lines(error.faults)) from error
    except Conflict as error:
        raise CommandError(f"{error}\n{diff.as_text(error.changes)}") from error


def _number(given: object) -> int:
    """Return the number of a revision; None: the current one."""
    if given is None:
        return shapes.current_number()
    assert isinstance(given, int)
    return given


def _line(found: RevisionShape) -> str:
    mark = "*" if found["current"] else " "
    parts = f"{found['rules']} rules, {found['schemas']} schemas, {found['tables']} tables"
    reason = f"  {found['reason']}" if found["reason"] else ""
    return f"{mark} {found['number']:>4}  {found['createdAt']}  {found['createdBy']}  {parts}{reason}"
