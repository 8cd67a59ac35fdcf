"""Model versions in MLflow: stored, proved, promoted with evidence, rolled back, and which of them serves."""
