"""The main job as a plain script: the same functions on the same files, without Kedro and without contracts.

``python -m benchmarks.plain FOLDER`` writes the results of ``kedro run`` below FOLDER;
``python -m benchmarks.plain FOLDER SOURCE`` writes those of ``kedro run --env=mnist`` for the IDX set in SOURCE.
``benchmarks.overhead`` compares ``kedro run`` with this script.
"""

import hashlib
import json
import sys
import types
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

ROOT = Path(__file__).parents[1]
# the packages of the pipelines import kedro.pipeline, the IDX dataset its base class, contracts their validator, and
# the pool its hooks: a plain script uses none of these
sys.modules["kedro"] = types.ModuleType("kedro")
sys.modules["kedro.pipeline"] = types.SimpleNamespace(Node=None, Pipeline=None)  # type: ignore[assignment]
sys.modules["kedro.validation"] = types.SimpleNamespace(DataValidationError=ValueError, PanderaValidator=id)  # type: ignore[assignment]
settings: dict[str, Any] = {}
sys.modules["kedro.framework.project"] = types.SimpleNamespace(settings=settings)  # type: ignore[assignment]
sys.modules["kedro.framework.context"] = types.SimpleNamespace(KedroContext=None)  # type: ignore[assignment]
sys.modules["kedro.framework.hooks"] = types.SimpleNamespace(hook_impl=lambda hook: hook)  # type: ignore[assignment]
sys.modules["kedro.io"] = types.SimpleNamespace(
    AbstractDataset=dict, AbstractVersionedDataset=dict, CachedDataset=dict, DatasetError=ValueError
)  # type: ignore[assignment]

from kedro_guards import model_files  # noqa: E402
from penstroke import domain  # noqa: E402
from penstroke.domain import pictures as drawn  # noqa: E402
from penstroke.domain.idx import read_idx  # noqa: E402
from penstroke.domain.patches import PatchDictionary  # noqa: E402
from penstroke.domain.pixels import to_table  # noqa: E402
from penstroke.pipelines.data_processing import nodes as processing  # noqa: E402
from penstroke.pipelines.data_processing.parameters import Split  # noqa: E402
from penstroke.pipelines.data_science import nodes as science  # noqa: E402
from penstroke.pipelines.data_science.calibration import TemperatureScaledClassifier  # noqa: E402
from penstroke.pipelines.data_science.estimators import AugmentedClassifier  # noqa: E402
from penstroke.pipelines.data_science.kernel_machines import NystroemRidgeClassifier  # noqa: E402
from penstroke.pipelines.data_science.parameters import Contenders, FinalFit, Search  # noqa: E402
from penstroke.pipelines.reporting import figures  # noqa: E402
from penstroke.pipelines.reporting import nodes as reporting  # noqa: E402
from penstroke.pipelines.reporting.parameters import Elsewhere, Profile  # noqa: E402
from penstroke.scoring import Scoring  # noqa: E402

TRUSTED = (TemperatureScaledClassifier, AugmentedClassifier, NystroemRidgeClassifier, PatchDictionary)
settings["TRUSTED_TYPES"] = tuple(f"{kind.__module__}.{kind.__name__}" for kind in TRUSTED)


def main(folder: Path, source: Path | None = None) -> None:
    """Do the main job."""
    folder.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {}
    for environment in ("base", "mnist") if source else ("base",):
        for path in (ROOT / "conf" / environment).glob("parameters_*.yml"):
            values = _merged(values, yaml.safe_load(path.read_text(encoding="utf-8")))
    augmentation = domain.Augmentation.model_validate(values["augmentation"])
    features = domain.Features.model_validate(values["features"])
    pictures = drawn.Pictures.model_validate(values["pictures"])
    scoring, search = Scoring.model_validate(values["scoring"]), Search.model_validate(values["search"])
    contenders = Contenders.model_validate(values["contenders"])
    final_fit = FinalFit.model_validate(values["final_fit"])
    elsewhere = Elsewhere.model_validate(values["elsewhere"])

    raw_digits = read_set(source) if source else pd.read_parquet(ROOT / "data/01_raw/digits.parquet")
    raw_digits = raw_digits.astype({"label": "int64"})
    digit_form = processing.state_form(raw_digits, domain.Cleaning.model_validate(values["cleaning"]))
    accepted, rejected, cleaning_scores = processing.screen_rows(raw_digits, digit_form)
    digits, labels = processing.split_rows(accepted, Split.model_validate(values["split"]))
    digit_features = domain.extract_features(digits, features)
    copies = domain.extract_copy_features(digits, features, augmentation)
    training_rows = science.assemble_training_rows(digit_features, labels, copies)
    search_results, timings = science.search_contenders(training_rows, contenders, search, final_fit)
    leaderboard = science.rank_contenders(search_results)
    settings = science.choose_champion(leaderboard, contenders, search)
    model = science.fit_champion(
        training_rows, settings, final_fit, features, digit_form, copied_rows=digits, augmentation=augmentation
    )
    with (folder / "champion_model.skops").open("wb") as file:
        model_files.dump(model, file)
    answers = reporting.predict_test_rows(model, digits, scoring)
    written = (folder / "champion_model.skops").read_bytes()
    receipt = {"sha256": hashlib.sha256(written).hexdigest()}
    scores = reporting.score_test_rows(answers, receipt, scoring)
    origin = reporting.state_origin(model, settings, digits, final_fit, augmentation)

    for name, table in {
        "accepted_digits": accepted,
        "rejected_digits": rejected,
        "digits": digits,
        "labels": labels,
        "digit_features": digit_features,
        "copy_features": copies,
        "training_rows": training_rows,
        "search_results": search_results,
        "timings": timings,
        "leaderboard": leaderboard,
        "test_predictions": answers,
    }.items():
        of_floats = name in {"digit_features", "copy_features", "training_rows"}
        table.to_parquet(folder / f"{name}.parquet", use_dictionary=not of_floats)
    for name, content in {
        "cleaning_scores": cleaning_scores,
        "champion_settings": settings,
        "test_scores": scores,
        "champion_origin": origin,
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2, sort_keys=True), encoding="utf-8")
    for name, figure in {
        "confusion_plot": figures.draw_confusion(answers),
        "calibration_plot": figures.draw_calibration(answers, scoring),
        "leaderboard_plot": figures.draw_leaderboard(search_results, leaderboard),
        "mistakes_plot": drawn.draw_mistakes(answers, digits, model, pictures),
        "evidence_plot": drawn.draw_evidence(model, digits, pictures),
        "features_plot": drawn.draw_features(digits, model),
    }.items():
        figure.write_json(folder / f"{name}.json")
    card = reporting.write_model_card(origin, leaderboard, cleaning_scores, scores, elsewhere)
    (folder / "model_card.md").write_text(card, encoding="utf-8")
    profiles = reporting.profile_rows(digits, answers, model, receipt, Profile.model_validate(values["profile"]))
    for version, profile in profiles.items():
        profile.to_parquet(folder / f"{version}.parquet")


def read_set(source: Path) -> pd.DataFrame:
    """Read the train and test parts of an IDX set as one table of raw digits."""
    parts = []
    for split, stem in (("train", "train"), ("test", "t10k")):
        with (source / f"{stem}-images-idx3-ubyte.gz").open("rb") as file:
            table = to_table(read_idx(file, 3, stem))
        with (source / f"{stem}-labels-idx1-ubyte.gz").open("rb") as file:
            table.insert(0, "label", read_idx(file, 1, stem).astype("int8"))
        table.insert(1, "split", split)
        parts.append(table.set_index(pd.Index([f"{split}-{row:05d}" for row in table.index], name="digit_id")))
    return pd.concat(parts)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {key: _merged(below[key], above[key]) for key in below.keys() & above if isinstance(above[key], dict)}
    return below | above | both


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
