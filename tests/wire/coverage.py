"""Print how much of what the drivers say is witnessed, and how much of that is cited; status 1 where not enough."""

import sys

from spoken import DRIVERS, coverage, table


def main() -> int:
    """Print the table; 1 where a header has no witness, or one that moves current or field has no source."""
    print(table())
    rows = [coverage(name) for name in DRIVERS]
    for row in rows:
        for header in row.moving_uncited:
            print(f"{row.name}: {header} moves current or field and must be cited")
    return 1 if any(row.unwitnessed or row.moving_uncited for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
