"""`python -m flor` is the console script `flor`."""

from flor.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
