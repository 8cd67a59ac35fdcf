"""Writes the dashboards that Grafana reads from grafana/dashboards: `python -m grafana.build`.

grafana-foundation-sdk is needed to build them and by nothing that runs; a test holds that what is committed is what is
built.
"""

from __future__ import annotations

from pathlib import Path

from grafana import fields, glance, service

FOLDER = Path(__file__).parent / "dashboards"


def dashboards() -> dict[str, str]:
    """The JSON of every dashboard, by the name of its file."""
    return {
        "risk-o-meter.json": glance.build(),
        "risk-o-meter-field.json": fields.build(),
        "risk-o-meter-service.json": service.build(),
    }


if __name__ == "__main__":
    for name, text in dashboards().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
