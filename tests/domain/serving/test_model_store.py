import os
import subprocess
import sys

import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.pipelines.data_science.calibration import TemperatureScaledClassifier
from penstroke.pipelines.data_science.kernel_machines import NystroemRidgeClassifier

from ...conftest import copy_project
from ...seam import fit, rows_with_split
from ...serving.conftest import promote

ANSWER = """
import sys
import numpy as np
from kedro.framework.project import configure_project
configure_project("penstroke")
from kedro_guards.config import configuration_of
from penstroke.serving.command import ModelStore
served = ModelStore(*configuration_of(None)).load()
accepted, _ = served.accept(np.arange(64).reshape(1, 64) % 17)
print(served.answer(accepted).argmax(), *(name for name in ("pandas", "sklearn", "skops") if name in sys.modules))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("classifier", "imported"),
    [(NystroemRidgeClassifier(100, random_state=0), []), (KNeighborsClassifier(3), ["pandas", "sklearn", "skops"])],
    ids=["known by its arrays", "another"],
)
def test_a_model_is_served_without_what_it_does_not_need(classifier, imported, tmp_path):
    model = fit(TemperatureScaledClassifier(classifier, folds=3), rows_with_split(False))
    project = copy_project(tmp_path / "project")
    promote(project, model)

    environment = os.environ | {"PYTHONPATH": str(project / "src")}
    done = subprocess.run(
        [sys.executable, "-c", ANSWER], cwd=project, env=environment, capture_output=True, text=True, check=True
    )

    answer, *found = done.stdout.splitlines()[-1].split()
    assert answer.isdigit()
    assert found == imported
