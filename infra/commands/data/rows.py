"""The rows of a database's tables, as psql prints them."""

from infra.commands.data.ends import Rows


def rows_of(output: str) -> Rows:
    """The tables' rows from what the query ROWS printed: a line `TABLE|NUMBER` for each."""
    lines = (line.rpartition("|") for line in output.splitlines() if line)
    return {table: int(number) for table, _, number in lines}
