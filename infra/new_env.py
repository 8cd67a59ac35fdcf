"""Print an .env file: the example given as argument, with a random password wherever it leaves one empty.

Lines that are comments stay as they are: the passwords in them are of services elsewhere.
"""

import secrets
import sys
from pathlib import Path

for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
    print(line + secrets.token_hex(24) if line.endswith("_PASSWORD=") and line[0] != "#" else line)
