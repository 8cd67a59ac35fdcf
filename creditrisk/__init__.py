"""The domain of credit risk: schemas, models, calibration, decisions and their record.

Nothing in here knows Prefect, Flask, Dash or Evidently; `monitoring`, `flows`, `webapp` and `riskometer` build on it.
"""
