"""Every module behind the commands can be the first that is imported: they import late, each in an order of its own."""

import subprocess
import sys

SCRIPT = """
import importlib, pkgutil, sys
import spanledger_collector
root = "spanledger_collector."
names = [module.name for module in pkgutil.walk_packages(spanledger_collector.__path__, root)]
behind = [name for name in names if name.split(".")[1] in ("journal", "ledger", "settle")]
assert len(behind) > 40, names
for name in behind:
    for loaded in [one for one in sys.modules if one.startswith("spanledger_collector")]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(f"{name}: {error}")
"""


def test_every_module_can_be_imported_first() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
