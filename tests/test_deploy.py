"""What deploy/ says is true of the service: names, ports, paths, settings, packages.

Whether the files are well formed is for the linters of ``make lint``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from command_line import ROOT
from defib_coverage import __version__
from defib_coverage.app import create_app
from defib_coverage.command.serving import LAST_ANSWERS
from defib_coverage.running.metrics import Metrics
from defib_coverage.setting_sources import PREFIX
from defib_coverage.settings import Settings, read_settings

DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
USER = 10001
FIELDS = {field.name for field in msgspec.structs.fields(Settings)}


def read(path: Path) -> Any:  # noqa: ANN401 - whatever the file says
    return yaml.safe_load(path.read_text())


COMPOSE = read(DEPLOY / "compose.yaml")
DEPLOYMENT = read(DEPLOY / "kubernetes" / "deployment.yaml")
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
JOB_POD = read(DEPLOY / "kubernetes" / "upgrade-job.yaml")["spec"]["template"]["spec"]


# -------------------------------------------------------------------------------------- the linters


@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        (["kubernetes-validate", "--strict"], "periodSeconds", "periodSecond"),
        (["kubernetes-validate", "--strict"], "containerPort: 8000", "containerPort: http"),
    ],
)
def test_a_manifest_that_is_wrong_is_noticed(
    tmp_path: Path, command: list[str], before: str, after: str
) -> None:
    text = (DEPLOY / "kubernetes" / "deployment.yaml").read_text()
    path = tmp_path / "deployment.yaml"
    path.write_text(text.replace(before, after, 1))
    assert lint(*command, path).returncode != 0
    path.write_text(text)
    assert lint(*command, path).returncode == 0


def test_a_compose_file_that_is_wrong_is_noticed(tmp_path: Path) -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    path = tmp_path / "compose.yaml"
    path.write_text(text.replace("read_only:", "readonly:"))
    done = lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)
    assert done.returncode != 0


def test_a_dockerfile_that_is_wrong_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text((ROOT / "Dockerfile").read_text() + "RUN cd /tmp && sudo true\n")
    assert lint("hadolint", path).returncode != 0


def lint(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    tool = Path(sys.executable).with_name(name)
    return subprocess.run([tool, *map(str, arguments)], capture_output=True, check=False)


# ------------------------------------------------------------------------------------ the container


def test_the_container_runs_as_nobody_in_particular() -> None:
    text = (ROOT / "Dockerfile").read_text()
    last = text[text.rindex("\nFROM") :]
    assert f"USER {USER}:{USER}" in last
    assert last.index("USER") > last.rindex("RUN")
    assert "DEFIB_COVERAGE_STATE=/var/lib/defib-coverage" in last
    assert "VOLUME /var/lib/defib-coverage" in last


def test_packages_of_the_container_are_those_of_the_project() -> None:
    """Every dependency is locked, at a version that is allowed, with digests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        Requirement(one)
        for one in (
            *project["dependencies"],
            *(r for n in ("postgres", "otel") for r in project["optional-dependencies"][n]),
        )
    ]
    text = (DEPLOY / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==([^ ;]+)", text, re.MULTILINE))
    for one in wanted:
        version = locked[canonicalize_name(one.name)]
        assert one.specifier.contains(version, prereleases=True), one
    entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    build = (DEPLOY / "build.lock").read_text()
    assert re.search(r"^hatchling==", build, re.MULTILINE)


# ------------------------------------------------------------------------------------ both of them


def environments() -> list[dict[str, str]]:
    services = [COMPOSE["services"][name]["environment"] for name in ("upgrade", "service")]
    pods = [{e["name"]: e["value"] for e in pod["containers"][0]["env"]} for pod in (POD, JOB_POD)]
    return services + pods


def test_every_variable_is_a_setting() -> None:
    for environment in environments():
        assert {n.removeprefix(PREFIX).lower() for n in environment if n != "<<"} <= FIELDS
        metrics = environment.get("DEFIB_COVERAGE_METRICS")
        if metrics is not None:
            settings = read_settings({"DEFIB_COVERAGE_METRICS": metrics})
            assert settings.metrics_address == ("0.0.0.0", 9464)  # noqa: S104


def test_the_example_of_a_settings_file_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text((DEPLOY / "settings.example.toml").read_text())
    path.chmod(0o600)
    settings = read_settings({"DEFIB_COVERAGE_CONFIG": str(path)})
    assert settings.tokens_required
    assert settings.ledger == "refuse"
    folder = CONTAINER["volumeMounts"][1]["mountPath"]
    assert settings.clients == f"{folder}/clients.toml"
    assert f"./clients:{folder}:ro" in COMPOSE["services"]["service"]["volumes"]


def test_images_are_of_this_version() -> None:
    images = [COMPOSE["services"][name]["image"] for name in ("upgrade", "service")]
    images += [pod["containers"][0]["image"] for pod in (POD, JOB_POD)]
    assert {image.rpartition(":")[2] for image in images} == {__version__}


def test_commands_are_commands() -> None:
    for arguments in (
        COMPOSE["services"]["upgrade"]["command"],
        COMPOSE["services"]["service"]["command"],
        CONTAINER["args"],
        JOB_POD["containers"][0]["args"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "defib_coverage", *arguments, "--help"],
            capture_output=True,
            check=False,
            env={"PYTHONPATH": str(ROOT / "service")},
        )
        assert done.returncode == 0, done.stderr


# -------------------------------------------------------------------------------------- Kubernetes


def test_probes_ask_what_there_is() -> None:
    paths = {getattr(route, "path", "") for route in create_app(Settings(ledger="off")).routes}
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert ports == {"http": 8000, "metrics": 9464}
    probes = {n: CONTAINER[f"{n}Probe"]["httpGet"] for n in ("startup", "liveness", "readiness")}
    assert probes["liveness"]["path"] == probes["startup"]["path"] == "/health"
    assert probes["readiness"]["path"] == "/ready"
    assert {probe["path"] for probe in probes.values()} <= paths


def test_there_is_time_to_stop() -> None:
    sleep = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    assert sleep == 5
    # The ledger, and traces to a collector that is not there.
    assert POD["terminationGracePeriodSeconds"] >= sleep + LAST_ANSWERS + 15


@pytest.mark.parametrize("pod", [POD, JOB_POD], ids=["service", "upgrade"])
def test_pods_may_do_little(pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == USER
    assert pod["automountServiceAccountToken"] is False
    # Its variables begin as our settings do.
    assert pod["enableServiceLinks"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} <= set(container["resources"])
    for volume in pod["volumes"]:
        if "secret" in volume:
            # What the service takes of a file with a secret.
            assert volume["secret"]["defaultMode"] == 0o440


def test_everything_selects_the_same_pods() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    found = {read(path)["kind"]: read(path) for path in MANIFESTS}
    assert set(found) == {
        "Deployment",
        "HorizontalPodAutoscaler",
        "Job",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    }
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    policy = found["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    ports = [port["port"] for rule in policy["ingress"] for port in rule["ports"]]
    assert ports == [8000, 9464]
    target = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert target["name"] == DEPLOYMENT["metadata"]["name"]


# ----------------------------------------------------------------------------------------- Compose


def test_services_may_do_little() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["read_only"], name
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["cap_drop"] == ["ALL"]
        assert name == "upgrade" or "healthcheck" in service
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_secrets_are_files() -> None:
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == {
        "./settings.toml",
        "./postgres-password",
    }
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for name in ("settings.toml", "postgres-password", "clients/"):
        assert f"/deploy/{name}" in ignored


# -------------------------------------------------------------------------------------- Prometheus


def test_prometheus_asks_where_the_metrics_are() -> None:
    (job,) = read(DEPLOY / "prometheus.yml")["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["service:9464"]}]
    assert read(DEPLOY / "prometheus.yml")["rule_files"] == ["alerts.yml"]


def test_alerts_are_about_metrics_that_there_are() -> None:
    samples = {s.name for f in Metrics("").registry.collect() for s in f.samples}
    families = {
        name
        for family in Metrics("").registry.collect()
        for name in (family.name, f"{family.name}_total", f"{family.name}_bucket")
    }
    (group,) = read(DEPLOY / "alerts.yml")["groups"]
    for rule in group["rules"]:
        for name in re.findall(r"\bdefib_coverage_\w+", rule["expr"]):
            assert name in samples | families, name
        assert rule["annotations"]["summary"]
