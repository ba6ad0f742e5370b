import click
import pytest
from kedro.framework.project import pipelines

from kedro_guards.options import read_parameters, read_runner, refuse_unknown_names

FILTERS = ("node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs", "load_versions", "tags", "namespaces")
NOTHING = dict.fromkeys(("pipelines", "pipeline", "runner", *FILTERS)) | {"runner_params": {}}


def _read(text):
    return read_parameters(click.Context(click.Command("run")), click.Option(["--params"]), text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", {}),
        ("split.seed=3", {"split": {"seed": 3}}),
        ("split.seed=3, source = data/x ,", {"split": {"seed": 3}, "source": "data/x"}),
        ("search.contenders=[a,b],split.seed=3", {"search": {"contenders": ["a", "b"]}, "split": {"seed": 3}}),
        ("split.seed=3,search.contenders=[a, b]", {"search": {"contenders": ["a", "b"]}, "split": {"seed": 3}}),
        ("split={seed: 3, test_fraction: 0.2}", {"split": {"seed": 3, "test_fraction": 0.2}}),
        ("a.b=1,a.c=2", {"a": {"b": 1, "c": 2}}),
        ("title='one, two'", {"title": "one, two"}),
        ("source=https://host/x?a=1", {"source": "https://host/x?a=1"}),
        ("x=null", {"x": None}),
    ],
)
def test_parameters_are_read_as_kedro_reads_them_and_lists_too(text, read):
    assert _read(text) == read


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("source=", "source has no value; write source=VALUE, or source=null for none"),
        ("split.seed=3,source=", "source has no value"),
        ("split.seed", "a part has no value; write NAME=VALUE"),
        ("=secret", "a part has no name; write NAME=VALUE"),
        ("search.contenders=a,secret", "what follows a comma after search.contenders= has no name; .* a list as NAME="),
        ("search.contenders=[a,secret", "the value of search.contenders is not YAML; .* a list as NAME="),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused_with_the_right_form_and_no_value(text, told):
    with pytest.raises(click.BadParameter, match=told) as caught:
        _read(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", [None, "ThreadRunner", "kedro.runner.ParallelRunner"])
def test_a_runner_is_taken_by_its_name(name):
    assert read_runner(click.Context(click.Command("run")), click.Option(["--runner"]), name) == name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Foo", "Foo is not a runner; there are ParallelRunner, SequentialRunner, ThreadRunner"),
        ("SequentialRunnr", "did you mean SequentialRunner?"),
        ("AbstractRunner", "is not a runner"),
        ("kedro.io.MemoryDataset", "is not a runner"),
        ("os.getcwd", "is not a runner"),
        ("nowhere.Runner", "is not a runner"),
        ("..", "is not a runner"),
    ],
)
def test_what_is_no_runner_is_refused_with_those_that_there_are(name, told):
    with pytest.raises(click.BadParameter, match=told):
        read_runner(click.Context(click.Command("run")), click.Option(["--runner"]), name)


@pytest.fixture
def project_pipelines(bootstrapped):
    yield
    pipelines.set_requested(None)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"pipelines": ["data_sciense"]}, "--pipelines: there is no data_sciense; did you mean data_science?"),
        ({"pipeline": "data_sciense"}, "--pipelines: there is no data_sciense"),
        (
            {"node_names": ["nope"], "pipelines": ["data_processing"]},
            "--nodes: there is no nope; there are .*screen_digits, split_digits",
        ),
        ({"from_nodes": ["split_digit"]}, "--from-nodes: there is no split_digit; did you mean split_digits?"),
        ({"to_nodes": ["split_digit"]}, "--to-nodes: .* did you mean split_digits?"),
        ({"to_outputs": ["label"]}, "--to-outputs: there is no label; did you mean labels?"),
        ({"from_inputs": ["label"]}, "--from-inputs: .* did you mean labels?"),
        ({"load_versions": {"label": "x"}}, "--load-versions: .* did you mean labels?"),
        ({"tags": ["nope"]}, "--tags: there is no nope; there are"),
        ({"namespaces": ["nope"], "pipelines": ["data_processing"]}, "--namespaces: there is no nope; there are none"),
        ({"runner_params": {"x": 1}}, "--runner-params does not suit SequentialRunner: .* 'x'"),
        (
            {"runner": "ThreadRunner", "runner_params": {"max_workers": 0}},
            "does not suit ThreadRunner: max_workers should be positive",
        ),
    ],
)
def test_a_name_that_is_nowhere_is_refused_with_what_there_is(project_pipelines, options, told):
    with pytest.raises(click.ClickException, match=told):
        refuse_unknown_names(NOTHING | options)


def test_names_that_are_there_pass(project_pipelines):
    refuse_unknown_names(
        NOTHING
        | {"pipelines": ["data_processing", "data_science"], "from_nodes": ["split_digits"], "to_outputs": ["labels"]}
        | {"from_inputs": ["raw_digits", "params:split"], "runner": "ThreadRunner", "runner_params": {"max_workers": 2}}
    )
