"""The schedules of the project for Airflow 3: one command a task. Copy this file into Airflow's folder of DAGs.

The environment of Airflow's workers says where the project is: ``PENSTROKE_HOME`` is its folder, ``PENSTROKE_KEDRO``
the ``kedro`` of its virtual environment. Kedro's own ``KEDRO_ENV`` names the environment of its configuration.
"""

import os
from datetime import UTC, datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, chain

HOME = os.environ.get("PENSTROKE_HOME", "/opt/penstroke")
KEDRO = os.environ.get("PENSTROKE_KEDRO", f"{HOME}/.venv/bin/kedro")
SCHEDULES = {  # by name: when, and the options of `kedro run` by the name of the task, in their order
    "retrain": (
        "0 3 * * 1",
        {
            "feedback": "--changed --pipelines=__default__,feedback --to-outputs=labelled_drawings,rejected_feedback",
            "train": "--changed",
            "promote": "--changed --pipelines=promotion",
        },
    ),
    "answer": (
        "0 * * * *",
        {"predict": "--changed --pipelines=inference", "watch": "--changed --pipelines=monitoring"},
    ),
    "watch_service": ("30 2 * * *", {"watch": "--changed --pipelines=monitoring_service"}),
}

for name, (when, commands) in SCHEDULES.items():
    # no retries: an alarm or a refusal would only be repeated
    with DAG(
        f"penstroke_{name}",
        schedule=when,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 0},
    ):
        tasks = [
            BashOperator(task_id=task, bash_command=f"{KEDRO} run {options}", cwd=HOME, append_env=True)
            for task, options in commands.items()
        ]
        chain(*tasks)
