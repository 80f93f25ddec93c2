"""The command line that the scripts around the training share: options from a YAML file, each to be overridden."""

from __future__ import annotations

from Training.cli.options import Parser


def script_parser(name: str, description: str, usage: str, *, dry_run: str | None = None) -> Parser:
    """A parser that reads its options from a file as well.

    Args:
        name: of the script, without ".py".
        description: what it does.
        usage: what has to be given.
        dry_run: what the option `--dry-run` prints; None for a script without it.
    """
    parser = Parser(prog=f"{name}.py", description=description, usage=f"{name}.py {usage} [options]",
                    default_env=False)
    parser.add_argument("--config", action="config", help="YAML file with any of these options; later ones override")
    if dry_run is not None:
        parser.add_argument("--dry-run", action="store_true", help=f"check everything, print {dry_run}, and stop")
    return parser
