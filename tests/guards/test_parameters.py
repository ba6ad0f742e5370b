import pytest
from pydantic import Field, ValidationError

from kedro_guards.parameters import Parameters


class Oven(Parameters):
    degrees: int = Field(ge=0, le=300)
    fan: bool


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"degrees": 400, "fan": True}, "degrees should be less than or equal to 300, found 400"),
        ({"degrees": "hot", "fan": True}, "degrees should be a valid integer, found 'hot'"),
        ({"degrees": True, "fan": True}, "degrees should be a valid integer, found True"),
        ({"degrees": 180}, "fan is missing"),
        ({"degrees": 180, "fan": True, "degres": 1}, "degres is not a known key; did you mean degrees?"),
        ({"degrees": 180, "fan": True, "colour": 1}, "colour is not a known key"),
        (7, "value should be a valid dictionary or instance of Oven, found 7"),
    ],
)
def test_each_fault_is_said_in_one_line_with_its_key_and_what_was_found(values, message):
    with pytest.raises(ValueError, match="^[^\n]*$") as refusal:
        Oven.model_validate(values)

    assert str(refusal.value) == message


def test_every_fault_of_a_group_is_said_at_once():
    with pytest.raises(ValueError, match="degrees should be .*; fan is missing"):
        Oven.model_validate({"degrees": -1})


def test_a_group_cannot_be_changed():
    oven = Oven.model_validate({"degrees": 180, "fan": False})

    with pytest.raises(ValidationError, match="frozen"):
        oven.degrees = 200
    assert oven.degrees == 180
