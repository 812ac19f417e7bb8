"""The addresses of the pages of logic. Actions stand beside `rules/`, below which every name may be a rule's."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboard.frame.page import page_paths
from dashboard.pages.logic import replays, revisions, rule_editor, rules, schemas, tables
from dashboard.pages.logic.editing import by_method

RULE = by_method(rule_editor.rule_page, rule_editor.save_rule)
NEW_RULE = by_method(rule_editor.new_rule, rule_editor.save_new_rule)
SCHEMA = by_method(schemas.schema, schemas.save_schema)
NEW_SCHEMA = by_method(schemas.new_schema, schemas.save_schema)
TABLE = by_method(tables.table, tables.upload)
NEW_TABLE = by_method(tables.new_table, tables.upload)

urlpatterns: list[URLPattern] = [
    *page_paths("logic/", rules.rules, name="logic"),
    path("logic/move/", rules.move, name="logic-move"),
    path("logic/switch/", rules.switch, name="logic-switch"),
    path("logic/delete/", rule_editor.delete_rule, name="logic-delete"),
    *page_paths("logic/rules/new/", NEW_RULE, name="logic-rule-new"),
    *page_paths("logic/rules/<rule>/", RULE, name="logic-rule"),
    *page_paths("logic/schemas/", schemas.schemas, name="logic-schemas"),
    *page_paths("logic/schemas/new/", NEW_SCHEMA, name="logic-schema-new"),
    *page_paths("logic/schemas/<part>/", SCHEMA, name="logic-schema"),
    path("logic/schemas/<part>/stop/", schemas.stop, name="logic-schema-stop"),
    *page_paths("logic/tables/", tables.tables, name="logic-tables"),
    *page_paths("logic/tables/new/", NEW_TABLE, name="logic-table-new"),
    *page_paths("logic/tables/<part>/", TABLE, name="logic-table"),
    path("logic/tables/<part>/use/", tables.use, name="logic-table-use"),
    *page_paths("logic/revisions/", revisions.revisions, name="logic-revisions"),
    *page_paths("logic/revisions/<int:number>/", revisions.revision, name="logic-revision"),
    path("logic/revisions/<int:number>/activate/", revisions.activate, name="logic-activate"),
    *page_paths("logic/replays/", by_method(replays.replays, replays.start), name="logic-replays"),
]
