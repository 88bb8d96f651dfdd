"""Install, list and run the peers."""

import argparse
import json
import sys

from benchmarks.peers import PEERS, PeerError, install, run_peer, show


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("install", help="build the environments")
    build.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PEERS)}; all by default")
    commands.add_parser("list", help="what is installed")
    run = commands.add_parser("run", help="run one and print its document")
    run.add_argument("name", metavar="NAME")
    run.add_argument("options", nargs=argparse.REMAINDER)
    expected = commands.add_parser("expected", help="rewrite the fixture of the preset's parity test")
    expected.add_argument("name", choices=["nannyml"])
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "install":
            return 1 if install(asked.names) else 0
        if asked.command == "list":
            show()
        elif asked.command == "run":
            print(json.dumps(run_peer(asked.name, asked.options), indent=1))
        else:
            from benchmarks.peers.expected import write

            print(write())
    except PeerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
