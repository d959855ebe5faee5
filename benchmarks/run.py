"""Run every benchmark and print a row for each promise: crmkit, the fastest peer, ratio, target.

``python benchmarks/run.py [NAME …]`` runs the files whose name contains a NAME. Exit 1 if a target is missed.
"""

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


def main(names: list[str]) -> int:
    """Print the table; count the misses."""
    files = sorted(path.stem for path in HERE.glob("bench_*.py"))
    chosen = [one for one in files if not names or any(name in one for name in names)]
    print(f"{'promise':<68} {'crmkit s':>9} {'peer s':>9} {'ratio':>6} {'target':>7}  peer", flush=True)
    missed = 0
    for name in chosen:
        for one in import_module(name).rows():
            late = one["ratio"] > one["target"]
            missed += late
            times = f"{one['crmkit_s']:9.3f} {one['peer_s']:9.3f} {one['ratio']:6.2f} {one['target']:7.2f}"
            print(f"{one['promise']:<68} {times}  {one['peer']}{'  MISSED' * late}", flush=True)
    print(f"{missed} targets missed" if missed else "all targets met")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
