"""Whatever fails ends in at most three lines and says how to go on."""

import errno
import os
import signal
import time

import pytest

SLOW = "def write(sums, title):\n    import time\n\n    time.sleep(60)\n"
KILLED = "import os\n\n\ndef write(sums, title):\n    os.kill(os.getpid(), 9)\n"


def _lines(result):
    lines = result.stderr.strip().splitlines()
    assert result.returncode == 1, result.stdout
    assert 1 <= len(lines) <= 3, result.stderr
    return lines


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("conf/base/catalog.yml", "numbers: {type: json.JSONDataset", "catalog.yml"),
        ("conf/base/catalog.yml", "numbers: {type: json.Nothing, filepath: x}", "Nothing"),
        ("conf/base/catalog.yml", "numbers: 3", "numbers"),
        ("conf/base/parameters.yml", "a: [", "parameters.yml"),
        ("conf/base/parameters.yml", "limit: 10", "scaling"),
        ("conf/base/globals.yml", "raw: data/raw", "data"),
        ("data/raw/numbers.json", "{", "numbers"),
        ("data/raw/numbers.json", '["a", 1]', "in the node scale"),
        ("src/tiny/numbers.py", "def scale(:", "invalid syntax"),
        ("src/tiny/numbers.py", "import nothing_of_that_name", "nothing_of_that_name"),
        ("src/tiny/report.py", "def write(sums, title):\n    raise ValueError('a\\n' * 99)\n", "a"),
        (
            "src/tiny/pipeline_registry.py",
            "def register_pipelines():\n    return 3\n",
            "TypeError: 'int' object is not",
        ),
    ],
)
def test_what_is_wrong_is_said_in_three_lines(tiny, file, text, found):
    tiny.write(file, text)

    assert found in "\n".join(_lines(tiny.kedro("run")))


@pytest.mark.parametrize(
    "arguments", [["registry", "list"], ["catalog", "describe-datasets"], ["run", "--changed"], ["receipt", "sums"]]
)
def test_other_commands_say_it_as_shortly(tiny, arguments):
    tiny.write("conf/base/globals.yml", "raw: [")
    tiny.write("src/tiny/numbers.py", "def scale(:")

    _lines(tiny.kedro(*arguments))


def test_all_of_an_error_is_there_for_who_asks_for_it(tiny):
    tiny.write("data/raw/numbers.json", '["a", 1]')

    assert "Traceback" in tiny.kedro("run", "--verbose").stderr


def test_a_run_that_failed_says_how_to_go_on_and_that_goes_on(tiny):
    good = (tiny / "src/tiny/report.py").read_text()
    tiny.write("src/tiny/report.py", "def write(sums, title):\n    raise ValueError('no ink')\n")

    what, where, how = _lines(tiny.kedro("run", "--pipelines=sums,words"))

    assert what == "Error: no ink"
    assert where == "This happened in the node write."
    assert how.startswith(
        "What was stored is whole. Once the fault is mended, go on by `kedro run --changed --pipelines="
    )
    tiny.write("src/tiny/report.py", good)
    assert tiny.ran("--pipelines=sums,words") == {"write"}


@pytest.mark.parametrize(
    ("runner", "workers"),
    [
        ("SequentialRunner", ""),
        pytest.param("ParallelRunner", "fork", marks=pytest.mark.slow),
        pytest.param("ParallelRunner", "spawn", marks=pytest.mark.slow),
    ],
)
def test_who_interrupts_a_run_is_told_how_to_go_on(tiny, runner, workers):
    good = (tiny / "src/tiny/report.py").read_text()
    tiny.write("src/tiny/report.py", SLOW)
    if runner == "ParallelRunner":
        tiny.write(
            "conf/base/catalog_more.yml",
            'negated: {type: json.JSONDataset, filepath: "${globals:data}/negated.json"}\n',
        )
    process = tiny.start("run", f"--runner={runner}", KEDRO_MP_CONTEXT=workers)
    while not (tiny / "data/sums.json").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    time.sleep(1)

    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    said = errors.strip().splitlines()
    assert "Interrupted. What was stored is whole; go on by `kedro run --changed`" in said
    assert len(said) == 1 or workers == "spawn"  # of which one that still waits for work may say a word, too
    tiny.write("src/tiny/report.py", good)
    assert tiny.ran() == {"write"}


@pytest.mark.slow
def test_a_killed_worker_is_named_with_the_way_on(tiny):
    tiny.write("conf/base/catalog_more.yml", 'negated: {type: json.JSONDataset, filepath: "${globals:data}/n.json"}\n')
    tiny.write("src/tiny/report.py", KILLED)

    process = tiny.start("run", "--runner=ParallelRunner")
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    what, how = errors.splitlines()
    assert "a worker process was killed" in what
    assert "go on by `kedro run --changed`" in how


@pytest.mark.parametrize(
    "arguments", [["run", "--nope"], ["nope"], ["receipt"], ["run", "--params=x"], ["run", "--load-versions=x"]]
)
def test_a_command_line_that_makes_no_sense_is_told_so_as_shortly(tiny, arguments):
    assert _lines(tiny.kedro(*arguments))[0].startswith("Error: ")


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.EACCES, "Permission denied; ask its owner"), (errno.EROFS, "Read-only"), (errno.ENOSPC, "No space left")],
)
def test_what_the_disk_refuses_is_told_with_its_place_and_what_to_do(tiny, number, told):
    def refuse(_, place):
        raise OSError(number, os.strerror(number), str(place))

    def within():
        os.replace = refuse

    what, how = _lines(tiny.kedro("run", "--to-outputs=scaled", within=within))

    assert what.startswith("Error: data/")
    assert told in what
    assert "`data` in globals.yml" in what
    assert how.startswith("What was stored is whole.")
    assert [path.name for path in (tiny / "data").iterdir() if path.is_file()] == []
