"""LOCAL_FOLDER -> where a stack keeps its state, so that two can run side by side"""

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = Path(os.environ.get("LOCAL_FOLDER") or ROOT / ".local")
