"""A real Prometheus for tests, with the project's own configuration at other ports and in a hurry."""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local import ports
from deploy.local.process import Process
from deploy.prometheus import expressions

PROMETHEUS = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(PROMETHEUS is None, reason="there is no Prometheus on this machine")
HURRY = "1s"  # in place of the 15 s between two scrapes or evaluations


class Prometheus:
    """One server, with a folder of its own.

    :param targets: by the job's name the addresses in place of those of the configuration; jobs without one have none
    """

    def __init__(self, folder: Path, targets: Mapping[str, str]) -> None:
        self.port = ports.free_port()
        (folder / "rules").mkdir(parents=True)
        expressions.write_shortened(folder / "rules")
        configuration = yaml.safe_load((expressions.FOLDER / "prometheus.yml").read_text())
        configuration["global"] = {"scrape_interval": HURRY, "evaluation_interval": HURRY}
        for job in configuration["scrape_configs"]:
            job.pop("file_sd_configs", None)
            addresses = [targets[job["job_name"]]] if job["job_name"] in targets else []
            job["static_configs"] = [{"targets": addresses}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        assert PROMETHEUS
        self.process = Process(
            [
                *(PROMETHEUS, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
                *(f"--web.listen-address={ports.HOST}:{self.port}", "--enable-feature=exemplar-storage"),
                "--log.level=warn",
            ],
            log=folder / "log",
            env={},
            cwd=folder,
        )
        self.process.await_ready(self._is_ready, seconds=30, name="Prometheus")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an instant query finds."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def query_range(self, expression: str, *, start: float, end: float, step: float = 1.0) -> list[dict[str, Any]]:
        """Return the series of a query over time."""
        answer = self._get("query_range", query=expression, start=start, end=end, step=step)
        found: list[dict[str, Any]] = answer["result"]
        return found

    def names(self) -> set[str]:
        """Return the names of all series."""
        return set(self._get("label/__name__/values"))

    def targets(self) -> dict[str, str]:
        """Return the health of each job's target."""
        return {one["labels"]["job"]: one["health"] for one in self._get("targets")["activeTargets"]}

    def firing(self) -> dict[str, dict[str, str]]:
        """Return the annotations of the alerts that fire, by name."""
        alerts = self._get("alerts")["alerts"]
        return {one["labels"]["alertname"]: one["annotations"] for one in alerts if one["state"] == "firing"}

    def unhealthy_rules(self) -> dict[str, str]:
        """Return the last error of each rule that has one."""
        groups = self._get("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return {rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] == "err"}

    def exemplars(self, expression: str, *, start: float, end: float) -> list[dict[str, Any]]:
        """Return the exemplars of series."""
        found: list[dict[str, Any]] = self._get("query_exemplars", query=expression, start=start, end=end)
        return found

    def stop(self) -> None:
        """Stop it."""
        self.process.stop()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{ports.HOST}:{self.port}/-/ready", timeout=1):
                return True
        except OSError:
            return False

    def _get(self, path: str, **parameters: object) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://{ports.HOST}:{self.port}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]
