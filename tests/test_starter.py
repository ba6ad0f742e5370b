"""A project that ``kedro new`` makes of this one: whole, and nothing of ours in it by name."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import numpy as np
import pandas as pd
import pytest
import yaml

from .conftest import ROOT, run_kedro
from .serving.conftest import running

LEAVES = {
    "project_name": "Leaf Finder",
    "repo_name": "leaf-finder",
    "python_package": "leaf_finder",
    "row": "leaf",
    "rows": "leaves",
    "data": "table",
    **dict.fromkeys(("service", "monitoring", "production", "cluster", "benchmarks"), "yes"),
}
AUTHOR = {f"GIT_{who}_{what}": "n" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
OURS = re.compile("penstroke", re.IGNORECASE)
IMAGES = re.compile("digit|pixel|mnist|drawing|penstroke", re.IGNORECASE)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Make projects of answers, changed as given."""

    def make(**changes):
        answers, folder = LEAVES | changes, tmp_path_factory.mktemp("new")
        (folder / "answers.yml").write_text(yaml.safe_dump(answers))
        asked = ("new", f"--starter={ROOT}", "--directory=starter", "--config=answers.yml")
        result = run_kedro(
            *asked,
            cwd=folder,
            DO_NOT_TRACK="1",
            **AUTHOR,
        )
        assert result.returncode == 0, result.stderr
        return folder / answers["repo_name"]

    return make


@pytest.fixture(scope="module")
def leaves(new):
    return new()


def _found(project, words):
    """The names and lines of a project's files in which words stand."""
    files = [path for path in project.rglob("*") if path.is_file() and ".git" not in path.relative_to(project).parts]
    names = [str(path.relative_to(project)) for path in files]
    assert len(files) > 150
    texts = {name: path.read_bytes().decode("utf-8", "replace") for name, path in zip(names, files, strict=True)}
    lines = {(name, line) for name, text in texts.items() for line in text.splitlines() if words.search(line)}
    return lines | {name for name in names if words.search(name)}


def _menu(part):
    """The pages in a part of the site's menu; a part without any is a fault."""
    assert part
    for place in part:
        pages = [place] if isinstance(place, str) else place.values()
        for page in pages:
            yield from [page] if isinstance(page, str) else _menu(page)


def _has_a_site(project):
    menu = yaml.safe_load((project / "mkdocs.yml").read_text("utf-8"))["nav"]
    pages = {path.relative_to(project / "docs").as_posix() for path in (project / "docs").rglob("*.md")}
    assert set(_menu(menu)) == pages
    for page in (project / "docs").rglob("*.md"):
        links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
        assert [link for link in links if not (page.parent / link).exists()] == [], page


def _programs_of_tests(project):
    """The environments of their own that a project's script makes; each has its lock, and its line in ``.ci/lock``."""
    run, lock = ((project / ".ci" / name).read_text("utf-8") for name in ("run", "lock"))
    names = re.search("(?m)^for other in (.*); do$", run)[1].split()
    assert {f"{name}.in" for name in names} == {path.name for path in (project / ".ci").glob("*.in")}
    assert names == re.findall(r'compile "\$folder/\.ci/([\w-]+)\.txt"', lock)
    return names


def _pipelines(project):
    result = run_kedro("registry", "list", cwd=project)
    assert result.returncode == 0, result.stderr
    return set(yaml.safe_load(result.stdout))


def test_a_project_for_a_table_has_no_word_of_images_and_none_of_ours(leaves):
    assert _found(leaves, IMAGES) == set()
    assert (leaves / "README.md").read_text("utf-8").startswith("# Leaf Finder\n")
    assert {path.name for path in (leaves / "docs").rglob("*.md")} == {"stay-up-to-date.md", "guards.md"}
    for check in (".ci/secrets", ".ci/guards"):  # which its first commit would pass
        subprocess.run([check], cwd=leaves, check=True)


def test_a_project_for_a_table_is_committed_and_trains_and_passes_its_gate(leaves):
    log = subprocess.run(["git", "log", "--format=%s"], cwd=leaves, capture_output=True, text=True, check=True)
    assert log.stdout == "Start the project\n"

    result = run_kedro("run", "--pipelines=__default__,promotion", cwd=leaves)

    assert result.returncode == 0, result.stderr
    assert "The champion passes the gate" in result.stdout
    assert yaml.safe_load((leaves / ".starter.yml").read_text())["rows"] == "leaves"
    assert run_kedro("schemas", cwd=leaves).returncode == 0  # whose files are those of the first commit
    assert subprocess.run(["git", "status", "--porcelain"], cwd=leaves, capture_output=True, check=True).stdout == b""


def test_a_project_takes_a_later_version_and_keeps_what_its_team_changed(leaves, tmp_path):
    live, project = tmp_path / "live", tmp_path / "leaf-finder"
    subprocess.run(["git", "clone", "--quiet", ROOT, live], check=True)
    shutil.copytree(leaves, project)
    (live / "src/penstroke/plots.py").rename(live / "src/penstroke/charts.py")
    for path in (live / "src").rglob("*.py"):
        path.write_text(re.sub(r"\bplots(?= import)", "charts", path.read_text("utf-8")), "utf-8")
    own = '\n\ndef mine() -> int:\n    """Return one."""\n    return 1\n'
    _append({live / "src/kedro_guards/files.py": "# later\n", live / "src/penstroke/cards.py": "# later\n"})
    _append({project / f"src/leaf_finder/{name}.py": own for name in ("plots", "rows")})
    for folder in (live, project):
        _git(folder, "add", "--all")
        _git(folder, "commit", "--quiet", "--message=Change")

    updated = subprocess.run(
        [".ci/update", live], cwd=project, env=os.environ | AUTHOR, capture_output=True, check=False
    )

    assert updated.returncode == 0, updated.stderr
    assert _git(project, "status", "--porcelain") == ""
    assert _git(project, "log", "--format=%s").splitlines()[1:] == ["Change", "Start the project"]
    package = project / "src/leaf_finder"
    assert [(package / f"{name}.py").read_text("utf-8").endswith(own) for name in ("charts", "rows")] == [True, True]
    assert not (package / "plots.py").exists()
    assert (package / "cards.py").read_text("utf-8").endswith("# later\n")
    subprocess.run([".ci/guards"], cwd=project, check=True)  # those of the later version
    result = run_kedro("run", cwd=project)
    assert result.returncode == 0, result.stderr


def _append(texts):
    for place, text in texts.items():
        with place.open("a", encoding="utf-8") as file:
            file.write(text)


def _git(folder, *arguments):
    call = ["git", *arguments]
    return subprocess.run(call, cwd=folder, env=os.environ | AUTHOR, text=True, stdout=-1, check=True).stdout.strip()


def test_parts_can_be_left_out(new, leaves):
    bare = new(service="no", monitoring="no", production="no", cluster="no")

    assert _pipelines(leaves) - _pipelines(bare) == {"monitoring_table", "monitoring_service"}
    assert not list(bare.rglob("serving"))
    schemas = [json.loads((project / "conf/schemas/parameters.json").read_text()) for project in (leaves, bare)]
    assert schemas[0]["properties"].keys() - schemas[1]["properties"].keys() == {"drift", "serving"}
    assert not [place for name in ("production", "cluster") for place in bare.glob(f"conf/{name}")]
    assert _programs_of_tests(bare) == _programs_of_tests(leaves) == ["mlflow-server", "s3-server"]
    assert "Serve the production model" not in run_kedro("--help", cwd=bare).stdout


def test_a_project_with_the_digits_is_renamed_and_has_the_same_pipelines(new):
    renamed = new(data="digits", row="digit", rows="digits", benchmarks="no")

    assert _found(renamed, OURS) == set()
    assert _pipelines(renamed) == _pipelines(ROOT)
    assert _programs_of_tests(renamed) == _programs_of_tests(ROOT)
    _has_a_site(renamed)


def test_a_row_may_have_another_name(new):
    """Names of functions of other libraries stay."""
    renamed = new(data="digits", row="numeral", rows="numerals")

    catalog = (renamed / "conf/base/catalog.yml").read_text()
    assert "raw_numerals:" in catalog
    assert pd.read_parquet(renamed / "data/01_raw/numerals.parquet").index.name == "numeral_id"
    assert not [line for _, line in _found(renamed, re.compile("load_numerals|isnumeral|numeralize")) if line]
    result = run_kedro("run", "--pipelines=data_processing", cwd=renamed)
    assert result.returncode == 0, result.stderr


def test_a_project_for_images_reads_a_folder_for_each_class(new):
    shapes = new(data="images", row="shape", rows="shapes", benchmarks="no")
    assert _programs_of_tests(shapes) == ["mlflow-server", "s3-server"]

    result = run_kedro("run", "--pipelines=__default__,promotion,inference", cwd=shapes)

    assert result.returncode == 0, result.stderr
    assert "The champion passes the gate" in result.stdout
    assert "3 files answered" in result.stdout
    chosen = yaml.safe_load((shapes / "conf/base/parameters_data_science.yml").read_text())
    assert list(chosen["contenders"]) == chosen["search"]["contenders"] == ["logistic", "kernel_ridge"]
    assert {line for _, line in _found(shapes, OURS)} == set()
    _has_a_site(shapes)


HOW_TO = ROOT / "docs/how-to/start-your-own.md"
FLOWERS = "flowers.csv"  # the table of the how-to


def _write_flowers(place, rows=240):
    """Write a table as a spreadsheet in German does: semicolons, decimal commas, days first, a mark of its encoding."""
    random = np.random.default_rng(7)
    kind = np.arange(rows) % 3
    table = pd.DataFrame(
        {
            "flower no": [f"F{number:03}" for number in random.permutation(rows)],
            "petal length (cm)": (kind + random.normal(3, 0.3, rows)).round(2),
            "weight": (10 * kind + random.normal(50, 3, rows)).round(1),
            "soil type": random.integers(1, 5, rows),
            "colour": np.array(["blue", "red", "white"])[(kind + (random.random(rows) < 0.2)) % 3],
            "wild": np.where(random.random(rows) < 0.5, "yes", "no"),
            "sprayed": random.random(rows) < 0.5,
            "picked": (pd.Timestamp("2024-03-01") + pd.to_timedelta(30 * kind, unit="D")).strftime("%d.%m.%Y"),
            "country": "DE",
            "species": np.array(["iris", "lily", "rose"])[kind],
        }
    )
    table.loc[random.random(rows) < 0.1, "weight"] = None
    table.loc[random.random(rows) < 0.1, "colour"] = None
    table.loc[random.random(rows) < 0.1, "soil type"] = None  # whose others are written 3,0 then
    table.loc[random.random(rows) < 0.1, "picked"] = None
    table.to_csv(place, index=False, sep=";", decimal=",", encoding="utf-8-sig")


@pytest.fixture(scope="module")
def flowers(leaves, tmp_path_factory):
    """A project for a table after the commands of the how-to, and what each of them printed."""
    folder = tmp_path_factory.mktemp("flowers")
    project = shutil.copytree(leaves, folder / "project", ignore=shutil.ignore_patterns("0[2-8]_*", ".receipts"))
    (folder / "path/to").mkdir(parents=True)
    _write_flowers(folder / "path/to" / FLOWERS)
    _, block, _ = HOW_TO.read_text("utf-8").partition("## Your own table")[2].split("```", 2)
    said = {}
    for line in block.removeprefix("sh\n").splitlines():
        program, *arguments = line.replace("path/to", str(folder / "path/to")).split()
        if program == "cp":
            shutil.copy(*arguments[:1], project / arguments[1])
            continue
        result = run_kedro(*arguments, cwd=project, COLUMNS="200")
        assert result.returncode == 0, result.stderr
        said[line] = result.stdout
    return project, said


def test_the_domain_of_a_table_is_drafted_as_the_how_to_says(flowers):
    project, said = flowers
    draft, run, promotion = said.values()

    assert "240 rows of 3 classes: iris (80), lily (80), rose (80)" in draft
    assert "sep = ';', decimal = ','" in draft
    for column, told in {
        "weight": "number",
        "soil type": "category of 4 whole numbers",
        "colour": "category of 3 values",
        "wild": "category of 2 values",
        "sprayed": "true or false",
        "picked": "date, 2024-03-01 to 2024-04-30",
        "left out, flower no": "text, another in nearly each row",
        "left out, country": "always 'DE'",
    }.items():
        assert f"  {column}: {told}" in draft
    assert "the test rows cannot tell whether the accuracy is above 95%: 72 test rows show no more" in draft
    assert "Test accuracy" in run
    assert "The champion passes the gate" in promotion
    columns = (project / "src/leaf_finder/domain/columns.py").read_text("utf-8")
    assert "'picked': Date('%d.%m.%Y', missing=True)," in columns
    changed = subprocess.run(
        ["git", "diff", "--numstat", "conf"], cwd=project, capture_output=True, text=True, check=True
    ).stdout
    assert len(columns.splitlines()) <= 70
    assert 8 <= sum(int(line.split()[0]) for line in changed.splitlines()) <= 20


def test_models_of_a_drafted_domain_see_numbers_categories_and_dates(flowers):
    project, _ = flowers

    features = pd.read_parquet(project / "data/04_feature/leaf_features.parquet")

    codes = features.filter(like="soil type")
    assert set(codes) == {"soil type=1", "soil type=2", "soil type=3", "soil type=4", "soil type missing"}
    assert (codes.sum(axis=1) == 1).all()
    assert set(features.dtypes) == {np.dtype("float32")}
    assert {"weight", "soil type=4", "colour=red", "colour missing", "wild=yes", "sprayed"} < set(features)
    assert features["picked years since 2000"].between(24.1, 24.4).sum() == features["picked season sin"].notna().sum()
    assert features.isna().sum().loc[lambda gaps: gaps > 0].index.str.split(" ").str[0].unique().tolist() == [
        "weight",
        "picked",
    ]


def test_a_drafted_domain_answers_a_table_and_watches_it(flowers):
    project, _ = flowers
    head, *lines = (project / "data/01_raw" / FLOWERS).read_text("utf-8").splitlines()
    blind = [line.replace("blue", "green").rpartition(";")[0] for line in lines[:120]]
    (project / "data/01_raw/incoming_leaves.csv").write_text("\n".join([head.rpartition(";")[0], *blind]), "utf-8")

    result = run_kedro("run", "--pipelines=inference_table,monitoring_table", cwd=project)

    predictions = pd.read_parquet(project / "data/07_model_output/table_predictions.parquet")
    right = predictions["prediction"].to_numpy() == [line.rpartition(";")[2] for line in lines[:120]]
    assert right.mean() > 0.9
    scores = json.loads((project / "data/08_reporting/table_drift_scores.json").read_text())
    assert {"colour=another", "colour=blue"} >= set(scores["alarms"]) >= {"colour=blue"}  # the unknown colour
    assert "drift alarm (colour=" in result.stderr


def test_the_service_of_a_drafted_domain_takes_its_rows_as_json(flowers):
    project, _ = flowers
    row = {"petal length (cm)": 3, "weight": None, "soil type": 2, "colour": "green", "wild": "no", "sprayed": True}
    row["picked"] = "01.03.2024"

    with running(project) as service, service.client() as client:
        said = client.post("/v1/predictions", json={"rows": [row, row | {"picked": "2024-03-01", "soil type": "2"}]})
        wrong = {
            "picked must be dates like %d.%m.%Y": {"picked": "3/1/2024 noon"},
            "rows.0: range: weight is 5000": {"weight": 5000},
            "rows.0: gap: wild is missing": {"wild": None},
            "weight must be finite numbers, found 'x'": {"weight": "x"},
        }
        refused = {
            told: client.post("/v1/predictions", json={"rows": [row | change]}) for told, change in wrong.items()
        }
    watched = run_kedro("run", "--pipelines=monitoring_service", cwd=project)

    first, second = said.json()["predictions"]
    assert first["prediction"] == "iris"
    assert first["probabilities"] == second["probabilities"]  # dates and codes may be written in two ways
    for told, response in refused.items():
        assert response.status_code == 422
        assert told in response.json()["detail"]
    assert watched.returncode == 0, watched.stderr


def test_a_draft_writes_over_nothing_that_somebody_edited(flowers):
    project, _ = flowers
    gate, columns = project / "conf/base/parameters_promotion.yml", project / "src/leaf_finder/domain/columns.py"
    before = columns.read_text("utf-8")
    again = ("draft", f"data/01_raw/{FLOWERS}", "--label=species", "--id=flower no")
    edited = gate.read_text("utf-8").replace("  recall:", "  recall: 0.77 # ours\n  #")
    gate.write_text(edited, "utf-8")

    absent = run_kedro("draft", "data/01_raw/none.csv", "--label=species", cwd=project)
    refused = run_kedro(*again, cwd=project)

    assert "there is no file data/01_raw/none.csv; put the table into data/01_raw" in absent.stderr
    assert absent.returncode == refused.returncode == 1
    assert "edited since the last draft: conf/base/parameters_promotion.yml;" in refused.stderr
    assert len(refused.stderr.splitlines()) <= 3
    assert (gate.read_text("utf-8"), columns.read_text("utf-8")) == (edited, before)
    assert run_kedro(*again, "--force", cwd=project).returncode == 0
    assert "0.77" not in gate.read_text("utf-8")
    assert "{'species': 'label', 'flower no': 'leaf_id'}" in columns.read_text("utf-8")
    assert run_kedro(*again[:3], cwd=project).returncode == 0  # nobody edited what the last draft wrote
    assert columns.read_text("utf-8") == before


def test_the_tests_of_the_draft_pass_in_a_project_for_a_table(leaves):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    call = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "tests/test_drafting.py"]

    run = subprocess.run(call, cwd=leaves, env=environment, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout
    assert "15 passed" in run.stdout


def _installed(folder, origin):
    """Write what pip records of a package: its name, its entry points, and where it was installed from."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["kedro.starters"]
    record = folder / "penstroke-0.1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: penstroke\nVersion: 0.1.0\n")
    lines = [f"{name} = {place}\n" for name, place in declared.items()]
    (record / "entry_points.txt").write_text("[kedro.starters]\n" + "".join(lines))
    (record / "direct_url.json").write_text(json.dumps(origin))
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "src")])}


def test_the_alias_leads_to_the_clone_that_the_package_was_installed_from(tmp_path):
    installed = _installed(tmp_path, {"url": ROOT.as_uri(), "dir_info": {"editable": True}})
    (tmp_path / "answers.yml").write_text(yaml.safe_dump(LEAVES))

    made = run_kedro(
        *("new", "--starter=penstroke", "--config=answers.yml"), cwd=tmp_path, DO_NOT_TRACK="1", **AUTHOR, **installed
    )

    assert made.returncode == 0, made.stderr
    assert (tmp_path / "leaf-finder/README.md").read_text("utf-8").startswith("# Leaf Finder\n")
    settings = (tmp_path / "leaf-finder/pyproject.toml").read_text("utf-8")
    assert "kedro.starters" not in settings  # it is no starter itself
    assert "[dependency-groups]" in settings
    assert not (tmp_path / "leaf-finder/src/leaf_finder/starter.py").exists()


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ({"url": "https://example.org/p.git", "vcs_info": {"vcs": "git"}}, "git+https://example.org/p.git"),
        ({"url": "file:///tmp/penstroke.whl", "archive_info": {}}, None),
        ({"url": "file:///moved/away", "dir_info": {}}, None),
    ],
    ids=["repository", "wheel", "a folder that is gone"],
)
def test_an_alias_is_known_only_where_there_is_a_clone(tmp_path, origin, told):
    listed = run_kedro("starter", "list", cwd=tmp_path, DO_NOT_TRACK="1", **_installed(tmp_path, origin))

    assert listed.returncode == 0, listed.stderr
    starters = yaml.safe_load(listed.stdout.rpartition("Starters from penstroke")[2]) if told else None
    assert starters == (told and {"penstroke": {"template_path": told, "directory": "starter"}})
    assert ("Starters from penstroke" in listed.stdout) == bool(told)
