"""a tree with services of a few lines, which needs no wheels unless it is given some"""

from pathlib import Path

from infra.publishing.content import TREE

APP = """import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
def {service}_ticks(timer: func.TimerRequest) -> None:
    pass
"""


def grow(root: Path, *services: str, requirements: str = "# none\n") -> Path:
    """The files that are packaged, and some that are not."""
    files = {
        "requirements/services.txt": requirements,
        "requirements/azure.txt": "# none\n",
        "services/__init__.py": "",
        "services/entities.py": "TOPIC = 'data-changes'\n",
        "services/registry.py": "PATTERNS = ()\n",
        "services/kernel/__init__.py": "",
        "services/kernel/ids.py": "LENGTH = 32\n",
        "services/kernel/__pycache__/ids.cpython-311.pyc": "compiled",
    }
    for service in services:
        files |= {
            f"services/{service}/__init__.py": "",
            f"services/{service}/README.md": "# For people\n",
            f"services/{service}/host.json": '{"version": "2.0"}\n',
            f"services/{service}/function_app.py": APP.format(service=service),
        }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def pinned(package: str) -> str:
    """The lines of requirements/services.txt that pin one package."""
    lines = (TREE / "requirements/services.txt").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{package}=="))
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith(" ")), len(lines))
    return "\n".join(lines[start:end]) + "\n"
