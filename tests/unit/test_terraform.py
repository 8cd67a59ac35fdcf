"""The cloud side as code: what it makes, who may do what there, what `make terraform-*` says when something is missing.

Read with python-hcl2. Where Terraform itself is installed, it looks at the format and works out the locals as well.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest

from creditrisk.settings import PREFIX, Settings
from tests.conftest import ROOT

FOLDER = ROOT / "infra" / "terraform"
FILES = sorted(FOLDER.glob("*.tf"))
TERRAFORM = shutil.which("terraform")
with_terraform = pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed")


def read(text: str) -> dict[str, Any]:
    options = hcl2.SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)
    return hcl2.loads(text, serialization_options=options)


CONTENTS = [read(path.read_text(encoding="utf-8")) for path in FILES]


def blocks(kind: str) -> Iterator[tuple[str, Any]]:
    """The blocks of a kind in all files, each with its labels: `google_storage_bucket.this`."""
    for content in CONTENTS:
        for block in content.get(kind, []):
            [(name, body)] = block.items()
            if kind in ("resource", "data"):
                [(second, body)] = body.items()
                name = f"{name.strip(chr(34))}.{second.strip(chr(34))}"
            yield name.strip('"'), body


RESOURCES = dict(blocks("resource"))
VARIABLES = dict(blocks("variable"))
LOCALS = CONTENTS[FILES.index(FOLDER / "locals.tf")]["locals"][0]
BUCKET = RESOURCES["google_storage_bucket.this"]


# --- the buckets ---


def test_there_is_a_bucket_for_everything_the_flows_write_and_read():
    assert set(LOCALS["purposes"]) == {"reports", "predictions", "artifacts", "data"}
    assert [name for name in RESOURCES if name.startswith("google_storage_bucket.")] == ["google_storage_bucket.this"]
    assert BUCKET["for_each"] == "${local.bucket_names}"


def test_no_bucket_can_be_read_by_the_public_or_by_rights_of_single_objects():
    assert BUCKET["uniform_bucket_level_access"] is True
    assert BUCKET["public_access_prevention"] == "enforced"


def test_what_is_overwritten_or_deleted_can_be_brought_back_and_goes_in_the_end():
    assert BUCKET["versioning"] == [{"enabled": True}]
    assert BUCKET["soft_delete_policy"] == [{"retention_duration_seconds": "${var.soft_delete_days * 86400}"}]
    old, given_up = BUCKET["lifecycle_rule"]
    assert old["action"] == [{"type": "Delete"}]
    # Without the state, the rule would delete the newest version of what nobody touched for that long.
    assert old["condition"] == [{"days_since_noncurrent_time": "${var.noncurrent_days}", "with_state": "ARCHIVED"}]
    assert given_up == {"action": [{"type": "AbortIncompleteMultipartUpload"}], "condition": [{"age": 7}]}


def test_nothing_is_deleted_by_age_or_with_its_bucket_unless_a_person_says_so():
    assert BUCKET["force_destroy"] == "${var.destroy_contents}"
    assert VARIABLES["destroy_contents"]["default"] is False
    moved, deleted = (next(iter(rule.values())) for rule in BUCKET["dynamic"][:2])
    assert "[each.key].nearline" in moved["for_each"]
    assert moved["content"][0]["action"] == [{"type": "SetStorageClass", "storage_class": "NEARLINE"}]
    assert "[each.key].delete" in deleted["for_each"]
    assert deleted["content"][0]["action"] == [{"type": "Delete"}]
    assert all("delete" not in days for days in VARIABLES["lifecycle_days"]["default"].values())


# --- who may do what ---


def test_each_service_account_may_do_what_its_service_does_and_no_more():
    assert LOCALS["access"] == {
        "web": {"reports": "read", "artifacts": "read"},
        "worker": {"reports": "create", "predictions": "write", "artifacts": "write", "data": "read"},
        "exporter": {"reports": "read"},
        "mlflow": {"artifacts": "write"},
    }
    # Only a role on one bucket; none of these may change a bucket or say who else may use it.
    assert LOCALS["roles"] == {
        "read": ["roles/storage.objectViewer"],
        "create": ["roles/storage.objectViewer", "roles/storage.objectCreator"],
        "write": ["roles/storage.objectUser"],
    }
    assert RESOURCES["google_storage_bucket_iam_member.this"]["for_each"] == "${local.grants}"


def test_nobody_gets_a_key_or_a_role_on_the_whole_project():
    assert set(RESOURCES) == {
        "google_storage_bucket.this",
        "google_storage_bucket_iam_member.this",
        "google_service_account.this",
        "google_service_account_iam_member.this",
        "google_project_service.this",
        "google_kms_crypto_key_iam_member.storage",
    }


def test_services_of_the_project_stay_switched_on_for_others():
    assert RESOURCES["google_project_service.this"]["disable_on_destroy"] is False


# --- what is told to it, and what it tells ---


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_says_what_it_is_and_has_a_default(name):
    variable = VARIABLES[name]
    assert variable["description"].endswith(".")
    assert "type" in variable
    assert ("default" in variable) == (name != "project")


def test_the_example_names_every_variable_and_says_the_defaults():
    text = (FOLDER / "terraform.tfvars.example").read_text(encoding="utf-8")
    told = read(text)
    assert set(told) <= set(VARIABLES)
    assert all(value == VARIABLES[name]["default"] for name, value in told.items() if name != "project")
    assert set(re.findall(r"^(?:# )?(\w+) += ", text, re.MULTILINE)) == set(VARIABLES)


def test_every_line_for_the_env_file_is_a_setting_and_names_a_bucket():
    lines = [line.strip() for line in LOCALS["env"].splitlines()[1:-1]]
    settings = dict(line.split("=", 1) for line in lines)
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(settings) - known == {"GOOGLE_CLOUD_PROJECT", "MLFLOW_ARTIFACTS_DESTINATION"}
    named = [re.match(r"gs://\$\{local\.bucket_names\.(\w+)\}", value) for value in settings.values()]
    assert {match[1] for match in named if match} == set(LOCALS["purposes"])


def test_the_provider_comes_in_one_version_and_the_state_in_no_bucket_of_ours():
    [terraform] = [body for content in CONTENTS for body in content.get("terraform", [])]
    [providers] = terraform["required_providers"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", providers["google"]["version"])
    [backend] = terraform["backend"]
    assert list(backend.values()) == [{"prefix": "risk-o-meter"}]


# --- with Terraform itself, where it is installed ---


@with_terraform
def test_the_files_are_as_terraform_formats_them(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "code", ignore=shutil.ignore_patterns(".terraform", "terraform.tfvars"))
    # The example is no file that Terraform formats, under this name.
    (tmp_path / "code/terraform.tfvars.example").rename(tmp_path / "code/example.tfvars")
    assert terraform("fmt", "-check", "-diff", ".", folder=tmp_path / "code").stdout == ""


@pytest.fixture(scope="module")
def without_google(tmp_path_factory) -> Path:
    """The variables and what is worked out from them, which takes no provider."""
    folder = tmp_path_factory.mktemp("locals")
    for name in ("variables.tf", "locals.tf"):
        shutil.copy(FOLDER / name, folder)
    terraform("init", "-backend=false", folder=folder)
    return folder


def terraform(*words: str, folder: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    env = clean | {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_CLI_ARGS": "-no-color"}
    command = [str(TERRAFORM), *words]
    return subprocess.run(command, cwd=folder, env=env, input=stdin, capture_output=True, text=True, check=False)


@with_terraform
def test_the_locals_are_what_the_files_promise(without_google):
    told = {"project": "acme-credit-1", "may_act_as": {"worker": ["user:ada@acme.org", "principal://iam/x"]}}
    (without_google / "told.tfvars.json").write_text(json.dumps(told))
    asked = "jsonencode({env = local.env, grants = keys(local.grants), actors = values(local.actors)[*].role})\n"
    answer = terraform("console", "-var-file=told.tfvars.json", folder=without_google, stdin=asked)
    found = json.loads(json.loads(answer.stdout))
    assert "CREDITRISK_ARCHIVES=gs://acme-credit-1-riskometer-reports\n" in found["env"]
    assert [grant for grant in found["grants"] if "reports" in grant] == [
        "exporter reports roles/storage.objectViewer",
        "web reports roles/storage.objectViewer",
        "worker reports roles/storage.objectCreator",
        "worker reports roles/storage.objectViewer",
    ]
    assert found["actors"] == ["roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"]


@with_terraform
@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("project=x", "project must be a project's id"),
        ("location=mars", "location must be a region"),
        ("name=my-google", 'not hold "goog"'),
        ("lifecycle_days={dta={}}", "names a bucket that is none of reports"),
        ("lifecycle_days={data={delete=0}}", "no whole number of days"),
        ("lifecycle_days={data={nearline=90,delete=100}}", "less than 30 days after"),
        ("noncurrent_days=0", "noncurrent_days must be a whole number"),
        ("soft_delete_days=3", "soft_delete_days must be 0, or a whole number from 7 to 90"),
        ("kms_key=mine", "kms_key must read projects/"),
        ('may_act_as={web=["allUsers"]}', "somebody who does not begin with"),
        ('may_act_as={webb=["user:ada@acme.org"]}', "a service account that is none of"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_a_sentence(without_google, told, said):
    words = ("console", "-var=project=acme-credit-1", f"-var={told}")
    answer = terraform(*words, folder=without_google, stdin="1\n").stderr
    assert said in " ".join(re.sub(r"[│╷╵]", " ", answer).split())


# --- make ---


def made(folder: Path, *words: str, is_installed: bool = True) -> subprocess.CompletedProcess[str]:
    """`make` with these words, where `terraform` prints what it is asked or is not there."""
    shutil.copy(ROOT / "Makefile", folder)
    programs = folder / "programs"
    shutil.rmtree(programs, ignore_errors=True)
    programs.mkdir()
    (programs / "echo").symlink_to(str(shutil.which("echo")))
    if is_installed:
        (programs / "terraform").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (programs / "terraform").chmod(0o755)
    make = shutil.which("make")
    assert make
    return subprocess.run(
        [make, *words], cwd=folder, env={"PATH": str(programs)}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("target", ["terraform-init", "terraform-plan", "terraform-apply", "terraform-destroy"])
def test_without_terraform_a_sentence_says_what_to_do(tmp_path, target):
    done = made(tmp_path, target, "STATE=acme-state", is_installed=False)
    assert done.returncode != 0
    assert done.stderr.startswith("Terraform 1.6 or newer is needed and was not found: https://")
    assert done.stdout == ""


def test_the_bucket_of_the_state_is_named_by_whoever_prepares(tmp_path):
    done = made(tmp_path, "terraform-init")
    assert done.returncode != 0
    assert done.stderr.startswith("Name the bucket that remembers what was made: make terraform-init STATE=name.")
    done = made(tmp_path, "terraform-init", "STATE=acme state$HOME")
    assert done.stdout.splitlines() == [
        "-chdir=infra/terraform",
        "init",
        "-backend-config=bucket=acme state$HOME",
    ]


def test_nothing_is_planned_before_the_project_is_named_and_the_state_prepared(tmp_path):
    done = made(tmp_path, "terraform-apply")
    assert done.returncode != 0
    assert done.stderr.startswith("Say what to make: cp infra/terraform/terraform.tfvars.example ")
    (tmp_path / "infra/terraform").mkdir(parents=True)
    (tmp_path / "infra/terraform/terraform.tfvars").touch()
    done = made(tmp_path, "terraform-plan")
    assert done.returncode != 0
    assert done.stderr.startswith("Do this first, once: make terraform-init")
    (tmp_path / "infra/terraform/.terraform").mkdir()
    done = made(tmp_path, "terraform-destroy")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == ["-chdir=infra/terraform", "destroy"]
