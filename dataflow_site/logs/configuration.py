"""Django's LOGGING: where lines go, in which form, and from which level of which logger."""

from __future__ import annotations

from dataflow_site.logs.closing import Closing
from dataflow_site.logs.json_lines import JsonFormatter
from dataflow_site.logs.repeated import Repeated
from dataflow_site.logs.text_lines import TextFormatter

FORMATS = ("text", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def configuration(level: str, form: str, *, process: str) -> dict[str, object]:
    """Return the setting: everything goes through the root logger to one handler.

    :param form: one of FORMATS; another one, which a system check finds, is text
    :param process: which of the product's processes this is
    """
    through_root: dict[str, object] = {"handlers": [], "propagate": True}
    line = {"()": JsonFormatter, "process": process} if form == "json" else {"()": TextFormatter}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": line},
        "filters": {"repeated": {"()": Repeated}, "closing": {"()": Closing}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "line",
                "filters": ["repeated"],
            }
        },
        # Another one, which a system check finds, must not keep it from being said.
        "root": {"handlers": ["stdout"], "level": level if level in LEVELS else "INFO"},
        "loggers": {
            "django": {**through_root, "level": "INFO"},
            # A client's mistake is its answer's business, not the operator's.
            "django.request": {**through_root, "level": "ERROR"},
            "uvicorn": {**through_root, "level": "WARNING"},
            "uvicorn.error": through_root,
            "daphne": {**through_root, "level": "WARNING"},
            # Both clients repeat at INFO and WARNING what the product says once in its own words.
            "kafka": {**through_root, "level": "ERROR"},
            "kafka.cluster": {**through_root, "filters": ["closing"]},
            # A traceback for every connection that ends.
            "kafka.net.transport": {**through_root, "level": "CRITICAL"},
            "pymongo": {**through_root, "level": "WARNING"},
            "psycopg.pool": {**through_root, "level": "ERROR"},
        },
    }
