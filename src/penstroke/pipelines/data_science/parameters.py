"""Parameters of model selection. Contenders are described here and built in ``estimators``."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, RootModel, StringConstraints, model_validator
from sklearn.pipeline import Pipeline

from kedro_guards.parameters import OneLineErrors, Parameters

from .estimators import build_estimator, build_pipeline, resolve_class

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
OneOrMore = BeforeValidator(  # --params cannot pass a list
    lambda value: [value] if isinstance(value, str) else value,
    json_schema_input_type=Name | Annotated[list[Name], Field(min_length=1)],
)


class Step(Parameters):
    """One step of a contender: a class of scikit-learn or of this project, and its arguments.

    An argument can itself be such a block, for example a member of an ensemble.
    """

    class_: str = Field(alias="class", description="dotted path of the class")
    arguments: dict[str, Any] = Field(default_factory=dict, description="keyword arguments of the class")

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        resolve_class(self.class_)
        build_estimator(self.model_dump(by_alias=True))
        return self


class Contender(Parameters):
    """A pipeline of steps, each fitted inside the folds, and the grid of values to search."""

    steps: list[Step] = Field(min_length=1)
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        description="lists of values to try; keys are <class name in lower case>__<argument>"
    )

    @model_validator(mode="after")
    def _grid_has_known_keys(self) -> Self:
        known = self.build(seed=0).get_params()
        for key in self.grid:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                raise ValueError(
                    f"grid.{key} is no argument of these steps" + (f"; did you mean {near[0]}?" if near else "")
                )
        return self

    def build(self, seed: int, features: Sequence[str] | None = None) -> Pipeline:
        """Build the unfitted pipeline for arrays of these features; each ``random_state`` of None becomes ``seed``."""
        return build_pipeline([step.model_dump(by_alias=True) for step in self.steps], seed, features)


class Contenders(OneLineErrors, RootModel[dict[Name, Contender]]):
    """All contenders by name (``params:contenders``); ``search.contenders`` says which take part."""


class Search(Parameters):
    """How the contenders are compared, on the training rows only (``params:search``)."""

    contenders: Annotated[list[Name], OneOrMore] = Field(
        min_length=1, description="contenders that take part: a list, or one name; earlier ones win ties"
    )
    folds: int = Field(ge=2, le=50, description="folds of the stratified cross-validation")
    rows: int | None = Field(ge=100, description="number of training rows, stratified by class; null for all")
    copies: int = Field(ge=0, description="deformed copies per row in the fits of the search")
    backend: Literal["threading", "loky"] = Field(description="joblib's backend for the fits")
    jobs: int | None = Field(ge=1, description="fits in parallel; null for one per core")
    seed: int = Field(ge=0, description="seed of the folds and of all estimators that use random numbers")


class FinalFit(Parameters):
    """How the champion is fitted on the training rows (``params:final_fit``)."""

    folds: int = Field(ge=2, le=50, description="folds of the cross-validation for the calibration")
    held_back: float | None = Field(
        gt=0,
        lt=1,
        description="share of training rows used for the calibration only; null for cross-validation on all rows",
    )
