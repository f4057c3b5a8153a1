"""The names of databases that copies make."""

import pytest

from infra.commands.data.ends import DataError
from infra.commands.data.names import BEFORE, NEW, beside, check_made, those


def test_a_name_fits_postgresql_whatever_the_database_is_called() -> None:
    for serving in ("app", "ä" * 31, "x" * 63):
        name = beside(serving, BEFORE, "20260131_093000")
        assert len(name.encode()) <= 63
        assert those(BEFORE, serving, [name, serving, "another"]) == [name]
        assert those(NEW, serving, [name]) == []


def test_a_name_that_is_taken_is_not_given_again() -> None:
    first = beside("app", NEW, "20260131_093000")
    assert beside("app", NEW, "20260131_093000", [first]) == "app_new_20260131_093001"


@pytest.mark.parametrize(
    "name", ["app", "postgres", "app_before", "app_new_2026", "my_app_new_20260131_093000", "app_new_20260131_093000x"]
)
def test_what_no_copy_made_is_never_dropped(name: str) -> None:
    with pytest.raises(DataError, match=name):
        check_made("app", [name])


def test_what_copies_made_may_be_dropped() -> None:
    check_made("app", ["app_new_20260131_093000", "app_before_20260131_093000"])
