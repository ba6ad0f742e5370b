"""What the documentation says is so."""

import ast
import hmac
import json
import re
from importlib import import_module
from statistics import median

import pandas as pd
import pytest
import yaml
from benchmarks import watch
from benchmarks.pictures import PICTURED, picture_of
from docs import hooks
from jsonschema import Draft202012Validator
from kedro.framework.project import pipelines
from markdown.extensions.toc import slugify
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import ParameterGrid

from penstroke import domain
from penstroke.cli import cli
from penstroke.domain import Augmentation, Cleaning, Features
from penstroke.models import Answers, Costs
from penstroke.pipelines.data_processing.nodes import screen_rows, split_rows, state_form
from penstroke.pipelines.data_processing.parameters import Split
from penstroke.pipelines.data_science.nodes import search_contenders
from penstroke.pipelines.data_science.parameters import Contenders, FinalFit, Search
from penstroke.pipelines.promotion.parameters import Thresholds
from penstroke.pipelines.reporting.nodes import state_origin

from .conftest import ROOT, base_parameters
from .seam import RAW_ROWS
from .typed import faults_of

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "conf/README.md", *sorted((ROOT / "docs").rglob("*.md"))]

TYPED_PAGES = [page for page in PAGES if page.parent.name != "notebooks"] + [ROOT / "src/kedro_guards/README.md"]


def blocks_of(page, language):
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def test_the_readme_gives_the_two_commands_as_they_are_typed():
    assert blocks_of(ROOT / "README.md", "sh")[0].splitlines() == [
        "pip install -r requirements.txt && kedro run",
        "pip install -r requirements-dev.txt && pytest",
    ]


def test_the_readme_has_a_row_for_every_pipeline(bootstrapped):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert {name for name in pipelines if f"| `{name}` |" not in readme} == {"__default__"}


def test_the_readme_says_once_what_to_type():
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Use it")[2].partition("\n## ")[0]
    links = re.findall(r"\]\((docs/[^)]*)\)", table)

    assert len(links) > 5
    assert sorted(links) == sorted(set(links))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)", page.read_text())
    places = [(page.parent / link if link else page, anchor) for link, anchor in links]

    assert [str(place) for place, _ in places if not place.exists()] == []
    assert [
        anchor for place, anchor in places if anchor and place.suffix == ".md" and anchor not in _anchors(place)
    ] == []


def _anchors(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {slugify(heading, "-") for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def test_every_contender_of_the_documentation_can_take_part():
    blocks = [yaml.safe_load(text) for page in PAGES for text in blocks_of(page, "yaml") if "contenders:" in text]
    rows = RAW_ROWS.astype({name: "float32" for name in RAW_ROWS if name != "label"})
    found = {name: block for parameters in blocks for name, block in parameters["contenders"].items()}
    search = Search.model_validate(base_parameters("data_science")["search"] | {"contenders": list(found), "folds": 2})

    final_fit = FinalFit.model_validate(base_parameters("data_science")["final_fit"])

    results, _ = search_contenders(rows, Contenders.model_validate(found), search, final_fit)

    assert set(results["contender"]) == {"discriminant", "vote"}
    assert results.groupby("contender")["accuracy"].max().min() > 0.7


@pytest.mark.parametrize("page", TYPED_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_can_be_typed(page, bootstrapped):
    """Those of a tutorial or a table are run by the tests of what they do."""
    text = page.read_text(encoding="utf-8")
    spans = re.findall(r"`((?:kedro|python -m|pytest) [^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    spans = [re.sub(r"^kedro \w+$", r"\g<0> --help", span) for span in spans]  # the name of a command
    lines = [line for block in blocks_of(page, "sh") for line in block.splitlines()]
    commands = lines + [span for span in spans if not re.search("[…<]|NAME|=VALUE", span)]

    assert {command: faults for command in commands if (faults := faults_of(command))} == {}


@pytest.mark.parametrize("page", TYPED_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_python_in_a_page_uses_what_is_there(page):
    for block in blocks_of(page, "python"):
        tree = ast.parse(re.sub("^%.*$", "", block, flags=re.MULTILINE))
        for imported in [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]:
            module = import_module(imported.module)
            assert [alias.name for alias in imported.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize("page", TYPED_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_configuration_in_a_page_is_as_its_schema_says(page):
    schemas = {path.stem: json.loads(path.read_text()) for path in (ROOT / "conf/schemas").iterdir()}
    for block in blocks_of(page, "yaml"):
        file = (re.match(r"# conf/\w+/(\w+)\.yml", block) or ["", "parameters"])[1]
        name = file.partition("_")[0].replace("parameters", "overrides")
        if name != "credentials" and (values := yaml.safe_load(block)):
            faults = [fault.message for fault in Draft202012Validator(schemas[name]).iter_errors(values)]
            assert faults == [], block


def test_the_signature_of_a_message_is_checked_as_the_page_says():
    (block,) = blocks_of(ROOT / "docs/how-to/schedule.md", "python")
    found: dict = {}
    exec(block, found)  # noqa: S102 # a page of ours

    signed = f"sha256={hmac.new(b'word', b'body', 'sha256').hexdigest()}"
    assert found["is_genuine"](b"body", signed, b"word")
    assert not found["is_genuine"](b"other", signed, b"word")


def test_the_domain_says_in_its_docstring_all_that_the_project_asks_it_for():
    """The page for other data sends people there."""
    assert "the docstring of `penstroke.domain` lists" in (ROOT / "docs/how-to/start-your-own.md").read_text(
        encoding="utf-8"
    )
    assert [name for name in domain.__all__ if f"``{name}" not in domain.__doc__] == []


def test_the_criteria_of_the_problem_are_the_thresholds_of_the_gate():
    page = (ROOT / "docs/problem.md").read_text(encoding="utf-8")
    table = page.partition("## The criteria")[2].partition("\n## ")[0]
    stated = re.findall(r"\| `(\w+)` \| (\S+) \| (\S+) \|", table)
    base = base_parameters("promotion")["gate"]
    mnist = yaml.safe_load((ROOT / "conf/mnist/parameters_promotion.yml").read_text())["gate"]

    assert [key for key, _, _ in stated] == list(Thresholds.model_fields)
    assert {key: float(digits) for key, digits, _ in stated} == base
    assert {key: float(other) for key, _, other in stated} == base | mnist


def test_what_the_problem_refers_to_is_a_parameter():
    page = (ROOT / "docs/problem.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b((?:gate|answers)\.\w+(?:\.\w+)?)", page))
    keys = {f"gate.{key}" for key in Thresholds.model_fields} | {f"answers.{key}" for key in Answers.model_fields}

    assert named - keys == {f"answers.costs.{key}" for key in Costs.model_fields}


def test_the_reference_lists_every_dataset_and_what_help_says_of_every_command(bootstrapped):
    listed = hooks.on_page_markdown((ROOT / "docs/reference/datasets.md").read_text(encoding="utf-8"))
    helped = hooks.on_page_markdown((ROOT / "docs/reference/commands.md").read_text(encoding="utf-8"))
    catalog = {}
    for path in (ROOT / "conf/base").glob("catalog*.yml"):
        catalog |= yaml.safe_load(path.read_text(encoding="utf-8"))

    assert [name for name in catalog if f"\n| `{name}`" not in listed] == []
    assert "| `DIGITS` | `data/03_primary/digits.parquet` |" in listed
    assert "| `inbox`<br>files named &lt;right label&gt;_&lt;digit_id&gt; | Files |" in listed
    assert set(re.findall("^## kedro (.+)$", helped, re.MULTILINE)) == set(cli.commands)
    assert "--allow-stale" in helped.partition("## kedro run")[2].partition("## kedro")[0]


@pytest.mark.parametrize("name", PICTURED)
def test_a_picture_of_figures_shows_what_the_benchmark_kept(name):
    """If this fails, run ``python -m benchmarks.pictures``."""
    page = (ROOT / "docs/figures.md").read_text(encoding="utf-8")

    assert f"](images/figures/{picture_of(name)})" in page
    assert (ROOT / "docs/images/figures" / picture_of(name)).read_bytes()[8:12] == b"WEBP"


def _kept(name):
    return json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())


def test_the_figures_of_quality_are_those_that_the_benchmark_kept():
    figures, readme = (ROOT / "docs/figures.md").read_text(), (ROOT / "README.md").read_text()

    for scores in _kept("quality")["summary"].values():
        assert f"{scores['accuracy_of_all_rows']:.2%}" in figures
        assert f"{scores['accuracy_worst']:.2%}" in figures
        assert f"{scores['accuracy_of_all_rows']:.2%}" in readme


def test_the_figures_of_the_choices_are_those_that_the_benchmark_kept():
    figures = (ROOT / "docs/figures.md").read_text()

    for row in _kept("choices")["rows"]:
        cells = (
            row["choice"],
            f"{row['log_loss_random']:.5f}",
            str(row["errors_random"]),
            str(row["errors_neighbours"]),
            f"{row['strangers']:.2%}",
        )
        assert f"| {' | '.join(cells)} |" in figures


def test_the_figures_of_the_transfer_are_those_that_the_benchmark_kept():
    pages = [ROOT / "docs/figures.md", ROOT / "README.md"]
    cards = [base_parameters("domain"), yaml.safe_load((ROOT / "conf/mnist/parameters_domain.yml").read_text())]

    for row, parameters in zip(_kept("transfer")["rows"], cards, strict=True):
        assert all(f"{row['accuracy'] / 100:.1%}" in page.read_text() for page in pages)
        assert parameters["elsewhere"]["origin"] == row["origin"]
        (figure,) = parameters["elsewhere"]["figures"]
        assert (figure["rows"], figure["accuracy"]) == (row["rows"], round(row["accuracy"] / 100, 4))


def test_the_figures_of_the_transfer_are_of_a_champion_of_the_settings_that_ship():
    values = {**base_parameters("data_processing"), **base_parameters("domain")}
    values |= base_parameters("data_science")
    raw = pd.read_parquet(ROOT / "data/01_raw/digits.parquet")
    accepted, _, _ = screen_rows(raw, state_form(raw, Cleaning.model_validate(values["cleaning"])), None)
    digits, _ = split_rows(accepted, Split.model_validate(values["split"]))
    augmentation = Augmentation.model_validate(values["augmentation"])
    champion = DummyClassifier()
    champion.features_ = Features.model_validate(values["features"]).model_dump()
    winner = Contenders.model_validate(values["contenders"]).root["kernel_ridge"]
    settings = {"steps": winner.model_dump(by_alias=True)["steps"], "seed": values["search"]["seed"]}

    origins = {
        state_origin(
            champion,
            settings | {"parameters": parameters},
            digits,
            FinalFit.model_validate(values["final_fit"]),
            augmentation,
        )["origin"]
        for parameters in ParameterGrid(winner.grid)
    }

    assert base_parameters("domain")["elsewhere"]["origin"] in origins


def test_the_figures_of_the_drawings_are_those_that_the_benchmark_kept():
    figures = (ROOT / "docs/figures.md").read_text()

    for row in _kept("drawings")["rows"]:
        shares = " | ".join(f"{row[name]:.1f}%" for name in ("right", "sure", "right_of_sure"))
        assert f"| {row['drawings']} | {row['files']:,} | {row['rejected']} | {shares} |" in figures
    for row in _kept("sure")["rows"]:
        assert f"| {row['sure']:.1f}% | {row['wrong_of_sure']:.2f}% |" in figures


def test_the_figures_of_disturbed_pictures_are_those_that_the_benchmark_kept():
    figures = (ROOT / "docs/figures.md").read_text()

    for row in _kept("disturb")["rows"]:
        assert f"| {' | '.join(str(row[name]) for name in row)} |" in figures


def test_the_figures_of_the_gate_are_those_that_the_benchmark_kept():
    figures = (ROOT / "docs/figures.md").read_text()

    for model, found in _kept("gate")["summary"].items():
        named = f"{found['by_name']}, `{found['fault']}`" if found["by_name"] else ""
        assert f"| {model} | {found['models']} | {found['refused']} | {named} |" in figures
    good, asked = _kept("gate")["good_models"], base_parameters("promotion")["gate"]
    for name, check, end in (
        ("accuracy_low", "accuracy_low", min),
        ("recall", "recall_", min),
        ("calibration_error", "calibration_error", max),
        ("perturbed_loss", "loss_[^a]", max),
        ("perturbed_log_loss", "perturbed_log_loss", max),
        ("size_mb", "size_mb", max),
        ("latency_ms", "latency_ms", max),
        ("significance", "loss_against_production", min),
    ):
        worst = end(figures_[end.__name__] for found, figures_ in good.items() if re.match(check, found))
        assert f"| `{name}` | {worst:.4g} | {asked[name]:g} |" in figures


def test_the_figures_of_the_watch_are_those_that_the_benchmark_kept():
    figures, kept = (ROOT / "docs/figures.md").read_text(), _kept("watch")

    highest = max(row["highest"] for row in kept["rows"])
    assert f"more than **{watch.MARGIN}** times its stored figure" in figures
    assert f"was **{highest:.2f}** times its median" in figures
    assert kept["repetitions"] == watch.REPETITIONS
    assert (highest - 1) * 2 < watch.MARGIN - 1  # no false alarm


def test_the_figures_of_the_search_are_those_that_the_benchmark_kept():
    figures = (ROOT / "docs/figures.md").read_text()

    for row in _kept("search")["rows"]:
        cells = (row["contenders"], str(row["threads"]), f"{row['cpu_s']:.1f}", f"{row['wall_s']:.1f}")
        assert f"| {' | '.join(cells)} |" in figures


def test_the_figures_of_the_table_are_those_that_the_benchmark_kept():
    figures = (ROOT / "docs/figures.md").read_text()

    for row in _kept("table")["rows"]:
        spent = f"{row['fit_cpu_s']:.1f} | {row['answer_cpu_s']:.1f}"
        assert f"| {row['method']} | {row['input']} | {spent} | {row['error_percent']:.2f}% |" in figures


def test_the_exponents_of_growth_are_those_that_the_benchmark_kept():
    figures = (ROOT / "docs/figures.md").read_text()

    for row in _kept("growth")["rows"]:
        (line,) = [line for line in figures.splitlines() if line.startswith(f"| {row['stage']} |")]
        cells = [cell.strip() for cell in line.split("|")]
        assert cells[6] == ("" if row["user_s_exponent"] is None else f"{row['user_s_exponent']:.2f}")
        assert cells[8] == ("" if row["peak_mb_exponent"] is None else f"{row['peak_mb_exponent']:.2f}")


@pytest.mark.parametrize("name", ["overhead", "overhead_mnist"])
def test_the_figure_of_the_overhead_is_the_one_that_the_benchmark_kept(name):
    assert f"{_kept(name)['median_ratio']:.2f}" in (ROOT / "docs/figures.md").read_text()


def test_the_figures_of_the_guards_are_those_that_the_benchmark_kept():
    kept, figures = _kept("guards"), (ROOT / "docs/figures.md").read_text()

    assert f"**{kept['median_ratio']:.3f}** times" in figures
    assert (
        f"**{kept['nothing_changed_cpu_s']:.1f} s** of CPU, and `kedro --version` {kept['version_cpu_s']:.1f} s"
        in figures
    )


def test_the_figures_of_the_cluster_are_those_that_the_benchmark_kept():
    figures, kept = (ROOT / "docs/figures.md").read_text(), _kept("cluster")
    section = figures.partition("## What does a cluster bring?")[2].partition("\n## ")[0]
    roles = ("kedro", "pool", "workers", "scheduler")

    assert kept["same_bytes"]
    for row in kept["rows"]:
        costs = [row[f"{role}_{kind}"] for kind in ("cpu_s", "peak_mb") for role in roles]
        cells = [row["work"], row["way"], row["wall_s"], row["cores_free"], *costs]
        assert f"| {' | '.join('' if cell is None else str(cell) for cell in cells)} |" in section
    for name in (
        *("predict_gain_of_two_processes", "predict_gain_of_two_workers", "describe_gain_of_two_processes"),
        *("predict_gain_of_two_processes_after_start", "predict_gain_of_two_workers_after_start"),
        *("describe_gain_of_two_workers", "empty_task_ms", "scheduler_ms_per_task", "scheduler_us_per_row"),
    ):
        assert f"| {kept[name]:.2f} " in section
    for name in (
        *("worker_us_per_row", "kedro_us_per_row", "workers_that_one_run_feeds", "billion_rows_h_one_process"),
        *("billion_rows_h_at_most_workers", "store_mb_per_s_at_most_workers", "cluster_start_s"),
    ):
        assert f" {kept[name]:.1f} " in section.replace("\n", " ")


@pytest.mark.parametrize("name", ["serving", "serving_mnist"])
def test_the_figures_of_the_service_are_those_that_the_benchmark_kept(name):
    figures = (ROOT / "docs/figures.md").read_text()

    for row in _kept(name)["rows"]:
        cells = (row["server"], row["load"], f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}", str(row["images_per_s"]))
        assert f"| {' | '.join(cells)} | {row['cpu_ms_per_image']:.3f} |" in figures


def test_the_capacity_in_the_runbook_is_what_the_benchmarks_kept():
    page = (ROOT / "docs/how-to/runbook.md").read_text(encoding="utf-8")
    serving, jobs, growth = _kept("serving"), _kept("overhead")["rows"], _kept("growth")["rows"]
    one, several, many = [row["images_per_s"] for row in serving["rows"] if row["server"] == "kedro serve"][:3]
    cost = {row["stage"]: row["user_s_300k"] for row in growth if row["user_s_300k"]}
    largest_mb = max(row["peak_mb_300k"] for row in growth if row["peak_mb_300k"])

    assert f"| {one:,} images a second from one caller, {several:,} from 16 |" in page
    assert f"| {many:,} images a second |" in page
    assert f"| {max(serving['memory_mb_after_each_tenth'])} MB after" in page
    cpu_s, peak_mb = median(row["kedro_cpu_s"] for row in jobs), max(row["kedro_peak_mb"] for row in jobs)
    assert f"| {cpu_s:.1f} s of CPU, {peak_mb} MB |" in page
    assert f"| {_kept('guards')['nothing_changed_cpu_s']:.1f} s of CPU |" in page
    costs = ", ".join(f"{cost[stage]:.0f} s" for stage in ("features", "fitting", "scoring"))
    assert f"| {costs} of CPU; at most {largest_mb / 1000:.1f} GB |" in page


def test_the_figures_of_the_images_are_those_that_the_benchmark_kept():
    page, kept = (ROOT / "docs/how-to/image.md").read_text(encoding="utf-8"), _kept("image")

    assert all(f"| {row['image']} | {row['unpacked_mb']} |" in page for row in kept["rows"])
    assert f"**{kept['first_answer_s']} s**, of which **{kept['first_answer_cpu_s']} s** of CPU" in page


def test_the_figures_of_drift_are_those_that_the_benchmark_kept():
    figures = (ROOT / "docs/figures.md").read_text()

    for row in _kept("drift")["rows"]:
        psi = f"{row['lowest_psi']:.2f} to {row['highest_psi']:.2f}"
        cells = (row["champion of"], row["what came in"], str(row["draws"]), str(row["alarms"]), psi)
        assert f"| {' | '.join(cells)} |" in figures
        assert row["alarms"] == (0 if row["what came in"] == "fresh rows" else row["draws"])
