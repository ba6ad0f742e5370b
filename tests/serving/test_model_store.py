import errno
import os
import re

import pytest
from kedro.validation.exceptions import ParameterValidationError

from penstroke.serving.command import serve
from penstroke.serving.model_store import ModelStore, read_card

from ..conftest import copy_project, known_to_kedro

REFUSED = (ValueError, ParameterValidationError)
SHA256 = "0123456789ab" + "c" * 52


def _no_utf_8(place):
    place.write_bytes(b"x\xff of 0123456789ab")


def _forbidden(place):
    place.write_text("of 0123456789ab", encoding="utf-8")
    place.chmod(0)
    if os.access(place, os.R_OK):
        pytest.skip("this user may read everything")


def test_a_card_is_shown_with_the_model_that_it_cites_and_no_other(tmp_path):
    (tmp_path / "card.md").write_text("3 → 3 by 0123456789ab", encoding="utf-8")

    assert read_card(str(tmp_path / "card.md"), SHA256) == "3 → 3 by 0123456789ab"
    assert read_card(str(tmp_path / "card.md"), "f" * 64) is None
    assert read_card(str(tmp_path / "none.md"), SHA256) is None


@pytest.mark.parametrize(
    "spoil", [_no_utf_8, lambda place: place.mkdir(), _forbidden, lambda place: place.symlink_to(place)]
)
def test_a_card_that_cannot_be_read_counts_as_none_and_is_named_in_a_warning(tmp_path, spoil, caplog):
    spoil(tmp_path / "card.md")

    assert read_card(str(tmp_path / "card.md"), SHA256) is None
    assert "card.md" in caplog.text


def test_a_model_that_nobody_may_look_for_is_not_called_missing(tmp_path, monkeypatch):
    store = object.__new__(ModelStore)
    store.place = str(tmp_path / "production_model.skops")

    assert store.is_empty()

    def refuse(place, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))

    monkeypatch.setattr("os.stat", refuse)
    with pytest.raises(PermissionError, match=r"production_model\.skops"):
        store.is_empty()


@pytest.mark.filterwarnings("ignore:register_new_resolver")
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "parameters_serving.yml",
            "servng: {threads: 2}",
            "servng is not a known group of parameters; did you mean serving?",
        ),
        ("parameters_serving.yml", "serving: {threads: many}", "serving: threads"),
        ("parameters.yml", "answers: {sure_from: 2.0}", "answers: sure_from"),
        ("globals.yml", "dta: data", "dta in globals.yml is not a known name"),
        (
            "catalog.yml",
            "production_model: {type: json.JSONDataset, filepath: model.json}",
            "production_model is a JSONDataset, but the service reads models of kedro_guards.datasets.model",
        ),
        ("catalog.yml", "inbox: {type: MemoryDataset}", "inbox has no filepath in the catalog"),
    ],
    ids=["group", "value", "answers", "global", "type of the model", "no file"],
)
def test_a_service_refuses_a_configuration_that_it_cannot_use(name, text, message, tmp_path):
    project = copy_project(tmp_path / "project")
    (project / "conf/local" / name).write_text(text, encoding="utf-8")

    with known_to_kedro(project), pytest.raises(REFUSED, match=re.escape(message)) as refusal:
        serve(None, "127.0.0.1", 0)

    assert len(str(refusal.value).splitlines()) <= 3
