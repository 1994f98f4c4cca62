"""Print how much of what drivers say and simulators declare is witnessed and cited; status 1 where not enough."""

import sys

from spoken import ALL, coverage, table


def main() -> int:
    """Print the table; 1 where a header has no witness, or one that moves current or field has no source."""
    rows = [coverage(name) for name in ALL]
    print(table(rows))
    return 1 if any(row.without_witness or row.moving_uncited for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
