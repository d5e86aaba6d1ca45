#!/usr/bin/env python
"""Django's entry point."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

from serving.private_file_modes import keep_private

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    keep_private(Path(os.environ.get("VAR_DIR") or Path(__file__).parent / "var"), whole=False)
    execute_from_command_line(sys.argv)
