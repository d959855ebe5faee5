"""Build the wheel, install it with core dependencies only into an empty environment, and use it there."""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
SMOKE = """
import sys, warnings
import crmkit
heavy = {"pandas", "numpy", "scipy", "sklearn", "statsmodels", "narwhals", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
assert round(float(crmkit.clv.margin_multiple(retention=0.9, discount=0.12)), 2) == 4.09
orders = crmkit.datasets.load_cdnow(sample=True)
summary = crmkit.clv.summarize(orders, as_of="1997-09-30", after="drop")
assert len(summary) == 2357, len(summary)
for absent in ("polars", "pyarrow", "duckdb", "pyspark", "matplotlib", "jinja2", "typer", "rich"):
    try:
        __import__(absent)
    except ImportError:
        continue
    raise SystemExit(f"{absent} is installed: the environment is not core-only")
print("wheel: imports and runs with core dependencies only")
"""


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a command and stop with its output if it fails."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done


def main() -> None:
    """Build, install, import, run, and see what the command line says without its extra."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
        (wheel,) = folder.glob("*.whl")
        venv.create(folder / "core", with_pip=True)
        python = folder / "core" / "bin" / "python"
        run(
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--constraint",
            ROOT / "constraints" / "test.txt",
            wheel,
        )
        print(run(python, "-W", "error", "-c", SMOKE).stdout.strip())
        demo = subprocess.run(
            [folder / "core" / "bin" / "crmkit", "demo"],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )
        lines = (demo.stdout + demo.stderr).strip().splitlines()
        if demo.returncode != 1 or len(lines) != 1 or "pip install 'crmkit[" not in lines[0]:
            sys.exit(f"crmkit demo without extras must name the missing one in one line. Got {lines}")
        print(f"wheel: crmkit demo says: {lines[0]}")


if __name__ == "__main__":
    main()
