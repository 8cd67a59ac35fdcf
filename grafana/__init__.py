"""The Grafana dashboards, written as code, and pictures of them."""
