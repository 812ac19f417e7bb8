"""The JSON of all dashboards."""

from __future__ import annotations

import json
from collections.abc import Mapping

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import doors, pipeline, servers, sources
from deploy.local.processes import ROOT

FOLDER = ROOT / "deploy" / "grafana" / "dashboards"
BUILDERS = {"pipeline": pipeline.build, "sources": sources.build, "doors": doors.build, "servers": servers.build}


def texts() -> Mapping[str, str]:
    """Return the text of each file, by its name without `.json`."""
    return {
        name: json.dumps(build().build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for name, build in BUILDERS.items()
    }
