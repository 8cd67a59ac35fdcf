"""Print what pyproject.toml asks for, one requirement a line: the core, and the extras named as arguments.

Used by the Dockerfile, so that the layer with the dependencies stays the same while the code changes.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
wanted = project["dependencies"] + [line for extra in sys.argv[1:] for line in project["optional-dependencies"][extra]]
print("\n".join(wanted))
