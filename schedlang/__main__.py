"""``python -m schedlang``: the command line."""

from schedlang.cli import main

if __name__ == "__main__":
    main()
