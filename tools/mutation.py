"""Mutation testing of the formula modules: `python tools/mutation.py [clv.margin …]`, 1 below 80 % killed.

mutmut changes one operator, number or name at a time in a scratch copy of the project; a mutant is killed if
a test of its module then fails. The tests are the quick ones of the module, and Spark is not started.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEAST = 0.8
TESTS = {
    "clv._gamma_gamma": ("clv/test_gamma_gamma.py",),
    "clv._retention": ("clv/test_retention.py", "published/test_clv_retention.py"),
    "clv.btyd._geometric_dropout": ("clv/btyd/test_geometric_dropout.py", "clv/btyd/test_beta_geo.py"),
    "clv.btyd._pareto_history": ("clv/btyd/test_pareto.py", "published/test_clv_pareto.py"),
    "clv.margin": ("clv/test_margin.py", "published/test_clv_margin.py"),
    "clv.rules_of_thumb": ("clv/test_rules_of_thumb.py", "published/test_clv_margin.py"),
    "clv.valuation": ("clv/test_valuation.py", "published/test_clv_margin.py"),
    "forecast.averages": ("forecast/test_averages.py", "published/test_forecast.py"),
    "forecast.smoothing": ("forecast/test_smoothing.py", "published/test_forecast.py"),
    "periods": ("test_periods.py",),
    "stats._wilson": ("stats/test_intervals.py", "published/test_stats_intervals.py"),
    "stats.allocation": ("stats/test_allocation.py", "published/test_costing.py"),
    "stats.cuts": ("stats/test_cuts.py",),
    "stats.differences": ("stats/test_differences.py", "published/test_stats_intervals.py"),
    "stats.intervals": ("stats/test_intervals.py", "published/test_stats_intervals.py"),
    "stats.survival": ("stats/test_survival.py",),
}
KILLED = {"killed", "timeout", "segfault", "caught by type check"}
CONFIG = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {sources}
also_copy = ["README.md"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-m", "not verify", "-k", "not spark"]
pytest_add_cli_args_test_selection = {tests}
process_isolation = "forkserver"
use_git_change_detection = false
"""


def main() -> None:
    """Run mutmut on the modules asked for, print the score of each, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", nargs="*", help=f"of {', '.join(TESTS)}; all if left out")
    parser.add_argument("--survivors", action="store_true", help="show what each survivor changes")
    given = parser.parse_args()
    modules = given.module or list(TESTS)
    if unknown := set(modules) - set(TESTS):
        parser.error(f"no such formula module: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="crmkit-mutation-") as scratch:
        results = mutate(Path(scratch), modules)
        poor = [module for module in modules if score(module, results) < LEAST]
        if given.survivors:
            show(Path(scratch), results)
    if poor:
        sys.exit(f"less than {LEAST:.0%} of the mutants killed: {', '.join(poor)}")


def mutate(scratch: Path, modules: list[str]) -> dict[str, str]:
    """Run mutmut in a copy of the project and return the fate of each mutant."""
    for folder in ("src", "tests"):
        shutil.copytree(ROOT / folder, scratch / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "README.md", scratch)
    sources = [f"src/crmkit/{module.replace('.', '/')}.py" for module in modules]
    tests = sorted({f"tests/{test}" for module in modules for test in TESTS[module]})
    config = CONFIG.format(sources=json.dumps(sources), tests=json.dumps(tests))
    (scratch / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + config)
    mutmut(scratch, "run", "--max-children", "2")
    lines = mutmut(scratch, "results", "--all", "true").splitlines()
    return dict(line.strip().rsplit(": ", 1) for line in lines if "__mutmut_" in line)


def mutmut(scratch: Path, *command: str) -> str:
    """Run a command of mutmut in the copy; Java is out of its reach, so that no test starts Spark."""
    environment = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"}
    environment |= {"PATH": str(Path(sys.executable).parent), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *command],
        cwd=scratch,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"mutmut failed: do the tests of these modules pass?\n{done.stdout[-400:]}\n{done.stderr}")
    return done.stdout


def score(module: str, results: dict[str, str]) -> float:
    """Print what became of the mutants of a module and return the share that was killed."""
    fates = Counter(fate for name, fate in results.items() if name.startswith(f"crmkit.{module}."))
    fates.pop("skipped", None)
    killed, total = sum(fates[fate] for fate in KILLED), fates.total()
    if total == 0:
        sys.exit(f"{module} has no mutants: is it still a module?")
    counts = ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))
    print(f"{module:20} {killed / total:6.1%} of {total} mutants killed ({counts})", flush=True)
    return killed / total


def show(scratch: Path, results: dict[str, str]) -> None:
    """Print the difference that each surviving mutant makes."""
    for name, fate in results.items():
        if fate not in KILLED and fate != "skipped":
            print(f"\n{name}: {fate}\n{mutmut(scratch, 'show', name)}")


if __name__ == "__main__":
    main()
