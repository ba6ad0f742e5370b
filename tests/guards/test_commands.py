import re

from kedro_guards import commands
from kedro_guards.commands import ancestry, having_receipts, newest
from kedro_guards.ledger import ALLOW_STALE
from kedro_guards.receipts import write_receipt

from .test_options import NOTHING
from .test_receipts import RECEIPT


def test_receipts_can_lie_anywhere_that_fsspec_knows():
    write_receipt(RECEIPT, "memory://elsewhere/rows.json")

    assert newest("rows", "memory://elsewhere") == RECEIPT
    assert having_receipts("memory://elsewhere") == ["rows"]


def test_the_ancestry_tells_of_each_dataset_once_and_of_what_has_changed_since(tmp_path):
    folder = str(tmp_path / "receipts")
    write_receipt(RECEIPT, f"{folder}/rows.json")
    made_of = {"left": {"rows": RECEIPT.sha256}, "right": {"rows": "0ld"}, "both": {"left": "", "right": ""}}
    for name, inputs in made_of.items():
        write_receipt(RECEIPT.model_copy(update={"dataset": name, "inputs": inputs}), f"{folder}/{name}.json")

    tree = ancestry("both", folder)

    left, right = (branch.label for branch in tree.children[-2:])
    first, second = left.children[-1].label, right.children[-1].label
    assert re.search("raw.* 0123 .*made by no node", str(first.children[-1].label.label))
    assert "was 0ld" in str(second.label)
    assert second.children == []


def test_a_run_leaves_nothing_of_its_options_to_the_next_one_in_the_same_process(known_tiny):
    run = commands._with_guards(lambda **_: ALLOW_STALE.get())
    options = NOTHING | {"env": None, "conf_source": None, "params": {}, "verbose": False, "changed": False}

    assert run(allow_stale=True, **options)
    assert not ALLOW_STALE.get()
