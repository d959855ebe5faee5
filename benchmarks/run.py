"""Run every benchmark and print a row for each promise: crmkit, the fastest peer, ratio, target.

``python benchmarks/run.py [--peers] [NAME …]`` runs the files whose name contains a NAME, with ``--peers``
those in the folder peers. A row without target informs. Exit 1 if a target is missed.
"""

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE / "peers"  # need packages that live in an environment of their own


def main(names: list[str]) -> int:
    """Print the table; count the misses."""
    peers = "--peers" in names
    names = [name for name in names if name != "--peers"]
    sys.path[:0] = [str(HERE), str(PEERS)]
    files = sorted(path.stem for path in (PEERS if peers else HERE).glob("bench_*.py"))
    chosen = [one for one in files if not names or any(name in one for name in names)]
    print(f"{'promise':<68} {'crmkit s':>9} {'peer s':>9} {'ratio':>6} {'target':>7}  peer", flush=True)
    missed = 0
    for name in chosen:
        for one in import_module(name).rows():
            target = one["target"]
            late = target is not None and one["ratio"] > target
            missed += late
            wanted = "" if target is None else f"{target:.2f}"
            times = f"{one['crmkit_s']:9.3f} {one['peer_s']:9.3f} {one['ratio']:6.2f} {wanted:>7}"
            print(f"{one['promise']:<68} {times}  {one['peer']}{'  MISSED' * late}", flush=True)
    print(f"{missed} targets missed" if missed else "all targets met")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
