import click
import pytest

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
        ("search.models=[a,b],split.seed=3", {"search": {"models": ["a", "b"]}, "split": {"seed": 3}}),
        ("split.seed=3,search.models=[a, b]", {"search": {"models": ["a", "b"]}, "split": {"seed": 3}}),
        ("split={seed: 3, test_fraction: 0.2}", {"split": {"seed": 3, "test_fraction": 0.2}}),
        ("a.b=1,a.c=2", {"a": {"b": 1, "c": 2}}),
        ("title='one, two'", {"title": "one, two"}),
        ("title='x,y=3'", {"title": "x,y=3"}),
        ('title="x, y=3",seed=4', {"title": "x, y=3", "seed": 4}),
        ("titles=['x,y=3', z],seed=4", {"titles": ["x,y=3", "z"], "seed": 4}),
        ("title=it's,other='x,y=3'", {"title": "it's", "other": "x,y=3"}),
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
        ("search.models=a,secret", "what follows a comma after search.models= has no name; .* a list as NAME="),
        ("search.models=[a,secret", "the value of search.models is not YAML; .* a list as NAME="),
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


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"pipelines": ["summs"]}, "--pipelines: there is no summs; did you mean sums?"),
        ({"pipeline": "summs"}, "--pipelines: there is no summs"),
        (
            {"node_names": ["nope"], "pipelines": ["sums"]},
            "--nodes: there is no nope; there are .*negate, scale, spell",
        ),
        ({"from_nodes": ["divid"]}, "--from-nodes: there is no divid; did you mean divide?"),
        ({"to_nodes": ["divid"]}, "--to-nodes: .* did you mean divide?"),
        ({"to_outputs": ["repot"]}, "--to-outputs: there is no repot; did you mean report?"),
        ({"from_inputs": ["repot"]}, "--from-inputs: .* did you mean report?"),
        ({"load_versions": {"repot": "x"}}, "--load-versions: .* did you mean report?"),
        ({"tags": ["slw"]}, "--tags: there is no slw; did you mean slow?"),
        ({"tags": ["slow"], "pipelines": ["words"]}, "--tags: there is no slow; there are none"),
        ({"namespaces": ["nope"]}, "--namespaces: there is no nope; there are none"),
        ({"runner_params": {"x": 1}}, "--runner-params does not suit SequentialRunner: .* 'x'"),
        (
            {"runner": "ThreadRunner", "runner_params": {"max_workers": 0}},
            "does not suit ThreadRunner: max_workers should be positive",
        ),
    ],
)
def test_a_name_that_is_nowhere_is_refused_with_what_there_is(known_tiny, options, told):
    with pytest.raises(click.ClickException, match=told):
        refuse_unknown_names(NOTHING | options)


def test_names_that_are_there_pass(known_tiny):
    refuse_unknown_names(
        NOTHING
        | {"pipelines": ["sums", "words"], "from_nodes": ["divide"], "to_outputs": ["sums"], "tags": ["slow"]}
        | {"from_inputs": ["numbers", "params:limit"], "runner": "ThreadRunner", "runner_params": {"max_workers": 2}}
    )
