"""``python -m pytest_quantguard``: the quantguard command."""

import sys

if __name__ == "__main__":
    from pytest_quantguard.cli import main

    sys.exit(main())
