"""Compare contenders by cross-validation on the training rows, choose the champion, fit it on all training rows."""

import json
import sys
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from io import BytesIO
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from rich.progress import track
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import ParameterGrid, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from kedro_guards import model_files
from penstroke import domain
from penstroke.domain import Features
from penstroke.pools import map_in_order

from .calibration import TemperatureScaledClassifier
from .estimators import AugmentedClassifier, part_copies, without_copies
from .parameters import Contender, Contenders, FinalFit, Search

FEWEST_ROWS = 2  # per class
ROWS_OF_A_REHEARSAL = 25  # per class; with ten classes, more rows than most projections have components


def assemble_training_rows(
    row_features: pd.DataFrame, labels: pd.DataFrame, copy_features: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Join label, features and features of copies, for the training rows only.

    Later steps use this table only, so they cannot see test rows.

    Args:
        row_features: float32 features of all rows.
        labels: ``label`` and ``split`` of all rows.
        copy_features: float32 features of the copies of the training rows, ``copy_<number>_<feature>``, if there are
            copies.

    Returns:
        The training rows: ``label``, then the float32 features, then those of the copies.
    """
    training = labels.index[labels["split"] == "train"]
    parts = [labels[["label"]], row_features, *([] if copy_features is None else [copy_features])]
    return pd.concat([part.loc[training] for part in parts], axis=1)


def search_contenders(
    training_rows: pd.DataFrame, contenders: Contenders, search: Search, final_fit: FinalFit
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every combination of every contender's grid by stratified cross-validation.

    All steps are fitted inside the folds. The rows are all training rows, or a stratified sample of ``search.rows``.
    Before the first fold each contender passes a rehearsal on a few rows: it is fitted like a champion, saved and
    loaded.

    Args:
        training_rows: ``label`` and float32 features.
        contenders: the blocks by name.
        search: which contenders take part, and how they are compared.
        final_fit: how the champion will be fitted.

    Returns:
        ``search_results``, one row per combination and fold (``contender``, ``parameters`` as JSON, ``fold``,
        ``accuracy`` 0 to 1); and ``timings``, one row per combination (mean ``fit_s`` and ``score_s``).

    Raises:
        ValueError: a class has too few rows, a name has no block, or a contender fails its rehearsal.
    """
    _refuse_rare_classes(training_rows["label"], search, final_fit)
    label = _stratified_part(training_rows["label"], search.rows, search.seed)
    rows = without_copies(training_rows.loc[label.index].drop(columns="label"), search.copies)
    built = {name: _build(name, contenders, search.seed, rows) for name in search.contenders}
    few = label.groupby(label).head(ROWS_OF_A_REHEARSAL).index
    for name, pipeline in built.items():
        first = {key: values[0] for key, values in contenders.root[name].grid.items()}
        _rehearse(name, clone(pipeline).set_params(**first), rows.loc[few], label.loc[few])
    tried = [(name, chosen) for name in built for chosen in ParameterGrid(contenders.root[name].grid)]
    folds = list(StratifiedKFold(search.folds, shuffle=True, random_state=search.seed).split(rows, label))
    fits = [
        (AugmentedClassifier(clone(built[name]).set_params(**chosen), search.copies), *fold)
        for name, chosen in tried
        for fold in folds
    ]
    # without copies nothing needs the names of the features, and arrays are faster than tables
    judge = partial(_judge, rows=rows if search.copies else np.ascontiguousarray(rows), label=label)
    is_watched = bool(sys.stdout and sys.stdout.isatty())  # sys.stdout can be None inside an application
    with threadpool_limits(1):
        judged = map_in_order(judge, fits, search.jobs or -1, search.backend)
        found = list(track(judged, "fits of the search", len(fits), disable=not is_watched))
    return _tabulate(tried, np.reshape(found, (len(tried), search.folds, 3)))


def rank_contenders(search_results: pd.DataFrame) -> pd.DataFrame:
    """Rank the contenders by the mean accuracy over the folds of their best combination.

    At equal accuracy the smaller standard deviation over the folds wins, then the earlier combination or contender.

    Args:
        search_results: one row per combination and fold.

    Returns:
        One row per contender, best first: ``contender``, ``accuracy_mean`` and ``accuracy_sd`` over the folds
        (0 to 1, ``ddof`` 1), ``parameters`` as JSON, number of ``combinations`` that were tried.
    """
    grouped = search_results.groupby(["contender", "parameters"], sort=False)["accuracy"]
    scored = grouped.agg(accuracy_mean="mean", accuracy_sd="std").reset_index()
    # rounded: differences in the last bit do not count
    order = scored.round(12).sort_values(["accuracy_mean", "accuracy_sd"], ascending=[False, True], kind="stable").index
    best = scored.loc[order].drop_duplicates("contender")
    best["combinations"] = best["contender"].map(scored["contender"].value_counts())
    return best[["contender", "accuracy_mean", "accuracy_sd", "parameters", "combinations"]].reset_index(drop=True)


def choose_champion(leaderboard: pd.DataFrame, contenders: Contenders, search: Search) -> dict[str, Any]:
    """Choose the first contender of the leaderboard, with its best parameters.

    Returns:
        ``contender`` (its name), ``accuracy_mean``, ``parameters`` (its best combination), ``steps`` (its block) and
        ``seed``: everything that is needed to build it again.
    """
    first = leaderboard.iloc[0]
    steps = contenders.root[first["contender"]].model_dump(by_alias=True)["steps"]
    return {
        "contender": first["contender"],
        "accuracy_mean": float(first["accuracy_mean"]),
        "parameters": json.loads(first["parameters"]),
        "steps": steps,
        "seed": search.seed,
    }


def fit_champion(
    training_rows: pd.DataFrame,
    champion_settings: dict[str, Any],
    final_fit: FinalFit,
    features: Features,
    row_form: dict[str, Any],
    *,
    copied_rows: pd.DataFrame | None = None,
    augmentation: Any = None,
) -> TemperatureScaledClassifier:
    """Fit the champion on the training rows and their copies, and calibrate its probabilities.

    The calibration is fitted on out-of-fold predictions of cross-validation. Its folds are not shuffled, since
    neighbouring rows are the most alike. The model itself is then fitted on all rows. If ``final_fit.held_back`` is
    set, that share of the rows, stratified by class, is used for the calibration only, and the model is fitted once,
    on the other rows. Only then does a classifier with ``near_copies`` learn copies of the rows nearest to its margin.

    Args:
        training_rows: ``label`` and float32 features, also of copies.
        champion_settings: the steps of the champion, its best parameters and its seed.
        final_fit: how it is fitted.
        features: the parameters of the features.
        row_form: the form of the rows.
        copied_rows: the accepted rows, among them the training rows, which copies can be made of.
        augmentation: how copies are made.

    Returns:
        The fitted classifier, with ``classes_``, ``predict`` and calibrated ``predict_proba``. It takes tables with the
        columns ``feature_names_in_``, or arrays. Its file documents it independently of the tables: ``row_ids_``
        are the rows that it was trained or calibrated on, ``features_`` the parameters of its features, ``form_`` the
        form in which it takes rows, and ``calibrated_on_`` the numbers of ``rows`` and of ``errors`` of the
        calibration.
    """
    contender = Contender.model_validate({"steps": champion_settings["steps"], "grid": {}})
    label, rows = training_rows["label"], training_rows.drop(columns="label")
    seed = champion_settings["seed"]
    pipeline = contender.build(seed, _features(rows)).set_params(**champion_settings["parameters"])
    alone = len(pipeline) == 1  # a single step is faster without a pipeline around it
    champion = AugmentedClassifier(pipeline[0] if alone else pipeline)
    with threadpool_limits(1):
        if final_fit.held_back is None:
            model = TemperatureScaledClassifier(champion, final_fit.folds).fit(rows, label)
        else:
            held_back = _stratified_part(label, round(final_fit.held_back * len(label)), seed)
            fitted = label.drop(held_back.index)
            copies_of = None if copied_rows is None else _copier(copied_rows.loc[fitted.index], features, augmentation)
            champion.fit(rows.loc[fitted.index], fitted, copies_of)
            frozen = FrozenEstimator(champion)
            model = TemperatureScaledClassifier(frozen, folds=None).fit(rows.loc[held_back.index], held_back)
    model.row_ids_ = rows.index.to_numpy(str)
    model.features_, model.form_ = features.model_dump(), row_form
    return model


def _copier(rows: pd.DataFrame, features: Features, augmentation: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that makes a copy of each row at the given places, and returns their features."""
    one = augmentation.model_copy(update={"copies": 1})
    return lambda places: domain.extract_copy_features(rows.iloc[places], features, one).to_numpy()


def _stratified_part(label: pd.Series, rows: int | None, seed: int) -> pd.Series:
    """Draw ``rows`` rows, stratified by class, and keep their order; all rows if ``rows`` is None or too large."""
    if rows is None or rows >= len(label):
        return label
    part, _ = train_test_split(label, train_size=rows, stratify=label, random_state=seed)
    return label[label.index.isin(part.index)]


def _refuse_rare_classes(label: pd.Series, search: Search, final_fit: FinalFit) -> None:
    """Refuse a class with too few rows for the parts that are drawn later."""
    rows, least = len(label), {"final_fit.folds": final_fit.folds}
    if final_fit.held_back is not None:
        least = {"final_fit.held_back": -(-rows // max(1, round(final_fit.held_back * rows)))}
    if search.rows is not None and search.rows < rows:
        least["search.rows"] = -(-FEWEST_ROWS * rows // search.rows)
    choice, needed = max(least.items(), key=lambda item: item[1])
    found = label.value_counts(ascending=True)
    if found.iloc[0] < (needed := max(needed, FEWEST_ROWS)):
        raise ValueError(
            f"class {found.index[0]} has {found.iloc[0]} training rows, but {choice} needs {needed} of each class; "
            f"give more rows of it, leave it out, or change {choice}"
        )


def _block(name: str, contenders: Contenders) -> Contender:
    if name not in contenders.root:
        near = get_close_matches(name, contenders.root, n=1)
        raise ValueError(
            f"search.contenders names {name}, which has no block" + (f"; did you mean {near[0]}?" if near else "")
        )
    return contenders.root[name]


def _build(name: str, contenders: Contenders, seed: int, rows: pd.DataFrame) -> Pipeline:
    block = _block(name, contenders)
    try:
        return block.build(seed, _features(rows))
    except ValueError as error:
        raise ValueError(f"contenders.{name}: {error}") from error


def _features(rows: pd.DataFrame) -> list[str]:
    return list(part_copies(rows.head(0))[0])


def _rehearse(name: str, pipeline: Pipeline, rows: pd.DataFrame, label: pd.Series) -> None:
    """Fit a contender on a few rows, save and load it, so that contenders that cannot work fail before the search."""
    try:
        with threadpool_limits(1), warnings.catch_warnings(action="ignore"):  # few rows cause many warnings
            fitted = FrozenEstimator(AugmentedClassifier(pipeline).fit(rows, label))
            model = TemperatureScaledClassifier(fitted, folds=None).fit(rows, label)
        file = BytesIO()
        model_files.dump(model, file)
        file.seek(0)
        model_files.load(file)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"contenders.{name} does not pass its rehearsal on {len(rows)} rows: {reason}") from error


def _judge(
    fit: tuple[AugmentedClassifier, np.ndarray, np.ndarray], rows: pd.DataFrame | np.ndarray, label: pd.Series
) -> tuple[float, float, float]:
    """Fit a classifier on the rows of a fold, and return the accuracy on the others, and the seconds for either."""
    classifier, train, test = fit
    places = rows.iloc if isinstance(rows, pd.DataFrame) else rows
    learned, others = places[train], places[test]
    start = perf_counter()
    classifier.fit(learned, label.iloc[train])
    middle = perf_counter()
    accuracy = classifier.score(others, label.iloc[test])
    return accuracy, middle - start, perf_counter() - middle


def _tabulate(tried: list[tuple[str, dict[str, Any]]], judged: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the tables of results, (combinations, folds, 3), as :func:`_judge` returns them."""
    chosen = [(name, json.dumps(parameters, sort_keys=True)) for name, parameters in tried]
    combinations = pd.DataFrame(chosen, columns=["contender", "parameters"])
    by_fold = [combinations.assign(fold=fold, accuracy=accuracy) for fold, accuracy in enumerate(judged[:, :, 0].T)]
    timings = combinations.assign(fit_s=judged[:, :, 1].mean(axis=1), score_s=judged[:, :, 2].mean(axis=1))
    return pd.concat(by_fold, ignore_index=True), timings
