import shutil
from types import SimpleNamespace

import pytest
from kedro.framework.project import settings
from kedro.validation.exceptions import ParameterValidationError

from kedro_guards.config import CheckedConfigLoader
from kedro_guards.hooks import ParameterHooks
from penstroke.serving.parameters import Serving

from ..conftest import ROOT


@pytest.fixture
def check(bootstrapped, tmp_path):
    """Check the project's own configuration, packed or not, with more files in it and ``--params``."""

    def check(env="test", packed=False, files=None, **runtime_params):
        conf = tmp_path / "conf"
        shutil.copytree(ROOT / "conf", conf, dirs_exist_ok=True)
        for name, text in (files or {}).items():
            (conf / name).write_text(text)
        source = shutil.make_archive(str(tmp_path / "packed"), "gztar", tmp_path, "conf") if packed else str(conf)
        loader = CheckedConfigLoader(source, env, runtime_params, **settings.CONFIG_LOADER_ARGS)
        ParameterHooks(serving=Serving).after_context_created(
            SimpleNamespace(params=loader["parameters"], config_loader=loader)
        )

    return check


ASKING = {"test/parameters_data_processing.yml": "split: {seed: '${runtime_params:the.seed,7}'}"}


@pytest.mark.parametrize("packed", [False, True])
def test_what_the_configuration_asks_for_may_be_given_packed_or_not(check, packed):
    check("mnist", packed, source="elsewhere")
    check("test", packed, ASKING, the={"seed": 3})


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"source": "elsewhere"}, "source is not a known group of parameters"),
        ({"thee": {"seed": 3}}, "thee is not a known group of parameters; did you mean the"),
        ({"the": {"sed": 3}}, "the.sed is nothing that the configuration asks for; did you mean the.seed?"),
        ({"the": {"seed": 3, "fraction": 0.2}}, "the.fraction is nothing that the configuration asks for"),
        ({"splitt": {"seed": 3}}, "splitt is not a known group of parameters; did you mean split?"),
    ],
)
def test_what_nothing_asks_for_is_refused_packed_or_not(check, packed, given, told):
    with pytest.raises(ParameterValidationError, match=told):
        check("test", packed, ASKING, **given)


@pytest.mark.parametrize("packed", [False, True])
def test_a_misspelt_place_is_refused_packed_or_not(check, packed):
    with pytest.raises(ParameterValidationError, match="dta in globals.yml is not a known name; .* raw, data"):
        check("test", packed, {"test/globals.yml": "dta: elsewhere"})
