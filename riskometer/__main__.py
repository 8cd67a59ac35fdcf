"""`python -m riskometer` is the command `riskometer`."""

from riskometer.cli import main

main()
