"""Whose data are replaced, and whose leave, only when that is said."""

import pytest

from infra.commands.data.ends import DataError
from infra.commands.data.protection import check, check_scrub


@pytest.mark.parametrize("typed", ["", "production", "shop-2"])
def test_a_protected_stack_is_replaced_only_when_its_name_is_typed_out(typed: str) -> None:
    with pytest.raises(DataError, match=r"Fix: the same with --into-production shop"):
        check("shop", typed, target_is_production=True)
    check("shop", "shop", target_is_production=True)


def test_typing_a_name_for_a_stack_without_protection_is_a_mistake() -> None:
    with pytest.raises(DataError, match="isn't protected"):
        check("local", "shop", target_is_production=False)
    check("local", "", target_is_production=False)


def test_data_of_a_protected_stack_leave_scrubbed_or_on_purpose() -> None:
    with pytest.raises(DataError, match=r"--scrub .* or with --unscrubbed"):
        check_scrub("shop", source_is_production=True, scrub="", unscrubbed=False)
    check_scrub("shop", source_is_production=True, scrub="true", unscrubbed=False)
    check_scrub("shop", source_is_production=True, scrub="", unscrubbed=True)
    check_scrub("local", source_is_production=False, scrub="", unscrubbed=False)
    with pytest.raises(DataError, match="exclude"):
        check_scrub("shop", source_is_production=True, scrub="true", unscrubbed=True)
