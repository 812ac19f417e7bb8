"""The manifests for Kubernetes: valid for every supported version, safe, and running what `make run` runs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram, Metric

from dataflow_site import settings
from dataflow_site.environment import local_ports
from dataflow_site.environment.env import env
from dataflow_site.version import VERSION
from deploy.kubernetes import crd_schemas, render, validate
from deploy.local.processes import CONSUMER, GRPC, INGEST, JOBS, ROOT, WEB, ProcessSpec
from processing import metrics

Resource = dict[str, Any]
PARTS = {part.name: part for part in (INGEST, GRPC, CONSUMER, JOBS, WEB)}
OVERLAYS = {overlay: render.resources(overlay) for overlay in render.OVERLAYS}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
WITH_PODS = ("Deployment", "StatefulSet", "Job")
# Of a pod, or of each of its containers: https://kubernetes.io/docs/concepts/security/pod-security-standards/
RESTRICTED_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
RESTRICTED_CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def of_kind(overlay: str, *kinds: str) -> dict[str, Resource]:
    return {one["metadata"]["name"]: one for one in OVERLAYS[overlay] if one["kind"] in kinds}


def containers(overlay: str) -> Iterator[tuple[str, Resource, Resource]]:
    """Yield name, pod and container of every pod's containers."""
    for name, resource in of_kind(overlay, *WITH_PODS).items():
        pod = resource["spec"]["template"]["spec"]
        for container in (*pod.get("initContainers", []), *pod["containers"]):
            yield f"{name}/{container['name']}", pod, container


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_manifest_is_valid_for_every_supported_version(overlay: str) -> None:
    assert [problem for resource in OVERLAYS[overlay] for problem in validate.problems(resource)] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_committed_is_what_the_sources_make(overlay: str) -> None:
    assert render.stale(overlay) is None


def test_production_runs_the_image_of_this_release() -> None:
    release = VERSION.removesuffix(".dev0")

    images = {
        container["image"] for _, _, container in containers("production") if "data-flow-engine" in container["image"]
    }

    assert images == {f"registry.example.org/data-flow-engine:{release}"}


def test_sources_that_were_changed_are_found_without_kustomize(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "TOOLS", ())
    monkeypatch.setattr(render, "digest", lambda overlay: "0" * 64)

    assert "run `make manifests`" in (render.stale("dev") or "")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("web", ("spec", "template", "spec", "containers", 0, "image")),
        ("dataflow", ("spec", "kafka", "listeners", 0, "port")),
        ("dataflow-postgres", ("spec", "instances")),
        ("dataflow-mongodb", ("spec", "members")),
        ("consumer", ("spec", "maxReplicaCount")),
    ],
    ids=["Deployment", "Kafka", "Cluster", "MongoDBCommunity", "ScaledObject"],
)
def test_a_wrong_type_and_a_misspelt_member_are_found(name: str, path: tuple[str | int, ...]) -> None:
    kinds = ("Deployment", "Kafka", "Cluster", "MongoDBCommunity", "ScaledObject")
    [resource] = [
        json.loads(json.dumps(one))
        for one in OVERLAYS["production"]
        if one["metadata"]["name"] == name and one["kind"] in kinds and has(one, path)
    ]
    assert list(validate.problems(resource)) == []
    *above, last = path
    holder = resource
    for step in above:
        holder = holder[step]

    holder[f"{last}Misspelt"] = holder[last]
    holder[last] = {"of": "another type"}
    found = "\n".join(validate.problems(resource))

    assert f"{last}Misspelt" in found
    assert "another type" in found


def has(resource: Any, path: tuple[str | int, ...]) -> bool:
    for step in path:
        try:
            resource = resource[step]
        except (KeyError, IndexError):
            return False
    return True


def test_the_resources_of_operators_have_schemas() -> None:
    builtin = re.compile(r"^(v1|apps/v1|batch/v1|policy/v1|autoscaling/v2|networking\.k8s\.io/v1)$")
    foreign = [one for one in OVERLAYS["production"] if not builtin.match(one["apiVersion"])]

    assert {one["kind"] for one in foreign} >= {"Kafka", "Cluster", "Pooler", "MongoDBCommunity", "ScaledObject"}
    assert [
        one["kind"]
        for one in foreign
        if not (crd_schemas.FOLDER / crd_schemas.name(one["kind"], one["apiVersion"])).exists()
    ] == []
    # A plain cluster has none of them.
    assert [one["kind"] for one in OVERLAYS["dev"] if not builtin.match(one["apiVersion"])] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_a_container_runs_what_a_laptop_runs_at_the_same_ports_and_is_asked_the_same(
    part: ProcessSpec, overlay: str
) -> None:
    container = the_container(overlay, part.name)
    ports = {name: local_ports.DEFAULTS[name] for name in part.port_settings}
    named = {port["name"]: port["containerPort"] for port in container["ports"]}

    assert container["command"] == part.server_command(ports[part.port_setting])
    assert sorted(named.values()) == sorted(ports.values())
    assert {name: str(port) for name, port in ports.items()}.items() <= config(overlay).items()
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        if part.scheme == "grpc" and probe == "readinessProbe":
            assert container[probe]["grpc"] == {"port": ports[part.port_setting]}
        else:
            asked = container[probe]["httpGet"]
            assert (asked["path"], named[asked["port"]]) == (path, ports[part.metrics_setting])


def the_container(overlay: str, name: str) -> Resource:
    [container] = of_kind(overlay, "Deployment")[name]["spec"]["template"]["spec"]["containers"]
    found: Resource = container
    return found


def config(overlay: str) -> dict[str, str]:
    [name] = [name for name in of_kind(overlay, "ConfigMap") if name != "dataflow-release"]
    data: dict[str, str] = of_kind(overlay, "ConfigMap")[name]["data"]
    return data


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_of_the_product_is_a_setting(overlay: str) -> None:
    assert settings.SECRET_KEY
    used = set(config(overlay))
    for name, _, container in containers(overlay):
        if container["image"].partition(":")[0].endswith("data-flow-engine"):
            used |= {variable["name"] for variable in container.get("env", [])}
            assert "envFrom" in container, name

    # POD_IP is for the one after it.
    assert used - {"POD_IP"} <= set(env.defaults)
    assert config(overlay) == of_kind(overlay, "ConfigMap")["dataflow-release"]["data"]


def test_the_secrets_of_the_repository_are_those_that_everybody_knows() -> None:
    secrets = [secret["stringData"] for secret in of_kind("dev", "Secret").values()]

    assert {value for secret in secrets for value in secret.values()} == {
        "dataflow",
        "mongodb://mongodb:27017",
        settings.DEVELOPMENT_SECRET,
    }
    assert of_kind("production", "Secret") == {}
    assert config("dev")["DATAFLOW_DEBUG"] == "1"
    # With which the product refuses that secret.
    assert config("production")["DATAFLOW_DEBUG"] == "0"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_restricted_and_has_limits(overlay: str) -> None:
    [namespace] = of_kind(overlay, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    for name, pod, container in containers(overlay):
        assert RESTRICTED_POD.items() <= pod["securityContext"].items(), name
        assert pod["securityContext"]["runAsUser"] > 0
        assert RESTRICTED_CONTAINER.items() <= container["securityContext"].items(), name
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert pod["automountServiceAccountToken"] is False
        # Otherwise a Service of the name postgres sets POSTGRES_PORT.
        assert pod["enableServiceLinks"] is False
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
        assert "memory" in container["resources"]["limits"], name
        assert not any("hostPath" in volume for volume in pod.get("volumes", []))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_spread_replaced_one_by_one_and_given_time_to_finish(overlay: str) -> None:
    for part in PARTS:
        deployment = of_kind(overlay, "Deployment")[part]
        pod = deployment["spec"]["template"]["spec"]
        labels = {"app.kubernetes.io/component": part}

        assert of_kind(overlay, "PodDisruptionBudget")[part]["spec"]["selector"]["matchLabels"] == labels
        assert {each["topologyKey"] for each in pod["topologySpreadConstraints"]} == {
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        }
        # Uvicorn's own limit, and the pause before it.
        words = pod["containers"][0]["command"]
        own = (
            int(words[words.index("--timeout-graceful-shutdown") + 1]) if "--timeout-graceful-shutdown" in words else 0
        )
        assert pod["terminationGracePeriodSeconds"] >= max(30, own + 5 + 10)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_needs_tables_waits_for_its_own_release_and_receivers_wait_for_nothing(overlay: str) -> None:
    image = the_container(overlay, "web")["image"]
    release = image.rpartition(":")[2]
    jobs = of_kind(overlay, "Job")

    assert sorted(jobs) == [f"migrate-{release}", f"prepare-{release}"]
    commands = {job["spec"]["template"]["spec"]["containers"][0]["command"][-1] for job in jobs.values()}
    assert commands == {"migrate", "prepare_stores"}
    waits = {
        name: [each["command"][-1] for each in deployment["spec"]["template"]["spec"].get("initContainers", [])]
        for name, deployment in of_kind(overlay, "Deployment").items()
        if name in PARTS
    }
    waiting = ["until python manage.py migrate --check; do sleep 3; done"]
    assert waits == {"web": waiting, "consumer": waiting, "jobs": waiting, "ingest": [], "grpc": []}
    # A Job can't be changed: what it names must have the same name at the second apply.
    for job in jobs.values():
        [container] = job["spec"]["template"]["spec"]["containers"]
        assert container["image"] == image
        assert container["envFrom"][0]["configMapRef"]["name"] == "dataflow-release"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_service_finds_its_pods_and_their_ports(overlay: str) -> None:
    pods = [resource["spec"]["template"] for resource in of_kind(overlay, "Deployment", "StatefulSet").values()]

    for service in of_kind(overlay, "Service").values():
        selector = service["spec"]["selector"].items()
        found = [pod for pod in pods if selector <= pod["metadata"]["labels"].items()]
        assert len(found) == 1, service["metadata"]["name"]
        named = {port["name"] for container in found[0]["spec"]["containers"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_reached_that_no_policy_names(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")

    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    # From outside of the namespace: receivers and pages, and metrics by Prometheus.
    open_to_all = [
        name
        for name, policy in policies.items()
        for rule in policy["spec"].get("ingress", [])
        for peer in rule["from"]
        if peer.get("namespaceSelector") == {}
    ]
    assert open_to_all == ["receivers-and-pages"]


def test_the_dev_servers_are_those_of_compose() -> None:
    images = {container["image"] for _, _, container in containers("dev")}

    assert {COMPOSE["services"][name]["image"] for name in ("kafka", "postgres", "mongodb")} < images


def test_production_keeps_copies_of_what_is_acknowledged() -> None:
    kafka = of_kind("production", "Kafka")["dataflow"]["spec"]["kafka"]["config"]
    postgres = of_kind("production", "Cluster")["dataflow-postgres"]["spec"]
    [pool] = of_kind("production", "KafkaNodePool").values()

    assert pool["spec"]["replicas"] == 3
    assert (kafka["default.replication.factor"], kafka["min.insync.replicas"]) == (3, 2)
    assert kafka["unclean.leader.election.enable"] is False
    assert config("production")["DATAFLOW_KAFKA_REPLICATION"] == "3"
    assert postgres["postgresql"]["synchronous"]["number"] == 1
    assert postgres["postgresql"]["synchronous"]["dataDurability"] == "required"
    assert of_kind("production", "MongoDBCommunity")["dataflow-mongodb"]["spec"]["members"] == 3
    [pooler] = of_kind("production", "Pooler").values()
    assert pooler["spec"]["pgbouncer"]["poolMode"] == "transaction"


def test_there_are_no_more_consumers_than_partitions_and_held_ones_are_not_counted() -> None:
    scaled = of_kind("production", "ScaledObject")["consumer"]["spec"]
    [trigger] = scaled["triggers"]

    assert scaled["maxReplicaCount"] == int(config("production")["DATAFLOW_KAFKA_PARTITIONS"])
    [name] = re.findall(r"(\w+)\{", trigger["metadata"]["query"])
    assert 'held="false"' in trigger["metadata"]["query"]
    assert name in {described.name for metric in vars(metrics).values() for described in descriptions(metric)}
    # Whoever is scaled has no number of its own, which the next apply would set again.
    for deployment in ("consumer", "ingest"):
        assert "replicas" not in of_kind("production", "Deployment")[deployment]["spec"]


def descriptions(metric: object) -> Iterable[Metric]:
    return metric.describe() if isinstance(metric, Counter | Gauge | Histogram) else ()


def test_the_rules_of_prometheus_are_in_production() -> None:
    [resource] = of_kind("production", "PrometheusRule").values()
    files = (ROOT / "deploy/prometheus/rules").glob("*.yml")

    groups = [group for path in sorted(files) for group in yaml.safe_load(path.read_text())["groups"]]
    assert resource["spec"]["groups"] == groups
    assert any("alert" in rule for group in groups for rule in group["rules"])


def test_rules_that_were_changed_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "rules", lambda: "other rules")

    assert "made of other rules" in (render.stale("production") or "")


def test_jobs_and_migrations_go_around_the_pooler() -> None:
    [migrate] = [job for name, job in of_kind("production", "Job").items() if name.startswith("migrate-")]
    jobs = of_kind("production", "Deployment")["jobs"]

    for resource in (migrate, jobs):
        [container] = resource["spec"]["template"]["spec"]["containers"]
        host = [each["value"] for each in container["env"] if each["name"] == "POSTGRES_HOST"]
        assert host == ["dataflow-postgres-rw"]
    assert config("production")["POSTGRES_HOST"] == "dataflow-postgres-pooler"


def test_an_error_in_a_source_is_shown(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    error = subprocess.CalledProcessError(1, "kustomize", stderr="no such resource: kafak.yaml")

    def fails(_overlay: str, _command: object) -> str:
        raise error

    monkeypatch.setattr(render, "TOOLS", (("sh", ("sh",)),))
    monkeypatch.setattr(render, "build", fails)

    assert render.stale("dev") == "dev: no such resource: kafak.yaml"
