"""Tables of a PostgreSQL database keep rows, order and types, and a save that fails leaves the former rows."""

import pickle
import signal
import socket
import sys
import threading
import time
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from kedro_guards.datasets.postgres import PostgresTableDataset
from kedro_guards.errors import in_short

from ..database import PASSWORD, postgres

ROWS = pd.DataFrame(
    {
        "label": np.array([3, 1, 2], np.int8),
        "pixel": np.array([0, 255, 7], np.uint8),
        "share": np.array([0.1, np.nan, -np.inf], np.float32),
        "exact": [0.1 + 0.2, 5e-324, np.nan],
        "many": [2**62, -1, 0],
        "sure": [True, False, True],
        "word": ['a "quoted", text', "", "line\n\\.\nline"],
    },
    index=pd.Index(["B", "a", "ä"], name="row_id"),
)


@pytest.fixture(scope="module")
def server():
    with postgres() as database:
        yield database


@pytest.fixture
def database(server):
    """The server with the table ``rows`` that holds ROWS, and nothing else."""
    server.ask("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION owner")
    PostgresTableDataset(table="rows", key="row_id", credentials=server.credentials).save(ROWS)
    return server


@pytest.fixture
def rows(database):
    return _dataset(database)


def _dataset(database, table="rows", key="row_id", chunk_rows=None, settings=None, **credentials):
    return PostgresTableDataset(
        table=table,
        key=key,
        chunk_rows=chunk_rows,
        settings=settings,
        credentials=database.credentials | credentials,
    )


def _many(count, value=0):
    names = pd.Index([f"row{place:05d}" for place in range(count)], name="row_id")
    return pd.DataFrame({"value": np.full(count, value)}, names)


def test_a_table_comes_back_with_its_types_in_the_order_of_its_key(rows):
    pd.testing.assert_frame_equal(rows.load(), ROWS)

    rows.save(ROWS[::-1])

    pd.testing.assert_frame_equal(rows.load(), ROWS)


def test_a_missing_text_comes_back_as_missing_and_an_empty_one_as_empty(rows):
    rows.save(pd.DataFrame({"word": ["", None]}, pd.Index(["a", "b"], name="row_id")))

    word = rows.load()["word"]
    assert word.iloc[0] == ""
    assert word.isna().tolist() == [False, True]


def test_chunks_together_are_the_table(database):
    dataset = _dataset(database, "many", chunk_rows=400)
    dataset.save(_many(300, value) if not value else _many(1000)[300:] for value in (0, 1))

    chunks = list(dataset.load())

    assert [len(chunk) for chunk in chunks] == [400, 400, 200]
    pd.testing.assert_frame_equal(pd.concat(chunks), _many(1000))


@pytest.mark.parametrize("chunk_rows", [None, 2])
def test_a_table_without_rows_keeps_its_columns(database, chunk_rows):
    dataset = _dataset(database, chunk_rows=chunk_rows)
    dataset.save(ROWS[:0])

    found = dataset.load()

    pd.testing.assert_frame_equal(found if chunk_rows is None else pd.concat(found), ROWS[:0])


def test_a_table_of_somebody_else_is_read_by_its_own_types(database):
    database.ask('CREATE SCHEMA "Store"; GRANT USAGE ON SCHEMA "Store" TO owner')
    database.ask(
        'CREATE TABLE "Store"."Orders" '
        '(row_id integer, "a price" numeric(8, 2), small smallint, day date, code varchar(3))'
    )
    database.ask("INSERT INTO \"Store\".\"Orders\" VALUES (10, 1.5, 3, '2026-11-26', 'abc'), (9, 2, 4, NULL, 'd')")
    database.ask('GRANT SELECT ON "Store"."Orders" TO owner')

    found = _dataset(database, "Store.Orders").load()

    assert {name: str(kind) for name, kind in found.dtypes.items()} == {
        "a price": "float64", "small": "int16", "day": "str", "code": "str",
    }  # fmt: skip
    assert found.index.tolist() == [9, 10]
    assert found.loc[10].tolist() == [1.5, 3, "2026-11-26", "abc"]


def test_other_columns_or_types_replace_the_table_that_the_dataset_made(rows):
    for changed in (ROWS.drop(columns="many"), ROWS.astype({"label": "int16"}), _many(3)):
        rows.save(changed)
        pd.testing.assert_frame_equal(rows.load(), changed)


def test_a_table_of_somebody_else_keeps_its_rights_types_and_columns(database):
    database.ask("CREATE TABLE given (value smallint CHECK (value < 9), row_id text PRIMARY KEY)")
    database.ask("INSERT INTO given VALUES (7, 'kept'); CREATE VIEW seen AS SELECT * FROM given")
    database.ask("GRANT SELECT, INSERT, DELETE ON given TO owner")
    dataset = _dataset(database, "given")

    with pytest.raises(
        DatasetError, match="table given: it has the columns value, row_id, but the rows to save have row_id,"
    ):
        dataset.save(ROWS)
    assert dataset.load().index.tolist() == ["kept"]
    dataset.save(_many(2, 8))

    assert database.ask("SELECT * FROM seen ORDER BY row_id") == [(8, "row00000"), (8, "row00001")]
    assert dataset.load()["value"].dtype == "int16"


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ("INSERT INTO rows SELECT 9, 9, 0, 0, 0, true, 'new', 'new'", True),
        ("UPDATE rows SET word = 'other' WHERE row_id = 'a'", True),
        ("DELETE FROM rows WHERE row_id = 'a'", True),
        ("UPDATE rows SET share = NULL WHERE row_id = 'B'", True),
        ("ALTER TABLE rows RENAME COLUMN word TO term", True),
        ("UPDATE rows SET word = word", False),
        ("VACUUM FULL rows", False),
        ("ALTER ROLE owner SET TimeZone = 'Asia/Tokyo'", False),
    ],
)
def test_the_content_hash_changes_with_the_content_and_only_then(database, rows, change, counts):
    before = rows.content_hash()
    if change.startswith("INSERT"):
        change = change.replace("INTO rows", "INTO rows (label, pixel, share, exact, many, sure, word, row_id)")

    database.ask(change)

    assert (rows.content_hash() != before) is counts


def test_the_server_sums_up_the_rows_and_sends_none(database, rows):
    before = len(database.log)
    rows.content_hash()

    asked = database.log[before:]
    assert "hashtextextended" in asked
    assert "CURSOR" not in asked
    assert "COPY" not in asked


def test_a_table_that_is_not_there_has_no_content(database):
    dataset = _dataset(database, "none")

    assert dataset.content_hash() is None
    assert not dataset.exists()
    assert _dataset(database).exists()


def test_others_read_the_former_rows_until_a_save_is_complete(database, rows):
    def chunks():
        yield ROWS[:1]
        pd.testing.assert_frame_equal(rows.load(), ROWS)
        yield ROWS[1:2]

    rows.save(chunks())

    pd.testing.assert_frame_equal(rows.load(), ROWS[:2])


def test_saves_of_a_table_take_turns(database):
    dataset, begun, seen = _dataset(database, "many"), threading.Event(), []

    def slow():
        yield _many(500, 1)
        begun.set()
        time.sleep(0.5)
        seen.extend(database.ask("SELECT to_regclass('many')"))
        yield _many(1000, 1)[500:]

    first = threading.Thread(target=dataset.save, args=[slow()])
    first.start()
    begun.wait(10)
    _dataset(database, "many").save(_many(10, 2))
    first.join(10)

    assert seen == [(None,)]
    pd.testing.assert_frame_equal(dataset.load(), _many(10, 2))


def _told(use):
    """What a user reads of a fault: a line."""
    with pytest.raises(DatasetError) as refused:
        use()
    told = in_short(refused.value)
    assert len(told.splitlines()) == 1
    assert PASSWORD not in f"{told}{refused.value!r}"
    return told


def _uses(dataset):
    return {"load": dataset.load, "save": lambda: dataset.save(ROWS), "content_hash": dataset.content_hash}


@pytest.mark.parametrize("use", ["load", "save", "content_hash"])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"password": "canarypasswordtoo"}, 'password authentication failed for user "owner"'),
        ({"user": "nobody"}, 'password authentication failed for user "nobody"'),
        ({"dbname": "shelf"}, 'database "shelf" does not exist'),
        ({"port": "9"}, "Connection refused"),
        ({"host": "nowhere.invalid"}, "nowhere.invalid"),
        ({"port": "north"}, "north"),
        ({"username": "me"}, "username"),
    ],
)
def test_a_server_that_cannot_be_reached_or_refuses_is_told(database, wrong, words, use):
    told = _told(_uses(_dataset(database, **wrong))[use])

    assert told.startswith("table rows: ")
    assert words in told
    assert told.endswith("check the server, the network and the credentials of its catalog entry, and run again")


def test_a_server_that_accepts_and_never_answers_is_given_up(database):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()

        assert "timeout" in _told(_dataset(database, port=str(silent.getsockname()[1]), connect_timeout=2).load)
        assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("arguments", "words", "remedy"),
    [
        ({"table": "row"}, 'relation "row" does not exist', "correct `table` in its catalog entry"),
        ({"table": "shelf.rows"}, 'relation "shelf.rows" does not exist', "correct `table`"),
        ({"key": "id"}, 'column "id" does not exist', "correct `key` in its catalog entry"),
        ({"settings": {"lock_timeouts": "1s"}}, "lock_timeouts", "run again"),
    ],
)
@pytest.mark.parametrize("chunk_rows", [None, 2])
def test_a_missing_table_or_key_is_told(database, arguments, words, remedy, chunk_rows):
    dataset = _dataset(database, chunk_rows=chunk_rows, **arguments)

    told = _told(dataset.load if chunk_rows is None else lambda: list(dataset.load()))

    assert words in told
    assert remedy in told


def test_a_value_that_does_not_fit_the_type_that_was_saved_is_told(database, rows):
    database.ask("UPDATE rows SET pixel = 256")

    assert "256" in _told(rows.load)


def test_a_type_that_cannot_be_stored_is_told(rows):
    day = pd.DataFrame({"day": [pd.Timestamp("2026-11-26")]}, pd.Index(["a"], name="row_id"))

    assert "day is timestamp" in _told(lambda: rows.save(day))


def _kill(database):
    database.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'owner'")


def _lose_power(database):
    database.stop(signal.SIGQUIT)
    database.start()


def _nothing(database):
    return None


FULL = """
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.row_id > 'row00600' THEN {} END IF; RETURN NEW; END $$;
CREATE TRIGGER fill BEFORE INSERT ON many FOR EACH ROW EXECUTE FUNCTION fill()
"""
DISK = "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';"
SLOW = "PERFORM pg_sleep(9);"


@pytest.mark.parametrize(
    ("before", "within", "after", "words"),
    [
        ("", _kill, "", "terminating connection due to administrator command"),
        ("", _lose_power, "", "check the server, the network and the credentials"),
        (FULL.format(DISK), _nothing, "DROP FUNCTION fill CASCADE", "No space left on device; make room there"),
        (FULL.format(SLOW), _nothing, "DROP FUNCTION fill CASCADE", "statement timeout; see what slows the server"),
        ("ALTER TABLE many OWNER TO postgres; GRANT SELECT ON many TO owner", _nothing,
         "ALTER TABLE many OWNER TO owner", "permission denied for table many; ask its owner for the right"),
        ("ALTER ROLE owner CONNECTION LIMIT 0", _nothing,
         "ALTER ROLE owner CONNECTION LIMIT -1", "too many connections"),
        ("ALTER TABLE many ADD CHECK (value < 1)", _nothing,
         "ALTER TABLE many DROP CONSTRAINT many_value_check", "violates check constraint"),
    ],
)  # fmt: skip
def test_a_save_that_fails_leaves_the_former_rows_and_the_next_one_completes(database, before, within, after, words):
    dataset = _dataset(database, "many", settings={"statement_timeout": "500ms"})
    dataset.save(_many(1000))
    if before:
        database.ask(before)

    def chunks():
        yield _many(500, 1)
        within(database)
        yield _many(1000, 1)[500:]

    told = _told(lambda: dataset.save(chunks()))

    assert words in told
    if after:
        database.ask(after)
    pd.testing.assert_frame_equal(dataset.load(), _many(1000))
    dataset.save(_many(1000, 0.5))
    pd.testing.assert_frame_equal(dataset.load(), _many(1000, 0.5))
    assert database.ask("SELECT count(*) FROM pg_class WHERE relname ~ 'many' AND relkind = 'r'") == [(1,)]


def test_a_table_that_somebody_else_locks_is_told_and_saved_afterwards(database):
    dataset = _dataset(database, settings={"lock_timeout": "200ms"})
    with database.connect() as other, other.transaction():
        other.execute("LOCK TABLE rows")
        for use in _uses(dataset).values():
            assert "lock timeout; run again when the other session ends" in _told(use)

    dataset.save(ROWS)


def test_rows_of_the_same_key_are_told_and_the_former_ones_stay(rows):
    twice = pd.concat([ROWS, ROWS[:1]])

    assert "Key (row_id)=(B) already exists." in _told(lambda: rows.save(twice))
    pd.testing.assert_frame_equal(rows.load(), ROWS)


@pytest.mark.parametrize("whole", [0, 1])
def test_an_error_of_a_chunk_leaves_the_former_rows(database, rows, whole):
    def others():
        yield from [ROWS[:1]] * whole
        yield ROWS[1:].drop(columns="word").assign(more=[1, "two"])

    def refused():
        yield from [ROWS[:1]] * whole
        raise ValueError("rows of another form")

    assert _told(lambda: rows.save(others())).startswith("table rows: ")
    assert _told(lambda: rows.save(refused())) == "table rows: rows of another form"
    pd.testing.assert_frame_equal(rows.load(), ROWS)


def test_a_connection_that_is_lost_between_two_chunks_is_told(database):
    dataset = _dataset(database, "many", chunk_rows=300)
    dataset.save(_many(1000))
    chunks = dataset.load()
    next(chunks)
    _kill(database)

    assert "terminating connection" in _told(lambda: list(chunks))


def test_no_description_tells_the_password_and_a_worker_process_gets_the_dataset(rows):
    for shown in (repr(rows), str(rows), str(rows._describe())):
        assert PASSWORD not in shown
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(rows)).load(), ROWS)


def test_psycopg_is_imported_when_a_table_is_used_and_its_lack_is_told(monkeypatch):
    name = PostgresTableDataset.__module__
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, name)
    dataset = import_module(name).PostgresTableDataset(table="rows", key="row_id")

    assert "a PostgreSQL table needs psycopg: `pip install -r requirements-postgres.txt`" in _told(dataset.load)
