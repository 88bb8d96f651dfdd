"""Run all benchmarks, or those named."""

import importlib
import pkgutil
import sys

import benchmarks


def main(names: list[str]) -> int:
    """Run the modules of this folder by name; returns the exit code."""
    known = [info.name for info in pkgutil.iter_modules(benchmarks.__path__) if not info.name.startswith("_")]
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(map(repr, unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    for name in names or known:
        print(f"\n== {name}")
        try:
            importlib.import_module(f"benchmarks.{name}").main()
        except SystemExit as done:
            if done.code:
                raise
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
