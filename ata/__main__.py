"""Entry point of `ata` and of `python -m ata`."""

from __future__ import annotations


def main() -> None:
    """Run the command line; the exit code tells the outcome (see `ata.errors.ExitCode`)."""
    from ata.cli import app

    app(prog_name="ata")


if __name__ == "__main__":
    main()
