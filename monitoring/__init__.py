"""Watching the model: windows, drift, reports, their archive and the metrics exporter."""
