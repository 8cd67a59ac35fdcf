"""The full stack's closed doors, read from docker-compose.yml: what each container may do, reach and know."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from creditrisk.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "infra/Dockerfile").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()

# Who listens, and who of those is found in a network with whom: docs/containers.md draws the same.
LISTENING_NOWHERE = {"worker", "first-start"}
# These listen in some of their networks only, under that name.
LISTENING_ONLY_AS = {
    "gate": {"outside": "published", "web-runs": "asked"},
    "prometheus": {"watching": "watched"},
    "alertmanager": {"watching": "alerts"},
}
REACHES = {
    "gate": {"web", "exporter", "mlflow", "prefect-server", "prometheus", "alertmanager", "grafana"},
    # Of Prefect it hears what the gate lets it ask (tests/security/test_gate.py).
    "web": {"postgres", "mlflow", "gcs", "mongo", "gate"},
    "exporter": {"postgres", "gcs", "mongo"},
    "worker": {"postgres", "mlflow", "prefect-server", "gcs", "mongo", "web", "exporter"},
    "first-start": {"postgres", "prefect-server", "gcs", "web", "exporter"},
    "mlflow": {"postgres", "gcs", "web"},
    "prefect-server": {"postgres"},
    "postgres": {"web", "exporter", "mlflow", "prefect-server"},
    "gcs": {"mlflow", "exporter", "web"},
    "mongo": {"exporter", "web"},
    "prometheus": {"web", "exporter", "alertmanager", "grafana"},
    "alertmanager": {"prometheus", "grafana"},
    "grafana": {"prometheus", "alertmanager"},
}
# Which container is told which password.
KNOWN_TO = {
    "POSTGRES_PASSWORD": {"postgres"},
    "MONGO_ROOT_PASSWORD": {"mongo"},
    "MLFLOW_DB_PASSWORD": {"postgres", "mlflow"},
    "PREFECT_DB_PASSWORD": {"postgres", "prefect-server"},
    "DECISIONS_OWNER_PASSWORD": {"postgres", "first-start"},
    "DECISIONS_WRITER_PASSWORD": {"postgres", "web", "worker"},
    "DECISIONS_READER_PASSWORD": {"postgres", "exporter"},
    "MONGO_WORKER_PASSWORD": {"mongo", "worker"},
    "MONGO_EXPORTER_PASSWORD": {"mongo", "exporter"},
    "MONGO_WEB_PASSWORD": {"mongo", "web"},
    "PREFECT_PASSWORD": {"prefect-server", "worker", "first-start", "gate"},
    "GRAFANA_PASSWORD": {"grafana"},
}

# Settings that the web app alone acts on.
OF_THE_WEB_APP = ("CREDITRISK_OIDC_", "CREDITRISK_SHADOW", "CREDITRISK_GRAFANA_URL", "CREDITRISK_WEB_")


def has_way_out(network: str) -> bool:
    return not (COMPOSE["networks"][network] or {}).get("internal", False)


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_write_little_and_gain_nothing(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert service["mem_limit"]
    assert service["logging"]["options"]["max-size"]
    assert service["restart"] == ("on-failure" if name == "first-start" else "unless-stopped")
    # Nothing that would undo the above.
    assert not service.keys() & {"privileged", "network_mode", "pid", "ipc", "devices", "userns_mode", "cgroup_parent"}
    assert "docker.sock" not in str(service.get("volumes"))


def test_only_postgresql_keeps_capabilities_to_become_its_own_user():
    assert {name: service["cap_add"] for name, service in SERVICES.items() if "cap_add" in service} == {
        "postgres": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]
    }


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"first-start"}))
def test_a_container_says_whether_it_is_healthy(name):
    assert SERVICES[name]["healthcheck"]["test"]


def test_only_the_gate_is_published_and_on_this_machine_alone():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"gate"}
    assert all(port.startswith("127.0.0.1:") for port in published["gate"])


def test_only_the_gate_and_the_worker_have_a_way_out():
    outwards = {name for name, service in SERVICES.items() if any(map(has_way_out, service["networks"]))}
    assert outwards == {"gate", "worker"}


def test_alerts_find_a_way_out_only_where_a_person_gives_them_one():
    added = yaml.safe_load((ROOT / "infra/alertmanager/sending.yml").read_text())
    assert added["networks"] == {"alerts-out": None}
    assert added["services"] == {
        "alertmanager": {"environment": {"ALERTS_WAY_OUT": "true"}, "networks": {"alerts-out": None}}
    }
    # Nobody gets in by it: it listens in another network, see LISTENING_ONLY_AS.
    assert "alerts-out" not in COMPOSE["networks"]
    assert re.search(r"^# COMPOSE_FILE=docker-compose.yml:infra/alertmanager/sending.yml$", EXAMPLE, re.MULTILINE)


def test_what_alerts_are_sent_with_is_told_to_alertmanager_alone():
    for secret in ("ALERTS_SMTP_PASSWORD", "ALERTS_SLACK_URL", "ALERTS_WEBHOOK_URL"):
        assert [name for name, service in SERVICES.items() if f"${{{secret}:" in str(service)] == ["alertmanager"]
    assert [name for name, service in SERVICES.items() if "${CREDITRISK_NOTIFY:" in str(service)] == ["worker"]


def test_the_web_app_finds_a_provider_only_where_a_person_gives_it_a_way_out():
    added = yaml.safe_load((ROOT / "infra/sign_in/provider.yml").read_text())
    assert added == {
        "services": {"web": {"networks": {"provider-out": None}}},
        "networks": {"provider-out": None},
    }
    assert "provider-out" not in COMPOSE["networks"]
    assert re.search(r"^# COMPOSE_FILE=docker-compose.yml:infra/sign_in/provider.yml$", EXAMPLE, re.MULTILINE)


def test_what_people_sign_in_with_is_told_to_the_web_app_alone():
    told = {name for name, service in SERVICES.items() if "CREDITRISK_OIDC" in str(service)}
    assert told == {"web"}
    environment = SERVICES["web"]["environment"]
    given = {name.upper() for name in Settings.model_fields if name.startswith("oidc_") and not name.endswith("_file")}
    for name in (f"CREDITRISK_{name}" for name in given):
        assert environment[name] == f"${{{name}:-}}"
        assert re.search(rf"^# {name}=", EXAMPLE, re.MULTILINE)


def test_the_host_has_no_address_in_a_network_inside():
    for name, network in COMPOSE["networks"].items():
        if not has_way_out(name):
            assert network["driver_opts"]["com.docker.network.bridge.inhibit_ipv4"] == "true", name


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_reaches_only_what_it_needs(name):
    def listens_in(network: str) -> set[str]:
        there = {other for other, service in SERVICES.items() if network in service["networks"]}
        elsewhere = {other for other, only in LISTENING_ONLY_AS.items() if network not in only}
        return there - elsewhere - LISTENING_NOWHERE

    assert set().union(*map(listens_in, SERVICES[name]["networks"])) - {name} == REACHES[name]


def test_who_listens_in_some_networks_only_does_so_under_its_name_there():
    for name, listens in LISTENING_ONLY_AS.items():
        for network, alias in listens.items():
            assert SERVICES[name]["networks"][network] == {"aliases": [alias]}
    for name in ("prometheus", "alertmanager"):
        [address] = [word for word in SERVICES[name]["command"] if word.startswith("--web.listen-address=")]
        [alias] = LISTENING_ONLY_AS[name].values()
        assert address.startswith(f"--web.listen-address={alias}:")
    config = (ROOT / "infra/gate/nginx.conf").read_text()
    assert set(re.findall(r"listen ([^;]+):\d+;", config)) == {*LISTENING_ONLY_AS["gate"].values(), "127.0.0.1"}
    # In the network of the published ports it is alone.
    assert [name for name, service in SERVICES.items() if "outside" in service["networks"]] == ["gate"]


@pytest.mark.parametrize("password", KNOWN_TO)
def test_a_password_is_told_only_to_those_who_need_it(password):
    assert {name for name, service in SERVICES.items() if f"${{{password}:" in str(service)} == KNOWN_TO[password]


def test_every_password_has_its_place_in_the_example_and_is_made_at_random():
    assert set(re.findall(r"\$\{(\w+PASSWORD):\?", str(SERVICES))) == KNOWN_TO.keys()
    made = subprocess.run(
        [sys.executable, ROOT / "infra/new_env.py", ROOT / ".env.example"], capture_output=True, text=True, check=True
    ).stdout
    passwords = dict(re.findall(r"^(\w+PASSWORD)=(\w{48})$", made, re.MULTILINE))
    assert passwords.keys() == KNOWN_TO.keys()
    assert len(set(passwords.values())) == len(passwords)


def test_the_web_app_is_told_what_it_needs_and_no_more():
    environment = SERVICES["web"]["environment"]
    assert environment.keys() == {
        "CREDITRISK_HOME",
        "CREDITRISK_DATASET",
        "CREDITRISK_HOST",
        "CREDITRISK_ALLOWED_HOSTS",
        "CREDITRISK_WEB_WORKERS",
        "CREDITRISK_WEB_PROXIES",
        "CREDITRISK_SHADOW",
        "CREDITRISK_OIDC_ISSUER",
        "CREDITRISK_OIDC_CLIENT_ID",
        "CREDITRISK_OIDC_CLIENT_SECRET",
        "CREDITRISK_OIDC_ROLES",
        "CREDITRISK_SERVE_WITHOUT_ACCOUNTS",
        "CREDITRISK_MLFLOW_URI",
        "CREDITRISK_DECISION_LOG_URL",
        "CREDITRISK_ARCHIVES",
        "STORAGE_EMULATOR_HOST",
        "CREDITRISK_PREFECT_API_URL",
        "CREDITRISK_GRAFANA_URL",
    }
    assert "://decisions_writer:" in environment["CREDITRISK_DECISION_LOG_URL"]
    assert environment["CREDITRISK_PREFECT_API_URL"] == "http://asked:4200/api"


def test_the_web_app_and_the_exporter_read_the_archives_that_the_worker_writes_to():
    def archives(name: str) -> list[str]:
        return [uri.rpartition("@")[2] for uri in SERVICES[name]["environment"]["CREDITRISK_ARCHIVES"].split(",")]

    assert archives("web") == archives("exporter") == archives("worker")
    # With the libraries that this takes.
    assert "FROM archive-packages AS web-packages\n" in DOCKERFILE
    assert "FROM archive-packages AS exporter\n" in DOCKERFILE
    assert "RUN python requirements.py archives > archives.txt && pip install" in DOCKERFILE


def test_the_exporter_reads_with_rights_to_read():
    environment = SERVICES["exporter"]["environment"]
    assert "://decisions_reader:" in environment["CREDITRISK_DECISION_LOG_URL"]
    assert "mongodb://exporter:" in environment["CREDITRISK_ARCHIVES"]
    assert SERVICES["exporter"]["volumes"] == ["worker:/var/lib/riskometer:ro"]


def test_a_setting_offered_in_the_example_reaches_who_reads_it():
    told = {name: set(re.findall(r"\$\{(CREDITRISK_\w+)[:}]", str(service))) for name, service in SERVICES.items()}
    assert set().union(*told.values()) == set(re.findall(r"^(?:# )?(CREDITRISK_\w+)=", EXAMPLE, re.MULTILINE))
    # All that the flows read; the others are told what they act on, and the web app alone what is its own.
    of_the_web_app = {name for name in told["web"] if name.startswith(OF_THE_WEB_APP)}
    assert told["worker"] == set().union(*told.values()) - of_the_web_app
    # Links to a report lead to the same place, whoever draws them.
    assert {name for name in told if "CREDITRISK_REPORTS_URL" in told[name]} == {"worker", "exporter", "alertmanager"}
    # Each under its own name.
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if given := re.fullmatch(r"\$\{(CREDITRISK_\w+):-.*\}", str(value)):
                assert given[1] == name


def test_files_that_the_example_names_lie_where_the_worker_sees_them():
    assert "${DATA_FOLDER:-./data}:/data:ro" in SERVICES["worker"]["volumes"]
    for name in ("CREDITRISK_BATCH_SOURCE", "CREDITRISK_OUTCOMES_SOURCE"):
        assert re.search(rf"^{name}=/data/\w+/{{date}}\.csv$", EXAMPLE, re.MULTILINE)


def test_what_alerts_lead_to_is_published():
    published = {port.rpartition(":")[0] for port in SERVICES["gate"]["ports"]}
    for name in ("prometheus", "alertmanager"):
        [address] = [word for word in SERVICES[name]["command"] if word.startswith("--web.external-url=http://")]
        assert address.removeprefix("--web.external-url=http://") in published


def test_mongodb_s_users_may_do_nothing_outside_their_database():
    script = (ROOT / "infra/mongo/users.js").read_text()
    users = re.findall(r'user: "(\w+)",\s*pwd: process\.env\.(\w+),\s*roles: (\[.*\])', script)
    assert users == [
        ("worker", "MONGO_WORKER_PASSWORD", '[{ role: "readWrite", db: "creditrisk" }]'),
        ("exporter", "MONGO_EXPORTER_PASSWORD", '[{ role: "read", db: "creditrisk" }]'),
        ("web", "MONGO_WEB_PASSWORD", '[{ role: "read", db: "creditrisk" }]'),
    ]
    assert script.count("createUser") == len(users)
    for name, variable, _ in users:
        uri = SERVICES[name]["environment"]["CREDITRISK_ARCHIVES"].split(",")[0]
        assert uri == f"mongodb://{name}:${{{variable}:?see .env.example}}@mongo:27017/creditrisk?authSource=creditrisk"


def test_who_wants_no_mongodb_keeps_reports_in_all_other_archives():
    without = yaml.safe_load((ROOT / "infra/mongo/without.yml").read_text())["services"]
    assert without.keys() == {name for name, service in SERVICES.items() if "@mongo:" in str(service)}
    for name, service in without.items():
        archives = SERVICES[name]["environment"]["CREDITRISK_ARCHIVES"].split(",")
        rest = ",".join(uri for uri in archives if not uri.startswith("mongodb://"))
        assert service == {"environment": {"CREDITRISK_ARCHIVES": rest}}
    assert "# COMPOSE_FILE=docker-compose.yml:infra/mongo/without.yml" in EXAMPLE


def test_prometheus_answers_the_pages_of_no_other_origin():
    [allowed] = [word for word in SERVICES["prometheus"]["command"] if word.startswith("--web.cors.origin=")]
    assert not re.search(allowed.removeprefix("--web.cors.origin=").replace("$$", "$"), "https://evil.example")


def test_every_foreign_image_can_be_pinned_in_one_place():
    builds = [service["build"] for service in SERVICES.values() if "build" in service]
    defaults = {service["image"] for service in SERVICES.values() if "image" in service}
    defaults |= {arg for build in builds for name, arg in build["args"].items() if name.endswith("_IMAGE")}
    given = dict(re.findall(r"^(\w+_IMAGE)=(\S+)$", EXAMPLE, re.MULTILINE))
    assert defaults == {f"${{{name}:-{image}}}" for name, image in given.items()}
    assert not [image for image in given.values() if image.endswith(":latest") or ":" not in image]
    bases = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", DOCKERFILE, re.MULTILINE))
    assert bases.items() <= given.items()
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert {base for base, _ in stages} - {stage for _, stage in stages} == {f"${{{name}}}" for name in bases}


@pytest.mark.parametrize("target", sorted({s["build"]["target"] for s in SERVICES.values() if "build" in s}))
def test_our_images_run_as_an_ordinary_user(target):
    stage = DOCKERFILE.partition(f" AS {target}\n")[2].partition("\nFROM ")[0]
    last = [line.split()[1] for line in stage.splitlines() if line.startswith("USER ")][-1]
    assert last in ("riskometer", "www-data")


def test_what_our_images_write_is_for_its_owner_only():
    assert 'ENTRYPOINT ["sh", "-c", "umask 077 && exec \\"$@\\"", "sh"]' in DOCKERFILE
    assert DOCKERFILE.count("ENTRYPOINT") == 1
    assert "install --directory --mode 0700 --owner riskometer --group riskometer /var/lib/riskometer" in DOCKERFILE
    # Alertmanager's image is not ours.
    assert [name for name, service in SERVICES.items() if "entrypoint" in service] == ["alertmanager"]


def test_the_prefect_image_holds_all_of_our_code_that_its_server_imports(tmp_path):
    stage = DOCKERFILE.partition(" AS prefect\n")[2].partition("\nFROM ")[0]
    for line in re.findall(r"^COPY (.+)$", stage, re.MULTILINE):
        *sources, folder = line.split()
        (tmp_path / folder).mkdir()
        for source in sources:
            (tmp_path / source).write_bytes((ROOT / source).read_bytes())
    code = (
        "import sys, flows.prefect_server; print(*(module.__file__ for name, module in sys.modules.items() "
        "if name.split('.')[0] in ('creditrisk', 'flows', 'monitoring', 'webapp', 'riskometer')), sep='\\n')"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr
    assert all(Path(file).is_relative_to(tmp_path) for file in loaded.stdout.split())
